package supervision

import (
	"civicledger/projections"
	"civicledger/projections/charity"
)

// Donations is what a charity received, spent and handed out.
type Donations struct {
	Organisation  Party          `json:"organisation"`
	Jurisdiction  string         `json:"jurisdiction,omitzero"`
	Entries       int64          `json:"entries" doc:"Entries that count in here."`
	Money         []DonatedMoney `json:"money" doc:"By currency."`
	Donors        charity.Donors `json:"donors" doc:"Donations by kind of donor."`
	GoodsReceived int64          `json:"goodsReceived" doc:"Donations in goods."`
	GoodsIssued   int64          `json:"goodsIssued" doc:"Issues of goods."`
	Disclosures   int64          `json:"disclosures"`
	NotJoined     string         `json:"notJoined,omitzero" doc:"Why these entries stand under a name and not under a code, and what would join them."`
}

// DonatedMoney is the sums of one currency.
type DonatedMoney struct {
	Flow
	Channels []Channel `json:"channels" doc:"What was received, by how it came."`
}

// Flow is what came, what was spent, what of both went back, and what was received
// and not returned.
type Flow struct {
	Received      Money `json:"received"`
	ReceivedCount int64 `json:"receivedCount"`
	Spent         Money `json:"spent"`
	SpentCount    int64 `json:"spentCount"`
	Returned      Money `json:"returned" doc:"Gifts that went back to their givers."`
	ReturnedCount int64 `json:"returnedCount"`
	Net           Money `json:"net" doc:"Received less returned."`
	Refunded      Money `json:"refunded" doc:"Spending that came back."`
	RefundedCount int64 `json:"refundedCount"`
}

// Channel is how money came.
type Channel struct {
	Channel string `json:"channel" doc:"Empty where the publisher does not say."`
	Amount  Money  `json:"amount"`
	Count   int64  `json:"count"`
}

// DonationsDetail is a charity's donations with its campaigns.
type DonationsDetail struct {
	Donations
	Keys      []string   `json:"keys" doc:"The key it is filed under, and names joined to it."`
	Campaigns []Campaign `json:"campaigns" doc:"The first 200."`
}

// Campaign is a fundraising campaign.
type Campaign struct {
	Campaign  string         `json:"campaign"`
	Opened    *uint64        `json:"opened,omitzero" doc:"The entry that opened it. Absent where nobody did."`
	Name      string         `json:"name,omitzero"`
	Filing    string         `json:"filing,omitzero" doc:"备案编号"`
	Public    bool           `json:"public"`
	Emergency bool           `json:"emergency"`
	From      string         `json:"from,omitzero" format:"date"`
	To        string         `json:"to,omitzero" format:"date"`
	Expected  *Money         `json:"expected,omitzero"`
	Fund      string         `json:"fund,omitzero"`
	Money     []DonatedMoney `json:"money"`
	Donors    charity.Donors `json:"donors"`
}

// DonationDay is the money of one day.
type DonationDay struct {
	Date string `json:"date" format:"date"`
	Flow
}

// Donor is an organisation that gave. Goods have no sum.
type Donor struct {
	Donor     Party  `json:"donor"`
	Amount    *Money `json:"amount,omitzero" doc:"Absent for goods."`
	Donations int64  `json:"donations"`
}

// GoodsItem is one item in one unit, as published.
type GoodsItem struct {
	Item             string `json:"item"`
	Unit             string `json:"unit,omitzero"`
	ReceivedMilli    int64  `json:"receivedMilli" doc:"Thousandths of the unit."`
	ReceivedLines    int64  `json:"receivedLines"`
	ReceivedUnstated int64  `json:"receivedUnstated" doc:"Lines without a number."`
	IssuedMilli      int64  `json:"issuedMilli"`
	IssuedLines      int64  `json:"issuedLines"`
	IssuedUnstated   int64  `json:"issuedUnstated"`
	ReturnedMilli    int64  `json:"returnedMilli" doc:"Given back to who had given."`
	ReturnedLines    int64  `json:"returnedLines"`
	OutOfRange       bool   `json:"outOfRange,omitzero" doc:"A quantity left 64 bits: the figures say nothing."`
}

