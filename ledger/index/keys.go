package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"math/bits"
	"slices"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"

	"civicledger/ledger/chain"
)

// Event keys stand in Badger in the order of the log, pageKeys to a value, and
// in memory as fingerprints that say where to look. Most keys that are looked
// up are new: for them memory answers alone.
const (
	pageKeys = 64 // event keys in one value
	keySize  = len(chain.EventKey{})
)

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

func pageKey(n uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{prefixEvent}, n)
}

// keyPages returns the pairs that add keys behind those that are there, and
// what the last, not full, page then holds.
func (x *Index) keyPages(from uint64, keys []chain.EventKey) (pairs []pair, rest []byte) {
	rest = slices.Clone(x.lastPage)
	for i, k := range keys {
		rest = append(rest, k[:]...)
		if len(rest) == pageKeys*keySize || i == len(keys)-1 {
			pairs = append(pairs, pair{pageKey((from + uint64(i)) / pageKeys), rest})
			if len(rest) == pageKeys*keySize {
				rest = make([]byte, 0, pageKeys*keySize)
			}
		}
	}
	return pairs, rest
}

// loadKeys fills the table with the keys of all entries before the position.
// That one of them is missing is damage: the chain of marks says that it was
// written.
func (x *Index) loadKeys() error {
	position := x.position.Load()
	at := uint64(0)
	err := x.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{prefixEvent}, PrefetchValues: true, PrefetchSize: 100})
		defer it.Close()
		for it.Rewind(); it.Valid() && at < position; it.Next() {
			item := it.Item()
			if string(item.Key()) != string(pageKey(at/pageKeys)) {
				break
			}
			err := item.Value(func(page []byte) error {
				n := min(pageKeys, position-at)
				if uint64(len(page)) < n*uint64(keySize) {
					return damaged("the page of the event key at %d is cut short", at)
				}
				for ; n > 0; n, at, page = n-1, at+1, page[keySize:] {
					x.table.add(page[:keySize], at)
					x.lastPage = append(x.lastPage, page[:keySize]...)
				}
				if len(x.lastPage) == pageKeys*keySize {
					x.lastPage = x.lastPage[:0]
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && at < position {
		err = damaged("the event key at %d is missing", at)
	}
	return err
}

// pageReader compares keys with those that stand at an index. It keeps the
// page it read last: what is looked up together often stands together.
type pageReader struct {
	txn  *badger.Txn
	n    uint64
	page []byte
}

// holds says whether key stands at index, which is before the position.
func (r *pageReader) holds(index uint64, key []byte) (bool, error) {
	n, at := index/pageKeys, int(index%pageKeys)*keySize
	if r.page == nil || n != r.n {
		item, err := r.txn.Get(pageKey(n))
		if errors.Is(err, badger.ErrKeyNotFound) {
			err = damaged("the event key at %d is missing", index)
		}
		if err != nil {
			return false, err
		}
		if r.page, err = item.ValueCopy(r.page[:0]); err != nil {
			return false, err
		}
		r.n = n
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
	err := x.db.View(func(txn *badger.Txn) error {
		r := pageReader{txn: txn}
		for _, k := range keys {
			for _, index := range x.table.find(k[:], buf[:0]) {
				if index >= position {
					continue
				}
				ok, err := r.holds(index, k[:])
				if err != nil {
					return err
				}
				if ok {
					found[k] = index
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look up %d event keys: %w", len(keys), err)
	}
	return found, nil
}
