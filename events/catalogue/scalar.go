package catalogue

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"

	"civicledger/events"
	"civicledger/events/ident"
	"civicledger/events/money"
)

// got is a string value that was read and found good; empty otherwise. Its
// bytes are valid until the next one is read.
type got []byte

// keep copies the text for a rule, without allocating where it is an enum value.
func (g got) keep(enum map[string]string) string {
	if v, ok := enum[string(g)]; ok {
		return v
	}
	return string(g)
}

var orgFields = []Field{
	{Name: "code", Kind: Text, Min: 1, Max: 60, Doc: "统一社会信用代码 (18 characters), or the number in a foreign register as XX-REG-number."},
	{Name: "name", Kind: Text, Min: 1, Max: 300, Doc: "Name as published, never with names of persons."},
}

var orgRules = []Rule{atLeastOne("code", "name")}

const ( // inside Org only
	orgCode = Kind(200) // the code of an organisation
	orgName = Kind(201) // its name
)

var orgShape = func() *shape {
	fields := append([]Field{}, orgFields...)
	fields[0].Kind, fields[1].Kind = orgCode, orgName
	return compile(fields, orgRules)
}()

// scalar reads one value that is neither object nor list and judges it by kind.
func (w *walker) scalar(row *Field, kind Kind, enum map[string]string) got {
	first := w.cur.Peek()
	at := w.cur.At
	v := w.cur.Value()
	switch kind {
	case Integer, Amount:
		w.number(row, at, v)
		return nil
	case Bool:
		if first != 't' && first != 'f' {
			w.refuse(at, "wrong-kind", "must be true or false")
		}
		return nil
	}
	if first != '"' {
		w.refuse(at, "wrong-kind", "must be a string")
		return nil
	}
	s := w.plain(v)
	if code, message := judgeText(row, kind, enum, s); code != "" {
		w.refuse(at, code, "%s", message)
		return nil
	}
	return got(s)
}

// number judges an integer in plain form.
func (w *walker) number(row *Field, at int, v []byte) {
	if len(v) == 0 || v[0] != '-' && (v[0] < '0' || v[0] > '9') {
		w.refuse(at, "wrong-kind", "must be an integer without quotes")
		return
	}
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil || v[0] == '-' && n == 0 {
		w.refuse(at, "bad-number", "%s must be a plain integer: no fraction, no exponent, at most 10^15; amounts are minor units (fen)", events.Short(string(v), 60))
		return
	}
	low, high := row.Min, row.Max
	if row.Kind == List {
		low, high = row.ItemMin, row.ItemMax
	}
	if n < low || n > high {
		w.refuse(at, "out-of-range", "%d must be %d to %d", n, low, high)
	}
}

// judgeText judges a string by kind; code is empty where it is good.
func judgeText(row *Field, kind Kind, enum map[string]string, s []byte) (code, message string) {
	bad := func(ok bool, message string) (string, string) {
		if ok {
			return "", ""
		}
		return "bad-" + kind.String(), message
	}
	switch kind {
	case Text:
		return judgeLength(row, s)
	case Enum:
		if _, ok := enum[string(s)]; !ok {
			return "not-in-list", strconv.Quote(events.Short(string(s), 60)) + " is none of " + strings.Join(row.Enum, ", ")
		}
		return "", ""
	case Slug:
		return bad(IsSlug(s), "must be 1 to 128 letters, digits, '.', '_', ':' or '-', beginning with a letter or digit")
	case Currency:
		return bad(money.IsCurrency(string(s)), "must be an ISO 4217 code such as CNY")
	case Date:
		return bad(ident.IsDate(s), "must be a day of the calendar such as 2026-01-31")
	case Month:
		return bad(ident.IsMonth(s), "must be a month such as 2026-01")
	case orgCode:
		return bad(ident.IsOrgCode(string(s)), "must be a unified social credit code of 18 characters, or a foreign register number as XX-REG-number; without a code give the name alone")
	case orgName:
		if code, message = judgeLength(row, s); code != "" {
			return code, message
		}
		return bad(ident.IsName(string(s)), "must name somebody: there is no letter or digit in it that can be seen")
	case Token:
		return bad(ident.IsToken(s), "must be a token as civicledger token makes them; no names, no identity numbers")
	case Region:
		return bad(ident.IsJurisdiction(string(s)), "must be a GB/T 2260 code of 6, 9 or 12 digits, or an ISO 3166-2 code")
	case Grant:
		return bad(string(s) == "*" || ident.IsJurisdiction(string(s)), `must be a GB/T 2260 code of 6, 9 or 12 digits, an ISO 3166-2 code, or "*"`)
	}
	return judgeTechnical(row, kind, s, bad)
}

