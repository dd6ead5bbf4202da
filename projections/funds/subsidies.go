package funds

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"civicledger/events/catalogue"
	"civicledger/projections"
)

// payments is what later entries ask about a payment, by a digest of payer and
// number: compact, because there are as many as payments.
type payments struct {
	known map[paymentKey]payment
	cells []string // keys of subsidy rows
	place map[string]int32
}

type paymentKey [16]byte

type payment struct {
	index         uint64
	net           int64 // paid less reversed
	returned      int64
	count         int32 // payments and reversals that stand
	returnedCount int32
	cell          int32 // subsidy row, noCell while no payment is known
}

const noCell = -1

func newPayments() payments {
	return payments{known: map[paymentKey]payment{}, place: map[string]int32{}}
}

func keyOfPayment(payer, number string) paymentKey {
	sum := sha256.Sum256([]byte(projections.Key(payer, number)))
	return paymentKey(sum[:16])
}

func (ps *payments) get(key paymentKey) payment {
	if one, ok := ps.known[key]; ok {
		return one
	}
	return payment{cell: noCell}
}

func (ps *payments) put(key paymentKey, one payment) {
	if one.count == 0 && one.returnedCount == 0 {
		delete(ps.known, key)
		return
	}
	ps.known[key] = one
}

func (ps *payments) cellOf(row string) int32 {
	if at, ok := ps.place[row]; ok {
		return at
	}
	at := int32(len(ps.cells))
	ps.cells = append(ps.cells, row)
	ps.place[row] = at
	return at
}

// paid books money to a recipient. A number that was used before is reported
// and counted: the agency says that the money left.
func (p *Projection) paid(c *change, d *catalogue.SubsidyPaid) {
	if !p.admitted(c, d.Fund, d.Currency) {
		return
	}
	where := projections.Key(d.Fund, d.Kind, d.Period, c.entry.Jurisdiction())
	row := p.subsidies.EditOr(where, func() *Subsidy {
		return &Subsidy{Fund: d.Fund, Jurisdiction: c.entry.Jurisdiction(), Kind: d.Kind, Period: d.Period, Currency: d.Currency}
	})
	total, count, amount := &row.Paid, &row.PaidCount, d.Amount
	if amount < 0 {
		total, count, amount = &row.Reversed, &row.ReversedCount, -amount
	}
	c.sums.Add(total, c.sign*amount)
	c.sums.Add(count, c.sign)
	key := keyOfPayment(d.Payer.Key(), d.Payment)
	one := p.payments.get(key)
	before := one
	c.sums.Add(&one.net, c.sign*d.Amount)
	p.move(c, movement{d.Fund, d.Currency, d.Date, holder(d.Payer), party{OutsideRecipients, ""}, d.Amount})
	if p.book(c, d.Fund) {
		one.count += int32(c.sign)
		p.placePayment(&one, before, where, c.entry.Index)
		p.payments.put(key, one)
		if c.applies() && d.Amount > 0 && before.count > 0 && before.net > 0 {
			c.Report(c.entry, projections.Anomaly{
				Code: CodePaymentDuplicate, Subjects: []string{d.Fund, d.Payer.Key(), d.Payment},
				Message: fmt.Sprintf("entry %d has the same payer and number; both are counted", before.index),
			})
		}
	}
	p.pruneCell(where)
}

// placePayment ties returns to the row of the payment they belong to, whichever
// came first.
func (p *Projection) placePayment(one *payment, before payment, where string, index uint64) {
	switch {
	case before.count == 0 && one.count > 0:
		one.index, one.cell = index, p.payments.cellOf(where)
		p.shiftReturns(one, 1)
	case before.count > 0 && one.count == 0:
		p.shiftReturns(one, -1)
		one.cell = noCell
	}
}

// shiftReturns moves returns that are known already into or out of a row. They
// fit: the accounts hold the same sums.
func (p *Projection) shiftReturns(one *payment, sign int64) {
	if one.returnedCount == 0 || one.cell == noCell {
		return
	}
	if row := p.subsidies.Edit(p.payments.cells[one.cell]); row != nil {
		row.Returned += sign * one.returned
		row.ReturnedCount += sign * int64(one.returnedCount)
	}
}

// pruneCell drops a row that nothing is in.
func (p *Projection) pruneCell(where string) {
	if row := p.subsidies.Get(where); row != nil && row.PaidCount == 0 && row.ReversedCount == 0 && row.ReturnedCount == 0 {
		p.subsidies.Delete(where)
	}
}

