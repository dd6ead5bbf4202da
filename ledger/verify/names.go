package verify

import (
	"encoding/binary"
	"runtime"
	"sync"
	"sync/atomic"
)

// names collects event keys or digests of submissions by their first 8 bytes,
// to say whether any could stand twice. It takes 8 bytes for each, in chunks
// that never move, by first byte, so that the search at the end works in the
// processor's cache and on all cores. It has one owner.
type names struct {
	parts [256][][]uint64
}

const namesChunk = 512

func (n *names) add(name []byte) {
	p := &n.parts[name[0]]
	if last := len(*p) - 1; last >= 0 && len((*p)[last]) < namesChunk {
		(*p)[last] = append((*p)[last], binary.LittleEndian.Uint64(name))
		return
	}
	*p = append(*p, append(make([]uint64, 0, namesChunk), binary.LittleEndian.Uint64(name)))
}

// repeats says whether two of all names begin alike.
func repeats(all []names) bool {
	var found atomic.Bool
	var next atomic.Int32
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			var table []uint64
			for part := next.Add(1) - 1; part < 256 && !found.Load(); part = next.Add(1) - 1 {
				table = sized(table, all, int(part))
				if repeatsIn(table, all, int(part)) {
					found.Store(true)
				}
			}
		})
	}
	wait.Wait()
	return found.Load()
}

func repeatsIn(table []uint64, all []names, part int) bool {
	for i := range all {
		if fill(table, all[i].parts[part]) {
			return true
		}
	}
	return false
}

// sized returns a cleared table for a part of all names, a power of two in
// size and at most half full.
func sized(table []uint64, all []names, part int) []uint64 {
	count := 0
	for i := range all {
		count += len(all[i].parts[part]) * namesChunk
	}
	size := 16
	for size < 2*count {
		size *= 2
	}
	if cap(table) < size {
		return make([]uint64, size)
	}
	table = table[:size]
	clear(table)
	return table
}

// fill puts names into an open-addressed table and says whether one was there.
// Zero marks a free place: a name of zeros counts as one that was there.
func fill(table []uint64, chunks [][]uint64) bool {
	mask := uint64(len(table) - 1)
	for _, chunk := range chunks {
		for _, name := range chunk {
			at := name >> 8 * 0x9e3779b97f4a7c15 >> 20 & mask
			for table[at] != 0 && table[at] != name {
				at = (at + 1) & mask
			}
			if table[at] == name {
				return true
			}
			table[at] = name
		}
	}
	return false
}
