package sources

import (
	"strings"

	"civicledger/events/ident"
)

// divisions finds the GB/T 2260 code of an authority or of the scope of a
// figure by how its name begins; the first that fits counts.
var divisions = []struct{ prefix, code string }{
	{"民政部", "100000"},
	{"全国", "100000"},
	{"中央", "100000"},
	{"财政部", "100000"},
	{"审计署", "100000"},
	{"18省市", "100000"},
	{"同上", "100000"},
	{"国家", "100000"},
	{"济南市", "370100"},
	{"合肥市", "340100"},
	{"三明市", "350400"},
	{"泉州市", "350500"},
	{"漳州市", "350600"},
	{"庆阳市", "621000"},
	{"长沙市", "430100"},
	{"武汉市", "420100"},
	{"广州市", "440100"},
	{"深圳市", "440300"},
	{"成都市", "510100"},
	{"杭州市", "330100"},
	{"南京市", "320100"},
	{"西安市", "610100"},
	{"郑州市", "410100"},
	{"北京市", "110000"},
	{"天津市", "120000"},
	{"上海市", "310000"},
	{"重庆市", "500000"},
	{"河北", "130000"},
	{"山西", "140000"},
	{"内蒙古", "150000"},
	{"辽宁", "210000"},
	{"吉林", "220000"},
	{"黑龙江", "230000"},
	{"江苏", "320000"},
	{"浙江", "330000"},
	{"安徽", "340000"},
	{"福建", "350000"},
	{"江西", "360000"},
	{"山东", "370000"},
	{"河南", "410000"},
	{"湖北", "420000"},
	{"湖南", "430000"},
	{"广东", "440000"},
	{"广西", "450000"},
	{"海南", "460000"},
	{"四川", "510000"},
	{"贵州", "520000"},
	{"云南", "530000"},
	{"西藏", "540000"},
	{"陕西", "610000"},
	{"甘肃", "620000"},
	{"青海", "630000"},
	{"宁夏", "640000"},
	{"新疆", "650000"},
}

// division is the jurisdiction of a row that names an authority or a scope.
func (sp *speaker) division(column, name string) (string, error) {
	if sp.Jurisdiction != "" {
		return sp.Jurisdiction, nil
	}
	for _, d := range divisions {
		if strings.HasPrefix(name, d.prefix) {
			return d.code, nil
		}
	}
	return "", badCell(column, name, "has no jurisdiction in the table of this kind: give --jurisdiction with its GB/T 2260 code")
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
