package ident

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// NormaliseName folds the spellings under which one organisation appears in
// files: compatibility forms and width (NFKC), kinds of brackets, spaces, case
// of Latin letters. Space between two Latin or other alphabetic words is kept
// as one space; beside a Han character it is dropped. The result is for
// comparison; the name as published stays in the event.
func NormaliseName(name string) string {
	if isPlain(name) {
		return name
	}
	var b strings.Builder
	b.Grow(len(name))
	var last rune
	gap := false
	for _, r := range norm.NFKC.String(name) {
		if unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || unicode.IsControl(r) {
			gap = gap || !unicode.Is(unicode.Cf, r)
			continue
		}
		r = unicode.ToLower(foldPunctuation(r))
		if gap && last != 0 && wordRune(last) && wordRune(r) {
			b.WriteByte(' ')
		}
		gap = false
		b.WriteRune(r)
		last = r
	}
	// Lower-casing may leave a sequence that composes again.
	return norm.NFKC.String(b.String())
}

// IsName reports whether a name names anybody: it has a letter or a digit that
// can be seen. Spaces, format characters, fillers and marks alone are no name.
func IsName(name string) bool {
	return name != "" && isPlain(name) || strings.ContainsFunc(norm.NFKC.String(name), func(r rune) bool {
		return (unicode.IsLetter(r) || unicode.IsNumber(r)) && !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
	})
}

// isPlain reports names that NormaliseName would return as they are: lower-case
// ASCII letters and digits only, or Han characters only.
func isPlain(name string) bool {
	for _, r := range name {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r >= 0x4e00 && r <= 0x9fa5:
		default:
			return false
		}
	}
	return true
}

func wordRune(r rune) bool {
	return !unicode.Is(unicode.Han, r) && (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || r == '&' || r == ',' || r == '.')
}

func foldPunctuation(r rune) rune {
	switch r {
	case '〔', '【', '［', '[', '{', '「', '『', '〈', '《', '（':
		return '('
	case '〕', '】', '］', ']', '}', '」', '』', '〉', '》', '）':
		return ')'
	case '・', '•', '‧', '·', '∙', '⋅':
		return '·'
	case '–', '—', '―', '−', '‐', '‑':
		return '-'
	case '‘', '’', '`', '´':
		return '\''
	case '“', '”':
		return '"'
	}
	return r
}
