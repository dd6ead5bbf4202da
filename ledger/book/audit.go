package book

import (
	"os"
	"sort"

	"civicledger/ledger"
	"civicledger/ledger/frame"
)

var (
	_ ledger.CacheDropper = (*Book)(nil)
	_ ledger.Locator      = (*Book)(nil)
)

// OnDamage sets who is told of damage that a reader passes on its way.
func (b *Book) OnDamage(tell func(ledger.Damage)) { b.tell.Store(&tell) }

// at returns the segment that holds an entry, and the last mark before it; nil
// if the book is empty.
func (b *Book) at(index uint64) (*segment, mark) {
	segments := b.view.Load().segments
	if len(segments) == 0 {
		return nil, mark{}
	}
	i := sort.Search(len(segments), func(i int) bool { return segments[i].first > index })
	s := segments[max(i-1, 0)]
	return s, s.marks.before(index)
}

// DropCache implements ledger.CacheDropper: it asks the system to forget the
// pages of the segment of an entry, from a place before it on, twice as far as
// size, because frames are longer than their entries. What is not written to
// the disk yet stays. Where the system cannot be asked, nothing happens.
func (b *Book) DropCache(from uint64, size int64) {
	s, start := b.at(from)
	if s == nil {
		return
	}
	file, err := os.Open(b.path(frame.SegmentName(s.first)))
	if err != nil {
		return // the read that follows says so
	}
	defer file.Close()
	forget(file, start.offset, 2*size)
}

// Locate implements ledger.Locator. The place is that of the commit; where the
// way to it is not readable, that of the last commit known before it.
func (b *Book) Locate(index uint64) (name string, offset int64) {
	s, start := b.at(index)
	if s == nil {
		return "", 0
	}
	name, offset = frame.SegmentName(s.first), start.offset
	file, err := os.Open(b.path(name))
	if err != nil {
		return relative(name), offset
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return relative(name), offset
	}
	for part, err := range frame.Scan(file, start.offset, info.Size()) {
		if err != nil || part.Frame == nil || part.Frame.Prev.Size > index {
			break
		}
		offset = part.Offset
	}
	return relative(name), offset
}
