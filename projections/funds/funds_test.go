package funds_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"

	"civicledger/events/catalogue"
	"civicledger/events/ident"
	"civicledger/events/money"
	"civicledger/projections"
	"civicledger/projections/funds"
	"civicledger/projections/projectionstest"
)

var bureau = ident.OrgRef{Name: "民政局一"}

// line is an event of the bureau.
func line(t testing.TB, eventType, id, corrects string, data any) []byte {
	t.Helper()
	return projectionstest.Line(t, "bureau", eventType, id, corrects, data)
}

func opened(t testing.TB, id, fund, currency string) []byte {
	t.Helper()
	return line(t, "fund.opened.v1", id, "", &catalogue.FundOpened{Fund: fund, Name: "synthetic", Currency: currency, Holder: bureau})
}

// naive is the same read model with maps and no history: it adds up what
// counts at the end.
type naive struct {
	said    []projectionstest.Said
	counted map[int]bool
}

func (n *naive) see(at, replaces int) {
	delete(n.counted, replaces)
	n.counted[at] = n.fits(&n.said[at])
}

func (n *naive) fits(s *projectionstest.Said) bool {
	fund, currency := "", "CNY"
	switch d := s.Data.(type) {
	case *catalogue.BudgetAllocated:
		fund, currency = d.Fund, d.Currency
	case *catalogue.TransferSent:
		return n.fitsTransfer(s, d)
	case *catalogue.TransferReceived:
		sent := catalogue.TransferSent(*d)
		return n.fitsTransfer(s, &sent)
	case *catalogue.SubsidyPaid:
		fund, currency = d.Fund, d.Currency
	case *catalogue.SubsidyReturned:
		fund, currency = d.Fund, d.Currency
	case *catalogue.RecoveryReceived:
		fund, currency = d.Fund, d.Currency
	case *catalogue.DonationReceived:
		return d.Amount != nil && (d.Fund == "" || known(d.Fund, d.Currency))
	case *catalogue.DonationSpent:
		return d.Fund == "" || known(d.Fund, d.Currency)
	default:
		return false
	}
	return known(fund, currency)
}

func (n *naive) fitsTransfer(s *projectionstest.Said, d *catalogue.TransferSent) bool {
	for at, counts := range n.counted {
		if other := n.said[at]; counts && other.Type == s.Type && number(other.Data) == d.Fund+" "+d.Transfer {
			return false
		}
	}
	return known(d.Fund, d.Currency)
}

func number(data any) string {
	switch d := data.(type) {
	case *catalogue.TransferSent:
		return d.Fund + " " + d.Transfer
	case *catalogue.TransferReceived:
		return d.Fund + " " + d.Transfer
	}
	return ""
}

func known(fund, currency string) bool { return fund != "never" && currency == "CNY" }

// leg is one movement from one account to another.
func (n *naive) leg(data any) (fund, currency, month, from, to string, amount int64) {
	switch d := data.(type) {
	case *catalogue.BudgetAllocated:
		return d.Fund, d.Currency, fmt.Sprintf("%d-01", d.Year), funds.OutsideTreasury, d.Holder.Key(), d.Amount
	case *catalogue.TransferSent:
		return d.Fund, d.Currency, d.Date[:7], d.From.Key(), funds.OutsideTransit, d.Amount
	case *catalogue.TransferReceived:
		return d.Fund, d.Currency, d.Date[:7], funds.OutsideTransit, d.To.Key(), d.Amount
	case *catalogue.SubsidyPaid:
		return d.Fund, d.Currency, d.Date[:7], d.Payer.Key(), funds.OutsideRecipients, d.Amount
	case *catalogue.SubsidyReturned:
		return d.Fund, d.Currency, d.Date[:7], funds.OutsideRecipients, d.Payer.Key(), d.Amount
	case *catalogue.RecoveryReceived:
		return d.Fund, d.Currency, d.Date[:7], funds.OutsideRecipients, d.Payer.Key(), d.Amount
	case *catalogue.DonationReceived:
		return d.Fund, d.Currency, d.Date[:7], funds.OutsideDonors, d.Organisation.Key(), *d.Amount
	case *catalogue.DonationSpent:
		return d.Fund, d.Currency, d.Date[:7], d.Organisation.Key(), funds.OutsideSpending, d.Amount
	}
	return "", "", "", "", "", 0
}

