package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"civicledger/cmd/internal/datadir"
	"civicledger/ledger"
	"civicledger/ledger/book"
	"civicledger/ledger/frame"
	"civicledger/ledger/index"
	"civicledger/ledger/verify/verdict"
)

// mishap is something that happens to a directory while nobody serves it.
type mishap struct {
	name string
	do   func(*run) error
	// closed says that it is only judged where the ledger was closed in order:
	// what lies above a stored checkpoint may be lost with its last frame.
	closed bool
}

// mishaps are done to the directory itself where the ledger must then start
// (it goes on from there), and to a copy where it must not.
var mishaps = []mishap{
	{"index damaged", (*run).damageIndex, false},
	{"index damaged", (*run).damageIndex, false},
	{"index file gone", (*run).loseIndexFile, false},
	{"index gone", (*run).loseIndex, false},
	{"a slot damaged", (*run).damageSlot, true},
	{"both slots damaged", (*run).damageSlots, true},
	{"leavings", (*run).leavings, true},
	{"book damaged", (*run).damageBook, true},
	{"book damaged", (*run).damageBook, true},
	{"book damaged", (*run).damageBook, true},
	{"a segment gone", (*run).loseSegment, true},
	{"stale index", (*run).staleIndex, false},
	{"stale slots", (*run).staleSlots, false},
	{"stale book", (*run).staleBook, true},
	{"stale segments", (*run).staleSegments, true},
	{"stale directory", (*run).staleDirectory, true},
	{"key damaged", (*run).damageKey, false},
	{"no room at start", (*run).noRoom, false},
}

// whileStopped lets something happen to the directory, or not.
func (r *run) whileStopped() error {
	closed, err := r.closedInOrder()
	if err != nil {
		return err
	}
	for range r.rng.IntN(3) {
		m := mishaps[r.rng.IntN(len(mishaps))]
		if m.closed && !closed {
			if r.rng.IntN(2) == 0 {
				continue
			}
			if err := r.mustStart(nil); err != nil {
				return err
			}
			closed = true
		}
		if err := m.do(r); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		if err := r.disk.settled(r.dir); err != nil {
			return err
		}
	}
	if closed && r.rng.IntN(2) == 0 {
		return r.keepStale()
	}
	return nil
}

// closedInOrder says whether the stored checkpoint is of the whole log, and the
// model has read all of it.
func (r *run) closedInOrder() (bool, error) {
	s, err := book.TakeSurvey(r.dir)
	if err != nil {
		return false, err
	}
	return s.Torn == nil && s.Checkpoint == s.Head.Size && s.Head.Size == uint64(len(r.model.entries)) && len(s.Damages) == 0, nil
}

// copied is a copy of the directory that is thrown away.
func (r *run) copied(from string, skip ...string) (dir string, drop func(), err error) {
	r.dirs++
	dir = filepath.Join(r.base, fmt.Sprintf("copy-%d", r.dirs))
	return dir, func() { os.RemoveAll(dir) }, copyDir(from, dir, skip...)
}

func (r *run) did(what, detail string) {
	r.trace("%s: %s", what, detail)
	r.result.Faults[what]++
}

// mustStart opens the directory, checks everything and closes it.
func (r *run) mustStart(then func(*node) error) error {
	n, err := r.open(r.opening(r.dir))
	if err != nil {
		return fmt.Errorf("it does not open: %w", err)
	}
	if err := r.check(n); err != nil {
		r.abandon(n)
		return err
	}
	if then != nil {
		if err := then(n); err != nil {
			r.abandon(n)
			return err
		}
	}
	return n.close()
}

// mustRefuse opens a directory that must not be started for writing.
func (r *run) mustRefuse(dir string, fits func(error) bool) error {
	n, err := r.open(r.opening(dir))
	if err == nil {
		size := n.ledger.Head().Size
		r.abandon(n)
		return fmt.Errorf("it starts, with %d entries of %d", size, r.model.size)
	}
	if !fits(err) {
		return fmt.Errorf("it does not start, but says: %w", err)
	}
	r.result.Refusals[reason(err)]++
	r.trace("  refused: %.200v", err)
	return nil
}

func wraps(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

// reason is the class of a refusal to start.
func reason(err error) string {
	switch {
	case errors.Is(err, book.ErrNoCheckpoint):
		return "no checkpoint"
	case errors.Is(err, ledger.ErrDamaged):
		return "damaged"
	case errors.Is(err, errKeys):
		return "key file"
	case errors.Is(err, ledger.ErrNoSpace):
		return "no space"
	}
	return "other"
}

// indexFiles are all files of the index, in order.
func (r *run) indexFiles() ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(datadir.Dir(r.dir).Index(), "*"))
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(paths, func(p string) bool { return filepath.Base(p) == "LOCK" }), nil
}

// damageIndex: the ledger starts, with an index that is right.
func (r *run) damageIndex() error {
	paths, err := r.indexFiles()
	if err != nil || len(paths) == 0 {
		return err
	}
	for range 1 + r.rng.IntN(2) {
		d := &damage{kind: damageKinds[r.rng.IntN(len(damageKinds))], path: paths[r.rng.IntN(len(paths))]}
		if d.kind == removed {
			d.kind = flipped
		}
		if _, err := d.do(r.rng); err != nil {
			return err
		}
		r.did("index "+d.kind, d.String())
	}
	return r.mustStart(nil)
}

