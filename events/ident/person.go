package ident

import (
	"strings"

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

// IsResidentID reports whether s, as a whole, is a valid 18-digit resident
// identity number (GB 11643-1999: province, date of birth, check character; a
// leading 9 is the card of a foreign permanent resident). Width, case of x,
// spaces and hyphens do not hide it. Numbers of 15 digits have no check digit
// and would catch references and receipts, so they are not looked at; neither
// is an organisation's code that is sound in all its parts.
func IsResidentID(s string) bool {
	s, ok := digitsOf(s, 18)
	if !ok || !each(s[:17], isDigit) {
		return false
	}
	if s[0] != '9' && !isProvince(s[:2]) {
		return false
	}
	if !IsDate([]byte(s[6:10] + "-" + s[10:12] + "-" + s[12:14])) {
		return false
	}
	return residentCheck(s) == s[17] && !isSoundOrgCode(s)
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

// IsMobile reports whether s, as a whole, is a mobile number of the mainland:
// eleven digits 1[3-9]…, with or without 86, +86 or 0086 in front. Width,
// spaces and hyphens do not hide it.
func IsMobile(s string) bool {
	s, ok := digitsOf(s, 11)
	return ok && s[0] == '1' && s[1] >= '3' && each(s, isDigit)
}

// digitsOf strips what people write around and between digits and reports
// whether exactly want characters remain, digits all but the last, which may
// be X. For mobile numbers a country code in front is taken off.
func digitsOf(s string, want int) (string, bool) {
	if len(s) < want || len(s) > 96 {
		return "", false
	}
	if c := s[0]; c < 0x80 && !isDigit(c) && c != '+' && c != ' ' && c != '(' && c != '\t' && c != '-' {
		return "", false
	}
	if len(s) != want || !each(s, isDigit) {
		s = stripped(s)
	}
	if want == 11 {
		s = trimCountry(s)
	}
	if len(s) != want {
		return "", false
	}
	return s, each(s[:want-1], isDigit)
}

// stripped is s in plain ASCII without spaces, hyphens, dots and brackets.
func stripped(s string) string {
	var b strings.Builder
	for _, r := range norm.NFKC.String(s) {
		switch r {
		case ' ', '\t', '\n', '-', '.', '(', ')', '\u00a0', '\u2010', '\u2011', '\u2012', '\u2013', '\u2014', '\u2212', '\u200b', '\ufeff':
			continue
		case 'x':
			r = 'X'
		}
		b.WriteRune(r)
	}
	return b.String()
}

func trimCountry(s string) string {
	for _, prefix := range []string{"+86", "0086", "86"} {
		if rest, ok := strings.CutPrefix(s, prefix); ok && len(rest) == 11 {
			return rest
		}
	}
	return s
}
