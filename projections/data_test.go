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
	for row, err := range source.Read(context.Background(), f, sources.Options{Name: filepath.Base(name), Account: "trial"}) {
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
	states, causes := map[string]int{}, map[string]int{}
	for _, d := range projectionstest.All(t, func(p projections.Page) (projections.Rows[lottery.Draw], error) {
		return lottery.From(v).Draws("ssq", lottery.DrawFilter{}, p)
	}) {
		states[d.Check.State]++
		for _, cause := range d.Check.Explain {
			causes[cause]++
		}
	}
	if states[lottery.Holds] != 1953 || states[lottery.Explain] != 17 || states[lottery.Unchecked] != 1 {
		t.Errorf("states %v, want 1953 that hold, 17 to explain and the first, which has no draw before it", states)
	}
	if causes["unexplained"] != 0 || causes["second-prize-floor"] != 9 || causes["rounding"] != 8 {
		t.Errorf("causes %v, want 9 second prizes at their floor, 8 roundings and nothing unexplained", causes)
	}
	if n := v.AnomalyCounts(projections.AnomalyFilter{}); n[lottery.CodeFixedPrize] != 0 {
		t.Errorf("%d fixed prizes differ from the rules, want none", n[lottery.CodeFixedPrize])
	}
}

func TestPublic_Wuhan(t *testing.T) {
	log := projectionstest.NewLog(t)
	imported(t, log, "donations", "wuhan_redcross_2020/donations.csv.gz")
	imported(t, log, "goods", "wuhan_redcross_2020/goods_received.csv")
	imported(t, log, "goods", "wuhan_redcross_2020/goods_issued.csv")
	imported(t, log, "disclosures", "wuhan_redcross_2020/daily_totals_reported.csv")
	v := foldAll(t, log)
	rows, err := charity.From(v).Organisations(charity.OrganisationFilter{}, projections.Page{})
	if err != nil || len(rows.Items) != 1 {
		t.Fatalf("%d charities, %v: want one", len(rows.Items), err)
	}
	o := rows.Items[0]
	if o.GoodsReceived != 1424 || o.GoodsIssued != 469 || o.Disclosures != 28 || len(o.Money) != 2 {
		t.Errorf("charity %+v", o)
	}
	for i, want := range []charity.Money{
		{Currency: "CNY", Received: 1_169_615_274_57, ReceivedCount: 215_919},
		{Currency: "USD", Received: 33_133_00, ReceivedCount: 2},
	} {
		if got := o.Money[i]; got.Currency != want.Currency || got.Received != want.Received || got.ReceivedCount != want.ReceivedCount {
			t.Errorf("money %+v, want %+v", *got, want)
		}
	}
	funded := int64(0)
	for a := range funds.From(v).AllAccounts() {
		if a.Holder == o.Organisation && a.Currency == "CNY" {
			funded += a.Balance
		}
	}
	if funded != o.Money[0].Received {
		t.Errorf("accounts hold %d, donations are %d", funded, o.Money[0].Received)
	}
	differ, err := charity.From(v).Disclosures(o.Organisation, true, projections.Page{})
	if err != nil || len(differ.Items) == 0 {
		t.Errorf("%d disclosures differ from the detail, %v: the file has several", len(differ.Items), err)
	}
}

func TestPublic_Statements(t *testing.T) {
	for bank, want := range map[string]struct{ breaks, balance, rows int64 }{
		"agribank":    {5, 43_553_131_897, 42_493}, // a running balance on every row
		"vietcombank": {0, 19_620_261_427, 9},      // balances of days
	} {
		log := projectionstest.NewLog(t)
		imported(t, log, "bank-statement", "vn_mttq_statements/"+bank+".csv.gz")
		v := foldAll(t, log)
		rows, err := funds.From(v).Statements("", projections.Page{})
		if err != nil || len(rows.Items) != 1 {
			t.Fatalf("%s: %d statements, %v", bank, len(rows.Items), err)
		}
		if s := rows.Items[0]; s.Breaks != want.breaks || s.Balance != want.balance || s.Rows != want.rows {
			t.Errorf("%s: %+v, want %+v", bank, *s, want)
		}
	}
}

func TestPublic_ReliefPayments(t *testing.T) {
	log := projectionstest.NewLog(t)
	imported(t, log, "relief-payments", "us_ga_ppp_eidl/ga_ppp.csv.gz")
	v := foldAll(t, log)
	var paid, count int64
	for _, s := range projectionstest.All(t, func(p projections.Page) (projections.Rows[funds.Subsidy], error) {
		return funds.From(v).Subsidies(funds.SubsidyFilter{}, p)
	}) {
		paid += s.Paid - s.Reversed
		count += s.PaidCount + s.ReversedCount
	}
	out := int64(0)
	for a := range funds.From(v).AllAccounts() {
		if a.Holder == funds.OutsideRecipients {
			out += a.Balance
		}
	}
	if paid != out || count == 0 {
		t.Errorf("subsidies are %d in %d payments, recipients have %d", paid, count, out)
	}
}

func TestPublic_SanctionsAndWelfareFund(t *testing.T) {
	log := projectionstest.NewLog(t)
	imported(t, log, "org-sanctions", "cn_org_credit/events.csv")
	imported(t, log, "welfare-fund", "cn_welfare_fund/facts.csv")
	v := foldAll(t, log)
	listed := map[string]int{}
	warnedTwice := 0
	for _, o := range projectionstest.All(t, func(p projections.Page) (projections.Rows[credit.Organisation], error) {
		return credit.From(v).Organisations(credit.Filter{}, p)
	}) {
		for _, list := range []string{credit.Abnormal, credit.Serious} {
			if o.On(list).Listed {
				listed[list]++
			}
		}
		if len(o.Penalties) > 1 {
			warnedTwice++
		}
	}
	if listed[credit.Abnormal] == 0 || listed[credit.Serious] == 0 || warnedTwice == 0 {
		t.Errorf("listed %v, %d punished more than once: the file has some of each", listed, warnedTwice)
	}
	figures := projectionstest.All(t, func(p projections.Page) (projections.Rows[lottery.Figure], error) {
		return lottery.From(v).Figures(lottery.FigureFilter{}, p)
	})
	statements := 0
	for _, f := range figures {
		statements += len(f.Statements)
	}
	if statements != 220 { // one fact is of the scope 同上, which is no place
		t.Errorf("%d statements about %d figures, the file has 220 facts of a place", statements, len(figures))
	}
}
