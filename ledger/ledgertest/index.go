package ledgertest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"testing"

	"civicledger/ledger"
	"civicledger/ledger/chain"
)

// TestIndex checks every promise of ledger.Index. open is called with the
// directory of one test; called again with the same directory after Close, it
// must return what was there. An engine in memory may keep its own map from
// directory to content.
func TestIndex(t *testing.T, open func(t testing.TB, dir string) ledger.Index) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, func() ledger.Index)
	}{
		{"Empty", indexEmpty},
		{"Lookup", indexLookup},
		{"LookupOfSubmissions", indexSubmissions},
		{"Timeline", indexTimeline},
		{"TimelineOfSubjectThatIsAPrefix", indexPrefixSubjects},
		{"Tile", indexTile},
		{"ApplyOutOfOrder", indexApplyOutOfOrder},
		{"ApplyWrongNumberOfKeys", indexApplyWrongKeys},
		{"ApplyEmptyBatch", indexApplyEmpty},
		{"ApplyLargeBatch", indexApplyLarge},
		{"ApplyKeepsNoReference", indexKeepsNoReference},
		{"Reopen", indexReopen},
		{"ReadersWhileApplying", indexReaders},
		{"Close", indexClose},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			c.run(t, func() ledger.Index {
				t.Helper()
				x := open(t, dir)
				t.Cleanup(func() {
					if err := x.Close(); err != nil {
						t.Errorf("close: %v", err)
					}
				})
				return x
			})
		})
	}
}

// EventKey returns a made-up event key for an index; different for each.
func EventKey(index uint64) chain.EventKey {
	var k chain.EventKey
	binary.BigEndian.PutUint64(k[:], index*0x9e3779b97f4a7c15)
	binary.BigEndian.PutUint64(k[8:], index)
	return k
}

// NewBatch returns a made-up batch for entries [from, to): the keys of
// EventKey, for each entry the subjects that subjects returns (nil: none), and
// the tiles of level 0 that they fill.
func NewBatch(from, to uint64, subjects func(index uint64) []string) *ledger.IndexBatch {
	b := &ledger.IndexBatch{From: from, To: to}
	for i := from; i < to; i++ {
		b.Keys = append(b.Keys, EventKey(i))
		if subjects == nil {
			continue
		}
		for _, s := range subjects(i) {
			b.Subjects = append(b.Subjects, ledger.Naming{Subject: s, Index: i})
		}
	}
	for n := from / chain.TileWidth; n < to/chain.TileWidth; n++ {
		b.Tiles = append(b.Tiles, NewTile(0, n))
	}
	return b
}

// NewTile returns a made-up full tile; different for each name.
func NewTile(level int, n uint64) chain.Tile {
	tile := chain.Tile{Level: level, N: n, Hashes: make([]chain.Hash, chain.TileWidth)}
	for i := range tile.Hashes {
		binary.BigEndian.PutUint64(tile.Hashes[i][:], n)
		binary.BigEndian.PutUint32(tile.Hashes[i][8:], uint32(level))
		binary.BigEndian.PutUint32(tile.Hashes[i][12:], uint32(i))
	}
	return tile
}

func mustApply(t testing.TB, x ledger.Index, b *ledger.IndexBatch) {
	t.Helper()
	if err := x.Apply(b); err != nil {
		t.Fatalf("apply %d to %d: %v", b.From, b.To, err)
	}
	if got := x.Position(); got != b.To {
		t.Fatalf("position %d after a batch to %d", got, b.To)
	}
}

// checkKeys checks that exactly the keys below to are known, among those in
// [from, to+10).
func checkKeys(t testing.TB, x ledger.Index, from, to uint64) {
	t.Helper()
	var keys []chain.EventKey
	for i := from; i < to+10; i++ {
		keys = append(keys, EventKey(i))
	}
	found, err := x.Lookup(keys)
	if err != nil {
		t.Fatalf("lookup: %v", err)
	}
	if len(found) != int(to-from) {
		t.Fatalf("lookup found %d keys, want %d", len(found), to-from)
	}
	for i := from; i < to; i++ {
		if got, ok := found[EventKey(i)]; !ok || got != i {
			t.Fatalf("lookup of key %d: %d, %v", i, got, ok)
		}
	}
}

func checkTimeline(t testing.TB, x ledger.Index, subject string, from uint64, limit int, want ...uint64) {
	t.Helper()
	got, err := x.Timeline(subject, from, limit)
	if err != nil {
		t.Fatalf("timeline of %q: %v", subject, err)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("timeline of %q from %d limit %d: %v, want %v", subject, from, limit, got, want)
	}
}

func checkTile(t testing.TB, x ledger.Index, want chain.Tile) {
	t.Helper()
	got, err := x.Tile(want.Level, want.N)
	if err != nil {
		t.Fatalf("tile %d/%d: %v", want.Level, want.N, err)
	}
	if !slices.Equal(got, want.Hashes) {
		t.Fatalf("tile %d/%d holds other hashes than were applied", want.Level, want.N)
	}
}

