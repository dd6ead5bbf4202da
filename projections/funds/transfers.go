package funds

import (
	"civicledger/events/catalogue"
	"civicledger/projections"
)

type legKind bool

const (
	legSent     legKind = false
	legReceived legKind = true
)

// transfer books one party's word: what the sender says goes from his account
// into transit, what the receiver says comes from there to his. What was sent
// and never received stays in transit for everybody to see. One event says each
// leg; which, is decided before.
func (p *Projection) transfer(c *change, d *catalogue.TransferSent, kind legKind) {
	from, to := c.holder(d.From), c.holder(d.To)
	transit := party{OutsideTransit, ""}
	if kind == legReceived {
		p.move(c, movement{d.Fund, d.Currency, d.Date, transit, to, d.Amount})
	} else {
		p.move(c, movement{d.Fund, d.Currency, d.Date, from, transit, d.Amount})
	}
	key, e := projections.Key(d.Fund, d.Transfer), c.entry
	row := p.transfers.EditOr(key, func() *Transfer {
		return &Transfer{Fund: d.Fund, Transfer: d.Transfer}
	})
	*row.leg(kind) = nil
	if c.applies() {
		row.Currency = d.Currency
		*row.leg(kind) = &Leg{
			Index: e.Index, From: from.key, FromName: from.name, To: to.key, ToName: to.name,
			Amount: d.Amount, Date: d.Date, by: e.Speaker(),
		}
	}
	if row.Sent == nil && row.Received == nil {
		p.transfers.Delete(key)
	}
	p.dirtyTransfers.Add(key)
}

func (t *Transfer) leg(kind legKind) **Leg {
	if kind == legReceived {
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
	r := row.Received
	if row.State() != "differs" {
		b.Withdraw(r.Index, CodeTransferMismatch, "")
		return
	}
	b.Found(r.by, projections.Anomaly{
		Index: r.Index, Code: CodeTransferMismatch, Subjects: []string{row.Fund, row.Transfer, row.Sent.From, r.To},
		Message: "the sender said another amount, sender or receiver", Other: &row.Sent.Index,
		Expected: projections.Ptr(row.Sent.Amount), Actual: projections.Ptr(r.Amount), Currency: row.Currency,
	})
}
