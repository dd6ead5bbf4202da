package sources

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"civicledger/events"
	"civicledger/events/catalogue"
)

// said is an event before it has its envelope.
type said struct {
	id, typ      string
	date, clock  string // 2006-01-02; 15:04:05 or empty
	jurisdiction string // empty: that of the options, or of the kind
	subject      string
	corrects     string // id of the event it replaces, of the same source
	data         any
}

// speaker turns what a row says into event lines.
type speaker struct {
	Options
	source    string
	zone      *time.Location
	elsewhere string // jurisdiction where neither options nor row name one
}

func newSpeaker(s *Source, opts Options) *speaker {
	base := opts.SourceURI
	if base == "" {
		base = DefaultSourceURI
	}
	if !strings.ContainsAny(base[len(base)-1:], "/:#") {
		base += "/"
	}
	sp := &speaker{Options: opts, source: base + s.Kind, zone: s.zone, elsewhere: s.defaults.Jurisdiction}
	if !sp.Organisation.Known() {
		sp.Organisation = s.defaults.Organisation
	}
	return sp
}

// lines encodes every event of a row, or says why the row is bad.
func (sp *speaker) lines(all []said) ([][]byte, error) {
	lines := make([][]byte, 0, len(all))
	for i := range all {
		line, err := sp.line(&all[i])
		if err != nil {
			return nil, err
		}
		lines = append(lines, line)
	}
	return lines, nil
}

func (sp *speaker) line(one *said) ([]byte, error) {
	at, err := sp.time(one)
	if err != nil {
		return nil, err
	}
	e := events.Event{
		ID: one.id, Source: sp.source, Type: one.typ, Time: at,
		Subject: one.subject, Jurisdiction: sp.place(one.jurisdiction),
	}
	if len(e.Subject) > maxSubject {
		e.Subject = ""
	}
	if one.corrects != "" {
		e.Corrects = &events.Ref{Source: sp.source, ID: one.corrects}
	}
	line, err := events.Encode(&e, one.data)
	if err != nil {
		return nil, refusal(err)
	}
	return line, judged(line)
}

const maxSubject = 256

// judged asks the catalogue: what it refuses here, the intake would refuse.
func judged(line []byte) error {
	e, problems := events.Parse(line)
	if problems != nil {
		return refusal(problems)
	}
	t, ok := catalogue.Lookup(e.Type)
	if !ok {
		return fmt.Errorf("type %s is not in the catalogue", e.Type)
	}
	if problems := t.Validate(e); problems != nil {
		return refusal(problems)
	}
	return nil
}

// refusal makes problems a flaw of the row; other errors stay what they are.
func refusal(err error) error {
	var problems events.Problems
	if errors.As(err, &problems) {
		return badRow("the event would be refused: %s", problems.Error())
	}
	return err
}

// time is the local date and, where the file has one, the time of day.
func (sp *speaker) time(one *said) (time.Time, error) {
	if one.clock == "" {
		at, err := time.ParseInLocation("2006-01-02", one.date, sp.zone)
		if err != nil {
			return at, badCell("date", one.date, "is not a day of the calendar such as 2026-01-31")
		}
		return at, nil
	}
	at, err := time.ParseInLocation("2006-01-02 15:04:05", one.date+" "+one.clock, sp.zone)
	if err != nil {
		return at, badCell("time", one.date+" "+one.clock, "is not a time such as 2026-01-31 15:04:05")
	}
	return at, nil
}

// place is the jurisdiction of an event: the option counts most, then the row.
func (sp *speaker) place(ofRow string) string {
	switch {
	case sp.Jurisdiction != "":
		return sp.Jurisdiction
	case ofRow != "":
		return ofRow
	}
	return sp.elsewhere
}