func indexEmpty(t *testing.T, open func() ledger.Index) {
	x := open()
	if p := x.Position(); p != 0 {
		t.Fatalf("position %d of an empty index", p)
	}
	checkKeys(t, x, 0, 0)
	checkTimeline(t, x, "st1.1.nobody", 0, 10)
	if _, err := x.Tile(0, 0); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("tile of an empty index: %v, want fs.ErrNotExist", err)
	}
	if found, err := x.Lookup(nil); err != nil || len(found) != 0 {
		t.Fatalf("lookup of nothing: %v, %v", found, err)
	}
}

func indexLookup(t *testing.T, open func() ledger.Index) {
	x := open()
	mustApply(t, x, NewBatch(0, 1, nil))
	mustApply(t, x, NewBatch(1, 700, nil))
	checkKeys(t, x, 0, 700)
	twice := []chain.EventKey{EventKey(5), EventKey(5), EventKey(900)}
	found, err := x.Lookup(twice)
	if err != nil || len(found) != 1 || found[EventKey(5)] != 5 {
		t.Fatalf("lookup of one key twice: %v, %v", found, err)
	}
}

// indexSubmissions: a submission is found where it begins, whatever its length
// and wherever batches and pages end, also after the next open.
func indexSubmissions(t *testing.T, open func() ledger.Index) {
	x := open()
	key := func(first uint64) chain.EventKey { return EventKey(1<<40 + first) }
	begins := func(i uint64) bool { return i < 3 || i == 255 || i == 256 || i%7 == 0 }
	const size = 900
	for from := uint64(0); from < size; from += 90 {
		b := NewBatch(from, from+90, nil)
		for i := from; i < from+90; i++ {
			if begins(i) {
				b.Begun = append(b.Begun, ledger.Begun{Key: key(i), Index: i})
			}
		}
		mustApply(t, x, b)
		clear(b.Begun)
	}
	for range 2 {
		for i := range uint64(size) {
			found, err := x.Lookup([]chain.EventKey{key(i), EventKey(i)})
			at, ok := found[key(i)]
			if err != nil || ok != begins(i) || (ok && at != i) || found[EventKey(i)] != i {
				t.Fatalf("look-up of the submission at %d: %v, %v", i, found, err)
			}
		}
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
		x = open()
	}
}

func indexTimeline(t *testing.T, open func() ledger.Index) {
	x := open()
	odd := func(i uint64) []string {
		if i%2 == 1 {
			return []string{"st1.1.odd", "st1.1.all"}
		}
		return []string{"st1.1.all"}
	}
	mustApply(t, x, NewBatch(0, 4, odd))
	mustApply(t, x, NewBatch(4, 10, odd))
	checkTimeline(t, x, "st1.1.odd", 0, 100, 1, 3, 5, 7, 9)
	checkTimeline(t, x, "st1.1.odd", 3, 100, 3, 5, 7, 9)
	checkTimeline(t, x, "st1.1.odd", 4, 2, 5, 7)
	checkTimeline(t, x, "st1.1.odd", 10, 2)
	checkTimeline(t, x, "st1.1.odd", 0, 0)
	checkTimeline(t, x, "st1.1.all", 0, 5, 0, 1, 2, 3, 4)
	checkTimeline(t, x, "st1.1.nobody", 0, 5)
	mustApply(t, x, &ledger.IndexBatch{
		From: 10, To: 11, Keys: []chain.EventKey{EventKey(10)},
		Subjects: []ledger.Naming{{Subject: "st1.1.odd", Index: 10}},
	})
	checkTimeline(t, x, "st1.1.odd", 9, 100, 9, 10)
}

func indexPrefixSubjects(t *testing.T, open func() ledger.Index) {
	x := open()
	names := []string{"agent7", "agent70", "agent", "agent7\x00", "agent7/0"}
	mustApply(t, x, NewBatch(0, 5, func(i uint64) []string { return names[i : i+1] }))
	for i, name := range names {
		checkTimeline(t, x, name, 0, 10, uint64(i))
	}
}

func indexTile(t *testing.T, open func() ledger.Index) {
	x := open()
	mustApply(t, x, NewBatch(0, 300, nil))
	b := NewBatch(300, 513, nil)
	b.Tiles = append(b.Tiles, NewTile(1, 0), NewTile(2, 70000))
	mustApply(t, x, b)
	for _, want := range []chain.Tile{NewTile(0, 0), NewTile(0, 1), NewTile(1, 0), NewTile(2, 70000)} {
		checkTile(t, x, want)
	}
	for _, name := range [][2]uint64{{0, 2}, {1, 1}, {3, 0}, {2, 70001}} {
		if _, err := x.Tile(int(name[0]), name[1]); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("tile %d/%d: %v, want fs.ErrNotExist", name[0], name[1], err)
		}
	}
}

