package index

import (
	"encoding/binary"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"civicledger/ledger/chain"
)

func keyOf(n uint64) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 8, keySize), n*0x9e3779b97f4a7c15)
}

// A settled part answers as before, also to who looks while it is settled, and
// leaves no file behind.
func TestIndex_Settle(t *testing.T) {
	const n = 50_000
	dir := t.TempDir()
	x := &Index{dir: dir, table: newKeyTable(), logger: slog.New(slog.DiscardHandler)}
	for i := range uint64(n) {
		x.table.add(keyOf(i), i)
	}
	x.table.add(keyOf(n), partEntries) // the part behind
	look := func() {
		var buf [8]uint64
		for i := range uint64(n) {
			if !slices.Contains(x.table.find(keyOf(i), buf[:0]), i) {
				t.Errorf("key %d is not found", i)
				return
			}
		}
	}
	var wait sync.WaitGroup
	for range 2 {
		wait.Go(look)
	}
	x.settle(partEntries-1, partEntries+1)
	wait.Wait()
	look()
	if parts := *x.table.parts.Load(); parts[0].slots != nil || parts[0].settled == nil || parts[1].slots == nil {
		t.Error("not the first part was settled, and only it")
	}
	x.table.add(keyOf(n+1), partEntries+1)
	for i := range uint64(2) {
		if got := x.table.find(keyOf(n+i), nil); !slices.Contains(got, partEntries+i) {
			t.Errorf("key %d behind a settled part: found %v", n+i, got)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if err := x.table.unmap(); err != nil {
		t.Error(err)
	}
}

// Open settles what is full: one part, and the keys behind it stay in memory.
func TestLoadKeys_Settles(t *testing.T) {
	const total = partEntries + 300
	dir := t.TempDir()
	keys, err := openPages(dir, keysFile, keySize, testLedger, false)
	if err != nil {
		t.Fatal(err)
	}
	defer keys.close()
	keys.begin()
	for n, buf := uint64(0), []byte(nil); n < total; n += chain.TileWidth {
		buf = buf[:0]
		for i := n; i < min(n+chain.TileWidth, total); i++ {
			buf = append(buf, keyOf(i)...)
		}
		keys.add(n/chain.TileWidth, buf)
	}
	if err := keys.write(0); err != nil {
		t.Fatal(err)
	}
	x := &Index{dir: dir, keys: keys, logger: slog.New(slog.DiscardHandler)}
	if has, err := x.loadKeys(total); err != nil || has != total {
		t.Fatalf("loaded %d of %d keys, %v", has, total, err)
	}
	defer x.table.unmap()
	parts := *x.table.parts.Load()
	if len(parts) != 2 || parts[0].settled == nil || parts[1].slots == nil {
		t.Fatalf("%d parts, settled %v", len(parts), parts[0].settled != nil)
	}
	for i := uint64(0); i < total; i += 97 {
		if !slices.Contains(x.table.find(keyOf(i), nil), i) {
			t.Fatalf("key %d is not found", i)
		}
	}
}

// A part that cannot be settled stays.
func TestIndex_CannotSettle(t *testing.T) {
	for name, x := range map[string]*Index{
		"no directory": {dir: filepath.Join(t.TempDir(), "gone")},
		"read-only":    {dir: t.TempDir(), readOnly: true},
	} {
		x.table, x.logger = newKeyTable(), slog.New(slog.DiscardHandler)
		x.table.add(keyOf(1), 1)
		x.settle(0, partEntries)
		if got := x.table.find(keyOf(1), nil); !slices.Contains(got, 1) {
			t.Errorf("%s: found %v", name, got)
		}
		if parts := *x.table.parts.Load(); parts[0].settled != nil {
			t.Errorf("%s: settled", name)
		}
	}
}

// What a kill between the making of a file and the removal of its name leaves
// goes with the index.
func TestRemove_LeftTable(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "index")
	x := mustOpen(t, dir)
	mustClose(t, x)
	f, err := os.CreateTemp(dir, tablePattern)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := Remove(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the index is still there: %v", err)
	}
}
