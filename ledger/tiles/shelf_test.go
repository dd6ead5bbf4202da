package tiles

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"civicledger/ledger"
	"civicledger/ledger/chain"
)

// countingLog is a log of size entries in commits of each, which counts how
// many of them were read; entries from bad on cannot be read.
type countingLog struct {
	size, each, bad uint64
	read            atomic.Uint64
}

func (l *countingLog) Checkpoint() []byte                          { return nil }
func (l *countingLog) Head() chain.Head                            { return chain.Head{Size: l.size} }
func (l *countingLog) Tile(int, uint64, int) ([]chain.Hash, error) { return nil, nil }
func (l *countingLog) entry(i uint64) []byte                       { return fmt.Appendf(nil, "entry %d", i) }

func (l *countingLog) Commits(from uint64) iter.Seq2[*ledger.Commit, error] {
	return func(yield func(*ledger.Commit, error) bool) {
		for first := from / l.each * l.each; first < l.size; first += l.each {
			c := &ledger.Commit{Prev: chain.Head{Size: first}, Head: chain.Head{Size: min(first+l.each, l.size)}}
			l.read.Add(1)
			if c.Head.Size > l.bad {
				yield(nil, ledger.ErrDamaged)
				return
			}
			for i := first; i < c.Head.Size; i++ {
				c.Entries = append(c.Entries, l.entry(i))
			}
			if !yield(c, nil) {
				return
			}
			clear(c.Entries) // valid until the next iteration
		}
	}
}

func (l *countingLog) want(n uint64) []byte {
	var data []byte
	for i := n * chain.TileWidth; i < (n+1)*chain.TileWidth; i++ {
		data = binary.BigEndian.AppendUint16(data, uint16(len(l.entry(i))))
		data = append(data, l.entry(i)...)
	}
	return data
}

// Who reads the log in order causes each commit to be read about once, however
// large it is; a look at one place costs only what lies there.
func TestShelf_ReadsAboutOnce(t *testing.T) {
	for _, each := range []uint64{1, 100, 256, 1000, 2560} {
		l := &countingLog{size: 200_000, each: each, bad: 1 << 62}
		s := newShelf(l, shelfBytes)
		for n := range l.size / chain.TileWidth {
			if got, err := s.bundle(n); err != nil || !bytes.Equal(got, l.want(n)) {
				t.Fatalf("bundle %d: %d bytes, %v", n, len(got), err)
			}
		}
		commits := l.size / each
		if read := l.read.Load(); read > commits+commits/4+8 {
			t.Errorf("commits of %d: %d read, the log has %d", each, read, commits)
		}
	}
	l := &countingLog{size: 200_000, each: 1000, bad: 1 << 62}
	s := newShelf(l, shelfBytes)
	for _, n := range []uint64{700, 500, 300, 100} {
		if _, err := s.bundle(n); err != nil {
			t.Fatal(err)
		}
	}
	if read := l.read.Load(); read > 8 {
		t.Errorf("four looks read %d commits", read)
	}
}

// Many readers at once, in order and not, through a shelf that is too small
// for them, in both codings.
func TestShelf_ConcurrentReaders(t *testing.T) {
	l := &countingLog{size: 50_000, each: 333, bad: 1 << 62}
	s := newShelf(l, 40_000)
	var readers sync.WaitGroup
	for seed := range uint64(8) {
		readers.Go(func() {
			random := rand.New(rand.NewPCG(seed, 1))
			full := l.size / chain.TileWidth
			for i := range full {
				n := i
				if seed%2 == 1 {
					n = random.Uint64N(full)
				}
				get, want := s.bundle, l.want(n)
				if seed%4 > 1 {
					get, want = s.gzipped, compress(want)
				}
				if got, err := get(n); err != nil || !bytes.Equal(got, want) {
					t.Errorf("bundle %d: %d bytes, %v", n, len(got), err)
					return
				}
			}
		})
	}
	readers.Wait()
	total := 0
	for e := s.lately.Front(); e != nil; e = e.Next() {
		total += len(e.Value.(*shelved).data)
	}
	if total > s.most || total != s.bytes || s.lately.Len() != len(s.kept) || len(s.building) != 0 {
		t.Errorf("keeps %d bytes and counts %d, at most %d; %d kept, %d listed, %d being built", total, s.bytes, s.most, len(s.kept), s.lately.Len(), len(s.building))
	}
}

// What cannot be read is told to those who ask for it, not to those before.
func TestShelf_DamageBehind(t *testing.T) {
	l := &countingLog{size: 20_000, each: 100, bad: 10_000}
	s := newShelf(l, shelfBytes)
	for n := range l.size / chain.TileWidth {
		got, err := s.bundle(n)
		if (n+1)*chain.TileWidth <= 10_000 {
			if err != nil || !bytes.Equal(got, l.want(n)) {
				t.Fatalf("bundle %d before the damage: %v", n, err)
			}
		} else if !errors.Is(err, ledger.ErrDamaged) {
			t.Fatalf("bundle %d: %v", n, err)
		}
	}
	if len(s.building) != 0 {
		t.Errorf("%d bundles are claimed for ever", len(s.building))
	}
}

func TestBundle_ShortLog(t *testing.T) {
	l := &countingLog{size: 300, each: 100, bad: 1 << 62}
	if _, err := Bundle(l, 1, 45); !errors.Is(err, ErrShort) {
		t.Errorf("45 of 44 entries: %v", err)
	}
	if data, err := Bundle(l, 1, 44); err != nil || len(data) != 44*(2+len("entry 299")) {
		t.Errorf("44 entries: %d bytes, %v", len(data), err)
	}
}
