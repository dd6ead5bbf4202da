package ident

import "strings"

// uscAlphabet holds the 31 symbols of GB 32100-2015: no I, O, S, V, Z.
const uscAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"

var uscValue = func() (value [256]int8) {
	for i := range value {
		value[i] = -1
	}
	for i := 0; i < len(uscAlphabet); i++ {
		value[uscAlphabet[i]] = int8(i)
	}
	return value
}()

// CodeCheck says what is known about an organisation's code.
type CodeCheck uint8

// A code that is wrong in its check character only is accepted and marked:
// genuine early codes fail it.
const (
	CodeNone    CodeCheck = iota // not a code
	CodeForeign                  // number in a foreign register: nothing to check
	CodeUnsound                  // shape of a 统一社会信用代码, check character fails
	CodeSound                    // check character holds
)

// CheckCode judges a 统一社会信用代码 by GB 32100-2015, or a foreign register
// number written XX-REG-number (as on org-id.guide, e.g. GB-CHC-281528).
func CheckCode(code string) CodeCheck {
	if len(code) != 18 || strings.IndexByte(code, '-') >= 0 {
		if isForeignCode(code) {
			return CodeForeign
		}
		return CodeNone
	}
	sum, weight := 0, 1
	for i := 0; i < 17; i++ {
		v := uscValue[code[i]]
		if v < 0 {
			return CodeNone
		}
		sum += int(v) * weight
		weight = weight * 3 % 31
	}
	last := uscValue[code[17]]
	if last < 0 {
		return CodeNone
	}
	if int(last) == (31-sum%31)%31 {
		return CodeSound
	}
	return CodeUnsound
}

// IsOrgCode reports whether the code may stand in an OrgRef.
func IsOrgCode(code string) bool { return CheckCode(code) != CodeNone }

func isForeignCode(code string) bool {
	country, rest, ok := strings.Cut(code, "-")
	if !ok || len(country) != 2 || !each(country, isUpper) {
		return false
	}
	register, number, ok := strings.Cut(rest, "-")
	return ok && len(register) >= 2 && len(register) <= 8 && each(register, isUpperOrDigit) &&
		len(number) >= 1 && len(number) <= 40 && each(number, isNumberPart)
}

func each(s string, ok func(byte) bool) bool {
	for i := 0; i < len(s); i++ {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool        { return c >= '0' && c <= '9' }
func isUpper(c byte) bool        { return c >= 'A' && c <= 'Z' }
func isUpperOrDigit(c byte) bool { return isDigit(c) || isUpper(c) }
func isNumberPart(c byte) bool {
	return isUpperOrDigit(c) || c >= 'a' && c <= 'z' || c == '.' || c == '/' || c == '-'
}
