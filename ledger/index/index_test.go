package index

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/dgraph-io/badger/v4"

	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/ledger/ledgertest"
)

var testLedger = chain.Hash{1, 2, 3}

func mustOpen(t testing.TB, dir string) *Index {
	t.Helper()
	x, err := Open(dir, Options{Ledger: testLedger, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustClose(t, x) })
	return x
}

func mustClose(t testing.TB, x *Index) {
	t.Helper()
	if err := x.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// checkAgrees checks that every answer about entries [0, total) of realBatch
// fits the position: what is before it is known, and nothing else.
func checkAgrees(t testing.TB, x *Index, total, named uint64) {
	t.Helper()
	position := x.Position()
	keys := make([]chain.EventKey, total)
	for i := range keys {
		keys[i] = realKey(uint64(i))
	}
	found, err := x.Lookup(keys)
	if err != nil {
		t.Fatal(err)
	}
	for i, k := range keys {
		got, ok := found[k]
		if ok != (uint64(i) < position) || (ok && got != uint64(i)) {
			t.Fatalf("position %d: key %d found at %d, %v", position, i, got, ok)
		}
	}
	checkTiles(t, x, position)
	checkSubjects(t, x, position, named)
}

func checkTiles(t testing.TB, x *Index, position uint64) {
	t.Helper()
	for level, width := 0, uint64(chain.TileWidth); level < 3; level, width = level+1, width*chain.TileWidth {
		for n := uint64(0); n < position/width; n++ {
			got, err := x.Tile(level, n)
			if err != nil || !slices.Equal(got, realTile(level, n).Hashes) {
				t.Fatalf("position %d: tile %d/%d: %v, or other hashes", position, level, n, err)
			}
		}
		if _, err := x.Tile(level, position/width+1); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("position %d: tile %d/%d beyond it: %v, want fs.ErrNotExist", position, level, position/width+1, err)
		}
	}
}

func checkSubjects(t testing.TB, x *Index, position, named uint64) {
	t.Helper()
	want := map[string][]uint64{}
	for _, n := range realBatch(0, position, named).Subjects {
		want[n.Subject] = append(want[n.Subject], n.Index)
	}
	for _, subject := range []string{"st1.1.synthetic0", "st1.1.synthetic11", "st1.1.synthetic19999", "st1.1.nobody"} {
		got, err := x.Timeline(subject, 0, 1<<20)
		if err != nil || !slices.Equal(got, want[subject]) {
			t.Fatalf("position %d: timeline of %s: %v, %v, want %v", position, subject, got, err, want[subject])
		}
	}
}

// allocated is what a file occupies on disk: Badger makes large files that are
// mostly holes.
func allocated(t testing.TB, path string) int64 {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st.Blocks * 512
}

func TestIndex(t *testing.T) {
	ledgertest.TestIndex(t, func(t testing.TB, dir string) ledger.Index { return mustOpen(t, dir) })
}

func TestOpen_ForeignLedger(t *testing.T) {
	dir := t.TempDir()
	mustClose(t, mustOpen(t, dir))
	for _, readOnly := range []bool{false, true} {
		_, err := Open(dir, Options{Ledger: chain.Hash{9}, ReadOnly: readOnly})
		if !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), "genesis") {
			t.Errorf("read-only %v: %v, want ErrForeign", readOnly, err)
		}
	}
	if _, err := Open(dir, Options{}); err == nil {
		t.Error("opened without saying for which ledger")
	}
	mustOpen(t, dir) // the refusals left no lock
}

func TestOpen_OtherFormat(t *testing.T) {
	dir := t.TempDir()
	x := mustOpen(t, dir)
	if err := x.write([]pair{{[]byte{prefixFormat}, append([]byte{formatVersion + 1}, testLedger[:]...)}}); err != nil {
		t.Fatal(err)
	}
	mustClose(t, x)
	_, err := Open(dir, Options{Ledger: testLedger})
	if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), cure) {
		t.Errorf("open: %v, want ErrFormat with the cure", err)
	}
}

func TestOpen_Locked(t *testing.T) {
	dir := t.TempDir()
	mustOpen(t, dir)
	if _, err := Open(dir, Options{Ledger: testLedger}); !errors.Is(err, ErrLocked) {
		t.Errorf("second open: %v, want ErrLocked", err)
	}
	if err := Remove(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("remove while open: %v, want ErrLocked", err)
	}
}

func TestOpen_ReadOnly(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(filepath.Join(dir, "none"), Options{Ledger: testLedger, ReadOnly: true}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no index: %v, want fs.ErrNotExist", err)
	}
	x := mustOpen(t, dir)
	fill(t, x, 3000, 300, 1)
	mustClose(t, x)
	before := contents(t, dir)
	for range 2 { // two readers at once
		r, err := Open(dir, Options{Ledger: testLedger, ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		defer mustClose(t, r)
		checkAgrees(t, r, 4000, 1)
		if err := r.Apply(realBatch(3000, 3001, 0)); !errors.Is(err, ErrReadOnly) {
			t.Errorf("apply: %v, want ErrReadOnly", err)
		}
		if err := r.Sync(); err != nil {
			t.Errorf("sync: %v", err)
		}
	}
	if !slices.Equal(contents(t, dir), before) {
		t.Error("reading changed the files")
	}
}

func contents(t testing.TB, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, name, string(data))
	}
	return all
}

