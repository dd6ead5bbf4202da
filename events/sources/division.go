package sources

import (
	_ "embed"
	"regexp"
	"strings"

	"civicledger/events/ident"
)

// places are the whole names that this kind knows, by GB/T 2260 code. A name
// that only begins like one of them is another place (海南藏族自治州 is not in
// 海南, nor 河南蒙古族自治县 in 河南).
var places = func() map[string]string {
	table, code := map[string]string{}, ""
	for _, word := range strings.Fields(placeTable) {
		if ident.IsJurisdiction(word) {
			code = word
		} else {
			table[word] = code
		}
	}
	return table
}()

//go:embed places.txt
var placeTable string

// Offices that stand behind the whole name of a place: 厅 is an office of a
// province, 局 of what is called a city or is named in full, so that a short
// name of a province is not taken for a county's.
var (
	officeBehind = regexp.MustCompile(`^(.+?)(民政厅|财政厅|审计厅|本级|专项|福彩|体彩)$`)
	bureauBehind = regexp.MustCompile(`^(.+[市省区])(民政局|财政局|审计局)$`)
)

// division is the jurisdiction of a row that names an authority or a scope.
func (sp *speaker) division(row *record, column string) string {
	if sp.Jurisdiction != "" {
		return sp.Jurisdiction
	}
	name := row.text(column)
	place := name
	for _, office := range []*regexp.Regexp{officeBehind, bureauBehind} {
		if match := office.FindStringSubmatch(name); match != nil {
			place = match[1]
		}
	}
	code, ok := places[place]
	if !ok {
		row.bad(column, name, "is no place that this kind knows by its whole name: give --jurisdiction with its GB/T 2260 code")
	}
	return code
}

// webAddress is the cell where it is a URL; what else stands there ("no
// address given") is a remark.
func webAddress(row *record, column string) (url, remark string) {
	text := row.text(column)
	web := strings.HasPrefix(text, "http://") || strings.HasPrefix(text, "https://")
	switch {
	case text == "":
		return "", ""
	case web && ident.IsURI(text) && len(text) <= 500:
		return text, ""
	}
	return "", column + ": " + text
}
