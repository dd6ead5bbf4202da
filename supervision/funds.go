package supervision

import (
	"fmt"
	"net/url"
	"strings"

	"civicledger/projections"
	"civicledger/projections/funds"
)

// Party is who holds, pays or receives: an organisation, or somebody outside.
type Party struct {
	Key  string `json:"key" doc:"Organisation key: its code, or name: and its normalised name. outside:… is nobody inside: treasury, transit, recipients, donors, spending."`
	Name string `json:"name,omitzero" doc:"As published."`
}

// Fund is money for a purpose.
type Fund struct {
	Fund         string `json:"fund" doc:"Name of the fund in events."`
	Name         string `json:"name" doc:"Name for people."`
	Currency     string `json:"currency"`
	Holder       Party  `json:"holder" doc:"Who keeps it."`
	Purpose      string `json:"purpose,omitzero"`
	Jurisdiction string `json:"jurisdiction,omitzero"`
	Agency       string `json:"agency" doc:"Who said that it exists."`
	Opened       uint64 `json:"opened" doc:"The entry that opened it."`
	Movements    int64  `json:"movements" doc:"Entries that name the fund and count."`
}

// FundDetail is a fund with what stands in it.
type FundDetail struct {
	Fund
	Accounts  []Account `json:"accounts" doc:"Who holds how much, outside accounts included; the balances add up to zero. The first 200."`
	Budgets   []Budget  `json:"budgets" doc:"What holders may spend, by year. The first 200."`
	Subsidies []Subsidy `json:"subsidies" doc:"What was paid, by kind, month and jurisdiction. The first 200."`
	More      []string  `json:"more,omitzero" doc:"Lists above that are cut: ask for them by page under the fund."`
}

// Account is the money of one fund that one holder has.
type Account struct {
	Fund      string         `json:"fund" doc:"Empty: given without naming a fund."`
	Holder    Party          `json:"holder"`
	Outside   bool           `json:"outside,omitzero" doc:"Held by nobody inside."`
	Balance   Money          `json:"balance" doc:"Credits less debits."`
	Credits   Money          `json:"credits" doc:"What came in."`
	Debits    Money          `json:"debits" doc:"What went out."`
	Movements int64          `json:"movements"`
	Months    []AccountMonth `json:"months" doc:"By calendar month, ascending."`
}

// AccountMonth is what moved on an account in a calendar month.
type AccountMonth struct {
	Month     string `json:"month" example:"2026-07"`
	Credits   Money  `json:"credits"`
	Debits    Money  `json:"debits"`
	Movements int64  `json:"movements"`
}

// Budget is what a holder may spend from a fund in a year.
type Budget struct {
	Holder      Party `json:"holder"`
	Year        int64 `json:"year"`
	Amount      Money `json:"amount"`
	Allocations int64 `json:"allocations" doc:"Entries it is the sum of."`
}

// Subsidy is what was paid of a kind for a month in a jurisdiction.
type Subsidy struct {
	Kind          string `json:"kind"`
	Period        string `json:"period" doc:"Month it was paid for." example:"2026-07"`
	Jurisdiction  string `json:"jurisdiction,omitzero"`
	Paid          Money  `json:"paid"`
	PaidCount     int64  `json:"paidCount"`
	Reversed      Money  `json:"reversed" doc:"By negative payments."`
	ReversedCount int64  `json:"reversedCount"`
	Returned      Money  `json:"returned" doc:"Came back, of payments in this cell."`
	ReturnedCount int64  `json:"returnedCount"`
	Net           Money  `json:"net" doc:"What stayed with recipients, recoveries not counted."`
}

// Transfer is what sender and receiver said about one movement.
type Transfer struct {
	Transfer string `json:"transfer" doc:"Its number."`
	State    string `json:"state" enum:"sent,received,complete,differs" doc:"sent: in transit; received: nobody said it was sent."`
	Sent     *Leg   `json:"sent,omitzero"`
	Received *Leg   `json:"received,omitzero"`
}

