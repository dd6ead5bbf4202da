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
// JSON to the intake: two readers that accept the line agree on the four.
func ReadEnvelope(line []byte) (Envelope, error) {
	var e EnvelopeText
	if err := e.Read(line); err != nil {
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

// Read is ReadEnvelope without copies. After an error e holds nothing of use.
func (e *EnvelopeText) Read(line []byte) error {
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
		if err := e.take(name, s.value()); err != nil {
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

func (e *EnvelopeText) take(name, value []byte) error {
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
	text, err := plainText(value)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	*into = text
	return nil
}

// plainText decodes a JSON string that holds no control characters.
func plainText(value []byte) ([]byte, error) {
	if len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' {
		return nil, errors.New("not a string")
	}
	text := value[1 : len(value)-1]
	if bytes.IndexByte(value, '\\') >= 0 {
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

func (s *scanner) space() {
	for s.at < len(s.text) && (s.text[s.at] == ' ' || s.text[s.at] == '\t') {
		s.at++
	}
}

func (s *scanner) peek() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

// member reads up to the value of the next member; more is false at the end of
// the object, which must be the end of the line.
func (s *scanner) member(first bool) (name []byte, more bool, err error) {
	s.space()
	if s.peek() == '}' {
		if s.at != len(s.text)-1 {
			return nil, false, errShape
		}
		return nil, false, nil
	}
	if !first {
		if s.peek() != ',' {
			return nil, false, errShape
		}
		s.at++
		s.space()
	}
	if s.peek() != '"' {
		return nil, false, errShape
	}
	quoted := s.string()
	if len(quoted) < 2 {
		return nil, false, errShape
	}
	if bytes.IndexByte(quoted, '\\') >= 0 {
		return nil, false, fmt.Errorf("member name %s is written with escapes", quoted)
	}
	s.space()
	if s.peek() != ':' {
		return nil, false, errShape
	}
	s.at++
	s.space()
	return quoted[1 : len(quoted)-1], true, nil
}

// string passes over a string and returns it with its quotes; what is not
// closed runs to the end of the text and fails there.
func (s *scanner) string() []byte {
	start := s.at
	for s.at++; s.at < len(s.text); s.at++ {
		i := bytes.IndexByte(s.text[s.at:], '"')
		if i < 0 {
			s.at = len(s.text)
			return nil
		}
		s.at += i
		slashes := 0
		for s.text[s.at-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			s.at++
			return s.text[start:s.at]
		}
	}
	return nil
}

// value passes over one value and returns it.
func (s *scanner) value() []byte {
	start := s.at
	depth := 0
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case '"':
			s.string()
			if depth == 0 {
				return s.text[start:min(s.at, len(s.text))]
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return s.text[start:s.at]
			}
			depth--
			if depth == 0 {
				s.at++
				return s.text[start:s.at]
			}
		case ',', ' ', '\t':
			if depth == 0 {
				return s.text[start:s.at]
			}
		}
		s.at++
	}
	return s.text[start:]
}
