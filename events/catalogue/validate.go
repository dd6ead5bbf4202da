package catalogue

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"civicledger/events"
)

// maxProblems bounds how many reasons one event is refused with.
const maxProblems = 20

// Validate judges the event's data by the table of t, and whether the envelope
// names a jurisdiction where t asks for one. It returns nil or every reason it
// found, at most 20, each with a JSON pointer into the event. It does not
// judge rights or time. Safe for concurrent use.
func (t *Type) Validate(e *events.Event) events.Problems {
	w := walkers.Get().(*walker)
	defer walkers.Put(w)
	w.reset(e.Data)
	if !t.OperatorOnly && e.Jurisdiction == "" {
		w.add("/jurisdiction", "missing", "jurisdiction is missing: name the GB/T 2260 or ISO 3166-2 code this event belongs to")
	}
	if t.OperatorOnly && e.Jurisdiction != "" {
		w.add("/jurisdiction", "not-allowed", "a system event belongs to no jurisdiction: leave the attribute out")
	}
	if w.dec.PeekKind() != '{' {
		w.add("/data", "not-an-object", "data must be a JSON object")
		return w.take()
	}
	w.object(t.shape)
	return w.take()
}

// walker reads one event's data. Its decoder and buffers are used again.
type walker struct {
	buf      bytes.Buffer
	dec      jsontext.Decoder
	scratch  []byte
	problems events.Problems
	broken   bool
}

var walkers = sync.Pool{New: func() any { return new(walker) }}

func (w *walker) reset(data []byte) {
	w.buf = *bytes.NewBuffer(data)
	// Parse has refused duplicate names; the bits of facts.present do so again.
	w.dec.Reset(&w.buf, jsontext.AllowDuplicateNames(true))
	w.problems, w.broken = nil, false
}

// take ends the walk.
func (w *walker) take() events.Problems {
	p := w.problems
	w.buf, w.problems = bytes.Buffer{}, nil
	return p
}

func (w *walker) add(pointer, code, message string) {
	if len(w.problems) < maxProblems {
		w.problems = append(w.problems, events.Problem{Pointer: pointer, Code: code, Message: message})
	}
}

// here refuses the value that was read last.
func (w *walker) here(code, format string, args ...any) {
	w.add("/data"+string(w.dec.StackPointer()), code, fmt.Sprintf(format, args...))
}

// read returns the next raw value or, on text that is no JSON, ends the walk.
func (w *walker) read() jsontext.Value {
	v, err := w.dec.ReadValue()
	if err != nil {
		w.fail(err)
	}
	return v
}

func (w *walker) fail(err error) {
	if !w.broken {
		w.broken = true
		w.here("bad-json", "not JSON: %v", err)
	}
}

// token consumes one delimiter.
func (w *walker) token() {
	if _, err := w.dec.ReadToken(); err != nil {
		w.fail(err)
	}
}

// plain returns the text of a JSON string; it is valid until the next read.
func (w *walker) plain(v jsontext.Value) []byte {
	if bytes.IndexByte(v, '\\') < 0 {
		return v[1 : len(v)-1]
	}
	out, err := jsontext.AppendUnquote(w.scratch[:0], v)
	if err != nil {
		w.fail(err)
		return nil
	}
	w.scratch = out
	return out
}

// object walks one object whose opening brace comes next.
func (w *walker) object(s *shape) {
	w.token()
	var f facts
	for !w.broken && w.dec.PeekKind() == '"' {
		quoted := w.read()
		if w.broken {
			return
		}
		name := w.plain(quoted)
		i, known := s.index[string(name)]
		switch {
		case !known:
			w.here("unknown-member", "%q is not a member of this type: see civicledger schema; free text belongs in note", clip(name))
			w.skip()
		case f.has(i):
			w.here("duplicate-name", "%s stands twice", name)
			w.skip()
		default:
			f.present |= 1 << i
			w.value(s, i, &f)
		}
	}
	if w.broken {
		return
	}
	w.token()
	if absent := s.required &^ f.present; absent != 0 {
		w.missing(s, absent)
	}
	for i := range s.rules {
		w.judge(s, &s.rules[i], &f)
	}
}

// member refuses a member of the object that was read last.
func (w *walker) member(name, code, message string) {
	w.add("/data"+string(w.dec.StackPointer())+"/"+name, code, message)
}

