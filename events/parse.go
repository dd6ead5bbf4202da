package events

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"civicledger/events/ident"
	"civicledger/ledger/chain"
)

// maxProblems bounds how many reasons one line is refused with.
const maxProblems = 20

// maxDepth bounds how deep data may nest; the catalogue needs four levels.
const maxDepth = 16

// Parse reads one event line strictly. It returns the event, or every reason
// found (at most 20) why the line is none; never both. What it accepts,
// chain.ReadEnvelope reads the same way. The event keeps the line: the caller
// must not change it afterwards. Safe for concurrent use.
func Parse(line []byte) (*Event, Problems) {
	if err := chain.CheckLine(line); err != nil {
		return nil, Problems{{Code: "bad-line", Message: err.Error() + ": one JSON object on one line"}}
	}
	// The library judges the JSON: grammar, UTF-8, names that stand twice. From
	// here on the text is known to be sound and only walked.
	if !jsontext.Value(line).IsValid() {
		return nil, Problems{unreadable(line)}
	}
	p := parsers.Get().(*parser)
	defer parsers.Put(p)
	p.cur = Cursor{Text: line}
	p.event = &Event{Line: line}
	p.seen, p.problems = 0, nil
	p.envelope()
	p.complete()
	e, problems := p.event, p.problems
	p.cur.Text, p.event, p.problems = nil, nil, nil
	if len(problems) > 0 {
		return nil, problems
	}
	return e, nil
}

// unreadable says why a line is not sound JSON.
func unreadable(line []byte) Problem {
	d := jsontext.NewDecoder(bytes.NewReader(line))
	_, err := d.ReadValue()
	pointer := ""
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) {
		pointer = string(syntactic.JSONPointer)
	}
	switch {
	case err == nil:
		return Problem{Code: "bad-line", Message: "more than one JSON value: one event per line"}
	case errors.Is(err, jsontext.ErrDuplicateName):
		return Problem{Pointer: pointer, Code: "duplicate-name", Message: "the name stands twice: keep one"}
	case !utf8.Valid(line):
		return Problem{Pointer: pointer, Code: "bad-utf8", Message: "the line is not valid UTF-8: send it as UTF-8"}
	}
	return Problem{Pointer: pointer, Code: "bad-json", Message: fmt.Sprintf("not JSON: %v", err)}
}

// CheckTime refuses an event that claims to have happened more than 24 hours
// after now. A late one is kept.
func CheckTime(e *Event, now time.Time) Problems {
	if e.Time.After(now.Add(maxAhead)) {
		return Problems{{Pointer: "/time", Code: "time-ahead", Message: fmt.Sprintf(
			"time %s is more than 24 hours ahead of %s: send the event when it has happened, or set the clock",
			e.Time.Format(time.RFC3339), now.UTC().Format(time.RFC3339))}}
	}
	return nil
}

// parser walks one line that is sound JSON. Its buffer is used again.
type parser struct {
	cur      Cursor
	scratch  []byte
	event    *Event
	seen     attribute
	problems Problems
}

var parsers = sync.Pool{New: func() any { return new(parser) }}

func (p *parser) add(pointer, code, message string) {
	if len(p.problems) < maxProblems {
		p.problems = append(p.problems, Problem{Pointer: pointer, Code: code, Message: message})
	}
}

// refuse refuses the value, or the name, that begins at offset.
func (p *parser) refuse(offset int, code, format string, args ...any) {
	p.add(PointerAt(p.cur.Text, offset), code, fmt.Sprintf(format, args...))
}

// plain is the text of a JSON string, valid until the next call.
func (p *parser) plain(quoted []byte) (text []byte) {
	text, p.scratch = Unquote(quoted, p.scratch)
	return text
}

func (p *parser) envelope() {
	p.cur.Enter()
	for p.cur.Next() {
		named := p.cur.At
		name := p.cur.Name()
		start := p.cur.At
		a, known := attributeOf(name)
		value := p.cur.Value()
		switch {
		case !known:
			p.unknown(named, name)
		case a == attrData:
			p.seen |= a
			p.data(start, value)
		default:
			p.seen |= a
			p.attribute(a, start, value)
		}
	}
}

func (p *parser) unknown(at int, quoted []byte) {
	switch name := string(p.plain(quoted)); {
	case bytes.IndexByte(quoted, '\\') >= 0 && isAttribute(name):
		p.refuse(at, "escaped-name", "%s is written with escapes: write the name plainly", name)
	case name == "data_base64":
		p.refuse(at, "unknown-member", "data_base64 is not taken: send data as a JSON object")
	case name == "dataschema":
		p.refuse(at, "unknown-member", "dataschema is not taken: the type with its version names the schema; leave it out")
	default:
		p.refuse(at, "unknown-member", "%q is not an attribute of this ledger: leave it out, or put it in data where the type has a member for it", Short(name, 60))
	}
}

// data walks the payload for what may not stand on a log.
func (p *parser) data(start int, value []byte) {
	if value[0] != '{' {
		p.refuse(start, "not-an-object", "data must be a JSON object")
		return
	}
	p.event.Data = value
	depth := 0
	for c := (Cursor{Text: value}); c.At < len(value); {
		at := c.At
		switch b := value[at]; {
		case b == '"':
			p.text(start+at, p.plain(c.String()))
			continue
		case b == '-' || b >= '0' && b <= '9':
			if n := c.Value(); !plainNumber(n) {
				p.refuse(start+at, "bad-number", "%s must be a plain integer: no fraction, exponent or leading zero, at most 10^15; amounts are minor units (fen)", Short(string(n), 60))
			}
			continue
		case b == '{' || b == '[':
			if depth++; depth > maxDepth {
				p.refuse(start+at, "too-deep", "data nests deeper than %d: send it flat", maxDepth)
				return
			}
		case b == '}' || b == ']':
			depth--
		}
		c.At++
	}
}

// text refuses a string that, as a whole, names a natural person.
func (p *parser) text(at int, s []byte) {
	switch ident.Personal(s) {
	case ident.ResidentID:
		p.refuse(at, "personal-identifier", "this is a resident identity number, which may never stand on the log: use a token (civicledger token)")
	case ident.Mobile:
		p.refuse(at, "personal-identifier", "this is a mobile number, which may never stand on the log: use a token (civicledger token) or leave it out")
	}
}

// plainNumber reports whether v is an integer in plain form, |n| <= 10^15.
func plainNumber(v []byte) bool {
	digits := v
	if digits[0] == '-' {
		digits = digits[1:]
		if digits[0] == '0' {
			return false
		}
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(digits) < 16 || len(digits) == 16 && string(digits) == "1000000000000000"
}
