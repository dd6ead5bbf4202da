package sample

import (
	"fmt"

	"civicledger/events/catalogue"
	"civicledger/events/ident"
)

var exampleCharity = ident.OrgRef{Name: "示例慈善会（虚构）"}

const (
	winterCampaign = "winter-2025"
	winterFund     = "charity-winter-2025"
	winterAccount  = "bank-0001"
)

// charity raises and spends money in one campaign, and announces a total that
// its own donations do not add up to.
func charity() [][]byte {
	v := newVoice("charity-sample")
	v.say("fund.opened.v1", "fund-winter", "2025-11-01", winterFund, catalogue.FundOpened{
		Fund: winterFund, Name: "暖冬行动专款（虚构）", Currency: "CNY", Holder: exampleCharity, Common: synthetic,
	})
	expected := int64(50_000_000)
	v.say("charity.campaign.opened.v1", "campaign-winter", "2025-11-01", winterCampaign, catalogue.CampaignOpened{
		Campaign: winterCampaign, Organisation: exampleCharity, Name: "暖冬行动（虚构）", Filing: "SAMPLE-2025-001", Public: true,
		From: "2025-11-15", To: "2026-05-14", Expected: &expected, Currency: "CNY", Fund: winterFund, Common: synthetic,
	})
	total := v.donations()
	v.goodsInAndOut()
	v.spending()
	v.disclosures(total)
	return v.lines
}

// donations come on thirty days and add up to the total it returns.
func (v *voice) donations() (total int64) {
	for i := range 30 {
		id := fmt.Sprintf("D%04d", i+1)
		date := fmt.Sprintf("2025-11-%02d", 15+i/2)
		amount := int64(1+i*i%17) * 50_000
		d := catalogue.DonationReceived{
			Donation: id, Organisation: exampleCharity, Campaign: winterCampaign, Fund: winterFund,
			Donor: exampleDonor(i), Amount: &amount, Currency: "CNY", Date: date, Channel: "bank", Account: winterAccount, Common: synthetic,
		}
		v.say("charity.donation.received.v1", id, date, winterCampaign, d)
		total += amount
	}
	return total
}

func exampleDonor(i int) catalogue.Donor {
	switch i % 4 {
	case 0:
		return catalogue.Donor{Kind: "org", Organisation: &ident.OrgRef{Name: fmt.Sprintf("示例企业%d（虚构）", i/4+1)}}
	case 1:
		return catalogue.Donor{Kind: "person", Token: person(fmt.Sprintf("donor-%d", i))}
	case 2:
		return catalogue.Donor{Kind: "anonymous"}
	}
	return catalogue.Donor{Kind: "unstated"}
}

func (v *voice) goodsInAndOut() {
	coats, part := int64(500_000), int64(320_000)
	v.say("charity.donation.received.v1", "G0001", "2025-11-20", winterCampaign, catalogue.DonationReceived{
		Donation: "G0001", Organisation: exampleCharity, Campaign: winterCampaign, Donor: exampleDonor(0),
		Goods: []catalogue.Goods{{Item: "棉衣", Unit: "件", QuantityMilli: &coats}}, Date: "2025-11-20", Common: synthetic,
	})
	v.say("charity.goods.issued.v1", "I0001", "2025-12-02", winterCampaign, catalogue.GoodsIssued{
		Issue: "I0001", Organisation: exampleCharity, Campaign: winterCampaign, Recipient: &ident.OrgRef{Name: "示例敬老院（虚构）"},
		Goods: []catalogue.Goods{{Item: "棉衣", Unit: "件", QuantityMilli: &part}}, Date: "2025-12-02", Common: synthetic,
	})
}

func (v *voice) spending() {
	for i, s := range []struct {
		purpose, date string
		fen           int64
	}{{"采购取暖设备", "2025-12-01", 3_000_000}, {"发放慰问金", "2025-12-15", 2_400_000}, {"物流", "2025-12-18", 260_000}} {
		id := fmt.Sprintf("S%04d", i+1)
		v.say("charity.donation.spent.v1", id, s.date, winterCampaign, catalogue.DonationSpent{
			Spending: id, Organisation: exampleCharity, Campaign: winterCampaign, Fund: winterFund, Purpose: s.purpose,
			Amount: s.fen, Currency: "CNY", Date: s.date, Account: winterAccount, Common: synthetic,
		})
	}
}

// disclosures announce 100,000 yuan more than was received.
func (v *voice) disclosures(total int64) {
	stated, spent, count := total+10_000_000, int64(5_660_000), int64(30)
	v.say("charity.disclosure.published.v1", "A0001", "2026-01-05", winterCampaign, catalogue.DisclosurePublished{
		Disclosure: "A0001", Organisation: exampleCharity, Campaign: winterCampaign, Kind: "campaign",
		From: "2025-11-15", To: "2025-12-31", PublishedOn: "2026-01-05", Currency: "CNY",
		Received: &stated, ReceivedCount: &count, Spent: &spent, Common: synthetic,
	})
	v.say("account.balance.stated.v1", "B0001", "2025-12-31", winterAccount, catalogue.BalanceStated{
		Account: winterAccount, Holder: exampleCharity, Fund: winterFund, Currency: "CNY",
		Balance: total - spent, StatedAt: "2025-12-31", Common: synthetic,
	})
}
