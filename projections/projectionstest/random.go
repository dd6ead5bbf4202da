package projectionstest

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"civicledger/events/catalogue"
	"civicledger/events/ident"
)

// Said is one event in a random history.
type Said struct {
	Agency, Type, ID, Corrects, Jurisdiction string
	Data                                     any // pointer to the catalogue's struct
}

// Line is its event line.
func (s *Said) Line(tb testing.TB) []byte {
	tb.Helper()
	return LineIn(tb, s.Agency, s.Type, s.Jurisdiction, s.ID, s.Corrects, s.Data)
}

// SayAll puts a history on the log, in commits of random sizes.
func (l *Log) SayAll(r *rand.Rand, said []Said) {
	l.tb.Helper()
	for i := 0; i < len(said); {
		agency := said[i].Agency
		var lines [][]byte
		for most := 1 + r.IntN(9); i < len(said) && len(lines) < most && said[i].Agency == agency; i++ {
			lines = append(lines, said[i].Line(l.tb))
		}
		l.Say(agency, lines...)
	}
}

// Random is a random history: n events of the given makers over few names, so
// that everything meets everything, every seventh correcting an earlier one.
// Some corrections are wrong on purpose.
func Random(r *rand.Rand, n int, makers map[string]func(*rand.Rand) any) []Said {
	types := make([]string, 0, len(makers))
	for _, t := range allTypes {
		if makers[t] != nil {
			types = append(types, t)
		}
	}
	var said []Said
	latest := map[string]string{} // what to correct: agency and type to id
	for i := range n {
		s := Said{
			Agency: pick(r, "bureau", "charity", "street"), Type: pick(r, types...), ID: fmt.Sprintf("e%d", i),
			Jurisdiction: pick(r, "110105", "110105", "110108", "110000", "440100"),
		}
		s.Data = makers[s.Type](r)
		slot := s.Agency + s.Type
		switch old := latest[slot]; {
		case r.IntN(40) == 0:
			s.Corrects = fmt.Sprintf("e%d", r.IntN(n)) // whatever that is, perhaps later
			if s.Corrects == s.ID {
				s.Corrects = ""
			}
		case old != "" && r.IntN(7) == 0:
			s.Corrects = old
		}
		if r.IntN(3) > 0 || latest[slot] == "" {
			latest[slot] = s.ID
		}
		said = append(said, s)
	}
	return said
}

// Words is a history as words about facts: for each fact the places of the
// first word and of its corrections, in the order of who said it. It follows the
// rules for corrections without the runner's help, to be held against it.
func Words(said []Said) [][]int {
	place, fact := map[string]int{}, map[int]int{}
	var facts [][]int
	for i := range said {
		s := &said[i]
		place[s.Agency+" "+s.ID] = i
		if s.Corrects == "" {
			fact[i] = len(facts)
			facts = append(facts, []int{i})
			continue
		}
		at, known := place[s.Agency+" "+s.Corrects]
		f, counts := fact[at]
		if !known || !counts || said[at].Type != s.Type {
			continue // it counts nowhere
		}
		fact[i] = f
		facts[f] = append(facts[f], i)
	}
	return facts
}

func pick(r *rand.Rand, from ...string) string { return from[r.IntN(len(from))] }

var allTypes = func() []string {
	var names []string
	for _, t := range catalogue.Types() {
		names = append(names, t.Name)
	}
	return names
}()

// orgOf is known by its name, or now and then by its code, with the name or
// without.
func orgOf(r *rand.Rand, prefix string) ident.OrgRef {
	o := ident.OrgRef{Name: prefix + pick(r, "一", "二", "三")}
	switch r.IntN(8) {
	case 0:
		o.Code = codes[r.IntN(2)]
	case 1:
		return ident.OrgRef{Code: codes[r.IntN(2)]}
	}
	return o
}