func (w *walker) missing(s *shape, absent uint64) {
	for i := 0; absent != 0; i++ {
		if absent&(1<<i) != 0 {
			absent &^= 1 << i
			w.member(s.fields[i].Name, "missing", s.fields[i].Name+" is missing: "+s.fields[i].Doc)
		}
	}
}

func (w *walker) skip() {
	if err := w.dec.SkipValue(); err != nil {
		w.fail(err)
	}
}

// value walks the value of row i.
func (w *walker) value(s *shape, i int, f *facts) {
	row := &s.fields[i]
	switch row.Kind {
	case Object:
		if w.expect('{', "an object") {
			w.object(s.inner[i])
		}
	case List:
		if w.expect('[', "a list") {
			w.list(s, i)
		}
	case Org:
		if w.expect('{', `an object {"code":…,"name":…}`) {
			w.object(orgShape)
		}
	default:
		got := w.scalar(row, row.Kind, s.enums[i])
		if slot := s.slots[i]; slot >= 0 {
			f.texts[slot] = got.keep(s.enums[i])
		}
	}
}

// expect refuses and skips a value of another JSON kind.
func (w *walker) expect(kind jsontext.Kind, what string) bool {
	if w.dec.PeekKind() == kind {
		return true
	}
	w.skip()
	if !w.broken {
		w.here("wrong-kind", "must be %s", what)
	}
	return false
}

func (w *walker) list(s *shape, i int) {
	row := &s.fields[i]
	w.token()
	n := int64(0)
	for !w.broken && w.dec.PeekKind() != ']' {
		n++
		switch {
		case n > row.Max:
			w.skip()
		case row.Of == Object:
			if w.expect('{', "an object") {
				w.object(s.inner[i])
			}
		default:
			w.scalar(row, row.Of, s.enums[i])
		}
	}
	if w.broken {
		return
	}
	w.token()
	if n < row.Min || n > row.Max {
		w.here("bad-length", "%d elements: must be %d to %d", n, row.Min, row.Max)
	}
}

// judge applies a rule to an object that was read whole.
func (w *walker) judge(s *shape, r *boundRule, f *facts) {
	switch r.form {
	case formExactlyOne, formAtLeastOne:
		w.judgeCount(r, f)
	case formNeeds:
		if f.has(r.fields[0]) {
			for n, i := range r.fields[1:] {
				w.judgeNeeds(r.Fields[n+1], f.has(i), r.Fields[0]+" stands")
			}
		}
	case formOrder:
		a, b := s.textOf(f, r.fields[0]), s.textOf(f, r.fields[1])
		if a != "" && b != "" && b < a {
			w.member(r.Fields[1], "out-of-order", fmt.Sprintf("%s %s is before %s %s: correct the wrong one", r.Fields[1], b, r.Fields[0], a))
		}
	case formWhenNeeds:
		if v := s.textOf(f, r.when); slices.Contains(r.Values, v) {
			w.judgeNeeds(r.Fields[0], f.has(r.fields[0]), r.When+" is "+v)
		}
	case formOnlyWhen:
		if f.has(r.fields[0]) && !slices.Contains(r.Values, s.textOf(f, r.when)) {
			w.member(r.Fields[0], "not-allowed", fmt.Sprintf("%s may stand only where %s is %s", r.Fields[0], r.When, strings.Join(r.Values, " or ")))
		}
	case formOnlyValues:
		v := s.textOf(f, r.fields[0])
		if v != "" && slices.Contains(r.Values, s.textOf(f, r.when)) && !slices.Contains(r.Allowed, v) {
			w.member(r.Fields[0], "not-allowed", fmt.Sprintf("%s %s does not go with %s %s: one of %s", r.Fields[0], v, r.When, r.Values[0], strings.Join(r.Allowed, ", ")))
		}
	}
}

func (w *walker) judgeCount(r *boundRule, f *facts) {
	n := 0
	for _, i := range r.fields {
		if f.has(i) {
			n++
		}
	}
	switch {
	case n == 0:
		w.here("one-needed", "none stands: give %s", strings.Join(r.Fields, " or "))
	case n > 1 && r.form == formExactlyOne:
		w.here("only-one", "more than one stands: give either %s", strings.Join(r.Fields, " or "))
	}
}

func (w *walker) judgeNeeds(name string, has bool, because string) {
	if !has {
		w.member(name, "missing", name+" is missing: it must stand where "+because)
	}
}

func clip(b []byte) string {
	if len(b) > 60 {
		b = b[:60]
	}
	return strings.ToValidUTF8(string(b), "")
}