func judgeTechnical(row *Field, kind Kind, s []byte, bad func(bool, string) (string, string)) (code, message string) {
	switch kind {
	case URL:
		web := bytes.HasPrefix(s, []byte("http://")) || bytes.HasPrefix(s, []byte("https://"))
		return bad(web && len(s) <= int(row.Max) && ident.IsURI(string(s)), "must be an http or https URL of at most "+strconv.FormatInt(row.Max, 10)+" characters")
	case URI:
		return bad(len(s) <= int(row.Max) && ident.IsURI(string(s)), "must be an absolute URI without spaces, at most "+strconv.FormatInt(row.Max, 10)+" characters")
	case Pattern:
		return bad(IsPattern(string(s)), `must be a type such as subsidy.paid.v1, a family such as "subsidy.*", or "*"`)
	case Agency:
		return bad(isAgency(s), "must be [a-z0-9][a-z0-9-]{0,62}")
	case KeyID:
		return bad(isKeyID(s), "must be the 16 hexadecimal characters of a key id")
	case Key:
		return bad(base64Length(s) == 32, "must be the standard base64 of a 32-byte public key")
	case Proof:
		n := base64Length(s)
		return bad(n >= 1 && n <= 256, "must be the standard base64 of a signature")
	case NoteKey:
		_, err := note.NewVerifier(string(s))
		return bad(err == nil, "must be a note verifier key: name+hash+base64")
	}
	return "bad-table", "the catalogue has no check for this kind"
}

func judgeLength(row *Field, s []byte) (code, message string) {
	low, high := row.Min, row.Max
	if row.Kind == List {
		low, high = row.ItemMin, row.ItemMax
	}
	if int64(len(s)) > high && int64(utf8.RuneCount(s)) > high {
		return "too-long", "must be at most " + strconv.FormatInt(high, 10) + " characters"
	}
	if int64(len(s)) < low {
		return "empty", "must not be empty: leave the member out where there is nothing to say"
	}
	for _, c := range s {
		if c < ' ' && c != '\n' && c != '\t' || c == 0x7f {
			return "control-character", "must hold no control characters but line feeds and tabs"
		}
	}
	return "", ""
}

// IsSlug reports whether s is an identifier: [A-Za-z0-9][A-Za-z0-9._:-]{0,127}.
func IsSlug(s []byte) bool {
	if len(s) == 0 || len(s) > 128 {
		return false
	}
	for i, c := range s {
		switch {
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z':
		case i > 0 && (c == '.' || c == '_' || c == ':' || c == '-'):
		default:
			return false
		}
	}
	return true
}

// IsPattern reports whether p may stand in an enrolment's types.
func IsPattern(p string) bool {
	if p == "*" {
		return true
	}
	p = strings.TrimSuffix(p, ".*")
	if p == "" || len(p) > 100 || p[len(p)-1] == '.' {
		return false
	}
	for i := 0; i < len(p); i++ {
		c := p[i]
		if !(c >= 'a' && c <= 'z' || i > 0 && (c >= '0' && c <= '9' || c == '.' || c == '_')) {
			return false
		}
	}
	return true
}

func isAgency(s []byte) bool {
	if len(s) == 0 || len(s) > 63 || s[0] == '-' {
		return false
	}
	for _, c := range s {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') {
			return false
		}
	}
	return true
}

func isKeyID(s []byte) bool {
	for _, c := range s {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
			return false
		}
	}
	return len(s) == 16
}

// base64Length is the length of what strict standard base64 decodes to, -1 if
// it is none.
func base64Length(s []byte) int {
	var buf [512]byte
	if len(s) > 400 {
		return -1
	}
	n, err := base64.StdEncoding.Strict().Decode(buf[:], s)
	if err != nil || bytes.ContainsAny(s, "\r\n") {
		return -1
	}
	return n
}
