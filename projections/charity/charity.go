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

	firsts         map[string]*firsts // entries of campaigns, by campaign
	dirty          projections.Dirty  // organisations whose disclosures are compared again
	dirtyCampaigns projections.Dirty
	speakers       projections.Interned[projections.Speaker]
}

// New returns the projection before the first entry.
func New() *Projection {
	return &Projection{
		organisations: projections.NewOverlay(organisationTable), campaigns: projections.NewOverlay(campaignTable),
		days: projections.NewOverlay(dayTable), goods: projections.NewOverlay(goodsTable),
		donors: projections.NewOverlay(donorTable), disclosures: projections.NewOverlay(disclosureTable),
		firsts: map[string]*firsts{}, dirty: projections.Dirty{}, dirtyCampaigns: projections.Dirty{},
	}
}

// Name implements projections.Projection.
func (p *Projection) Name() string { return "charity" }

// Tables implements projections.Projection.
func (p *Projection) Tables() []projections.Staged {
	return []projections.Staged{p.organisations, p.campaigns, p.days, p.goods, p.donors, p.disclosures}
}

// change is what an entry changes, and about which charity and campaign.
type change struct {
	*projections.Change
	who, campaign string
}

// named sets what the entry is about.
func (c *change) named(o ident.OrgRef, campaign string) { c.who, c.campaign = c.Key(o), campaign }

// Change implements projections.Projection.
func (p *Projection) Change(of *projections.Change) {
	c := &change{Change: of}
	switch d := c.Entry.Data.(type) {
	case *catalogue.CampaignOpened:
		p.open(c, d)
	case *catalogue.DonationReceived:
		p.received(c, d)
	case *catalogue.DonationReturned:
		p.returned(c, d)
	case *catalogue.DonationSpent:
		p.spent(c, d)
	case *catalogue.SpendingRefunded:
		c.named(d.Organisation, d.Campaign)
		p.back(c, d.Organisation, d.Currency, d.Date, d.Amount, func(b *Back) *Flow { return &b.Refunded })
	case *catalogue.GoodsIssued:
		p.issued(c, d)
	case *catalogue.DisclosurePublished:
		p.disclosed(c, d)
	}
}

func (p *Projection) open(c *change, d *catalogue.CampaignOpened) {
	c.named(d.Organisation, d.Campaign)
	row := p.campaigns.EditOr(projections.Key(c.who, c.campaign), c.fresh)
	row.openings = projections.Placed(c.Change, row.openings, opening{c.Entry.Ref(), d}, opening.compare)
	p.total(c, d.Organisation, func(*Totals) {})
}

func (c *change) fresh() *Campaign { return &Campaign{Organisation: c.who, Campaign: c.campaign} }

// total changes the totals of the charity and of the campaign that an entry is
// about, and drops what nothing is in.
func (p *Projection) total(c *change, o ident.OrgRef, add func(*Totals)) {
	key := projections.Key(c.who)
	org := p.organisations.EditOr(key, func() *Organisation { return &Organisation{Organisation: c.who} })
	org.Name = org.names.Add(o.Name, c.Sign)
	org.Jurisdiction = org.places.Add(c.Entry.Jurisdiction(), c.Sign)
	add(&org.Totals)
	org.prune(c.Sign)
	if org.Entries == 0 {
		p.organisations.Delete(key)
	}
	p.dirty.Add(key)
	if c.campaign == "" {
		return
	}
	key = projections.Key(c.who, c.campaign)
	row := p.campaigns.EditOr(key, c.fresh)
	add(&row.Totals)
	row.prune(c.Sign)
	p.first(c, key)
	p.dirtyCampaigns.Add(key)
}

func (p *Projection) received(c *change, d *catalogue.DonationReceived) {
	c.named(d.Organisation, d.Campaign)
	p.total(c, d.Organisation, func(t *Totals) {
		*t.Donors.of(d.Donor.Kind) += c.Sign
		if d.Amount != nil {
			m := t.money(d.Currency)
			m.ReceivedCount += c.Sign
			projections.Add(&m.Received, c.Sign**d.Amount, &t.Over)
			ch := m.channel(d.Channel)
			ch.Count += c.Sign
			projections.Add(&ch.Amount, c.Sign**d.Amount, &t.Over)
		}
		if len(d.Goods) > 0 {
			t.GoodsReceived += c.Sign
		}
	})
	if d.Amount != nil {
		p.day(c, d.Currency, d.Date, func(day *Day) {
			projections.Add(&day.Received, c.Sign**d.Amount, &day.Over)
			day.ReceivedCount += c.Sign
		})
	}
	p.items(c, d.Goods, func(row *Goods) (lines, milli, unstated *int64) {
		return &row.ReceivedLines, &row.ReceivedMilli, &row.ReceivedUnstated
	})
	if d.Donor.Organisation != nil {
		p.donor(c, d)
	}
}

