// Package charity is the read model of donations: what each charity and each
// campaign received, spent and handed out, by day, channel, item and donating
// organisation, and what was disclosed about it.
//
// It is for supervisors who compare what a charity told the public with the
// events on the ledger (慈善法 art 72, 73, 79). It refuses to add up sums of
// different currencies and knows no natural person: persons are counted.
package charity

import (
	"slices"

	"civicledger/events/catalogue"
	"civicledger/events/ident"
	"civicledger/projections"
)

// Codes of anomalies.
const (
	CodeCampaignUnknown  = "campaign-not-opened"
	CodeCampaignTwice    = "campaign-opened-twice"
	CodeDisclosureDiffer = "disclosure-differs"
)

var _ = projections.Declare(map[string]projections.Title{
	CodeCampaignUnknown:  {EN: "Campaign was not opened", ZH: "募捐活动未备案"},
	CodeCampaignTwice:    {EN: "Campaign opened twice", ZH: "募捐活动重复备案"},
	CodeDisclosureDiffer: {EN: "Disclosed total differs from the detail", ZH: "公示总额与明细不符"},
})

// Projection folds donations. It belongs to one Runner.
type Projection struct {
	organisations *projections.Overlay[Organisation]
	campaigns     *projections.Overlay[Campaign]
	days          *projections.Overlay[Day]
	goods         *projections.Overlay[Goods]
	donors        *projections.Overlay[Donor]
	disclosures   *projections.Overlay[Disclosure]

	dirty projections.Dirty // organisations whose disclosures are compared again
}

// New returns the projection before the first entry.
func New() *Projection {
	return &Projection{
		organisations: projections.NewOverlay(organisationTable), campaigns: projections.NewOverlay(campaignTable),
		days: projections.NewOverlay(dayTable), goods: projections.NewOverlay(goodsTable),
		donors: projections.NewOverlay(donorTable), disclosures: projections.NewOverlay(disclosureTable),
		dirty: projections.Dirty{},
	}
}

// Name implements projections.Projection.
func (p *Projection) Name() string { return "charity" }

// Tables implements projections.Projection.
func (p *Projection) Tables() []projections.Staged {
	return []projections.Staged{p.organisations, p.campaigns, p.days, p.goods, p.donors, p.disclosures}
}

// Apply implements projections.Projection.
func (p *Projection) Apply(b *projections.Batch, e *projections.Entry) {
	p.change(&change{Batch: b, entry: e, sign: 1})
}

// Retract implements projections.Projection.
func (p *Projection) Retract(b *projections.Batch, e *projections.Entry) {
	p.change(&change{Batch: b, entry: e, sign: -1})
}

// change is one entry applied (sign 1) or taken back (sign -1).
type change struct {
	*projections.Batch
	entry *projections.Entry
	sign  int64
	sums  projections.Sums
	// what was touched, to drop what became empty
	organisation, campaign string
	days, goods            []string
	donor                  string
}

func (c *change) applies() bool { return c.sign > 0 }

func (p *Projection) change(c *change) {
	switch d := c.entry.Data.(type) {
	case *catalogue.CampaignOpened:
		p.open(c, d)
	case *catalogue.DonationReceived:
		p.received(c, d)
	case *catalogue.DonationSpent:
		p.spent(c, d)
	case *catalogue.GoodsIssued:
		p.issued(c, d)
	case *catalogue.DisclosurePublished:
		p.disclosed(c, d)
	}
}

func (p *Projection) open(c *change, d *catalogue.CampaignOpened) {
	key := projections.Key(d.Organisation.Key(), d.Campaign)
	old := p.campaigns.Get(key)
	if c.applies() && old != nil && old.Opened != nil {
		c.Skip(c.entry, projections.Anomaly{
			Code: CodeCampaignTwice, Subjects: []string{d.Organisation.Key(), d.Campaign},
			Message: "the campaign stands already: correct the event that opened it",
		})
		return
	}
	totals := p.totals(c, d.Organisation, d.Campaign)
	for _, t := range totals {
		c.sums.Add(&t.Entries, c.sign)
	}
	p.book(c)
	row := p.campaigns.Edit(key)
	if row == nil {
		return
	}
	*row = Campaign{Organisation: row.Organisation, Campaign: row.Campaign, Totals: row.Totals}
	if c.applies() {
		index := c.entry.Index
		row.Opened, row.Name, row.Filing, row.Public, row.Emergency = &index, d.Name, d.Filing, d.Public, d.Emergency
		row.From, row.To, row.Expected, row.Currency, row.Fund = d.From, d.To, d.Expected, d.Currency, d.Fund
	}
}

