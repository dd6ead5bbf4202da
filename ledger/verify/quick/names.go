package quick

import (
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"

	"civicledger/ledger/verify/source"
)

// names collects event keys or digests of submissions by their first 8 bytes,
// to say whether any could stand twice: by first byte, so that the search at the
// end works in the processor's cache and on all cores. It has one owner.
type names [256][]uint64

func (n *names) add(name []byte) {
	n[name[0]] = append(n[name[0]], binary.LittleEndian.Uint64(name))
}

// repeats says whether two of all names begin alike.
func repeats(all []names) bool {
	var found atomic.Bool
	tables := sync.Pool{New: func() any { return new([]uint64) }}
	source.OnCores(len(names{}), func(part int) {
		table := tables.Get().(*[]uint64)
		defer tables.Put(table)
		*table = sized(*table, all, part)
		for i := range all {
			if found.Load() || fill(*table, all[i][part]) {
				found.Store(true)
			}
		}
	})
	return found.Load()
}

// sized returns a cleared table for a part of all names, a power of two in
// size and at most half full.
func sized(table []uint64, all []names, part int) []uint64 {
	count := 0
	for i := range all {
		count += len(all[i][part])
	}
	size := 16
	for size < 2*count {
		size *= 2
	}
	table = slices.Grow(table[:0], size)[:size]
	clear(table)
	return table
}

// fill puts names into an open-addressed table and says whether one was there.
// Zero marks a free place: a name of zeros counts as one that was there.
func fill(table, names []uint64) bool {
	mask := uint64(len(table) - 1)
	for _, name := range names {
		at := name >> 8 * 0x9e3779b97f4a7c15 >> 20 & mask
		for table[at] != 0 && table[at] != name {
			at = (at + 1) & mask
		}
		if table[at] == name {
			return true
		}
		table[at] = name
	}
	return false
}
