package chain

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"civicledger/ledger/suite"
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

// agreeMarked holds the two ways to read a line together, and says whether the
// quick one read it.
func agreeMarked(t *testing.T, line []byte) bool {
	t.Helper()
	var quick, slow EnvelopeText
	if !hasMarks || !quick.readMarked(line) {
		return false
	}
	if err := slow.read(line); err != nil {
		t.Fatalf("%s: read by marks, but %v", line, err)
	}
	if quick.Envelope() != slow.Envelope() {
		t.Fatalf("%s: %+v by marks, else %+v", line, quick.Envelope(), slow.Envelope())
	}
	return true
}

// Reading by marks agrees with reading byte by byte, whatever is changed in a
// line and wherever it stands in a word of marks; and it reads what encoders
// write, so that it is not there for nothing.
func TestEnvelopeText_MarkedAgrees(t *testing.T) {
	if !hasMarks {
		t.Skip("this processor makes no marks")
	}
	const plain = `{"specversion":"1.0","id":"a/1","source":"urn:x","type":"fund.opened.v1","jurisdiction":"110105","data":{"name":"朝阳","n":[1,{"s":"]}"}],"t":true}}`
	r := rand.New(rand.NewPCG(9, 4))
	read := 0
	for i := range 400_000 {
		pad := strings.Repeat("x", r.IntN(130))
		line := []byte(strings.Replace(plain, "urn:x", "urn:"+pad, 1))
		if r.IntN(2) == 0 {
			line = []byte(strings.NewReplacer(",", ", ", `":`, `": `, "朝阳", "cy").Replace(string(line)))
		}
		if !agreeMarked(t, line) && i < 1000 {
			t.Fatalf("%s: not read by marks", line)
		}
		for range 1 + r.IntN(3) {
			at := r.IntN(len(line))
			switch c := []byte(`"{}[],: \\atx1` + "\n\t\x7f\xe6\x00")[r.IntN(19)]; r.IntN(3) {
			case 0:
				line[at] = c
			case 1:
				line = slices.Insert(line, at, c)
			default:
				line = slices.Delete(line, at, at+1)
			}
		}
		if agreeMarked(t, line) {
			read++
		}
	}
	if read < 10_000 {
		t.Errorf("only %d changed lines were read by marks", read)
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
		agreeMarked(t, line)
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

// What a verifier of many lines reads is what ReadEnvelope reads, and makes no
// garbage unless there are escapes.
func TestEnvelopeText_Read(t *testing.T) {
	s := suite.Default()
	long := strings.Repeat("x", 300)
	for _, line := range []string{
		`{"id":"a/1","source":"urn:x","type":"fund.opened.v1","jurisdiction":"110105","data":{"a":[1,2]}}`,
		`{"id":"a\/\u0031","source":"urn:朝阳","type":"fund.opened.v1"}`,
		`{"id":"` + long + `","source":"` + long + `","type":"fund.opened.v1"}`,
	} {
		want, err := ReadEnvelope([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		var e EnvelopeText
		if err := e.Read([]byte(line)); err != nil || e.Envelope() != want {
			t.Errorf("%s: %+v, %v", line, e.Envelope(), err)
		}
		if got := e.Key(s, "chaoyang"); got != KeyOf(s, "chaoyang", want.Source, want.ID) {
			t.Errorf("%s: keys differ", line)
		}
	}
	line := []byte(`{"id":"a/1","source":"urn:x","type":"fund.opened.v1","data":{"a":[1,2]}}`)
	var e EnvelopeText
	if n := testing.AllocsPerRun(100, func() { _ = e.Read(line); _ = e.Key(s, "chaoyang") }); n != 0 {
		t.Errorf("%v allocations for a line", n)
	}
}

func BenchmarkEnvelopeText(b *testing.B) {
	line := []byte(`{"specversion":"1.0","id":"0190f3a2-7b5c-7e21-9d3f-1a2b3c4d5e6f","source":"urn:chaoyang","type":"subsidy.paid.v1","time":"2026-01-01T00:00:00Z","jurisdiction":"110105","datacontenttype":"application/json","data":{"fund":"fund-2026-01","month":"2026-01","amount":125000,"currency":"CNY","standard":"std-11","beneficiary":"st1.1.abcdefghijklmnop","account":{"bank":"icbc","masked":"6222****1234"},"items":[{"kind":"base","amount":100000},{"kind":"extra","amount":25000}]}}`)
	s := suite.Default()
	var e EnvelopeText
	b.ReportAllocs()
	for b.Loop() {
		if e.Read(line) != nil || e.Key(s, "chaoyang") == (EventKey{}) {
			b.Fatal("refused")
		}
	}
}