func day(r *rand.Rand) string { return fmt.Sprintf("2026-%02d-%02d", 1+r.IntN(3), 1+r.IntN(28)) }

func sum(r *rand.Rand) int64 { return 1 + r.Int64N(100_000) }

func maybe(r *rand.Rand, n int64) *int64 {
	if r.IntN(2) == 0 {
		return nil
	}
	return &n
}

func fund(r *rand.Rand) string { return pick(r, "f1", "f2", "f3", "never") }

// currency is that of most funds most times.
func currency(r *rand.Rand) string {
	if r.IntN(20) == 0 {
		return "USD"
	}
	return "CNY"
}

// Money makes events that move money.
var Money = map[string]func(*rand.Rand) any{
	"fund.opened.v1": func(r *rand.Rand) any {
		return &catalogue.FundOpened{Fund: pick(r, "f1", "f2", "f3"), Name: "synthetic", Currency: currency(r), Holder: orgOf(r, "民政局")}
	},
	"budget.allocated.v1": func(r *rand.Rand) any {
		return &catalogue.BudgetAllocated{Fund: fund(r), Holder: orgOf(r, "民政局"), Amount: sum(r) - 20_000, Currency: currency(r), Year: 2025 + r.Int64N(2)}
	},
	"transfer.sent.v1":     func(r *rand.Rand) any { return transfer(r) },
	"transfer.received.v1": func(r *rand.Rand) any { received := catalogue.TransferReceived(*transfer(r)); return &received },
	"subsidy.paid.v1": func(r *rand.Rand) any {
		return &catalogue.SubsidyPaid{
			Payment: fmt.Sprintf("p%d", r.IntN(60)), Fund: fund(r), Payer: orgOf(r, "民政局"), Recipient: &ident.OrgRef{Name: "企业"},
			Kind: pick(r, "dibao", "elder-age"), Period: pick(r, "2026-01", "2026-02"), Amount: sum(r) - 10_000, Currency: currency(r), Date: day(r),
		}
	},
	"subsidy.returned.v1": func(r *rand.Rand) any {
		return &catalogue.SubsidyReturned{
			Fund: fund(r), Payer: orgOf(r, "民政局"), Payment: fmt.Sprintf("p%d", r.IntN(60)), Amount: sum(r), Currency: currency(r), Date: day(r), Reason: "other",
		}
	},
	"recovery.ordered.v1": func(r *rand.Rand) any {
		return &catalogue.RecoveryOrdered{
			Order: fmt.Sprintf("o%d", r.IntN(9)), Recipient: &ident.OrgRef{Name: "企业"}, Fund: fund(r), Amount: sum(r),
			Currency: currency(r), DecidedOn: day(r), Reason: "fraud",
		}
	},
	"recovery.received.v1": func(r *rand.Rand) any {
		return &catalogue.RecoveryReceived{
			Order: fmt.Sprintf("o%d", r.IntN(9)), Fund: fund(r), Payer: orgOf(r, "民政局"), Amount: sum(r), Currency: currency(r), Date: day(r),
		}
	},
	"account.balance.stated.v1": func(r *rand.Rand) any {
		d := &catalogue.BalanceStated{Account: pick(r, "a1", "a2"), Holder: orgOf(r, "基金会"), Fund: "f1", Currency: "CNY", Balance: r.Int64N(5), StatedAt: day(r)}
		if r.IntN(2) == 0 {
			d.Sequence, d.Credit, d.Debit = &[]int64{r.Int64N(40)}[0], maybe(r, r.Int64N(3)), maybe(r, r.Int64N(3))
		}
		return d
	},
	"charity.donation.received.v1": Donations["charity.donation.received.v1"],
	"charity.donation.spent.v1":    Donations["charity.donation.spent.v1"],
}

