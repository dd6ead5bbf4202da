package catalogue

import (
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
// judge rights or time. An event that has its Line is taken to come from Parse;
// without one its data is judged as JSON first. Safe for concurrent use.
func (t *Type) Validate(e *events.Event) events.Problems {
	w := walkers.Get().(*walker)
	defer walkers.Put(w)
	w.cur = events.Cursor{Text: e.Data}
	w.problems = nil
	if !t.OperatorOnly && e.Jurisdiction == "" {
		w.add("/jurisdiction", "missing", "jurisdiction is missing: name the GB/T 2260 or ISO 3166-2 code this event belongs to")
	}
	if t.OperatorOnly && e.Jurisdiction != "" {
		w.add("/jurisdiction", "not-allowed", "a system event belongs to no jurisdiction: leave the attribute out")
	}
	switch {
	case e.Line == nil && !jsontext.Value(e.Data).IsValid(): // Parse has judged the others
		w.add("/data", "bad-json", "data is not JSON")
	case w.cur.Peek() != '{':
		w.add("/data", "not-an-object", "data must be a JSON object")
	default:
		w.object(t.shape)
	}
	problems := w.problems
	w.cur.Text, w.problems = nil, nil
	return problems
}

// walker reads one event's data, which is sound JSON. Its buffer is used again.
type walker struct {
	cur      events.Cursor
	scratch  []byte
	problems events.Problems
}

var walkers = sync.Pool{New: func() any { return new(walker) }}

func (w *walker) add(pointer, code, message string) {
	if len(w.problems) < maxProblems {
		w.problems = append(w.problems, events.Problem{Pointer: pointer, Code: code, Message: message})
	}
}

// refuse refuses the value, or the name, that begins at offset.
func (w *walker) refuse(offset int, code, format string, args ...any) {
	w.add("/data"+events.PointerAt(w.cur.Text, offset), code, fmt.Sprintf(format, args...))
}

// refuseMember refuses a member, present or not, of the object that begins at offset.
func (w *walker) refuseMember(offset int, name, code, message string) {
	w.add("/data"+events.PointerAt(w.cur.Text, offset)+"/"+name, code, message)
}

// plain is the text of a JSON string, valid until the next call.
func (w *walker) plain(quoted []byte) (text []byte) {
	text, w.scratch = events.Unquote(quoted, w.scratch)
	return text
}

// object walks one object, whose opening brace comes next.
func (w *walker) object(s *shape) {
	f := facts{at: w.cur.At}
	w.cur.Enter()
	for w.cur.Next() {
		at := w.cur.At
		name := w.plain(w.cur.Name())
		i, known := s.index[string(name)]
		if !known {
			w.refuse(at, "unknown-member", "%q is not a member of this type: see civicledger schema; free text belongs in note", events.Short(string(name), 60))
			w.cur.Value()
			continue
		}
		f.present |= 1 << i
		w.value(s, i, &f)
	}
	if absent := s.required &^ f.present; absent != 0 {
		w.missing(s, f.at, absent)
	}
	for i := range s.rules {
		w.judge(s, &s.rules[i], &f)
	}
}

func (w *walker) missing(s *shape, at int, absent uint64) {
	for i := 0; absent != 0; i++ {
		if absent&(1<<i) != 0 {
			absent &^= 1 << i
			w.refuseMember(at, s.fields[i].Name, "missing", s.fields[i].Name+" is missing: "+s.fields[i].Doc)
		}
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

// expect refuses and passes a value that does not begin with the bracket.
func (w *walker) expect(bracket byte, what string) bool {
	if w.cur.Peek() == bracket {
		return true
	}
	w.refuse(w.cur.At, "wrong-kind", "must be %s", what)
	w.cur.Value()
	return false
}

func (w *walker) list(s *shape, i int) {
	row := &s.fields[i]
	at := w.cur.At
	n := int64(0)
	w.cur.Enter()
	for w.cur.Next() {
		n++
		switch {
		case n > row.Max:
			w.cur.Value()
		case row.Of == Object:
			if w.expect('{', "an object") {
				w.object(s.inner[i])
			}
		default:
			w.scalar(row, row.Of, s.enums[i])
		}
	}
	if n < row.Min || n > row.Max {
		w.refuse(at, "bad-length", "%d elements: must be %d to %d", n, row.Min, row.Max)
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
				w.judgeNeeds(f.at, r.Fields[n+1], f.has(i), r.Fields[0]+" stands")
			}
		}
	case formOrder:
		a, b := s.textOf(f, r.fields[0]), s.textOf(f, r.fields[1])
		if a != "" && b != "" && b < a {
			w.refuseMember(f.at, r.Fields[1], "out-of-order", fmt.Sprintf("%s %s is before %s %s: correct the wrong one", r.Fields[1], b, r.Fields[0], a))
		}
	case formWhenNeeds:
		if v := s.textOf(f, r.when); slices.Contains(r.Values, v) {
			w.judgeNeeds(f.at, r.Fields[0], f.has(r.fields[0]), r.When+" is "+v)
		}
	case formOnlyWhen:
		if f.has(r.fields[0]) && !slices.Contains(r.Values, s.textOf(f, r.when)) {
			w.refuseMember(f.at, r.Fields[0], "not-allowed", fmt.Sprintf("%s may stand only where %s is %s", r.Fields[0], r.When, strings.Join(r.Values, " or ")))
		}
	case formOnlyValues:
		v := s.textOf(f, r.fields[0])
		if v != "" && slices.Contains(r.Values, s.textOf(f, r.when)) && !slices.Contains(r.Allowed, v) {
			w.refuseMember(f.at, r.Fields[0], "not-allowed", fmt.Sprintf("%s %s does not go with %s %s: one of %s", r.Fields[0], v, r.When, r.Values[0], strings.Join(r.Allowed, ", ")))
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
		w.refuse(f.at, "one-needed", "none stands: give %s", strings.Join(r.Fields, " or "))
	case n > 1 && r.form == formExactlyOne:
		w.refuse(f.at, "only-one", "more than one stands: give either %s", strings.Join(r.Fields, " or "))
	}
}

func (w *walker) judgeNeeds(at int, name string, has bool, because string) {
	if !has {
		w.refuseMember(at, name, "missing", name+" is missing: it must stand where "+because)
	}
}
