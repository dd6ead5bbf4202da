package chain

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/merkle/testonly"
	"pgregory.net/rapid"

	"civicledger/ledger/suite"
)

type tileName struct {
	level int
	n     uint64
}

func leafAt(i int) Hash { return suite.Default().Leaf(fmt.Appendf(nil, "leaf %d", i)) }

// Grown by random steps, the tree equals the reference's at every size, every
// new leaf's proof is the reference's, and the tree loaded from its full tiles
// equals the grown one.
func TestTree_GrowsAsTheReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := suite.Default()
		reference := testonly.New(rfc6962.DefaultHasher)
		tree, tiles := NewTree(s), map[tileName][]Hash{}
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			n := rapid.OneOf(rapid.IntRange(0, 3), rapid.IntRange(0, 700), rapid.SampledFrom([]int{255, 256, 257})).Draw(t, "grow")
			leaves := make([]Hash, n)
			for i := range leaves {
				leaves[i] = leafAt(int(tree.Size()) + i)
				reference.Append(slices.Clone(leaves[i][:]))
			}
			g := tree.Grow(leaves)
			checkGrowth(t, g, reference, int(tree.Size()))
			for _, full := range g.Full {
				tiles[tileName{full.Level, full.N}] = full.Hashes
			}
			tree = g.Tree
			checkLoaded(t, tree, tiles)
		}
	})
}

func checkGrowth(t *rapid.T, g *Growth, reference *testonly.Tree, from int) {
	tree, s := g.Tree, suite.Default()
	if root := tree.Root(); string(root[:]) != string(reference.Hash()) || tree.Size() != reference.Size() {
		t.Fatalf("size %d: root differs from the reference's", tree.Size())
	}
	for i := from; i < int(tree.Size()); i += 1 + rapid.IntRange(0, 40).Draw(t, "skip") {
		path, err := g.Inclusion(uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		want, err := reference.InclusionProof(uint64(i), tree.Size())
		if err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(path, want, func(a Hash, b []byte) bool { return string(a[:]) == string(b) }) {
			t.Fatalf("proof of %d in %d differs from the reference's", i, tree.Size())
		}
		if err := VerifyInclusion(s, uint64(i), tree.Size(), leafAt(i), path, tree.Root()); err != nil {
			t.Fatal(err)
		}
	}
	for _, outside := range []uint64{uint64(from) - 1, tree.Size()} {
		if _, err := g.Inclusion(outside); err == nil {
			t.Fatalf("proof of %d, which did not grow", outside)
		}
	}
}

// checkLoaded loads the tree from its full tiles, grows it to the same size and
// compares everything it serves.
func checkLoaded(t *rapid.T, tree *Tree, tiles map[tileName][]Hash) {
	s, whole := suite.Default(), tree.Size()/TileWidth*TileWidth
	loaded, err := LoadTree(s, whole, func(level int, n uint64) ([]Hash, error) {
		if hashes, ok := tiles[tileName{level, n}]; ok {
			return hashes, nil
		}
		return nil, fmt.Errorf("tile %d/%d is not full", level, n)
	})
	if err != nil {
		t.Fatal(err)
	}
	loaded = loaded.Grow(tree.Partial(0)).Tree
	if loaded.Root() != tree.Root() {
		t.Fatalf("size %d: the loaded tree has another root", tree.Size())
	}
	for level := range 4 {
		if !slices.Equal(loaded.Partial(level), tree.Partial(level)) {
			t.Fatalf("size %d: partial tile of level %d differs", tree.Size(), level)
		}
	}
	node := NodeOfTiles(s, func(level int, n uint64, _ int) ([]Hash, error) {
		if n == tree.Size()>>(tileBits*level)/TileWidth {
			return tree.Partial(level), nil
		}
		return tiles[tileName{level, n}], nil
	})
	if tree.Size() == 0 {
		return
	}
	index := rapid.Uint64Range(0, tree.Size()-1).Draw(t, "index")
	path, err := InclusionPath(s, index, tree.Size(), node)
	if err != nil {
		t.Fatal(err)
	}
	if err := VerifyInclusion(s, index, tree.Size(), leafAt(int(index)), path, tree.Root()); err != nil {
		t.Fatal(err)
	}
}

// A commit that did not happen leaves nothing behind.
func TestTree_GrowTwice(t *testing.T) {
	leaves := make([]Hash, 600)
	for i := range leaves {
		leaves[i] = leafAt(i)
	}
	base := NewTree(suite.Default()).Grow(leaves[:300]).Tree
	root := base.Root()
	base.Grow([]Hash{{1}, {2}, {3}})
	again := base.Grow(leaves[300:]).Tree
	if base.Root() != root || again.Root() != NewTree(suite.Default()).Grow(leaves).Tree.Root() {
		t.Error("an abandoned growth changed the tree")
	}
}

func TestLoadTree_RefusesWrongTiles(t *testing.T) {
	s := suite.Default()
	short := func(int, uint64) ([]Hash, error) { return make([]Hash, TileWidth-1), nil }
	if _, err := LoadTree(s, 255, short); err == nil {
		t.Error("loaded 255 leaves from full tiles")
	}
	if _, err := LoadTree(s, 512, short); err == nil {
		t.Error("loaded a tile of 255 hashes")
	}
}

// A proof of one place, size or root does not prove another.
func TestVerifyInclusion_RefusesFlips(t *testing.T) {
	s := suite.Default()
	leaves := make([]Hash, 1000)
	for i := range leaves {
		leaves[i] = leafAt(i)
	}
	g := NewTree(s).Grow(leaves)
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		i := uint64(random.IntN(len(leaves)))
		path, err := g.Inclusion(i)
		if err != nil {
			t.Fatal(err)
		}
		bit := random.IntN(256)
		bad := slices.Clone(path)
		bad[random.IntN(len(bad))][bit/8] ^= 1 << (bit % 8)
		for name, err := range map[string]error{
			"flipped bit":   VerifyInclusion(s, i, 1000, leaves[i], bad, g.Tree.Root()),
			"other index":   VerifyInclusion(s, (i+1)%1000, 1000, leaves[i], path, g.Tree.Root()),
			"shorter proof": VerifyInclusion(s, i, 1000, leaves[i], path[1:], g.Tree.Root()),
			"other leaf":    VerifyInclusion(s, i, 1000, leaves[(i+1)%1000], path, g.Tree.Root()),
		} {
			if err == nil {
				t.Fatalf("%s: proof of %d holds", name, i)
			}
		}
	}
}

