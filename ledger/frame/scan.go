package frame

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
)

const (
	firstRead = 64 << 10 // bytes read at first, doubled up to
	fullRead  = 1 << 20
)

// Part is a stretch of a segment file. Exactly one of three holds: Frame is
// set (a whole frame), or Err is set (bytes that are not one), or neither
// (zero bytes up to the end: space reserved for frames to come).
type Part struct {
	Offset int64 // in the file
	Length int64
	Frame  *Frame // valid until the next iteration
	Err    error  // wraps ErrFrame
	// Later is, behind the beginning of bytes that are not a frame, the size that
	// the last whole header of a frame there extends: its body is not what was
	// written, but it was begun. 0 if there is none.
	Later uint64
}

// Reserved says whether the part is zero bytes up to the end of the file.
func (p *Part) Reserved() bool { return p.Frame == nil && p.Err == nil }

// Scan yields the parts of a segment file from one offset to another, in
// order and without gaps. It begins where a frame should begin, such as
// SegmentHeaderSize. Every checksum is checked. Behind bytes that are not a
// whole frame it goes on with the next frame that is whole, wherever it
// begins; zero bytes at the very end are reported as a part of their own.
//
// What the parts mean is the caller's judgement: whether Frame.Prev is the
// head of the frame before, whether a bad part at the end is a torn write or
// damage. The error is one of reading and ends the iteration.
func Scan(r io.ReaderAt, from, to int64) iter.Seq2[Part, error] {
	return func(yield func(Part, error) bool) {
		s := scanner{window: window{r: r, end: to, base: from, read: firstRead}}
		for at := from; at < to; {
			part, err := s.next(at)
			if err != nil {
				yield(Part{Offset: at}, fmt.Errorf("read at %d: %w", at, err))
				return
			}
			if !yield(part, nil) {
				return
			}
			at += part.Length
		}
	}
}

type scanner struct {
	window
	frame Frame
	later uint64
}

// next returns the part that begins at an offset.
func (s *scanner) next(at int64) (Part, error) {
	size, bad, err := s.whole(at)
	if err != nil {
		return Part{}, err
	}
	if bad == nil {
		return Part{Offset: at, Length: size, Frame: &s.frame}, nil
	}
	s.later = 0
	next, err := s.resync(at + 1)
	if err != nil {
		return Part{}, err
	}
	if next < s.end {
		return Part{Offset: at, Length: next - at, Err: bad, Later: s.later}, nil
	}
	end, err := s.lastNonZero(at)
	if err != nil {
		return Part{}, err
	}
	if end == at {
		return Part{Offset: at, Length: s.end - at}, nil
	}
	return Part{Offset: at, Length: end - at, Err: bad, Later: s.later}, nil
}

// whole parses the frame at an offset into s.frame and returns its size, or
// says in bad why there is none.
func (s *scanner) whole(at int64) (size int64, bad, err error) {
	data, err := s.peek(at, HeaderSize)
	if err != nil {
		return 0, nil, err
	}
	h, bad := ParseHeader(data)
	if bad != nil {
		return 0, bad, nil
	}
	if data, err = s.peek(at, h.Size()); err != nil {
		return 0, nil, err
	}
	if bad = s.frame.Parse(data); bad != nil {
		s.later = h.Prev.Size
	}
	return int64(h.Size()), bad, nil
}

// resync returns the offset of the first whole frame at or behind an offset,
// or the end.
func (s *scanner) resync(at int64) (int64, error) {
	for at < s.end {
		data, err := s.peek(at, fullRead)
		if err != nil {
			return 0, err
		}
		i := bytes.Index(data, frameMagic)
		if i < 0 {
			at += max(int64(len(data)-len(frameMagic)+1), 1)
			continue
		}
		at += int64(i)
		if _, bad, err := s.whole(at); err != nil || bad == nil {
			return at, err
		}
		at++
	}
	return s.end, nil
}

// lastNonZero returns the offset behind the last byte that is not zero, not
// less than at.
func (s *scanner) lastNonZero(at int64) (int64, error) {
	end := at
	for at < s.end {
		data, err := s.peek(at, fullRead)
		if err != nil {
			return 0, err
		}
		if kept := len(bytes.TrimRight(data, "\x00")); kept > 0 {
			end = at + int64(kept)
		}
		at += int64(len(data))
	}
	return end, nil
}

func isZero(data []byte) bool { return len(bytes.TrimRight(data, "\x00")) == 0 }

// window is a part of a file in memory.
type window struct {
	r    io.ReaderAt
	end  int64 // nothing is read from here on
	base int64 // file offset of buf[0]
	buf  []byte
	read int // how much is read next
}

// peek returns n bytes at an offset, or what there is before the end. They are
// valid until the next call.
func (w *window) peek(at int64, n int) ([]byte, error) {
	n = int(min(int64(n), w.end-at))
	if at < w.base || at > w.base+int64(len(w.buf)) {
		w.base, w.buf = at, w.buf[:0]
	}
	skip := int(at - w.base)
	if have := len(w.buf) - skip; have < n {
		if err := w.fill(at, skip, n); err != nil {
			return nil, err
		}
		skip = 0
	}
	return w.buf[skip : skip+n], nil
}

// fill drops the first skip bytes and reads on so that n bytes are there.
func (w *window) fill(at int64, skip, n int) error {
	want := int(min(int64(max(n, w.read)), w.end-at))
	kept := w.buf[skip:]
	if want > cap(w.buf) {
		kept = append(make([]byte, 0, want), kept...)
	} else {
		kept = w.buf[:copy(w.buf, kept)]
	}
	w.base, w.buf = at, kept[:want]
	got, err := w.r.ReadAt(w.buf[len(kept):], at+int64(len(kept)))
	if got < want-len(kept) {
		w.buf = w.buf[:len(kept)+got]
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	w.read = min(2*w.read, fullRead)
	return nil
}
