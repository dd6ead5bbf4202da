package charity

import (
	"slices"
	"strings"

	"civicledger/events/catalogue"
	"civicledger/projections"
)

// Totals is what was received, spent and handed out.
type Totals struct {
	Entries       int64    `json:"entries"`       // that count in here
	Money         []*Money `json:"money"`         // by currency
	Donors        Donors   `json:"donors"`        // donations by kind of donor
	GoodsReceived int64    `json:"goodsReceived"` // donations in goods
	GoodsIssued   int64    `json:"goodsIssued"`   // issues of goods
	Disclosures   int64    `json:"disclosures"`
	Over          int64    `json:"over,omitzero"` // not 0: a sum is out of range, the figures say nothing
}

// Money is the sums of one currency, in minor units.
type Money struct {
	Currency      string     `json:"currency"`
	Received      int64      `json:"received"`
	ReceivedCount int64      `json:"receivedCount"`
	Spent         int64      `json:"spent"`
	SpentCount    int64      `json:"spentCount"`
	Back          Back       `json:"back,omitzero"`
	Channels      []*Channel `json:"channels,omitzero"` // of what was received
}

// Back is money that went back: gifts to their givers, spending to the charity.
// What was received and spent stays in the sums of that.
type Back struct {
	Returned Flow `json:"returned"`
	Refunded Flow `json:"refunded"`
}

// Flow is a sum and of how many events it is.
type Flow struct {
	Sum   int64 `json:"sum"`
	Count int64 `json:"count"`
}

// Channel is how money came; "" where the publisher does not say.
type Channel struct {
	Channel string `json:"channel"`
	Amount  int64  `json:"amount"`
	Count   int64  `json:"count"`
}

// Donors counts donations by kind of donor.
type Donors struct {
	Organisations int64 `json:"organisations"`
	Persons       int64 `json:"persons"`
	Anonymous     int64 `json:"anonymous"`
	Unstated      int64 `json:"unstated"`
}

func (d *Donors) of(kind string) *int64 {
	switch kind {
	case "org":
		return &d.Organisations
	case "person":
		return &d.Persons
	case "anonymous":
		return &d.Anonymous
	}
	return &d.Unstated
}

// money returns the sums of a currency, which are made where there are none.
// Their address stays while the row is edited.
func (t *Totals) money(currency string) *Money {
	i, ok := slices.BinarySearchFunc(t.Money, currency, func(m *Money, c string) int { return strings.Compare(m.Currency, c) })
	if !ok {
		t.Money = slices.Insert(t.Money, i, &Money{Currency: currency})
	}
	return t.Money[i]
}

func (m *Money) channel(name string) *Channel {
	i, ok := slices.BinarySearchFunc(m.Channels, name, func(ch *Channel, n string) int { return strings.Compare(ch.Channel, n) })
	if !ok {
		m.Channels = slices.Insert(m.Channels, i, &Channel{Channel: name})
	}
	return m.Channels[i]
}

// deepen makes copied totals independent of the row they were copied from.
func (t *Totals) deepen() {
	t.Money = slices.Clone(t.Money)
	for i, m := range t.Money {
		own := *m
		own.Channels = slices.Clone(m.Channels)
		for j, ch := range own.Channels {
			one := *ch
			own.Channels[j] = &one
		}
		t.Money[i] = &own
	}
}

// Organisation is a charity.
type Organisation struct {
	Organisation string `json:"organisation"`          // key
	Name         string `json:"name,omitzero"`         // as most entries give it
	Jurisdiction string `json:"jurisdiction,omitzero"` // of most entries about it
	Totals

	names, places projections.Tally
}

// Campaign is a fundraising campaign of a charity. Opened is nil where money
// came for a campaign that nobody opened.
type Campaign struct {
	Organisation string  `json:"organisation"`
	Campaign     string  `json:"campaign"`
	Opened       *uint64 `json:"opened,omitzero"` // index of the entry
	Name         string  `json:"name,omitzero"`
	Filing       string  `json:"filing,omitzero"`
	Public       bool    `json:"public"`
	Emergency    bool    `json:"emergency"`
	From         string  `json:"from,omitzero"`
	To           string  `json:"to,omitzero"`
	Expected     *int64  `json:"expected,omitzero"`
	Currency     string  `json:"currency,omitzero"` // of Expected
	Fund         string  `json:"fund,omitzero"`
	Totals

	openings []opening // in the order that counts
}

