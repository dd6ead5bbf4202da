package projections

import (
	"fmt"

	"civicledger/events"
	"civicledger/events/catalogue"
	"civicledger/ledger/chain"
)

// Entry is one entry of the log, read once for all projections. It never
// changes after the batch was read.
type Entry struct {
	chain.Header
	Line []byte // the event line, verbatim

	// Event is nil where the line could not be read as an event.
	Event *events.Event
	// Data points to the catalogue's struct of the event's type, for a type
	// switch. It is nil where there is nothing to apply: the line could not be
	// read, the type is not known, or what the event corrects could not be
	// determined.
	Data any
	// Replaces is the entry whose event this one corrects, nil for most.
	Replaces *Entry
	// Waits says that the fund whose money the event moves does not stand in
	// its currency: the money counts once it does.
	Waits bool

	trouble *Anomaly // why Data is nil, or nil
	void    bool     // a correction that could not be determined
}

// Type is the event's type, "" where the event could not be read.
func (e *Entry) Type() string {
	if e.Event == nil {
		return ""
	}
	return e.Event.Type
}

// Jurisdiction is the event's jurisdiction, "" where there is none.
func (e *Entry) Jurisdiction() string {
	if e.Event == nil {
		return ""
	}
	return e.Event.Jurisdiction
}

// readEntry reads an entry's bytes, which it keeps, as far as it can.
func readEntry(data []byte) (*Entry, error) {
	h, line, err := chain.ParseEntry(data)
	if err != nil {
		return nil, err
	}
	e := &Entry{Header: h, Line: line}
	event, problems := events.Parse(line)
	if len(problems) > 0 {
		e.trouble = &Anomaly{Code: CodeEntryUnreadable, Message: problems.Error()}
		return e, nil
	}
	e.Event = event
	known, ok := catalogue.Lookup(event.Type)
	if !ok {
		e.trouble = &Anomaly{Code: CodeTypeUnknown, Message: fmt.Sprintf("no type %q in the catalogue of this version", event.Type)}
		return e, nil
	}
	if e.Data, err = known.Decode(event); err != nil {
		e.trouble = &Anomaly{Code: CodeEntryUnreadable, Message: err.Error()}
	}
	return e, nil
}
