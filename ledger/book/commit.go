package book

import (
	"fmt"
	"os"

	"civicledger/ledger"
	"civicledger/ledger/frame"
)

// reserveChunk is how much space is reserved ahead of the frames: a sync of a
// file whose size does not change is cheaper.
const reserveChunk = 4 << 20

// Commit implements ledger.Store.
//
// The durable line is the sync in store. If we stop before it, then on
// restart the frame is whole, or torn and moved aside, or not there: nobody
// was told anything. If we stop after it, the frame is there and the ledger
// finds it above its checkpoint.
func (b *Book) Commit(c *ledger.Commit) error {
	w := &b.write
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := b.writable(); err != nil {
		return err
	}
	v := b.view.Load()
	if c.Prev != v.head {
		return fmt.Errorf("commit at %d: %w (it is at %d)", c.Prev.Size, ledger.ErrStale, v.head.Size)
	}
	f := frame.Frame{Prev: c.Prev, Head: c.Head, Recorded: c.Recorded, Entries: c.Entries}
	buf, err := f.Append(w.buf[:0])
	if err != nil {
		return b.fail(fmt.Errorf("commit at %d: %w", c.Prev.Size, err))
	}
	w.buf = buf
	if err := b.enough(v, int64(len(buf))); err != nil {
		return fmt.Errorf("commit at %d: %w", c.Prev.Size, err)
	}
	if v, err = b.room(v, int64(len(buf))); err != nil {
		return b.fail(fmt.Errorf("commit at %d: %w", c.Prev.Size, err))
	}
	if err := w.store(b.options.Around, buf, v.end); err != nil {
		return b.fail(fmt.Errorf("commit at %d: %w", c.Prev.Size, err))
	}
	last := v.segments[len(v.segments)-1]
	last.marks.add(mark{c.Prev, v.end})
	b.view.Store(&view{head: c.Head, segments: v.segments, end: v.end + int64(len(buf))})
	return nil
}

// store writes the frame and makes it durable.
func (w *writer) store(around Around, buf []byte, at int64) error {
	end := at + int64(len(buf))
	if end > w.reserved {
		// A file system that cannot reserve only makes us slower, and a full
		// disk is reported by the write.
		more := func() error { return reserve(w.file, w.reserved, end+reserveChunk-w.reserved) }
		if around.do(ChangeReserve, w.file.Name(), more) == nil {
			w.reserved = end + reserveChunk
		} else {
			w.reserved = end
		}
	}
	if err := around.write(w.file, buf, at); err != nil {
		return err
	}
	return around.do(ChangeSync, w.file.Name(), func() error { return datasync(w.file) })
}

// fits says whether a frame of that size goes into the last segment.
func (b *Book) fits(v *view, size int64) bool {
	return len(v.segments) > 0 && (v.end == frame.SegmentHeaderSize || v.end+size <= b.options.SegmentSize)
}

// room returns the view with a last segment in which size bytes still fit. A
// frame that is larger than a segment gets one for itself.
func (b *Book) room(v *view, size int64) (*view, error) {
	n := len(v.segments)
	if b.fits(v, size) {
		return v, nil
	}
	header := frame.SegmentHeader{Prev: v.head}
	segments := make([]*segment, 0, n+1)
	if n > 0 {
		old := *v.segments[n-1]
		old.size = v.end
		header.PrevFirst, header.PrevSize = old.first, old.size
		segments = append(append(segments, v.segments[:n-1]...), &old)
		// If we stop here, the segment is the last one, as it was. Behind
		// this line its size is final, and the next header may name it.
		if err := b.giveBack(); err != nil {
			return nil, err
		}
	}
	file, err := b.createSegment(header)
	if err != nil {
		return nil, err
	}
	if b.write.file != nil {
		if err := b.write.file.Close(); err != nil {
			return nil, err
		}
	}
	b.write.file, b.write.reserved = file, frame.SegmentHeaderSize
	segments = append(segments, newSegment(header))
	return &view{head: v.head, segments: segments, end: frame.SegmentHeaderSize}, nil
}

func newSegment(header frame.SegmentHeader) *segment {
	s := &segment{first: header.Prev.Size, header: header, size: frame.SegmentHeaderSize, marks: &marks{}}
	s.marks.add(mark{header.Prev, frame.SegmentHeaderSize})
	return s
}

// createSegment makes an empty segment durable under its name. The name
// appears only when the header is on the disk: if we stop before the rename, a
// file with another ending is left, which Open removes.
func (b *Book) createSegment(header frame.SegmentHeader) (*os.File, error) {
	data, err := header.Append(nil)
	if err != nil {
		return nil, err
	}
	name := b.path(frame.SegmentName(header.Prev.Size))
	file, err := b.options.Around.open(name+newSuffix, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return nil, err
	}
	if err := publish(b.options.Around, file, data, name); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// publish writes a new file and gives it its name, durably.
func publish(around Around, file *os.File, data []byte, name string) error {
	if err := around.write(file, data, 0); err != nil {
		return err
	}
	if err := around.sync(file); err != nil {
		return err
	}
	if err := around.rename(file.Name(), name); err != nil {
		return err
	}
	return around.syncDir(name)
}

// giveBack cuts the reserved space off the last segment.
func (b *Book) giveBack() error {
	if b.write.file == nil {
		return nil
	}
	end := b.view.Load().end
	info, err := b.write.file.Stat()
	if err != nil || info.Size() == end {
		return err
	}
	if err := b.options.Around.truncate(b.write.file, end); err != nil {
		return err
	}
	b.write.reserved = end
	return b.options.Around.sync(b.write.file)
}
