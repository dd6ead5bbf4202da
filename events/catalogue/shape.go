package catalogue

import "fmt"

// shape is a field table made ready for walking: names to rows, rules to
// row numbers. It is immutable after compile.
type shape struct {
	fields   []Field
	index    map[string]int
	inner    []*shape // of Object and List of Object rows, else nil
	enums    []map[string]string
	required uint64
	rules    []boundRule
	slots    []int8 // place of a row's text among the facts, -1 where no rule asks for it
}

// boundRule is a Rule with its field names resolved.
type boundRule struct {
	*Rule
	fields []int
	when   int
}

// maxSlots bounds how many texts of one object rules may compare.
const maxSlots = 8

func compile(fields []Field, rules []Rule) *shape {
	if len(fields) > 64 {
		panic("catalogue: more than 64 fields in one object")
	}
	s := &shape{
		fields: fields, index: make(map[string]int, len(fields)),
		inner: make([]*shape, len(fields)), enums: make([]map[string]string, len(fields)), slots: make([]int8, len(fields)),
	}
	for i := range fields {
		f := &fields[i]
		if _, dup := s.index[f.Name]; dup {
			panic("catalogue: field named twice: " + f.Name)
		}
		s.index[f.Name] = i
		s.slots[i] = -1
		if f.Required {
			s.required |= 1 << i
		}
		if f.Kind == Object || f.Kind == List && f.Of == Object {
			s.inner[i] = compile(f.Fields, f.Rules)
		}
		if f.Enum != nil {
			s.enums[i] = make(map[string]string, len(f.Enum))
			for _, v := range f.Enum {
				s.enums[i][v] = v
			}
		}
	}
	s.bind(rules)
	return s
}

func (s *shape) bind(rules []Rule) {
	next := int8(0)
	keep := func(i int) {
		if s.slots[i] < 0 {
			if next == maxSlots {
				panic("catalogue: rules compare too many fields of one object")
			}
			s.slots[i] = next
			next++
		}
	}
	for i := range rules {
		r := boundRule{Rule: &rules[i], when: -1}
		for _, name := range r.Fields {
			r.fields = append(r.fields, s.mustIndex(name))
		}
		if r.When != "" {
			r.when = s.mustIndex(r.When)
			keep(r.when)
		}
		if r.form == formOrder || r.form == formOnlyValues {
			for _, f := range r.fields {
				keep(f)
			}
		}
		s.rules = append(s.rules, r)
	}
}

func (s *shape) mustIndex(name string) int {
	i, ok := s.index[name]
	if !ok {
		panic(fmt.Sprintf("catalogue: a rule names the unknown field %s", name))
	}
	return i
}

// facts is what a walk learnt about one object, for its rules.
type facts struct {
	at      int // where it begins
	present uint64
	texts   [maxSlots]string
}

func (f *facts) has(i int) bool { return f.present&(1<<i) != 0 }

func (s *shape) textOf(f *facts, i int) string { return f.texts[s.slots[i]] }
