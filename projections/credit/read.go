package credit

import (
	"slices"
	"strings"

	"civicledger/events/ident"
	"civicledger/projections"
)

// Reader answers questions about organisations as of one View. Rows it returns
// are not to be changed.
type Reader struct{ view *projections.View }

// From returns the Reader of a View.
func From(v *projections.View) Reader { return Reader{v} }

// owner follows a name to the code that registered it.
func (r Reader) owner(key string) string {
	if a := aliasTable.Row(r.view, projections.Key(key)); a != nil {
		return a.Organisation
	}
	return key
}

// Organisation returns an organisation by its code, its key, or a name it has
// or had, nil if nothing is known of it.
func (r Reader) Organisation(key string) *Organisation {
	if row := organisationTable.Row(r.view, projections.Key(r.owner(key))); row != nil {
		return row
	}
	return organisationTable.Row(r.view, projections.Key(r.owner(ident.NameKey(key))))
}

// Keys returns every key under which other read models may have filed the
// organisation: its own and the names that were joined to it.
func (r Reader) Keys(key string) []string {
	key = r.owner(key)
	keys := []string{key}
	row := organisationTable.Row(r.view, projections.Key(key))
	if row == nil {
		return keys
	}
	names := row.Names
	if row.Registration != nil {
		names = slices.Concat(names, row.Registration.FormerNames)
	}
	for _, name := range names {
		alias := ident.NameKey(name)
		if !slices.Contains(keys, alias) && r.owner(alias) == key {
			keys = append(keys, alias)
		}
	}
	return keys
}

// Filter narrows a list of organisations; zero fields accept all.
type Filter struct {
	Name         string // part of a name
	List         string // Abnormal or Serious: on it now
	Kind         string // of registration
	Penalised    bool   // has a decided penalty
	Deregistered *bool
	Jurisdiction func(code string) bool
}

func (f *Filter) accepts(o *Organisation) bool {
	switch {
	case f.List != "" && !o.On(f.List).Listed,
		f.Kind != "" && (o.Registration == nil || o.Registration.Kind != f.Kind),
		f.Penalised && len(o.Penalties) == 0,
		f.Deregistered != nil && *f.Deregistered != (o.Deregistered != nil),
		f.Jurisdiction != nil && !f.Jurisdiction(o.Jurisdiction):
		return false
	}
	return f.Name == "" || slices.ContainsFunc(o.Names, func(name string) bool { return strings.Contains(name, f.Name) })
}

// Organisations lists organisations by key.
func (r Reader) Organisations(f Filter, p projections.Page) (projections.Rows[Organisation], error) {
	return organisationTable.Page(r.view, "", p, f.accepts)
}

// On lists who is on a list now.
func (r Reader) On(list string, jurisdiction func(code string) bool, p projections.Page) (projections.Rows[Organisation], error) {
	return r.Organisations(Filter{List: list, Jurisdiction: jurisdiction}, p)
}
