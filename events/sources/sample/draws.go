package sample

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strconv"
	"strings"
)

// drawNotices writes draws.csv in the form in which the publisher answers, so
// that the sample goes the way of every import. In draws.csv a prize table is
// "WINNERSxPRIZE+PROMOTION" by tier, and line breaks of a message are " / ".
func drawNotices() []byte {
	rows, err := csv.NewReader(bytes.NewReader(read("draws.csv"))).ReadAll()
	if err != nil {
		panic(err)
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	var notices []map[string]any
	for _, row := range rows[1:] {
		cell := func(name string) string { return row[column[name]] }
		notice := map[string]any{
			"name": "双色球", "code": cell("draw"), "date": cell("date"),
			"red": strings.ReplaceAll(cell("red"), " ", ","), "blue": cell("blue"), "blue2": cell("blue2"),
			"sales": cell("sales"), "poolmoney": cell("pool"),
			"addmoney": cell("promotion"), "addmoney2": cell("promotion2"),
			"msg": strings.ReplaceAll(cell("message"), " / ", "\n"), "detailsLink": cell("notice"),
			"prizegrades": prizeGrades(cell("prizes")),
		}
		notice["z2add"], notice["m2add"] = prizeCells(cell("bonus"))
		notices = append(notices, notice)
	}
	text, err := json.Marshal(map[string]any{"result": notices})
	if err != nil {
		panic(err)
	}
	return text
}

func prizeGrades(table string) []map[string]any {
	var grades []map[string]any
	for i, one := range strings.Fields(table) {
		winners, amount := prizeCells(one)
		grades = append(grades, map[string]any{"type": strconv.Itoa(i + 1), "typenum": winners, "typemoney": amount})
	}
	return grades
}

func prizeCells(text string) (winners, amount string) {
	winners, amount, _ = strings.Cut(text, "x")
	if prize, promotion, ok := strings.Cut(amount, "+"); ok {
		amount = prize + "（含派奖" + promotion + "）"
	}
	return winners, amount
}
