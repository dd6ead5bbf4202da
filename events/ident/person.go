package ident

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// NormaliseID folds the spellings of one identity number: width, case, spaces
// and hyphens. A 15-digit resident number becomes its 18-digit twin.
func NormaliseID(id string) string {
	id = strings.Map(func(r rune) rune {
		switch r {
		case ' ', '\t', '-', '\u00a0', '\u2010', '\u2011', '\u2012', '\u2013', '\u2212', '\u200b', '\ufeff':
			return -1
		}
		return r
	}, norm.NFKC.String(id))
	id = strings.ToUpper(id)
	if len(id) == 15 && each(id, isDigit) && isProvince(id[:2]) && IsDate([]byte("19"+id[6:8]+"-"+id[8:10]+"-"+id[10:12])) {
		long := id[:6] + "19" + id[6:]
		return long + string(residentCheck(long))
	}
	return id
}

// residentCheck is the check character of GB 11643-1999 over 17 digits.
func residentCheck(digits string) byte {
	weights := [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}
	sum := 0
	for i, weight := range weights {
		sum += int(digits[i]-'0') * weight
	}
	return "10X98765432"[sum%11]
}

// PersonalKind is what Personal found.
type PersonalKind uint8

// What a string, as a whole, may be.
const (
	NotPersonal PersonalKind = iota
	// ResidentID is a valid 18-digit resident identity number (GB 11643-1999:
	// province, date of birth, check character; a leading 9 is the card of a
	// foreign permanent resident). Numbers of 15 digits have no check digit and
	// would catch references and receipts, so they are not looked at; neither is
	// an organisation's code that is sound in all its parts.
	ResidentID
	// Mobile is a mobile number of the mainland: eleven digits 1[3-9]…, with or
	// without 86, +86 or 0086 in front.
	Mobile
)

// maxDigits is the most that Personal looks at: an identity number and no more.
const maxDigits = 18

// Personal reports whether s, as a whole, is an identity or a mobile number.
// Width, case of x, spaces and hyphens do not hide it.
// It does not allocate for the strings that events are made of.
func Personal(s []byte) PersonalKind {
	var digits [maxDigits]byte
	n, ok := digitsOf(s, &digits)
	if !ok {
		return NotPersonal
	}
	text := digits[:n]
	switch {
	case n == 18 && soundResidentID(text) && !isSoundOrgCode(string(text)):
		return ResidentID
	case n == 15 && (string(text[:4]) == "0086"), n == 13 && string(text[:2]) == "86":
		text = text[n-11:]
	case n != 11:
		return NotPersonal
	}
	if text[0] == '1' && text[1] >= '3' && text[10] != 'X' && len(text) == 11 {
		return Mobile
	}
	return NotPersonal
}

// PersonalIn reports whether text is, or holds between others, a word that is an
// identity or a mobile number.
func PersonalIn(text string) bool {
	words := strings.FieldsFunc(text, func(r rune) bool {
		return unicode.Is(unicode.Han, r) || !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	return slices.ContainsFunc(append(words, text), func(s string) bool { return Personal([]byte(s)) != NotPersonal })
}

// ValidResidentID reports whether id, once normalised, is an 18-digit resident
// number whose parts hold. It is for those who enter one; Personal is for
// those who must notice one among other things.
func ValidResidentID(id string) bool {
	normal := NormaliseID(id)
	return len(normal) == 18 && each(normal[:17], isDigit) && soundResidentID([]byte(normal))
}

func soundResidentID(s []byte) bool {
	if s[0] != '9' && !isProvince(string(s[:2])) {
		return false
	}
	date := [10]byte{s[6], s[7], s[8], s[9], '-', s[10], s[11], '-', s[12], s[13]}
	return IsDate(date[:]) && residentCheck(string(s)) == s[17]
}

// digitsOf writes the digits of s without what people put around and between
// them. It is not ok where s holds anything else (but one X at the end) or more
// digits than fit.
func digitsOf(s []byte, into *[maxDigits]byte) (n int, ok bool) {
	for i := 0; i < len(s); {
		c := s[i]
		size := 1
		if c >= utf8.RuneSelf {
			c, size = foldDigit(s[i:])
		}
		i += size
		switch {
		case isDigit(c), (c == 'x' || c == 'X') && n == 17:
			if n == maxDigits || n > 0 && into[n-1] == 'X' {
				return n, false
			}
			into[n] = c &^ ((c & 0x40) >> 1) // upper case
			n++
		case c == ' ', c == '\t', c == '\n', c == '-', c == '.', c == '(', c == ')', c == '+' && n == 0:
		default:
			return n, false
		}
	}
	return n, n >= 11
}

// foldDigit is the plain form of a character outside ASCII: a digit, an x, a
// space or a hyphen; 0 for any other.
func foldDigit(s []byte) (plain byte, size int) {
	r, size := utf8.DecodeRune(s)
	switch {
	case unicode.Is(unicode.Han, r):
		return 0, size // by far the commonest
	case unicode.IsSpace(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Pd, r), r == '\u2212':
		return ' ', size
	}
	if folded := norm.NFKC.String(string(r)); len(folded) == 1 {
		return folded[0], size
	}
	return 0, size
}

// isSoundOrgCode is stricter than CheckCode: one identity number in 31 would
// pass the check character alone. The division of the registrar and the check
// digit of the organisation code (GB 11714) must hold too.
func isSoundOrgCode(code string) bool {
	if CheckCode(code) != CodeSound || code[2:8] != "100000" && !isProvince(code[2:4]) {
		return false
	}
	weights := [8]int{3, 7, 9, 10, 5, 8, 4, 2}
	sum := 0
	for i, weight := range weights {
		c := code[8+i]
		value := int(c - '0')
		if c >= 'A' {
			value = int(c-'A') + 10
		}
		sum += value * weight
	}
	return "0X987654321"[sum%11] == code[16]
}
