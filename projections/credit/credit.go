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

	"civicledger/events/catalogue"
	"civicledger/events/ident"
	"civicledger/projections"
)

// Codes of anomalies.
const (
	CodeDelistedNotListed = "delisted-but-not-listed"
	CodeAcceptedNoOrder   = "rectification-without-order"
	CodeOrderTwice        = "rectification-ordered-twice"
)

var _ = projections.Declare(map[string]projections.Title{
	CodeDelistedNotListed: {EN: "Taken off a list it was not on", ZH: "移出时未在名录（名单）内"},
	CodeAcceptedNoOrder:   {EN: "Rectification accepted without an order", ZH: "整改验收无对应整改通知"},
	CodeOrderTwice:        {EN: "Rectification ordered twice under one number", ZH: "整改通知编号重复"},
})

// Projection folds facts about organisations. It belongs to one Runner.
type Projection struct {
	organisations *projections.Overlay[Organisation]
	dirty         projections.Dirty // organisations whose status is derived again
}

// New returns the projection before the first entry.
func New() *Projection {
	return &Projection{organisations: projections.NewOverlay(organisationTable), dirty: projections.Dirty{}}
}

// Name implements projections.Projection.
func (p *Projection) Name() string { return "credit" }

// Tables implements projections.Projection.
func (p *Projection) Tables() []projections.Staged {
	return []projections.Staged{p.organisations}
}

// fact is one entry about an organisation.
type fact struct {
	projections.Ref
	rank int
	name string // as the event gives it
	data any
}

// compare orders facts by legal date. On one day what begins comes before what
// ends it: registered, listed, ordered; then the rest; then accepted, delisted,
// deregistered. An end says that there was a beginning, so who was put on a list
// and taken off it on one day is off it. Then the event key decides.
func (f fact) compare(g fact) int {
	return cmp.Or(cmp.Compare(f.Date, g.Date), cmp.Compare(f.rank, g.rank), f.Ref.Compare(g.Ref))
}

// about returns the organisation of what counts here, and when on its day.
func about(data any) (o ident.OrgRef, rank int, ok bool) {
	switch d := data.(type) {
	case *catalogue.OrganisationRegistered:
		return d.Organisation, 0, true
	case *catalogue.OrganisationListed:
		return d.Organisation, 1, true
	case *catalogue.RectificationOrdered:
		return d.Organisation, 1, true
	case *catalogue.AnnualReportFiled:
		return d.Organisation, 2, true
	case *catalogue.OrganisationInspected:
		return d.Organisation, 2, true
	case *catalogue.PenaltyAnnounced:
		return d.Organisation, 2, true
	case *catalogue.OrganisationPenalised:
		return d.Organisation, 2, true
	case *catalogue.OrganisationRated:
		return d.Organisation, 2, true
	case *catalogue.RectificationAccepted:
		return d.Organisation, 3, true
	case *catalogue.OrganisationDelisted:
		return d.Organisation, 3, true
	case *catalogue.OrganisationDeregistered:
		return d.Organisation, 4, true
	}
	return ident.OrgRef{}, 0, false
}

// Change implements projections.Projection.
func (p *Projection) Change(c *projections.Change) {
	o, rank, ok := about(c.Entry.Data)
	if !ok {
		return
	}
	key := c.Key(o)
	row := p.organisations.EditOr(projections.Key(key), func() *Organisation { return &Organisation{Organisation: key} })
	row.facts = projections.Placed(c, row.facts, fact{c.Entry.Ref(), rank, o.Name, c.Entry.Data}, fact.compare)
	p.dirty.Add(key)
}

// Settle implements projections.Projection. What was found before is taken
// back for all rows first: a fact may have moved from one to another.
func (p *Projection) Settle(b *projections.Batch) {
	keys := p.dirty.Take()
	for _, key := range keys {
		if row := p.organisations.Get(projections.Key(key)); row != nil {
			for _, a := range row.odd {
				b.Withdraw(a.Ref.Index, a.Code, a.Detail)
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
			b.Found(a.Ref, a.Anomaly)
		}
		p.organisations.Put(next)
	}
}