func (n *naive) totals() (accounts, months, subsidies map[string]int64) {
	accounts, months, subsidies = map[string]int64{}, map[string]int64{}, map[string]int64{}
	for at, counts := range n.counted {
		if !counts {
			continue
		}
		fund, currency, month, from, to, amount := n.leg(n.said[at].Data)
		accounts[fund+" "+from+" "+currency] -= amount
		accounts[fund+" "+to+" "+currency] += amount
		months[fund+" "+from+" "+month] -= amount
		months[fund+" "+to+" "+month] += amount
		if d, ok := n.said[at].Data.(*catalogue.SubsidyPaid); ok {
			subsidies[fund+" "+d.Kind+" "+d.Period+" "+n.said[at].Jurisdiction] += amount
		}
	}
	return accounts, months, subsidies
}

func TestFunds_Model(t *testing.T) {
	makers := map[string]func(*rand.Rand) any{}
	for name, maker := range projectionstest.Money {
		if name != "fund.opened.v1" {
			makers[name] = maker
		}
	}
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 3))
		log := projectionstest.NewLog(t)
		for _, fund := range []string{"f1", "f2", "f3"} {
			log.Say("bureau", opened(t, "open-"+fund, fund, "CNY"))
		}
		n := &naive{said: projectionstest.Random(r, 1500, makers), counted: map[int]bool{}}
		log.SayAll(r, n.said)
		projectionstest.Walk(n.said, n.see)
		compare(t, seed, projectionstest.Fold(t, log, 64, funds.New()), n)
	}
}

func compare(t *testing.T, seed uint64, v *projections.View, n *naive) {
	t.Helper()
	accounts, months, subsidies := n.totals()
	zero := map[string]*big.Int{}
	read := funds.From(v)
	for a := range read.AllAccounts() {
		key := a.Fund + " " + a.Holder + " " + a.Currency
		if a.Balance != accounts[key] || a.Balance != a.Credits-a.Debits {
			t.Errorf("seed %d: account %s has %d, want %d", seed, key, a.Balance, accounts[key])
		}
		delete(accounts, key)
		for _, m := range a.Months {
			months[a.Fund+" "+a.Holder+" "+m.Month] -= m.Credits - m.Debits
		}
		if zero[a.Currency] == nil {
			zero[a.Currency] = new(big.Int)
		}
		zero[a.Currency].Add(zero[a.Currency], big.NewInt(a.Balance))
	}
	for key, left := range accounts {
		if left != 0 {
			t.Errorf("seed %d: no account %s, want %d", seed, key, left)
		}
	}
	for key, left := range months {
		if left != 0 {
			t.Errorf("seed %d: month %s is off by %d", seed, key, left)
		}
	}
	for currency, sum := range zero {
		if sum.Sign() != 0 {
			t.Errorf("seed %d: all accounts in %s add up to %s, want 0", seed, currency, sum)
		}
	}
	rows := projectionstest.All(t, func(p projections.Page) (projections.Rows[funds.Subsidy], error) {
		return read.Subsidies(funds.SubsidyFilter{}, p)
	})
	for _, s := range rows {
		subsidies[s.Fund+" "+s.Kind+" "+s.Period+" "+s.Jurisdiction] -= s.Paid - s.Reversed
	}
	for key, left := range subsidies {
		if left != 0 {
			t.Errorf("seed %d: subsidies %s are off by %d", seed, key, left)
		}
	}
}

func codes(v *projections.View, index uint64) string {
	text := ""
	for _, a := range v.AnomaliesOf(index) {
		text += a.Code + " "
	}
	return text
}

func TestFunds_SumsNeverWrap(t *testing.T) {
	log := projectionstest.NewLog(t)
	log.Say("bureau", opened(t, "open", "f", "CNY"))
	var lines [][]byte
	const fit = 9223 // × 10^15 is the most that 64 bits hold
	for i := range fit + 3 {
		lines = append(lines, line(t, "budget.allocated.v1", fmt.Sprint("b", i), "", &catalogue.BudgetAllocated{
			Fund: "f", Holder: bureau, Amount: money.Limit, Currency: "CNY", Year: 2026,
		}))
	}
	var last uint64
	for len(lines) > 0 {
		n := min(1000, len(lines))
		last = log.Say("bureau", lines[:n]...) + uint64(n) - 1
		lines = lines[n:]
	}
	v := projectionstest.Fold(t, log, 5000, funds.New())
	fund := "f"
	rows, err := funds.From(v).Accounts(funds.AccountFilter{Fund: &fund, Inside: true}, projections.Page{})
	if err != nil || len(rows.Items) != 1 || rows.Items[0].Balance != fit*money.Limit {
		t.Fatalf("accounts %+v, %v: want one with %d", rows.Items, err, int64(fit*money.Limit))
	}
	for index := last - 2; index <= last; index++ {
		if got := codes(v, index); got != projections.CodeOutOfRange+" " {
			t.Errorf("entry %d: %q, want %s", index, got, projections.CodeOutOfRange)
		}
	}
	if got := codes(v, last-3); got != "" {
		t.Errorf("entry %d still fits: %q", last-3, got)
	}
}

