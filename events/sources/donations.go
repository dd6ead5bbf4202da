package sources

import (
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

const wuhan = "武汉市红十字会"

const wuhanDivision = "420100"

var donationsSource = &Source{
	Kind:    "donations",
	Title:   "money donations that a charity disclosed row by row (Wuhan Red Cross, 2020)",
	Types:   []string{"charity.donation.received.v1"},
	Example: "donations donations.csv.gz --out donations.jsonl",
	zone:    zoneChina,
	defaults: Options{
		Jurisdiction: wuhanDivision,
		Organisation: ident.OrgRef{Name: wuhan},
	},
	read: readTables(table{
		columns: []string{"row_id", "disclosed_date", "channel", "donor_kind", "donor", "amount", "currency"},
		key:     "row_id",
		say:     sayDonation,
	}),
}

func sayDonation(sp *speaker, row *record) ([]said, error) {
	id, date, currency := row.text("row_id"), row.number("disclosed_date"), row.text("currency")
	amount, err := row.amount("amount", currency)
	if err != nil {
		return nil, err
	}
	donor, note, err := sp.donor(row)
	if err != nil {
		return nil, err
	}
	d := catalogue.DonationReceived{
		Donation: id, Organisation: sp.Organisation, Campaign: sp.Campaign, Fund: sp.Fund,
		Donor: donor, Amount: &amount, Currency: currency,
		Date: date, Channel: row.text("channel"),
	}
	d.Note = note
	d.Provenance = provenance(row, sp, "file_id", "seq")
	if reference := row.text("txn_no_or_time"); isClock(reference) {
		d.DateText = date + " " + reference
	} else {
		d.Reference = reference
	}
	return []said{{id: id, typ: "charity.donation.received.v1", date: date, subject: donorKey(donor), data: d}}, nil
}

func donorKey(d catalogue.Donor) string {
	if d.Organisation != nil {
		return d.Organisation.Key()
	}
	return d.Token
}

func isClock(s string) bool {
	_, err := time.Parse("15:04:05", s)
	return err == nil
}

// provenance names the file, and the publisher's own file and row where there
// are such columns.
func provenance(row *record, sp *speaker, file, number string) string {
	text := sp.Name
	if own := row.text(file); own != "" {
		text += " " + own
	}
	if n := row.text(number); n != "" {
		text += " row " + n
	}
	return clipTo(text, 200)
}

func clipTo(s string, limit int) string {
	if runes := []rune(s); len(runes) > limit {
		return string(runes[:limit])
	}
	return s
}