// totals returns the totals that an entry about an organisation and perhaps a
// campaign goes into.
func (p *Projection) totals(c *change, o ident.OrgRef, campaign string) []*Totals {
	c.organisation = projections.Key(o.Key())
	org := p.organisations.EditOr(c.organisation, func() *Organisation {
		return &Organisation{Organisation: o.Key(), Jurisdiction: c.entry.Jurisdiction()}
	})
	if org.Name == "" {
		org.Name = o.Name
	}
	if campaign == "" {
		return []*Totals{&org.Totals}
	}
	c.campaign = projections.Key(o.Key(), campaign)
	if c.applies() && p.campaigns.Get(c.campaign) == nil && c.entry.Type() != "charity.campaign.opened.v1" {
		c.Report(c.entry, projections.Anomaly{
			Code: CodeCampaignUnknown, Subjects: []string{o.Key(), campaign},
			Message: "the first entry of a campaign that nobody opened so far; it is counted",
		})
	}
	row := p.campaigns.EditOr(c.campaign, func() *Campaign { return &Campaign{Organisation: o.Key(), Campaign: campaign} })
	return []*Totals{&org.Totals, &row.Totals}
}

func (p *Projection) received(c *change, d *catalogue.DonationReceived) {
	for _, t := range p.totals(c, d.Organisation, d.Campaign) {
		c.sums.Add(&t.Entries, c.sign)
		c.sums.Add(t.Donors.of(d.Donor.Kind), c.sign)
		if d.Amount != nil {
			m := t.money(d.Currency)
			c.sums.Add(&m.Received, c.sign**d.Amount)
			c.sums.Add(&m.ReceivedCount, c.sign)
			ch := m.channel(d.Channel)
			c.sums.Add(&ch.Amount, c.sign**d.Amount)
			c.sums.Add(&ch.Count, c.sign)
		}
		if len(d.Goods) > 0 {
			c.sums.Add(&t.GoodsReceived, c.sign)
		}
	}
	if d.Amount != nil {
		for _, day := range p.day(c, d.Organisation, d.Campaign, d.Currency, d.Date) {
			c.sums.Add(&day.Received, c.sign**d.Amount)
			c.sums.Add(&day.ReceivedCount, c.sign)
		}
	}
	for _, g := range d.Goods {
		for _, row := range p.item(c, d.Organisation, d.Campaign, g) {
			c.sums.Add(&row.ReceivedLines, c.sign)
			quantity(g, &c.sums, c.sign, &row.ReceivedMilli, &row.ReceivedUnstated)
		}
	}
	p.donor(c, d)
	p.book(c)
}

// quantity stages the quantity of a line, or counts a line that states none.
func quantity(g catalogue.Goods, s *projections.Sums, sign int64, milli, unstated *int64) {
	if g.QuantityMilli == nil {
		s.Add(unstated, sign)
		return
	}
	s.Add(milli, sign**g.QuantityMilli)
}

func (p *Projection) donor(c *change, d *catalogue.DonationReceived) {
	if d.Donor.Organisation == nil {
		return
	}
	c.donor = projections.Key(d.Organisation.Key(), d.Donor.Organisation.Key(), d.Currency)
	row := p.donors.EditOr(c.donor, func() *Donor {
		return &Donor{
			Organisation: d.Organisation.Key(), Donor: d.Donor.Organisation.Key(),
			DonorName: d.Donor.Organisation.Name, Currency: d.Currency,
		}
	})
	c.sums.Add(&row.Donations, c.sign)
	if d.Amount != nil {
		c.sums.Add(&row.Amount, c.sign**d.Amount)
	}
}

