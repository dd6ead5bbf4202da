package ident

import "net/url"

// IsURI reports whether s is an absolute URI of printable ASCII without spaces
// (RFC 3986), its scheme in lower case.
func IsURI(s string) bool {
	if len(s) == 0 {
		return false
	}
	colon := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>' || c == '\\' || c == '^' || c == '`' || c == '{' || c == '|' || c == '}' {
			return false
		}
		if c == ':' && colon == 0 {
			colon = i
		}
	}
	if colon == 0 || colon == len(s)-1 {
		return false
	}
	for i := 0; i < colon; i++ {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || i > 0 && (isDigit(c) || c == '+' || c == '-' || c == '.')) {
			return false
		}
	}
	_, err := url.Parse(s)
	return err == nil
}