func (r *run) loseIndexFile() error {
	paths, err := r.indexFiles()
	if err != nil || len(paths) == 0 {
		return err
	}
	path := paths[r.rng.IntN(len(paths))]
	r.did("index file removed", filepath.Base(path))
	return errors.Join(os.Remove(path), r.mustStart(nil))
}

// loseIndex: it is rebuilt from the book, and that is told.
func (r *run) loseIndex() error {
	r.did("index removed", "")
	if err := os.RemoveAll(datadir.Dir(r.dir).Index()); err != nil {
		return err
	}
	return r.mustStart(func(n *node) error {
		if !n.replayed {
			return errors.New("the index was rebuilt without progress")
		}
		return nil
	})
}

// damageSlot: the other slot counts; what is above it is checked and signed.
func (r *run) damageSlot() error {
	name := frame.SlotNames[r.rng.IntN(2)]
	d := &damage{kind: damageKinds[r.rng.IntN(len(damageKinds))], path: bookPath(r.dir, name)}
	if _, err := d.do(r.rng); err != nil {
		return err
	}
	r.did("slot "+d.kind, d.String())
	if report := r.judgeAlone(r.dir); report.Verdict != verdict.Sound {
		return fmt.Errorf("the auditor finds it %s%s", report.Verdict, words(report))
	}
	return r.mustStart(nil)
}

// judgeAlone is what an auditor says who sees the directory for the first time.
func (r *run) judgeAlone(dir string) *verdict.Report {
	known := r.model.known
	r.model.known = nil
	defer func() { r.model.known = known }()
	return r.judge(dir)
}

// damageSlots: without a checkpoint nothing says how many entries there must be.
func (r *run) damageSlots() error {
	dir, drop, err := r.copied(r.dir)
	defer drop()
	if err != nil {
		return err
	}
	for _, name := range frame.SlotNames {
		d := &damage{kind: []string{flipped, cut, emptied, removed}[r.rng.IntN(4)], path: bookPath(dir, name)}
		if _, err := d.do(r.rng); err != nil {
			return err
		}
		r.did("slots "+d.kind, d.String())
	}
	if r.model.size == 1 {
		return nil
	}
	if report := r.judgeAlone(dir); report.Verdict == verdict.Sound {
		return errors.New("the auditor finds it sound")
	}
	return r.mustRefuse(dir, wraps(book.ErrNoCheckpoint))
}

// leavings: a tail that no commit completed, zeros that were reserved, a segment
// that never had its name. They change nothing.
func (r *run) leavings() error {
	segments, err := filepath.Glob(bookPath(r.dir, "*.seg"))
	if err != nil {
		return err
	}
	last := segments[len(segments)-1]
	c, err := readContent(last)
	if err != nil {
		return err
	}
	switch r.rng.IntN(4) {
	case 0:
		r.did("segment without a name", "")
		if err := os.WriteFile(bookPath(r.dir, frame.SegmentName(r.model.size)+".new"), []byte("half"), 0o644); err != nil {
			return err
		}
	case 1:
		r.did("reserved space", filepath.Base(last))
		c.size += int64(r.rng.IntN(1 << 20))
		if err := c.write(last); err != nil {
			return err
		}
	case 2: // the beginning of the first frame, as a frame that was cut off
		r.did("torn tail", filepath.Base(last))
		frames := c.data[min(frame.SegmentHeaderSize, len(c.data)):]
		c.data = append(c.data, frames[:min(len(frames), 1+r.rng.IntN(frame.HeaderSize))]...)
		c.size = int64(len(c.data))
		if err := c.write(last); err != nil {
			return err
		}
	default:
		tails, err := filepath.Glob(bookPath(r.dir, "torn-*"))
		if err != nil {
			return err
		}
		for _, t := range tails {
			r.did("torn tail removed", filepath.Base(t))
			if err := os.Remove(t); err != nil {
				return err
			}
		}
	}
	return r.mustStart(nil)
}

// damageKey: a key file that is not what was written is refused, and a public
// key that is not the ledger's verifies nothing.
func (r *run) damageKey() error {
	dir, drop, err := r.copied(r.dir)
	defer drop()
	if err != nil {
		return err
	}
	files := datadir.Dir(dir)
	path := []string{files.LogKey(), files.OperatorKey(), files.VerifierKey()}[r.rng.IntN(3)]
	d := &damage{kind: []string{flipped, cut, noise}[r.rng.IntN(3)], path: path}
	changed, err := d.do(r.rng)
	if err != nil || !changed {
		return err
	}
	r.did("key "+d.kind, d.String())
	if path != files.VerifierKey() {
		return r.mustRefuse(dir, wraps(errKeys))
	}
	text, err := os.ReadFile(d.path)
	if err != nil {
		return err
	}
	right := r.model.vkey
	r.model.vkey = strings.TrimSpace(string(text))
	defer func() { r.model.vkey = right }()
	if report := r.judgeAlone(dir); report.Verdict == verdict.Sound && r.model.vkey != right {
		return fmt.Errorf("with the key %q the auditor finds it sound", r.model.vkey)
	}
	return nil
}

// noRoom: an index that may not write for want of room refuses, is not taken for
// damaged, and is there when there is room again.
func (r *run) noRoom() error {
	r.did("no room at start", "")
	o := r.opening(r.dir)
	o.minFree = 1 << 62
	if n, err := r.open(o); err == nil || !errors.Is(err, ledger.ErrNoSpace) || errors.Is(err, index.ErrCorrupt) {
		if err == nil {
			r.abandon(n)
		}
		return fmt.Errorf("without room for the index it opens with: %w", err)
	}
	r.result.Refusals["no space"]++
	return r.mustStart(nil)
}
