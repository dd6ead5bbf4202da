package quick

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
	full [256][]*chunk
	last [256]*chunk // being filled; nil: none yet
	used [256]int    // of last
}

type chunk [512]uint64

func (n *names) add(name []byte) {
	part := name[0]
	if n.last[part] == nil {
		n.last[part] = new(chunk)
	}
	n.last[part][n.used[part]] = binary.LittleEndian.Uint64(name)
	if n.used[part]++; n.used[part] == len(chunk{}) {
		n.full[part] = append(n.full[part], n.last[part])
		n.last[part], n.used[part] = nil, 0
	}
}

// count is the number of names in a part.
func (n *names) count(part int) int { return len(n.full[part])*len(chunk{}) + n.used[part] }

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
		n := &all[i]
		for _, full := range n.full[part] {
			if fill(table, full[:]) {
				return true
			}
		}
		if n.used[part] > 0 && fill(table, n.last[part][:n.used[part]]) {
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
		count += all[i].count(part)
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
