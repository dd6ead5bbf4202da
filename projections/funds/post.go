package funds

import (
	"fmt"
	"maps"
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

// move books both legs of what an entry moves.
func (p *Projection) move(c *change, m movement) {
	if m.fund != "" {
		p.moved[m.fund] += c.sign
		p.dirtyFunds.Add(m.fund)
	}
	if m.amount < 0 {
		m.from, m.to, m.amount = m.to, m.from, -m.amount
	}
	p.book(c, m, m.from, 0, m.amount)
	p.book(c, m, m.to, m.amount, 0)
}

// book changes one account, and drops it where nothing moved on it.
func (p *Projection) book(c *change, m movement, who party, credit, debit int64) {
	key := projections.Key(m.fund, who.key, m.currency)
	a := p.accounts.EditOr(key, func() *Account {
		return &Account{Fund: m.fund, Holder: who.key, Currency: m.currency}
	})
	a.HolderName = a.names.Add(who.name, c.sign)
	i := monthOf(a, m.date[:min(7, len(m.date))])
	month := &a.Months[i]
	projections.Add(&a.Credits, c.sign*credit, &a.Over)
	projections.Add(&a.Debits, c.sign*debit, &a.Over)
	projections.Add(&month.Credits, c.sign*credit, &a.Over)
	projections.Add(&month.Debits, c.sign*debit, &a.Over)
	month.Movements += c.sign
	a.Movements += c.sign
	if month.Movements == 0 {
		a.Months = slices.Delete(a.Months, i, i+1)
	}
	a.Balance = a.Credits - a.Debits
	if a.Over != 0 {
		p.over.Add(key)
	}
	if a.Movements == 0 {
		p.accounts.Delete(key)
	}
}

func monthOf(a *Account, month string) int {
	i, ok := slices.BinarySearchFunc(a.Months, month, func(m Month, month string) int { return strings.Compare(m.Month, month) })
	if !ok {
		a.Months = slices.Insert(a.Months, i, Month{Month: month})
	}
	return i
}

// settleOver says at the fund's opening which of its accounts are out of range.
func (p *Projection) settleOver(b *projections.Batch) {
	for _, key := range slices.Sorted(maps.Keys(p.over)) {
		a := p.accounts.Get(key)
		name, rest, _ := strings.Cut(key, "\x00")
		f := p.funds.Get(projections.Key(name))
		if a == nil || a.Over == 0 {
			delete(p.over, key)
		}
		if f == nil {
			continue
		}
		if a == nil || a.Over == 0 {
			b.Withdraw(f.Opened, projections.CodeOutOfRange, rest)
			continue
		}
		b.Found(projections.Speaker{Agency: f.Agency, Type: "fund.opened.v1", Jurisdiction: f.Jurisdiction}, projections.Anomaly{
			Index: f.Opened, Code: projections.CodeOutOfRange, Detail: rest, Subjects: []string{a.Fund, a.Holder},
			Message: "a total of this account is out of the range of 64 bits: its figures say nothing",
		})
	}
}

func (p *Projection) budget(c *change, d *catalogue.BudgetAllocated) {
	date := d.Date
	if date == "" {
		date = fmt.Sprintf("%04d-01", d.Year)
	}
	who := c.holder(d.Holder)
	key := projections.Key(d.Fund, who.key, projections.Uint(uint64(d.Year)))
	row := p.budgets.EditOr(key, func() *Budget {
		return &Budget{Fund: d.Fund, Holder: who.key, Year: d.Year}
	})
	if c.applies() {
		row.Currency = d.Currency
	}
	row.HolderName = row.names.Add(who.name, c.sign)
	projections.Add(&row.Amount, c.sign*d.Amount, &row.Over)
	row.Allocations += c.sign
	if row.Allocations == 0 {
		p.budgets.Delete(key)
	}
	p.move(c, movement{d.Fund, d.Currency, date, party{OutsideTreasury, ""}, who, d.Amount})
}

func (p *Projection) donated(c *change, d *catalogue.DonationReceived) {
	if d.Amount == nil {
		return
	}
	who := c.holder(d.Organisation)
	p.move(c, movement{d.Fund, d.Currency, d.Date, party{OutsideDonors, ""}, who, *d.Amount})
	p.onAccount(c, who.key, d.Account, d.Currency, d.Date, *d.Amount)
}

func (p *Projection) spent(c *change, d *catalogue.DonationSpent) {
	who := c.holder(d.Organisation)
	p.move(c, movement{d.Fund, d.Currency, d.Date, who, party{OutsideSpending, ""}, d.Amount})
	p.onAccount(c, who.key, d.Account, d.Currency, d.Date, -d.Amount)
}