func transfer(r *rand.Rand) *catalogue.TransferSent {
	return &catalogue.TransferSent{
		Fund: fund(r), Transfer: fmt.Sprintf("t%d", r.IntN(12)), From: orgOf(r, "财政局"), To: orgOf(r, "民政局"),
		Amount: 100 * (1 + r.Int64N(3)), Currency: currency(r), Date: day(r),
	}
}

func campaign(r *rand.Rand) string { return pick(r, "", "c1", "c2") }

func things(r *rand.Rand) []catalogue.Goods {
	var list []catalogue.Goods
	for range 1 + r.IntN(3) {
		list = append(list, catalogue.Goods{Item: pick(r, "口罩", "手套"), Unit: pick(r, "", "箱"), QuantityMilli: maybe(r, sum(r))})
	}
	return list
}

func init() { // what goes back is made as what it takes back
	paid, given, spent := Money["subsidy.paid.v1"], Donations["charity.donation.received.v1"], Donations["charity.donation.spent.v1"]
	Money["subsidy.cancelled.v1"] = func(r *rand.Rand) any {
		back := catalogue.SubsidyCancelled(*paid(r).(*catalogue.SubsidyPaid))
		return &back
	}
	Donations["charity.donation.returned.v1"] = func(r *rand.Rand) any {
		back := catalogue.DonationReturned(*given(r).(*catalogue.DonationReceived))
		return &back
	}
	Donations["charity.spending.refunded.v1"] = func(r *rand.Rand) any {
		back := catalogue.SpendingRefunded(*spent(r).(*catalogue.DonationSpent))
		return &back
	}
}

// Donations makes events of charities.
var Donations = map[string]func(*rand.Rand) any{
	"charity.campaign.opened.v1": func(r *rand.Rand) any {
		return &catalogue.CampaignOpened{Campaign: pick(r, "c1", "c2"), Organisation: orgOf(r, "基金会"), Name: "synthetic", From: day(r), Currency: "CNY"}
	},
	"charity.donation.received.v1": func(r *rand.Rand) any {
		d := &catalogue.DonationReceived{
			Donation: fmt.Sprintf("d%d", r.IntN(1000)), Organisation: orgOf(r, "基金会"), Campaign: campaign(r), Fund: pick(r, "", "", fund(r)),
			Donor: catalogue.Donor{Kind: pick(r, "person", "anonymous", "unstated")}, Date: day(r), Channel: pick(r, "", "qr"),
		}
		if r.IntN(3) == 0 {
			o := orgOf(r, "公司")
			d.Donor = catalogue.Donor{Kind: "org", Organisation: &o}
		}
		if r.IntN(4) == 0 {
			d.Goods = things(r)
			return d
		}
		d.Amount, d.Currency, d.Account = &[]int64{sum(r)}[0], currency(r), pick(r, "", "a1", "a2")
		return d
	},
	"charity.donation.spent.v1": func(r *rand.Rand) any {
		return &catalogue.DonationSpent{
			Spending: fmt.Sprintf("s%d", r.IntN(1000)), Organisation: orgOf(r, "基金会"), Campaign: campaign(r), Fund: pick(r, "", "", fund(r)),
			Purpose: "synthetic", Amount: sum(r), Currency: currency(r), Date: day(r), Account: pick(r, "", "a1"),
		}
	},
	"charity.goods.issued.v1": func(r *rand.Rand) any {
		return &catalogue.GoodsIssued{Issue: "i", Organisation: orgOf(r, "基金会"), Campaign: campaign(r), Goods: things(r), Date: day(r)}
	},
	"charity.disclosure.published.v1": func(r *rand.Rand) any {
		from := day(r)
		return &catalogue.DisclosurePublished{
			Organisation: orgOf(r, "基金会"), Campaign: campaign(r), Kind: "other", From: from, To: max(from, day(r)), PublishedOn: "2026-04-01",
			Currency: "CNY", Received: maybe(r, sum(r)), ReceivedCount: maybe(r, r.Int64N(9)), CumulativeSpent: maybe(r, sum(r)),
		}
	},
}
