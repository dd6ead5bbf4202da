package sources

import (
	"civicledger/events/catalogue"
	"civicledger/events/ident"
)

var statementSource = &Source{
	Kind:  "bank-statement",
	Title: "statement of a relief account: credits, debits and the balances it shows (Viet Nam Fatherland Front, 2024)",
	Types: []string{
		"fund.opened.v1", "charity.donation.received.v1", "charity.donation.returned.v1", "charity.donation.spent.v1",
		"charity.spending.refunded.v1", "account.balance.stated.v1",
	},
	Example:  "bank-statement agribank.csv.gz --account agribank-1 --fund relief-2024 --out agribank.jsonl",
	zone:     zoneVietnam,
	defaults: Options{Jurisdiction: "VN", Organisation: ident.OrgRef{Name: "Mặt trận Tổ quốc Việt Nam"}},
	read: readTables(table{
		columns: []string{"row", "date", "debit_vnd", "credit_vnd", "balance_vnd"},
		key:     "row",
		account: true,
		fund:    ownFund{"vn-mttq-relief-2024", "Cứu trợ 2024 (Mặt trận Tổ quốc Việt Nam)", statementCurrency, "2024-09-01"},
		say:     sayStatementRow,
	}),
}

const statementCurrency = "VND"

// statementRow is one row and what it moved.
type statementRow struct {
	account, id, date, clock string
	reference, note          string
	sequence                 int64
	credit, debit, balance   *int64
}

// sayStatementRow says up to three events: what came in, what went out, and
// the balance that stands behind the row. A negative sum is money that went
// the other way: a gift given back, spending that was refunded.
func sayStatementRow(sp *speaker, row *record) (all []said) {
	r := readStatementRow(sp, row)
	if r.credit != nil {
		all = append(all, r.received(sp))
	}
	if r.debit != nil {
		all = append(all, r.spent(sp))
	}
	if r.balance != nil {
		all = append(all, r.stated(sp))
	}
	if len(all) == 0 {
		row.fail(badRow("the row has neither credit nor debit nor balance: complete it or leave it out"))
	}
	return all
}

func readStatementRow(sp *speaker, row *record) (r statementRow) {
	r.account = sp.Account
	r.date, r.clock = row.number("date"), row.number("time")
	sp.ofDay[r.date]++ // bad rows count, so that a mended file numbers the others as before
	r.sequence = int64(sp.ofDay[r.date])
	for _, column := range []string{"ref_no", "doc_no"} {
		text := row.reference(column)
		if r.reference == "" {
			r.reference = text
		} else if text != "" && text != r.reference {
			r.note = column + " " + text
		}
	}
	r.credit = moved(row.optionalAmount("credit_vnd", statementCurrency))
	r.debit = moved(row.optionalAmount("debit_vnd", statementCurrency))
	r.balance = row.optionalAmount("balance_vnd", statementCurrency)
	if r.credit != nil && r.debit != nil && min(*r.credit, *r.debit) < 0 {
		row.fail(badRow("the row has a credit and a debit, and one is negative: write two rows"))
	}
	// A row with a number of the bank and a balance is one row of one account,
	// whatever it is called; other rows may be alike on two accounts.
	account := r.account
	if r.reference != "" && r.balance != nil {
		account = ""
	}
	r.id = sp.identify(row, "statement", account, r.date, r.clock, r.reference, r.note,
		optional(r.credit), optional(r.debit), optional(r.balance))
	return r
}

// moved is nil for a printed zero: nothing moved.
func moved(sum *int64) *int64 {
	if sum != nil && *sum == 0 {
		return nil
	}
	return sum
}

func (r *statementRow) received(sp *speaker) said {
	typ, data := gift(catalogue.DonationReceived{
		Donation: r.id, Organisation: sp.Organisation, Campaign: sp.Campaign, Fund: sp.Fund,
		Donor: catalogue.Donor{Kind: "unstated"}, Amount: r.credit, Currency: statementCurrency,
		Date: r.date, Channel: "bank", Account: r.account, Reference: r.reference, Common: catalogue.Common{Note: r.note},
	})
	return r.said("", typ, data)
}

func (r *statementRow) spent(sp *speaker) said {
	d := catalogue.DonationSpent{
		Spending: r.id, Organisation: sp.Organisation, Campaign: sp.Campaign, Fund: sp.Fund,
		Purpose: "not stated: debit on the account", Amount: *r.debit, Currency: statementCurrency,
		Date: r.date, Account: r.account, Reference: r.reference, Common: catalogue.Common{Note: r.note},
	}
	if d.Amount < 0 {
		d.Amount = -d.Amount
		return r.said("-debit", "charity.spending.refunded.v1", catalogue.SpendingRefunded(d))
	}
	return r.said("-debit", "charity.donation.spent.v1", d)
}

// stated says the balance, and what the row moved in and out in positive sums.
func (r *statementRow) stated(sp *speaker) said {
	d := catalogue.BalanceStated{
		Account: r.account, Holder: sp.Organisation, Fund: sp.Fund, Currency: statementCurrency,
		Balance: *r.balance, StatedAt: r.date, Sequence: &r.sequence,
		Credit: r.credit, Debit: r.debit,
	}
	if r.credit != nil && *r.credit < 0 {
		back := -*r.credit
		d.Credit, d.Debit = nil, &back
	}
	if r.debit != nil && *r.debit < 0 {
		back := -*r.debit
		d.Credit, d.Debit = &back, nil
	}
	return r.said("-balance", "account.balance.stated.v1", d)
}

func (r *statementRow) said(suffix, typ string, data any) said {
	return said{id: r.id + suffix, typ: typ, date: r.date, clock: r.clock, subject: r.account, data: data}
}
