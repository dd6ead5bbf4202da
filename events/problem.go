package events

import (
	"fmt"
	"strings"
)

// Problem is one reason for a refusal. Code is stable, for machines; Message
// names the cure, for people.
type Problem struct {
	Line    int    `json:"line"`    // 1-based in the submission; 0: the whole of it
	Pointer string `json:"pointer"` // JSON pointer into the event, "" for the event itself
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Problems is an error that carries every reason found. A nil Problems is no
// error, but a nil Problems stored in an error variable is: use Err.
type Problems []Problem

// Error lists the first three reasons and counts the rest.
func (p Problems) Error() string {
	const shown = 3
	var b strings.Builder
	for i, one := range p {
		if i == shown {
			fmt.Fprintf(&b, "; and %d more", len(p)-shown)
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		if one.Line > 0 {
			fmt.Fprintf(&b, "line %d: ", one.Line)
		}
		if one.Pointer != "" {
			b.WriteString(one.Pointer + ": ")
		}
		b.WriteString(one.Message)
	}
	return b.String()
}

// Err is p as an error, nil where there is no problem.
func (p Problems) Err() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

// At returns the problems as those of the given 1-based line of a submission, as
// short as a message may be: what they quote was written by others.
func (p Problems) At(line int) Problems {
	for i := range p {
		p[i].Line = line
		p[i].Pointer, p[i].Message = Short(p[i].Pointer, maxPointer), Short(p[i].Message, maxMessage)
	}
	return p
}

// Bounds of what a problem says, in bytes.
const (
	maxPointer = 256
	maxMessage = 1000
)

// Short is text that others wrote as it may stand in a message: at most so many
// bytes of it, and a mark where there was more.
func Short(text string, bytes int) string {
	if len(text) <= bytes {
		return text
	}
	return strings.ToValidUTF8(text[:bytes], "") + "…"
}
