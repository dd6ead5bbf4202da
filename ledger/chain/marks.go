package chain

import "math/bits"

// marks say where in a text quotes and brackets stand, a bit for each byte:
// with them a scanner steps from mark to mark instead of from byte to byte.
// They hold the first longestMarked bytes; of a longer text, or where the
// processor cannot make them, there are none.
type marks struct {
	quotes   [longestMarked / 64]uint64
	brackets [longestMarked / 64]uint64 // { } [ ], first all, then those outside strings
}

const longestMarked = 2048

// What markBytes may find in a text.
const (
	foundEscape  = 1 << iota // a backslash
	foundControl             // less than a space, or DEL
	foundWide                // not ASCII
)

// mark marks a text without backslashes; false if it is not for marks. It says
// whether all of the text is printable ASCII.
func (m *marks) mark(text []byte) (marked, printable bool) {
	if len(text) < 64 || len(text) > longestMarked {
		return false, false
	}
	found := markBytes(&text[0], len(text), m)
	if found&foundEscape != 0 {
		return false, false
	}
	inside := uint64(0) // all ones: the word begins inside a string
	for i, q := range m.quotes[:(len(text)+63)/64] {
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
	return true, found == 0
}

// next returns the place of the first mark at or behind a place, or -1.
func next(marks *[longestMarked / 64]uint64, at int) int {
	if at >= longestMarked {
		return -1
	}
	word := at / 64
	set := marks[word] &^ (1<<(at%64) - 1)
	for set == 0 {
		if word++; word == len(marks) {
			return -1
		}
		set = marks[word]
	}
	return word*64 + bits.TrailingZeros64(set)
}