func (p *Projection) donor(c *change, d *catalogue.DonationReceived) {
	who := c.Key(*d.Donor.Organisation)
	key := projections.Key(c.who, who, d.Currency)
	row := p.donors.EditOr(key, func() *Donor { return &Donor{Organisation: c.who, Donor: who, Currency: d.Currency} })
	row.DonorName = row.names.Add(d.Donor.Organisation.Name, c.Sign)
	row.Donations += c.Sign
	if d.Amount != nil {
		projections.Add(&row.Amount, c.Sign**d.Amount, &row.Over)
	}
	if row.Donations == 0 {
		p.donors.Delete(key)
	}
}

func (p *Projection) spent(c *change, d *catalogue.DonationSpent) {
	c.named(d.Organisation, d.Campaign)
	p.total(c, d.Organisation, func(t *Totals) {
		m := t.money(d.Currency)
		projections.Add(&m.Spent, c.Sign*d.Amount, &t.Over)
		m.SpentCount += c.Sign
	})
	p.day(c, d.Currency, d.Date, func(day *Day) {
		projections.Add(&day.Spent, c.Sign*d.Amount, &day.Over)
		day.SpentCount += c.Sign
	})
}

// returned counts a gift that went back, beside what was received.
func (p *Projection) returned(c *change, d *catalogue.DonationReturned) {
	c.named(d.Organisation, d.Campaign)
	if d.Amount != nil {
		p.back(c, d.Organisation, d.Currency, d.Date, *d.Amount, func(b *Back) *Flow { return &b.Returned })
		return
	}
	p.total(c, d.Organisation, func(*Totals) {})
	p.items(c, d.Goods, func(row *Goods) (lines, milli, unstated *int64) {
		return &row.ReturnedLines, &row.ReturnedMilli, &row.ReturnedUnstated
	})
}

// back counts money that went back.
func (p *Projection) back(c *change, o ident.OrgRef, currency, date string, amount int64, of func(*Back) *Flow) {
	add := func(b *Back, over *int64) {
		f := of(b)
		projections.Add(&f.Sum, c.Sign*amount, over)
		f.Count += c.Sign
	}
	p.total(c, o, func(t *Totals) { add(&t.money(currency).Back, &t.Over) })
	p.day(c, currency, date, func(day *Day) { add(&day.Back, &day.Over) })
}

func (p *Projection) issued(c *change, d *catalogue.GoodsIssued) {
	c.named(d.Organisation, d.Campaign)
	p.total(c, d.Organisation, func(t *Totals) { t.GoodsIssued += c.Sign })
	p.items(c, d.Goods, func(row *Goods) (lines, milli, unstated *int64) {
		return &row.IssuedLines, &row.IssuedMilli, &row.IssuedUnstated
	})
}

// scopes are the campaigns under which something is filed: "" is all of an
// organisation, and the campaign it names.
func scopes(campaign string) []string {
	if campaign == "" {
		return []string{""}
	}
	return []string{"", campaign}
}

func (p *Projection) day(c *change, currency, date string, add func(*Day)) {
	for _, scope := range scopes(c.campaign) {
		key := projections.Key(c.who, scope, currency, date)
		row := p.days.EditOr(key, func() *Day {
			return &Day{Organisation: c.who, Campaign: scope, Currency: currency, Date: date}
		})
		add(row)
		if row.ReceivedCount == 0 && row.SpentCount == 0 && row.Back == (Back{}) {
			p.days.Delete(key)
		}
	}
}

// items counts lines of goods, and their quantities where they state one.
func (p *Projection) items(c *change, lines []catalogue.Goods, of func(*Goods) (lines, milli, unstated *int64)) {
	for _, g := range lines {
		for _, scope := range scopes(c.campaign) {
			key := projections.Key(c.who, scope, g.Item, g.Unit)
			row := p.goods.EditOr(key, func() *Goods {
				return &Goods{Organisation: c.who, Campaign: scope, Item: g.Item, Unit: g.Unit}
			})
			lines, milli, unstated := of(row)
			if *lines += c.Sign; g.QuantityMilli != nil {
				projections.Add(milli, c.Sign**g.QuantityMilli, &row.Over)
			} else {
				*unstated += c.Sign
			}
			if row.ReceivedLines == 0 && row.IssuedLines == 0 && row.ReturnedLines == 0 {
				p.goods.Delete(key)
			}
		}
	}
}

// prune counts an entry, and drops sums that nothing is in.
func (t *Totals) prune(sign int64) {
	if t.Entries += sign; sign > 0 {
		return
	}
	t.Money = slices.DeleteFunc(t.Money, func(m *Money) bool { return m.ReceivedCount == 0 && m.SpentCount == 0 && m.Back == (Back{}) })
	for _, m := range t.Money {
		if m.Channels = slices.DeleteFunc(m.Channels, func(ch *Channel) bool { return ch.Count == 0 }); len(m.Channels) == 0 {
			m.Channels = nil
		}
	}
}
