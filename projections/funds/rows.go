package funds

import (
	"slices"

	"civicledger/projections"
)

// Fund is money for a purpose.
type Fund struct {
	Fund         string `json:"fund"`
	Name         string `json:"name"`
	Currency     string `json:"currency"`
	Holder       string `json:"holder"` // organisation key
	HolderName   string `json:"holderName,omitzero"`
	Purpose      string `json:"purpose,omitzero"`
	Jurisdiction string `json:"jurisdiction,omitzero"`
	Agency       string `json:"agency"`
	Opened       uint64 `json:"opened"`    // index of the entry
	Movements    int64  `json:"movements"` // entries that moved its money
}

// Keys of accounts that belong to nobody inside.
const (
	OutsideTreasury   = "outside:treasury"   // budgets come from here
	OutsideTransit    = "outside:transit"    // sent, not yet received
	OutsideRecipients = "outside:recipients" // beneficiaries and firms
	OutsideDonors     = "outside:donors"
	OutsideSpending   = "outside:spending" // what charities spent
)

// Account is the money of one fund that one holder has. Fund "" holds what was
// given to a holder without naming a fund.
type Account struct {
	Fund       string  `json:"fund"`
	Holder     string  `json:"holder"` // organisation key or outside:…
	HolderName string  `json:"holderName,omitzero"`
	Currency   string  `json:"currency"`
	Credits    int64   `json:"credits"` // came in
	Debits     int64   `json:"debits"`  // went out
	Balance    int64   `json:"balance"` // Credits - Debits
	Movements  int64   `json:"movements"`
	Months     []Month `json:"months"`        // ascending
	Over       int64   `json:"over,omitzero"` // not 0: a sum is out of range, the figures say nothing

	names projections.Tally
}

// Outside says that nobody inside holds this account.
func (a *Account) Outside() bool { return len(a.Holder) > 8 && a.Holder[:8] == "outside:" }

// Month is what moved on an account in a calendar month.
type Month struct {
	Month     string `json:"month"` // 2006-01
	Credits   int64  `json:"credits"`
	Debits    int64  `json:"debits"`
	Movements int64  `json:"movements"`
}

// Budget is what a holder may spend from a fund in a year.
type Budget struct {
	Fund        string `json:"fund"`
	Holder      string `json:"holder"`
	HolderName  string `json:"holderName,omitzero"`
	Year        int64  `json:"year"`
	Currency    string `json:"currency"`
	Amount      int64  `json:"amount"`
	Allocations int64  `json:"allocations"`
	Over        int64  `json:"over,omitzero"` // as in Account

	names projections.Tally
}

// Transfer is what sender and receiver said about one movement.
type Transfer struct {
	Fund     string `json:"fund"`
	Transfer string `json:"transfer"`
	Currency string `json:"currency"`
	Sent     *Leg   `json:"sent,omitzero"`
	Received *Leg   `json:"received,omitzero"`
}

// Leg is one party's word about a transfer.
type Leg struct {
	Index    uint64 `json:"index"`
	From     string `json:"from"`
	FromName string `json:"fromName,omitzero"`
	To       string `json:"to"`
	ToName   string `json:"toName,omitzero"`
	Amount   int64  `json:"amount"`
	Date     string `json:"date"`

	by projections.Ref // for what Settle finds
}

// State is "sent" (in transit), "received" (nobody said it was sent),
// "complete" or "differs".
func (t *Transfer) State() string {
	switch {
	case t.Received == nil:
		return "sent"
	case t.Sent == nil:
		return "received"
	case t.Sent.Amount != t.Received.Amount || t.Sent.From != t.Received.From || t.Sent.To != t.Received.To:
		return "differs"
	}
	return "complete"
}

