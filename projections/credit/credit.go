// Package credit is the read model of organisations and their credit: what was
// registered, reported, inspected, ordered and punished, which list they are
// on and since when, and under which names they appeared.
//
// It is for supervisors who ask why an organisation is on the list of abnormal
// activity (活动异常名录) or of serious breaches (严重违法失信名单). It keeps every
// fact with its entry and derives each status from the facts in the order of
// their legal dates, so that late and corrected facts lead to the same answer.
// It refuses to judge: what should follow from the facts is the business of
// supervision/rules.
//
// Source: Order 60 (2018) art 6, 7, 11 to 17.
package credit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"civicledger/events/catalogue"
	"civicledger/events/ident"
	"civicledger/projections"
)

// Codes of anomalies.
const (
	CodeNameClaimed       = "name-claimed-twice"
	CodeDelistedNotListed = "delisted-but-not-listed"
	CodeAcceptedNoOrder   = "rectification-without-order"
	CodeOrderTwice        = "rectification-ordered-twice"
)

var _ = projections.Declare(map[string]projections.Title{
	CodeNameClaimed:       {EN: "Two organisations registered one name", ZH: "同一名称登记为两个组织"},
	CodeDelistedNotListed: {EN: "Taken off a list it was not on", ZH: "移出时未在名录（名单）内"},
	CodeAcceptedNoOrder:   {EN: "Rectification accepted without an order", ZH: "整改验收无对应整改通知"},
	CodeOrderTwice:        {EN: "Rectification ordered twice under one number", ZH: "整改通知编号重复"},
})

// Projection folds facts about organisations. It belongs to one Runner.
type Projection struct {
	organisations *projections.Overlay[Organisation]
	aliases       *projections.Overlay[Alias]
	dirty         projections.Dirty // organisations whose status is derived again
}

// New returns the projection before the first entry.
func New() *Projection {
	return &Projection{
		organisations: projections.NewOverlay(organisationTable),
		aliases:       projections.NewOverlay(aliasTable),
		dirty:         projections.Dirty{},
	}
}

// Name implements projections.Projection.
func (p *Projection) Name() string { return "credit" }

// Tables implements projections.Projection.
func (p *Projection) Tables() []projections.Staged {
	return []projections.Staged{p.organisations, p.aliases}
}

// fact is one entry about an organisation.
type fact struct {
	index        uint64
	filed        string // the organisation's key as the event says it
	name         string // the same for the name
	date         string // legal date
	eventType    string
	agency       string
	jurisdiction string
	data         any
}

// about returns the organisation and the legal date of what counts here.
func about(data any) (o ident.OrgRef, date string, ok bool) {
	switch d := data.(type) {
	case *catalogue.OrganisationRegistered:
		return d.Organisation, d.RegisteredOn, true
	case *catalogue.AnnualReportFiled:
		return d.Organisation, d.FiledOn, true
	case *catalogue.OrganisationInspected:
		return d.Organisation, d.Date, true
	case *catalogue.RectificationOrdered:
		return d.Organisation, d.OrderedOn, true
	case *catalogue.RectificationAccepted:
		return d.Organisation, d.AcceptedOn, true
	case *catalogue.PenaltyAnnounced:
		return d.Organisation, d.AnnouncedOn, true
	case *catalogue.OrganisationPenalised:
		return d.Organisation, cmp.Or(d.EffectiveOn, d.DecidedOn), true
	case *catalogue.OrganisationListed:
		return d.Organisation, cmp.Or(d.EffectiveOn, d.DecidedOn), true
	case *catalogue.OrganisationDelisted:
		return d.Organisation, d.DecidedOn, true
	case *catalogue.OrganisationRated:
		return d.Organisation, d.DecidedOn, true
	case *catalogue.OrganisationDeregistered:
		return d.Organisation, d.Date, true
	}
	return ident.OrgRef{}, "", false
}

