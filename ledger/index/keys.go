package index

import (
	"errors"
	"fmt"
	"hash/maphash"
	"math/bits"
	"slices"
	"sync/atomic"

	"civicledger/ledger/chain"
)

// Event keys stand in pages in the order of the log, and in memory as
// fingerprints that say where to look. Most keys that are looked up are new: for
// them memory answers alone.
const keySize = len(chain.EventKey{})

// Each part of the table covers partEntries entries and is never moved or
// rebuilt: adding costs the same in a small log and a large one. At 5/4 slots
// an entry a part takes 21 MB when it is full, and probes stay short.
const (
	partBits    = 22
	partEntries = 1 << partBits
	partSlots   = partEntries / 4 * 5
)

// keyTable finds the few indexes at which an event key may stand. One
// goroutine adds; any number may look at the same time.
type keyTable struct {
	seed  maphash.Seed // ids that collide here do not collide elsewhere
	parts atomic.Pointer[[]tablePart]
}

// tablePart has in each slot the index within the part and above it a
// fingerprint from 1 to 1023; 0 is free.
type tablePart []uint32

func newKeyTable() *keyTable {
	t := &keyTable{seed: maphash.MakeSeed()}
	t.parts.Store(&[]tablePart{})
	return t
}

// place returns the first slot of a key and its fingerprint.
func (t *keyTable) place(key []byte) (slot, print uint32) {
	h := maphash.Bytes(t.seed, key)
	high, _ := bits.Mul64(h, partSlots)
	return uint32(high), (1 + uint32(h&0xffff)%1023) << partBits
}

// add notes that key stands at index.
func (t *keyTable) add(key []byte, index uint64) {
	parts := *t.parts.Load()
	if n := int(index >> partBits); n >= len(parts) {
		parts = append(slices.Clone(parts), make(tablePart, partSlots))
		t.parts.Store(&parts)
	}
	part := parts[index>>partBits]
	slot, print := t.place(key)
	for atomic.LoadUint32(&part[slot]) != 0 {
		slot = (slot + 1) % partSlots
	}
	atomic.StoreUint32(&part[slot], print|uint32(index%partEntries))
}

// find appends to found every index at which key may stand.
func (t *keyTable) find(key []byte, found []uint64) []uint64 {
	slot, print := t.place(key)
	for n, part := range *t.parts.Load() {
		for at := slot; ; at = (at + 1) % partSlots {
			v := atomic.LoadUint32(&part[at])
			if v == 0 {
				break
			}
			if v&^(partEntries-1) == print {
				found = append(found, uint64(n)<<partBits|uint64(v%partEntries))
			}
		}
	}
	return found
}

// tail is the last page of event keys, which is not full or was just filled:
// it is written again and again, so readers take it from memory. It never
// changes.
type tail struct {
	page uint64
	keys []byte
}

// writeKeys writes the keys of the entries from on, and returns the tail behind
// them. Nothing of it counts before the position passes it.
func (x *Index) writeKeys(from uint64, keys []chain.EventKey) (*tail, error) {
	first := from / chain.TileWidth
	t := &tail{page: first, keys: make([]byte, 0, chain.TileWidth*keySize)}
	if old := x.tail.Load(); old.page == first {
		t.keys = append(t.keys, old.keys...)
	}
	x.keys.begin()
	for i := range keys {
		if len(t.keys) == cap(t.keys) {
			x.keys.add(t.page, t.keys)
			t.page, t.keys = t.page+1, t.keys[:0]
		}
		t.keys = append(t.keys, keys[i][:]...)
	}
	if len(keys) > 0 {
		x.keys.add(t.page, t.keys)
	}
	return t, x.keys.write(first)
}

// loadKeys fills the table with the keys of entries before until, as far as
// they are there, and returns how many that is.
func (x *Index) loadKeys(until uint64) (uint64, error) {
	x.table = newKeyTable()
	last := &tail{}
	_, err := x.keys.scan((until+chain.TileWidth-1)/chain.TileWidth, func(n uint64, items []byte) bool {
		at := n * chain.TileWidth
		items = items[:min(uint64(len(items)), (until-at)*uint64(keySize))]
		last = &tail{page: n, keys: append(make([]byte, 0, cap(last.keys)), items...)}
		for ; len(items) > 0; items, at = items[keySize:], at+1 {
			x.table.add(items[:keySize], at)
		}
		return true
	})
	x.tail.Store(last)
	return last.page*chain.TileWidth + uint64(len(last.keys)/keySize), err
}

// pageReader compares keys with those that stand at an index. It keeps the
// page it read last: what is looked up together often stands together.
type pageReader struct {
	x    *Index
	tail *tail // as of the position that is asked for, or newer
	n    uint64
	page []byte // nil: none was read
	buf  []byte
}

// holds says whether key stands at index, which is before the position.
func (r *pageReader) holds(index uint64, key []byte) (bool, error) {
	n, at := index/chain.TileWidth, int(index%chain.TileWidth)*keySize
	if n == r.tail.page {
		return string(r.tail.keys[at:at+keySize]) == string(key), nil
	}
	if r.page == nil || n != r.n {
		if r.buf == nil {
			r.buf = make([]byte, r.x.keys.pageSize())
		}
		page, err := r.x.keys.read(n, r.buf)
		if errors.Is(err, errNoPage) {
			err = damaged("%w", err)
		}
		if err != nil {
			r.page = nil
			return false, err
		}
		r.n, r.page = n, page
	}
	if len(r.page) < at+keySize {
		return false, damaged("the page of the event key at %d is cut short", index)
	}
	return string(r.page[at:at+keySize]) == string(key), nil
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
		for _, index := range x.table.find(k[:], buf[:0]) {
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
