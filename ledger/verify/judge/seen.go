package judge

import (
	"bytes"
	"cmp"
	"slices"
	"sync"

	"civicledger/ledger/chain"
	"civicledger/ledger/verify/source"
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
	var mu sync.Mutex
	source.OnCores(len(s.parts), func(i int) {
		p := s.parts[i]
		slices.SortFunc(p, func(a, b named) int {
			return cmp.Or(bytes.Compare(a.name[:], b.name[:]), cmp.Compare(a.index, b.index))
		})
		for first, again := 0, 1; again < len(p); again++ {
			if p[again].name != p[first].name {
				first = again
				continue
			}
			mu.Lock()
			found(p[first].index, p[again].index)
			mu.Unlock()
		}
	})
}
