package index

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"civicledger/ledger/chain"
)

// spoilPage changes one page of a file as a disk, a crash or a person may.
func spoilPage(t *testing.T, path string, size int64, n int64, how string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	other := make([]byte, size)
	switch how {
	case "flipped":
		flip(t, path, n*size+size/3)
	case "zeroed":
		_, err = f.WriteAt(other, n*size)
	case "cut off":
		err = f.Truncate(n*size + 17)
	case "torn":
		_, err = f.WriteAt(other[:size/2], n*size+size/2)
	case "another's":
		if _, err = f.ReadAt(other, (n+1)*size); err == nil {
			_, err = f.WriteAt(other, n*size)
		}
	default:
		t.Fatal(how)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A page that is not as it was written lowers the position to the last step
// before it; nothing beyond is answered, and applying again heals the index.
func TestPages_Spoiled(t *testing.T) {
	from := t.TempDir()
	x := mustOpen(t, from)
	fill(t, x, 20_000, 700, 1)
	sizes := map[string]int64{keysFile: int64(x.keys.pageSize()), tilesFile: int64(x.tiles.pageSize())}
	mustClose(t, x)
	for file, size := range sizes {
		for _, how := range []string{"flipped", "zeroed", "cut off", "torn", "another's"} {
			for _, n := range []int64{0, 11, 76} {
				t.Run(fmt.Sprintf("%s/%s/%d", file, how, n), func(t *testing.T) {
					dir := mustCopy(t, from)
					spoilPage(t, filepath.Join(dir, file), size, n, how)
					x := mustOpen(t, dir)
					limit := uint64(n) * chain.TileWidth // whole pages before it
					if file == tilesFile {
						limit += chain.TileWidth - 1 // the tile is not missed before it is full
					}
					if want := limit / 700 * 700; x.Position() != want {
						t.Fatalf("position %d, want %d", x.Position(), want)
					}
					checkAgrees(t, x, 20_000, 1)
					fill(t, x, 20_000, 900, 1)
					mustClose(t, x)
					x = mustOpen(t, dir)
					if x.Position() != 20_000 {
						t.Fatalf("position %d after applying again", x.Position())
					}
					checkAgrees(t, x, 21_000, 1)
				})
			}
		}
	}
}

// The page that is not full is written again with each batch; a crash may
// leave more in it than the position says.
func TestPages_AheadOfThePosition(t *testing.T) {
	dir := t.TempDir()
	x := mustOpen(t, dir)
	fill(t, x, 1000, 100, 1)
	if _, err := x.writePages(realBatch(1000, 3000, 1)); err != nil {
		t.Fatal(err)
	}
	checkAgrees(t, x, 3000, 1)
	mustClose(t, x)
	x = mustOpen(t, dir)
	if x.Position() != 1000 {
		t.Fatalf("position %d, want 1000", x.Position())
	}
	checkAgrees(t, x, 3000, 1)
	fill(t, x, 3000, 77, 1)
	checkAgrees(t, x, 4000, 1)
}

// Files of another ledger's index in the place of ours are not taken for ours.
func TestPages_OfAnotherLedger(t *testing.T) {
	ours, theirs := t.TempDir(), t.TempDir()
	x := mustOpen(t, ours)
	fill(t, x, 2000, 500, 1)
	mustClose(t, x)
	y, err := Open(theirs, Options{Ledger: chain.Hash{9}})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, y, 2000, 500, 1)
	mustClose(t, y)
	for _, file := range []string{keysFile, tilesFile} {
		dir := mustCopy(t, ours)
		data, err := os.ReadFile(filepath.Join(theirs, file))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, file), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		if x := mustOpen(t, dir); x.Position() != 0 {
			t.Errorf("%s of another ledger: position %d, want 0", file, x.Position())
		}
	}
}

// A page that rots while the index is open is not served.
func TestPages_RotWhileOpen(t *testing.T) {
	dir := t.TempDir()
	x := mustOpen(t, dir)
	fill(t, x, 2000, 500, 1)
	for file, size := range map[string]int64{keysFile: int64(x.keys.pageSize()), tilesFile: int64(x.tiles.pageSize())} {
		spoilPage(t, filepath.Join(dir, file), size, 2, "flipped")
	}
	if _, err := x.Tile(0, 2); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), cure) {
		t.Errorf("tile: %v, want ErrCorrupt with the cure", err)
	}
	if _, err := x.Lookup([]chain.EventKey{realKey(600)}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("look-up: %v, want ErrCorrupt", err)
	}
	if _, err := x.Lookup([]chain.EventKey{realKey(100)}); err != nil {
		t.Errorf("look-up of a key in a sound page: %v", err)
	}
	if err := x.Verify(); !errors.Is(err, ErrCorrupt) {
		t.Errorf("verify: %v, want ErrCorrupt", err)
	}
}
