package sources

import (
	"fmt"
	"strings"
)

// RowError is why one row of a file was not said. Message names the cure.
type RowError struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  string `json:"column,omitempty"`
	Value   string `json:"value,omitempty"` // what stands there, cut at 60 characters
	Message string `json:"message"`
}

// Error is one line for people.
func (e *RowError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s line %d", e.File, e.Line)
	if e.Column != "" {
		fmt.Fprintf(&b, ", column %s", e.Column)
	}
	if e.Value != "" {
		fmt.Fprintf(&b, " %q", e.Value)
	}
	return b.String() + ": " + e.Message
}

// flaw is a RowError before file and line are known.
type flaw struct{ column, value, message string }

func (f *flaw) Error() string { return f.message }

func badCell(column, value, format string, args ...any) error {
	return &flaw{column, value, fmt.Sprintf(format, args...)}
}

func badRow(format string, args ...any) error { return badCell("", "", format, args...) }

// clip cuts a value to what a message shows of it.
func clip(s string) string {
	if short := clipTo(s, 60); short != s {
		return short + "…"
	}
	return s
}

func clipTo(s string, limit int) string {
	if runes := []rune(s); len(runes) > limit {
		return string(runes[:limit])
	}
	return s
}
