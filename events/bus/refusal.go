package bus

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"civicledger/events"
)

// RefusalFormat is the first member of every refusal.
const RefusalFormat = "civicledger refusal v1"

// maxReasons is how many reasons a refusal lists.
const maxReasons = 100

// Codes of reasons that senders act upon, as the ledger gives them.
const (
	CodeRecorded = "recorded" // the line is on the log, the same bytes
	CodeConflict = "conflict" // its source and id are, with other bytes
)

// Codes of reasons that the intake finds before anything else.
const (
	codeSubject  = "subject"  // published where no agency can be
	codeMetadata = "metadata" // no key id or no signature, or not in their form
	codeShape    = "shape"    // not lines of a submission
)

// Reason is why a submission was refused.
type Reason struct {
	events.Problem
	Index *uint64 `json:"index,omitempty"` // where the event is on the log already
}

// Refusal is the answer to a submission of which nothing was recorded and
// nothing will be. It is an error.
type Refusal struct {
	Format     string      `json:"format"`
	Agency     string      `json:"agency"`
	Submission []byte      `json:"submission"` // digest; empty where the message was none
	Problems   []Reason    `json:"problems"`   // at most 100, those of recorded lines last
	More       int         `json:"more"`       // reasons not listed
	Recorded   []LineRange `json:"recorded,omitempty"`
}

// LineRange is first and last line, from 1, of lines that are recorded: all of
// them, so that a sender can drop them at once.
type LineRange [2]int

// Error gives the first reason and counts the rest.
func (r *Refusal) Error() string {
	if len(r.Problems) == 0 {
		return "refused"
	}
	p := r.Problems[0]
	text := "refused: "
	if p.Line > 0 {
		text += fmt.Sprintf("line %d: ", p.Line)
	}
	if p.Pointer != "" {
		text += p.Pointer + ": "
	}
	text += p.Code + ": " + p.Message
	if n := len(r.Problems) - 1 + r.More; n > 0 {
		text += fmt.Sprintf(" (and %d more)", n)
	}
	return text
}

func newRefusal(agency string, digest []byte, reasons []Reason) *Refusal {
	r := &Refusal{Format: RefusalFormat, Agency: agency, Submission: digest}
	var recorded []Reason
	for _, reason := range reasons {
		if reason.Code == CodeRecorded && reason.Line > 0 {
			recorded = append(recorded, reason)
		} else {
			r.Problems = append(r.Problems, reason)
		}
	}
	slices.SortStableFunc(recorded, func(a, b Reason) int { return a.Line - b.Line })
	for _, one := range recorded {
		if n := len(r.Recorded); n > 0 && one.Line <= r.Recorded[n-1][1]+1 {
			r.Recorded[n-1][1] = one.Line
			continue
		}
		r.Recorded = append(r.Recorded, LineRange{one.Line, one.Line})
	}
	r.Problems = append(r.Problems, recorded...)
	if n := len(r.Problems); n > maxReasons {
		r.Problems, r.More = r.Problems[:maxReasons:maxReasons], n-maxReasons
	}
	return r
}

func (r *Refusal) encode() []byte {
	body, err := json.Marshal(r)
	if err != nil {
		panic("bus: a refusal of strings and numbers does not encode: " + err.Error())
	}
	return body
}

// ParseRefusal reads the body of a message on refusals.<agency>.
func ParseRefusal(body []byte) (*Refusal, error) {
	var r Refusal
	if err := json.Unmarshal(body, &r); err != nil {
		return nil, fmt.Errorf("read refusal: %w", err)
	}
	if r.Format != RefusalFormat {
		return nil, fmt.Errorf("read refusal: format %q is not %q", r.Format, RefusalFormat)
	}
	for i := range r.Problems { // whoever runs the broker wrote them
		p := &r.Problems[i].Problem
		*p = events.Problems{*p}.At(p.Line)[0]
	}
	return &r, nil
}

// IsRecorded reports whether the refusal says that the 1-based line is on the
// log already, with the same bytes.
func (r *Refusal) IsRecorded(line int) bool {
	return slices.ContainsFunc(r.Recorded, func(part LineRange) bool { return part[0] <= line && line <= part[1] })
}

// refusedByLedger is what the ledger's refusals can do; bus does not import
// the ledger.
type refusedByLedger interface {
	error
	Each(func(line int, code, message string, index *uint64))
}

// reasonsOf returns the reasons of a final refusal; ok is false for any other
// error.
func reasonsOf(err error) (reasons []Reason, ok bool) {
	var refused refusedByLedger
	if !errors.As(err, &refused) {
		return nil, false
	}
	refused.Each(func(line int, code, message string, index *uint64) {
		reasons = append(reasons, Reason{Problem: events.Problem{Line: line, Code: code, Message: message}, Index: index})
	})
	return reasons, true
}

func reasonsFrom(problems events.Problems) []Reason {
	reasons := make([]Reason, len(problems))
	for i, p := range problems {
		reasons[i] = Reason{Problem: p}
	}
	return reasons
}

func whole(code string, err error) []Reason {
	return []Reason{{Problem: events.Problem{Code: code, Message: err.Error()}}}
}