// Disclosure is what a charity told the public about a period, beside what the
// events on the ledger say about the same.
type Disclosure struct {
	Index       uint64          `json:"index" doc:"The entry that says so."`
	Number      string          `json:"number,omitzero"`
	Campaign    string          `json:"campaign,omitzero"`
	Kind        string          `json:"kind"`
	From        string          `json:"from" format:"date"`
	To          string          `json:"to" format:"date"`
	PublishedOn string          `json:"publishedOn" format:"date"`
	Currency    string          `json:"currency,omitzero" doc:"Of the sums in stated and counted, which are minor units."`
	Stated      charity.Figures `json:"stated"`
	Counted     charity.Figures `json:"counted" doc:"Absent where the ledger has no detail."`
	Differs     []string        `json:"differs,omitzero" doc:"Names of figures that differ."`
	URL         string          `json:"url,omitzero"`
}

// Donations lists charities with their sums, by key: one organisation by its
// code, its key or a whole name, or those with a part of the name ("" for all).
func (d *Desk) Donations(who, currency string, turn Turn) (*Page[Donations], error) {
	v := d.tables.View()
	say := func(o *charity.Organisation) Donations { return donations(v, o) }
	if who != "" && turn.After == "" {
		if row, err := d.charityRow(v, who); err == nil {
			return &Page[Donations]{AsOf: d.asOf(v), Items: []Donations{say(row)}}, nil
		}
	}
	rows, err := charity.From(v).Organisations(charity.OrganisationFilter{Name: who, Currency: currency}, turn.page())
	return pageOf(d.asOf(v), rows, err, say)
}

// charityRow returns an organisation under which donations are filed.
func (d *Desk) charityRow(v *projections.View, who string) (*charity.Organisation, error) {
	for _, key := range v.Keys(who) {
		if row := charity.From(v).Organisation(key); row != nil {
			return row, nil
		}
	}
	return nil, d.asOf(v).missing(&NotFound{What: "donations of", Key: who, Cure: "GET /v1/donations lists organisations that have some"})
}

// DonationsOf returns what one organisation received and spent, by its code,
// its key or a name.
func (d *Desk) DonationsOf(key string) (*Answer[DonationsDetail], error) {
	v := d.tables.View()
	row, err := d.charityRow(v, key)
	if err != nil {
		return nil, err
	}
	campaigns, err := charity.From(v).Campaigns(row.Organisation, projections.Page{Limit: inline})
	if err != nil {
		return nil, err
	}
	return &Answer[DonationsDetail]{AsOf: d.asOf(v), Item: DonationsDetail{
		Donations: donations(v, row), Keys: joined(v, row.Organisation), Campaigns: each(campaigns.Items, campaign),
	}}, nil
}

// DonationDays lists the money of each day in one currency, of a campaign or
// ("") of all. Without a currency it is the organisation's first.
func (d *Desk) DonationDays(key, campaign, currency string, turn Turn) (*Page[DonationDay], error) {
	if currency == "" {
		all, err := d.DonationsOf(key)
		if err != nil {
			return nil, err
		}
		if len(all.Item.Money) > 0 {
			currency = all.Item.Money[0].Received.Currency
		}
	}
	return ofCharity(d, key, turn, donationDay, func(r charity.Reader, filed string, p projections.Page) (projections.Rows[charity.Day], error) {
		return r.Days(filed, campaign, currency, p)
	})
}

// DonationCampaigns lists the campaigns of an organisation.
func (d *Desk) DonationCampaigns(key string, turn Turn) (*Page[Campaign], error) {
	return ofCharity(d, key, turn, campaign, charity.Reader.Campaigns)
}

// DonationGoods lists items received and issued, of a campaign or ("") of all.
func (d *Desk) DonationGoods(key, campaign string, turn Turn) (*Page[GoodsItem], error) {
	return ofCharity(d, key, turn, goodsItem, func(r charity.Reader, filed string, p projections.Page) (projections.Rows[charity.Goods], error) {
		return r.Goods(filed, campaign, p)
	})
}

// DonationDonors lists organisations that gave to an organisation.
func (d *Desk) DonationDonors(key string, turn Turn) (*Page[Donor], error) {
	return ofCharity(d, key, turn, donor, charity.Reader.Donors)
}

