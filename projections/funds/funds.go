// Package funds is the read model of money: funds, the accounts of everybody
// who holds some of them, transfers, subsidies by kind and month, recoveries,
// and the statements that can be held against them.
//
// It is for supervisors who ask where money of a fund is and whether its
// figures fit each other (收支不平, 滞留). Every movement has two legs, so the
// balances of all accounts of a currency add up to zero, always; money that
// comes from or goes to somebody without an account stands on an outside
// account. It moves no money of funds that nobody opened: such an entry waits
// until somebody does. Announced figures of the lottery's welfare fund are
// not movements and stand in projections/lottery.
//
// Sources: audit findings F26 to F28 in the sense of the catalogue's types.
package funds

import (
	"civicledger/events/catalogue"
	"civicledger/events/ident"
	"civicledger/projections"
)

// Codes of anomalies.
const (
	CodeTransferMismatch    = "transfer-mismatch"
	CodePaymentDuplicate    = "duplicate-payment-id"
	CodeReturnUnpaid        = "return-without-payment"
	CodeReturnTooLarge      = "returned-more-than-paid"
	CodeRecoveryUnordered   = "recovery-without-order"
	CodeRecoveryTooLarge    = "recovered-more-than-ordered"
	CodeBalanceDiffers      = "stated-balance-differs"
	CodeStatementRowDoubled = "statement-row-doubled"
)

var _ = projections.Declare(map[string]projections.Title{
	CodeTransferMismatch:    {EN: "Received differs from sent", ZH: "拨付与到账不符"},
	CodePaymentDuplicate:    {EN: "Payment number used twice", ZH: "发放编号重复"},
	CodeReturnUnpaid:        {EN: "Return of an unknown payment", ZH: "退回款无对应发放"},
	CodeReturnTooLarge:      {EN: "More returned than paid", ZH: "退回金额超过发放金额"},
	CodeRecoveryUnordered:   {EN: "Recovery without an order", ZH: "追缴款无对应决定"},
	CodeRecoveryTooLarge:    {EN: "More recovered than ordered", ZH: "追缴金额超过决定金额"},
	CodeBalanceDiffers:      {EN: "Stated balance differs", ZH: "账户余额不符"},
	CodeStatementRowDoubled: {EN: "Statement row said twice", ZH: "对账单行号重复"},
})

// Projection folds money. It belongs to one Runner.
type Projection struct {
	funds      *projections.Overlay[Fund]
	accounts   *projections.Overlay[Account]
	budgets    *projections.Overlay[Budget]
	transfers  *projections.Overlay[Transfer]
	subsidies  *projections.Overlay[Subsidy]
	recoveries *projections.Overlay[Recovery]
	statements *projections.Overlay[Statement]

	payments payments
	series   map[string]*series // statements by the key of their row
	moves    map[string]dayNet  // bookings by account of a bank
	speakers projections.Interned[speaker]

	dirtyTransfers  projections.Dirty
	dirtySeries     projections.Dirty
	dirtyRecoveries projections.Dirty
	dirtyFunds      projections.Dirty

	moved map[string]int64  // entries that moved money, by fund
	over  projections.Dirty // accounts whose sums are out of range
}

// New returns the projection before the first entry.
func New() *Projection {
	return &Projection{
		funds: projections.NewOverlay(fundTable), accounts: projections.NewOverlay(accountTable),
		budgets: projections.NewOverlay(budgetTable), transfers: projections.NewOverlay(transferTable),
		subsidies: projections.NewOverlay(subsidyTable), recoveries: projections.NewOverlay(recoveryTable),
		statements:     projections.NewOverlay(statementTable),
		payments:       payments{one: map[paymentKey]paying{}, more: map[paymentKey]*paymentSaid{}, dirty: map[paymentKey]struct{}{}},
		series:         map[string]*series{},
		moves:          map[string]dayNet{},
		dirtyTransfers: projections.Dirty{}, dirtySeries: projections.Dirty{}, dirtyRecoveries: projections.Dirty{},
		dirtyFunds: projections.Dirty{}, moved: map[string]int64{}, over: projections.Dirty{},
	}
}

// Name implements projections.Projection.
func (p *Projection) Name() string { return "funds" }

// Tables implements projections.Projection.
func (p *Projection) Tables() []projections.Staged {
	return []projections.Staged{p.funds, p.accounts, p.budgets, p.transfers, p.subsidies, p.recoveries, p.statements}
}

// party is who holds money, inside or outside.
type party struct{ key, name string }

func holder(c *projections.Change, o ident.OrgRef) party { return party{c.Key(o), o.Name} }

// Change implements projections.Projection.
func (p *Projection) Change(c *projections.Change) {
	if c.Entry.Waits {
		return
	}
	switch d := c.Entry.Data.(type) {
	case *catalogue.FundOpened:
		p.open(c, d)
	case *catalogue.BudgetAllocated:
		p.budget(c, d)
	case *catalogue.TransferSent:
		p.transfer(c, d, false)
	case *catalogue.TransferReceived:
		sent := catalogue.TransferSent(*d)
		p.transfer(c, &sent, true)
	case *catalogue.SubsidyPaid:
		p.paid(c, d)
	case *catalogue.SubsidyCancelled:
		paid := catalogue.SubsidyPaid(*d)
		paid.Amount = -d.Amount
		p.paid(c, &paid)
	case *catalogue.SubsidyReturned:
		p.returned(c, d)
	case *catalogue.RecoveryOrdered:
		p.ordered(c, d)
	case *catalogue.RecoveryReceived:
		p.recovered(c, d)
	case *catalogue.DonationReceived:
		p.donated(c, d, 1)
	case *catalogue.DonationReturned:
		given := catalogue.DonationReceived(*d)
		p.donated(c, &given, -1)
	case *catalogue.DonationSpent:
		p.spent(c, d)
	case *catalogue.SpendingRefunded:
		spent := catalogue.DonationSpent(*d)
		spent.Amount = -d.Amount
		p.spent(c, &spent)
	case *catalogue.BalanceStated:
		p.stated(c, d)
	}
}

func (p *Projection) open(c *projections.Change, d *catalogue.FundOpened) {
	who, e := holder(c, d.Holder), c.Entry
	p.dirtyFunds.Add(d.Fund)
	if !c.Applies() {
		p.funds.Delete(projections.Key(d.Fund))
		return
	}
	p.funds.Put(&Fund{
		Fund: d.Fund, Name: d.Name, Currency: d.Currency, Holder: who.key, HolderName: who.name,
		Purpose: d.Purpose, Jurisdiction: e.Jurisdiction(), Agency: e.Agency, Opened: e.Index,
	})
}

// Settle implements projections.Projection.
func (p *Projection) Settle(b *projections.Batch) {
	for _, name := range p.dirtyFunds.Take() {
		if row := p.funds.Edit(projections.Key(name)); row != nil {
			row.Movements = p.moved[name]
		}
	}
	for _, key := range p.dirtyTransfers.Take() {
		p.compare(b, key)
	}
	for _, key := range p.dirtySeries.Take() {
		p.follow(b, key)
	}
	for _, key := range p.dirtyRecoveries.Take() {
		p.judgeRecovery(b, key)
	}
	for key := range p.payments.dirty {
		p.judgePayment(b, key)
	}
	clear(p.payments.dirty)
	p.settleOver(b)
}
