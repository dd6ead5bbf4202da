package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"

	"civicledger/ledger/book"
	"civicledger/ledger/chain"
	"civicledger/ledger/frame"
	"civicledger/ledger/verify"
	"civicledger/ledger/verify/source"
	"civicledger/ledger/verify/verdict"
)

// shadowName is the directory in which the repaired book is put together: new
// files, and links to those that stay.
const shadowName = "repair.new"

// target is a segment file as it must be.
type target struct {
	first   uint64
	name    string
	old     *segment // nil: it is missing
	size    int64    // as the next header states it; -1 if nothing does
	pieces  []piece
	last    bool
	changed bool
}

// piece is a run that stands, or the part of a gap that belongs to the file.
type piece struct {
	run  *run
	gap  *gap // entries are proven
	prev chain.Head
}

// build writes what changes into the shadow directory and verifies the whole.
func (w *repair) build(ctx context.Context, shadow string) error {
	if err := w.files.mkdir(filepath.Join(shadow, book.Dir)); err != nil {
		return err
	}
	if err := w.layout(); err != nil {
		return err
	}
	header := frame.SegmentHeader{}
	for _, t := range w.plan {
		if err := ctx.Err(); err != nil {
			return err
		}
		next, err := w.buildFile(t, header, bookPath(shadow, t.name))
		if err != nil {
			return fmt.Errorf("rebuild %s: %w", t.name, err)
		}
		header = next
	}
	if err := w.buildSlots(shadow); err != nil {
		return err
	}
	w.done.Report = verify.Run(ctx, source.Directory(shadow), w.Key, verify.Options{Progress: w.options.Progress})
	w.done.Report.Source = w.Data
	if w.done.Report.Verdict == verdict.Unchecked {
		return fmt.Errorf("verify the repaired book: %s", w.done.Report.Problem)
	}
	return nil
}