// Subsidy is what was paid of a kind for a month in a jurisdiction.
type Subsidy struct {
	Fund          string `json:"fund"`
	Jurisdiction  string `json:"jurisdiction"`
	Kind          string `json:"kind"`
	Period        string `json:"period"` // month it was paid for
	Currency      string `json:"currency"`
	Paid          int64  `json:"paid"`
	PaidCount     int64  `json:"paidCount"`
	Reversed      int64  `json:"reversed"` // by negative payments
	ReversedCount int64  `json:"reversedCount"`
	Returned      int64  `json:"returned"` // of payments in this cell
	ReturnedCount int64  `json:"returnedCount"`
	Over          int64  `json:"over,omitzero"` // as in Account
}

// Net is what stayed with recipients, recoveries not counted.
func (s *Subsidy) Net() int64 { return s.Paid - s.Reversed - s.Returned }

// Recovery is an order to pay back and what came of it.
type Recovery struct {
	Fund          string    `json:"fund"`
	Order         string    `json:"order"`
	Currency      string    `json:"currency"`
	Ordered       *int64    `json:"ordered,omitzero"` // nil: money came without an order so far
	Index         uint64    `json:"index"`            // of the order
	Subject       string    `json:"subject,omitzero"` // token or organisation key
	Kind          string    `json:"kind,omitzero"`
	Reason        string    `json:"reason,omitzero"`
	DecidedOn     string    `json:"decidedOn,omitzero"`
	Due           string    `json:"due,omitzero"`
	Jurisdiction  string    `json:"jurisdiction,omitzero"`
	Received      int64     `json:"received"`
	ReceivedCount int64     `json:"receivedCount"`
	LastReceived  string    `json:"lastReceived,omitzero"`
	Receipts      []Receipt `json:"receipts,omitzero"` // by legal date
	Over          int64     `json:"over,omitzero"`     // as in Account
}

// Receipt is money that came under an order.
type Receipt struct {
	Index  uint64 `json:"index"`
	Amount int64  `json:"amount"`
	Date   string `json:"date"`

	ref projections.Ref
}

// Outstanding is what is still to come; 0 where nothing was ordered.
func (r *Recovery) Outstanding() int64 {
	if r.Ordered == nil {
		return 0
	}
	return max(0, *r.Ordered-r.Received)
}

// Statement is how far one account's stated balances could be followed.
type Statement struct {
	Holder     string `json:"holder"`
	HolderName string `json:"holderName,omitzero"`
	Account    string `json:"account"`
	Currency   string `json:"currency"`
	Series     string `json:"series"` // rows: each with its number; days: balances of days
	Fund       string `json:"fund"`
	Rows       int64  `json:"rows"`
	From       string `json:"from"` // first and last day
	To         string `json:"to"`
	Opening    int64  `json:"opening"` // balance after the first row
	Balance    int64  `json:"balance"` // after the last row
	Breaks     int64  `json:"breaks"`  // rows whose balance does not follow from the one before
	LastIndex  uint64 `json:"lastIndex"`
}

var (
	fundTable = projections.NewTable("funds", func(f *Fund) string { return projections.Key(f.Fund) }, nil)

	accountTable = projections.NewTable("accounts", func(a *Account) string {
		return projections.Key(a.Fund, a.Holder, a.Currency)
	}, func(a *Account) { a.Months, a.names = slices.Clone(a.Months), slices.Clone(a.names) })

	budgetTable = projections.NewTable("budgets", func(b *Budget) string {
		return projections.Key(b.Fund, b.Holder, projections.Uint(uint64(b.Year)))
	}, func(b *Budget) { b.names = slices.Clone(b.names) })

	transferTable = projections.NewTable("transfers", func(t *Transfer) string {
		return projections.Key(t.Fund, t.Transfer)
	}, nil)

	subsidyTable = projections.NewTable("subsidies", func(s *Subsidy) string {
		return projections.Key(s.Fund, s.Kind, s.Period, s.Jurisdiction)
	}, nil)

	recoveryTable = projections.NewTable("recoveries", func(r *Recovery) string {
		return projections.Key(r.Fund, r.Order)
	}, func(r *Recovery) { r.Receipts = slices.Clone(r.Receipts) })

	statementTable = projections.NewTable("statements", func(s *Statement) string {
		return projections.Key(s.Holder, s.Account, s.Currency, s.Series)
	}, nil)
)