func TestApply_DiskNearlyFull(t *testing.T) {
	x := mustOpen(t, t.TempDir())
	fill(t, x, 10, 10, 0)
	x.minFree = 1 << 62
	if err := x.Apply(realBatch(10, 20, 0)); !errors.Is(err, ErrNoSpace) {
		t.Fatalf("apply: %v, want ErrNoSpace", err)
	}
	checkAgrees(t, x, 20, 0)
	x.minFree = DefaultMinFree
	fill(t, x, 20, 10, 0)
	checkAgrees(t, x, 30, 0)
	if _, err := Open(t.TempDir(), Options{Ledger: testLedger, MinFree: 1 << 62}); !errors.Is(err, ErrNoSpace) {
		t.Errorf("open: %v, want ErrNoSpace", err)
	}
}

func TestApply_Refuses(t *testing.T) {
	x := mustOpen(t, t.TempDir())
	for name, spoil := range map[string]func(*ledger.IndexBatch){
		"subject before the batch": func(b *ledger.IndexBatch) { b.From, b.Keys = 1, b.Keys[1:] },
		"subject behind the batch": func(b *ledger.IndexBatch) {
			b.Subjects = append(b.Subjects, ledger.Naming{Subject: "st1.1.a", Index: 300})
		},
		"submission behind the batch": func(b *ledger.IndexBatch) { b.Begun = []ledger.Begun{{Index: 300}} },
		"submission twice":            func(b *ledger.IndexBatch) { b.Begun = []ledger.Begun{{Index: 3}, {Index: 3}} },
		"partial tile":                func(b *ledger.IndexBatch) { b.Tiles[0].Hashes = b.Tiles[0].Hashes[:255] },
		"backwards":                   func(b *ledger.IndexBatch) { b.From, b.To = 300, 0 },
	} {
		b := realBatch(0, 300, 10)
		spoil(b)
		if err := x.Apply(b); err == nil {
			t.Errorf("%s: applied", name)
		}
	}
	checkAgrees(t, x, 300, 10)
}

// A step of several transactions that stops before the last must not be seen.
func TestApply_BrokenOffInTheMiddle(t *testing.T) {
	dir := t.TempDir()
	x := mustOpen(t, dir)
	fill(t, x, 1000, 1000, 10)
	big := realBatch(1000, 130_000, 10)
	pairs, err := x.pairsOf(big)
	if err != nil {
		t.Fatal(err)
	}
	n := x.fits(pairs)
	if n == len(pairs) {
		t.Fatal("the batch fits into one transaction")
	}
	m := x.journal.next(1000, 1000)
	if err := x.write(append(pairs[:n:n], m.pair())); err != nil {
		t.Fatal(err)
	}
	x.journal.took(m)
	checkAgrees(t, x, 130_000, 10)
	mustClose(t, x)
	x = mustOpen(t, dir)
	if x.Position() != 1000 {
		t.Fatalf("position %d, want 1000", x.Position())
	}
	checkAgrees(t, x, 130_000, 10)
	if err := x.Apply(big); err != nil {
		t.Fatal(err)
	}
	checkAgrees(t, x, 130_000, 10)
}

func TestRemove(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "index")
	if err := Remove(dir); err != nil {
		t.Errorf("nothing there: %v", err)
	}
	x := mustOpen(t, dir)
	fill(t, x, 3000, 300, 1)
	mustClose(t, x)
	foreign := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(foreign, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Remove(dir); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); !slices.Equal(left, []string{foreign}) {
		t.Errorf("left: %v, want the foreign file alone", left)
	}
	x = mustOpen(t, dir)
	checkAgrees(t, x, 3000, 1)
	if x.Position() != 0 {
		t.Errorf("position %d after Remove", x.Position())
	}
	mustClose(t, x)
	if err := errors.Join(os.Remove(foreign), Remove(dir)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the empty directory is still there: %v", err)
	}
}

func TestVerify(t *testing.T) {
	dir := t.TempDir()
	x := mustOpen(t, dir)
	fill(t, x, 3000, 300, 1)
	mustClose(t, x)
	x = mustOpen(t, dir)
	if err := x.Verify(); err != nil {
		t.Fatal(err)
	}
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("tables: %v, %v", tables, err)
	}
	flip(t, tables[0], 1000)
	if err := x.Verify(); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), cure) {
		t.Errorf("after a flipped byte: %v, want ErrCorrupt with the cure", err)
	}
}

// Errors of Badger keep no cause, so openError reads their text.
func TestOpenError(t *testing.T) {
	for _, c := range []struct {
		err  error
		want error
	}{
		{errors.New("while opening memtable: open 1.mem: " + syscall.EACCES.Error()), syscall.EACCES},
		{errors.New("truncate: " + syscall.ENOSPC.Error()), syscall.ENOSPC},
		{errors.New("Cannot acquire directory lock on \"x\". err: busy"), ErrLocked},
		{errors.New("x: " + badger.ErrTruncateNeeded.Error()), ErrUnclean},
		{errors.New("manifest has checksum mismatch"), ErrCorrupt},
	} {
		if got := openError(c.err); !errors.Is(got, c.want) || (c.want != ErrCorrupt && errors.Is(got, ErrCorrupt)) {
			t.Errorf("%v is %v, want %v alone", c.err, got, c.want)
		}
	}
}
