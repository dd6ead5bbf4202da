package funds

import (
	"cmp"
	"crypto/sha256"
	"slices"

	"civicledger/events/catalogue"
	"civicledger/projections"
)

// payments is what is known by the payer and number of a payment: compact,
// because there are as many as payments. Most have one entry.
type payments struct {
	one   map[paymentKey]paying
	more  map[paymentKey]*paymentSaid  // of several entries, or with a return
	cells projections.Interned[string] // keys of subsidy rows
	dirty map[paymentKey]struct{}
}

type paymentKey [16]byte

// paymentSaid is all that was said about one payment, in the order that counts;
// on one day payments come before reversals.
type paymentSaid struct {
	payer, number string
	list          []paying
}

// paying is one entry about a payment.
type paying struct {
	index  uint64
	key    uint64 // begin of the event key
	amount int64  // negative: a reversal
	date   int32
	cell   int32 // of a payment: its subsidy row; isReturn: money came back
	by     int32 // speaker
	told   bool  // something was found about it
}

const isReturn = -1

// maxNamed bounds the duplicates of one number that are named.
const maxNamed = 100

func (a paying) compare(b paying) int {
	return cmp.Or(cmp.Compare(a.date, b.date), -cmp.Compare(min(a.amount, 0)>>63, min(b.amount, 0)>>63), cmp.Compare(a.key, b.key))
}

// say adds an entry about a payment, or takes it out.
func (p *Projection) say(c *projections.Change, payer, number string, one paying, fund string) {
	sum := sha256.Sum256([]byte(projections.Key(payer, number)))
	key, ps := paymentKey(sum[:16]), &p.payments
	one.index, one.key, one.by = c.Entry.Index, c.Entry.KeyBegin(), p.speakers.Of(speaker{c.Entry.Speaker(), fund, ""})
	first, known := ps.one[key]
	said := ps.more[key]
	if said == nil && one.cell != isReturn && known != c.Applies() {
		if c.Applies() {
			ps.one[key] = one
		} else {
			delete(ps.one, key)
		}
		return
	}
	if said == nil {
		said = &paymentSaid{payer: payer, number: number}
		if known {
			said.list = append(said.list, first)
			delete(ps.one, key)
		}
		ps.more[key] = said
	}
	p.home(said.list, -1)
	if at, _ := slices.BinarySearchFunc(said.list, one, paying.compare); c.Applies() {
		said.list = slices.Insert(said.list, at, one)
	} else {
		said.list = slices.DeleteFunc(said.list, func(l paying) bool { return l.index == one.index })
	}
	p.home(said.list, 1)
	ps.dirty[key] = struct{}{}
}

// home counts returns in the row of the first payment they belong to.
func (p *Projection) home(list []paying, sign int64) {
	at := slices.IndexFunc(list, func(one paying) bool { return one.cell != isReturn })
	for _, one := range list {
		if one.cell != isReturn || at < 0 {
			continue
		}
		where := p.payments.cells.At(list[at].cell)
		if row := p.subsidies.Edit(where); row != nil {
			projections.Add(&row.Returned, sign*one.amount, &row.Over)
			row.ReturnedCount += sign
		}
	}
}

// judgePayment looks at what was said about one payment. A number that is used
// again is reported and counted: the agency says that the money left. After a
// reversal it is free.
func (p *Projection) judgePayment(b *projections.Batch, key paymentKey) {
	said := p.payments.more[key]
	if said == nil {
		return
	}
	var first *paying
	net, paid, returned, over, named := int64(0), int64(0), int64(0), int64(0), 0
	for i := range said.list {
		one := &said.list[i]
		p.untell(b, one)
		switch {
		case one.cell == isReturn:
			continue
		case first == nil || net <= 0:
			first, net = one, 0
		case one.amount > 0 && named < maxNamed:
			named++
			p.tell(b, said, one, projections.Anomaly{
				Code: CodePaymentDuplicate, Other: &first.index,
				Message: "another payment has the same payer and number; both are counted",
			})
		}
		projections.Add(&net, one.amount, &over)
		projections.Add(&paid, one.amount, &over)
	}
	for i := range said.list {
		one := &said.list[i]
		if one.cell != isReturn {
			continue
		}
		projections.Add(&returned, one.amount, &over)
		switch {
		case first == nil:
			p.tell(b, said, one, projections.Anomaly{
				Code: CodeReturnUnpaid, Message: "no payment of this payer has this number; the money is counted on the accounts",
			})
		case returned > paid && over == 0:
			p.tell(b, said, one, projections.Anomaly{
				Code: CodeReturnTooLarge, Message: "all returns of the payment together are more than was paid", Other: &first.index,
				Expected: projections.Ptr(paid), Actual: projections.Ptr(returned),
			})
		}
	}
	if n := len(said.list); n == 0 || n == 1 && first != nil {
		delete(p.payments.more, key)
		if n == 1 {
			p.payments.one[key] = said.list[0]
		}
	}
}

func (p *Projection) tell(b *projections.Batch, said *paymentSaid, one *paying, a projections.Anomaly) {
	who := p.speakers.At(one.by)
	a.Subjects = []string{who.fund, said.payer, said.number}
	one.told = true
	b.Found(projections.Ref{Index: one.index, By: who.Speaker}, a)
}