// Leg is one party's word about a transfer.
type Leg struct {
	Index  uint64 `json:"index" doc:"The entry that says so."`
	From   Party  `json:"from"`
	To     Party  `json:"to"`
	Amount Money  `json:"amount"`
	Date   string `json:"date" format:"date"`
}

// Recovery is an order to pay back and what came of it.
type Recovery struct {
	Order        string  `json:"order" doc:"Its number."`
	Index        *uint64 `json:"index,omitzero" doc:"The entry that ordered it. Absent: money came without an order so far."`
	Ordered      *Money  `json:"ordered,omitzero"`
	Received     Money   `json:"received"`
	Outstanding  Money   `json:"outstanding"`
	Subject      string  `json:"subject,omitzero" doc:"Token or organisation key of who pays back."`
	Kind         string  `json:"kind,omitzero"`
	Reason       string  `json:"reason,omitzero"`
	DecidedOn    string  `json:"decidedOn,omitzero" format:"date"`
	Due          string  `json:"due,omitzero" format:"date"`
	Jurisdiction string  `json:"jurisdiction,omitzero"`
	LastReceived string  `json:"lastReceived,omitzero" format:"date"`
	Receipts     []Paid  `json:"receipts" doc:"What came, entry by entry."`
}

// Paid is one sum that came on a day.
type Paid struct {
	Index  uint64 `json:"index" doc:"The entry that says so."`
	Amount Money  `json:"amount"`
	Date   string `json:"date" format:"date"`
}

// inline bounds the lists inside an answer about one thing.
const inline = 200

// Funds lists funds by name, of one currency ("" for all) and with a text in
// their name, purpose or holder.
func (d *Desk) Funds(currency, text string, turn Turn) (*Page[Fund], error) {
	v := d.tables.View()
	rows, err := sift(turn, text, func(p projections.Page) (projections.Rows[funds.Fund], error) {
		return funds.From(v).Funds(funds.FundFilter{Currency: currency}, p)
	}, func(f *funds.Fund) []string { return []string{f.Fund, f.Name, f.Purpose, f.HolderName} })
	return pageOf(d.asOf(v), rows, err, fund)
}

// sift lists the rows one of whose texts contains text, whatever the case. It
// is for tables that are short: it looks at the rows page by page.
func sift[R any](turn Turn, text string, list func(projections.Page) (projections.Rows[R], error), texts func(*R) []string) (projections.Rows[R], error) {
	text = strings.ToLower(text)
	found := projections.Rows[R]{Next: turn.After}
	for {
		rows, err := list(projections.Page{After: found.Next, Limit: turn.limit() - len(found.Items)})
		if err != nil {
			return rows, err
		}
		found.Next = rows.Next
		for _, row := range rows.Items {
			if strings.Contains(strings.ToLower(strings.Join(texts(row), "\n")), text) {
				found.Items = append(found.Items, row)
			}
		}
		if len(found.Items) == turn.limit() || found.Next == "" {
			return found, nil
		}
	}
}

func (d *Desk) fund(v *projections.View, name string) (*funds.Fund, error) {
	if row := funds.From(v).Fund(name); row != nil {
		return row, nil
	}
	cure := "GET /v1/funds lists them; a fund begins with fund.opened"
	if n := v.AnomalyCounts(projections.AnomalyFilter{Code: projections.CodeUnknownFund, Subject: name})[projections.CodeUnknownFund]; n > 0 {
		cure += fmt.Sprintf("; %d entries wait for it: GET /v1/anomalies?code=%s&subject=%s", n, projections.CodeUnknownFund, url.QueryEscape(name))
	}
	return nil, d.asOf(v).missing(&NotFound{What: "fund", Key: name, Cure: cure})
}

