// Package sample is a small body of events that ships with the product, so that
// a bare clone has something to show.
//
// It is for `civicledger demo` and for tests. Lottery draws, sanctions and
// welfare-fund figures are real and name their source (SOURCES.md); subsidies,
// people, donations and the organisations of the charity sample are invented
// and say `synthetic: true`. It refuses to speak for anybody: every agency here
// is called a sample, and no token stands for a person.
package sample

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"slices"
	"sync"

	"civicledger/events/sources"
)

//go:embed draws.csv sanctions.csv welfare_fund.csv
var files embed.FS

// Agency is who says a part of the sample.
type Agency struct {
	Name          string   // as in subjects and headers
	Title         string   // for people
	Jurisdictions []string // it is enrolled for
	Types         []string
	Source        string // URI that its event sources lie under
}

const sourceBase = "https://sample.civicledger.example/"

var agencies = []Agency{
	{"bj-mzj-sample", "北京市民政局（样例）", []string{"110000"}, []string{"fund.*", "budget.*", "transfer.*", "subsidy.*", "person.*"}, sourceBase + "bj-mzj"},
	{"haidian-mzj-sample", "海淀区民政局（样例）", []string{"110108"}, []string{"transfer.*", "subsidy.*", "recovery.*", "kin.*"}, sourceBase + "haidian-mzj"},
	{"chaoyang-mzj-sample", "朝阳区民政局（样例）", []string{"110105"}, []string{"transfer.*", "subsidy.*", "recovery.*", "kin.*"}, sourceBase + "chaoyang-mzj"},
	{"cwl-sample", "福利彩票开奖公告（样例）", []string{"100000"}, []string{"lottery.*"}, sourceBase + "cwl"},
	{"notices-sample", "公开通告摘录（样例）", []string{"*"}, []string{"organisation.*", "lottery.welfare_fund.*"}, sourceBase + "notices"},
	{"charity-sample", "示例慈善会（虚构）", []string{"110000"}, []string{"charity.*", "fund.*", "account.*"}, sourceBase + "charity"},
}

// Agencies lists who speaks, in the order in which they are to be loaded.
func Agencies() []Agency { return slices.Clone(agencies) }

var spoken = sync.OnceValue(func() map[string][][]byte {
	all := map[string][][]byte{
		"bj-mzj-sample":       city(),
		"haidian-mzj-sample":  haidian(),
		"chaoyang-mzj-sample": chaoyang(),
		"charity-sample":      charity(),
		"cwl-sample":          facts("cwl-sample", "cwl-draws", "draws.json", drawNotices()),
	}
	all["notices-sample"] = append(
		facts("notices-sample", "org-sanctions", "sanctions.csv", read("sanctions.csv")),
		facts("notices-sample", "welfare-fund", "welfare_fund.csv", read("welfare_fund.csv"))...)
	return all
})

// Events are the lines of an agency in the order in which it says them, the
// same bytes in every run; nil for an agency that is none of the sample. The
// caller must not change them.
func Events(agency string) [][]byte { return spoken()[agency] }

func agencyOf(name string) Agency {
	return agencies[slices.IndexFunc(agencies, func(a Agency) bool { return a.Name == name })]
}

// read returns an embedded file; a missing one does not compile.
func read(name string) []byte {
	text, err := files.ReadFile(name)
	if err != nil {
		panic(err)
	}
	return text
}

// facts says an embedded file by the source of its kind. A row that cannot be
// said is a bug of this package, which its tests find.
func facts(agency, kind, name string, text []byte) [][]byte {
	source, ok := sources.Lookup(kind)
	if !ok {
		panic("sample: no kind " + kind)
	}
	var lines [][]byte
	opts := sources.Options{Name: name, SourceURI: agencyOf(agency).Source}
	for row, err := range source.Read(context.Background(), bytes.NewReader(text), opts) {
		if err != nil {
			panic(fmt.Sprintf("sample: %v", err))
		}
		lines = append(lines, row.Events...)
	}
	return lines
}
