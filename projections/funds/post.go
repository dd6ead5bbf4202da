package funds

import (
	"fmt"
	"slices"
	"strings"

	"civicledger/events/catalogue"
	"civicledger/projections"
)

// movement is money going from one account to another on a day.
type movement struct {
	fund, currency, date string
	from, to             party
	amount               int64 // negative: the other way round
}

// admitted reports whether money of the fund may be moved in this currency.
// Taking back what was applied is always admitted.
func (p *Projection) admitted(c *change, fund, currency string) bool {
	if fund == "" || !c.applies() {
		return true
	}
	row := p.funds.Get(projections.Key(fund))
	switch {
	case row == nil || row.Withdrawn:
		c.skip(CodeUnknownFund, "nobody opened this fund; the movement is not counted", fund)
		return false
	case row.Currency != currency:
		c.skip(CodeCurrencyMismatch, fmt.Sprintf("the fund is kept in %s, the event says %s; the movement is not counted", row.Currency, currency), fund)
		return false
	}
	return true
}

// move stages both legs.
func (p *Projection) move(c *change, m movement) {
	if m.amount < 0 {
		m.from, m.to, m.amount = m.to, m.from, -m.amount
	}
	month := m.date
	if len(month) > 7 {
		month = month[:7]
	}
	debit := p.account(c, m, m.from)
	i := monthOf(debit, month)
	c.sums.Add(&debit.Debits, c.sign*m.amount)
	c.sums.Add(&debit.Movements, c.sign)
	c.sums.Add(&debit.Months[i].Debits, c.sign*m.amount)
	c.sums.Add(&debit.Months[i].Movements, c.sign)
	credit := p.account(c, m, m.to)
	i = monthOf(credit, month)
	c.sums.Add(&credit.Credits, c.sign*m.amount)
	c.sums.Add(&credit.Movements, c.sign)
	c.sums.Add(&credit.Months[i].Credits, c.sign*m.amount)
	c.sums.Add(&credit.Months[i].Movements, c.sign)
}

func (p *Projection) account(c *change, m movement, who party) *Account {
	key := projections.Key(m.fund, who.key, m.currency)
	a := p.accounts.EditOr(key, func() *Account {
		return &Account{Fund: m.fund, Holder: who.key, Currency: m.currency}
	})
	if a.HolderName == "" {
		a.HolderName = who.name
	}
	c.posts = append(c.posts, key)
	return a
}

func monthOf(a *Account, month string) int {
	i, ok := slices.BinarySearchFunc(a.Months, month, func(m Month, month string) int { return strings.Compare(m.Month, month) })
	if !ok {
		a.Months = slices.Insert(a.Months, i, Month{Month: month})
	}
	return i
}

// book adds all that was staged, or skips the entry where a sum would not fit.
func (p *Projection) book(c *change, fund string) bool {
	if fund != "" {
		if row := p.funds.Edit(projections.Key(fund)); row != nil {
			c.sums.Add(&row.Movements, c.sign)
		}
	}
	ok := c.sums.Commit()
	for _, key := range c.posts {
		p.prune(key)
	}
	if !ok {
		c.skip(projections.CodeOutOfRange, "a total would leave the range of 64 bits; the movement is not counted", fund)
	}
	return ok
}

// prune brings the balance up to date and drops what nothing moved on.
func (p *Projection) prune(key string) {
	a := p.accounts.Edit(key)
	if a == nil {
		return
	}
	if a.Movements == 0 {
		p.accounts.Delete(key)
		return
	}
	a.Months = slices.DeleteFunc(a.Months, func(m Month) bool { return m.Movements == 0 })
	a.Balance = a.Credits - a.Debits
}

func (p *Projection) budget(c *change, d *catalogue.BudgetAllocated) {
	if !p.admitted(c, d.Fund, d.Currency) {
		return
	}
	date := d.Date
	if date == "" {
		date = fmt.Sprintf("%04d-01", d.Year)
	}
	row := &Budget{Fund: d.Fund, Holder: d.Holder.Key(), HolderName: d.Holder.Name, Year: d.Year, Currency: d.Currency}
	key := projections.Key(row.Fund, row.Holder, projections.Uint(uint64(row.Year)))
	row = p.budgets.EditOr(key, func() *Budget { return row })
	c.sums.Add(&row.Amount, c.sign*d.Amount)
	c.sums.Add(&row.Allocations, c.sign)
	p.move(c, movement{d.Fund, d.Currency, date, party{OutsideTreasury, ""}, holder(d.Holder), d.Amount})
	p.book(c, d.Fund)
	if row.Allocations == 0 {
		p.budgets.Delete(key)
	}
}

func (p *Projection) donated(c *change, d *catalogue.DonationReceived) {
	if d.Amount == nil || !p.admitted(c, d.Fund, d.Currency) {
		return
	}
	p.move(c, movement{d.Fund, d.Currency, d.Date, party{OutsideDonors, ""}, holder(d.Organisation), *d.Amount})
	p.onAccount(c, d.Organisation.Key(), d.Account, d.Currency, d.Date, *d.Amount)
	p.book(c, d.Fund)
}

func (p *Projection) spent(c *change, d *catalogue.DonationSpent) {
	if !p.admitted(c, d.Fund, d.Currency) {
		return
	}
	p.move(c, movement{d.Fund, d.Currency, d.Date, holder(d.Organisation), party{OutsideSpending, ""}, d.Amount})
	p.onAccount(c, d.Organisation.Key(), d.Account, d.Currency, d.Date, -d.Amount)
	p.book(c, d.Fund)
}
