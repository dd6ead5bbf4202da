package verify

import (
	"bytes"
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
)

// Directory is the Source of a ledger's data directory, stopped, copied or
// live: it only reads, and judges up to the stored checkpoint.
func Directory(dir string) Source { return &directory{dir: dir} }

type directory struct {
	dir string
}

func (d *directory) name() string { return d.dir }

const bookDir = "book"

func (d *directory) checkpoint(_ context.Context, verifier note.Verifier) (*signed, []Defect, error) {
	if _, err := os.ReadDir(filepath.Join(d.dir, bookDir)); err != nil {
		return nil, nil, fmt.Errorf("read the book: %w", err)
	}
	var newest *signed
	var sequence uint64
	var defects []Defect
	for _, name := range frame.SlotNames {
		file := filepath.Join(bookDir, name)
		data, err := os.ReadFile(filepath.Join(d.dir, file))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, nil, fmt.Errorf("read checkpoint: %w", err)
		}
		slot, err := frame.ParseSlot(data)
		if err != nil {
			continue // a torn slot: the other one counts
		}
		c, err := chain.OpenCheckpoint(slot.Note, verifier)
		if err != nil {
			defects = append(defects, Defect{Kind: KindCheckpoint, File: file, Message: err.Error()})
			continue
		}
		if newest == nil || slot.Sequence > sequence {
			newest, sequence = &signed{c, bytes.Clone(slot.Note)}, slot.Sequence
		}
	}
	if newest == nil && len(defects) == 0 {
		defects = append(defects, Defect{Kind: KindCheckpoint, File: bookDir, Message: "there is no checkpoint: nothing here is signed by the ledger"})
	}
	return newest, defects, nil
}

// segment is a file of the book.
type segment struct {
	file  string // relative
	first uint64
	size  int64
}

// segments lists the files of the book by their first entry.
func (d *directory) segments() ([]segment, error) {
	names, err := os.ReadDir(filepath.Join(d.dir, bookDir))
	if err != nil {
		return nil, err
	}
	var segments []segment
	for _, n := range names {
		if first, ok := frame.ParseSegmentName(n.Name()); ok {
			segments = append(segments, segment{file: filepath.Join(bookDir, n.Name()), first: first})
		}
	}
	slices.SortFunc(segments, func(a, b segment) int { return int(int64(a.first) - int64(b.first)) })
	return segments, nil
}

func (d *directory) read(_ context.Context, size uint64, out *reader) error {
	segments, err := d.segments()
	if err != nil {
		return err
	}
	b := &bookReader{dir: d.dir, size: size, out: out}
	return b.read(segments)
}

// bookReader turns the files of a book into batches.
type bookReader struct {
	dir    string
	size   uint64 // of the checkpoint
	out    *reader
	before *segment

	next    uint64 // index of the next entry expected
	pending *batch
	bytes   int
}

func (b *bookReader) read(segments []segment) error {
	for i := range segments {
		if err := b.segment(&segments[i]); err != nil {
			return fmt.Errorf("read %s: %w", segments[i].file, err)
		}
		b.before = &segments[i]
	}
	return b.flush()
}

func (b *bookReader) segment(s *segment) error {
	f, prev, err := b.open(s)
	if err != nil {
		return err
	}
	defer f.Close()
	return b.scan(s, f, min(frame.SegmentHeaderSize, s.size), prev)
}

// open opens a segment, checks that it continues the one before, and returns
// the hash that it states for the last entry before.
func (b *bookReader) open(s *segment) (*os.File, *chain.Hash, error) {
	f, err := os.Open(filepath.Join(b.dir, s.file))
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil {
		s.size = info.Size()
		var prev *chain.Hash
		if prev, err = b.segmentHeader(s, f); err == nil {
			return f, prev, nil
		}
	}
	f.Close()
	return nil, nil, err
}

// scan reads a segment from an offset on, at which a frame begins.
func (b *bookReader) scan(s *segment, f io.ReaderAt, from int64, prev *chain.Hash) error {
	for part, err := range frame.Scan(f, from, s.size) {
		switch {
		case err != nil:
			return err
		case part.Frame != nil:
			err = b.frame(s, part.Offset, part.Frame, prev)
		case part.Err != nil:
			err = b.badPart(s, f, &part)
		}
		if err != nil {
			return err
		}
		prev = nil
	}
	return nil
}

