package charity

import (
	"fmt"
	"slices"
	"strings"

	"civicledger/events/catalogue"
	"civicledger/events/money"
	"civicledger/projections"
)

func (p *Projection) disclosed(c *change, d *catalogue.DisclosurePublished) {
	c.named(d.Organisation, d.Campaign)
	p.total(c, d.Organisation, func(t *Totals) { t.Disclosures += c.Sign })
	row := &Disclosure{
		Organisation: c.who, Index: c.Entry.Index, Number: d.Disclosure, Campaign: d.Campaign, Kind: d.Kind,
		From: d.From, To: d.To, PublishedOn: d.PublishedOn, Currency: d.Currency, Parts: d.Parts, URL: d.URL,
		Stated: Figures{d.Received, d.ReceivedCount, d.Spent, d.CumulativeReceived, d.CumulativeSpent}, by: c.Entry.Speaker(),
	}
	if c.Applies() {
		p.disclosures.Put(row)
	} else {
		p.disclosures.Delete(row.key())
	}
}

func (d *Disclosure) key() string {
	return projections.Key(d.Organisation, projections.Uint(d.Index))
}

type figure struct {
	name  string
	value *int64
	money bool
}

func (f *Figures) list() [5]figure {
	return [5]figure{
		{"received", f.Received, true},
		{"receivedCount", f.ReceivedCount, false},
		{"spent", f.Spent, true},
		{"cumulativeReceived", f.CumulativeReceived, true},
		{"cumulativeSpent", f.CumulativeSpent, true},
	}
}

// Settle implements projections.Projection: disclosures of organisations that
// something was said about are compared with the days again.
func (p *Projection) Settle(b *projections.Batch) {
	for _, key := range p.dirtyCampaigns.Take() {
		p.settleCampaign(b, key)
	}
	for _, organisation := range p.dirty.Take() {
		known := map[string][]*Day{}
		for d := range p.disclosures.Ascend(organisation) {
			scope := organisation + projections.Key(d.Campaign, d.Currency)
			days, ok := known[scope]
			if !ok {
				days = slices.Collect(p.days.Ascend(scope))
				known[scope] = days
			}
			p.compare(b, d, days)
		}
	}
}

// compare holds what was disclosed against the days, as far as the ledger has
// any detail about the same organisation, campaign and currency.
func (p *Projection) compare(b *projections.Batch, d *Disclosure, days []*Day) {
	counted := count(d, days)
	var differs []string
	stated, found := d.Stated.list(), counted.list()
	for i, f := range stated {
		differ := f.value != nil && found[i].value != nil && *f.value != *found[i].value
		a := projections.Anomaly{
			Code: CodeDisclosureDiffer, Detail: f.name, Subjects: []string{d.Organisation},
			Message:  fmt.Sprintf("%s as disclosed for %s to %s is not what the entries add up to", f.name, d.From, d.To),
			Expected: found[i].value, Actual: f.value,
		}
		if differ {
			differs = append(differs, f.name)
		}
		if d.Campaign != "" {
			a.Subjects = append(a.Subjects, d.Campaign)
		}
		if f.money {
			a.Currency = d.Currency
		}
		b.Judge(projections.Ref{Index: d.Index, By: d.by}, differ, a)
	}
	row := p.disclosures.Edit(d.key())
	row.Counted, row.Differs = counted, differs
}

// count adds up the days of a disclosure. A figure is nil where no entry of its
// kind is on the ledger, or a sum would not fit.
func count(d *Disclosure, days []*Day) Figures {
	var received, receivedCount, spent, allReceived, allSpent total
	for _, day := range days {
		outside := day.Date < d.From || day.Date > d.To
		if outside {
			received.see(day.ReceivedCount)
			spent.see(day.SpentCount)
		}
		if day.Date > d.To {
			continue
		}
		if day.Over != 0 {
			return Figures{}
		}
		allReceived.add(day.Received, day.ReceivedCount)
		allSpent.add(day.Spent, day.SpentCount)
		if outside {
			continue
		}
		received.add(day.Received, day.ReceivedCount)
		receivedCount.add(day.ReceivedCount, day.ReceivedCount)
		spent.add(day.Spent, day.SpentCount)
	}
	receivedCount.see(received.seen)
	return Figures{received.value(), receivedCount.value(), spent.value(), allReceived.value(), allSpent.value()}
}

// total is a sum that knows whether anything was there to add.
type total struct {
	sum  money.Amount
	seen int64
	over bool
}

func (t *total) see(count int64) { t.seen += count }

func (t *total) add(amount, count int64) {
	sum, err := t.sum.Add(money.Amount(amount))
	t.over = t.over || err != nil
	t.sum = sum
	t.seen += count
}

func (t *total) value() *int64 {
	if t.seen == 0 || t.over {
		return nil
	}
	return projections.Ptr(int64(t.sum))
}

// Reader answers questions about donations as of one View. Rows it returns are
// not to be changed.
type Reader struct{ view *projections.View }

// From returns the Reader of a View.
func From(v *projections.View) Reader { return Reader{v} }

// Organisation returns a charity by its key, nil if nothing is known of it.
func (r Reader) Organisation(key string) *Organisation {
	return organisationTable.Row(r.view, projections.Key(key))
}

// OrganisationFilter narrows a list of charities; zero fields accept all.
type OrganisationFilter struct {
	Name         string // part of the name
	Currency     string // has money in it
	Jurisdiction func(code string) bool
}

// Organisations lists charities by key.
func (r Reader) Organisations(f OrganisationFilter, p projections.Page) (projections.Rows[Organisation], error) {
	return organisationTable.Page(r.view, "", p, func(o *Organisation) bool {
		return strings.Contains(o.Name, f.Name) && (f.Jurisdiction == nil || f.Jurisdiction(o.Jurisdiction)) &&
			(f.Currency == "" || slices.ContainsFunc(o.Money, func(m *Money) bool { return m.Currency == f.Currency }))
	})
}

// Campaign returns one campaign, nil if nothing is known of it.
func (r Reader) Campaign(organisation, campaign string) *Campaign {
	return campaignTable.Row(r.view, projections.Key(organisation, campaign))
}

// Campaigns lists campaigns of one organisation ("" for all).
func (r Reader) Campaigns(organisation string, p projections.Page) (projections.Rows[Campaign], error) {
	return campaignTable.Page(r.view, projections.Prefix(organisation), p, nil)
}

// Days lists the money of each day in one currency, of a campaign or ("") of
// all of the organisation.
func (r Reader) Days(organisation, campaign, currency string, p projections.Page) (projections.Rows[Day], error) {
	return dayTable.Page(r.view, projections.Key(organisation, campaign, currency), p, nil)
}

// Goods lists items, of a campaign or ("") of all of the organisation.
func (r Reader) Goods(organisation, campaign string, p projections.Page) (projections.Rows[Goods], error) {
	return goodsTable.Page(r.view, projections.Key(organisation, campaign), p, nil)
}

// Donors lists organisations that gave, to one organisation ("" for all).
func (r Reader) Donors(organisation string, p projections.Page) (projections.Rows[Donor], error) {
	return donorTable.Page(r.view, projections.Prefix(organisation), p, nil)
}

// Disclosures lists disclosures of one organisation ("" for all), only those
// that differ from the detail if asked.
func (r Reader) Disclosures(organisation string, differs bool, p projections.Page) (projections.Rows[Disclosure], error) {
	return disclosureTable.Page(r.view, projections.Prefix(organisation), p, func(d *Disclosure) bool { return !differs || len(d.Differs) > 0 })
}
