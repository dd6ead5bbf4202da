package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"civicledger/ledger/chain"
	"civicledger/ledger/frame"
	"civicledger/ledger/verify/verdict"
)

// Directory is a ledger's data directory, stopped, copied or live: a Source that
// only reads, and reads all, what lies above the stored checkpoint, too.
type Directory string

// Name implements Source.
func (d Directory) Name() string { return string(d) }

const bookDir = "book"

// NoSize stands for the size of a log that has no checkpoint.
const NoSize = uint64(1) << 63

// segment is a file of the book.
type segment struct {
	file  string // relative
	first uint64
	size  int64
}

// Book is the segment files of a data directory, read one after the other.
type Book struct {
	Next   uint64      // index of the next entry expected
	File   *os.File    // the segment that is open; nil: none is
	At     int64       // what of it was read
	Size   int64       // and how long it is
	Stated *chain.Hash // what its header states for the entry before it

	dir      Directory
	size     uint64 // of the checkpoint
	out      *Reader
	segments []segment   // from the open one on
	reach    uint64      // entries that there were, as a file's header says
	torn     *frame.Part // bytes at the end that are no frame, in last
	last     string
	damaged  bool // a file is not as it must be
	tail     bool // no entry should follow

	pending *Batch
	bytes   int
}

// Book returns the book before its first entry, under a checkpoint of a size.
func (d Directory) Book(size uint64, out *Reader) (*Book, error) {
	names, err := os.ReadDir(filepath.Join(string(d), bookDir))
	if err != nil {
		return nil, err
	}
	b := &Book{dir: d, size: size, out: out}
	for _, n := range names {
		if first, ok := frame.ParseSegmentName(n.Name()); ok {
			b.segments = append(b.segments, segment{file: filepath.Join(bookDir, n.Name()), first: first})
		}
	}
	slices.SortFunc(b.segments, func(a, b segment) int { return cmp.Compare(a.first, b.first) })
	return b, nil
}

func (d Directory) read(_ context.Context, size uint64, out *Reader) error {
	b, err := d.Book(size, out)
	if err != nil {
		return err
	}
	defer b.Close()
	return b.Rest()
}

// Close closes what is open.
func (b *Book) Close() {
	if b.File != nil {
		b.File.Close()
		b.File = nil
	}
}

// Tail reads what is left of a book of which all entries were read. The error
// says also that there are more.
func (b *Book) Tail() error {
	b.tail = true
	return b.Rest()
}

// Rest reads all that was not read yet.
func (b *Book) Rest() error {
	for more := true; more; {
		var err error
		if b.File != nil {
			if err = b.scan(); err != nil {
				return fmt.Errorf("read %s: %w", b.segments[0].file, err)
			}
		}
		if more, err = b.Open(); err != nil {
			return err
		}
	}
	if from := max(b.Next, b.size); from < b.reach {
		b.defect(verdict.Defect{Kind: verdict.KindMissing, First: from, Last: b.reach - 1, Message: "they are not there, and the header of a file says that they stood before it"})
	}
	if t := b.torn; t != nil {
		b.out.Notes = append(b.out.Notes, fmt.Sprintf("%s: %d bytes at %d are not a whole frame; they lie above the checkpoint: a write that a crash cut short, or one under way", b.last, t.Length, t.Offset))
	}
	return errors.Join(b.judgeSlots(), b.flush())
}

// defect notes what a file has wrong.
func (b *Book) defect(d verdict.Defect) {
	b.damaged = true
	b.out.Defects.Add(d)
}

// Open moves to the next segment and checks that it continues the one before;
// false if there is none.
func (b *Book) Open() (bool, error) {
	var before *segment
	if b.File != nil {
		b.Close()
		before, b.segments = &b.segments[0], b.segments[1:]
	}
	if len(b.segments) == 0 {
		return false, nil
	}
	s := &b.segments[0]
	f, err := os.Open(filepath.Join(string(b.dir), s.file))
	if err != nil {
		return false, fmt.Errorf("read %s: %w", s.file, err)
	}
	b.File = f
	info, err := f.Stat()
	if err == nil {
		s.size = info.Size()
		b.At, b.Size = min(frame.SegmentHeaderSize, s.size), s.size
		b.Stated, err = b.header(s, before)
	}
	if err != nil {
		return false, fmt.Errorf("read %s: %w", s.file, err)
	}
	return true, nil
}

// scan reads the open segment to its end.
func (b *Book) scan() error {
	for tries := retries; ; tries-- {
		from := b.At
		again, err := b.scanOnce(&b.segments[0], tries > 0)
		if err != nil || !again {
			return err
		}
		if b.At > from {
			tries = retries
		}
		time.Sleep(pause)
	}
}

// scanOnce reads until the end, or until bytes that a server may be writing.
func (b *Book) scanOnce(s *segment, again bool) (bool, error) {
	for part, err := range frame.Scan(b.File, b.At, s.size) {
		switch {
		case err != nil:
		case part.Frame != nil && b.tail:
			if part.Offset == b.At && len(b.segments) == 1 {
				return false, nil // it was written since the end was read
			}
			err = errMore
		case part.Frame != nil:
			if t := b.torn; t != nil { // a frame is written only when all before it is durable
				b.torn, err = nil, b.badPart(s, t)
			}
			if err == nil {
				err = b.frame(s, part.Offset, part.Frame)
			}
		case part.Err != nil && (len(b.segments) > 1 || b.Next < b.size):
			err = b.badPart(s, &part)
		case part.Err != nil && again:
			b.At = part.Offset
			return true, nil
		case part.Err != nil && part.Later > b.Next:
			err = b.badPart(s, &part)
		case part.Err != nil:
			b.torn, b.last = &frame.Part{Offset: part.Offset, Length: part.Length, Err: part.Err}, s.file
		}
		if err != nil {
			return false, err
		}
		b.Stated = nil
	}
	return false, nil
}

