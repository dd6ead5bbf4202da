package events

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"time"

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
	p := parsers.Get().(*parser)
	defer parsers.Put(p)
	p.reset(line)
	p.envelope()
	if len(p.problems) == 0 {
		p.complete()
	}
	return p.take()
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

// parser reads one line. Its decoder and buffers are used again.
type parser struct {
	line     []byte
	buf      bytes.Buffer
	dec      jsontext.Decoder
	scratch  []byte
	event    *Event
	seen     attribute
	problems Problems
	broken   bool
}

var parsers = sync.Pool{New: func() any { return new(parser) }}

func (p *parser) reset(line []byte) {
	p.line = line
	p.buf = *bytes.NewBuffer(line)
	p.dec.Reset(&p.buf)
	p.event = &Event{Line: line}
	p.seen, p.problems, p.broken = 0, nil, false
}

func (p *parser) take() (*Event, Problems) {
	e, problems := p.event, p.problems
	p.line, p.event, p.problems, p.buf = nil, nil, nil, bytes.Buffer{}
	if len(problems) > 0 {
		return nil, problems
	}
	return e, nil
}

func (p *parser) add(pointer, code, format string, args ...any) {
	if len(p.problems) < maxProblems {
		p.problems = append(p.problems, Problem{Pointer: pointer, Code: code, Message: fmt.Sprintf(format, args...)})
	}
}

// here refuses the value that was read last.
func (p *parser) here(code, format string, args ...any) {
	p.add(string(p.dec.StackPointer()), code, format, args...)
}

// fail ends the walk: what follows cannot be understood.
func (p *parser) fail(err error) {
	if p.broken {
		return
	}
	p.broken = true
	pointer := ""
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) {
		pointer = string(syntactic.JSONPointer)
	}
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		p.add(pointer, "duplicate-name", "the name stands twice: keep one")
	case !validText(p.line):
		p.add(pointer, "bad-utf8", "the line is not valid UTF-8: send it as UTF-8")
	default:
		p.add(pointer, "bad-json", "not JSON: %v", err)
	}
}

func (p *parser) read() (jsontext.Value, bool) {
	v, err := p.dec.ReadValue()
	if err != nil {
		p.fail(err)
		return nil, false
	}
	return v, true
}

// plain is the text of a JSON string, valid until the next read.
func (p *parser) plain(v jsontext.Value) []byte {
	if bytes.IndexByte(v, '\\') < 0 {
		return v[1 : len(v)-1]
	}
	out, err := jsontext.AppendUnquote(p.scratch[:0], v)
	if err != nil {
		p.fail(err)
		return nil
	}
	p.scratch = out
	return out
}

func (p *parser) envelope() {
	if _, err := p.dec.ReadToken(); err != nil {
		p.fail(err)
		return
	}
	for !p.broken && p.dec.PeekKind() == '"' {
		name, ok := p.read()
		if !ok {
			return
		}
		a, known := attributeOf(name)
		if !known {
			p.unknown(name)
			continue
		}
		p.seen |= a
		if a == attrData {
			p.data()
			continue
		}
		if v, ok := p.read(); ok {
			p.attribute(a, v)
		}
	}
	if p.broken {
		return
	}
	if _, err := p.dec.ReadToken(); err != nil {
		p.fail(err)
		return
	}
	if p.dec.InputOffset() != int64(len(p.line)) {
		p.add("", "bad-line", "more than one JSON value: one event per line")
	}
}

func (p *parser) unknown(name jsontext.Value) {
	known := string(p.plain(name))
	switch {
	case bytes.IndexByte(name, '\\') >= 0 && isAttribute(known):
		p.here("escaped-name", "%s is written with escapes: write the name plainly", known)
	case known == "data_base64":
		p.here("unknown-member", "data_base64 is not taken: send data as a JSON object")
	case known == "dataschema":
		p.here("unknown-member", "dataschema is not taken: the type with its version names the schema; leave it out")
	default:
		p.here("unknown-member", "%q is not an attribute of this ledger: leave it out, or put it in data where the type has a member for it", clip(known))
	}
	if err := p.dec.SkipValue(); err != nil {
		p.fail(err)
	}
}

// data walks the payload for what may not stand on a log.
func (p *parser) data() {
	if p.dec.PeekKind() != '{' {
		if err := p.dec.SkipValue(); err != nil {
			p.fail(err)
			return
		}
		p.here("not-an-object", "data must be a JSON object")
		return
	}
	outer := p.dec.StackDepth()
	if _, err := p.dec.ReadToken(); err != nil {
		p.fail(err)
		return
	}
	start := p.dec.InputOffset() - 1
	for !p.broken && p.dec.StackDepth() > outer {
		p.step(outer)
	}
	if !p.broken {
		p.event.Data = p.line[start:p.dec.InputOffset()]
	}
}

// step reads one delimiter, name or scalar inside data.
func (p *parser) step(outer int) {
	switch p.dec.PeekKind() {
	case '{', '[':
		if p.dec.StackDepth()-outer >= maxDepth {
			p.fail(fmt.Errorf("data nests deeper than %d", maxDepth))
			return
		}
		fallthrough
	case '}', ']':
		if _, err := p.dec.ReadToken(); err != nil {
			p.fail(err)
		}
	case '0':
		if v, ok := p.read(); ok && !plainNumber(v) {
			p.here("bad-number", "%s must be a plain integer: no fraction, exponent or leading zero, at most 10^15; amounts are minor units (fen)", clip(string(v)))
		}
	case '"':
		if v, ok := p.read(); ok {
			p.text(p.plain(v))
		}
	default:
		p.read()
	}
}

// text refuses a string that, as a whole, names a natural person.
func (p *parser) text(s []byte) {
	switch ident.Personal(s) {
	case ident.ResidentID:
		p.here("personal-identifier", "this is a resident identity number, which may never stand on the log: use a token (civicledger token)")
	case ident.Mobile:
		p.here("personal-identifier", "this is a mobile number, which may never stand on the log: use a token (civicledger token) or leave it out")
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
