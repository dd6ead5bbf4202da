package projections

import (
	"cmp"
	"slices"
	"strings"

	"civicledger/events/catalogue"
	"civicledger/events/ident"
	"civicledger/ledger/roster"
)

// Name says under which codes a name is registered. It is joined where exactly
// one of them is in force on the day and in the jurisdiction of who gives it.
type Name struct {
	Name  string       `json:"name"` // name:…
	Codes []Registered `json:"codes"`
}

// Registered is one registration of a name, in the order that counts.
type Registered struct {
	Code         string `json:"code"`
	From         string `json:"from"` // legal date
	Jurisdiction string `json:"jurisdiction,omitzero"`
	Index        uint64 `json:"index"`

	ref Ref
}

var nameTable = NewTable("organisation_names", func(n *Name) string { return Key(n.Name) }, nil)

// Name returns what is registered under a name:… key, nil where nothing is.
func (v *View) Name(key string) *Name { return nameTable.Row(v, Key(key)) }

// Keys returns the keys under which tables may have filed an organisation, by
// its code, its key or a name, the likeliest first: itself, the one code that
// registered the name, the name, several codes that did.
func (v *View) Keys(who string) []string {
	name := who
	if !strings.HasPrefix(who, "name:") {
		name = ident.NameKey(who)
	}
	keys := []string{who, name}
	if n := v.Name(name); n != nil {
		for _, r := range n.Codes {
			keys = append(keys, r.Code)
		}
		if slices.Sort(keys[2:]); len(slices.Compact(keys[2:])) == 1 {
			keys = []string{who, keys[2], name}
		}
	}
	return keys
}

// mentions are the indexes of entries that name something, ascending.
type mentions []uint64

func (m *mentions) add(index uint64) {
	list := *m
	if n := len(list); n == 0 || list[n-1] < index {
		*m = append(list, index)
		return
	}
	if at, found := slices.BinarySearch(list, index); !found {
		*m = slices.Insert(list, at, index)
	}
}

// name is an organisation's name and who gave it without a code.
type name struct {
	key      string
	now, was []Registered // was differs only while a batch joins or parts
	changed  bool
	mentions mentions
}

// names joins names to codes: the one place where that is decided.
type names struct {
	byKey     map[string]*name
	published map[string]*name // as written, so that a name is normalised once
	changed   []*name
	rows      *Overlay[Name]
}

func newNames() *names {
	return &names{byKey: map[string]*name{}, published: map[string]*name{}, rows: NewOverlay(nameTable)}
}

func (ns *names) of(published string) *name {
	n := ns.published[published]
	if n == nil {
		key := ident.NameKey(published)
		if n = ns.byKey[key]; n == nil {
			n = &name{key: key}
			ns.byKey[key] = n
		}
		ns.published[published] = n
	}
	return n
}

// Key is what every read model files an organisation under that the entry names:
// its code, that of the one registration of its name, or name:… where it is not
// joined.
func (c *Change) Key(o ident.OrgRef) string {
	if o.Code != "" || o.Name == "" {
		return o.Code
	}
	n := c.batch.names.of(o.Name)
	n.mentions.add(c.Entry.Index)
	if c.Applies() {
		return n.owner(n.now, c.Entry)
	}
	return n.owner(n.was, c.Entry)
}

func (n *name) owner(registered []Registered, e *Entry) string {
	owner := n.key
	for _, r := range registered {
		here := e.Jurisdiction()
		if r.From > e.Date() || !roster.Covers(r.Jurisdiction, here) && !roster.Covers(here, r.Jurisdiction) || r.Code == owner {
			continue
		}
		if owner != n.key {
			return n.key
		}
		owner = r.Code
	}
	return owner
}

// register adds a registration that stands from now on, or takes out one that
// does so no more.
func (ns *names) register(e *Entry, stands bool) {
	d, ok := e.Data.(*catalogue.OrganisationRegistered)
	if !ok || d.Organisation.Code == "" {
		return
	}
	one := Registered{Code: d.Organisation.Code, From: e.Date(), Jurisdiction: e.Jurisdiction(), Index: e.Index, ref: e.Ref()}
	for _, published := range append([]string{d.Organisation.Name}, d.FormerNames...) {
		n := ns.of(published)
		if n.key == "" {
			continue
		}
		if !n.changed {
			n.changed, n.was = true, n.now
			ns.changed = append(ns.changed, n)
		}
		n.now = slices.DeleteFunc(slices.Clone(n.now), func(r Registered) bool { return r.Index == e.Index })
		if stands {
			n.now = append(n.now, one)
		}
		slices.SortFunc(n.now, func(a, b Registered) int { return a.ref.Compare(b.ref) })
	}
}

// settle writes what changed and forgets how it was.
func (ns *names) settle() {
	for _, n := range ns.changed {
		n.was, n.changed = n.now, false
		if len(n.now) == 0 {
			ns.rows.Delete(Key(n.key))
		} else {
			ns.rows.Put(&Name{Name: n.key, Codes: n.now})
		}
	}
	ns.changed = ns.changed[:0]
}

// Tally counts how often each text was given, so that the one shown does not
// depend on which came first.
type Tally []tallied

type tallied struct {
	text  string
	count int64
}

// Add counts a text, or takes it back with -1, and returns the one to show:
// the most frequent, of equals the smallest. A Tally in a row is cloned when the
// row is copied.
func (t *Tally) Add(text string, count int64) string {
	i := slices.IndexFunc(*t, func(one tallied) bool { return one.text == text })
	if i < 0 && text != "" {
		i = len(*t)
		*t = append(*t, tallied{text: text})
	}
	if i >= 0 {
		(*t)[i].count += count
	}
	best := tallied{}
	for _, one := range *t {
		if one.count > 0 && cmp.Or(cmp.Compare(best.count, one.count), cmp.Compare(one.text, best.text)) < 0 {
			best = one
		}
	}
	return best.text
}
