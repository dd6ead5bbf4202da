package projectionstest

import (
	"fmt"
	"math/rand/v2"

	"civicledger/events/catalogue"
	"civicledger/events/ident"
)

// codes are two sound codes of the check-digit examples of GB 32100-2015.
var codes = []string{"12100000401359321Q", "91350100M000100Y43"}

// anyOrg is known by its code, its name or both.
func anyOrg(r *rand.Rand) ident.OrgRef {
	i := r.IntN(2)
	o := ident.OrgRef{Code: codes[i], Name: []string{"社团甲", "社团乙", "社团丙"}[r.IntN(3)]}
	switch r.IntN(3) {
	case 0:
		o.Code = ""
	case 1:
		o.Name = ""
	}
	return o
}

// Credit makes events about organisations.
var Credit = map[string]func(*rand.Rand) any{
	"organisation.registered.v1": func(r *rand.Rand) any {
		i := r.IntN(2)
		d := &catalogue.OrganisationRegistered{
			Organisation: ident.OrgRef{Code: codes[i], Name: pick(r, []string{"社团甲", "社团乙"}[i], "基金会一", "民政局二", "财政局三")},
			Kind:         "foundation", Registrar: ident.OrgRef{Name: "民政局"}, RegisteredOn: day(r),
		}
		if r.IntN(3) == 0 {
			d.FormerNames = []string{"社团丙"}
		}
		return d
	},
	"organisation.annual_report.filed.v1": func(r *rand.Rand) any {
		return &catalogue.AnnualReportFiled{Organisation: anyOrg(r), Year: 2020 + r.Int64N(5), FiledOn: day(r)}
	},
	"organisation.rectification.ordered.v1": func(r *rand.Rand) any {
		on := day(r)
		return &catalogue.RectificationOrdered{
			Order: fmt.Sprintf("o%d", r.IntN(6)), Organisation: anyOrg(r), By: ident.OrgRef{Name: "民政局"}, OrderedOn: on, Due: max(on, day(r)), Matter: "synthetic",
		}
	},
	"organisation.rectification.accepted.v1": func(r *rand.Rand) any {
		return &catalogue.RectificationAccepted{Order: fmt.Sprintf("o%d", r.IntN(6)), Organisation: anyOrg(r), By: ident.OrgRef{Name: "民政局"}, AcceptedOn: day(r)}
	},
	"organisation.penalised.v1": func(r *rand.Rand) any {
		return &catalogue.OrganisationPenalised{Penalty: fmt.Sprintf("p%d", r.IntN(6)), Organisation: anyOrg(r), By: ident.OrgRef{Name: "民政局"}, Kind: "warning", DecidedOn: day(r), Cause: "synthetic"}
	},
	"organisation.listed.v1": func(r *rand.Rand) any {
		list := pick(r, "abnormal", "serious")
		return &catalogue.OrganisationListed{
			List: list, Circumstance: map[string]string{"abnormal": "A1", "serious": "B4"}[list], Organisation: anyOrg(r),
			By: ident.OrgRef{Name: "民政局"}, DecidedOn: day(r), Cause: "synthetic",
		}
	},
	"organisation.delisted.v1": func(r *rand.Rand) any {
		return &catalogue.OrganisationDelisted{List: pick(r, "abnormal", "serious"), Organisation: anyOrg(r), By: ident.OrgRef{Name: "民政局"}, DecidedOn: day(r), Reason: "rectified"}
	},
	"organisation.deregistered.v1": func(r *rand.Rand) any {
		return &catalogue.OrganisationDeregistered{Organisation: anyOrg(r), By: ident.OrgRef{Name: "民政局"}, Date: day(r)}
	},
}

// Lottery makes notices of draws and figures of the welfare fund.
var Lottery = map[string]func(*rand.Rand) any{
	"lottery.draw.settled.v1": func(r *rand.Rand) any {
		year := 2025 + r.IntN(2)
		return &catalogue.DrawSettled{
			Game: "ssq", Draw: fmt.Sprintf("%d%03d", year, 1+r.IntN(12)), DrawnOn: fmt.Sprintf("%d-12-%02d", year, 28+r.IntN(4)),
			Numbers: catalogue.Numbers{Red: []int64{1, 2, 3, 4, 5, 6}, Blue: []int64{7}}, DrawFigures: figures(r),
		}
	},
	"lottery.draw.supplemented.v1": func(r *rand.Rand) any {
		f := figures(r)
		f.Message = "synthetic"
		return &catalogue.DrawSupplemented{Game: "ssq", Draw: fmt.Sprintf("%d%03d", 2025+r.IntN(2), 1+r.IntN(12)), DrawFigures: f}
	},
	"lottery.welfare_fund.collected.v1": func(r *rand.Rand) any {
		return &catalogue.WelfareFundCollected{WelfareFundFigure: catalogue.WelfareFundFigure{
			Scope: "全国", Year: 2020 + r.Int64N(3), Measure: "collected", Item: pick(r, "甲", "乙"), Amount: r.Int64N(2), Currency: "CNY",
		}}
	},
	"lottery.welfare_fund.spent.v1": func(r *rand.Rand) any {
		return &catalogue.WelfareFundSpent{To: pick(r, "", "丙"), WelfareFundFigure: catalogue.WelfareFundFigure{
			Scope: "全国", Year: 2020, Measure: "spent", Item: "甲", Amount: r.Int64N(2), Currency: "CNY",
		}}
	},
}

func figures(r *rand.Rand) catalogue.DrawFigures {
	f := catalogue.DrawFigures{Currency: "CNY", Sales: maybe(r, 200*r.Int64N(2)), Pool: maybe(r, r.Int64N(300))}
	if r.IntN(2) == 0 {
		f.Prizes = []catalogue.Prize{{Tier: 1, Winners: r.Int64N(2), Each: r.Int64N(100)}, {Tier: 3, Winners: 1, Each: 100 * (2999 + r.Int64N(2))}}
	}
	return f
}
