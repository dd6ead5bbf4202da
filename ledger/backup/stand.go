package backup

import (
	"fmt"
	"os"
	"slices"

	"civicledger/ledger/chain"
	"civicledger/ledger/frame"
)

// run is a stretch of a segment file in which whole, sealed frames follow each
// other: it stands as it is.
type run struct {
	file       string
	offset     int64 // of its first byte
	end        int64
	prev, head chain.Head
	last       struct { // its last frame, so that it can be given up
		prev   chain.Head
		offset int64
	}
}

// add takes a frame that follows.
func (r *run) add(part *frame.Part) {
	r.head, r.end = part.Frame.Head, part.Offset+part.Length
	r.last.prev, r.last.offset = part.Frame.Prev, part.Offset
}

// shorten gives up the last frame; it returns false if nothing is left.
func (r *run) shorten() bool {
	r.head, r.end = r.last.prev, r.last.offset
	return r.offset < r.end
}

// findRuns reads a book's segments and returns what stands in them, in the
// order of the files. Nothing is taken from frames outside the bounds that the
// files' names give them.
func findRuns(dir string, segments []segment, progress func(done, total uint64), total uint64) ([]run, error) {
	var runs []run
	for i := range segments {
		s := &segments[i]
		bound := ^uint64(0)
		if i+1 < len(segments) {
			bound = segments[i+1].first
		}
		found, err := runsOf(dir, s, bound)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", s.name, err)
		}
		runs = append(runs, found...)
		if len(found) > 0 {
			progress(min(found[len(found)-1].head.Size, total), total)
		}
	}
	return runs, nil
}

func runsOf(dir string, s *segment, bound uint64) ([]run, error) {
	file, err := os.Open(bookPath(dir, s.name))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var runs []run
	for part, err := range frame.Scan(file, min(frame.SegmentHeaderSize, s.size), s.size) {
		if err != nil {
			return nil, err
		}
		f := part.Frame
		if f == nil || f.Prev.Size < s.first || f.Head.Size > bound || sealed(f) != nil {
			continue
		}
		if n := len(runs); n > 0 && runs[n-1].end == part.Offset && runs[n-1].head == f.Prev {
			runs[n-1].add(&part)
			continue
		}
		r := run{file: s.name, offset: part.Offset, prev: f.Prev}
		r.add(&part)
		runs = append(runs, r)
	}
	return runs, nil
}

// choose keeps the runs that can be parts of one log, as many entries as
// possible: a frame that was copied to another place does not push out those
// that stand where they belong. Where two neighbours contradict each other
// without a gap between them, the frames on both sides are given up: what
// belongs there is decided by hashes.
func choose(runs []run) []run {
	best := make([]uint64, len(runs)) // entries of the best choice that ends with it
	from := make([]int, len(runs))
	end := -1
	for i := range runs {
		from[i] = -1
		for j := range i {
			if runs[j].head.Size <= runs[i].prev.Size && (from[i] < 0 || best[j] > best[from[i]]) {
				from[i] = j
			}
		}
		best[i] = runs[i].head.Size - runs[i].prev.Size
		if from[i] >= 0 {
			best[i] += best[from[i]]
		}
		if end < 0 || best[i] > best[end] {
			end = i
		}
	}
	var chosen []run
	for ; end >= 0; end = from[end] {
		chosen = append(chosen, runs[end])
	}
	slices.Reverse(chosen)
	return agreeing(chosen)
}

// agreeing drops the frames around a contradiction.
func agreeing(runs []run) []run {
	var kept []run
	for i := range runs {
		r := runs[i]
		if i > 0 && runs[i-1].head.Size == r.prev.Size && runs[i-1].head != r.prev {
			if n := len(kept); n > 0 && kept[n-1].head == runs[i-1].head && !kept[n-1].shorten() {
				kept = kept[:n-1]
			}
		}
		kept = append(kept, r)
	}
	return kept
}
