package sources

import (
	"cmp"
	"fmt"
	"regexp"

	"civicledger/events/catalogue"
	"civicledger/events/ident"
)

var goodsSource = &Source{
	Kind:     "goods",
	Title:    "goods that a charity received or issued; told apart by the header (Wuhan Red Cross, 2020)",
	Types:    []string{"charity.donation.received.v1", "charity.goods.issued.v1"},
	Example:  "goods goods_received.csv --skip-bad --out goods.jsonl",
	zone:     zoneChina,
	defaults: wuhanRedCross,
	read: readTables(
		table{columns: []string{"row_id", "date", "donor_kind", "donor", "item", "spec", "unit", "quantity"}, key: "row_id", say: sayGoodsReceived},
		table{columns: []string{"row_id", "date", "recipient", "item", "spec", "unit", "quantity"}, key: "row_id", say: sayGoodsIssued},
	),
}

func sayGoodsReceived(sp *speaker, row *record) []said {
	goods := goodsOf(row)
	date, dateText := dayOf(row, row.text("sheet_period"))
	donor, note := sp.donor(row)
	name, subject := named(donor)
	from := provenance(row, "sheet_period", "")
	id := sp.identify(row, "goods-received", date, dateText, donor.Kind, name, goodsText(goods), note, from)
	d := catalogue.DonationReceived{
		Donation: id, Organisation: sp.Organisation, Campaign: sp.Campaign,
		Donor: donor, Goods: []catalogue.Goods{goods}, Date: date, DateText: dateText,
	}
	d.Note, d.Provenance = note, from
	return []said{{id: id, typ: "charity.donation.received.v1", date: date, subject: subject, data: d}}
}

func sayGoodsIssued(sp *speaker, row *record) []said {
	goods := goodsOf(row)
	date, dateText := dayOf(row, "")
	d := catalogue.GoodsIssued{
		Organisation: sp.Organisation, Campaign: sp.Campaign,
		Goods: []catalogue.Goods{goods}, Date: date, DateText: dateText,
	}
	d.Provenance = provenance(row, "sheet", "")
	subject, recipient := "", ""
	if text := row.text("recipient"); text != "" {
		if name, ok := publicBody(text); ok {
			d.Recipient = &ident.OrgRef{Name: name}
			subject, recipient = d.Recipient.Key(), name
		} else {
			d.Note = withheldNote
		}
	}
	d.Issue = sp.identify(row, "goods-issued", date, dateText, recipient, goodsText(goods), d.Note, d.Provenance)
	return []said{{id: d.Issue, typ: "charity.goods.issued.v1", date: date, subject: subject, data: d}}
}

func goodsText(g catalogue.Goods) string {
	return fmt.Sprintf("%q %q %q %s %q", g.Item, g.Spec, g.Unit, optional(g.QuantityMilli), g.QuantityText)
}

// publicBody is organisationName with the short names by which a city's own
// bodies are called.
func publicBody(text string) (string, bool) {
	if name, ok := organisationName(text); ok {
		return name, ok
	}
	return text, !listLike.MatchString(text) && bodyEnding.MatchString(text)
}

var bodyEnding = regexp.MustCompile(`(市|区|县|省|指挥部|医疗队|东院|院区|建设)$`)

// goodsOf is the one kind of goods of a row. The quantity is taken as a number
// only where the whole cell is one, with or without a unit behind it; the text
// of such a cell is kept.
func goodsOf(row *record) catalogue.Goods {
	g := catalogue.Goods{Item: row.text("item"), Spec: row.text("spec"), Unit: row.text("unit")}
	if g.Item == "" {
		row.bad("item", "", "is empty: the row names no goods; complete it from the row above it, or leave it out")
	}
	text := row.text("quantity")
	match := quantity.FindStringSubmatch(narrow(text))
	if match == nil {
		g.QuantityText = text
		return g
	}
	milli, err := row.opts.scaled(match[1], 3)
	if err != nil {
		row.bad("quantity", text, "%v", err)
	}
	g.QuantityMilli, g.Unit = &milli, cmp.Or(g.Unit, match[2])
	if match[2] != "" {
		g.QuantityText = text
	}
	return g
}

var quantity = regexp.MustCompile(`^([0-9][0-9.,]*)\s*(\p{L}*)$`)

// dayOf reads a date, or "up to the 28th" (截至28日) against the period of the
// sheet, whose last day it must be.
func dayOf(row *record, period string) (date, dateText string) {
	text := row.text("date")
	match := upTo.FindStringSubmatch(text)
	if match == nil {
		return text, ""
	}
	ends := periodEnd.FindStringSubmatch(period)
	if ends == nil || ends[3] != match[1] && ends[3] != "0"+match[1] {
		row.bad("date", text, "names no day of the period %q: write the day", period)
		return "", ""
	}
	return ends[1] + "-" + ends[2] + "-" + ends[3], text
}

var (
	upTo      = regexp.MustCompile(`^截至([0-9]{1,2})日$`)
	periodEnd = regexp.MustCompile(`^([0-9]{4})-[0-9]{2}-[0-9]{2}\.\.([0-9]{2})-([0-9]{2})$`)
)
