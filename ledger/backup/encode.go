package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"

	"civicledger/ledger/chain"
	"civicledger/ledger/frame"
)

// encode returns the frames of the gap that is piece i of a file and begins at
// an offset.
func (w *repair) encode(t *target, i int, at int64) ([]byte, error) {
	g := t.pieces[i].gap
	c, err := newCutting(g.prev, g.entries, w.cp.Size)
	if err != nil {
		return nil, err
	}
	var frames []frame.Frame
	size, old := w.room(t, i, at)
	if g.hinted && g.begins[0] {
		frames = c.hinted(g.begins)
	}
	if size >= 0 && sizeOf(frames) != size {
		if exact := c.exact(size, old); exact != nil {
			frames = exact
		}
	}
	if frames == nil {
		frames = c.likely()
		if frames == nil {
			return nil, fmt.Errorf("a submission at entry %d is larger than a commit", g.first)
		}
		w.done.Notes = append(w.done.Notes, fmt.Sprintf("%s: where the commits of entries %d to %d ended is not known; there is one for each time of recording", t.name, g.first, g.to-1))
	}
	var buf []byte
	for i := range frames {
		if buf, err = frames[i].Append(buf); err != nil {
			return nil, err
		}
	}
	return buf, nil
}

func sizeOf(frames []frame.Frame) (size int64) {
	for i := range frames {
		size += int64(frames[i].Size())
	}
	return size
}

// room returns how many bytes the gap had, -1 if that is not known, and what is
// there now.
func (w *repair) room(t *target, i int, at int64) (int64, []byte) {
	if t.old == nil {
		if t.size >= 0 && len(t.pieces) == 1 {
			return t.size - frame.SegmentHeaderSize, nil
		}
		return -1, nil
	}
	end := t.old.size
	switch {
	case i+1 < len(t.pieces) && t.pieces[i+1].run != nil && t.pieces[i+1].run.file == t.name:
		end = t.pieces[i+1].run.offset
	case t.size >= 0:
		end = t.size
	case t.last:
		end = w.lastByte(t)
	}
	if end <= at {
		return -1, nil
	}
	old, err := w.readRange(t.name, at, min(end, t.old.size))
	if err != nil {
		return -1, nil
	}
	return end - at, old
}

// lastByte is where the bytes end that are not reserved space.
func (w *repair) lastByte(t *target) int64 {
	data, err := w.readRange(t.name, 0, t.old.size)
	if err != nil {
		return -1
	}
	return int64(len(bytes.TrimRight(data, "\x00")))
}

func (w *repair) readRange(name string, from, end int64) ([]byte, error) {
	if from >= end {
		return nil, nil
	}
	file, err := os.Open(bookPath(w.Data, name))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	buf := make([]byte, end-from)
	n, err := file.ReadAt(buf, from)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return buf[:n], err
}

// oldBytes returns what stands in the files where a gap is: bytes that are no
// whole frames, or are not believed.
func (w *repair) oldBytes(g *gap) ([]byte, error) {
	before, after := w.around(g)
	var all []byte
	for i := range w.segments {
		s := &w.segments[i]
		from, end := int64(0), s.size
		switch {
		case i+1 < len(w.segments) && w.segments[i+1].first <= g.first, s.first >= g.to:
			continue
		case before != nil && before.file == s.name:
			from = before.end
		}
		if after != nil && after.file == s.name {
			end = after.offset
		}
		part, err := w.readRange(s.name, from, end)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", s.name, err)
		}
		all = append(all, part...)
	}
	return all, nil
}

// around returns the runs before and behind a gap, nil where there is none.
func (w *repair) around(g *gap) (before, after *run) {
	for i := range w.runs {
		r := &w.runs[i]
		if r.head.Size <= g.first {
			before = r
		}
		if after == nil && r.prev.Size >= g.to {
			after = r
		}
	}
	return before, after
}

// untilOther cuts a run where a source begins to have other entries: hashes
// link, so that from there on all differ.
func (w *repair) untilOther(ctx context.Context, r run) (run, error) {
	file, err := os.Open(bookPath(w.Data, r.file))
	if err != nil {
		return r, err
	}
	defer file.Close()
	type place struct {
		prev, head chain.Head
		offset     int64
	}
	var frames []place
	for part, err := range frame.Scan(file, r.offset, r.end) {
		if err != nil {
			return r, err
		}
		frames = append(frames, place{part.Frame.Prev, part.Frame.Head, part.Offset})
	}
	var failed error
	i := sort.Search(len(frames), func(i int) bool {
		same, known, err := w.knows(ctx, frames[i].head)
		failed = errors.Join(failed, err)
		return known && !same
	})
	if i < len(frames) {
		r.head, r.end = frames[i].prev, frames[i].offset
	}
	return r, failed
}
