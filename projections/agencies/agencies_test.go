package agencies_test

import (
	"testing"

	"civicledger/events/catalogue"
	"civicledger/events/ident"
	"civicledger/projections"
	"civicledger/projections/agencies"
	"civicledger/projections/projectionstest"
)

func opened(t *testing.T, id, corrects string) []byte {
	t.Helper()
	return projectionstest.Line(t, "office", "fund.opened.v1", id, corrects, &catalogue.FundOpened{
		Fund: "f-" + id, Name: "synthetic", Currency: "CNY", Holder: ident.OrgRef{Name: "民政局"},
	})
}

// What an agency said is counted whether it counts or not.
func TestAgencies_CountEverything(t *testing.T) {
	log := projectionstest.NewLog(t)
	log.Say("office", opened(t, "a", ""))
	log.Say("other", []byte(`{"id":"1","source":"urn:test:other","type":"fund.opened.v1","oops":1}`))
	last := log.Say("office", opened(t, "b", "a"), opened(t, "c", "nothing"), []byte(`{"id":"2","source":"urn:test:office","type":"fund.opened.v1","oops":1}`)) + 2
	for _, batch := range []int{1, 100} {
		v := projectionstest.Fold(t, log, batch, agencies.New())
		office, other := agencies.From(v).Agency("office"), agencies.From(v).Agency("other")
		if office == nil || office.Entries != 4 || office.LastIndex != last || len(office.Counts) != 2 || other == nil || other.Entries != 1 {
			t.Errorf("batches of %d: office %+v, other %+v", batch, office, other)
		}
		if l := agencies.From(v).Ledger(); l == nil || l.Origin != projectionstest.Origin || l.Entries != 6 {
			t.Errorf("batches of %d: ledger %+v", batch, l)
		}
	}
}

// What waits is counted against who said it, shown up to a bound, and all of it
// counts once the fact comes.
func TestAgencies_WaitingIsCounted(t *testing.T) {
	log := projectionstest.NewLog(t)
	budget := func(id string) []byte {
		return projectionstest.Line(t, "office", "budget.allocated.v1", id, "", &catalogue.BudgetAllocated{
			Fund: "f-z", Holder: ident.OrgRef{Name: "民政局"}, Amount: 1, Currency: "CNY", Year: 2026,
		})
	}
	const many = projections.MaxWaiting + 50
	var lines [][]byte
	for i := range many {
		if lines = append(lines, budget(string(rune('A'+i/1000))+string(rune('0'+i%1000/100))+string(rune('0'+i%100/10))+string(rune('0'+i%10)))); len(lines) == 50 {
			log.Say("office", lines...)
			lines = nil
		}
	}
	shown := func(v *projections.View) int {
		return v.AnomalyCounts(projections.AnomalyFilter{})[projections.CodeUnknownFund]
	}
	v := projectionstest.Fold(t, log, 300, agencies.New())
	if n := v.Waiting("office"); n != many || shown(v) != projections.MaxWaiting {
		t.Errorf("%d wait, %d are shown; want %d and %d", n, shown(v), many, projections.MaxWaiting)
	}
	if found := v.AnomaliesOf(1); len(found) != 1 || found[0].Waiting != "fund.opened of f-z" {
		t.Errorf("the first one: %v", found)
	}
	log.Say("other", projectionstest.Line(t, "other", "fund.opened.v1", "z", "", &catalogue.FundOpened{
		Fund: "f-z", Name: "synthetic", Currency: "CNY", Holder: ident.OrgRef{Name: "民政局"},
	}))
	v = projectionstest.Fold(t, log, 300, agencies.New())
	if n := v.Waiting("office"); n != 0 || shown(v) != 0 {
		t.Errorf("once the fund is there %d wait, %d are shown", n, shown(v))
	}
}
