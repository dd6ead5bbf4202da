package book

import (
	"errors"
	"fmt"
	"os"

	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/ledger/frame"
)

// list returns the segments in order with their headers. What does not fit
// together goes to b.damages.
func (b *Book) list() ([]*segment, error) {
	files, err := os.ReadDir(b.path(""))
	if err != nil {
		return nil, err
	}
	var segments []*segment
	for _, f := range files {
		if first, ok := frame.ParseSegmentName(f.Name()); ok {
			s, err := b.readSegment(first)
			if err != nil {
				return nil, err
			}
			segments = append(segments, s)
		}
	}
	for i, s := range segments {
		before := &segment{}
		if i > 0 {
			before = segments[i-1]
		}
		b.compare(before, s)
	}
	return segments, nil
}

func (b *Book) readSegment(first uint64) (*segment, error) {
	name := frame.SegmentName(first)
	file, err := os.Open(b.path(name))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	header, err := frame.ReadSegmentHeader(file)
	if err == nil && header.Prev.Size != first {
		err = fmt.Errorf("%w: the header of segment %d", frame.ErrFrame, header.Prev.Size)
	}
	if errors.Is(err, frame.ErrFrame) {
		b.damages = append(b.damages, ledger.Damage{First: first, Last: first, File: relative(name), Reason: err.Error()})
		header, err = guessHeader(file, first, info.Size()), nil
	}
	s := newSegment(header)
	s.size = info.Size()
	return s, err
}

// guessHeader makes a header for a segment that lost it from its first frame,
// so that the frames can still be read.
func guessHeader(file *os.File, first uint64, size int64) frame.SegmentHeader {
	header := frame.SegmentHeader{Prev: chain.Head{Size: first}, PrevSize: -1}
	for part, err := range frame.Scan(file, frame.SegmentHeaderSize, size) {
		if err == nil && part.Frame != nil && part.Frame.Prev.Size == first {
			header.Prev = part.Frame.Prev
		}
		break
	}
	return header
}

// compare checks that a segment follows the one before it.
func (b *Book) compare(before, s *segment) {
	h := s.header
	if h.PrevSize < 0 { // damaged, and reported
		return
	}
	d := ledger.Damage{First: before.first, Last: max(s.first, 1) - 1, File: relative(frame.SegmentName(h.PrevFirst))}
	switch {
	case h.PrevFirst != before.first || (h.PrevSize > 0 && before.size == 0):
		d.First = h.PrevFirst
		d.Reason = fmt.Sprintf("the segment before %s is missing", frame.SegmentName(s.first))
	case h.PrevSize != before.size:
		d.Offset = min(h.PrevSize, before.size)
		d.Reason = fmt.Sprintf("%d bytes, %s says %d", before.size, frame.SegmentName(s.first), h.PrevSize)
	default:
		return
	}
	b.damages = append(b.damages, d)
}

// ending is what the end of the book looks like.
type ending struct {
	view   *view  // all whole frames
	stands *view  // those before the first thing that does not follow what was read before it
	broken bool   // there is such a thing
	below  *view  // those up to the checkpoint, if there is one
	frames int    // whole frames that were read, from the checkpoint's segment on
	torn   *Torn  // bytes behind the last whole frame
	later  uint64 // size that a frame's header in those bytes extends
	border bool   // the checkpoint stands where a commit ends
}

// readEnd reads every frame from the segment in which entry from stands; if
// there is no checkpoint, from the last segment.
func (b *Book) readEnd(segments []*segment, from uint64) (*ending, error) {
	start := &view{segments: segments[:0]}
	e := &ending{view: start, stands: start, below: start, border: b.noted == 0}
	for i, s := range segments {
		if i+1 < len(segments) && segments[i+1].first <= from {
			continue
		}
		e.broken = e.broken || s.header.Prev != e.view.head || s.header.PrevSize < 0
		e.extend(b, &view{head: s.header.Prev, segments: segments[:i+1], end: frame.SegmentHeaderSize})
		if err := b.readEndOf(e, segments, i); err != nil {
			return nil, err
		}
	}
	b.judgeEnd(e)
	if b.slots.note == nil {
		e.below = e.view
	}
	return e, nil
}

// extend takes a further place where a commit ends.
func (e *ending) extend(b *Book, v *view) {
	e.view = v
	if !e.broken {
		e.stands = v
	}
	if v.head.Size <= b.noted {
		e.below = v
	}
	e.border = e.border || v.head.Size == b.noted
}

// readEndOf reads the frames of one segment.
func (b *Book) readEndOf(e *ending, segments []*segment, i int) error {
	s, last := segments[i], i+1 == len(segments)
	name := frame.SegmentName(s.first)
	file, err := os.Open(b.path(name))
	if err != nil {
		return err
	}
	defer file.Close()
	w := walker{head: s.header.Prev, file: relative(name)}
	for st, err := range w.walk(file, frame.SegmentHeaderSize, s.size) {
		e.broken = e.broken || st.frame == nil
		switch {
		case err != nil:
			return err
		case st.frame != nil:
			e.frames++
			s.marks.add(mark{st.frame.Prev, st.offset})
			end := st.offset + int64(st.frame.Size())
			e.extend(b, &view{head: st.frame.Head, segments: segments[:i+1], end: end})
		case st.tail && last && st.zero:
			// space that was reserved and not given back
		case st.tail && last:
			e.torn = &Torn{First: w.head.Size, File: w.file, Offset: st.offset, Size: s.size - st.offset, Reason: st.damage.Reason}
			e.later = st.later
		case st.tail:
			b.gap(st.damage, segments[i+1])
			return nil
		default:
			b.damages = append(b.damages, *st.damage)
		}
	}
	if !last && w.head != segments[i+1].header.Prev {
		reason := fmt.Sprintf("%s does not follow", frame.SegmentName(segments[i+1].first))
		b.gap(w.damage(s.size, reason), segments[i+1])
	}
	return nil
}

// gap reports damage that reaches to the next segment.
func (b *Book) gap(d *ledger.Damage, next *segment) {
	if next.first > d.First {
		d.Last = next.first - 1
	}
	b.damages = append(b.damages, *d)
}

// judgeEnd compares the end of the book with the checkpoint.
func (b *Book) judgeEnd(e *ending) {
	head := e.view.head.Size
	if head > b.noted && b.slots.note != nil {
		b.report.Above = head - b.noted
	}
	if b.slots.note == nil {
		b.report.Torn = e.torn
		return
	}
	d := e.lost(b.noted-min(b.noted, 1), "")
	switch {
	case head < b.noted && e.torn != nil:
		d.Reason = e.torn.Reason
	case head < b.noted:
		d.Reason = fmt.Sprintf("the book ends here, its checkpoint is of %d entries", b.noted)
	case !e.border && len(b.damages) == 0:
		d.First, d.Last, d.Reason = b.noted, b.noted, "the checkpoint stands inside a commit"
	default:
		b.report.Torn = e.torn
		return
	}
	b.damages = append(b.damages, d)
}
