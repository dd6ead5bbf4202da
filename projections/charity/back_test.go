package charity_test

import (
	"testing"

	"civicledger/events/catalogue"
	"civicledger/events/ident"
	"civicledger/projections"
	"civicledger/projections/charity"
	"civicledger/projections/funds"
	"civicledger/projections/projectionstest"
)

// What went back stands beside what was received and spent; the accounts hold
// what is left, and a correction of a return takes effect.
func TestBack_ReceivedReturnedAndLeft(t *testing.T) {
	who, currency, day := ident.OrgRef{Name: "示例慈善会"}, "CNY", "2026-02-01"
	log := projectionstest.NewLog(t)
	say := func(typ, id, corrects string, data any) {
		log.Say("trial", projectionstest.Line(t, "trial", typ, id, corrects, data))
	}
	amount := func(n int64) *int64 { return &n }
	gift := catalogue.DonationReceived{
		Donation: "D1", Organisation: who, Fund: "f", Donor: catalogue.Donor{Kind: "anonymous"}, Amount: amount(200_00), Currency: currency, Date: day,
	}
	spent := catalogue.DonationSpent{Spending: "S1", Organisation: who, Fund: "f", Purpose: "口罩", Amount: 90_00, Currency: currency, Date: day}
	masks := []catalogue.Goods{{Item: "口罩", Unit: "箱", QuantityMilli: amount(3000)}}
	back, refund := catalogue.DonationReturned(gift), catalogue.SpendingRefunded(spent)
	goods := catalogue.DonationReturned{Donation: "D2", Organisation: who, Donor: catalogue.Donor{Kind: "unstated"}, Goods: masks, Date: day}
	say("fund.opened.v1", "f", "", catalogue.FundOpened{Fund: "f", Name: "f", Currency: currency, Holder: who})
	say("charity.donation.returned.v1", "back", "", back) // before the gift: the order does not count
	say("charity.donation.received.v1", "D1", "", gift)
	say("charity.donation.spent.v1", "S1", "", spent)
	refund.Amount = 40_00
	say("charity.spending.refunded.v1", "refund", "", refund)
	say("charity.donation.returned.v1", "goods", "", goods)
	back.Amount = amount(50_00)
	say("charity.donation.returned.v1", "less", "back", back)

	v := projectionstest.Fold(t, log, projections.DefaultBatch, funds.New(), charity.New())
	o := charity.From(v).Organisation(who.Key())
	want := charity.Back{Returned: charity.Flow{Sum: 50_00, Count: 1}, Refunded: charity.Flow{Sum: 40_00, Count: 1}}
	if len(o.Money) != 1 || o.Money[0].Received != 200_00 || o.Money[0].Spent != 90_00 || o.Money[0].Back != want {
		t.Errorf("money %+v", *o.Money[0])
	}
	days, err := charity.From(v).Days(who.Key(), "", currency, projections.Page{})
	if err != nil || len(days.Items) != 1 || days.Items[0].Back != want {
		t.Errorf("days %+v, %v", days.Items, err)
	}
	items, err := charity.From(v).Goods(who.Key(), "", projections.Page{})
	if err != nil || len(items.Items) != 1 || items.Items[0].ReturnedMilli != 3000 || items.Items[0].ReceivedLines != 0 {
		t.Errorf("goods %+v, %v", items.Items, err)
	}
	for a := range funds.From(v).AllAccounts() {
		if a.Holder == who.Key() && a.Balance != 200_00-50_00-90_00+40_00 {
			t.Errorf("the account holds %d", a.Balance)
		}
	}
}

// A cancelled payment is what a negative payment was: reversed, and the number
// is free again.
func TestCancelled_Payment(t *testing.T) {
	who := ident.OrgRef{Name: "示例区民政局"}
	paid := catalogue.SubsidyPaid{
		Payment: "P1", Fund: "f", Payer: who, Recipient: &ident.OrgRef{Name: "企业"}, Kind: "ppp", Period: "2026-01",
		Amount: 12_000, Currency: "CNY", Date: "2026-01-31",
	}
	log := projectionstest.NewLog(t)
	for i, one := range []struct {
		typ  string
		data any
	}{
		{"fund.opened.v1", catalogue.FundOpened{Fund: "f", Name: "f", Currency: "CNY", Holder: who}},
		{"subsidy.paid.v1", paid},
		{"subsidy.cancelled.v1", catalogue.SubsidyCancelled(paid)},
	} {
		log.Say("trial", projectionstest.Line(t, "trial", one.typ, string(rune('a'+i)), "", one.data))
	}
	v := projectionstest.Fold(t, log, projections.DefaultBatch, funds.New())
	rows := projectionstest.All(t, func(p projections.Page) (projections.Rows[funds.Subsidy], error) {
		return funds.From(v).Subsidies(funds.SubsidyFilter{}, p)
	})
	if len(rows) != 1 || rows[0].Paid != 12_000 || rows[0].Reversed != 12_000 || rows[0].Net() != 0 {
		t.Errorf("subsidies %+v", rows)
	}
}