func (p *Projection) untell(b *projections.Batch, one *paying) {
	if one.told {
		for _, code := range []string{CodePaymentDuplicate, CodeReturnUnpaid, CodeReturnTooLarge} {
			b.Withdraw(one.index, code, "")
		}
		one.told = false
	}
}

// paid books money to a recipient.
func (p *Projection) paid(c *projections.Change, d *catalogue.SubsidyPaid) {
	where := projections.Key(d.Fund, d.Kind, d.Period, c.Entry.Jurisdiction())
	row := p.subsidies.EditOr(where, func() *Subsidy {
		return &Subsidy{Fund: d.Fund, Jurisdiction: c.Entry.Jurisdiction(), Kind: d.Kind, Period: d.Period}
	})
	if c.Applies() {
		row.Currency = d.Currency
	}
	if d.Amount < 0 {
		projections.Add(&row.Reversed, -c.Sign*d.Amount, &row.Over)
		row.ReversedCount += c.Sign
	} else {
		projections.Add(&row.Paid, c.Sign*d.Amount, &row.Over)
		row.PaidCount += c.Sign
	}
	who := holder(c, d.Payer)
	p.move(c, movement{d.Fund, d.Currency, d.Date, who, party{OutsideRecipients, ""}, d.Amount})
	p.say(c, who.key, d.Payment, paying{amount: d.Amount, date: projections.DayNumber(d.Date), cell: p.payments.cells.Of(where)}, d.Fund)
	if row.PaidCount == 0 && row.ReversedCount == 0 {
		p.subsidies.Delete(where) // returns are in the row of a payment
	}
}

func (p *Projection) returned(c *projections.Change, d *catalogue.SubsidyReturned) {
	who := holder(c, d.Payer)
	p.move(c, movement{d.Fund, d.Currency, d.Date, party{OutsideRecipients, ""}, who, d.Amount})
	p.say(c, who.key, d.Payment, paying{amount: d.Amount, date: projections.DayNumber(d.Date), cell: isReturn}, d.Fund)
}

func (p *Projection) recovery(c *projections.Change, fund, order, currency string) *Recovery {
	key := projections.Key(fund, order)
	p.dirtyRecoveries.Add(key)
	row := p.recoveries.EditOr(key, func() *Recovery { return &Recovery{Fund: fund, Order: order} })
	if c.Applies() {
		row.Currency = currency
	}
	return row
}

func (p *Projection) ordered(c *projections.Change, d *catalogue.RecoveryOrdered) {
	p.moved[d.Fund] += c.Sign
	p.dirtyFunds.Add(d.Fund)
	row := p.recovery(c, d.Fund, d.Order, d.Currency)
	*row = Recovery{
		Fund: row.Fund, Order: row.Order, Currency: row.Currency, Received: row.Received, ReceivedCount: row.ReceivedCount,
		LastReceived: row.LastReceived, Receipts: row.Receipts, Over: row.Over,
	}
	if !c.Applies() {
		return
	}
	row.Ordered, row.Index = projections.Ptr(d.Amount), c.Entry.Index
	row.Subject, row.Kind, row.Reason = d.Beneficiary, d.Kind, d.Reason
	row.DecidedOn, row.Due, row.Jurisdiction = d.DecidedOn, d.Due, c.Entry.Jurisdiction()
	if d.Recipient != nil {
		row.Subject = c.Key(*d.Recipient)
	}
}

func (p *Projection) recovered(c *projections.Change, d *catalogue.RecoveryReceived) {
	row := p.recovery(c, d.Fund, d.Order, d.Currency)
	projections.Add(&row.Received, c.Sign*d.Amount, &row.Over)
	row.ReceivedCount += c.Sign
	row.Receipts = projections.Placed(c, row.Receipts, Receipt{c.Entry.Index, d.Amount, d.Date, c.Entry.Ref()},
		func(a, b Receipt) int { return a.ref.Compare(b.ref) })
	p.move(c, movement{d.Fund, d.Currency, d.Date, party{OutsideRecipients, ""}, holder(c, d.Payer), d.Amount})
}

// judgeRecovery holds what came, by legal date, against what was ordered.
func (p *Projection) judgeRecovery(b *projections.Batch, key string) {
	row := p.recoveries.Edit(key)
	if row == nil || row.Ordered == nil && row.ReceivedCount == 0 {
		p.recoveries.Delete(key)
		return
	}
	if row.LastReceived = ""; row.ReceivedCount == 0 {
		row.Receipts = nil
	}
	received, over := int64(0), int64(0)
	for _, one := range row.Receipts {
		row.LastReceived = max(row.LastReceived, one.Date)
		projections.Add(&received, one.Amount, &over)
		subjects := []string{row.Fund, row.Order}
		b.Judge(one.ref, row.Ordered == nil, projections.Anomaly{
			Code: CodeRecoveryUnordered, Subjects: subjects, Message: "nobody ordered this recovery; the money is counted",
		})
		b.Judge(one.ref, row.Ordered != nil && over == 0 && received > *row.Ordered, projections.Anomaly{
			Code: CodeRecoveryTooLarge, Subjects: subjects, Message: "all receipts together are more than was ordered",
			Expected: row.Ordered, Actual: projections.Ptr(received), Currency: row.Currency,
		})
	}
}
