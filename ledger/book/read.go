package book

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"sort"

	"civicledger/ledger"
	"civicledger/ledger/frame"
)

// Commits implements ledger.Store. Finding the place takes the segment by its
// name and the frame by a mark; a segment that was not read yet is walked
// once from its beginning. Damage that lies before from is told (OnDamage) and
// passed; the first behind it ends the iteration.
func (b *Book) Commits(from uint64) iter.Seq2[*ledger.Commit, error] {
	return func(yield func(*ledger.Commit, error) bool) {
		if err := b.stopped(); err != nil {
			yield(nil, err)
			return
		}
		v := b.view.Load()
		if from >= v.head.Size || len(v.segments) == 0 {
			return
		}
		i := sort.Search(len(v.segments), func(i int) bool { return v.segments[i].first > from })
		r := reader{book: b, view: v, from: from, yield: yield}
		for i = max(i-1, 0); i < len(v.segments); i++ {
			if goOn, err := r.segment(i); err != nil {
				yield(nil, fmt.Errorf("read commits from %d: %w", from, err))
				return
			} else if !goOn {
				return
			}
		}
	}
}

// reader is one iteration over commits.
type reader struct {
	book    *Book
	view    *view
	from    uint64
	yield   func(*ledger.Commit, error) bool
	started bool           // a commit was yielded; from here on everything must follow
	passed  *ledger.Damage // the last damage on the way, unless a commit was yielded since
}

// segment yields the commits of one segment.
func (r *reader) segment(i int) (goOn bool, err error) {
	s := r.view.segments[i]
	name := frame.SegmentName(s.first)
	start := s.marks.before(r.from)
	end, next := r.view.end, r.view.head
	if i+1 < len(r.view.segments) {
		end, next = s.size, r.view.segments[i+1].header.Prev
	}
	w := walker{head: start.head, file: relative(name)}
	r.passed = nil
	file, err := os.Open(r.book.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		d := w.damage(0, "the file is not there any more")
		d.Last = max(d.Last, next.Size-1)
		return false, damaged(d)
	}
	if err != nil {
		return false, err
	}
	defer file.Close()
	if err := r.header(s, &w, file, start.offset); err != nil {
		return false, err
	}
	// A file that was cut is read as far as it goes: so the entries before the
	// cut are given, and the first one behind it is named.
	info, err := file.Stat()
	if err != nil {
		return false, err
	}
	end = min(end, info.Size())
	for st, err := range w.walk(file, start.offset, end) {
		if err != nil {
			return false, err
		}
		if goOn, err := r.step(s, &w, st); err != nil || !goOn {
			return false, err
		}
	}
	if w.head != next {
		return r.ended(&w, end, next.Size)
	}
	return true, nil
}

// header compares a segment's header, on the way past it, with the one that was
// read or written before. A read-only book may have had to guess it.
func (r *reader) header(s *segment, w *walker, file *os.File, from int64) error {
	if from != frame.SegmentHeaderSize || r.book.options.ReadOnly {
		return nil
	}
	h, err := frame.ReadSegmentHeader(file)
	if errors.Is(err, frame.ErrFrame) || (err == nil && h != s.header) {
		_, err = r.met(w.damage(0, "the segment's header is not the one that was written"), r.from <= s.first)
	}
	return err
}

// ended judges a segment whose frames do not reach the next one.
func (r *reader) ended(w *walker, offset int64, next uint64) (bool, error) {
	d := r.passed
	if d == nil {
		d = w.damage(offset, "the segment ends before its last entry")
	}
	if next > d.First {
		d.Last = max(d.Last, next-1)
	}
	return r.met(d, r.started || r.from < next)
}

// met ends an iteration with damage, or tells of it and passes it.
func (r *reader) met(d *ledger.Damage, ends bool) (goOn bool, err error) {
	if ends {
		return false, damaged(d)
	}
	r.passed = d
	if tell := r.book.tell.Load(); tell != nil && d.Last < r.from {
		(*tell)(*d)
	}
	return true, nil
}

// step yields a frame that is wanted, and passes one that is not.
func (r *reader) step(s *segment, w *walker, st step) (bool, error) {
	if d := st.damage; d != nil {
		return r.met(d, r.started && !st.tail) // a tail is judged by ended
	}
	f := st.frame
	s.marks.add(mark{f.Prev, st.offset})
	if f.Head.Size <= r.from {
		return true, nil
	}
	if f.Prev.Size > r.from && !r.started {
		return false, r.missing(w, st)
	}
	r.started, r.passed = true, nil
	return r.yield(&ledger.Commit{Prev: f.Prev, Head: f.Head, Recorded: f.Recorded, Entries: f.Entries}, nil), nil
}

// missing names the entries between the one that was asked for and the next
// that can be read.
func (r *reader) missing(w *walker, st step) error {
	if r.passed != nil {
		return damaged(r.passed)
	}
	d := w.damage(st.offset, "a frame is missing here")
	d.First, d.Last = r.from, st.frame.Prev.Size-1
	return damaged(d)
}
