// Package events defines the envelope of everything that may be said: one
// CloudEvents 1.0 event in structured JSON on one line, kept verbatim.
//
// It is for the intake, for importers and for readers of the log. It refuses
// what two readers could understand in two ways (duplicate names, bad UTF-8,
// numbers beyond plain integers), what it does not know (members and extension
// attributes), and what may not stand on a log for ever (identity and mobile
// numbers). What may be said inside the envelope is the catalogue's business.
//
// Spec: CloudEvents 1.0.2, JSON event format; FORMAT.md lists what is narrower
// here.
package events

import (
	"time"

	"civicledger/ledger/chain"
)

// Limits of an event line and of a submission; see FORMAT.md.
const (
	MaxLine       = chain.MaxLine
	MaxLines      = chain.MaxLines
	MaxSubmission = chain.MaxSubmission

	maxID      = 128
	maxSource  = 256
	maxType    = 100
	maxSubject = 256
	maxAhead   = 24 * time.Hour
)

// Event is one parsed event line. Its byte slices belong to the line that was
// parsed; it is safe for concurrent reading.
type Event struct {
	Line         []byte    // verbatim, without LF
	ID           string    // 1..128 printable ASCII characters without spaces, unique under Source
	Source       string    // absolute URI, lies under the agency's enrolled source
	Type         string    // with its version: "subsidy.paid.v1"
	Subject      string    // empty if absent
	Jurisdiction string    // extension attribute; empty if absent
	Time         time.Time // when it happened, as the agency says
	Corrects     *Ref      // extension attribute; nil if absent
	Data         []byte    // raw JSON object, a part of Line
}

// Ref names an earlier event of the same agency.
type Ref struct{ Source, ID string }

// String is the value of the attribute `corrects`: source, one space, id.
func (r Ref) String() string { return r.Source + " " + r.ID }
