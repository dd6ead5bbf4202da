package funds

import (
	"civicledger/events/catalogue"
	"civicledger/projections"
)

// transfer books one party's word: what the sender says goes from his account
// into transit, what the receiver says comes from there to his. What was sent
// and never received stays in transit for everybody to see. One event says each
// leg; which, is decided before.
func (p *Projection) transfer(c *projections.Change, d *catalogue.TransferSent, received bool) {
	from, to := holder(c, d.From), holder(c, d.To)
	m := movement{d.Fund, d.Currency, d.Date, from, party{OutsideTransit, ""}, d.Amount}
	if received {
		m.from, m.to = m.to, to
	}
	p.move(c, m)
	key, e := projections.Key(d.Fund, d.Transfer), c.Entry
	row := p.transfers.EditOr(key, func() *Transfer {
		return &Transfer{Fund: d.Fund, Transfer: d.Transfer}
	})
	*row.leg(received) = nil
	if c.Applies() {
		row.Currency = d.Currency
		*row.leg(received) = &Leg{
			Index: e.Index, From: from.key, FromName: from.name, To: to.key, ToName: to.name,
			Amount: d.Amount, Date: d.Date, by: e.Ref(),
		}
	}
	if row.Sent == nil && row.Received == nil {
		p.transfers.Delete(key)
	}
	p.dirtyTransfers.Add(key)
}

func (t *Transfer) leg(received bool) **Leg {
	if received {
		return &t.Received
	}
	return &t.Sent
}

// compare holds what the receiver said against what the sender said.
func (p *Projection) compare(b *projections.Batch, key string) {
	row := p.transfers.Get(key)
	if row == nil || row.Received == nil {
		return
	}
	r, a := row.Received, projections.Anomaly{Code: CodeTransferMismatch}
	differs := row.State() == "differs"
	if differs {
		a.Subjects, a.Other = []string{row.Fund, row.Transfer, row.Sent.From, r.To}, &row.Sent.Index
		a.Message = "the sender said another amount, sender or receiver"
		a.Expected, a.Actual, a.Currency = projections.Ptr(row.Sent.Amount), projections.Ptr(r.Amount), row.Currency
	}
	b.Judge(r.by, differs, a)
}
