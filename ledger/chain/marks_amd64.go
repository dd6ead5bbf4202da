//go:build !purego

package chain

// hasMarks says whether processor and system have what markBytes uses.
var hasMarks = processorHasMarks()

func processorHasMarks() bool

// markBytes marks 64 bytes or more of text, at most 64 for each word of m, and
// says what it found among them, see foundEscape.
//
//go:noescape
func markBytes(text *byte, size int, m *marks) (found uint32)
