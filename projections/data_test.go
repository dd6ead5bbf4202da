package projections_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"civicledger/events/sources"
	"civicledger/projections"
	"civicledger/projections/agencies"
	"civicledger/projections/charity"
	"civicledger/projections/credit"
	"civicledger/projections/funds"
	"civicledger/projections/lottery"
	"civicledger/projections/projectionstest"
)

// imported puts what an importer says about a public file on the log.
func imported(t *testing.T, log *projectionstest.Log, kind, name string) {
	t.Helper()
	if testing.Short() {
		t.Skip("reads public data files; left out with -short")
	}
	f, err := os.Open(filepath.Join("..", "..", "shared", "data", name))
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("public data is not here: ../shared/data/%s", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	source, ok := sources.Lookup(kind)
	if !ok {
		t.Fatalf("no importer for %s", kind)
	}
	var lines [][]byte
	for row, err := range source.Read(context.Background(), f, sources.Options{Name: filepath.Base(name)}) {
		var bad *sources.RowError
		if err != nil && !errors.As(err, &bad) {
			t.Fatal(err)
		}
		if lines = append(lines, row.Events...); len(lines) >= 900 {
			log.Say("importer", lines...)
			lines = nil
		}
	}
	if len(lines) > 0 {
		log.Say("importer", lines...)
	}
}

func foldAll(t *testing.T, log *projectionstest.Log) *projections.View {
	t.Helper()
	began := time.Now()
	v := projectionstest.Fold(t, log, projections.DefaultBatch, agencies.New(), funds.New(), charity.New(), credit.New(), lottery.New())
	took := time.Since(began)
	t.Logf("%d entries in %v, %.0f a second; anomalies %v", log.Head().Size, took.Round(time.Millisecond),
		float64(log.Head().Size)/took.Seconds(), v.AnomalyCounts(projections.AnomalyFilter{}))
	return v
}

func TestPublic_Draws(t *testing.T) {
	log := projectionstest.NewLog(t)
	imported(t, log, "cwl-draws", "lottery_cn/ssq_cwl_full_2026-01-30.json")
	v := foldAll(t, log)
	states := map[string]int{}
	for _, d := range projectionstest.All(t, func(p projections.Page) (projections.Rows[lottery.Draw], error) {
		p.Limit = 500
		return lottery.From(v).Draws("ssq", lottery.DrawFilter{}, p)
	}) {
		states[d.Check.State]++
		if d.Check.State == lottery.Explain {
			t.Logf("%s remainder %d tolerance %d: %v", d.Draw, *d.Check.Remainder, *d.Check.Tolerance, d.Check.Explain)
		}
	}
	t.Logf("games %+v, states %v", lottery.From(v).Games(), states)
}

func TestPublic_Wuhan(t *testing.T) {
	log := projectionstest.NewLog(t)
	imported(t, log, "donations", "wuhan_redcross_2020/donations.csv.gz")
	imported(t, log, "goods", "wuhan_redcross_2020/goods_received.csv")
	imported(t, log, "goods", "wuhan_redcross_2020/goods_issued.csv")
	imported(t, log, "disclosures", "wuhan_redcross_2020/daily_totals_reported.csv")
	v := foldAll(t, log)
	rows, err := charity.From(v).Organisations(charity.OrganisationFilter{}, projections.Page{})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range rows.Items {
		t.Logf("%+v", o)
		for _, m := range o.Money {
			t.Logf("%+v", m)
		}
	}
	ds, _ := charity.From(v).Disclosures("", true, projections.Page{})
	for _, d := range ds.Items {
		t.Logf("%s..%s %v", d.From, d.To, d.Differs)
	}
}

func TestPublic_Statements(t *testing.T) {
	for _, bank := range []string{"agribank", "vietcombank"} {
		log := projectionstest.NewLog(t)
		imported(t, log, "bank-statement", "vn_mttq_statements/"+bank+".csv.gz")
		v := foldAll(t, log)
		rows, _ := funds.From(v).Statements("", projections.Page{})
		for _, s := range rows.Items {
			t.Logf("%+v", s)
		}
		as, _ := v.Anomalies(projections.AnomalyFilter{}, projections.Page{Limit: 20})
		for _, a := range as.Items {
			t.Logf("%+v %d %d", a, *a.Expected, *a.Actual)
		}
	}
}

func TestPublic_Others(t *testing.T) {
	log := projectionstest.NewLog(t)
	imported(t, log, "org-sanctions", "cn_org_credit/events.csv")
	v := foldAll(t, log)
	_ = v
}