// DonationDisclosures lists what an organisation told the public, only what
// differs from the detail if asked.
func (d *Desk) DonationDisclosures(key string, differs bool, turn Turn) (*Page[Disclosure], error) {
	return ofCharity(d, key, turn, disclosure, func(r charity.Reader, filed string, p projections.Page) (projections.Rows[charity.Disclosure], error) {
		return r.Disclosures(filed, differs, p)
	})
}

// ofCharity is a page of one of a charity's lists.
func ofCharity[R, T any](d *Desk, key string, turn Turn, say func(*R) T, list func(charity.Reader, string, projections.Page) (projections.Rows[R], error)) (*Page[T], error) {
	v := d.tables.View()
	row, err := d.charityRow(v, key)
	if err != nil {
		return nil, err
	}
	rows, err := list(charity.From(v), row.Organisation, turn.page())
	return pageOf(d.asOf(v), rows, err, say)
}

func donations(v *projections.View, o *charity.Organisation) Donations {
	return Donations{
		Organisation: Party{o.Organisation, o.Name}, Jurisdiction: o.Jurisdiction, Entries: o.Entries,
		Money: donatedMoney(&o.Totals), Donors: o.Donors, GoodsReceived: o.GoodsReceived, GoodsIssued: o.GoodsIssued,
		Disclosures: o.Disclosures, NotJoined: notJoined(v, o.Organisation),
	}
}

func donatedMoney(t *charity.Totals) []DonatedMoney {
	return each(t.Money, func(m *charity.Money) DonatedMoney {
		return DonatedMoney{Flow: flow(m, t.Over), Channels: each(m.Channels, func(c *charity.Channel) Channel {
			return Channel{Channel: c.Channel, Amount: sumIn(t.Over)(c.Amount, m.Currency), Count: c.Count}
		})}
	})
}

func flow(m *charity.Money, over int64) Flow {
	sum, back := sumIn(over), &m.Back
	return Flow{
		Received: sum(m.Received, m.Currency), ReceivedCount: m.ReceivedCount, Spent: sum(m.Spent, m.Currency), SpentCount: m.SpentCount,
		Returned: sum(back.Returned.Sum, m.Currency), ReturnedCount: back.Returned.Count, Net: sum(m.Received-back.Returned.Sum, m.Currency),
		Refunded: sum(back.Refunded.Sum, m.Currency), RefundedCount: back.Refunded.Count,
	}
}

func campaign(c *charity.Campaign) Campaign {
	return Campaign{
		Campaign: c.Campaign, Opened: c.Opened, Name: c.Name, Filing: c.Filing, Public: c.Public, Emergency: c.Emergency,
		From: c.From, To: c.To, Expected: maybe(c.Expected, c.Currency), Fund: c.Fund,
		Money: donatedMoney(&c.Totals), Donors: c.Donors,
	}
}

func donationDay(r *charity.Day) DonationDay {
	return DonationDay{Date: r.Date, Flow: flow(&charity.Money{
		Currency: r.Currency, Received: r.Received, ReceivedCount: r.ReceivedCount, Spent: r.Spent, SpentCount: r.SpentCount, Back: r.Back,
	}, r.Over)}
}

func donor(r *charity.Donor) Donor {
	out := Donor{Donor: Party{r.Donor, r.DonorName}, Donations: r.Donations}
	if r.Currency != "" {
		out.Amount = new(sumIn(r.Over)(r.Amount, r.Currency))
	}
	return out
}

func goodsItem(r *charity.Goods) GoodsItem {
	return GoodsItem{
		Item: r.Item, Unit: r.Unit, ReceivedMilli: r.ReceivedMilli, ReceivedLines: r.ReceivedLines, ReceivedUnstated: r.ReceivedUnstated,
		IssuedMilli: r.IssuedMilli, IssuedLines: r.IssuedLines, IssuedUnstated: r.IssuedUnstated,
		ReturnedMilli: r.ReturnedMilli, ReturnedLines: r.ReturnedLines, OutOfRange: r.Over != 0,
	}
}

func disclosure(r *charity.Disclosure) Disclosure {
	return Disclosure{
		Index: r.Index, Number: r.Number, Campaign: r.Campaign, Kind: r.Kind, From: r.From, To: r.To, PublishedOn: r.PublishedOn,
		Currency: r.Currency, Stated: r.Stated, Counted: r.Counted, Differs: r.Differs, URL: r.URL,
	}
}
