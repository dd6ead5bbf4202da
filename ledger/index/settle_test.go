package index

import (
	"encoding/binary"
	"errors"
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

// finds says whether the table has a key at an index.
func finds(t *testing.T, x *Index, key []byte, index uint64) bool {
	t.Helper()
	found, err := x.table.find(key, nil)
	if err != nil {
		t.Error(err)
	}
	return slices.Contains(found, index)
}

// Settled parts answer as before, also to who looks while several are settled,
// and leave no file behind.
func TestIndex_Settle(t *testing.T) {
	const each, parts = 20_000, 3
	dir := t.TempDir()
	x := &Index{dir: dir, table: newKeyTable(), logger: slog.New(slog.DiscardHandler)}
	place := func(i uint64) uint64 { return i/each*partEntries + i%each }
	for i := range uint64(each * parts) {
		x.table.add(keyOf(i), place(i))
	}
	const last = each * parts
	x.table.add(keyOf(last), parts*partEntries) // the part behind
	look := func() {
		for i := uint64(0); i <= last; i += 7 {
			if !finds(t, x, keyOf(i), place(i)) {
				t.Errorf("key %d is not found", i)
				return
			}
		}
	}
	stop := make(chan struct{})
	var wait sync.WaitGroup
	for range 2 {
		wait.Go(func() {
			for {
				look()
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	x.settle(partEntries-1, parts*partEntries+1)
	close(stop)
	wait.Wait()
	look()
	for n, part := range *x.table.parts.Load() {
		if settled := part.settled != nil; settled == (part.slots != nil) || settled != (n < parts) {
			t.Errorf("part %d: settled %v", n, settled)
		}
	}
	x.table.add(keyOf(last+1), parts*partEntries+1)
	if !finds(t, x, keyOf(last+1), parts*partEntries+1) {
		t.Error("what was added behind settled parts is not found")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if err := x.table.unmap(); err != nil {
		t.Error(err)
	}
}

// A bit that changed on the disk is an error for whoever comes to it, wherever
// in a block it is, and what stands in another place, too.
func TestIndex_SettledRot(t *testing.T) {
	x := &Index{dir: t.TempDir(), table: newKeyTable(), logger: slog.New(slog.DiscardHandler)}
	for i := range uint64(1000) {
		x.table.add(keyOf(i), i)
	}
	x.settle(0, partEntries)
	settled := (*x.table.parts.Load())[0].settled
	clean := slices.Clone(settled)
	if err := x.table.unmap(); err != nil {
		t.Fatal(err)
	}
	rotten := slices.Clone(clean)
	x.table.parts.Store(&[]tablePart{{settled: rotten}})
	for i := range uint64(1000) {
		slot, _ := x.table.place(keyOf(i))
		n := int(slot / blockSlots)
		block := rotten[n*blockBytes : (n+1)*blockBytes]
		block[(i*41)%blockBytes] ^= 1 << (i % 8)
		if _, err := x.table.find(keyOf(i), nil); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("key %d: %v", i, err)
		}
		other := (n + 1) % (len(clean) / blockBytes)
		copy(block, clean[other*blockBytes:(other+1)*blockBytes])
		if _, err := x.table.find(keyOf(i), nil); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("key %d, in another block's place: %v", i, err)
		}
		copy(block, clean[n*blockBytes:(n+1)*blockBytes])
	}
}

// Open settles what is full: one part, and the keys behind it stay in memory.
func TestLoadKeys_Settles(t *testing.T) {
	const total = partEntries + 300
	dir := t.TempDir()
	keys, err := openPages(dir, keysFile, pairSize, testLedger, false)
	if err != nil {
		t.Fatal(err)
	}
	defer keys.close()
	keys.begin()
	for n, buf := uint64(0), []byte(nil); n < total; n += chain.TileWidth {
		buf = buf[:0]
		for i := n; i < min(n+chain.TileWidth, total); i++ {
			buf = append(append(buf, keyOf(i)...), keyOf(total+i)...)
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
		if !finds(t, x, keyOf(i), i) || !finds(t, x, keyOf(total+i), i) {
			t.Fatalf("key %d is not found", i)
		}
	}
}

// A part that cannot be settled stays.
func TestIndex_CannotSettle(t *testing.T) {
	for name, x := range map[string]*Index{
		"no directory": {dir: filepath.Join(t.TempDir(), "gone")},
		"read-only":    {dir: t.TempDir(), readOnly: true},
		"no room":      {dir: t.TempDir(), minFree: 1 << 60},
	} {
		x.table, x.logger = newKeyTable(), slog.New(slog.DiscardHandler)
		x.table.add(keyOf(1), 1)
		x.settle(0, partEntries)
		if !finds(t, x, keyOf(1), 1) {
			t.Errorf("%s: not found", name)
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
