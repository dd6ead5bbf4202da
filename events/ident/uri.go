package ident

import "strings"

// IsURI reports whether s is an absolute URI of printable ASCII without spaces:
// a scheme in lower case, a colon, and the characters of RFC 3986 with whole
// percent triplets.
func IsURI(s string) bool {
	i := 0
	for ; i < len(s) && s[i] != ':'; i++ {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || i > 0 && (isDigit(c) || c == '+' || c == '-' || c == '.')) {
			return false
		}
	}
	if i == 0 || i >= len(s)-1 {
		return false
	}
	for i++; i < len(s); i++ {
		switch {
		case s[i] == '%':
			if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
				return false
			}
		case !uriCharacter[s[i]]:
			return false
		}
	}
	return true
}

var uriCharacter = func() (is [256]bool) {
	const marks = "-._~:/?#[]@!$&'()*+,;="
	for c := range 256 {
		is[c] = c < 0x80 && (isNumberPart(byte(c)) || strings.IndexByte(marks, byte(c)) >= 0)
	}
	return is
}()

func isHex(c byte) bool { return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }
