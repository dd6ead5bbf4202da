package credit

import (
	"slices"
	"strings"

	"civicledger/projections"
)

// Reader answers questions about organisations as of one View. Rows it returns
// are not to be changed.
type Reader struct{ view *projections.View }

// From returns the Reader of a View.
func From(v *projections.View) Reader { return Reader{v} }

// Organisation returns an organisation by its code, its key, or a name it has
// or had, nil if nothing is known of it.
func (r Reader) Organisation(key string) *Organisation {
	for _, one := range r.view.Keys(key) {
		if row := organisationTable.Row(r.view, projections.Key(one)); row != nil {
			return row
		}
	}
	return nil
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
