package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/chain"
	"civicledger/ledger/frame"
	"civicledger/ledger/verify/verdict"
)

// Directory is a ledger's data directory, stopped, copied or live: a Source that
// only reads, up to the stored checkpoint.
type Directory string

// Name implements Source.
func (d Directory) Name() string { return string(d) }

const bookDir = "book"

// Signed implements Source.
func (d Directory) Signed(_ context.Context, verifier note.Verifier) (*verdict.Signed, []verdict.Defect, error) {
	if _, err := os.ReadDir(filepath.Join(string(d), bookDir)); err != nil {
		return nil, nil, fmt.Errorf("read the book: %w", err)
	}
	var newest *verdict.Signed
	var sequence uint64
	var defects []verdict.Defect
	for _, name := range frame.SlotNames {
		file := filepath.Join(bookDir, name)
		data, err := os.ReadFile(filepath.Join(string(d), file))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, nil, fmt.Errorf("read checkpoint: %w", err)
		}
		slot, err := frame.ParseSlot(data)
		if err != nil {
			continue // a torn slot: the other one counts
		}
		signed, err := verdict.Open(slot.Note, verifier)
		if err != nil {
			defects = append(defects, verdict.Defect{Kind: verdict.KindCheckpoint, File: file, Message: err.Error()})
			continue
		}
		if newest == nil || slot.Sequence > sequence {
			newest, sequence = signed, slot.Sequence
		}
	}
	if newest == nil && len(defects) == 0 {
		defects = append(defects, verdict.Defect{Kind: verdict.KindCheckpoint, File: bookDir, Message: "there is no checkpoint: nothing here is signed by the ledger"})
	}
	return newest, defects, nil
}

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

	dir      string
	size     uint64 // of the checkpoint
	out      *Reader
	segments []segment // from the open one on

	pending *Batch
	bytes   int
}

// Book returns the book before its first entry. Entries below size are put into
// out, or only noted there as damaged if it reads for nobody.
func (d Directory) Book(size uint64, out *Reader) (*Book, error) {
	names, err := os.ReadDir(filepath.Join(string(d), bookDir))
	if err != nil {
		return nil, err
	}
	b := &Book{dir: string(d), size: size, out: out}
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

// Rest reads all that was not read yet.
func (b *Book) Rest() error {
	for {
		if b.File != nil {
			if err := b.scan(); err != nil {
				return fmt.Errorf("read %s: %w", b.segments[0].file, err)
			}
		}
		if more, err := b.Open(); err != nil || !more {
			return errors.Join(err, b.flush())
		}
	}
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
	f, err := os.Open(filepath.Join(b.dir, s.file))
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
	s := &b.segments[0]
	for part, err := range frame.Scan(b.File, b.At, s.size) {
		switch {
		case err != nil:
			return err
		case part.Frame != nil:
			err = b.frame(s, part.Offset, part.Frame)
		case part.Err != nil:
			err = b.badPart(s, &part)
		}
		if err != nil {
			return err
		}
		b.Stated = nil
	}
	return nil
}

// header checks that a file continues the one before and returns the hash that
// it states for the last entry before.
func (b *Book) header(s, before *segment) (*chain.Hash, error) {
	h, err := frame.ReadSegmentHeader(b.File)
	bad := func(message string) {
		if s.first < b.size {
			b.out.Defects.Add(verdict.Defect{Kind: verdict.KindSegment, First: s.first, Last: s.first, File: s.file, Message: message})
		}
	}
	switch {
	case errors.Is(err, frame.ErrFrame):
		bad("its header is damaged: " + err.Error())
		return nil, nil
	case err != nil && s.size < frame.SegmentHeaderSize:
		bad("it is cut in its header")
		return nil, nil
	case err != nil:
		return nil, err
	case h.Prev.Size != s.first:
		bad(fmt.Sprintf("its header says that it begins at %d", h.Prev.Size))
		return nil, nil
	case before == nil && s.first != 0:
		bad("the files before it are missing")
	case before != nil && h.PrevFirst != before.first:
		bad(fmt.Sprintf("the file before it should begin at %d", h.PrevFirst))
	case before != nil && h.PrevSize != before.size:
		bad(fmt.Sprintf("the file before it should have %d bytes, it has %d", h.PrevSize, before.size))
	}
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
		if f.Prev.Size < b.size {
			b.out.Defects.Add(verdict.Defect{
				Kind: verdict.KindOrder, First: f.Prev.Size, Last: f.Head.Size - 1, File: s.file, Offset: offset,
				Message: "these entries stand here again, or after later ones",
			})
		}
		return nil
	case f.Prev.Size > b.Next:
		if err := b.flush(); err != nil {
			return err
		}
		b.Next = f.Prev.Size
	}
	if b.Stated != nil && *b.Stated != f.Prev.Last {
		b.out.Defects.Add(verdict.Defect{Kind: verdict.KindSegment, First: s.first, Last: s.first, File: s.file, Message: "its header and its first frame extend different entries"})
	}
	keep := len(f.Entries)
	if f.Head.Size > b.size {
		keep = int(b.size - min(b.size, f.Prev.Size))
		b.out.Beyond += uint64(len(f.Entries) - keep)
	}
	b.Next = f.Head.Size
	if keep == 0 {
		return nil
	}
	items := b.grow(f.Prev.Size, keep)
	data := make([]byte, 0, f.Size())
	recorded := f.Recorded
	at := offset + frame.HeaderSize
	for i, e := range f.Entries[:keep] {
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
	if keep == len(f.Entries) {
		head := f.Head.Last
		items[keep-1].After = &head
	}
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

// badPart reads what can be read of bytes that are not whole frames. At the
// very end, above the checkpoint, they are what a crash left: no damage.
func (b *Book) badPart(s *segment, part *frame.Part) error {
	if b.Next >= b.size {
		b.out.Notes = append(b.out.Notes, fmt.Sprintf("%s: %d bytes at %d are not a whole frame; they lie above the checkpoint: a write that a crash cut short, or one under way", s.file, part.Length, part.Offset))
		return nil
	}
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
	last := max(first, first+uint64(len(items))) // where nothing is readable, the next frame tells how many are missing
	if last > first {
		last--
	}
	b.out.Defects.Add(verdict.Defect{
		Kind: verdict.KindFrame, First: first, Last: min(last, b.size-1), File: s.file, Offset: part.Offset,
		Message: fmt.Sprintf("%d bytes are not a whole frame (%v)", part.Length, part.Err),
	})
	b.Next += uint64(len(items))
	if b.Next > b.size {
		b.out.Beyond += b.Next - b.size
		items = items[:b.size-first]
	}
	if len(items) == 0 {
		return nil
	}
	copy(b.grow(first, len(items)), items)
	return b.added(int(part.Length))
}
