package ident

import (
	"strings"
)

// IsJurisdiction reports whether code is a division of GB/T 2260 with 6, 9 or
// 12 digits (100000 is the whole country), or an ISO 3166-2 country or
// subdivision such as US or US-GA.
func IsJurisdiction(code string) bool {
	if code == "" {
		return false
	}
	if isDigit(code[0]) {
		return isDivision(code)
	}
	country, part, cut := strings.Cut(code, "-")
	if len(country) != 2 || !each(country, isUpper) {
		return false
	}
	return !cut || len(part) >= 1 && len(part) <= 3 && each(part, isUpperOrDigit)
}

func isDivision(code string) bool {
	switch len(code) {
	case 6, 9, 12:
	default:
		return false
	}
	if !each(code, isDigit) {
		return false
	}
	return code[:6] == "100000" || isProvince(code[:2])
}

// isProvince reports whether the two digits are a province-level code of GB/T 2260.
func isProvince(code string) bool {
	n := int(code[0]-'0')*10 + int(code[1]-'0')
	switch {
	case n >= 11 && n <= 15, n >= 21 && n <= 23, n >= 31 && n <= 37, n >= 41 && n <= 46,
		n >= 50 && n <= 54, n >= 61 && n <= 65, n == 71, n == 81, n == 82:
		return true
	}
	return false
}
