package ledger

import (
	"errors"
	"fmt"
)

// Errors of a Ledger, each of one class: reject (the sender's fault, final),
// retry (nothing was recorded, try again), fatal (the ledger has stopped; what
// was in flight may or may not be on the log, and is asked again after a
// restart). *Refused is the reject class.
var (
	// ErrStopped is fatal; the error it wraps says why.
	ErrStopped = errors.New("the ledger has stopped")
	// ErrClock is fatal: the wall clock stepped forward by more than an hour.
	// Starting again is the operator's word that the clock is right.
	ErrClock = errors.New("the clock stepped forward by more than an hour: check it, then start again to confirm it")
	// ErrReadOnly is final: this ledger was opened for reading.
	ErrReadOnly = errors.New("the ledger is open for reading only")
	// ErrEmpty says that there is no ledger in the store: see Create.
	ErrEmpty = errors.New("there is no ledger here: create one with init")
	// ErrNotThere is wrapped by reads of what is not on the signed log.
	ErrNotThere = errors.New("not on the log")
	// ErrNotEmpty is returned by Create.
	ErrNotEmpty = errors.New("there is a ledger here already")
)

// Codes of problems beside those of roster.Refusal.
const (
	CodeShape    = "shape"    // size, number or outer form of lines
	CodeEnvelope = "envelope" // id, source or type cannot be read
	CodeTwice    = "twice"    // the same event key on two lines
	CodeRecorded = "recorded" // on the log already, the same bytes
	CodeConflict = "conflict" // on the log already, with other bytes
)

// Problem is one reason for a refusal.
type Problem struct {
	Line    int // of the submission, from 1; 0 for all of it
	Code    string
	Message string
	Index   *uint64 // where the event is on the log, for recorded and conflict
}

// Refused says that a submission is not on the log and will not be: nothing of
// it was recorded.
type Refused struct {
	Problems []Problem
}

func (r *Refused) Error() string {
	if len(r.Problems) == 0 {
		return "refused"
	}
	p := r.Problems[0]
	text := "refused: " + p.Code + ": " + p.Message
	if p.Line > 0 {
		text = fmt.Sprintf("refused: line %d: %s: %s", p.Line, p.Code, p.Message)
	}
	if n := len(r.Problems) - 1; n > 0 {
		text += fmt.Sprintf(" (and %d more)", n)
	}
	return text
}

// Each calls f with every problem. It lets packages that do not import this
// one read a refusal.
func (r *Refused) Each(f func(line int, code, message string, index *uint64)) {
	for _, p := range r.Problems {
		f(p.Line, p.Code, p.Message, p.Index)
	}
}

func refused(line int, code, format string, args ...any) *Refused {
	return &Refused{Problems: []Problem{{Line: line, Code: code, Message: fmt.Sprintf(format, args...)}}}
}
