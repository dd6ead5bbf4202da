package chain

import "golang.org/x/sys/cpu"

// hasMarks says whether this processor has what markBytes uses.
var hasMarks = cpu.X86.HasAVX2

// markBytes marks 64 bytes or more of text, at most 64 for each word of m, and
// says what it found among them, see foundEscape.
//
//go:noescape
func markBytes(text *byte, size int, m *marks) (found uint32)
