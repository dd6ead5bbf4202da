package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"civicledger/ledger/book"
	"civicledger/ledger/frame"
)

// compare lists what in a new file is not as it is in the old one.
func (w *repair) compare(t *target, file *os.File, size int64) error {
	old := func(from, end int64) ([]byte, error) {
		if t.old == nil {
			return nil, nil
		}
		return w.readRange(t.name, min(from, t.old.size), min(end, t.old.size))
	}
	l := differences{file: inBook(t.name)}
	first, err := w.differing(file, old, 0, frame.SegmentHeaderSize)
	if err != nil {
		return err
	}
	l.add(Change{Bytes: first, What: "the header of the segment", First: t.first, Last: t.first})
	at := int64(frame.SegmentHeaderSize)
	for part, err := range frame.Scan(file, at, size) {
		if err != nil {
			return err
		}
		f := part.Frame
		if f == nil { // above the checkpoint, as it was
			continue
		}
		was, err := old(part.Offset, part.Offset+part.Length)
		if err != nil {
			return err
		}
		is, err := f.Append(nil)
		if err != nil {
			return err
		}
		l.compareFrame(f, part.Offset, is, was)
	}
	w.done.Changes = append(w.done.Changes, l.list()...)
	if t.old != nil && t.old.size != size {
		w.done.Notes = append(w.done.Notes, fmt.Sprintf("%s has %d bytes and must have %d", inBook(t.name), t.old.size, size))
	}
	return nil
}

func (w *repair) differing(file *os.File, old func(from, end int64) ([]byte, error), from, end int64) (int64, error) {
	is := make([]byte, end-from)
	if _, err := file.ReadAt(is, from); err != nil {
		return 0, err
	}
	was, err := old(from, end)
	return int64(len(is) - matching(was, is, 0)), err
}

// differences collects changes of one file and joins neighbours.
type differences struct {
	file    string
	headers []Change
	entries []Change
	other   []Change
}

func (l *differences) compareFrame(f *frame.Frame, offset int64, is, was []byte) {
	l.headers = l.join(l.headers, Change{
		Offset: offset, Bytes: int64(frame.HeaderSize - matching(was, is[:frame.HeaderSize], 0)),
		What: "the header of a frame", First: f.Prev.Size, Last: f.Head.Size - 1,
	})
	at := int64(frame.HeaderSize)
	for i, entry := range f.Entries {
		length := int64(4 + len(entry))
		index := f.Prev.Size + uint64(i)
		l.entries = l.join(l.entries, Change{
			Offset: offset + at, Bytes: length - int64(matching(was, is[at:at+length], at)),
			What: "entry", First: index, Last: index,
		})
		at += length
	}
}

func (l *differences) add(c Change) { l.other = l.join(l.other, c) }

func (l *differences) join(list []Change, c Change) []Change {
	if c.Bytes == 0 {
		return list
	}
	c.File = l.file
	if n := len(list); n > 0 && list[n-1].Last+1 == c.First {
		list[n-1].Last, list[n-1].Bytes = c.Last, list[n-1].Bytes+c.Bytes
		return list
	}
	return append(list, c)
}

func (l *differences) list() []Change { return append(append(l.other, l.headers...), l.entries...) }

// replace puts the new files in place of the damaged ones, which it keeps.
//
// The second name of what was there is durable before any file is replaced. If
// we stop in between, each file is the old one or the new one, and the next
// Repair finds what is left to do.
func (w *repair) replace(shadow string) error {
	var names []string
	for _, t := range w.plan {
		if t.changed {
			names = append(names, t.name)
		}
	}
	if w.newSlot != nil {
		names = append(names, frame.SlotNames[:]...)
	}
	for _, name := range names {
		if _, err := os.Stat(bookPath(w.Data, name)); err == nil {
			if err := w.keep(name); err != nil {
				return err
			}
		}
	}
	if err := w.files.syncDir(bookPath(w.Data, "")); err != nil {
		return err
	}
	for _, name := range names {
		if err := w.files.rename(bookPath(shadow, name), bookPath(w.Data, name)); err != nil {
			return err
		}
	}
	if err := w.putAway(); err != nil {
		return err
	}
	return w.files.syncDir(bookPath(w.Data, ""))
}

// keptName is where a file of the book is kept: a name that nothing reads, and
// that nothing has, unless it is this file already.
func (w *repair) keptName(name string) (kept string, done bool, err error) {
	is, err := os.Stat(bookPath(w.Data, name))
	if err != nil {
		return "", false, err
	}
	for n := w.Now.UnixMilli(); ; n++ {
		kept = fmt.Sprintf("damaged-%s-%d.bytes", strings.ReplaceAll(name, ".", "-"), n)
		was, err := os.Lstat(bookPath(w.Data, kept))
		if errors.Is(err, fs.ErrNotExist) {
			return kept, false, nil
		}
		if err != nil || os.SameFile(is, was) {
			return kept, true, err
		}
	}
}

// keep gives a file a second name.
func (w *repair) keep(name string) error {
	kept, done, err := w.keptName(name)
	if err == nil && !done {
		err = w.files.do(book.ChangeCreate, bookPath(w.Data, kept), func() error {
			return os.Link(bookPath(w.Data, name), bookPath(w.Data, kept))
		})
	}
	if err != nil {
		return fmt.Errorf("keep what is damaged: %w", err)
	}
	w.done.Kept = append(w.done.Kept, inBook(kept))
	return nil
}

// putAway takes their names from files that look like segments and are none.
func (w *repair) putAway() error {
	for i := range w.segments {
		name := w.segments[i].name
		if w.planned(name) {
			continue
		}
		if err := w.keep(name); err != nil {
			return err
		}
		if err := w.files.remove(bookPath(w.Data, name)); err != nil {
			return err
		}
	}
	return nil
}

func (w *repair) planned(name string) bool {
	for _, t := range w.plan {
		if t.name == name {
			return true
		}
	}
	return false
}
