package funds_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"

	"civicledger/events/catalogue"
	"civicledger/events/ident"
	"civicledger/events/money"
	"civicledger/ledger/chain"
	"civicledger/ledger/suite"
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

// decide lets every fact fall back to an earlier word until nothing gives way.
func (n *naive) decide() {
	words := projectionstest.Words(n.said)
	for changed := true; changed; {
		changed = false
		holder := map[string]int{}
		for _, w := range words {
			if len(w) == 0 {
				continue
			}
			last := w[len(w)-1]
			c := n.claim(last)
			if len(w) > 1 && !n.fits(last) {
				c = "" // it asks for nothing
			}
			if best, taken := holder[c]; c != "" && (!taken || n.rank(last) < n.rank(best)) {
				holder[c] = last
			}
		}
		for i, w := range words {
			if len(w) == 0 {
				continue
			}
			last := w[len(w)-1]
			if c := n.claim(last); c != "" && holder[c] != last || len(w) > 1 && !n.fits(last) {
				words[i], changed = w[:len(w)-1], true
			}
		}
	}
	n.counted = map[int]bool{}
	for _, w := range words {
		if len(w) > 0 {
			n.counted[w[len(w)-1]] = n.fits(w[len(w)-1]) && n.moves(w[len(w)-1])
		}
	}
}

// rank is the order that counts: legal date, then event key.
func (n *naive) rank(at int) string {
	s := &n.said[at]
	date := ""
	switch d := s.Data.(type) {
	case *catalogue.TransferSent:
		date = d.Date
	case *catalogue.TransferReceived:
		date = d.Date
	case *catalogue.RecoveryOrdered:
		date = d.DecidedOn
	}
	key := chain.KeyOf(suite.Default(), s.Agency, projectionstest.Source(s.Agency), s.ID)
	return date + string(key[:])
}

func (n *naive) claim(at int) string {
	switch d := n.said[at].Data.(type) {
	case *catalogue.TransferSent:
		return "sent " + d.Fund + " " + d.Transfer
	case *catalogue.TransferReceived:
		return "received " + d.Fund + " " + d.Transfer
	case *catalogue.RecoveryOrdered:
		return "order " + d.Fund + " " + d.Order
	}
	return ""
}

func (n *naive) moves(at int) bool {
	d, donation := n.said[at].Data.(*catalogue.DonationReceived)
	fund, _, _, _, _, _ := n.leg(n.said[at].Data)
	_, spent := n.said[at].Data.(*catalogue.DonationSpent)
	return fund != "" || spent || donation && d.Amount != nil
}