func indexApplyOutOfOrder(t *testing.T, open func() ledger.Index) {
	x := open()
	mustApply(t, x, NewBatch(0, 10, nil))
	for _, from := range []uint64{0, 9, 11} {
		if err := x.Apply(NewBatch(from, from+5, nil)); err == nil {
			t.Errorf("a batch from %d was applied at position 10", from)
		}
	}
	if p := x.Position(); p != 10 {
		t.Fatalf("position %d after refused batches, want 10", p)
	}
	checkKeys(t, x, 0, 10)
	mustApply(t, x, NewBatch(10, 11, nil))
}

func indexApplyWrongKeys(t *testing.T, open func() ledger.Index) {
	x := open()
	b := NewBatch(0, 10, nil)
	b.Keys = b.Keys[:9]
	if err := x.Apply(b); err == nil {
		t.Fatal("a batch of 10 entries with 9 keys was applied")
	}
	if p := x.Position(); p != 0 {
		t.Fatalf("position %d after a refused batch", p)
	}
	checkKeys(t, x, 0, 0)
}

func indexApplyEmpty(t *testing.T, open func() ledger.Index) {
	x := open()
	mustApply(t, x, NewBatch(0, 3, nil))
	mustApply(t, x, NewBatch(3, 3, nil))
	checkKeys(t, x, 0, 3)
}

// indexApplyLarge is larger than what a Badger transaction of the small
// profile holds: an engine must split it by itself or refuse nothing.
func indexApplyLarge(t *testing.T, open func() ledger.Index) {
	x := open()
	const size = 40_000
	b := NewBatch(0, size, func(i uint64) []string { return []string{fmt.Sprintf("st1.1.s%d", i%5000)} })
	mustApply(t, x, b)
	checkKeys(t, x, 0, size)
	checkTimeline(t, x, "st1.1.s7", 0, 3, 7, 5007, 10007)
	checkTile(t, x, NewTile(0, size/chain.TileWidth-1))
}

func indexKeepsNoReference(t *testing.T, open func() ledger.Index) {
	x := open()
	b := NewBatch(0, 256, func(uint64) []string { return []string{"st1.1.a"} })
	mustApply(t, x, b)
	clear(b.Keys)
	clear(b.Subjects)
	clear(b.Tiles[0].Hashes)
	checkKeys(t, x, 0, 256)
	checkTimeline(t, x, "st1.1.a", 5, 2, 5, 6)
	checkTile(t, x, NewTile(0, 0))
}

func indexReopen(t *testing.T, open func() ledger.Index) {
	x := open()
	mustApply(t, x, NewBatch(0, 500, func(i uint64) []string { return []string{"st1.1.a"} }))
	if err := x.Sync(); err != nil {
		t.Fatalf("sync: %v", err)
	}
	mustApply(t, x, NewBatch(500, 600, nil))
	if err := x.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	x = open()
	if p := x.Position(); p != 600 {
		t.Fatalf("position %d after close and open, want 600", p)
	}
	checkKeys(t, x, 0, 600)
	checkTimeline(t, x, "st1.1.a", 498, 5, 498, 499)
	checkTile(t, x, NewTile(0, 0))
	mustApply(t, x, NewBatch(600, 601, nil))
}

// indexReaders checks that a reader who sees a position also sees what belongs
// to it.
func indexReaders(t *testing.T, open func() ledger.Index) {
	x := open()
	defer beside(t, func(uint64) func() error { return func() error { return checkLatest(x) } })()
	for i := range uint64(50) {
		mustApply(t, x, NewBatch(i*20, i*20+20, func(uint64) []string { return []string{"st1.1.a"} }))
	}
}

func checkLatest(x ledger.Index) error {
	p := x.Position()
	if p == 0 {
		return nil
	}
	found, err := x.Lookup([]chain.EventKey{EventKey(p - 1)})
	if err != nil {
		return err
	}
	if _, ok := found[EventKey(p-1)]; !ok {
		return fmt.Errorf("position %d is announced and its last key is not known", p)
	}
	last, err := x.Timeline("st1.1.a", p-1, 1)
	if err != nil {
		return err
	}
	if len(last) != 1 || last[0] != p-1 {
		return fmt.Errorf("position %d is announced and the timeline ends in %v", p, last)
	}
	return nil
}

func indexClose(t *testing.T, open func() ledger.Index) {
	x := open()
	mustApply(t, x, NewBatch(0, 3, nil))
	for range 2 {
		if err := x.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
	_, lookupErr := x.Lookup([]chain.EventKey{EventKey(1)})
	_, timelineErr := x.Timeline("st1.1.a", 0, 1)
	_, tileErr := x.Tile(0, 0)
	allClosed(t, map[string]error{
		"lookup": lookupErr, "timeline": timelineErr, "tile": tileErr,
		"apply": x.Apply(NewBatch(3, 4, nil)), "sync": x.Sync(),
	})
}
