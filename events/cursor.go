package events

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Cursor is a place in a JSON text that a strict parser has found valid. It
// serves the two walks of every event, the envelope's and the catalogue's:
// asking a full parser for each token twice would cost more than the durable
// log does. It checks nothing; on text that is not valid JSON it stays within
// the text, ends, and says nothing useful.
type Cursor struct {
	Text []byte
	At   int
}

// Peek passes over white space and returns the next byte, 0 at the end.
func (c *Cursor) Peek() byte {
	for c.At < len(c.Text) {
		switch b := c.Text[c.At]; b {
		case ' ', '\t', '\n', '\r':
			c.At++
		default:
			return b
		}
	}
	return 0
}

// Enter passes the opening bracket of an object or array that Peek returned.
func (c *Cursor) Enter() { c.At = min(c.At+1, len(c.Text)) }

// Next moves to the next member or element of what was entered. At the end it
// passes the closing bracket and returns false.
func (c *Cursor) Next() bool {
	switch c.Peek() {
	case 0:
		return false
	case '}', ']':
		c.At++
		return false
	case ',':
		c.At++
		c.Peek()
	}
	return true
}

// Name passes a member's name and the colon, and returns the name with its
// quotes. Its place is c.At before the call.
func (c *Cursor) Name() []byte {
	name := c.String()
	c.Peek()
	c.Enter()
	c.Peek()
	return name
}

// String passes a string and returns it with its quotes.
func (c *Cursor) String() []byte {
	start := c.At
	for i := start + 1; i < len(c.Text); i++ {
		switch c.Text[i] {
		case '"':
			c.At = i + 1
			return c.Text[start:c.At]
		case '\\':
			i++
		}
	}
	c.At = len(c.Text)
	return []byte(`""`)
}

// Value passes any value and returns it.
func (c *Cursor) Value() []byte {
	first := c.Peek()
	start := c.At
	switch first {
	case '"':
		return c.String()
	case '{', '[':
		c.skipNested()
	default:
		c.skipScalar()
	}
	return c.Text[start:c.At]
}

func (c *Cursor) skipNested() {
	for depth := 0; c.At < len(c.Text); {
		switch c.Text[c.At] {
		case '"':
			c.String()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		c.At++
		if depth == 0 {
			return
		}
	}
}

// skipScalar passes a number or a literal, and at least one byte.
func (c *Cursor) skipScalar() {
	for start := c.At; c.At < len(c.Text); c.At++ {
		switch c.Text[c.At] {
		case ',', '}', ']', ':', ' ', '\t', '\n', '\r':
			if c.At == start {
				c.At++
			}
			return
		}
	}
}

// Unquote is the text of a quoted string. It is a part of quoted or of scratch,
// which it may grow, and valid as long as they are.
func Unquote(quoted, scratch []byte) (text, grown []byte) {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1], scratch
	}
	grown, err := jsontext.AppendUnquote(scratch[:0], quoted)
	if err != nil {
		return nil, scratch
	}
	return grown, grown
}

// PointerAt is the JSON pointer (RFC 6901) of the value, or of the member whose name, begins
// at offset. It walks the text again: only refusals ask for it.
func PointerAt(text []byte, offset int) string {
	c := Cursor{Text: text}
	var path strings.Builder
	for c.Peek() != 0 && c.At < offset && c.inside(offset, &path) {
	}
	return path.String()
}

// inside moves c to the member or element that holds offset and adds its
// reference to the path. It returns false where there is none, or where offset
// is the member's name.
func (c *Cursor) inside(offset int, path *strings.Builder) bool {
	object := c.Peek() == '{'
	if !object && c.Peek() != '[' {
		return false
	}
	c.Enter()
	for i := 0; c.Next(); i++ {
		reference := strconv.Itoa(i)
		named := c.At
		if object {
			name, _ := Unquote(c.Name(), nil)
			reference = pointerEscape.Replace(string(name))
		}
		start := c.At
		c.Value()
		if offset < c.At {
			path.WriteString("/" + reference)
			c.At = start
			return !object || offset != named
		}
	}
	return false
}

var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")
