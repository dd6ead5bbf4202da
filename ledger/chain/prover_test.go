package chain

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/merkle/testonly"

	"civicledger/ledger/suite"
)

// grown returns a tree of that many leaves, and what reads its tiles.
func grown(size int) (*Tree, []Hash, ReadWidth) {
	leaves := make([]Hash, size)
	for i := range leaves {
		leaves[i] = leafAt(i)
	}
	g := NewTree(suite.Default()).Grow(leaves)
	full := map[tileName][]Hash{}
	for _, tile := range g.Full {
		full[tileName{tile.Level, tile.N}] = tile.Hashes
	}
	return g.Tree, leaves, func(level int, n uint64, width int) ([]Hash, error) {
		if hashes, ok := full[tileName{level, n}]; ok {
			return hashes[:width], nil
		}
		if edge := g.Tree.Partial(level); n == uint64(size)>>(tileBits*level)/TileWidth && width <= len(edge) {
			return edge[:width], nil
		}
		return nil, fmt.Errorf("the tree has no tile %d/%d of width %d", level, n, width)
	}
}

var edgeSizes = []int{1, 2, 3, 7, 8, 255, 256, 257, 511, 512, 513, 1000, 65535, 65536, 65537, 70001}

// A Prover's proofs are those that are made one by one, in any order.
func TestProver_EqualsInclusionPath(t *testing.T) {
	s := suite.Default()
	random := rand.New(rand.NewPCG(1, 2))
	for _, size := range edgeSizes {
		tree, leaves, read := grown(size)
		p := NewProver(s, uint64(size), read)
		indexes := []int{0, size - 1, size / 2, 0}
		for range 40 {
			indexes = append(indexes, random.IntN(size))
		}
		for i := range min(size, 600) {
			indexes = append(indexes, size-min(size, 600)+i)
		}
		for _, i := range indexes {
			got, err := p.Append(nil, uint64(i))
			if err != nil {
				t.Fatal(err)
			}
			want, err := InclusionPath(s, uint64(i), uint64(size), NodeOfTiles(s, read))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%d in %d: differs from InclusionPath", i, size)
			}
			if err := VerifyInclusion(s, uint64(i), uint64(size), leaves[i], got, tree.Root()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// What a Prover could not read it reads again; nothing of it is believed.
func TestProver_ReadsAgainAfterAnError(t *testing.T) {
	_, _, read := grown(70001)
	failing := true
	p := NewProver(suite.Default(), 70001, func(level int, n uint64, width int) ([]Hash, error) {
		hashes, err := read(level, n, width)
		if failing {
			return hashes[:0], err // too short
		}
		return hashes, err
	})
	for _, index := range []uint64{3, 300, 70000, 70001, 1 << 63} {
		if _, err := p.Append(nil, index); err == nil {
			t.Errorf("proved %d without tiles", index)
		}
	}
	failing = false
	if path, err := p.Append(nil, 300); err != nil || len(path) != 17 {
		t.Errorf("%d hashes, %v", len(path), err)
	}
	failing = true
	if _, err := p.Append(nil, 40000); err == nil {
		t.Error("proved 40000 without its tile")
	}
	failing = false
	got, err := p.Append(nil, 40000)
	want, _ := InclusionPath(suite.Default(), 40000, 70001, NodeOfTiles(suite.Default(), read))
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("after an error: %v", err)
	}
}

// Neighbours share what stands above them.
func TestProver_ReadsEachTileOnce(t *testing.T) {
	_, _, read := grown(70001)
	reads := map[tileName]int{}
	p := NewProver(suite.Default(), 70001, func(level int, n uint64, width int) ([]Hash, error) {
		reads[tileName{level, n}]++
		return read(level, n, width)
	})
	if _, err := p.Append(nil, 0); err != nil {
		t.Fatal(err)
	}
	clear(reads) // of the edge
	for i := range uint64(70001) {
		if _, err := p.Append(nil, i); err != nil {
			t.Fatal(err)
		}
	}
	for name, n := range reads {
		if n != 1 {
			t.Errorf("tile %v was read %d times", name, n)
		}
	}
	if len(reads) != 273+1 { // 274 leaf tiles, of which 0 is kept; two above, of which 0 is kept
		t.Errorf("%d tiles were read", len(reads))
	}
}

// Consistency proofs are the reference's, and of other trees they prove nothing.
func TestConsistencyPath_EqualsTheReference(t *testing.T) {
	s := suite.Default()
	reference := testonly.New(rfc6962.DefaultHasher)
	roots := []Hash{s.EmptyRoot()}
	for i := range 1100 {
		leaf := leafAt(i)
		reference.Append(slices.Clone(leaf[:]))
		roots = append(roots, Hash(reference.Hash()))
	}
	for _, size2 := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 31, 33, 255, 256, 257, 300, 511, 512, 513, 768, 1100} {
		_, _, read := grown(size2)
		for size1 := 0; size1 <= size2; size1 += 1 + size2/97 {
			path, err := ConsistencyPath(s, uint64(size1), uint64(size2), NodeOfTiles(s, read))
			if err != nil {
				t.Fatal(err)
			}
			if size1 > 0 {
				want, err := reference.ConsistencyProof(uint64(size1), uint64(size2))
				if err != nil {
					t.Fatal(err)
				}
				if !slices.EqualFunc(path, want, func(a Hash, b []byte) bool { return string(a[:]) == string(b) }) {
					t.Fatalf("%d with %d differs from the reference's", size1, size2)
				}
			}
			if err := VerifyConsistency(s, uint64(size1), uint64(size2), path, roots[size1], roots[size2]); err != nil {
				t.Fatal(err)
			}
			if size1 == 0 || size1 == size2 {
				continue
			}
			for name, err := range map[string]error{
				"other old root": VerifyConsistency(s, uint64(size1), uint64(size2), path, roots[size1-1], roots[size2]),
				"other new root": VerifyConsistency(s, uint64(size1), uint64(size2), path, roots[size1], roots[size2-1]),
				"cut":            VerifyConsistency(s, uint64(size1), uint64(size2), path[1:], roots[size1], roots[size2]),
			} {
				if err == nil {
					t.Errorf("%d with %d, %s: holds", size1, size2, name)
				}
			}
		}
	}
	if _, err := ConsistencyPath(s, 3, 2, nil); err == nil {
		t.Error("a log that shrank is consistent")
	}
}

// BenchmarkProofs makes the proofs of all leaves of a tree of 2^20 + 12345, on
// all processors, from tiles in memory.
func BenchmarkProofs(b *testing.B) {
	const size = 1<<20 + 12345
	_, _, read := grown(size)
	s := suite.Default()
	var next atomic.Uint64
	const part = 64 * TileWidth // of which each goroutine takes one after the other
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		p := NewProver(s, size, read)
		path := make([]Hash, 0, maxPath)
		for at, end := uint64(0), uint64(0); pb.Next(); at++ {
			if at == end {
				at = next.Add(part) % (size &^ (part - 1))
				end = at + part
			}
			var err error
			if path, err = p.Append(path[:0], at); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "proofs/s")
}