// Fund returns a fund with its accounts, budgets and subsidies.
func (d *Desk) Fund(name string) (*Answer[FundDetail], error) {
	v := d.tables.View()
	row, err := d.fund(v, name)
	if err != nil {
		return nil, err
	}
	reader := funds.From(v)
	first := projections.Page{Limit: inline}
	accounts, err := reader.Accounts(funds.AccountFilter{Fund: &name}, first)
	if err != nil {
		return nil, err
	}
	budgets, err := reader.Budgets(name, 0, first)
	if err != nil {
		return nil, err
	}
	subsidies, err := reader.Subsidies(funds.SubsidyFilter{Fund: name}, first)
	if err != nil {
		return nil, err
	}
	detail := FundDetail{
		Fund: fund(row), Accounts: each(accounts.Items, account),
		Budgets: each(budgets.Items, budget), Subsidies: each(subsidies.Items, subsidy),
	}
	for _, list := range []struct{ name, next string }{
		{"accounts", accounts.Next}, {"budgets", budgets.Next}, {"subsidies", subsidies.Next},
	} {
		if list.next != "" {
			detail.More = append(detail.More, list.name)
		}
	}
	return &Answer[FundDetail]{AsOf: d.asOf(v), Item: detail}, nil
}

// FundAccounts lists the accounts of a fund, inside ones only if asked, of one
// holder ("" for all) under any of its keys.
func (d *Desk) FundAccounts(name, holder string, inside bool, turn Turn) (*Page[Account], error) {
	return ofFund(d, name, turn, account, func(v *projections.View, p projections.Page) (projections.Rows[funds.Account], error) {
		f := funds.AccountFilter{Fund: &name, Inside: inside}
		if holder != "" {
			f.Holders = v.Keys(holder)
		}
		return funds.From(v).Accounts(f, p)
	})
}

// FundBudgets lists what holders may spend from a fund, in one year (0: all).
func (d *Desk) FundBudgets(name string, year int64, turn Turn) (*Page[Budget], error) {
	return ofFund(d, name, turn, budget, func(v *projections.View, p projections.Page) (projections.Rows[funds.Budget], error) {
		return funds.From(v).Budgets(name, year, p)
	})
}

// FundSubsidies lists what was paid from a fund, of one kind ("" for all) and
// from one month to another, both included ("" for no bound).
func (d *Desk) FundSubsidies(name, kind, from, to string, turn Turn) (*Page[Subsidy], error) {
	return ofFund(d, name, turn, subsidy, func(v *projections.View, p projections.Page) (projections.Rows[funds.Subsidy], error) {
		return funds.From(v).Subsidies(funds.SubsidyFilter{Fund: name, Kind: kind, From: from, To: to}, p)
	})
}

// FundTransfers lists the transfers of a fund in one state ("" for all).
func (d *Desk) FundTransfers(name, state string, turn Turn) (*Page[Transfer], error) {
	return ofFund(d, name, turn, transfer, func(v *projections.View, p projections.Page) (projections.Rows[funds.Transfer], error) {
		return funds.From(v).Transfers(name, state, p)
	})
}

// FundRecoveries lists the orders to pay back to a fund, only those with money
// outstanding if asked.
func (d *Desk) FundRecoveries(name string, outstanding bool, turn Turn) (*Page[Recovery], error) {
	return ofFund(d, name, turn, recovery, func(v *projections.View, p projections.Page) (projections.Rows[funds.Recovery], error) {
		return funds.From(v).Recoveries(name, outstanding, nil, p)
	})
}

// ofFund is a page of one of a fund's lists.
func ofFund[R, T any](d *Desk, name string, turn Turn, say func(*R) T, list func(*projections.View, projections.Page) (projections.Rows[R], error)) (*Page[T], error) {
	v := d.tables.View()
	if _, err := d.fund(v, name); err != nil {
		return nil, err
	}
	rows, err := list(v, turn.page())
	return pageOf(d.asOf(v), rows, err, say)
}
