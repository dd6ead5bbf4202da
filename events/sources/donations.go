package sources

import (
	"strconv"
	"strings"
	"time"

	"civicledger/events/catalogue"
	"civicledger/events/ident"
)

// Zones of the files. They are fixed, so that a file gives the same bytes on
// every machine; Georgia keeps winter time all year here.
var (
	zoneChina   = time.FixedZone("", 8*3600)
	zoneVietnam = time.FixedZone("", 7*3600)
	zoneGeorgia = time.FixedZone("", -5*3600)
)

// wuhanRedCross published the files of 2020.
var wuhanRedCross = Options{Jurisdiction: "420100", Organisation: ident.OrgRef{Name: "武汉市红十字会"}}

var donationsSource = &Source{
	Kind:     "donations",
	Title:    "money donations that a charity disclosed row by row (Wuhan Red Cross, 2020)",
	Types:    []string{"charity.donation.received.v1", "charity.donation.returned.v1"},
	Example:  "donations donations.csv.gz --out donations.jsonl",
	zone:     zoneChina,
	defaults: wuhanRedCross,
	read: readTables(table{
		columns: []string{"row_id", "disclosed_date", "channel", "donor_kind", "donor", "amount", "currency"},
		key:     "row_id",
		say:     sayDonation,
	}),
}

// sayDonation says a gift, or with a negative amount a gift given back.
func sayDonation(sp *speaker, row *record) []said {
	date, currency := row.number("disclosed_date"), row.text("currency")
	amount := row.amount("amount", currency)
	donor, note := sp.donor(row)
	name, subject := named(donor)
	reference, dateText := row.reference("txn_no_or_time"), ""
	if isClock(reference) {
		reference, dateText = "", date+" "+reference
	}
	common := catalogue.Common{Note: note, Provenance: provenance(row, "file_id", "seq")}
	id := sp.identify(row, "donation", date, dateText, row.text("channel"), reference, donor.Kind, name,
		strconv.FormatInt(amount, 10), currency, note, common.Provenance)
	d := catalogue.DonationReceived{
		Donation: id, Organisation: sp.Organisation, Campaign: sp.Campaign, Fund: sp.Fund, Donor: donor,
		Amount: &amount, Currency: currency, Date: date, DateText: dateText, Channel: row.text("channel"), Reference: reference, Common: common,
	}
	one := said{id: id, date: date, column: "disclosed_date", subject: subject}
	one.typ, one.data = gift(d)
	return []said{one}
}

// gift is a donation, or with a negative sum one that was given back.
func gift(d catalogue.DonationReceived) (typ string, data any) {
	if *d.Amount >= 0 {
		return "charity.donation.received.v1", d
	}
	back := -*d.Amount
	d.Amount = &back
	return "charity.donation.returned.v1", catalogue.DonationReturned(d)
}

// named is the donor's name, or token, and the subject of what it gave.
func named(d catalogue.Donor) (name, subject string) {
	if d.Organisation != nil {
		return d.Organisation.Name, d.Organisation.Key()
	}
	return d.Token, d.Token
}

func isClock(s string) bool {
	_, err := time.Parse("15:04:05", s)
	return err == nil
}

// provenance names the publisher's own file and row, where there are such
// columns. The name of the file that is read is not in it: the same rows under
// another name are the same facts.
func provenance(row *record, file, number string) string {
	text := row.text(file)
	if n := row.text(number); n != "" {
		text += " row " + n
	}
	return clipTo(strings.TrimSpace(text), 200)
}
