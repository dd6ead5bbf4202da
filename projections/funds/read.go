package funds

import (
	"iter"
	"slices"

	"civicledger/projections"
)

// Reader answers questions about money as of one View. Rows it returns are not
// to be changed.
type Reader struct{ view *projections.View }

// From returns the Reader of a View.
func From(v *projections.View) Reader { return Reader{v} }

// Fund returns one fund, nil if nobody opened it.
func (r Reader) Fund(name string) *Fund { return fundTable.Row(r.view, projections.Key(name)) }

// FundFilter narrows a list of funds; zero fields accept all.
type FundFilter struct {
	Currency     string
	Holders      []string               // organisation keys
	Jurisdiction func(code string) bool // of the event that opened it
}

// Funds lists funds by name.
func (r Reader) Funds(f FundFilter, p projections.Page) (projections.Rows[Fund], error) {
	return fundTable.Page(r.view, "", p, func(row *Fund) bool {
		return (f.Currency == "" || f.Currency == row.Currency) && among(f.Holders, row.Holder) &&
			(f.Jurisdiction == nil || f.Jurisdiction(row.Jurisdiction))
	})
}

// among reports whether key is in the list; an empty list has everything.
func among(list []string, key string) bool { return len(list) == 0 || slices.Contains(list, key) }

// AccountFilter narrows a list of accounts; zero fields accept all.
type AccountFilter struct {
	Fund     *string  // "" asks for money given without naming a fund
	Holders  []string // organisation keys, or outside:…
	Currency string
	Inside   bool // without the outside accounts
}

// Accounts lists accounts by fund, holder and currency.
func (r Reader) Accounts(f AccountFilter, p projections.Page) (projections.Rows[Account], error) {
	prefix := ""
	if f.Fund != nil {
		prefix = projections.Key(*f.Fund)
	}
	return accountTable.Page(r.view, prefix, p, func(row *Account) bool {
		return among(f.Holders, row.Holder) && (f.Currency == "" || f.Currency == row.Currency) && !(f.Inside && row.Outside())
	})
}

// AllAccounts yields every account.
func (r Reader) AllAccounts() iter.Seq[*Account] { return accountTable.Rows(r.view, "") }

// Budgets lists what holders may spend, of one fund ("" for all) and year (0
// for all).
func (r Reader) Budgets(fund string, year int64, p projections.Page) (projections.Rows[Budget], error) {
	return budgetTable.Page(r.view, projections.Prefix(fund), p, func(row *Budget) bool { return year == 0 || year == row.Year })
}

// Transfer returns what was said about one transfer, nil if nothing was.
func (r Reader) Transfer(fund, number string) *Transfer {
	return transferTable.Row(r.view, projections.Key(fund, number))
}

// Transfers lists transfers of one fund ("" for all) in one state ("" for all).
func (r Reader) Transfers(fund, state string, p projections.Page) (projections.Rows[Transfer], error) {
	return transferTable.Page(r.view, projections.Prefix(fund), p, func(row *Transfer) bool { return state == "" || state == row.State() })
}

// SubsidyFilter narrows a list of subsidies; zero fields accept all.
type SubsidyFilter struct {
	Fund, Kind   string
	From, To     string // months, both included
	Jurisdiction func(code string) bool
}

// Subsidies lists what was paid by fund, kind, month and jurisdiction.
func (r Reader) Subsidies(f SubsidyFilter, p projections.Page) (projections.Rows[Subsidy], error) {
	return subsidyTable.Page(r.view, projections.Prefix(f.Fund, f.Kind), p, func(row *Subsidy) bool {
		return (f.Kind == "" || f.Kind == row.Kind) && (f.From == "" || row.Period >= f.From) &&
			(f.To == "" || row.Period <= f.To) && (f.Jurisdiction == nil || f.Jurisdiction(row.Jurisdiction))
	})
}

// Recovery returns one order to pay back, nil if nothing is known of it.
func (r Reader) Recovery(fund, order string) *Recovery {
	return recoveryTable.Row(r.view, projections.Key(fund, order))
}

// Recoveries lists orders of one fund ("" for all), only those with money
// outstanding if asked, of jurisdictions that the function accepts (nil: all).
func (r Reader) Recoveries(fund string, outstanding bool, jurisdiction func(code string) bool, p projections.Page) (projections.Rows[Recovery], error) {
	return recoveryTable.Page(r.view, projections.Prefix(fund), p, func(row *Recovery) bool {
		return (!outstanding || row.Outstanding() > 0) && (jurisdiction == nil || jurisdiction(row.Jurisdiction))
	})
}

// Statements lists the accounts whose balances were stated, of one holder ("" for all).
func (r Reader) Statements(holder string, p projections.Page) (projections.Rows[Statement], error) {
	return statementTable.Page(r.view, projections.Prefix(holder), p, nil)
}