func TestFunds_Anomalies(t *testing.T) {
	log := projectionstest.NewLog(t)
	log.Say("bureau", opened(t, "open", "f", "CNY"))
	paid := func(fund, number, currency string, amount int64) any {
		return &catalogue.SubsidyPaid{
			Payment: number, Fund: fund, Payer: bureau, Recipient: &ident.OrgRef{Name: "企业"}, Kind: "dibao",
			Period: "2026-01", Amount: amount, Currency: currency, Date: "2026-01-05",
		}
	}
	moved := func(amount int64) *catalogue.TransferSent {
		return &catalogue.TransferSent{Fund: "f", Transfer: "t", From: ident.OrgRef{Name: "财政局"}, To: bureau, Amount: amount, Currency: "CNY", Date: "2026-01-05"}
	}
	received := catalogue.TransferReceived(*moved(90))
	returned := func(number string, amount int64) any {
		return &catalogue.SubsidyReturned{Fund: "f", Payer: bureau, Payment: number, Amount: amount, Currency: "CNY", Date: "2026-01-06", Reason: "other"}
	}
	order := &catalogue.RecoveryOrdered{Order: "o", Fund: "f", Recipient: &ident.OrgRef{Name: "企业"}, Amount: 50, Currency: "CNY", DecidedOn: "2026-01-07", Reason: "fraud"}
	back := func(number string, amount int64) any {
		return &catalogue.RecoveryReceived{Order: number, Fund: "f", Payer: bureau, Amount: amount, Currency: "CNY", Date: "2026-01-08"}
	}
	for i, step := range []struct {
		eventType string
		data      any
		want      string
	}{
		{"fund.opened.v1", &catalogue.FundOpened{Fund: "f", Name: "again", Currency: "CNY", Holder: bureau}, funds.CodeFundOpenedTwice},
		{"subsidy.paid.v1", paid("nobody", "p0", "CNY", 100), funds.CodeUnknownFund},
		{"subsidy.paid.v1", paid("f", "p0", "USD", 100), funds.CodeCurrencyMismatch},
		{"subsidy.paid.v1", paid("f", "p1", "CNY", 100), ""},
		{"subsidy.paid.v1", paid("f", "p1", "CNY", 100), funds.CodePaymentDuplicate},
		{"subsidy.paid.v1", paid("f", "p1", "CNY", -100), ""}, // a reversal is no duplicate
		{"subsidy.returned.v1", returned("p1", 40), ""},
		{"subsidy.returned.v1", returned("p1", 61), funds.CodeReturnTooLarge},
		{"subsidy.returned.v1", returned("p9", 1), funds.CodeReturnUnpaid},
		{"transfer.sent.v1", moved(100), ""},
		{"transfer.sent.v1", moved(100), funds.CodeTransferDuplicate},
		{"transfer.received.v1", &received, funds.CodeTransferMismatch},
		{"recovery.received.v1", back("none", 1), funds.CodeRecoveryUnordered},
		{"recovery.ordered.v1", order, ""},
		{"recovery.ordered.v1", order, funds.CodeOrderDuplicate},
		{"recovery.received.v1", back("o", 50), ""},
		{"recovery.received.v1", back("o", 1), funds.CodeRecoveryTooLarge},
	} {
		index := log.Say("bureau", line(t, step.eventType, fmt.Sprint("e", i), "", step.data))
		v := projectionstest.Fold(t, log, 3, funds.New())
		if got := codes(v, index); got != step.want && got != step.want+" " {
			t.Errorf("step %d %s: %q, want %q", i, step.eventType, got, step.want)
		}
	}
	read := funds.From(projectionstest.Fold(t, log, 3, funds.New()))
	if tr := read.Transfer("f", "t"); tr == nil || tr.State() != "differs" {
		t.Errorf("transfer %+v", tr)
	}
	if rec := read.Recovery("f", "o"); rec == nil || rec.Outstanding() != 0 || rec.Received != 51 || len(rec.Receipts) != 2 {
		t.Errorf("recovery %+v", rec)
	}
}

