package sources

import (
	"strconv"
	"strings"

	"civicledger/events/catalogue"
)

var welfareFundSource = &Source{
	Kind:    "welfare-fund",
	Title:   "figures of announcements about the lotteries' public welfare fund, 2008 to 2023",
	Types:   []string{"lottery.welfare_fund.collected.v1", "lottery.welfare_fund.allocated.v1", "lottery.welfare_fund.spent.v1"},
	Example: "welfare-fund facts.csv --out welfare-fund.jsonl",
	zone:    zoneChina,
	read: readTables(table{
		columns: []string{"fact_id", "scope", "year", "kind", "item", "amount", "unit"},
		key:     "fact_id",
		say:     sayWelfareFund,
	}),
}

// unitScale is the number of decimals that make a figure in the unit fen.
var unitScale = map[string]int{"元": 2, "万元": 6, "亿元": 10}

func sayWelfareFund(sp *speaker, row *record) []said {
	scope := row.text("scope")
	place := sp.division(row, "scope")
	figure, year := readFigure(row)
	figure.Scope = scope
	var common catalogue.Common
	common.Evidence, common.Note = webAddress(row, "url")
	typ, data := figureEvent(row.text("kind"), figure, common)
	if typ == "" {
		row.bad("kind", row.text("kind"), "is no measure this kind knows")
	}
	id := sp.identify(row, "figure", scope, year, figure.Measure, figure.Item, figure.StatedAmount, figure.StatedUnit, figure.Statement,
		common.Evidence, common.Note)
	return []said{{id: id, typ: typ, date: year + "-12-31", jurisdiction: place, data: data}}
}

func readFigure(row *record) (f catalogue.WelfareFundFigure, year string) {
	unit := row.text("unit")
	scale, ok := unitScale[unit]
	if !ok {
		row.bad("unit", unit, "is none of 元, 万元, 亿元")
	}
	amount, err := row.opts.scaled(row.text("amount"), scale)
	if err != nil {
		row.bad("amount", row.text("amount"), "%v: a figure in %s that is a whole number of fen is needed", err, unit)
	}
	year = row.number("year")
	number, err := strconv.ParseInt(year, 10, 64)
	if err != nil || !yearOnly.MatchString(year) {
		row.bad("year", year, "is not a year")
	}
	return catalogue.WelfareFundFigure{
		Year: number, Measure: strings.ReplaceAll(row.text("kind"), "_", "-"), Item: row.text("item"),
		Amount: amount, Currency: "CNY", StatedAmount: row.text("amount"), StatedUnit: unit,
		Statement: row.text("source_title"),
	}, year
}

// figureEvent chooses the type: what came in and what is left of it, what was
// given out, what was spent. The measure keeps the file's own word.
func figureEvent(kind string, f catalogue.WelfareFundFigure, common catalogue.Common) (string, any) {
	switch kind {
	case "collected", "sales", "central_income", "local_income", "unclaimed", "special_fund":
		if f.Item == "支出" {
			return "lottery.welfare_fund.spent.v1", catalogue.WelfareFundSpent{WelfareFundFigure: f, Common: common}
		}
		return "lottery.welfare_fund.collected.v1", catalogue.WelfareFundCollected{WelfareFundFigure: f, Common: common}
	case "allocated", "budget":
		return "lottery.welfare_fund.allocated.v1", catalogue.WelfareFundAllocated{WelfareFundFigure: f, Common: common}
	case "spent", "spent_welfare", "spent_sports", "audit":
		return "lottery.welfare_fund.spent.v1", catalogue.WelfareFundSpent{WelfareFundFigure: f, Common: common}
	}
	return "", nil
}