// Apply implements projections.Projection.
func (p *Projection) Apply(b *projections.Batch, e *projections.Entry) {
	o, date, ok := about(e.Data)
	if !ok {
		return
	}
	if d, ok := e.Data.(*catalogue.OrganisationRegistered); ok && o.Code != "" {
		for _, name := range slices.Concat([]string{o.Name}, d.FormerNames) {
			p.join(b, e, o.Code, ident.NameKey(name))
		}
	}
	p.file(p.owner(o.Key()), fact{
		index: e.Index, filed: o.Key(), name: o.Name, date: date, eventType: e.Type(),
		agency: e.Agency, jurisdiction: e.Jurisdiction(), data: e.Data,
	})
}

// Retract implements projections.Projection.
func (p *Projection) Retract(_ *projections.Batch, e *projections.Entry) {
	o, _, ok := about(e.Data)
	if !ok {
		return
	}
	p.unfile(p.owner(o.Key()), func(f *fact) bool { return f.index == e.Index })
	if d, ok := e.Data.(*catalogue.OrganisationRegistered); ok && o.Code != "" {
		for _, name := range slices.Concat([]string{o.Name}, d.FormerNames) {
			p.part(e.Index, ident.NameKey(name))
		}
	}
}

// owner is the key under which an organisation stands now.
func (p *Projection) owner(key string) string {
	if !strings.HasPrefix(key, "name:") {
		return key
	}
	if a := p.aliases.Get(projections.Key(key)); a != nil {
		return a.Organisation
	}
	return key
}

func (p *Projection) file(key string, facts ...fact) {
	if len(facts) == 0 {
		return
	}
	row := p.organisations.EditOr(projections.Key(key), func() *Organisation { return &Organisation{Organisation: key} })
	row.facts = append(row.facts, facts...)
	slices.SortFunc(row.facts, func(a, b fact) int { return cmp.Compare(a.index, b.index) })
	p.dirty.Add(key)
}

// unfile takes facts out of a row and returns them.
func (p *Projection) unfile(key string, which func(f *fact) bool) []fact {
	row := p.organisations.Edit(projections.Key(key))
	if row == nil {
		return nil
	}
	var out, rest []fact
	for _, f := range row.facts {
		if which(&f) {
			out = append(out, f)
		} else {
			rest = append(rest, f)
		}
	}
	row.facts = rest
	p.dirty.Add(key)
	return out
}

// join files what is known under a name under the code that registered it.
func (p *Projection) join(b *projections.Batch, e *projections.Entry, code, name string) {
	if name == "" {
		return
	}
	if old := p.aliases.Get(projections.Key(name)); old != nil {
		if old.Organisation != code {
			b.Report(e, projections.Anomaly{
				Code: CodeNameClaimed, Detail: name, Subjects: []string{code, old.Organisation, name},
				Message: fmt.Sprintf("entry %d registered the name for another code; facts that give the name only stay there", old.Index),
			})
		}
		return
	}
	p.aliases.Put(&Alias{Name: name, Organisation: code, Index: e.Index})
	p.file(code, p.unfile(name, func(*fact) bool { return true })...)
}

// part takes a join back: facts that gave the name only go back to it.
func (p *Projection) part(index uint64, name string) {
	a := p.aliases.Get(projections.Key(name))
	if a == nil || a.Index != index {
		return
	}
	p.aliases.Delete(projections.Key(name))
	p.file(name, p.unfile(a.Organisation, func(f *fact) bool { return f.filed == name })...)
}

// Settle implements projections.Projection. What was found before is taken
// back for all rows first: a fact may have moved from one to another.
func (p *Projection) Settle(b *projections.Batch) {
	keys := p.dirty.Take()
	for _, key := range keys {
		if row := p.organisations.Get(projections.Key(key)); row != nil {
			for _, a := range row.odd {
				b.Withdraw(a.Index, a.Code, a.Detail)
			}
		}
	}
	for _, key := range keys {
		row := p.organisations.Get(projections.Key(key))
		if row == nil {
			continue
		}
		if len(row.facts) == 0 {
			p.organisations.Delete(projections.Key(key))
			continue
		}
		next := derive(key, row.facts)
		for _, a := range next.odd {
			b.Put(a)
		}
		p.organisations.Put(next)
	}
}
