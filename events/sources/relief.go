package sources

import (
	"strconv"
	"strings"

	"civicledger/events/catalogue"
	"civicledger/events/ident"
)

var reliefSource = &Source{
	Kind:     "relief-payments",
	Title:    "payments of a relief programme to firms (US SBA 2020, Georgia: PPP and EIDL, told apart by the header)",
	Types:    []string{"fund.opened.v1", "subsidy.paid.v1", "subsidy.cancelled.v1"},
	Example:  "relief-payments ga_ppp.csv.gz --out ppp.jsonl",
	zone:     zoneGeorgia,
	defaults: Options{Jurisdiction: "US-GA", Organisation: ident.OrgRef{Name: "U.S. Small Business Administration"}},
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

// sayRelief says one payment, or with a negative amount that one was
// cancelled. Dates stand as stated: 1970-01-01 is what the publisher printed
// for more than half of the awards, and a rule may say so.
func sayRelief(programme string) func(sp *speaker, row *record) []said {
	return func(sp *speaker, row *record) []said {
		d := reliefPayment(row)
		d.Fund, d.Payer, d.Kind = sp.Fund, sp.Organisation, programme
		recipient, subject := sp.recipient(row, &d)
		d.Payment = sp.identify(row, "payment", programme, d.Date, strconv.FormatInt(d.Amount, 10), recipient, d.Basis,
			d.Address, d.Place, d.Industry, optional(d.Jobs), d.Note, d.Provenance)
		one := said{id: d.Payment, typ: "subsidy.paid.v1", date: d.Date, subject: subject, data: d}
		if d.Amount < 0 {
			d.Amount = -d.Amount
			one.typ, one.data = "subsidy.cancelled.v1", catalogue.SubsidyCancelled(d)
		}
		return []said{one}
	}
}

func reliefPayment(row *record) (d catalogue.SubsidyPaid) {
	d.Currency, d.Date = "USD", row.number("date")
	d.Amount = row.amount("amount", d.Currency)
	if d.Period = ident.MonthOf(d.Date); d.Period == "" {
		row.bad("date", d.Date, "is not a day of the calendar such as 2020-04-30")
	}
	d.Jobs = row.wholeNumber("jobs")
	if fain := row.reference("fain"); fain != "" {
		d.Basis = "FAIN " + fain
	}
	d.Place = clipTo(joined(", ", row.text("city"), row.text("zip"), row.text("county")), 100)
	d.Address, d.Industry = row.text("address_key"), row.text("industry")
	d.Note, d.Provenance = reliefNote(row), provenance(row, "source_file", "")
	return d
}

// recipient fills in who was paid, and gives the name and the subject of it. A pseudonym (R018920) stands for a firm
// whose name looks like a person's: a token where there is a city key, else the
// pseudonym, which names nobody.
func (sp *speaker) recipient(row *record, d *catalogue.SubsidyPaid) (name, subject string) {
	name = row.text("recipient")
	if name == "" {
		row.bad("recipient", "", "is empty: a payment needs somebody who was paid; complete the row or leave it out")
	}
	if pseudonym.MatchString(name) && sp.CityKey != nil {
		d.Beneficiary = sp.token(row, "recipient", name)
		return d.Beneficiary, d.Beneficiary
	}
	d.Recipient = &ident.OrgRef{Name: name}
	return name, d.Recipient.Key()
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
