package ident

// IsDate reports whether s is a day of the Gregorian calendar, 1900 to 2199,
// written 2006-01-02.
func IsDate(s []byte) bool {
	if len(s) != 10 || s[7] != '-' || !IsMonth(s[:7]) {
		return false
	}
	year, month := number(s[:4]), number(s[5:7])
	day := number(s[8:])
	return day >= 1 && day <= daysIn(year, month)
}

// IsMonth reports whether s is a month of 1900 to 2199, written 2006-01.
func IsMonth(s []byte) bool {
	if len(s) != 7 || s[4] != '-' {
		return false
	}
	year, month := number(s[:4]), number(s[5:])
	return year >= 1900 && year <= 2199 && month >= 1 && month <= 12
}

// number reads ASCII digits; -1 if there are others.
func number(s []byte) int {
	n := 0
	for _, c := range s {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// MonthOf is the month of a date; "" for text that is no date.
func MonthOf(date string) string {
	if !IsDate([]byte(date)) {
		return ""
	}
	return date[:7]
}