// The receiver corrects himself: the mismatch goes.
func TestFunds_CorrectionHealsTransfer(t *testing.T) {
	log := projectionstest.NewLog(t)
	log.Say("bureau", opened(t, "open", "f", "CNY"))
	sent := &catalogue.TransferSent{Fund: "f", Transfer: "t", From: ident.OrgRef{Name: "财政局"}, To: bureau, Amount: 100, Currency: "CNY", Date: "2026-01-05"}
	wrong, right := catalogue.TransferReceived(*sent), catalogue.TransferReceived(*sent)
	wrong.Amount = 10
	log.Say("bureau", line(t, "transfer.sent.v1", "s", "", sent))
	index := log.Say("bureau", line(t, "transfer.received.v1", "r", "", &wrong))
	log.Say("bureau", line(t, "transfer.received.v1", "r2", "r", &right))
	for _, batch := range []int{1, 100} {
		v := projectionstest.Fold(t, log, batch, funds.New())
		if got := codes(v, index) + codes(v, index+1); got != "" {
			t.Errorf("batches of %d: %q, want none", batch, got)
		}
		if tr := funds.From(v).Transfer("f", "t"); tr.State() != "complete" {
			t.Errorf("batches of %d: transfer is %s", batch, tr.State())
		}
	}
}

func TestFunds_RunningBalanceBreaks(t *testing.T) {
	log := projectionstest.NewLog(t)
	say := func(id, corrects string, row, balance, credit int64) uint64 {
		return log.Say("bureau", line(t, "account.balance.stated.v1", id, corrects, &catalogue.BalanceStated{
			Account: "a", Holder: bureau, Fund: "f", Currency: "VND", Balance: balance, StatedAt: "2024-09-10", Sequence: &row, Credit: &credit,
		}))
	}
	say("1", "", 1, 100, 100)
	say("2", "", 2, 150, 50)
	bad := say("3", "", 3, 170, 10)
	say("4", "", 4, 180, 10)
	v := projectionstest.Fold(t, log, 1, funds.New())
	found := v.AnomaliesOf(bad)
	if len(found) != 1 || *found[0].Expected != 160 || *found[0].Actual != 170 {
		t.Fatalf("row 3: %v, want one break of 160 against 170", found)
	}
	rows, _ := funds.From(v).Statements(bureau.Key(), projections.Page{})
	if len(rows.Items) != 1 || rows.Items[0].Breaks != 1 || rows.Items[0].Balance != 180 || rows.Items[0].Rows != 4 {
		t.Errorf("statement %+v", rows.Items)
	}
	say("3b", "3", 3, 160, 10)
	v = projectionstest.Fold(t, log, 1, funds.New())
	if codes(v, bad) != "" || codes(v, bad+1) != funds.CodeBalanceDiffers+" " {
		t.Errorf("after the correction: row 3 %q, row 4 %q; want the break after it", codes(v, bad), codes(v, bad+1))
	}
}

func TestFunds_DayBalanceAgainstDonations(t *testing.T) {
	log := projectionstest.NewLog(t)
	charity := ident.OrgRef{Name: "基金会"}
	stated := func(id, day string, balance int64) uint64 {
		return log.Say("bureau", line(t, "account.balance.stated.v1", id, "", &catalogue.BalanceStated{
			Account: "a", Holder: charity, Fund: "f", Currency: "VND", Balance: balance, StatedAt: day,
		}))
	}
	given := func(id, day string, amount int64) {
		log.Say("bureau", line(t, "charity.donation.received.v1", id, "", &catalogue.DonationReceived{
			Donation: id, Organisation: charity, Donor: catalogue.Donor{Kind: "unstated"}, Amount: &amount, Currency: "VND", Date: day, Account: "a",
		}))
	}
	stated("s1", "2024-09-10", 1000)
	second := stated("s2", "2024-09-11", 1030)
	third := stated("s3", "2024-09-12", 1031)
	if v := projectionstest.Fold(t, log, 1, funds.New()); codes(v, second) != "" {
		t.Errorf("without any booking: %q, want nothing judged", codes(v, second))
	}
	given("d0", "2024-09-10", 7) // before the first balance's end of day
	given("d1", "2024-09-11", 10)
	given("d2", "2024-09-11", 20)
	v := projectionstest.Fold(t, log, 1, funds.New())
	if codes(v, second) != "" || codes(v, third) != funds.CodeBalanceDiffers+" " {
		t.Errorf("second %q, third %q; want the third to differ by what nobody booked", codes(v, second), codes(v, third))
	}
}
