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
func (p *Projection) move(c *projections.Change, m movement) {
	if m.fund != "" {
		p.moved[m.fund] += c.Sign
		p.dirtyFunds.Add(m.fund)
	}
	if m.amount < 0 {
		m.from, m.to, m.amount = m.to, m.from, -m.amount
	}
	p.book(c, m, m.from, 0, m.amount)
	p.book(c, m, m.to, m.amount, 0)
}

// book changes one account, and drops it where nothing moved on it.
func (p *Projection) book(c *projections.Change, m movement, who party, credit, debit int64) {
	key := projections.Key(m.fund, who.key, m.currency)
	a := p.accounts.EditOr(key, func() *Account {
		return &Account{Fund: m.fund, Holder: who.key, Currency: m.currency}
	})
	a.HolderName = a.names.Add(who.name, c.Sign)
	name := m.date[:min(7, len(m.date))]
	i, ok := slices.BinarySearchFunc(a.Months, name, func(m Month, name string) int { return strings.Compare(m.Month, name) })
	if !ok {
		a.Months = slices.Insert(a.Months, i, Month{Month: name})
	}
	month := &a.Months[i]
	projections.Add(&a.Credits, c.Sign*credit, &a.Over)
	projections.Add(&a.Debits, c.Sign*debit, &a.Over)
	projections.Add(&month.Credits, c.Sign*credit, &a.Over)
	projections.Add(&month.Debits, c.Sign*debit, &a.Over)
	month.Movements += c.Sign
	a.Movements += c.Sign
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

// settleOver says at the fund's opening which of its accounts are out of range.
func (p *Projection) settleOver(b *projections.Batch) {
	for _, key := range slices.Sorted(maps.Keys(p.over)) {
		a := p.accounts.Get(key)
		name, rest, _ := strings.Cut(key, "\x00")
		f := p.funds.Get(projections.Key(name))
		out := a != nil && a.Over != 0
		if !out {
			delete(p.over, key)
		}
		if f == nil {
			continue
		}
		by := projections.Speaker{Agency: f.Agency, Type: "fund.opened.v1", Jurisdiction: f.Jurisdiction}
		who, _, _ := strings.Cut(rest, "\x00")
		b.Judge(projections.Ref{Index: f.Opened, By: by}, out, projections.Anomaly{
			Code: projections.CodeOutOfRange, Detail: rest, Subjects: []string{name, who},
			Message: "a total of this account is out of the range of 64 bits: its figures say nothing",
		})
	}
}

func (p *Projection) budget(c *projections.Change, d *catalogue.BudgetAllocated) {
	date := d.Date
	if date == "" {
		date = fmt.Sprintf("%04d-01", d.Year)
	}
	who := holder(c, d.Holder)
	key := projections.Key(d.Fund, who.key, projections.Uint(uint64(d.Year)))
	row := p.budgets.EditOr(key, func() *Budget {
		return &Budget{Fund: d.Fund, Holder: who.key, Year: d.Year}
	})
	if c.Applies() {
		row.Currency = d.Currency
	}
	row.HolderName = row.names.Add(who.name, c.Sign)
	projections.Add(&row.Amount, c.Sign*d.Amount, &row.Over)
	row.Allocations += c.Sign
	if row.Allocations == 0 {
		p.budgets.Delete(key)
	}
	p.move(c, movement{d.Fund, d.Currency, date, party{OutsideTreasury, ""}, who, d.Amount})
}

func (p *Projection) donated(c *projections.Change, d *catalogue.DonationReceived, sign int64) {
	if d.Amount == nil {
		return
	}
	who := holder(c, d.Organisation)
	p.move(c, movement{d.Fund, d.Currency, d.Date, party{OutsideDonors, ""}, who, sign * *d.Amount})
	p.onAccount(c, who.key, d.Account, d.Currency, d.Date, sign**d.Amount)
}

func (p *Projection) spent(c *projections.Change, d *catalogue.DonationSpent) {
	who := holder(c, d.Organisation)
	p.move(c, movement{d.Fund, d.Currency, d.Date, who, party{OutsideSpending, ""}, d.Amount})
	p.onAccount(c, who.key, d.Account, d.Currency, d.Date, -d.Amount)
}
