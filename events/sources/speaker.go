package sources

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"civicledger/events"
	"civicledger/events/catalogue"
)

// said is an event before it has its envelope.
type said struct {
	id, typ      string
	date, clock  string // 2006-01-02; 15:04:05 or empty
	column       string // of the date; empty: date
	jurisdiction string // of the row; that of the options counts more, that of the kind less
	subject      string
	corrects     string // id of the event it replaces, of the same source
	data         any
}

// speaker turns what a row says into event lines.
type speaker struct {
	Options
	source    string
	zone      *time.Location
	who       string           // key of the organisation, a part of every id
	elsewhere string           // jurisdiction where neither options nor row name one
	equal     map[[16]byte]int // how often the same was said, by digest
	ofDay     map[string]int   // rows of a day so far
}

func newSpeaker(s *Source, opts Options) *speaker {
	base := cmp.Or(opts.SourceURI, DefaultSourceURI)
	if !strings.ContainsAny(base[len(base)-1:], "/:#") {
		base += "/"
	}
	sp := &speaker{Options: opts, source: base + s.Kind, zone: s.zone, elsewhere: s.defaults.Jurisdiction, equal: map[[16]byte]int{}, ofDay: map[string]int{}}
	if !sp.Organisation.Known() {
		sp.Organisation = s.defaults.Organisation
	}
	sp.who = sp.Organisation.Key()
	return sp
}

// identify makes the id of a fact: the digest of what the row says, with its
// ordinal among equal rows, or the publisher's own number where the options
// name its column. Two files that say the same give the same ids, whatever
// their names and wherever the rows stand; a name that is not said is not in
// the digest, which could be tried out. What options say of all rows (fund,
// campaign) is not in it either: said otherwise, the row is a conflict.
func (sp *speaker) identify(row *record, direction string, members ...string) string {
	if sp.Number != "" {
		members = []string{"number", row.text(sp.Number)}
	}
	key := fingerprint(append(members, direction, sp.who)...)
	if row.err == nil {
		sp.equal[key]++
	}
	id := hex.EncodeToString(key[:])
	if n := sp.equal[key]; n > 1 {
		id += "-" + strconv.Itoa(n)
	}
	return id
}

// fingerprint is of texts, told apart by their lengths.
func fingerprint(members ...string) [16]byte {
	text := make([]byte, 0, 512)
	for _, member := range members {
		text = append(strconv.AppendInt(text, int64(len(member)), 10), ':')
		text = append(text, member...)
	}
	sum := sha256.Sum256(text)
	return [16]byte(sum[:])
}

// optional is a number as a member of a digest.
func optional(n *int64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(*n, 10)
}

// joined is the parts that are not empty.
func joined(separator string, parts ...string) string {
	known := slices.DeleteFunc(parts, func(part string) bool { return part == "" })
	return strings.Join(known, separator)
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
		Subject: one.subject, Jurisdiction: cmp.Or(sp.Jurisdiction, one.jurisdiction, sp.elsewhere),
	}
	if len(e.Subject) > maxSubject {
		e.Subject = ""
	}
	if one.corrects != "" {
		e.Corrects = &events.Ref{Source: sp.source, ID: one.corrects}
	}
	if !sp.Now.IsZero() && events.CheckTime(&e, sp.Now) != nil {
		return nil, badCell(one.dated(), one.date, "is more than 24 hours ahead: mend the date, or import the row when it has happened")
	}
	line, err := events.Encode(&e, one.data)
	if err != nil {
		return nil, refusal(err)
	}
	// What the catalogue refuses here, the intake would refuse.
	t, ok := catalogue.Lookup(e.Type)
	if !ok {
		return nil, fmt.Errorf("type %s is not in the catalogue", e.Type)
	}
	if problems := t.Validate(&e); problems != nil {
		return nil, refusal(problems)
	}
	return line, nil
}

const maxSubject = 256

// refusal makes problems a flaw of the row; other errors stay what they are.
func refusal(err error) error {
	var problems events.Problems
	if errors.As(err, &problems) {
		return badRow("the event would be refused: %s", problems.Error())
	}
	return err
}

func (one *said) dated() string { return cmp.Or(one.column, "date") }

// time is the local date and, where the file has one, the time of day.
func (sp *speaker) time(one *said) (time.Time, error) {
	if one.clock == "" {
		at, err := time.ParseInLocation("2006-01-02", one.date, sp.zone)
		if err != nil {
			return at, badCell(one.dated(), one.date, "is not a day of the calendar such as 2026-01-31")
		}
		return at, nil
	}
	at, err := time.ParseInLocation("2006-01-02 15:04:05", one.date+" "+one.clock, sp.zone)
	if err != nil {
		return at, badCell("time", one.date+" "+one.clock, "is not a time such as 2026-01-31 15:04:05")
	}
	return at, nil
}
