package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/chain"
	"civicledger/ledger/suite"
	"civicledger/ledger/verify/verdict"
)

// tesseraKey verifies the checkpoints of the log that Tessera wrote.
const tesseraKey = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"

// tesseraLog is that log as files, seen at one of its checkpoints; what change
// returns is read in place of a file, if it is not nil.
func tesseraLog(t *testing.T, size int, change func(path string, data []byte) []byte) *Tiles {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "vectors", "tessera_testlog", "testdata", "log")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no ../shared/vectors/tessera_testlog beside the repository")
	}
	s := Static(dir)
	fetch := s.fetch
	s.fetch = func(ctx context.Context, path string, limit int64) ([]byte, error) {
		if path == checkpointPath {
			path += fmt.Sprintf(".%d", size)
		}
		data, err := fetch(ctx, path, limit)
		if err == nil && change != nil {
			data = change(path, data)
		}
		return data, err
	}
	return s
}

// readLeaves reads a log with our reader and returns the hashes of its entries
// and what the reader found wrong with the tiles. The entries are no events of
// ours: what the judge says of them is not asked.
func readLeaves(t *testing.T, s *Tiles, size uint64) (leaves, stated []chain.Hash, defects []verdict.Defect) {
	t.Helper()
	var found verdict.Defects
	err := NewReader(t.Context(), &found).Read(s, size, func(b *Batch) {
		for i := range b.Items {
			leaves = append(leaves, b.Items[i].Leaf)
			stated = append(stated, *b.Items[i].After)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return leaves, stated, found.Kept
}

// A log that we did not write is read at each of its checkpoints: signature,
// paths, partial tiles, bundles, root, and each tree extends the one before.
func TestTiles_TesseraLog(t *testing.T) {
	verifier, err := note.NewVerifier(tesseraKey)
	if err != nil {
		t.Fatal(err)
	}
	var roots []chain.Hash
	for size := range uint64(16) {
		s := tesseraLog(t, int(size), nil)
		cp, defects, err := s.Signed(t.Context(), verifier)
		if err != nil || len(defects) > 0 || cp.Size != size {
			t.Fatalf("checkpoint %d: %+v, %v, %v", size, cp, defects, err)
		}
		leaves, stated, defects := readLeaves(t, s, size)
		if len(defects) > 0 || uint64(len(leaves)) != size {
			t.Fatalf("size %d: %d leaves, %v", size, len(leaves), defects)
		}
		for i := range leaves {
			if leaves[i] != stated[i] {
				t.Errorf("size %d: entry %d does not hash to what its tile states", size, i)
			}
		}
		for name, hashes := range map[string][]chain.Hash{"bundles": leaves, "tiles": stated} {
			if root := chain.NewTree(suite.Default()).Grow(hashes).Tree.Root(); root != cp.Root {
				t.Errorf("size %d: the %s make the root %x, signed is %x", size, name, root, cp.Root)
			}
		}
		roots = append(roots, cp.Root)
		for before := uint64(1); before < size; before++ {
			path := consistencyPath(t, s, before, size)
			if err := chain.VerifyConsistency(suite.Default(), before, size, path, roots[before], cp.Root); err != nil {
				t.Errorf("%d to %d: %v", before, size, err)
			}
			if chain.VerifyConsistency(suite.Default(), before, size, path, roots[before-1], cp.Root) == nil {
				t.Errorf("%d to %d: another root is accepted", before, size)
			}
		}
	}
}

// consistencyPath makes a proof from the tiles as our reader reads them, by the
// node numbers of a library that is not ours.
func consistencyPath(t *testing.T, s *Tiles, before, size uint64) []chain.Hash {
	t.Helper()
	nodes, err := proof.Consistency(before, size)
	if err != nil {
		t.Fatal(err)
	}
	node := chain.NodeOfTiles(suite.Default(), func(level int, n uint64, _ int) ([]chain.Hash, error) {
		return s.Hashes(t.Context(), level, n, int(min(chain.TileWidth, size>>(8*level)-n*chain.TileWidth)))
	})
	var hashes [][]byte
	for _, id := range nodes.IDs {
		h, err := node(int(id.Level), id.Index)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, h[:])
	}
	joined, err := nodes.Rehash(hashes, func(left, right []byte) []byte {
		h := suite.Default().Node(chain.Hash(left), chain.Hash(right))
		return h[:]
	})
	if err != nil {
		t.Fatal(err)
	}
	path := make([]chain.Hash, len(joined))
	for i := range joined {
		path[i] = chain.Hash(joined[i])
	}
	return path
}

// One bit anywhere in that log is seen.
func TestTiles_TesseraLog_Flipped(t *testing.T) {
	verifier, err := note.NewVerifier(tesseraKey)
	if err != nil {
		t.Fatal(err)
	}
	flip := func(in string, at int) func(string, []byte) []byte {
		return func(path string, data []byte) []byte {
			if strings.Contains(path, in) {
				data[at] ^= 1
			}
			return data
		}
	}
	if _, defects, err := tesseraLog(t, 15, flip("/checkpoint", 30)).Signed(t.Context(), verifier); err != nil || len(defects) != 1 || defects[0].Kind != verdict.KindCheckpoint {
		t.Errorf("checkpoint: %v, %v", defects, err)
	}
	for name, change := range map[string]func(string, []byte) []byte{"bundle": flip("/entries/", 2), "tile": flip("/tile/0/", 5)} {
		leaves, stated, _ := readLeaves(t, tesseraLog(t, 15, change), 15)
		if leaves[0] == stated[0] || leaves[1] != stated[1] {
			t.Errorf("%s: entry 0 agrees with its tile: %t, entry 1: %t", name, leaves[0] == stated[0], leaves[1] == stated[1])
		}
	}
	gone := tesseraLog(t, 15, nil)
	gone.fetch = func(context.Context, string, int64) ([]byte, error) { return nil, ErrAbsent }
	if _, err := gone.Hashes(t.Context(), 0, 0, 15); !errors.Is(err, ErrAbsent) {
		t.Errorf("gone: %v", err)
	}
}