// Day is the money of one day. Campaign "" is all of the organisation.
type Day struct {
	Organisation  string `json:"organisation"`
	Campaign      string `json:"campaign,omitzero"`
	Currency      string `json:"currency"`
	Date          string `json:"date"`
	Received      int64  `json:"received"`
	ReceivedCount int64  `json:"receivedCount"`
	Spent         int64  `json:"spent"`
	SpentCount    int64  `json:"spentCount"`
	Back          Back   `json:"back,omitzero"`
	Over          int64  `json:"over,omitzero"` // as in Totals
}

// Goods is one item in one unit, as published. Campaign "" is all of the
// organisation. Lines without a number are counted as unstated.
type Goods struct {
	Organisation     string `json:"organisation"`
	Campaign         string `json:"campaign,omitzero"`
	Item             string `json:"item"`
	Unit             string `json:"unit,omitzero"`
	ReceivedMilli    int64  `json:"receivedMilli"` // thousandths of the unit
	ReceivedLines    int64  `json:"receivedLines"`
	ReceivedUnstated int64  `json:"receivedUnstated"`
	IssuedMilli      int64  `json:"issuedMilli"`
	IssuedLines      int64  `json:"issuedLines"`
	IssuedUnstated   int64  `json:"issuedUnstated"`
	ReturnedMilli    int64  `json:"returnedMilli,omitzero"`
	ReturnedLines    int64  `json:"returnedLines,omitzero"`
	ReturnedUnstated int64  `json:"returnedUnstated,omitzero"`
	Over             int64  `json:"over,omitzero"` // as in Totals
}

// Donor is an organisation that gave. Currency "" is goods.
type Donor struct {
	Organisation string `json:"organisation"` // who received
	Donor        string `json:"donor"`
	DonorName    string `json:"donorName,omitzero"`
	Currency     string `json:"currency,omitzero"`
	Amount       int64  `json:"amount"`
	Donations    int64  `json:"donations"`
	Over         int64  `json:"over,omitzero"` // as in Totals

	names projections.Tally
}

// Disclosure is what a charity told the public about a period, and what the
// events on the ledger say about the same.
type Disclosure struct {
	Organisation string                     `json:"organisation"`
	Index        uint64                     `json:"index"`
	Number       string                     `json:"number,omitzero"`
	Campaign     string                     `json:"campaign,omitzero"`
	Kind         string                     `json:"kind"`
	From         string                     `json:"from"`
	To           string                     `json:"to"`
	PublishedOn  string                     `json:"publishedOn"`
	Currency     string                     `json:"currency,omitzero"`
	Stated       Figures                    `json:"stated"`
	Counted      Figures                    `json:"counted"` // absent where the ledger has no detail
	Parts        []catalogue.DisclosurePart `json:"parts,omitzero"`
	URL          string                     `json:"url,omitzero"`
	Differs      []string                   `json:"differs,omitzero"` // names of figures that differ

	by projections.Speaker
}

// Figures are the sums of a disclosure.
type Figures struct {
	Received           *int64 `json:"received,omitzero"`
	ReceivedCount      *int64 `json:"receivedCount,omitzero"`
	Spent              *int64 `json:"spent,omitzero"`
	CumulativeReceived *int64 `json:"cumulativeReceived,omitzero"`
	CumulativeSpent    *int64 `json:"cumulativeSpent,omitzero"`
}

var (
	organisationTable = projections.NewTable("charity_organisations",
		func(o *Organisation) string { return projections.Key(o.Organisation) },
		func(o *Organisation) {
			o.deepen()
			o.names, o.places = slices.Clone(o.names), slices.Clone(o.places)
		})

	campaignTable = projections.NewTable("charity_campaigns",
		func(c *Campaign) string { return projections.Key(c.Organisation, c.Campaign) },
		func(c *Campaign) {
			c.deepen()
			c.openings = slices.Clone(c.openings)
		})

	dayTable = projections.NewTable("charity_days", func(d *Day) string {
		return projections.Key(d.Organisation, d.Campaign, d.Currency, d.Date)
	}, nil)

	goodsTable = projections.NewTable("charity_goods", func(g *Goods) string {
		return projections.Key(g.Organisation, g.Campaign, g.Item, g.Unit)
	}, nil)

	donorTable = projections.NewTable("charity_donors", func(d *Donor) string {
		return projections.Key(d.Organisation, d.Donor, d.Currency)
	}, func(d *Donor) { d.names = slices.Clone(d.names) })

	disclosureTable = projections.NewTable("charity_disclosures", (*Disclosure).key, nil)
)
