package funds

import (
	"fmt"

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
// and never received stays in transit for everybody to see.
func (p *Projection) transfer(c *change, d *catalogue.TransferSent, kind legKind) {
	if !p.admitted(c, d.Fund, d.Currency) {
		return
	}
	key := projections.Key(d.Fund, d.Transfer)
	if old := p.transfers.Get(key); c.applies() && old != nil && *old.leg(kind) != nil {
		c.skip(CodeTransferDuplicate, fmt.Sprintf("entry %d said this transfer already; it is not counted again", (*old.leg(kind)).Index), d.Fund, d.Transfer)
		return
	}
	m := movement{d.Fund, d.Currency, d.Date, holder(d.From), party{OutsideTransit, ""}, d.Amount}
	if kind == legReceived {
		m.from, m.to = party{OutsideTransit, ""}, holder(d.To)
	}
	p.move(c, m)
	if !p.book(c, d.Fund) {
		return
	}
	p.setLeg(c, key, d, kind)
}

func (p *Projection) setLeg(c *change, key string, d *catalogue.TransferSent, kind legKind) {
	row := p.transfers.EditOr(key, func() *Transfer {
		return &Transfer{Fund: d.Fund, Transfer: d.Transfer, Currency: d.Currency}
	})
	e := c.entry
	if c.applies() {
		*row.leg(kind) = &Leg{
			Index: e.Index, From: d.From.Key(), FromName: d.From.Name, To: d.To.Key(), ToName: d.To.Name,
			Amount: d.Amount, Date: d.Date, agency: e.Agency, eventType: e.Type(), jurisdiction: e.Jurisdiction(),
		}
	} else {
		*row.leg(kind) = nil
		c.Withdraw(e.Index, CodeTransferMismatch, "")
	}
	if row.Sent == nil && row.Received == nil {
		p.transfers.Delete(key)
		return
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
	b.Put(projections.Anomaly{
		Index: r.Index, Code: CodeTransferMismatch, Type: r.eventType, Agency: r.agency, Jurisdiction: r.jurisdiction,
		Subjects: []string{row.Fund, row.Transfer, row.Sent.From, r.To},
		Message:  fmt.Sprintf("entry %d said another amount, sender or receiver", row.Sent.Index),
		Expected: projections.Ptr(row.Sent.Amount), Actual: projections.Ptr(r.Amount), Currency: row.Currency,
	})
}
