package sources

import (
	"errors"
	"strings"

	"civicledger/events/catalogue"
	"civicledger/events/money"
)

var disclosuresSource = &Source{
	Kind:     "disclosures",
	Title:    "totals that a charity announced day by day (Wuhan Red Cross, 2020)",
	Types:    []string{"charity.disclosure.published.v1"},
	Example:  "disclosures daily_totals_reported.csv --out disclosures.jsonl",
	zone:     zoneChina,
	defaults: wuhanRedCross,
	read: readTables(table{
		columns: []string{"date", "official_day_received", "official_cum_received", "official_cum_usd", "official_day_paid_out", "official_cum_paid_out", "official_day_count"},
		key:     "date",
		say:     sayDisclosure,
	}),
}

// sayDisclosure says what the charity announced on a day; a total in dollars is
// an event of its own. Sums that others computed from the detail (columns not
// named official_…) are not the charity's word and are left to be computed.
func sayDisclosure(sp *speaker, row *record) []said {
	date := row.number("date")
	id := "daily-" + date + "-" + sp.identify(row, "disclosure", sp.Campaign)[:8] // once for a charity, campaign and day
	d := catalogue.DisclosurePublished{
		Disclosure: "daily-" + date, Organisation: sp.Organisation, Campaign: sp.Campaign, Kind: "emergency-daily",
		From: date, To: date, PublishedOn: date,
	}
	dollars := d
	announcedSums(row, &d)
	d.ReceivedCount = row.wholeNumber("official_day_count")
	all := []said{{id: id, typ: "charity.disclosure.published.v1", date: date, subject: sp.Organisation.Key(), data: d}}
	if dollars.CumulativeReceived = row.optionalAmount("official_cum_usd", "USD"); dollars.CumulativeReceived == nil {
		return all
	}
	dollars.Disclosure, dollars.Currency = "daily-"+date+"-usd", "USD"
	return append(all, said{
		id: id + "-usd", typ: "charity.disclosure.published.v1", date: date, subject: sp.Organisation.Key(), data: dollars,
	})
}

// announcedSums fills in the totals in yuan. One that is no whole number of fen
// (the publisher's 15149.4514) is kept as text: no sum is rounded.
func announcedSums(row *record, d *catalogue.DisclosurePublished) {
	var notes []string
	for _, sum := range []struct {
		column string
		into   **int64
	}{
		{"official_day_received", &d.Received},
		{"official_cum_received", &d.CumulativeReceived},
		{"official_day_paid_out", &d.Spent},
		{"official_cum_paid_out", &d.CumulativeSpent},
	} {
		if finerThanFen(row, sum.column) {
			notes = append(notes, sum.column+" "+row.text(sum.column)+" CNY as stated: no whole number of fen")
		} else if *sum.into = row.optionalAmount(sum.column, "CNY"); *sum.into != nil {
			d.Currency = "CNY"
		}
	}
	d.Note = strings.Join(notes, "; ")
}

// finerThanFen reports a decimal number with three or four decimals.
func finerThanFen(row *record, column string) bool {
	_, err := row.opts.scaled(row.text(column), 2)
	if !errors.Is(err, money.ErrDecimal) {
		return false
	}
	_, err = row.opts.scaled(row.text(column), 4)
	return err == nil
}