var errMore = errors.New("there are more entries")

// header checks that a file continues the one before and returns the hash that
// it states for the last entry before.
func (b *Book) header(s, before *segment) (*chain.Hash, error) {
	h, err := frame.ReadSegmentHeader(b.File)
	bad := func(format string, args ...any) {
		b.defect(verdict.Defect{Kind: verdict.KindSegment, First: s.first, Last: s.first, File: s.file, Message: fmt.Sprintf(format, args...)})
	}
	switch {
	case errors.Is(err, frame.ErrFrame):
		bad("its header is damaged: %v", err)
		return nil, nil
	case err != nil && s.size < frame.SegmentHeaderSize:
		bad("it is cut in its header")
		return nil, nil
	case err != nil:
		return nil, err
	case h.Prev.Size != s.first:
		bad("its header says that it begins at %d", h.Prev.Size)
		return nil, nil
	case before == nil && s.first != 0:
		bad("the files before it are missing")
	case before != nil && h.PrevFirst != before.first:
		bad("the file before it should begin at %d", h.PrevFirst)
	case before != nil && h.PrevSize != before.size:
		bad("the file before it should have %d bytes, it has %d", h.PrevSize, before.size)
	}
	b.reach = max(b.reach, s.first)
	if s.first != b.Next || s.first == 0 {
		return nil, nil
	}
	return &h.Prev.Last, nil
}

// frame adds a whole frame's entries. What it states of the entry before it is
// held against that entry, so a frame from elsewhere does not pass.
func (b *Book) frame(s *segment, offset int64, f *frame.Frame) error {
	switch {
	case f.Prev.Size < b.Next:
		b.defect(verdict.Defect{
			Kind: verdict.KindOrder, First: f.Prev.Size, Last: f.Head.Size - 1, File: s.file, Offset: offset,
			Message: "these entries stand here again, or after later ones",
		})
		return nil
	case f.Prev.Size > b.Next:
		if err := b.flush(); err != nil {
			return err
		}
		b.Next = f.Prev.Size
	}
	if b.Stated != nil && *b.Stated != f.Prev.Last {
		b.defect(verdict.Defect{Kind: verdict.KindSegment, First: s.first, Last: s.first, File: s.file, Message: "its header and its first frame extend different entries"})
	}
	b.Next = f.Head.Size
	items := b.grow(f.Prev.Size, len(f.Entries))
	data := make([]byte, 0, f.Size())
	recorded := f.Recorded
	at := offset + frame.HeaderSize
	for i, e := range f.Entries {
		at += 4
		start := len(data)
		data = append(data, e...)
		items[i] = Item{Raw: data[start:len(data):len(data)], Recorded: &recorded, File: s.file, Offset: at}
		at += int64(len(e))
	}
	if f.Prev.Size > 0 {
		prev := f.Prev.Last
		items[0].Before = &prev
	}
	head := f.Head.Last
	items[len(items)-1].After = &head
	return b.added(len(data))
}

// grow makes place for the next entries in the batch that is pending.
func (b *Book) grow(first uint64, count int) []Item {
	if b.pending == nil {
		b.pending = &Batch{First: first, Items: (*spare.Get().(*[]Item))[:0], reused: true}
	}
	n := len(b.pending.Items)
	b.pending.Items = slices.Grow(b.pending.Items, count)[:n+count]
	return b.pending.Items[n:]
}

// added hands the batch over once it is large.
func (b *Book) added(bytes int) error {
	b.bytes += bytes
	if b.bytes < 1<<20 && len(b.pending.Items) < 4096 {
		return nil
	}
	return b.flush()
}

func (b *Book) flush() error {
	if b.pending == nil {
		return nil
	}
	p := b.pending
	b.pending, b.bytes = nil, 0
	return b.out.put(p)
}

// badPart reads what can be read of bytes that are not whole frames.
func (b *Book) badPart(s *segment, part *frame.Part) error {
	data := make([]byte, part.Length)
	if _, err := b.File.ReadAt(data, part.Offset); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	items := salvage(data, b.Next)
	for i := range items {
		items[i].File = s.file
		items[i].Offset += part.Offset
	}
	first := b.Next
	last := first + uint64(max(len(items), 1)) - 1 // where nothing is readable, the next frame tells how many are missing
	b.defect(verdict.Defect{
		Kind: verdict.KindFrame, First: first, Last: last, File: s.file, Offset: part.Offset,
		Message: fmt.Sprintf("%d bytes are not a whole frame (%v)", part.Length, part.Err),
	})
	if b.tail {
		return errMore
	}
	b.Next += uint64(len(items))
	if len(items) == 0 {
		return nil
	}
	copy(b.grow(first, len(items)), items)
	return b.added(int(part.Length))
}