func (p *Projection) spent(c *change, d *catalogue.DonationSpent) {
	for _, t := range p.totals(c, d.Organisation, d.Campaign) {
		m := t.money(d.Currency)
		c.sums.Add(&t.Entries, c.sign)
		c.sums.Add(&m.Spent, c.sign*d.Amount)
		c.sums.Add(&m.SpentCount, c.sign)
	}
	for _, day := range p.day(c, d.Organisation, d.Campaign, d.Currency, d.Date) {
		c.sums.Add(&day.Spent, c.sign*d.Amount)
		c.sums.Add(&day.SpentCount, c.sign)
	}
	p.book(c)
}

func (p *Projection) issued(c *change, d *catalogue.GoodsIssued) {
	for _, t := range p.totals(c, d.Organisation, d.Campaign) {
		c.sums.Add(&t.Entries, c.sign)
		c.sums.Add(&t.GoodsIssued, c.sign)
	}
	for _, g := range d.Goods {
		for _, row := range p.item(c, d.Organisation, d.Campaign, g) {
			c.sums.Add(&row.IssuedLines, c.sign)
			quantity(g, &c.sums, c.sign, &row.IssuedMilli, &row.IssuedUnstated)
		}
	}
	p.book(c)
}

// scopes are the campaigns under which something is filed: "" is all of an
// organisation, and the campaign it names.
func scopes(campaign string) []string {
	if campaign == "" {
		return []string{""}
	}
	return []string{"", campaign}
}

func (p *Projection) day(c *change, o ident.OrgRef, campaign, currency, date string) []*Day {
	var rows []*Day
	for _, scope := range scopes(campaign) {
		key := projections.Key(o.Key(), scope, currency, date)
		c.days = append(c.days, key)
		rows = append(rows, p.days.EditOr(key, func() *Day {
			return &Day{Organisation: o.Key(), Campaign: scope, Currency: currency, Date: date}
		}))
	}
	return rows
}

func (p *Projection) item(c *change, o ident.OrgRef, campaign string, g catalogue.Goods) []*Goods {
	var rows []*Goods
	for _, scope := range scopes(campaign) {
		key := projections.Key(o.Key(), scope, g.Item, g.Unit)
		c.goods = append(c.goods, key)
		rows = append(rows, p.goods.EditOr(key, func() *Goods {
			return &Goods{Organisation: o.Key(), Campaign: scope, Item: g.Item, Unit: g.Unit}
		}))
	}
	return rows
}

// book adds all that was staged, or skips the entry where a sum would not fit,
// and drops what is empty.
func (p *Projection) book(c *change) {
	if !c.sums.Commit() {
		c.Skip(c.entry, projections.Anomaly{
			Code: projections.CodeOutOfRange, Subjects: []string{c.organisation[:len(c.organisation)-1]},
			Message: "a total would leave the range of 64 bits; the entry is not counted",
		})
	}
	p.dirty.Add(c.organisation)
	if row := p.organisations.Edit(c.organisation); row.Entries == 0 {
		p.organisations.Delete(c.organisation)
	} else {
		row.prune()
	}
	if row := p.campaigns.Edit(c.campaign); row != nil {
		if row.prune(); row.Entries == 0 {
			p.campaigns.Delete(c.campaign)
		}
	}
	for _, key := range c.days {
		if row := p.days.Get(key); row != nil && row.ReceivedCount == 0 && row.SpentCount == 0 {
			p.days.Delete(key)
		}
	}
	for _, key := range c.goods {
		if row := p.goods.Get(key); row != nil && row.ReceivedLines == 0 && row.IssuedLines == 0 {
			p.goods.Delete(key)
		}
	}
	if row := p.donors.Get(c.donor); row != nil && row.Donations == 0 {
		p.donors.Delete(c.donor)
	}
}

// prune drops sums that nothing is in.
func (t *Totals) prune() {
	t.Money = slices.DeleteFunc(t.Money, func(m *Money) bool { return m.ReceivedCount == 0 && m.SpentCount == 0 })
	for _, m := range t.Money {
		m.Channels = slices.DeleteFunc(m.Channels, func(ch *Channel) bool { return ch.Count == 0 })
	}
}
