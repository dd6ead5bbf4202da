package ledger

import (
	"errors"
	"fmt"
)

// Mismatch is why a ledger stopped that found stored bytes which are not what
// was signed. It wraps ErrDamaged. Nothing is signed after it; what stands
// elsewhere may still be read.
type Mismatch struct {
	Found  string // by whom: the near walk, the far walk, a reader
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
)

// mismatchOf turns an error of a Store about wrong bytes into a Mismatch, with
// the entries that the Store names, or the one at which the read began.
func mismatchOf(found string, at uint64, err error) *Mismatch {
	var m *Mismatch
	if errors.As(err, &m) {
		return m
	}
	var named interface{ Damages() []Damage }
	if errors.As(err, &named) && len(named.Damages()) > 0 {
		return &Mismatch{Found: found, Damage: named.Damages()[0]}
	}
	return &Mismatch{Found: found, Damage: Damage{First: at, Last: at, Reason: err.Error()}}
}

// condemn stops a ledger whose stored bytes are not what was signed.
func (l *Ledger) condemn(m *Mismatch) {
	if !l.readOnly {
		l.stop(m)
	}
}
