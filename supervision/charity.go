package supervision

import (
	"slices"
	"strings"

	"civicledger/events/money"
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
}

// DonatedMoney is the sums of one currency.
type DonatedMoney struct {
	Received      Money     `json:"received"`
	ReceivedCount int64     `json:"receivedCount"`
	Spent         Money     `json:"spent"`
	SpentCount    int64     `json:"spentCount"`
	Channels      []Channel `json:"channels" doc:"What was received, by how it came."`
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
	Keys      []string   `json:"keys" doc:"Every key the organisation is filed under; the sums are of all of them."`
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
	Date          string `json:"date" format:"date"`
	Received      Money  `json:"received"`
	ReceivedCount int64  `json:"receivedCount"`
	Spent         Money  `json:"spent"`
	SpentCount    int64  `json:"spentCount"`
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
// code, its key or a whole name, under each of its keys, or those with a part
// of the name ("" for all).
func (d *Desk) Donations(who, currency string, turn Turn) (*Page[Donations], error) {
	v := d.tables.View()
	if who != "" && turn.After == "" {
		if keys, err := d.charityKeys(v, who); err == nil {
			page := &Page[Donations]{AsOf: d.asOf(v), Items: []Donations{}}
			for _, filed := range keys {
				page.Items = append(page.Items, donations(charity.From(v).Organisation(filed)))
			}
			return page, nil
		}
	}
	rows, err := charity.From(v).Organisations(
		charity.OrganisationFilter{Name: who, Currency: currency},
		projections.Page{After: turn.After, Limit: turn.limit()})
	return pageOf(d.asOf(v), rows, err, donations)
}

// charityKeys returns the keys of an organisation under which donations are
// filed.
func (d *Desk) charityKeys(v *projections.View, key string) ([]string, error) {
	keys := slices.DeleteFunc(keysOf(v, key), func(filed string) bool { return charity.From(v).Organisation(filed) == nil })
	if len(keys) == 0 {
		return nil, d.asOf(v).missing(&NotFound{What: "donations of", Key: key, Cure: "GET /v1/donations lists organisations that have some"})
	}
	return keys, nil
}

// DonationsOf returns what one organisation received and spent, by its code,
// its key or a name. Sums filed under several of its keys are added.
func (d *Desk) DonationsOf(key string) (*Answer[DonationsDetail], error) {
	v := d.tables.View()
	keys, err := d.charityKeys(v, key)
	if err != nil {
		return nil, err
	}
	detail := DonationsDetail{Keys: keys, Campaigns: []Campaign{}}
	for i, filed := range keys {
		row := donations(charity.From(v).Organisation(filed))
		if i == 0 {
			detail.Donations = row
		} else if err := detail.add(row); err != nil {
			return nil, err
		}
		if room := inline - len(detail.Campaigns); room > 0 {
			campaigns, err := charity.From(v).Campaigns(filed, projections.Page{Limit: room})
			if err != nil {
				return nil, err
			}
			detail.Campaigns = append(detail.Campaigns, each(campaigns.Items, campaign)...)
		}
	}
	return &Answer[DonationsDetail]{AsOf: d.asOf(v), Item: detail}, nil
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

// ofCharity is a page of one of a charity's lists: those of all its keys, key
// after key. Where a page ends is the key and where its list ended.
func ofCharity[R, T any](d *Desk, key string, turn Turn, say func(*R) T, list func(charity.Reader, string, projections.Page) (projections.Rows[R], error)) (*Page[T], error) {
	v := d.tables.View()
	keys, err := d.charityKeys(v, key)
	if err != nil {
		return nil, err
	}
	after := ""
	if turn.After != "" {
		filed, rest, _ := strings.Cut(turn.After, "\n")
		at := slices.Index(keys, filed)
		if at < 0 {
			return nil, projections.ErrCursor
		}
		keys, after = keys[at:], rest
	}
	page := &Page[T]{AsOf: d.asOf(v), Items: []T{}}
	for i, filed := range keys {
		rows, err := list(charity.From(v), filed, projections.Page{After: after, Limit: turn.limit() - len(page.Items)})
		if err != nil {
			return nil, err
		}
		page.Items = append(page.Items, each(rows.Items, say)...)
		if after = rows.Next; after != "" {
			page.Next = filed + "\n" + after
			return page, nil
		}
		if len(page.Items) == turn.limit() && i+1 < len(keys) {
			page.Next = keys[i+1] + "\n"
			return page, nil
		}
	}
	return page.said()
}

func donations(o *charity.Organisation) Donations {
	return Donations{
		Organisation: Party{o.Organisation, o.Name}, Jurisdiction: o.Jurisdiction, Entries: o.Entries,
		Money: donatedMoney(o.Money), Donors: o.Donors, GoodsReceived: o.GoodsReceived, GoodsIssued: o.GoodsIssued,
		Disclosures: o.Disclosures,
	}
}

func donatedMoney(rows []*charity.Money) []DonatedMoney {
	return each(rows, func(m *charity.Money) DonatedMoney {
		return DonatedMoney{
			Received: sum(m.Received, m.Currency), ReceivedCount: m.ReceivedCount,
			Spent: sum(m.Spent, m.Currency), SpentCount: m.SpentCount,
			Channels: each(m.Channels, func(c *charity.Channel) Channel {
				return Channel{Channel: c.Channel, Amount: sum(c.Amount, m.Currency), Count: c.Count}
			}),
		}
	})
}

// add adds what was filed under another key of the same organisation.
func (t *Donations) add(more Donations) error {
	t.Entries += more.Entries
	t.GoodsReceived += more.GoodsReceived
	t.GoodsIssued += more.GoodsIssued
	t.Disclosures += more.Disclosures
	t.Donors.Organisations += more.Donors.Organisations
	t.Donors.Persons += more.Donors.Persons
	t.Donors.Anonymous += more.Donors.Anonymous
	t.Donors.Unstated += more.Donors.Unstated
	for _, m := range more.Money {
		at := slices.IndexFunc(t.Money, func(have DonatedMoney) bool { return have.Received.Currency == m.Received.Currency })
		if at < 0 {
			t.Money = append(t.Money, m)
			continue
		}
		if err := t.Money[at].add(m); err != nil {
			return err
		}
	}
	return nil
}

func (m *DonatedMoney) add(more DonatedMoney) error {
	m.ReceivedCount += more.ReceivedCount
	m.SpentCount += more.SpentCount
	for _, pair := range []struct{ to, more *Money }{{&m.Received, &more.Received}, {&m.Spent, &more.Spent}} {
		if err := pair.to.add(*pair.more); err != nil {
			return err
		}
	}
	for _, c := range more.Channels {
		at := slices.IndexFunc(m.Channels, func(have Channel) bool { return have.Channel == c.Channel })
		if at < 0 {
			m.Channels = append(m.Channels, c)
			continue
		}
		m.Channels[at].Count += c.Count
		if err := m.Channels[at].Amount.add(c.Amount); err != nil {
			return err
		}
	}
	return nil
}

func (m *Money) add(more Money) error {
	total, err := money.Amount(m.Amount).Add(money.Amount(more.Amount))
	*m = sum(int64(total), m.Currency)
	return err
}

func campaign(c *charity.Campaign) Campaign {
	return Campaign{
		Campaign: c.Campaign, Opened: c.Opened, Name: c.Name, Filing: c.Filing, Public: c.Public, Emergency: c.Emergency,
		From: c.From, To: c.To, Expected: maybe(c.Expected, c.Currency), Fund: c.Fund,
		Money: donatedMoney(c.Money), Donors: c.Donors,
	}
}

func donationDay(r *charity.Day) DonationDay {
	return DonationDay{
		Date: r.Date, Received: sum(r.Received, r.Currency), ReceivedCount: r.ReceivedCount,
		Spent: sum(r.Spent, r.Currency), SpentCount: r.SpentCount,
	}
}

func donor(r *charity.Donor) Donor {
	out := Donor{Donor: Party{r.Donor, r.DonorName}, Donations: r.Donations}
	if r.Currency != "" {
		out.Amount = maybe(&r.Amount, r.Currency)
	}
	return out
}

func goodsItem(r *charity.Goods) GoodsItem {
	return GoodsItem{
		Item: r.Item, Unit: r.Unit, ReceivedMilli: r.ReceivedMilli, ReceivedLines: r.ReceivedLines, ReceivedUnstated: r.ReceivedUnstated,
		IssuedMilli: r.IssuedMilli, IssuedLines: r.IssuedLines, IssuedUnstated: r.IssuedUnstated,
	}
}

func disclosure(r *charity.Disclosure) Disclosure {
	return Disclosure{
		Index: r.Index, Number: r.Number, Campaign: r.Campaign, Kind: r.Kind, From: r.From, To: r.To, PublishedOn: r.PublishedOn,
		Currency: r.Currency, Stated: r.Stated, Counted: r.Counted, Differs: r.Differs, URL: r.URL,
	}
}
