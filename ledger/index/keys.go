package index

import (
	"fmt"
	"hash/maphash"
	"math/bits"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"civicledger/ledger"
	"civicledger/ledger/chain"
)

// Keys stand in pages in the order of the log, and in memory as fingerprints that
// say where to look. Most keys that are looked up are new: for them memory
// answers alone. An item of a page is the event key of an entry, and behind it
// the key of the submission that begins there, or zeros.
const (
	keySize  = len(chain.EventKey{})
	pairSize = 2 * keySize
)

var noKey [keySize]byte

// Each part of the table covers partEntries entries and is never rebuilt: adding
// costs the same in a small log and a large one. With submissions of one event
// each it holds two keys an entry; at 5/4 slots a key a part takes 21 MB, and
// probes stay short.
const (
	partBits    = 21
	partEntries = 1 << partBits
	partSlots   = partEntries / 4 * 10
	prints      = 1<<(32-partBits) - 1
)

// keyTable finds the few indexes at which an event key may stand. One
// goroutine adds; any number may look at the same time.
type keyTable struct {
	seed  maphash.Seed // ids that collide here do not collide elsewhere
	parts atomic.Pointer[[]tablePart]
}

// tablePart has in each slot the index within the part and above it a
// fingerprint from 1 to prints; 0 is free. A part that will not be added to is
// settled: see settle.
type tablePart struct {
	slots   []uint32
	settled []byte // or blocks of slots in a file that is mapped
}

func newKeyTable() *keyTable {
	t := &keyTable{seed: maphash.MakeSeed()}
	t.parts.Store(&[]tablePart{})
	return t
}

// place returns the first slot of a key and its fingerprint.
func (t *keyTable) place(key []byte) (slot, print uint32) {
	h := maphash.Bytes(t.seed, key)
	high, _ := bits.Mul64(h, partSlots)
	return uint32(high), (1 + uint32(h&0xfffff)%prints) << partBits
}

// grow makes parts for entries before until, so many as there are not yet.
func (t *keyTable) grow(until uint64) []tablePart {
	parts := *t.parts.Load()
	if missing := int((until+partEntries-1)>>partBits) - len(parts); missing > 0 {
		parts = slices.Clone(parts)
		for range missing {
			parts = append(parts, tablePart{slots: make([]uint32, partSlots)})
		}
		t.parts.Store(&parts)
	}
	return parts
}

// add notes that key stands at index.
func (t *keyTable) add(key []byte, index uint64) {
	part := t.grow(index + 1)[index>>partBits].slots
	slot, print := t.place(key)
	for atomic.LoadUint32(&part[slot]) != 0 {
		slot = (slot + 1) % partSlots
	}
	atomic.StoreUint32(&part[slot], print|uint32(index%partEntries))
}

// load adds the keys of a page, whose items belong to the entries from an index
// on, to the slots of a part that nobody else sees yet. It looks at all slots
// before it decides about one, so that memory is asked for many of them at once.
func (t *keyTable) load(slots []uint32, items []byte, index uint64) {
	var places, values [2 * chain.TileWidth]uint32
	seen, n := uint32(0), 0
	for at := 0; at < len(items); at += keySize {
		key := items[at : at+keySize]
		if at%pairSize > 0 && string(key) == string(noKey[:]) {
			continue
		}
		slot, print := t.place(key)
		places[n], values[n] = slot, print|uint32((index+uint64(at/pairSize))%partEntries)
		seen |= slots[slot]
		n++
	}
	runtime.KeepAlive(seen)
	for i := range n {
		slot := places[i]
		for slots[slot] != 0 {
			slot = (slot + 1) % partSlots
		}
		slots[slot] = values[i]
	}
}

// find appends to found every index at which key may stand.
func (t *keyTable) find(key []byte, found []uint64) ([]uint64, error) {
	slot, print := t.place(key)
	parts := *t.parts.Load()
	for n := range parts {
		file := blockReader{settled: parts[n].settled}
		for at := slot; ; at = (at + 1) % partSlots {
			v, err := uint32(0), error(nil)
			if file.settled == nil {
				v = atomic.LoadUint32(&parts[n].slots[at])
			} else if v, err = file.at(at); err != nil {
				return nil, err
			}
			if v == 0 {
				break
			}
			if v&^(partEntries-1) == print {
				found = append(found, uint64(n)<<partBits|uint64(v%partEntries))
			}
		}
	}
	return found, nil
}

// tail is the last page of keys, which is not full or was just filled:
// it is written again and again, so readers take it from memory. It never
// changes.
type tail struct {
	page  uint64
	items []byte
}

