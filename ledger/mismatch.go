package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Mismatch says that stored bytes are not what was signed. A served ledger
// stops with the first that anybody finds: nothing is signed after it, and what
// stands elsewhere is still read. It wraps ErrDamaged.
type Mismatch struct {
	Found  string // by whom: the near walk, the far walk, a reader, …
	Damage Damage // Damage.File is empty where the place is not known
	// Index says that no entry is wrong but a file of the index, which can be made
	// again; Damage has only the reason then.
	Index bool
}

func (m *Mismatch) Error() string {
	d := &m.Damage
	if m.Index {
		return fmt.Sprintf("%s found that the index is not what was written: %s", m.Found, d.Reason)
	}
	which := fmt.Sprintf("entry %d is", d.First)
	if d.Last > d.First {
		which = fmt.Sprintf("entries %d to %d are", d.First, d.Last)
	}
	where := ""
	if d.File != "" {
		where = fmt.Sprintf(" (%s at byte %d)", d.File, d.Offset)
	}
	return fmt.Sprintf("%s found that %s not what was signed%s: %s", m.Found, which, where, d.Reason)
}

// Unwrap makes a Mismatch one of ErrDamaged.
func (m *Mismatch) Unwrap() error { return ErrDamaged }

// Who finds a mismatch.
const (
	byNear   = "the self-audit's near walk"
	byFar    = "the self-audit's far walk"
	byReader = "a reader"
	byStart  = "the start"
	bySurvey = "a survey of the whole book"
	byWriter = "the writer"
	byProof  = "a proof"
)

// mismatchOf turns an error about wrong bytes into a Mismatch, with the entries
// that the Store names, or the one at which the read began.
func mismatchOf(found string, at uint64, err error) *Mismatch {
	var m *Mismatch
	if errors.As(err, &m) {
		return m
	}
	if errors.Is(err, ErrIndex) {
		return &Mismatch{Found: found, Damage: Damage{Reason: err.Error()}, Index: true}
	}
	var named interface{ Damages() []Damage }
	if errors.As(err, &named) && len(named.Damages()) > 0 {
		return &Mismatch{Found: found, Damage: named.Damages()[0]}
	}
	return &Mismatch{Found: found, Damage: Damage{First: at, Last: at, Reason: err.Error()}}
}

// maxPlaces bounds the places of a record: more are not listed.
const maxPlaces = 1000

// Damaged is all that a ledger knows of stored bytes that are not what was
// signed, whoever found it. It wraps ErrDamaged and never changes.
type Damaged struct {
	Found []*Mismatch // by place: first entries, then the index; not empty
}

// Error says the first place, and how many more there are.
func (d *Damaged) Error() string {
	if n := len(d.Found) - 1; n > 0 {
		return fmt.Sprintf("%v (and %d more)", d.Found[0], n)
	}
	return d.Found[0].Error()
}

// Unwrap makes it one of ErrDamaged.
func (d *Damaged) Unwrap() error { return ErrDamaged }

// Entries returns the first and the last entry that are known not to be as
// signed, and how many are; 0 where only the index is damaged.
func (d *Damaged) Entries() (first, last, count uint64) {
	for _, m := range d.Found {
		if !m.Index {
			last = m.Damage.Last
			count += last - m.Damage.First + 1
		}
	}
	return d.Found[0].Damage.First, last, count
}

// at returns what is known of an entry; nil if nothing is.
func (d *Damaged) at(index uint64) *Mismatch {
	if d != nil {
		for _, m := range d.Found {
			if !m.Index && m.Damage.First <= index && index <= m.Damage.Last {
				return m
			}
		}
	}
	return nil
}

// Damaged returns what is known to be damaged; nil if nothing is.
func (l *Ledger) Damaged() *Damaged { return l.damaged.Load() }

// note adds a place to the record, unless it is there. Where it overlaps one that
// is, that one grows.
func (l *Ledger) note(m *Mismatch) {
	l.noting.Lock()
	defer l.noting.Unlock()
	next := &Damaged{}
	if known := l.damaged.Load(); known != nil {
		next.Found = slices.Clone(known.Found)
	}
	i := slices.IndexFunc(next.Found, func(old *Mismatch) bool {
		return old.Index == m.Index && old.Damage.First <= m.Damage.Last && m.Damage.First <= old.Damage.Last
	})
	switch {
	case i >= 0:
		both := *next.Found[i]
		both.Damage.First, both.Damage.Last = min(both.Damage.First, m.Damage.First), max(both.Damage.Last, m.Damage.Last)
		if both == *next.Found[i] {
			return
		}
		next.Found[i] = &both
	case len(next.Found) < maxPlaces:
		next.Found = append(next.Found, m)
	}
	slices.SortFunc(next.Found, func(a, b *Mismatch) int {
		if a.Index != b.Index {
			return map[bool]int{true: 1, false: -1}[a.Index]
		}
		return cmp.Compare(a.Damage.First, b.Damage.First)
	})
	l.log.Error("stored bytes are not what was signed", "cause", m)
	l.damaged.Store(next)
	if len(next.Found) == 1 && l.current.Load() != nil {
		go l.survey()
	}
}

// condemn is what everybody does who finds that stored bytes are not what was
// signed: it becomes part of the record, and nothing is recorded any more.
func (l *Ledger) condemn(m *Mismatch) error {
	l.note(m)
	if !l.readOnly {
		l.stop(m)
	}
	return m
}

// met passes an error on; if it is about wrong bytes that are not in the record
// yet, it condemns the ledger.
func (l *Ledger) met(at uint64, err error) error {
	var known *Damaged
	if errors.Is(err, ErrDamaged) && !errors.As(err, &known) {
		return l.condemn(mismatchOf(byReader, at, err))
	}
	return err
}

// survey reads the whole book once, so that the record has all of it: when damage
// is known, and where a served book is only read, which has no self-audit.
func (l *Ledger) survey() {
	for at := uint64(0); at < l.Head().Size; at++ { // behind what cannot be read
		for c, err := range l.commits(at, true) {
			select {
			case <-l.quit:
				return
			default:
			}
			if errors.Is(err, ErrDamaged) {
				break
			} else if err != nil {
				return // what could not be read is not known to be wrong
			}
			at = c.Head.Size
		}
		if m := l.Damaged().at(at); m != nil {
			at = m.Damage.Last
		}
	}
}
