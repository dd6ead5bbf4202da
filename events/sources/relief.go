package sources

import (
	"strings"

	"civicledger/events/catalogue"
	"civicledger/events/ident"
)

var reliefSource = &Source{
	Kind:    "relief-payments",
	Title:   "payments of a relief programme to firms (US SBA 2020, Georgia: PPP and EIDL, told apart by the header)",
	Types:   []string{"fund.opened.v1", "subsidy.paid.v1"},
	Example: "relief-payments ga_ppp.csv.gz --out ppp.jsonl",
	zone:    zoneGeorgia,
	defaults: Options{
		Jurisdiction: "US-GA",
		Organisation: ident.OrgRef{Name: "U.S. Small Business Administration"},
	},
	read: readTables(
		table{
			columns: []string{"row_id", "date", "recipient", "amount", "jobs", "business_type"}, key: "row_id",
			fund: ownFund{"us-sba-ppp", "Paycheck Protection Program", "USD", caresAct}, say: sayRelief("ppp"),
		},
		table{
			columns: []string{"row_id", "date", "recipient", "amount", "fain"}, key: "row_id",
			fund: ownFund{"us-sba-eidl", "Economic Injury Disaster Loans, COVID-19", "USD", caresAct}, say: sayRelief("eidl"),
		},
	),
}

// caresAct is the day on which the law behind both programmes was signed.
const caresAct = "2020-03-27"

// sayRelief says one payment. Dates stand as stated: 1970-01-01 is what the
// publisher printed for more than half of the awards, and a rule may say so.
func sayRelief(programme string) func(sp *speaker, row *record) ([]said, error) {
	return func(sp *speaker, row *record) ([]said, error) {
		id, date := row.text("row_id"), row.number("date")
		amount, err := row.amount("amount", "USD")
		if err != nil {
			return nil, err
		}
		month := ident.MonthOf(date)
		if month == "" {
			return nil, badCell("date", date, "is not a day of the calendar such as 2020-04-30")
		}
		d := catalogue.SubsidyPaid{
			Payment: id, Fund: sp.Fund, Payer: sp.Organisation, Kind: programme, Period: month,
			Amount: amount, Currency: "USD", Date: date,
			Address: row.slug("address_key"), Place: placeOf(row), Industry: row.text("industry"),
		}
		if d.Jobs, err = wholeNumber(row, "jobs"); err != nil {
			return nil, err
		}
		if fain := row.text("fain"); fain != "" {
			d.Basis = "FAIN " + fain
		}
		d.Note = reliefNote(row)
		d.Provenance = provenance(row, sp, "source_file", "")
		subject, err := sp.recipient(row, &d)
		if err != nil {
			return nil, err
		}
		return []said{{id: id, typ: "subsidy.paid.v1", date: date, subject: subject, data: d}}, nil
	}
}

// recipient fills in who was paid. A pseudonym (R018920) stands for a firm
// whose name looks like a person's: a token where there is a city key, else the
// pseudonym, which names nobody.
func (sp *speaker) recipient(row *record, d *catalogue.SubsidyPaid) (subject string, err error) {
	name := row.text("recipient")
	switch {
	case name == "":
		return "", badCell("recipient", "", "is empty: a payment needs somebody who was paid; complete the row or leave it out")
	case isPseudonym(name) && sp.CityKey != nil:
		d.Beneficiary, err = sp.CityKey.Token("recipient", name)
		return d.Beneficiary, err
	}
	d.Recipient = &ident.OrgRef{Name: name}
	return d.Recipient.Key(), nil
}

func placeOf(row *record) string {
	parts := []string{row.text("city"), row.text("zip"), row.text("county")}
	var known []string
	for _, part := range parts {
		if part != "" {
			known = append(known, part)
		}
	}
	return clipTo(strings.Join(known, ", "), 100)
}

// reliefNote keeps what the catalogue has no member for.
func reliefNote(row *record) string {
	var parts []string
	for _, column := range []string{"business_type", "naics"} {
		if value := row.text(column); value != "" {
			parts = append(parts, strings.ReplaceAll(column, "_", " ")+" "+value)
		}
	}
	return strings.Join(parts, "; ")
}