// segmentHeader checks that the file continues the one before and returns the
// hash that it states for the last entry before.
func (b *bookReader) segmentHeader(s *segment, f io.ReaderAt) (*chain.Hash, error) {
	h, err := frame.ReadSegmentHeader(f)
	bad := func(message string) {
		if s.first < b.size {
			b.out.defects.add(Defect{Kind: KindSegment, First: s.first, Last: s.first, File: s.file, Message: message})
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
	case b.before == nil && s.first != 0:
		bad("the files before it are missing")
	case b.before != nil && h.PrevFirst != b.before.first:
		bad(fmt.Sprintf("the file before it should begin at %d", h.PrevFirst))
	case b.before != nil && h.PrevSize != b.before.size:
		bad(fmt.Sprintf("the file before it should have %d bytes, it has %d", h.PrevSize, b.before.size))
	}
	if s.first != b.next || s.first == 0 {
		return nil, nil
	}
	return &h.Prev.Last, nil
}

// frame adds a whole frame's entries. What it states of the entry before it is
// held against that entry, so a frame from elsewhere does not pass.
func (b *bookReader) frame(s *segment, offset int64, f *frame.Frame, stated *chain.Hash) error {
	switch {
	case f.Prev.Size < b.next:
		if f.Prev.Size < b.size {
			b.out.defects.add(Defect{
				Kind: KindOrder, First: f.Prev.Size, Last: f.Head.Size - 1, File: s.file, Offset: offset,
				Message: "these entries stand here again, or after later ones",
			})
		}
		return nil
	case f.Prev.Size > b.next:
		if err := b.flush(); err != nil {
			return err
		}
		b.next = f.Prev.Size
	}
	if stated != nil && *stated != f.Prev.Last {
		b.out.defects.add(Defect{Kind: KindSegment, First: s.first, Last: s.first, File: s.file, Message: "its header and its first frame extend different entries"})
	}
	keep := len(f.Entries)
	if f.Head.Size > b.size {
		keep = int(b.size - min(b.size, f.Prev.Size))
		b.out.beyond += uint64(len(f.Entries) - keep)
	}
	b.next = f.Head.Size
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
		items[i] = item{raw: data[start:len(data):len(data)], recorded: &recorded, file: s.file, offset: at}
		at += int64(len(e))
	}
	if f.Prev.Size > 0 {
		prev := f.Prev.Last
		items[0].before = &prev
	}
	if keep == len(f.Entries) {
		head := f.Head.Last
		items[keep-1].after = &head
	}
	return b.added(len(data))
}

// grow makes place for the next entries in the batch that is pending.
func (b *bookReader) grow(first uint64, count int) []item {
	if b.pending == nil {
		b.pending = &batch{first: first, items: (*spare.Get().(*[]item))[:0], reused: true}
	}
	n := len(b.pending.items)
	b.pending.items = slices.Grow(b.pending.items, count)[:n+count]
	return b.pending.items[n:]
}

// added hands the batch over once it is large.
func (b *bookReader) added(bytes int) error {
	b.bytes += bytes
	if b.bytes < 1<<20 && len(b.pending.items) < 4096 {
		return nil
	}
	return b.flush()
}

func (b *bookReader) flush() error {
	if b.pending == nil {
		return nil
	}
	p := b.pending
	b.pending, b.bytes = nil, 0
	return b.out.put(p)
}

// badPart reads what can be read of bytes that are not whole frames. At the
// very end, above the checkpoint, they are what a crash left: no damage.
func (b *bookReader) badPart(s *segment, f io.ReaderAt, part *frame.Part) error {
	if b.next >= b.size {
		b.out.notes = append(b.out.notes, fmt.Sprintf("%s: %d bytes at %d are not a whole frame; they lie above the checkpoint: a write that a crash cut short, or one under way", s.file, part.Length, part.Offset))
		return nil
	}
	data := make([]byte, part.Length)
	if _, err := f.ReadAt(data, part.Offset); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	items := salvage(data, b.next)
	for i := range items {
		items[i].file = s.file
		items[i].offset += part.Offset
	}
	first := b.next
	last := max(first, first+uint64(len(items))) // where nothing is readable, the next frame tells how many are missing
	if last > first {
		last--
	}
	b.out.defects.add(Defect{
		Kind: KindFrame, First: first, Last: min(last, b.size-1), File: s.file, Offset: part.Offset,
		Message: fmt.Sprintf("%d bytes are not a whole frame (%v)", part.Length, part.Err),
	})
	b.next += uint64(len(items))
	if b.next > b.size {
		b.out.beyond += b.next - b.size
		items = items[:b.size-first]
	}
	if len(items) == 0 {
		return nil
	}
	copy(b.grow(first, len(items)), items)
	return b.added(int(part.Length))
}