// fits says whether the fund stands in the currency.
func (n *naive) fits(at int) bool {
	switch d := n.said[at].Data.(type) {
	case *catalogue.RecoveryOrdered:
		return known(d.Fund, d.Currency)
	case *catalogue.DonationReceived:
		return d.Fund == "" || d.Amount == nil || known(d.Fund, d.Currency)
	case *catalogue.DonationSpent:
		return d.Fund == "" || known(d.Fund, d.Currency)
	case *catalogue.BalanceStated:
		return true
	}
	fund, currency, _, _, _, _ := n.leg(n.said[at].Data)
	return fund == "" || known(fund, currency)
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
	case *catalogue.SubsidyCancelled:
		return d.Fund, d.Currency, d.Date[:7], d.Payer.Key(), funds.OutsideRecipients, -d.Amount
	case *catalogue.SubsidyReturned:
		return d.Fund, d.Currency, d.Date[:7], funds.OutsideRecipients, d.Payer.Key(), d.Amount
	case *catalogue.RecoveryReceived:
		return d.Fund, d.Currency, d.Date[:7], funds.OutsideRecipients, d.Payer.Key(), d.Amount
	case *catalogue.DonationReceived:
		if d.Amount == nil {
			break
		}
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
		if d, ok := n.said[at].Data.(*catalogue.SubsidyCancelled); ok {
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
		n := &naive{said: projectionstest.Random(r, 1500, makers)}
		log.SayAll(r, n.said)
		n.decide()
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

// A sum that leaves 64 bits is not shown as another one: the row and the
// fund's opening say so, until it fits again.
func TestFunds_SumsNeverWrap(t *testing.T) {
	log := projectionstest.NewLog(t)
	opening := log.Say("bureau", opened(t, "open", "f", "CNY"))
	budget := func(id, corrects string, amount int64) []byte {
		return line(t, "budget.allocated.v1", id, corrects, &catalogue.BudgetAllocated{
			Fund: "f", Holder: bureau, Amount: amount, Currency: "CNY", Year: 2026,
		})
	}
	var lines [][]byte
	const fit = 9223 // × 10^15 is the most that 64 bits hold
	for i := range fit + 1 {
		lines = append(lines, budget(fmt.Sprint("b", i), "", money.Limit))
	}
	for len(lines) > 0 {
		n := min(1000, len(lines))
		log.Say("bureau", lines[:n]...)
		lines = lines[n:]
	}
	held := func(v *projections.View) *funds.Account {
		fund := "f"
		rows, err := funds.From(v).Accounts(funds.AccountFilter{Fund: &fund, Inside: true}, projections.Page{})
		if err != nil || len(rows.Items) != 1 {
			t.Fatalf("accounts %+v, %v: want one", rows.Items, err)
		}
		return rows.Items[0]
	}
	v := projectionstest.Fold(t, log, 5000, funds.New())
	if a := held(v); a.Over == 0 {
		t.Errorf("account %+v does not say that it is out of range", a)
	}
	if found := v.AnomaliesOf(opening); len(found) != 2 || found[0].Code != projections.CodeOutOfRange {
		t.Errorf("opening: %v, want both accounts out of range", found)
	}
	log.Say("bureau", budget("less", "b0", -1))
	v = projectionstest.Fold(t, log, 5000, funds.New())
	if a := held(v); a.Over != 0 || a.Balance != fit*money.Limit-1 || codes(v, opening) != "" {
		t.Errorf("account %+v, opening %q: it fits again", a, codes(v, opening))
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
	movedAgain := moved(100)
	movedAgain.Date = "2026-01-06"
	returned := func(number, date string, amount int64) any {
		return &catalogue.SubsidyReturned{Fund: "f", Payer: bureau, Payment: number, Amount: amount, Currency: "CNY", Date: date, Reason: "other"}
	}
	order := &catalogue.RecoveryOrdered{Order: "o", Fund: "f", Recipient: &ident.OrgRef{Name: "企业"}, Amount: 50, Currency: "CNY", DecidedOn: "2026-01-07", Reason: "fraud"}
	later := *order
	later.DecidedOn = "2026-01-08"
	back := func(number string, amount int64) any {
		return &catalogue.RecoveryReceived{Order: number, Fund: "f", Payer: bureau, Amount: amount, Currency: "CNY", Date: "2026-01-08"}
	}
	for i, step := range []struct {
		eventType string
		data      any
		want      string
	}{
		{"subsidy.paid.v1", paid("nobody", "p0", "CNY", 100), projections.CodeUnknownFund},
		{"subsidy.paid.v1", paid("f", "p0", "USD", 100), projections.CodeCurrencyMismatch},
		{"subsidy.paid.v1", paid("f", "p1", "CNY", 100), ""},
		{"subsidy.paid.v1", paid("f", "p1", "CNY", 100), funds.CodePaymentDuplicate},
		{"subsidy.paid.v1", paid("f", "p1", "CNY", -100), ""}, // a reversal is no duplicate
		{"subsidy.returned.v1", returned("p1", "2026-01-06", 40), ""},
		{"subsidy.returned.v1", returned("p1", "2026-01-07", 61), funds.CodeReturnTooLarge},
		{"subsidy.returned.v1", returned("p9", "2026-01-06", 1), funds.CodeReturnUnpaid},
		{"transfer.sent.v1", moved(100), ""},
		{"transfer.sent.v1", movedAgain, projections.CodeTransferDuplicate},
		{"transfer.received.v1", &received, funds.CodeTransferMismatch},
		{"recovery.received.v1", back("none", 1), funds.CodeRecoveryUnordered},
		{"recovery.ordered.v1", order, ""},
		{"recovery.ordered.v1", &later, projections.CodeOrderDuplicate},
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