// writeKeys writes the keys of a batch, and returns the tail behind them.
// Nothing of it counts before the position passes it.
func (x *Index) writeKeys(b *ledger.IndexBatch) (*tail, error) {
	first, begun := b.From/chain.TileWidth, b.Begun
	t := &tail{page: first, items: make([]byte, 0, chain.TileWidth*pairSize)}
	if old := x.tail.Load(); old.page == first {
		t.items = append(t.items, old.items...)
	}
	x.keys.begin()
	for i := range b.Keys {
		if len(t.items) == cap(t.items) {
			x.keys.add(t.page, t.items)
			t.page, t.items = t.page+1, t.items[:0]
		}
		submission := noKey[:]
		if len(begun) > 0 && begun[0].Index == b.From+uint64(i) {
			submission, begun = begun[0].Key[:], begun[1:]
		}
		t.items = append(append(t.items, b.Keys[i][:]...), submission...)
	}
	if len(b.Keys) > 0 {
		x.keys.add(t.page, t.items)
	}
	return t, x.keys.write(first)
}

// loadKeys fills the table with the keys of entries before until, as far as
// they are there, and returns how many that is. Parts are filled on all cores,
// and settled at once if they are full.
func (x *Index) loadKeys(until uint64) (uint64, error) {
	x.table = newKeyTable()
	loaded := make([]loadedPart, (until+partEntries-1)>>partBits)
	var wait sync.WaitGroup
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			var slots []uint32 // used again when what was in them is settled
			for i := range next {
				if slots == nil {
					slots = make([]uint32, partSlots)
				} else {
					clear(slots)
				}
				loaded[i] = x.loadPart(slots, uint64(i)<<partBits, until)
				if loaded[i].part.settled == nil {
					slots = nil
				}
			}
		})
	}
	for i := range loaded {
		next <- i
	}
	close(next)
	wait.Wait()
	parts := make([]tablePart, len(loaded))
	for i := range loaded {
		parts[i] = loaded[i].part
	}
	x.table.parts.Store(&parts)
	last, has := &tail{}, uint64(0)
	for i := range loaded {
		if loaded[i].err != nil {
			return 0, loaded[i].err
		}
		if loaded[i].tail != nil {
			last = loaded[i].tail
		}
		if has += loaded[i].count; has < min(until, uint64(i+1)<<partBits) {
			break // what is behind it does not count
		}
	}
	x.tail.Store(last)
	return has, nil
}

// loadedPart says what loadPart found.
type loadedPart struct {
	part  tablePart
	count uint64 // of keys
	tail  *tail  // the last page; nil if there is none
	err   error
}

// loadPart fills slots with the keys of the entries from first on.
func (x *Index) loadPart(slots []uint32, first, until uint64) (l loadedPart) {
	end := min(until, first+partEntries)
	_, l.err = x.keys.scan(first/chain.TileWidth, (end+chain.TileWidth-1)/chain.TileWidth, func(n uint64, items []byte) bool {
		at := n * chain.TileWidth
		items = items[:min(uint64(len(items)), (end-at)*uint64(pairSize))]
		x.table.load(slots, items, at)
		l.count += uint64(len(items) / pairSize)
		if l.tail == nil {
			l.tail = &tail{items: make([]byte, 0, chain.TileWidth*pairSize)}
		}
		l.tail.page, l.tail.items = n, append(l.tail.items[:0], items...)
		return true
	})
	l.part.slots = slots
	if l.count == partEntries {
		l.part = x.settled(slots)
	}
	return l
}

// pageReader compares keys with those that stand at an index. It keeps the
// page it read last: what is looked up together often stands together.
type pageReader struct {
	x    *Index
	tail *tail // as of the position that is asked for, or newer
	n    uint64
	page []byte // nil: none was read
}

// has says whether one of the two keys of an item is key.
func has(item []byte, key []byte) bool {
	return string(item[:keySize]) == string(key) || string(item[keySize:pairSize]) == string(key)
}

// holds says whether key stands at index, which is before the position.
func (r *pageReader) holds(index uint64, key []byte) (bool, error) {
	n, at := index/chain.TileWidth, int(index%chain.TileWidth)*pairSize
	if n == r.tail.page {
		return has(r.tail.items[at:], key), nil
	}
	if r.page == nil || n != r.n {
		var err error
		if r.page, err = r.x.keys.read(n, r.page); err != nil {
			return false, err
		}
		r.n = n
	}
	if len(r.page) < at+pairSize {
		return false, damaged("the page of the keys at %d is cut short", index)
	}
	return has(r.page[at:], key), nil
}

// Lookup returns the index of the entry for each key that is known. All
// answers are as of one position, at least the one when it was called.
func (x *Index) Lookup(keys []chain.EventKey) (map[chain.EventKey]uint64, error) {
	if err := x.enter(); err != nil {
		return nil, err
	}
	defer x.closing.RUnlock()
	position := x.position.Load()
	found := make(map[chain.EventKey]uint64)
	var buf [8]uint64
	r := pageReader{x: x, tail: x.tail.Load()}
	for _, k := range keys {
		places, err := x.table.find(k[:], buf[:0])
		if err != nil {
			return nil, fmt.Errorf("look up %d event keys: %w", len(keys), err)
		}
		for _, index := range places {
			if index >= position {
				continue
			}
			ok, err := r.holds(index, k[:])
			if err != nil {
				return nil, fmt.Errorf("look up %d event keys: %w", len(keys), err)
			}
			if ok {
				found[k] = index
			}
		}
	}
	return found, nil
}
