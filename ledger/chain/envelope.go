package chain

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// ErrEnvelope is wrapped by every error about a line whose CloudEvents
// attributes cannot be read.
var ErrEnvelope = errors.New("unreadable envelope")

// Envelope holds the few CloudEvents attributes that evidence rests on: who
// names what (the event key) and under which grant (the rights). Everything
// else in an event line is opaque to the ledger and to a verifier.
type Envelope struct {
	ID, Source, Type, Jurisdiction string
}

// ReadEnvelope reads the four attributes of a line in one pass over its top
// level. It refuses a line in which they are ambiguous (named twice, or by a
// name written with escapes) or not plain text, and leaves the rest of the
// JSON to the intake: two readers that accept the line agree on the four. It
// reads byte by byte: who judges what others wrote asks it, so that the marks of
// EnvelopeText.Read are never their own judge.
func ReadEnvelope(line []byte) (Envelope, error) {
	var e EnvelopeText
	if err := e.read(line); err != nil {
		return Envelope{}, err
	}
	return e.Envelope(), nil
}

// EnvelopeText is an Envelope as it stands in its line, for readers of many
// lines. An attribute is a part of the line, or, where the line writes it with
// escapes, of memory of its own.
type EnvelopeText struct {
	ID, Source, Type, Jurisdiction []byte
}

// Envelope returns a copy that does not depend on the line.
func (e *EnvelopeText) Envelope() Envelope {
	return Envelope{ID: string(e.ID), Source: string(e.Source), Type: string(e.Type), Jurisdiction: string(e.Jurisdiction)}
}

// Read is ReadEnvelope without copies, and by marks where it can. After an error
// e holds nothing of use.
func (e *EnvelopeText) Read(line []byte) error {
	if hasMarks && e.readMarked(line) {
		return nil
	}
	return e.read(line)
}

// read is Read, byte by byte.
func (e *EnvelopeText) read(line []byte) error {
	*e = EnvelopeText{}
	if err := CheckLine(line); err != nil {
		return fmt.Errorf("%w: %w", ErrEnvelope, err)
	}
	s := scanner{text: line, at: 1}
	for first := true; ; first = false {
		name, more, err := s.member(first)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrEnvelope, err)
		}
		if !more {
			break
		}
		if err := e.take(name, s.value(), false); err != nil {
			return fmt.Errorf("%w: %w", ErrEnvelope, err)
		}
	}
	switch {
	case len(e.ID) == 0:
		return missing("id")
	case len(e.Source) == 0:
		return missing("source")
	case len(e.Type) == 0:
		return missing("type")
	}
	return nil
}

func missing(name string) error { return fmt.Errorf("%w: %s is missing or empty", ErrEnvelope, name) }

func (e *EnvelopeText) take(name, value []byte, printable bool) error {
	var into *[]byte
	switch string(name) {
	case "id":
		into = &e.ID
	case "source":
		into = &e.Source
	case "type":
		into = &e.Type
	case "jurisdiction":
		into = &e.Jurisdiction
	default:
		return nil
	}
	if len(*into) > 0 {
		return fmt.Errorf("%s stands twice", name)
	}
	text, err := plainText(value, printable)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	*into = text
	return nil
}

// plainText decodes a JSON string that holds no control characters. In one of
// printable ASCII without escapes there is nothing to decode.
func plainText(value []byte, printable bool) ([]byte, error) {
	if len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' {
		return nil, errors.New("not a string")
	}
	text := value[1 : len(value)-1]
	if printable && len(text) > 0 {
		return text, nil
	}
	if bytes.IndexByte(text, '\\') >= 0 {
		var decoded string
		if err := json.Unmarshal(value, &decoded); err != nil {
			return nil, errors.New("not a string")
		}
		text = []byte(decoded)
	}
	if len(text) == 0 {
		return nil, errors.New("is empty")
	}
	ascii := true
	for _, c := range text {
		if c < ' ' || c == 0x7f {
			return nil, errors.New("holds a control character")
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	// Readers disagree on bad UTF-8 and lone surrogates; one of them writes U+FFFD.
	if !ascii && bytes.ContainsRune(text, utf8.RuneError) {
		return nil, errors.New("holds bad UTF-8 or U+FFFD")
	}
	return text, nil
}

// scanner walks the members of one JSON object without judging their values.
type scanner struct {
	text []byte
	at   int
}

var errShape = errors.New("not one JSON object")

// token passes over blanks and returns the byte behind them, or 0.
func (s *scanner) token() byte {
	for ; s.at < len(s.text); s.at++ {
		if c := s.text[s.at]; c != ' ' && c != '\t' {
			return c
		}
	}
	return 0
}

// member reads up to the value of the next member; more is false at the end of
// the object, which must be the end of the line.
func (s *scanner) member(first bool) (name []byte, more bool, err error) {
	c := s.token()
	if c == '}' {
		if s.at != len(s.text)-1 {
			return nil, false, errShape
		}
		return nil, false, nil
	}
	if !first {
		if c != ',' {
			return nil, false, errShape
		}
		s.at++
		c = s.token()
	}
	if c != '"' {
		return nil, false, errShape
	}
	quoted, escapes := s.string()
	if len(quoted) < 2 {
		return nil, false, errShape
	}
	if escapes {
		return nil, false, fmt.Errorf("member name %s is written with escapes", quoted)
	}
	if s.token() != ':' {
		return nil, false, errShape
	}
	s.at++
	s.token()
	return quoted[1 : len(quoted)-1], true, nil
}

// string passes over a string and returns it with its quotes, and whether it
// holds escapes; what is not closed runs to the end of the text and fails there.
func (s *scanner) string() (quoted []byte, escapes bool) {
	start, text := s.at, s.text
	for at := start + 1; at < len(text); at++ {
		if at-start == longString { // from here on the search in wide steps pays
			if at += plainRun(text[at:]); at == len(text) {
				break
			}
		}
		if text[at] == '"' {
			s.at = at + 1
			return text[start:s.at], escapes
		}
		if text[at] == '\\' {
			escapes = true
			at++
		}
	}
	s.at = len(text)
	return nil, escapes
}

const longString = 24

// plainRun returns how many bytes neither end a string nor begin an escape.
func plainRun(text []byte) int {
	end := bytes.IndexByte(text, '"')
	if end < 0 {
		end = len(text)
	}
	if escape := bytes.IndexByte(text[:end], '\\'); escape >= 0 {
		return escape
	}
	return end
}

// What a byte may mean outside strings; zero: nothing to value.
const (
	isQuote = 1 + iota
	isOpening
	isClosing
	isBetween
)

var meanings = [256]uint8{
	'"': isQuote, '{': isOpening, '[': isOpening, '}': isClosing, ']': isClosing,
	',': isBetween, ' ': isBetween, '\t': isBetween,
}

// value passes over one value and returns it.
func (s *scanner) value() []byte {
	start, text := s.at, s.text
	depth := 0
	for at := start; at < len(text); at++ {
		switch meanings[text[at]] {
		case isQuote:
			s.at = at
			s.string()
			if depth == 0 {
				return text[start:s.at]
			}
			at = s.at - 1
		case isOpening:
			depth++
		case isClosing:
			if depth == 0 {
				s.at = at
				return text[start:at]
			}
			if depth--; depth == 0 {
				s.at = at + 1
				return text[start:s.at]
			}
		case isBetween:
			if depth == 0 {
				s.at = at
				return text[start:at]
			}
		}
	}
	s.at = len(text)
	return text[start:]
}
