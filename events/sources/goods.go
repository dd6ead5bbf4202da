package sources

import (
	"regexp"
	"strings"

	"civicledger/events/catalogue"
	"civicledger/events/ident"
	"civicledger/events/money"
)

var goodsSource = &Source{
	Kind:    "goods",
	Title:   "goods that a charity received or issued; told apart by the header (Wuhan Red Cross, 2020)",
	Types:   []string{"charity.donation.received.v1", "charity.goods.issued.v1"},
	Example: "goods goods_received.csv --skip-bad --out goods.jsonl",
	zone:    zoneChina,
	defaults: Options{
		Jurisdiction: wuhanDivision,
		Organisation: ident.OrgRef{Name: wuhan},
	},
	read: readTables(
		table{columns: []string{"row_id", "date", "donor_kind", "donor", "item", "spec", "unit", "quantity"}, key: "row_id", say: sayGoodsReceived},
		table{columns: []string{"row_id", "date", "recipient", "item", "spec", "unit", "quantity"}, key: "row_id", say: sayGoodsIssued},
	),
}

func sayGoodsReceived(sp *speaker, row *record) ([]said, error) {
	id := row.text("row_id")
	goods, err := goodsOf(row)
	if err != nil {
		return nil, err
	}
	date, dateText, err := dayOf(row.text("date"), row.text("sheet_period"))
	if err != nil {
		return nil, err
	}
	donor, note, err := sp.donor(row)
	if err != nil {
		return nil, err
	}
	d := catalogue.DonationReceived{
		Donation: id, Organisation: sp.Organisation, Campaign: sp.Campaign,
		Donor: donor, Goods: goods, Date: date, DateText: dateText,
	}
	d.Note = note
	d.Provenance = provenance(row, sp, "sheet_period", "")
	return []said{{id: id, typ: "charity.donation.received.v1", date: date, subject: donorKey(donor), data: d}}, nil
}

func sayGoodsIssued(sp *speaker, row *record) ([]said, error) {
	id := row.text("row_id")
	goods, err := goodsOf(row)
	if err != nil {
		return nil, err
	}
	date, dateText, err := dayOf(row.text("date"), "")
	if err != nil {
		return nil, err
	}
	d := catalogue.GoodsIssued{
		Issue: id, Organisation: sp.Organisation, Campaign: sp.Campaign,
		Goods: goods, Date: date, DateText: dateText,
	}
	d.Provenance = provenance(row, sp, "sheet", "")
	subject := ""
	if text := row.text("recipient"); text != "" {
		if name, ok := publicBody(text); ok {
			d.Recipient = &ident.OrgRef{Name: name}
			subject = d.Recipient.Key()
		} else {
			d.Note = withheldNote
		}
	}
	return []said{{id: id, typ: "charity.goods.issued.v1", date: date, subject: subject, data: d}}, nil
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
func goodsOf(row *record) ([]catalogue.Goods, error) {
	g := catalogue.Goods{Item: row.text("item"), Spec: row.text("spec"), Unit: row.text("unit")}
	if g.Item == "" {
		return nil, badCell("item", "", "is empty: the row names no goods; complete it from the row above it, or leave it out")
	}
	if err := countGoods(&g, row.text("quantity"), row.number("quantity")); err != nil {
		return nil, err
	}
	return []catalogue.Goods{g}, nil
}

var quantity = regexp.MustCompile(`^([0-9]+(?:\.[0-9]{1,3})?)\s*(\D*)$`)

func countGoods(g *catalogue.Goods, text, plain string) error {
	if text == "" {
		return nil
	}
	match := quantity.FindStringSubmatch(plain)
	if match == nil {
		g.QuantityText = text
		return nil
	}
	milli, err := money.ParseScaled(match[1], 3)
	if err != nil {
		return badCell("quantity", text, "%v", err)
	}
	g.QuantityMilli = &milli
	if match[2] != "" {
		g.QuantityText = text
	}
	if g.Unit == "" {
		g.Unit = strings.TrimSpace(match[2])
	}
	return nil
}

// dayOf reads a date, or "up to the 28th" (截至28日) against the period of the
// sheet, whose last day it must be.
func dayOf(text, period string) (date, dateText string, err error) {
	match := upTo.FindStringSubmatch(text)
	if match == nil {
		return text, "", nil
	}
	ends := periodEnd.FindStringSubmatch(period)
	if ends == nil || ends[3] != match[1] && ends[3] != "0"+match[1] {
		return "", "", badCell("date", text, "names no day of the period %q: write the day", period)
	}
	return ends[1] + "-" + ends[2] + "-" + ends[3], text, nil
}

var (
	upTo      = regexp.MustCompile(`^截至([0-9]{1,2})日$`)
	periodEnd = regexp.MustCompile(`^([0-9]{4})-[0-9]{2}-[0-9]{2}\.\.([0-9]{2})-([0-9]{2})$`)
)