func (w *repair) buildSlots(shadow string) error {
	for _, name := range frame.SlotNames {
		if w.newSlot != nil {
			w.done.Changes = append(w.done.Changes, Change{File: inBook(name), Bytes: int64(len(w.newSlot)), What: "the checkpoint, from a source", Last: w.cp.Size - 1})
			if err := w.files.put(bookPath(shadow, name), w.newSlot); err != nil {
				return err
			}
			continue
		}
		if err := w.link(shadow, name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// link shows a file of the book in the shadow directory.
func (w *repair) link(shadow, name string) error {
	path, err := filepath.Abs(bookPath(w.Data, name))
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil {
		return err
	}
	return w.files.do(book.ChangeCreate, bookPath(shadow, name), func() error { return os.Symlink(path, bookPath(shadow, name)) })
}

// layout says which files there must be and what belongs in each.
func (w *repair) layout() error {
	w.plan = nil
	firsts := w.firsts()
	for i, first := range firsts {
		t := &target{first: first, name: frame.SegmentName(first), size: -1, last: i+1 == len(firsts)}
		if at := slices.IndexFunc(w.segments, func(s segment) bool { return s.first == first }); at >= 0 {
			t.old = &w.segments[at]
		}
		to := ^uint64(0)
		if !t.last {
			to = firsts[i+1]
			at := slices.IndexFunc(w.segments, func(s segment) bool { return s.first == to && s.bad == nil })
			if at >= 0 && w.segments[at].header.PrevFirst == first {
				t.size = w.segments[at].header.PrevSize
			}
		}
		t.pieces = w.piecesOf(first, to)
		w.plan = append(w.plan, t)
	}
	return nil
}

// firsts are the first indexes of all files there must be: of those that are
// there and begin as they should, of those that another names as the one before
// it, and, where ours are gone, of those of a source that has the entries.
func (w *repair) firsts() []uint64 {
	var all []uint64
	for i := range w.segments {
		s := &w.segments[i]
		if s.bad == nil {
			all = append(all, s.first, s.header.PrevFirst)
		}
	}
	for i := range w.runs {
		r := &w.runs[i]
		if r.offset == frame.SegmentHeaderSize && frame.SegmentName(r.prev.Size) == r.file {
			all = append(all, r.prev.Size)
		}
	}
	for _, g := range w.gaps {
		for _, first := range g.firsts {
			if g.first <= first && first < g.to && !w.closed(first) {
				all = append(all, first)
			}
		}
	}
	all = append(all, 0)
	slices.Sort(all)
	all = slices.Compact(all)
	end := w.cp.Size
	if n := len(w.runs); n > 0 {
		end = max(end, w.runs[n-1].head.Size)
	}
	return slices.DeleteFunc(all, func(first uint64) bool {
		return first > end || (first == end && !w.isThere(first)) || w.inside(first)
	})
}

// closed says whether an intact header shows that no file begins there: it
// names the one before it, and that begins earlier.
func (w *repair) closed(first uint64) bool {
	return slices.ContainsFunc(w.segments, func(s segment) bool {
		return s.bad == nil && s.header.PrevFirst < first && first < s.first
	})
}

func (w *repair) isThere(first uint64) bool {
	return slices.ContainsFunc(w.segments, func(s segment) bool { return s.first == first })
}

// inside says whether a file cannot begin there, because the entry stands in
// the middle of a run in another file, or of a submission.
func (w *repair) inside(first uint64) bool {
	if slices.ContainsFunc(w.runs, func(r run) bool { return r.prev.Size < first && first < r.head.Size }) {
		return true
	}
	for _, g := range w.gaps {
		if g.first < first && first < g.to {
			h, _, err := chain.ParseEntry(g.entries[first-g.first])
			return err != nil || h.Position != 1
		}
	}
	return false
}

// piecesOf returns what belongs into a file, in order.
func (w *repair) piecesOf(from, to uint64) (pieces []piece) {
	for i := range w.runs {
		if r := &w.runs[i]; r.prev.Size >= from && r.prev.Size < to {
			pieces = append(pieces, piece{run: r, prev: r.prev})
		}
	}
	for _, g := range w.gaps {
		first, end := max(g.first, from), min(g.to, to)
		if first >= end {
			continue
		}
		part := &gap{first: first, to: end, prev: g.prev, hinted: g.hinted, entries: g.entries[first-g.first : end-g.first]}
		if first > g.first {
			part.prev = chain.Head{Size: first, Last: hashes.Leaf(g.entries[first-g.first-1])}
		}
		if g.hinted {
			part.begins = g.begins[first-g.first : end-g.first]
		}
		pieces = append(pieces, piece{gap: part, prev: part.prev})
	}
	sort.SliceStable(pieces, func(i, j int) bool { return pieces[i].prev.Size < pieces[j].prev.Size })
	return pieces
}

// buildFile makes the file of a target, or links the old one if that is what it
// must be; it returns the header of the file that follows.
func (w *repair) buildFile(t *target, header frame.SegmentHeader, path string) (next frame.SegmentHeader, err error) {
	head := header.Prev
	if len(t.pieces) > 0 {
		head = t.pieces[len(t.pieces)-1].head()
	}
	if t.asItWas(header) {
		return frame.SegmentHeader{Prev: head, PrevFirst: t.first, PrevSize: t.old.size}, w.link(filepath.Dir(filepath.Dir(path)), t.name)
	}
	t.changed = true
	file, err := w.files.create(path, os.O_RDWR|os.O_TRUNC)
	if err != nil {
		return next, err
	}
	defer file.Close()
	size, err := w.writeFile(t, header, file)
	if err != nil {
		return next, err
	}
	if err := w.files.sync(file); err != nil {
		return next, err
	}
	if err := w.compare(t, file, size); err != nil {
		return next, err
	}
	return frame.SegmentHeader{Prev: head, PrevFirst: t.first, PrevSize: size}, nil
}

func (p *piece) head() chain.Head {
	if p.run != nil {
		return p.run.head
	}
	return chain.Head{Size: p.gap.to, Last: hashes.Leaf(p.gap.entries[len(p.gap.entries)-1])}
}

// asItWas says whether the old file has nothing wrong.
func (t *target) asItWas(header frame.SegmentHeader) bool {
	if t.old == nil || t.old.bad != nil || t.old.header != header {
		return false
	}
	end := int64(frame.SegmentHeaderSize)
	for _, p := range t.pieces {
		if p.run == nil || p.run.file != t.name || p.run.offset != end {
			return false
		}
		end = p.run.end
	}
	return t.last || t.old.size == end
}

// writeFile writes header, runs and gaps one after the other. Behind the last
// run of the last file, what lies above the checkpoint is kept as it is.
func (w *repair) writeFile(t *target, header frame.SegmentHeader, to *os.File) (int64, error) {
	data, err := header.Append(nil)
	if err != nil {
		return 0, err
	}
	if err := w.files.write(to, data, 0); err != nil {
		return 0, err
	}
	at := int64(len(data))
	for i, p := range t.pieces {
		if p.run != nil {
			err = w.copyRange(p.run.file, p.run.offset, p.run.end, to, at)
			at += p.run.end - p.run.offset
		} else {
			var buf []byte
			if buf, err = w.encode(t, i, at); err == nil {
				err = w.files.write(to, buf, at)
			}
			at += int64(len(buf))
		}
		if err != nil {
			return 0, err
		}
	}
	if n := len(t.pieces); t.last && n > 0 && t.pieces[n-1].run != nil && t.pieces[n-1].run.file == t.name {
		end := t.pieces[n-1].run.end
		return at + t.old.size - end, w.copyRange(t.name, end, t.old.size, to, at)
	}
	return at, nil
}

func (w *repair) copyRange(name string, from, end int64, to *os.File, at int64) error {
	file, err := os.Open(bookPath(w.Data, name))
	if err != nil {
		return err
	}
	defer file.Close()
	buf := make([]byte, 1<<20)
	for from < end {
		n := int(min(int64(len(buf)), end-from))
		if _, err := file.ReadAt(buf[:n], from); err != nil {
			return err
		}
		if err := w.files.write(to, buf[:n], at); err != nil {
			return err
		}
		from, at = from+int64(n), at+int64(n)
	}
	return nil
}
