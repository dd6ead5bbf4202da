package supervision

import (
	"civicledger/projections"
	"civicledger/projections/funds"
)

// each says every row. The answer is never nil: an empty list is one.
func each[R, T any](rows []R, say func(R) T) []T {
	out := make([]T, 0, len(rows))
	for _, row := range rows {
		out = append(out, say(row))
	}
	return out
}

// pageOf turns rows of a table into a page of an answer.
func pageOf[R, T any](asOf AsOf, rows projections.Rows[R], err error, say func(*R) T) (*Page[T], error) {
	if err != nil {
		return nil, err
	}
	return (&Page[T]{AsOf: asOf, Items: each(rows.Items, say), Next: rows.Next}).said()
}

func fund(f *funds.Fund) Fund {
	return Fund{
		Fund: f.Fund, Name: f.Name, Currency: f.Currency, Holder: Party{f.Holder, f.HolderName}, Purpose: f.Purpose,
		Jurisdiction: f.Jurisdiction, Agency: f.Agency, Opened: f.Opened, Movements: f.Movements,
	}
}

func account(a *funds.Account) Account {
	sum := sumIn(a.Over)
	return Account{
		Fund: a.Fund, Holder: Party{a.Holder, a.HolderName}, Outside: a.Outside(), Movements: a.Movements,
		Balance: sum(a.Balance, a.Currency), Credits: sum(a.Credits, a.Currency), Debits: sum(a.Debits, a.Currency),
		Months: each(a.Months, func(m funds.Month) AccountMonth {
			return AccountMonth{Month: m.Month, Credits: sum(m.Credits, a.Currency), Debits: sum(m.Debits, a.Currency), Movements: m.Movements}
		}),
	}
}

func budget(b *funds.Budget) Budget {
	sum := sumIn(b.Over)
	return Budget{
		Holder: Party{b.Holder, b.HolderName}, Year: b.Year,
		Amount: sum(b.Amount, b.Currency), Allocations: b.Allocations,
	}
}

func subsidy(s *funds.Subsidy) Subsidy {
	sum := sumIn(s.Over)
	return Subsidy{
		Kind: s.Kind, Period: s.Period, Jurisdiction: s.Jurisdiction,
		Paid: sum(s.Paid, s.Currency), PaidCount: s.PaidCount,
		Reversed: sum(s.Reversed, s.Currency), ReversedCount: s.ReversedCount,
		Returned: sum(s.Returned, s.Currency), ReturnedCount: s.ReturnedCount,
		Net: sum(s.Net(), s.Currency),
	}
}

func transfer(t *funds.Transfer) Transfer {
	return Transfer{Transfer: t.Transfer, State: t.State(), Sent: leg(t.Sent, t.Currency), Received: leg(t.Received, t.Currency)}
}

func leg(l *funds.Leg, currency string) *Leg {
	if l == nil {
		return nil
	}
	return &Leg{Index: l.Index, From: Party{l.From, l.FromName}, To: Party{l.To, l.ToName}, Amount: sum(l.Amount, currency), Date: l.Date}
}

func recovery(r *funds.Recovery) Recovery {
	sum := sumIn(r.Over)
	out := Recovery{
		Order: r.Order, Received: sum(r.Received, r.Currency), Outstanding: sum(r.Outstanding(), r.Currency),
		Subject: r.Subject, Kind: r.Kind, Reason: r.Reason, DecidedOn: r.DecidedOn, Due: r.Due,
		Jurisdiction: r.Jurisdiction, LastReceived: r.LastReceived,
		Receipts: each(r.Receipts, func(one funds.Receipt) Paid {
			return Paid{Index: one.Index, Amount: sum(one.Amount, r.Currency), Date: one.Date}
		}),
	}
	if r.Ordered != nil {
		out.Ordered, out.Index = new(sum(*r.Ordered, r.Currency)), &r.Index
	}
	return out
}
