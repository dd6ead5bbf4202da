package tiles

import (
	"container/list"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"

	"civicledger/ledger/chain"
)

// Bounds of a shelf.
const (
	shelfBytes = 32 << 20 // of bundles that are kept
	aheadMost  = 64       // bundles read in one go
	aheadBytes = 4 << 20  // and about how many bytes of them
)

// shelf keeps full bundles that were read lately, as they are and compressed,
// and reads ahead for whoever reads a log in order: so a commit that spans
// several bundles is read and checked about once, not once for each, and is
// compressed once for all readers. Its methods may be called at once; readers
// of the same place wait for one of them to read it.
type shelf struct {
	log  Log
	most int // bytes of bundles to keep

	mu       sync.Mutex
	kept     map[form]*list.Element // of *shelved
	lately   *list.List             // the first was asked for last
	bytes    int
	building map[uint64]*build
}

// form is a bundle in one of two codings.
type form struct {
	n    uint64
	gzip bool
}

type shelved struct {
	form
	data  []byte // never changed
	ahead int    // how many bundles were read together with it
}

// build is a run of bundles that one reader reads for all.
type build struct {
	first uint64
	count int
	done  chan struct{} // closed when nothing more comes of it
}

func newShelf(log Log, most int) *shelf {
	return &shelf{log: log, most: most, kept: map[form]*list.Element{}, lately: list.New(), building: map[uint64]*build{}}
}

// bundle returns a full bundle, which the log has; nobody changes it.
func (s *shelf) bundle(n uint64) ([]byte, error) {
	for {
		s.mu.Lock()
		if data := s.find(form{n: n}); data != nil {
			s.mu.Unlock()
			return data, nil
		}
		other := s.building[n]
		if other == nil {
			b := s.begin(n)
			s.mu.Unlock()
			return s.build(b)
		}
		s.mu.Unlock()
		<-other.done
	}
}

// gzipped returns a full bundle compressed. Two readers at once may both
// compress it.
func (s *shelf) gzipped(n uint64) ([]byte, error) {
	s.mu.Lock()
	data := s.find(form{n, true})
	s.mu.Unlock()
	if data != nil {
		return data, nil
	}
	data, err := s.bundle(n)
	if err != nil {
		return nil, err
	}
	data = compress(data)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep(&shelved{form: form{n, true}, data: data})
	return data, nil
}

// find needs the lock held, as all below that do not say otherwise.
func (s *shelf) find(f form) []byte {
	e := s.kept[f]
	if e == nil {
		return nil
	}
	s.lately.MoveToFront(e)
	return e.Value.(*shelved).data
}

func (s *shelf) keep(b *shelved) {
	if s.kept[b.form] != nil {
		return
	}
	s.kept[b.form] = s.lately.PushFront(b)
	for s.bytes += len(b.data); s.bytes > s.most; {
		oldest := s.lately.Remove(s.lately.Back()).(*shelved)
		delete(s.kept, oldest.form)
		s.bytes -= len(oldest.data)
	}
}

// begin claims a bundle, and, where the one before it was read lately, twice as
// many as were read with that one: a reader in order is soon served from a few
// large reads, and a look at one entry costs one bundle.
func (s *shelf) begin(n uint64) *build {
	b := &build{first: n, count: 1, done: make(chan struct{})}
	s.building[n] = b
	if n == 0 {
		return b
	}
	most := 0
	if before := s.building[n-1]; before != nil {
		most = 2 * before.count
	} else if e := s.kept[form{n: n - 1}]; e != nil {
		most = 2 * e.Value.(*shelved).ahead
	}
	full := s.log.Head().Size / chain.TileWidth
	for most = min(most, aheadMost); b.count < most; b.count++ {
		next := n + uint64(b.count)
		if next >= full || s.building[next] != nil || s.kept[form{n: next}] != nil {
			break
		}
		s.building[next] = b
	}
	return b
}

// build reads what b claims, without the lock, and returns its first bundle.
func (s *shelf) build(b *build) (first []byte, err error) {
	defer s.end(b)
	total := 0
	err = bundles(s.log, b.first, chain.TileWidth, func(n uint64, data []byte) bool {
		data = slices.Clone(data)
		if n == b.first {
			first = data
		}
		s.mu.Lock()
		s.keep(&shelved{form{n: n}, data, b.count})
		s.mu.Unlock()
		total += len(data)
		return n+1 < b.first+uint64(b.count) && total < aheadBytes
	})
	if first != nil {
		return first, nil // what failed lies behind it: whoever asks for that is told
	}
	return nil, err
}

// end lets those go on who wait; what was not read they read themselves.
func (s *shelf) end(b *build) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := range uint64(b.count) {
		delete(s.building, b.first+n)
	}
	close(b.done)
}

// ErrShort says that the log ended before a bundle had its entries.
var ErrShort = errors.New("the log ends before")

// Bundle returns an entry bundle: the first width entries from 256n on, each
// behind its length as a big-endian uint16.
func Bundle(log Log, n uint64, width int) (data []byte, err error) {
	err = bundles(log, n, width, func(_ uint64, b []byte) bool {
		data = b
		return false
	})
	return data, err
}

// bundles reads bundles in order from n on, each of its first width entries,
// until each says that it is enough. What each gets is overwritten afterwards.
func bundles(log Log, n uint64, width int, each func(n uint64, data []byte) bool) error {
	var data []byte
	at := n * chain.TileWidth
	end := at + uint64(width)
	for c, err := range log.Commits(at) {
		if err != nil {
			return fmt.Errorf("bundle %d: %w", n, err)
		}
		for ; at < c.Head.Size; at++ {
			entry := c.Entries[at-c.Prev.Size]
			if len(entry) > 0xffff {
				return fmt.Errorf("bundle %d: entry %d of %d bytes does not fit", n, at, len(entry))
			}
			data = binary.BigEndian.AppendUint16(data, uint16(len(entry)))
			data = append(data, entry...)
			if at+1 < end {
				continue
			}
			if !each(n, data) {
				return nil
			}
			n, end, data = n+1, end+chain.TileWidth, data[:0]
		}
	}
	return fmt.Errorf("bundle %d: entry %d: %w", n, at, ErrShort)
}
