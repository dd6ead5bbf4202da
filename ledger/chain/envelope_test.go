package chain

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

func TestReadEnvelope(t *testing.T) {
	want := Envelope{ID: "a/1", Source: "urn:x", Type: "fund.opened.v1", Jurisdiction: "110105"}
	for name, line := range map[string]string{
		"plain":        `{"id":"a/1","source":"urn:x","type":"fund.opened.v1","jurisdiction":"110105"}`,
		"spaces, tabs": "{ \"id\" :\t\"a/1\" , \"source\":\"urn:x\",\"type\": \"fund.opened.v1\",\"jurisdiction\":\"110105\" }",
		"escapes":      `{"id":"a\/\u0031","source":"urn:x","type":"fund.opened.v1","jurisdiction":"110105"}`,
		"nested names": `{"data":{"id":"no","x":[{"type":"no"}],"s":"}],\"id\":\"no\""},"id":"a/1","source":"urn:x","type":"fund.opened.v1","jurisdiction":"110105","n":-1.5e3,"t":true,"z":null}`,
		"backslashes":  `{"x":"\\","id":"a/1","y":"\\\"","source":"urn:x","type":"fund.opened.v1","jurisdiction":"110105"}`,
	} {
		if got, err := ReadEnvelope([]byte(line)); err != nil || got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// Two readers that disagree on who named what would let one event stand twice.
func TestReadEnvelope_RefusesAmbiguity(t *testing.T) {
	const rest = `,"source":"s","type":"t"}`
	for name, line := range map[string]string{
		"id twice": `{"id":"1","id":"1"` + rest, "id twice, once null": `{"id":null,"id":"1"` + rest,
		"escaped name": `{"\u0069d":"2","id":"1"` + rest, "other name escaped": `{"id":"1","a\n":0` + rest,
		"id number": `{"id":1` + rest, "id empty": `{"id":""` + rest, "id missing": `{"x":1` + rest,
		"id object": `{"id":{"id":"1"}` + rest, "id with LF": `{"id":"a\nb"` + rest, "id with NUL": `{"id":"a\u0000"` + rest,
		"lone surrogate": `{"id":"\ud800"` + rest, "bad UTF-8": "{\"id\":\"\xff\"" + rest, "replacement character": `{"id":"\ufffd"` + rest,
		"source empty": `{"id":"1","source":"","type":"t"}`, "jurisdiction null": `{"id":"1","jurisdiction":null` + rest,
		"text after the object": `{"id":"1"` + rest + `}`, "second object": `{"id":"1"` + rest + `{}`, "comma at end": `{"id":"1","source":"s","type":"t",}`,
		"no comma": `{"id":"1" "source":"s","type":"t"}`, "name not a string": `{id:"1"` + rest, "unclosed string": `{"id":"1","source":"s","type":"t}`,
		"unclosed list": `{"id":"1","source":"s","type":"t","x":[}`, "array": `["id"]`, "empty": ``,
	} {
		if got, err := ReadEnvelope([]byte(line)); !errors.Is(err, ErrEnvelope) {
			t.Errorf("%s: accepted as %+v, %v", name, got, err)
		}
	}
}

// strictEnvelope is what a strict JSON parser reads.
func strictEnvelope(line []byte) (map[string]jsontext.Value, bool) {
	var members map[string]jsontext.Value
	if json.Unmarshal(line, &members) != nil {
		return nil, false
	}
	return members, true
}

func isPlain(s string) bool {
	return s != "" && !strings.ContainsRune(s, utf8.RuneError) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// Where a strict parser accepts the line, ReadEnvelope reads the same four or
// refuses for a reason that its promise names.
func FuzzReadEnvelope(f *testing.F) {
	f.Add([]byte(`{"id":"1","source":"s","type":"t","jurisdiction":"11","data":{"a":[1,2,{"id":"x"}]}}`))
	f.Add([]byte(`{"id":"\\\"","source":"a\/","type":"\u0041","n":-0.1E+9,"b":[[],{}]}`))
	f.Add([]byte(`{"i\u0064":"1","source":"s","type":"t"}`))
	f.Add([]byte(`{"id":"1","source":"s","type":"t","jurisdiction":null}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		got, err := ReadEnvelope(line)
		members, ok := strictEnvelope(line)
		if !ok || CheckLine(line) != nil {
			return
		}
		plain := !bytes.Contains(line, []byte(`\`)) // else a name may be written with escapes
		for name, have := range map[string]string{"id": got.ID, "source": got.Source, "type": got.Type, "jurisdiction": got.Jurisdiction} {
			var want string
			value, present := members[name]
			if present && json.Unmarshal(value, &want) != nil || present && !isPlain(want) || !present && name != "jurisdiction" {
				plain = false
				if err == nil {
					t.Fatalf("accepted, though %s is %q", name, value)
				}
				continue
			}
			if err == nil && want != have {
				t.Fatalf("%s is %q, a strict parser reads %q", name, have, want)
			}
		}
		if plain && err != nil {
			t.Fatalf("refused: %v", err)
		}
	})
}
