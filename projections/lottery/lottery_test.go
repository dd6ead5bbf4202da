package lottery_test

import (
	"testing"

	"civicledger/events/catalogue"
	"civicledger/projections"
	"civicledger/projections/lottery"
	"civicledger/projections/projectionstest"
)

func fresh() projections.Projection { return lottery.New() }

func settled(id, draw, on string, sales, pool int64) projectionstest.Said {
	return projectionstest.Said{ID: id, Type: "lottery.draw.settled.v1", Data: &catalogue.DrawSettled{
		Game: "ssq", Draw: draw, DrawnOn: on, Numbers: catalogue.Numbers{Red: []int64{1, 2, 3, 4, 5, 6}, Blue: []int64{7}},
		DrawFigures: catalogue.DrawFigures{
			Currency: "CNY", Sales: &sales, Pool: &pool, Prizes: []catalogue.Prize{{Tier: 1, Winners: 1, Each: 100}},
		},
	}}
}

// The notice with the earlier legal date counts; the draw after it is held
// against it, and its lead has the amount that the draw shows.
func TestLottery_TwoNoticesOfOneDraw(t *testing.T) {
	projectionstest.EveryOrder(t, []projectionstest.Said{
		settled("second", "2026001", "2026-01-02", 9, 9), settled("first", "2026001", "2026-01-01", 200, 1000), settled("next", "2026002", "2026-01-03", 200, 1_000_000_00),
	}, fresh, func(v *projections.View, places map[string]uint64) {
		d, next := lottery.From(v).Draw("ssq", "2026001"), lottery.From(v).Draw("ssq", "2026002")
		if *d.Sales != 200 || *d.Settled != places["first"] || *next.Check.PoolBefore != 1000 {
			t.Errorf("draw %+v, next %+v", d, next.Check)
		}
		if found := v.AnomaliesOf(places["second"]); len(found) != 1 || found[0].Code != projections.CodeSettledTwice {
			t.Errorf("the second notice: %v", found)
		}
		found := v.AnomaliesOf(places["next"])
		if len(found) != 1 || found[0].Code != lottery.CodeMoneyIdentity || *found[0].Actual-*found[0].Expected != *next.Check.Remainder {
			t.Errorf("the next draw: %v, remainder %d", found, *next.Check.Remainder)
		}
	})
}

func TestLottery_SupplementsByLegalDate(t *testing.T) {
	sales, other := int64(200), int64(400)
	supplement := func(id string, n *int64) projectionstest.Said {
		return projectionstest.Said{ID: id, Type: "lottery.draw.supplemented.v1", Data: &catalogue.DrawSupplemented{
			Game: "ssq", Draw: "2026001", DrawFigures: catalogue.DrawFigures{Currency: "CNY", Injected: n},
		}}
	}
	counts := map[int64]bool{}
	projectionstest.EveryOrder(t, []projectionstest.Said{supplement("a", &sales), supplement("b", &other), settled("s", "2026001", "2026-01-01", 1, 1)}, fresh,
		func(v *projections.View, places map[string]uint64) {
			d := lottery.From(v).Draw("ssq", "2026001")
			counts[*d.Injected] = true
			conflicts := v.AnomalyCounts(projections.AnomalyFilter{})[lottery.CodeFigureConflict]
			if conflicts != 1 || len(d.Supplements) != 2 || len(counts) != 1 {
				t.Errorf("%d conflicts, supplements %v, counted %v", conflicts, d.Supplements, counts)
			}
		})
}

// A publisher that corrects the first notice again means its latest word.
func TestLottery_CorrectedTwice(t *testing.T) {
	log := projectionstest.NewLog(t)
	var last uint64
	for _, w := range []struct {
		id, corrects string
		sales        int64
	}{{"n", "", 1}, {"n2", "n", 2}, {"n3", "n", 3}} {
		d := settled(w.id, "2026001", "2026-01-01", w.sales, 1)
		last = log.Say("centre", projectionstest.Line(t, "centre", d.Type, w.id, w.corrects, d.Data))
	}
	for _, batch := range []int{1, 100} {
		v := projectionstest.Fold(t, log, batch, lottery.New())
		d := lottery.From(v).Draw("ssq", "2026001")
		if by, ok := v.CorrectedBy(last - 1); *d.Sales != 3 || !ok || by != last || len(v.AnomalyCounts(projections.AnomalyFilter{})) != 0 {
			t.Errorf("sales %d, the second notice gave way to %d: want the third figure, without a word against it", *d.Sales, by)
		}
	}
}

func TestLottery_FiguresByLegalDate(t *testing.T) {
	figure := func(id, on string, amount int64) projectionstest.Said {
		return projectionstest.Said{ID: id, Type: "lottery.welfare_fund.collected.v1", Data: &catalogue.WelfareFundCollected{WelfareFundFigure: catalogue.WelfareFundFigure{
			Scope: "全国", Year: 2020, Measure: "collected", Item: "甲", Amount: amount, Currency: "CNY", Date: on,
		}}}
	}
	projectionstest.EveryOrder(t, []projectionstest.Said{figure("late", "2021-05-02", 2), figure("first", "2021-05-01", 1), figure("same", "2021-05-03", 1)}, fresh,
		func(v *projections.View, places map[string]uint64) {
			rows, err := lottery.From(v).Figures(lottery.FigureFilter{}, projections.Page{})
			if err != nil || len(rows.Items) != 1 || rows.Items[0].Amount != 1 || !rows.Items[0].Differs {
				t.Fatalf("figures %+v, %v", rows.Items, err)
			}
			if found := v.AnomaliesOf(places["late"]); len(found) != 1 || *found[0].Other != places["first"] {
				t.Errorf("found %v", found)
			}
		})
}
