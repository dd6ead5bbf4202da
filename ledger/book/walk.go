package book

import (
	"fmt"
	"io"
	"iter"
	"sort"
	"sync"

	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/ledger/frame"
)

// step is what a walk finds: a whole frame in its place, or damage.
type step struct {
	offset int64
	frame  *frame.Frame // valid until the next iteration
	damage *ledger.Damage
	tail   bool   // the damage is bytes at the very end, with no whole frame behind them
	zero   bool   // and they are all zero
	later  uint64 // size that the last whole header of a frame in them extends, 0 if there is none
}

// walker follows the frames of one segment and compares each with the head
// before it.
type walker struct {
	head chain.Head // behind the last frame
	file string
}

// walk yields the frames between two offsets, in order, and what is wrong
// between them. The bounds of damage at the end are the caller's to fill in.
func (w *walker) walk(r io.ReaderAt, from, to int64) iter.Seq2[step, error] {
	return func(yield func(step, error) bool) {
		var bad *ledger.Damage
		zero, later := false, uint64(0)
		for part, err := range frame.Scan(r, from, to) {
			if err != nil {
				yield(step{}, fmt.Errorf("%s: %w", w.file, err))
				return
			}
			if part.Frame == nil {
				later = part.Later
				if zero = part.Reserved(); bad == nil {
					bad = w.unreadable(part)
				} else {
					zero = false
				}
				continue
			}
			if bad == nil {
				bad = w.misplaced(part)
			}
			if !w.pass(part, bad, yield) {
				return
			}
			bad = nil
		}
		if bad != nil {
			yield(step{offset: bad.Offset, damage: bad, tail: true, zero: zero, later: later}, nil)
		}
	}
}

// pass yields the damage before a frame, if any, and the frame, unless it lies
// before what was passed already.
func (w *walker) pass(part frame.Part, bad *ledger.Damage, yield func(step, error) bool) bool {
	f := part.Frame
	if bad != nil {
		if f.Prev.Size > w.head.Size {
			bad.Last = f.Prev.Size - 1
		}
		if !yield(step{offset: bad.Offset, damage: bad}, nil) {
			return false
		}
		if f.Prev.Size < w.head.Size {
			return true
		}
	}
	w.head = f.Head
	return yield(step{offset: part.Offset, frame: f}, nil)
}

func (w *walker) unreadable(part frame.Part) *ledger.Damage {
	reason := "zero bytes where frames should be"
	if part.Err != nil {
		reason = part.Err.Error()
	}
	return w.damage(part.Offset, reason)
}

func (w *walker) damage(offset int64, reason string) *ledger.Damage {
	return &ledger.Damage{First: w.head.Size, Last: w.head.Size, File: w.file, Offset: offset, Reason: reason}
}

// misplaced says what is wrong with the place of a whole frame, nil if nothing.
func (w *walker) misplaced(part frame.Part) *ledger.Damage {
	f := part.Frame
	switch {
	case f.Prev == w.head:
		return nil
	case f.Prev.Size > w.head.Size:
		return w.damage(part.Offset, fmt.Sprintf("a whole frame of entry %d stands where entry %d should be", f.Prev.Size, w.head.Size))
	case f.Prev.Size == w.head.Size:
		d := w.damage(part.Offset, "a whole frame extends another history")
		d.Last = f.Head.Size - 1
		return d
	default:
		d := w.damage(part.Offset, fmt.Sprintf("a whole frame of entry %d stands again, behind entry %d", f.Prev.Size, w.head.Size-1))
		d.First, d.Last = f.Prev.Size, f.Head.Size-1
		return d
	}
}

// DamageError says which entries cannot be read as written.
type DamageError struct {
	Found    []ledger.Damage // not empty, in the order of the files
	Standing uint64          // entries before the first damage; only Open says it
	Known    []Witness       // what knows how many there were, or should; only Open says it
	cause    error           // ErrNoCheckpoint, or nil
}

// Error names the first place, the number of places, what would be lost by
// which witness, and the cure.
func (e *DamageError) Error() string {
	d := e.Found[0]
	more := ""
	if n := len(e.Found) - 1; n > 0 {
		more = fmt.Sprintf(" (and %d more)", n)
	}
	text := fmt.Sprintf("%v: entries %d to %d, %s at byte %d: %s%s", ledger.ErrDamaged, d.First, d.Last, d.File, d.Offset, d.Reason, more)
	if len(e.Known) > 0 {
		text += fmt.Sprintf("; %d entries stand before it", e.Standing)
	}
	for _, w := range e.Known {
		text += ", " + w.String()
	}
	return text + "; put the file back from a copy, or serve read-only"
}

// Unwrap makes the error one of ledger.ErrDamaged, and of ErrNoCheckpoint.
func (e *DamageError) Unwrap() []error {
	if e.cause != nil {
		return []error{ledger.ErrDamaged, e.cause}
	}
	return []error{ledger.ErrDamaged}
}

// Damages returns what was found; the ledger asks for it without knowing this
// package.
func (e *DamageError) Damages() []ledger.Damage { return e.Found }

// damaged returns the error of one place.
func damaged(d *ledger.Damage) error { return &DamageError{Found: []ledger.Damage{*d}} }

// markEvery is the distance in bytes between two marks.
const markEvery = 64 << 10

// mark is a place in a segment where a frame begins, and the head it extends.
type mark struct {
	head   chain.Head
	offset int64
}

// marks are the places of a segment that a walk from its beginning has passed,
// at least markEvery apart: from them a reader goes on. They take 48 bytes for
// each 64 KiB that were read.
type marks struct {
	mu   sync.Mutex
	list []mark // ascending
}

// add notes a place if it is far enough behind the last one.
func (m *marks) add(at mark) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := len(m.list); n == 0 || at.offset >= m.list[n-1].offset+markEvery {
		m.list = append(m.list, at)
	}
}

// before returns the last mark at or before an index.
func (m *marks) before(index uint64) mark {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := sort.Search(len(m.list), func(i int) bool { return m.list[i].head.Size > index })
	return m.list[max(i-1, 0)]
}