func (p *Projection) returned(c *change, d *catalogue.SubsidyReturned) {
	if !p.admitted(c, d.Fund, d.Currency) {
		return
	}
	key := keyOfPayment(d.Payer.Key(), d.Payment)
	one := p.payments.get(key)
	c.sums.Add(&one.returned, c.sign*d.Amount)
	if one.cell != noCell {
		if row := p.subsidies.Edit(p.payments.cells[one.cell]); row != nil {
			c.sums.Add(&row.Returned, c.sign*d.Amount)
			c.sums.Add(&row.ReturnedCount, c.sign)
		} else {
			one.cell = noCell // its payment was corrected away, another one has its number
		}
	}
	p.move(c, movement{d.Fund, d.Currency, d.Date, party{OutsideRecipients, ""}, holder(d.Payer), d.Amount})
	if !p.book(c, d.Fund) {
		return
	}
	one.returnedCount += int32(c.sign)
	p.payments.put(key, one)
	if !c.applies() {
		return
	}
	subjects := []string{d.Fund, d.Payer.Key(), d.Payment}
	switch {
	case one.count == 0:
		c.Report(c.entry, projections.Anomaly{
			Code: CodeReturnUnpaid, Subjects: subjects,
			Message: "no payment of this payer has this number; the money is counted on the accounts",
		})
	case one.returned > one.net:
		c.Report(c.entry, projections.Anomaly{
			Code: CodeReturnTooLarge, Subjects: subjects, Message: "all returns of the payment together are more than was paid",
			Expected: projections.Ptr(one.net), Actual: projections.Ptr(one.returned), Currency: d.Currency,
		})
	}
}

func (p *Projection) ordered(c *change, d *catalogue.RecoveryOrdered) {
	if !p.admitted(c, d.Fund, d.Currency) {
		return
	}
	key := projections.Key(d.Fund, d.Order)
	if old := p.recoveries.Get(key); c.applies() && old != nil && old.Ordered != nil {
		c.skip(CodeOrderDuplicate, fmt.Sprintf("entry %d has this number; the second order is not counted", old.Index), d.Fund, d.Order)
		return
	}
	row := p.recovery(key, d.Fund, d.Order, d.Currency)
	p.book(c, d.Fund)
	if !c.applies() {
		*row = Recovery{
			Fund: row.Fund, Order: row.Order, Currency: row.Currency, Received: row.Received,
			ReceivedCount: row.ReceivedCount, LastReceived: row.LastReceived, Receipts: row.Receipts,
		}
		p.pruneRecovery(key)
		return
	}
	row.Ordered, row.Index = projections.Ptr(d.Amount), c.entry.Index
	row.Subject, row.Kind, row.Reason = d.Beneficiary, d.Kind, d.Reason
	row.DecidedOn, row.Due, row.Jurisdiction = d.DecidedOn, d.Due, c.entry.Jurisdiction()
	if d.Recipient != nil {
		row.Subject = d.Recipient.Key()
	}
}

func (p *Projection) recovery(key, fund, order, currency string) *Recovery {
	return p.recoveries.EditOr(key, func() *Recovery { return &Recovery{Fund: fund, Order: order, Currency: currency} })
}

func (p *Projection) pruneRecovery(key string) {
	if row := p.recoveries.Get(key); row != nil && row.Ordered == nil && row.ReceivedCount == 0 {
		p.recoveries.Delete(key)
	}
}

func (p *Projection) recovered(c *change, d *catalogue.RecoveryReceived) {
	if !p.admitted(c, d.Fund, d.Currency) {
		return
	}
	key := projections.Key(d.Fund, d.Order)
	row := p.recovery(key, d.Fund, d.Order, d.Currency)
	c.sums.Add(&row.Received, c.sign*d.Amount)
	c.sums.Add(&row.ReceivedCount, c.sign)
	p.move(c, movement{d.Fund, d.Currency, d.Date, party{OutsideRecipients, ""}, holder(d.Payer), d.Amount})
	if !p.book(c, d.Fund) {
		p.pruneRecovery(key)
		return
	}
	row.receipt(c, d)
	if !c.applies() {
		p.pruneRecovery(key)
		return
	}
	subjects := []string{d.Fund, d.Order}
	switch {
	case row.Ordered == nil:
		c.Report(c.entry, projections.Anomaly{Code: CodeRecoveryUnordered, Subjects: subjects, Message: "nobody ordered this recovery; the money is counted"})
	case row.Received > *row.Ordered:
		c.Report(c.entry, projections.Anomaly{
			Code: CodeRecoveryTooLarge, Subjects: subjects, Message: "all receipts together are more than was ordered",
			Expected: row.Ordered, Actual: projections.Ptr(row.Received), Currency: d.Currency,
		})
	}
}

// receipt adds the entry's receipt to the list, or takes it out.
func (r *Recovery) receipt(c *change, d *catalogue.RecoveryReceived) {
	if c.applies() {
		r.Receipts = append(r.Receipts, Receipt{c.entry.Index, d.Amount, d.Date})
	} else {
		r.Receipts = slices.DeleteFunc(r.Receipts, func(one Receipt) bool { return one.Index == c.entry.Index })
	}
	r.LastReceived = ""
	for _, one := range r.Receipts {
		r.LastReceived = max(r.LastReceived, one.Date)
	}
}
