package judge

import (
	"encoding/binary"
	"runtime"
	"sync"

	"civicledger/ledger/chain"
)

// seen collects 16-byte names (event keys, submission digests cut to 16) and
// finds those that stand twice. It is the one thing here that grows with the
// log: 24 bytes for each name, in parts by first byte, so that the search at
// the end works in the processor's cache and on all cores.
type seen struct {
	parts [256][]named
}

type named struct {
	name  chain.EventKey
	index uint64
}

func (s *seen) add(name chain.EventKey, index uint64) {
	p := &s.parts[name[0]]
	*p = append(*p, named{name, index})
}

// repeated calls found, one call at a time, for each name that stood before.
func (s *seen) repeated(found func(first, again uint64)) {
	var wait sync.WaitGroup
	var mu sync.Mutex
	next := make(chan []named)
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			var table []uint32
			for part := range next {
				table = findTwice(part, table, func(a, b uint64) {
					mu.Lock()
					defer mu.Unlock()
					found(a, b)
				})
			}
		})
	}
	for i := range s.parts {
		next <- s.parts[i]
	}
	close(next)
	wait.Wait()
}

// findTwice looks each name up in an open-addressed table of positions + 1.
func findTwice(part []named, table []uint32, found func(first, again uint64)) []uint32 {
	size := 16
	for size < 2*len(part) {
		size *= 2
	}
	if cap(table) < size {
		table = make([]uint32, size)
	}
	table = table[:size]
	clear(table)
	for i := range part {
		at := binary.LittleEndian.Uint32(part[i].name[8:]) & uint32(size-1)
		for table[at] != 0 && part[table[at]-1].name != part[i].name {
			at = (at + 1) & uint32(size-1)
		}
		if table[at] == 0 {
			table[at] = uint32(i + 1)
			continue
		}
		a, b := part[table[at]-1].index, part[i].index
		found(min(a, b), max(a, b))
	}
	return table
}
