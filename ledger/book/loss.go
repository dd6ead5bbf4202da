package book

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"civicledger/ledger"
	"civicledger/ledger/frame"
)

// Witness is something that knows how many entries were durable.
type Witness struct {
	By   string // a checkpoint slot, the index, a later frame
	Size uint64 // entries it knows of; 0: it cannot be read, so nobody knows
}

func (w Witness) String() string {
	if w.Size == 0 {
		return w.By
	}
	return fmt.Sprintf("%s knows of %d entries", w.By, w.Size)
}

// missed compares what stands with everything that knows better, and returns a
// *DamageError where entries may have been acknowledged that do not stand
// whole. Only where it returns nil are bad bytes behind the last frame what a
// crash cut off, and is one unusable slot what a crash leaves.
func (b *Book) missed(e *ending) error {
	known := b.known(e)
	for _, w := range known {
		if w.Size > e.view.head.Size && len(b.damages) == 0 {
			b.damages = append(b.damages, e.lost(w.Size-1, "the book ends here, "+w.String()))
		}
	}
	bad := b.report.BadSlots
	var cause error
	switch {
	case b.slots.note == nil:
		cause = ErrNoCheckpoint
		fallthrough
	case len(bad) > 0 && e.torn != nil:
		if len(b.damages) == 0 {
			b.damages = append(b.damages, e.lost(0, "nothing says how many entries there must be: "+strings.Join(bad, "; ")))
		}
	}
	if len(b.damages) == 0 {
		return nil
	}
	return b.everyDamage(known, cause)
}

// known is all that says how many entries there must be.
func (b *Book) known(e *ending) []Witness {
	var known []Witness
	if b.slots.note != nil {
		known = append(known, Witness{"the stored checkpoint", b.noted})
	}
	for _, reason := range b.report.BadSlots {
		known = append(known, Witness{By: reason})
	}
	if e.later > e.view.head.Size {
		known = append(known, Witness{"the header of a later frame", e.later})
	}
	if b.options.Known != nil {
		known = append(known, b.options.Known(b)...)
	}
	return known
}

// lost names entries behind the last whole frame.
func (e *ending) lost(last uint64, reason string) ledger.Damage {
	d := ledger.Damage{First: e.view.head.Size, Last: max(last, e.view.head.Size), Offset: e.view.end, Reason: reason}
	if n := len(e.view.segments); n > 0 {
		d.File = relative(frame.SegmentName(e.view.segments[n-1].first))
	}
	return d
}

// everyDamage returns the error about a damaged book: all that reading the
// whole of it finds, what stands before the first damage, what knows of more.
func (b *Book) everyDamage(known []Witness, cause error) error {
	s, err := TakeSurvey(b.dir)
	if err != nil {
		return err
	}
	found := b.damages
	if len(s.Damages) > 0 {
		found = s.Damages
	}
	return &DamageError{Found: found, Standing: s.standing.head.Size, Known: known, cause: cause}
}

// Loss is a damaged book whose operator is about to accept that entries are
// lost. It holds the lock, shows what stands, and writes nothing before Cut.
type Loss struct {
	*Book
	Damage *DamageError // what is wrong, what stands, what knows of more
}

// OpenLoss opens the damaged book in dir as far as it stands: size entries,
// for whoever accepts a loss says how much remains.
func OpenLoss(dir string, size uint64, options Options) (*Loss, error) {
	l := &Loss{Book: unopened(dir, options)}
	err := l.find()
	switch {
	case err != nil && !errors.As(err, &l.Damage):
		return nil, err
	case l.Damage == nil:
		return nil, fmt.Errorf("nothing is lost: all entries stand, and civicledger serve starts")
	case l.Damage.Standing == 0:
		return nil, fmt.Errorf("not even entry 0 stands, restore the ledger from a copy: %w", l.Damage)
	case l.Damage.Standing != size:
		return nil, fmt.Errorf("%d entries stand before the first damage, say --size %d: %w", l.Damage.Standing, l.Damage.Standing, l.Damage)
	}
	if l.lock, err = lockDir(dir); err != nil {
		return nil, fmt.Errorf("open book: %w", err)
	}
	s, err := TakeSurvey(dir)
	if err == nil && s.standing.head.Size != size {
		err = fmt.Errorf("the book changed meanwhile: %d entries stand", s.standing.head.Size)
	}
	if err != nil {
		return nil, errors.Join(err, l.release())
	}
	l.view.Store(s.standing)
	return l, nil
}

// find opens the book for what its end looks like and, where that is sound, reads
// all of it: damage may lie where opening does not look.
func (l *Loss) find() error {
	b, err := Open(l.dir, l.options)
	if err != nil {
		return err
	}
	head, known := b.Head().Size, []Witness{{"the stored checkpoint", b.noted}}
	if err := b.Close(); err != nil {
		return err
	}
	s, err := TakeSurvey(l.dir)
	if err == nil && s.standing.head.Size != head && len(s.Damages) > 0 {
		l.Damage = &DamageError{Found: s.Damages, Standing: s.standing.head.Size, Known: known}
	}
	return err
}

// Cut moves everything behind what stands aside, durably, and lets the book be
// written. The stored checkpoints are those from before until one of what is
// there now is saved: if we stop in between, the book is as damaged as it was.
func (l *Loss) Cut() error {
	v := l.view.Load()
	last := v.segments[len(v.segments)-1]
	segments, err := l.list()
	if err != nil {
		return err
	}
	for i := len(segments) - 1; segments[i].first > last.first; i-- {
		name := frame.SegmentName(segments[i].first)
		aside := fmt.Sprintf("cut-%d-%d.segment", segments[i].first, time.Now().UnixMilli())
		if err := l.options.Around.rename(l.path(name), l.path(aside)); err != nil {
			return fmt.Errorf("move %s aside: %w", name, err)
		}
	}
	if l.write.file, err = os.OpenFile(l.path(frame.SegmentName(last.first)), os.O_RDWR, 0); err != nil {
		return err
	}
	l.write.reserved = v.end
	if tail := last.size - v.end; tail > 0 {
		if err := l.moveAside("cut", &Torn{First: v.head.Size, Offset: v.end, Size: tail}); err != nil {
			return err
		}
	}
	// What stands may never have reached the disk: see rewrite.
	if err := rewriteFile(l.options.Around, l.write.file.Name(), 0, v.end); err != nil {
		return err
	}
	if _, err := l.loadSlots(); err != nil {
		return err
	}
	if err := l.slots.open(l.path); err != nil {
		return err
	}
	l.slots.size = 0
	return nil
}
