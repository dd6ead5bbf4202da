package events

import (
	"strings"
	"time"

	"civicledger/events/ident"
)

// attribute is a set of CloudEvents context attributes.
type attribute uint16

const (
	attrSpecVersion attribute = 1 << iota
	attrID
	attrSource
	attrType
	attrTime
	attrData
	attrSubject
	attrContentType
	attrJurisdiction
	attrCorrects
)

const required = attrSpecVersion | attrID | attrSource | attrType | attrTime | attrData

// attributes in the order in which Encode writes them.
var attributes = []struct {
	name string
	attr attribute
}{
	{"specversion", attrSpecVersion},
	{"id", attrID},
	{"source", attrSource},
	{"type", attrType},
	{"time", attrTime},
	{"subject", attrSubject},
	{"datacontenttype", attrContentType},
	{"jurisdiction", attrJurisdiction},
	{"corrects", attrCorrects},
	{"data", attrData},
}

// attributeOf finds the attribute that a quoted name names, byte for byte: a
// name written with escapes is none, so that every reader sees the same.
func attributeOf(quoted []byte) (attribute, bool) {
	name := quoted[1 : len(quoted)-1]
	for i := range attributes {
		if attributes[i].name == string(name) {
			return attributes[i].attr, true
		}
	}
	return 0, false
}

func isAttribute(name string) bool {
	for i := range attributes {
		if attributes[i].name == name {
			return true
		}
	}
	return false
}

// attribute judges the value of one attribute and puts it into the event.
func (p *parser) attribute(a attribute, at int, v []byte) {
	if v[0] != '"' {
		p.refuse(at, "wrong-kind", "must be a string")
		return
	}
	raw := p.plain(v)
	p.text(at, raw)
	s := string(raw)
	if !printable(s) {
		p.refuse(at, "control-character", "must hold no control characters")
		return
	}
	if code, message := p.event.take(a, s); code != "" {
		p.refuse(at, code, "%s", message)
	}
}

// take puts the text of an attribute into the event, or says what is wrong.
func (e *Event) take(a attribute, s string) (code, message string) {
	ok := true
	switch a {
	case attrSpecVersion:
		ok, code, message = s == "1.0", "bad-specversion", `must be "1.0"`
	case attrID:
		e.ID = s
		ok, code, message = isID(s), "bad-id", "must be 1 to 128 printable ASCII characters without spaces"
	case attrSource:
		e.Source = s
		ok, code, message = isSource(s), "bad-source", "must be an absolute URI without spaces, at most 256 characters, such as https://agency.example/system"
	case attrType:
		e.Type = s
		ok, code, message = isType(s), "bad-type", "must be a type with its version, such as subsidy.paid.v1"
	case attrTime:
		code = "bad-time"
		e.Time, message = parseTime(s)
		ok = message == ""
	case attrSubject:
		e.Subject = s
		ok, code, message = s != "" && len(s) <= maxSubject, "bad-subject", "must be 1 to 256 bytes: leave it out where there is none"
	case attrContentType:
		ok, code, message = isJSON(s), "bad-datacontenttype", "must be application/json, or be left out"
	case attrJurisdiction:
		e.Jurisdiction = s
		ok, code, message = ident.IsJurisdiction(s), "bad-jurisdiction", "must be a GB/T 2260 code of 6, 9 or 12 digits, or an ISO 3166-2 code such as US-GA"
	case attrCorrects:
		e.Corrects, ok = parseRef(s)
		code, message = "bad-corrects", "must be the source and the id of the corrected event with one space between"
	}
	if ok {
		return "", ""
	}
	return code, message
}

// parseTime reads a time, or says why it is none that is taken.
func parseTime(s string) (t time.Time, message string) {
	t, ok := strictTime(s)
	if ok {
		return t, ""
	}
	if _, ok := strictTime(strings.ToUpper(s)); ok {
		return t, "RFC 3339 allows t and z in lower case, this ledger does not: write T and Z"
	}
	if second := 16; len(s) > second+3 && s[second:second+3] == ":60" {
		if _, ok := strictTime(s[:second] + ":59" + s[second+3:]); ok {
			return t, "RFC 3339 allows a leap second, this ledger does not: write the second before or after it"
		}
	}
	return t, "must be RFC 3339 with a zone, such as 2026-01-31T09:30:00+08:00, not before 1900"
}

// strictTime reads what RFC 3339 allows in upper case. time.Parse also takes a comma
// before the fraction, an hour of one digit, and offsets that are none.
func strictTime(s string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || len(s) > 40 || strings.Contains(s, ",") || t.Year() < 1900 || s[11:19] != t.Format(time.TimeOnly) {
		return t, false
	}
	offset := s[len(s)-len("08:00"):]
	return t, s[len(s)-1] == 'Z' || offset[:2] <= "23" && offset[3:] <= "59"
}

func parseRef(s string) (*Ref, bool) {
	source, id, ok := strings.Cut(s, " ")
	return &Ref{Source: source, ID: id}, ok && isSource(source) && isID(id)
}

// complete checks what only the whole envelope shows.
func (p *parser) complete() {
	for i := range attributes {
		if a := &attributes[i]; required&a.attr != 0 && p.seen&a.attr == 0 {
			p.add("/"+a.name, "missing", a.name+" is missing")
		}
	}
	if c := p.event.Corrects; c != nil && c.ID == p.event.ID && c.Source == p.event.Source {
		p.add("/corrects", "bad-corrects", "an event cannot correct itself: give the new one its own id")
	}
}

func isID(s string) bool {
	if len(s) == 0 || len(s) > maxID {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

func isSource(s string) bool { return len(s) <= maxSource && ident.IsURI(s) }

// isType accepts dotted lower-case words that end in a version.
func isType(s string) bool {
	dot := strings.LastIndex(s, ".v")
	if dot <= 0 || len(s) > maxType || dot+2 == len(s) || s[dot+2] == '0' {
		return false
	}
	for i := dot + 2; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	for i := 0; i < dot; i++ {
		first := i == 0 || s[i-1] == '.'
		switch c := s[i]; {
		case c >= 'a' && c <= 'z':
		case first:
			return false
		case c >= '0' && c <= '9', c == '_', c == '.' && i < dot-1:
		default:
			return false
		}
	}
	return true
}

func isJSON(s string) bool {
	charset, ok := strings.CutPrefix(s, "application/json")
	return ok && (charset == "" || strings.EqualFold(strings.TrimPrefix(charset[1:], " "), "charset=utf-8") && charset[0] == ';')
}

func printable(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}
