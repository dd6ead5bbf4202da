package events

import (
	"bytes"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

const nested = ` { "a" : [ 1 , {"b\"~/":"x\\"}, -2.5e3 ], "c":{}, "d":null ,"e":[]} `

func TestPointerAt(t *testing.T) {
	for at, want := range map[string]string{
		`{ "a"`: "", `"a"`: "/a", `[ 1`: "/a", `1 ,`: "/a/0", `{"b`: "/a/1", `"b\"`: `/a/1/b"~0~1`, `"x\\"`: `/a/1/b"~0~1`,
		`-2.5`: "/a/2", `{},`: "/c", `null`: "/d", `[]`: "/e",
	} {
		if got := PointerAt([]byte(nested), bytes.Index([]byte(nested), []byte(at))); got != want {
			t.Errorf("at %s: %q, want %q", at, got, want)
		}
	}
}

// walk lists what a cursor sees, delimiters included.
func walk(c *Cursor, seen []string) []string {
	switch c.Peek() {
	case '{':
		c.Enter()
		seen = append(seen, "{")
		for c.Next() {
			name, _ := Unquote(c.Name(), nil)
			seen = walk(c, append(seen, string(name)))
		}
		return append(seen, "}")
	case '[':
		c.Enter()
		seen = append(seen, "[")
		for c.Next() {
			seen = walk(c, seen)
		}
		return append(seen, "]")
	case '"':
		text, _ := Unquote(c.String(), nil)
		return append(seen, string(text))
	}
	return append(seen, string(c.Value()))
}

// tokens lists what the library sees.
func tokens(text []byte) (seen []string) {
	d := jsontext.NewDecoder(bytes.NewReader(text))
	for {
		tok, err := d.ReadToken()
		if err != nil {
			return seen
		}
		seen = append(seen, tok.String())
	}
}

// On valid text the cursor sees what the library sees, and skipping a value
// ends where walking it ends. On other text it does not panic and ends.
func FuzzCursor(f *testing.F) {
	f.Add([]byte(nested))
	f.Add([]byte(`["\u00e9\\","",{"":[[]]},true,0]`))
	f.Add([]byte(`{"a`))
	f.Add([]byte(`{"a":1]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if !jsontext.Value(text).IsValid() {
			c := Cursor{Text: text}
			c.Value()
			PointerAt(text, len(text)/2)
			return
		}
		c, skip := Cursor{Text: text}, Cursor{Text: text}
		ours, theirs := walk(&c, nil), tokens(text)
		if len(ours) != len(theirs) {
			t.Fatalf("%q, the library %q", ours, theirs)
		}
		for i := range ours {
			if ours[i] != theirs[i] {
				t.Fatalf("%d: %q, the library %q", i, ours[i], theirs[i])
			}
		}
		if skip.Value(); skip.At != c.At {
			t.Fatalf("skipping ends at %d, walking at %d", skip.At, c.At)
		}
	})
}
