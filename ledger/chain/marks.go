package chain

import "math/bits"

// marks say where in a text quotes and brackets stand, a bit for each byte, so
// that a reader steps from mark to mark instead of from byte to byte.
type marks struct {
	quotes   [longestMarked / 64]uint64
	brackets [longestMarked / 64]uint64 // { } [ ]
}

// Texts of these sizes have marks.
const shortestMarked, longestMarked = 64, 2048

// What markBytes finds in a text.
const (
	foundEscape  = 1 << iota // a backslash
	foundControl             // less than a space, or DEL
	foundWide                // not ASCII
)

// readMarked is Read for a line as encoders write it: without escapes, with at
// most one space between members. It accepts nothing that Read would not and
// finds the same in it; false if it leaves the line to Read.
func (e *EnvelopeText) readMarked(line []byte) bool {
	if len(line) < shortestMarked || len(line) > longestMarked || line[0] != '{' || line[len(line)-1] != '}' {
		return false
	}
	r := markReader{line: line}
	found := markBytes(&line[0], len(line), &r.marks)
	if found&(foundEscape|foundControl) != 0 {
		return false
	}
	*e = EnvelopeText{}
	r.set = r.marks.quotes[0]
	for at := 1; ; {
		name, at1 := r.string(at)
		if at1 = r.behind(at1, ':'); at1 < 0 {
			return false
		}
		value, at2 := r.value(at1)
		if at2 < 0 || e.take(name, value, found == 0) != nil {
			return false
		}
		if at2 == len(line)-1 {
			return len(e.ID) > 0 && len(e.Source) > 0 && len(e.Type) > 0 // and it is }
		}
		if at = r.behind(at2, ','); at < 0 {
			return false
		}
	}
}

// markReader reads a line by its marks. Places below zero stand for what it
// does not read.
type markReader struct {
	line  []byte
	marks marks
	word  int    // of quotes
	set   uint64 // quotes of the word that were not read yet
	clean bool   // brackets are those outside strings only
}

// quote returns the place of the next quote.
func (r *markReader) quote() int {
	for r.set == 0 {
		if r.word++; r.word == len(r.marks.quotes) {
			return -1
		}
		r.set = r.marks.quotes[r.word]
	}
	at := r.word*64 + bits.TrailingZeros64(r.set)
	r.set &= r.set - 1
	return at
}

// string returns the text of the string at a place and the place behind it.
func (r *markReader) string(at int) (text []byte, behind int) {
	if r.quote() != at {
		return nil, -1
	}
	end := r.quote()
	if end < 0 {
		return nil, -1
	}
	return r.line[at+1 : end], end + 1
}

// behind returns the place behind a byte that must stand at a place, and behind
// a space.
func (r *markReader) behind(at int, c byte) int {
	if at < 0 || at+2 >= len(r.line) || r.line[at] != c {
		return -1
	}
	if r.line[at+1] == ' ' {
		return at + 2
	}
	return at + 1
}

// value returns the value at a place and the place behind it.
func (r *markReader) value(at int) (value []byte, behind int) {
	switch r.line[at] {
	case '"':
		if _, behind = r.string(at); behind < 0 {
			return nil, -1
		}
	case '{', '[':
		if behind = r.nested(at); behind < 0 {
			return nil, -1
		}
	default:
		for behind = at; plainScalar(r.line[behind]); behind++ {
		}
		if behind == at {
			return nil, -1
		}
	}
	return r.line[at:behind], behind
}

// plainScalar says whether c can stand in a number, true, false or null.
func plainScalar(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || c == '-' || c == '+' || c == '.' || c == 'E'
}

// nested returns the place behind the object or list that opens at a place.
func (r *markReader) nested(at int) int {
	if !r.clean {
		r.marks.outside(len(r.line))
		r.clean = true
	}
	word := at / 64
	set := r.marks.brackets[word] &^ (1<<(at%64) - 1)
	for depth := 0; ; set &= set - 1 {
		for set == 0 {
			if word++; word == len(r.marks.brackets) {
				return -1
			}
			set = r.marks.brackets[word]
		}
		at = word*64 + bits.TrailingZeros64(set)
		if c := r.line[at]; c == '{' || c == '[' {
			depth++
		} else if depth--; depth == 0 {
			break
		}
	}
	at++
	r.word = at / 64 // quotes go on here
	if r.word == len(r.marks.quotes) {
		return -1
	}
	r.set = r.marks.quotes[r.word] &^ (1<<(at%64) - 1)
	return at
}

// outside removes the marks of brackets inside strings of a text of that size.
func (m *marks) outside(size int) {
	inside := uint64(0) // all ones: the word begins inside a string
	for i, q := range m.quotes[:(size+63)/64] {
		// Each bit becomes the parity of the quotes up to it: one between quotes.
		q ^= q << 1
		q ^= q << 2
		q ^= q << 4
		q ^= q << 8
		q ^= q << 16
		q ^= q << 32
		q ^= inside
		m.brackets[i] &^= q
		inside = uint64(int64(q) >> 63)
	}
}
