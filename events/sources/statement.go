package sources

import (
	"path"
	"strings"

	"civicledger/events/catalogue"
	"civicledger/events/ident"
	"civicledger/events/money"
)

var statementSource = &Source{
	Kind:    "bank-statement",
	Title:   "statement of a relief account: credits, debits and the balances it shows (Viet Nam Fatherland Front, 2024)",
	Types:   []string{"fund.opened.v1", "charity.donation.received.v1", "charity.donation.spent.v1", "account.balance.stated.v1"},
	Example: "bank-statement agribank.csv.gz --fund relief-2024 --out agribank.jsonl",
	zone:    zoneVietnam,
	defaults: Options{
		Jurisdiction: "VN",
		Organisation: ident.OrgRef{Name: "Mặt trận Tổ quốc Việt Nam"},
	},
	read: readTables(table{
		columns: []string{"row", "date", "debit_vnd", "credit_vnd", "balance_vnd"},
		key:     "row",
		fund:    ownFund{"vn-mttq-relief-2024", "Cứu trợ 2024 (Mặt trận Tổ quốc Việt Nam)", statementCurrency, "2024-09-01"},
		say:     sayStatementRow,
	}),
}

const statementCurrency = "VND"

// statementRow is one row and what it moved.
type statementRow struct {
	id, date, clock, reference string
	sequence                   int64
	credit, debit, balance     *int64
}

// sayStatementRow says up to three events: what came in, what went out, and
// the balance that stands behind the row. Ids are the account and the row.
func sayStatementRow(sp *speaker, row *record) ([]said, error) {
	account, err := sp.account()
	if err != nil {
		return nil, err
	}
	r, err := readStatementRow(row, account)
	if err != nil {
		return nil, err
	}
	var all []said
	if r.credit != nil {
		all = append(all, r.received(sp, account))
	}
	if r.debit != nil {
		all = append(all, r.spent(sp, account))
	}
	if r.balance != nil {
		all = append(all, r.stated(sp, account))
	}
	if len(all) == 0 {
		return nil, badRow("the row has neither credit nor debit nor balance: complete it or leave it out")
	}
	return all, nil
}

func readStatementRow(row *record, account string) (r statementRow, err error) {
	r.id = account + "-" + row.text("row")
	r.date, r.clock = row.number("date"), row.number("time")
	if r.sequence, err = money.ParseScaled(row.number("row"), 0); err != nil {
		return r, badCell("row", row.text("row"), "is not a row number")
	}
	r.reference = row.slug("ref_no")
	if r.reference == "" {
		r.reference = row.slug("doc_no")
	}
	if r.credit, err = row.optionalAmount("credit_vnd", statementCurrency); err != nil {
		return r, err
	}
	if r.debit, err = row.optionalAmount("debit_vnd", statementCurrency); err != nil {
		return r, err
	}
	if r.balance, err = row.optionalAmount("balance_vnd", statementCurrency); err != nil {
		return r, err
	}
	r.credit, r.debit = moved(r.credit), moved(r.debit)
	return r, nil
}

// moved is nil for a printed zero: nothing moved.
func moved(sum *int64) *int64 {
	if sum != nil && *sum == 0 {
		return nil
	}
	return sum
}

func (r *statementRow) received(sp *speaker, account string) said {
	d := catalogue.DonationReceived{
		Donation: r.id, Organisation: sp.Organisation, Campaign: sp.Campaign, Fund: sp.Fund,
		Donor: catalogue.Donor{Kind: "unstated"}, Amount: r.credit, Currency: statementCurrency,
		Date: r.date, Channel: "bank", Account: account, Reference: r.reference,
	}
	return said{id: r.id, typ: "charity.donation.received.v1", date: r.date, clock: r.clock, subject: account, data: d}
}

func (r *statementRow) spent(sp *speaker, account string) said {
	d := catalogue.DonationSpent{
		Spending: r.id, Organisation: sp.Organisation, Campaign: sp.Campaign, Fund: sp.Fund,
		Purpose: "not stated: debit on the account", Amount: *r.debit, Currency: statementCurrency,
		Date: r.date, Account: account,
	}
	return said{id: r.id + "-debit", typ: "charity.donation.spent.v1", date: r.date, clock: r.clock, subject: account, data: d}
}

func (r *statementRow) stated(sp *speaker, account string) said {
	d := catalogue.BalanceStated{
		Account: account, Holder: sp.Organisation, Fund: sp.Fund, Currency: statementCurrency,
		Balance: *r.balance, StatedAt: r.date, Sequence: &r.sequence, Credit: r.credit, Debit: r.debit,
	}
	return said{id: r.id + "-balance", typ: "account.balance.stated.v1", date: r.date, clock: r.clock, subject: account, data: d}
}

// account is the option, or the name of the file without its endings.
func (sp *speaker) account() (string, error) {
	name := sp.Account
	if name == "" {
		name = path.Base(sp.Name)
		name = strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".csv")
	}
	if !catalogue.IsSlug([]byte(name)) || len(name) > 60 {
		return "", badRow("%q cannot name an account: give --account with letters, digits, '.', '_' or '-', at most 60", name)
	}
	return name, nil
}