type proofVector struct {
	LeafIdx, TreeSize, Size1, Size2 uint64
	Root, LeafHash, Root1, Root2    []byte
	Proof                           [][]byte
	Desc                            string
	WantErr                         bool
}

// hashesOf returns false where a hash has not 32 bytes: such a proof cannot
// even be put to us.
func hashesOf(values ...[]byte) ([]Hash, bool) {
	var out []Hash
	for _, v := range values {
		if len(v) != suite.HashSize {
			return nil, false
		}
		out = append(out, Hash(v))
	}
	return out, true
}

// Every vector for the two kinds of proof that a log has. The set also holds
// subtree proofs (of Merkle tree certificates), which no format of ours uses.
func TestProofs_RFC6962Vectors(t *testing.T) {
	for kind, want := range map[string]struct{ good, bad int }{"inclusion": {6, 92}, "consistency": {6, 92}} {
		t.Run(kind, func(t *testing.T) {
			var good, bad int
			dir := filepath.Dir(vectorFiles(t, "merkle_rfc6962/testdata/"+kind)[0])
			err := filepath.WalkDir(filepath.Join(dir, kind), func(file string, d fs.DirEntry, err error) error {
				switch {
				case err != nil || d.IsDir() || filepath.Ext(file) != ".json":
				case checkProofVector(t, kind, file):
					bad++
				default:
					good++
				}
				return err
			})
			if err != nil || good < want.good || bad < want.bad {
				t.Errorf("%d good and %d bad vectors, want %+v; %v", good, bad, want, err)
			}
		})
	}
}

// checkProofVector holds us against one vector and says whether it is a bad
// one.
func checkProofVector(t *testing.T, kind, file string) (bad bool) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var v proofVector
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	ends := [][]byte{v.LeafHash, v.Root}
	if kind == "consistency" {
		ends = [][]byte{v.Root1, v.Root2}
	}
	h, ok := hashesOf(append(ends, v.Proof...)...)
	if !ok {
		// One good vector compares two equal roots that are no hashes at all.
		if !v.WantErr && !bytes.Equal(v.Root1, v.Root2) {
			t.Errorf("%s: good proof with hashes that are not 32 bytes", file)
		}
		return v.WantErr
	}
	s := suite.Default()
	if kind == "inclusion" {
		err = VerifyInclusion(s, v.LeafIdx, v.TreeSize, h[0], h[2:], h[1])
	} else {
		err = VerifyConsistency(s, v.Size1, v.Size2, h[2:], h[0], h[1])
	}
	if (err != nil) != v.WantErr {
		t.Errorf("%s (%s): error %v, want one: %t", file, v.Desc, err, v.WantErr)
	}
	return v.WantErr
}
