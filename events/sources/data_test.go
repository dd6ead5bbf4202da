package sources

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"civicledger/events"
	"civicledger/events/catalogue"
	"civicledger/events/ident"
	"civicledger/events/money"
)

// publicData opens a file of the public data set, or skips the test.
func publicData(t *testing.T, name string) *os.File {
	t.Helper()
	if testing.Short() {
		t.Skip("reads public data files; left out with -short")
	}
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "data", name))
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("public data is not here: ../shared/data/%s", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// imported is what became of a file.
type imported struct {
	rows, bad, same int
	events          map[string]int // by type
	badLines        []*RowError
}

// importAll reads a public file and gives every event to each.
func importAll(t *testing.T, kind, name string, opts Options, each func(e *events.Event)) imported {
	t.Helper()
	source, ok := Lookup(kind)
	if !ok {
		t.Fatalf("no kind %s", kind)
	}
	f := publicData(t, name)
	opts.Name = filepath.Base(name)
	got := imported{events: map[string]int{}}
	for row, err := range source.Read(context.Background(), f, opts) {
		if !row.Preamble {
			got.rows++
		}
		var bad *RowError
		switch {
		case errors.As(err, &bad):
			got.bad++
			got.badLines = append(got.badLines, bad)
		case err != nil:
			t.Fatal(err)
		case len(row.Events) == 0:
			got.same++
		}
		for _, line := range row.Events {
			e, problems := events.Parse(line)
			if problems != nil {
				t.Fatalf("line %d: %v", row.Line, problems)
			}
			got.events[e.Type]++
			each(e)
		}
	}
	return got
}

func decode[T any](t *testing.T, e *events.Event) T {
	t.Helper()
	d, err := catalogue.Decode[T](e)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// fileRows reads a CSV file the plain way, as a second opinion.
func fileRows(t *testing.T, name string) []map[string]string {
	t.Helper()
	var r io.Reader = publicData(t, name)
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		r = z
	}
	all, err := csv.NewReader(r).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]map[string]string, 0, len(all)-1)
	for _, values := range all[1:] {
		row := make(map[string]string, len(values))
		for i, value := range values {
			row[all[0][i]] = value
		}
		rows = append(rows, row)
	}
	return rows
}

// tally adds decimals exactly, by key.
type tally map[string]*big.Rat

func (s tally) add(t *testing.T, key, decimal string) {
	t.Helper()
	amount, ok := new(big.Rat).SetString(decimal)
	if !ok {
		t.Fatalf("%q is no decimal", decimal)
	}
	if s[key] == nil {
		s[key] = new(big.Rat)
	}
	s[key].Add(s[key], amount)
}

func (s tally) minor(t *testing.T, key string, amount int64, currency string) {
	t.Helper()
	s.add(t, key, money.Format(amount, currency))
}

func (s tally) equal(t *testing.T, want tally, what string) {
	t.Helper()
	if len(s) != len(want) {
		t.Errorf("%s: %d sums, want %d", what, len(s), len(want))
	}
	for key, sum := range want {
		if s[key] == nil || s[key].Cmp(sum) != 0 {
			t.Errorf("%s %s: sum %v, the file has %s", what, key, s[key], sum.FloatString(4))
		}
	}
}

func (got imported) expect(t *testing.T, rows, bad int, want map[string]int) {
	t.Helper()
	if got.rows != rows || got.bad != bad {
		t.Errorf("%d rows of which %d bad, want %d and %d", got.rows, got.bad, rows, bad)
	}
	for typ, n := range want {
		if got.events[typ] != n {
			t.Errorf("%d events %s, want %d", got.events[typ], typ, n)
		}
	}
	if len(got.events) != len(want) {
		t.Errorf("types %v, want %v", got.events, want)
	}
}

func TestPublic_Donations(t *testing.T) {
	sums, files, donors := tally{}, tally{}, map[string]int{}
	got := importAll(t, "donations", "wuhan_redcross_2020/donations.csv.gz", Options{}, func(e *events.Event) {
		d := decode[catalogue.DonationReceived](t, e)
		sums.minor(t, d.Currency, *d.Amount, d.Currency)
		file := strings.Fields(d.Provenance)[0]
		files.minor(t, file, *d.Amount, d.Currency)
		donors[d.Donor.Kind]++
		if d.Donor.Token != "" || d.Donor.Kind == "person" && bytes.Contains(e.Line, []byte(`"*`)) {
			t.Errorf("a person is named without a city key: %s", e.Line)
		}
		if d.Note == withheldNote {
			donors["withheld"]++
		}
	})
	// 3,879 rows are marked as organisations; more than a quarter of the texts is not one's name for sure.
	if donors["org"]+donors["withheld"] != 3879 || donors["person"] != 10_544+61_183 {
		t.Errorf("donors: %v", donors)
	}
	t.Logf("donors: %v", donors)
	got.expect(t, 215_921, 0, map[string]int{"charity.donation.received.v1": 215_921})
	want, perFile := tally{}, tally{}
	for _, row := range fileRows(t, "wuhan_redcross_2020/donations.csv.gz") {
		want.add(t, row["currency"], row["amount"])
	}
	sums.equal(t, want, "currency")
	for _, row := range fileRows(t, "wuhan_redcross_2020/source_files.csv") {
		perFile.add(t, row["file_id"], row["sum"])
	}
	files.equal(t, perFile, "publisher's file")
}

func TestPublic_Goods(t *testing.T) {
	var milli int64
	got := importAll(t, "goods", "wuhan_redcross_2020/goods_received.csv", Options{}, func(e *events.Event) {
		d := decode[catalogue.DonationReceived](t, e)
		if q := d.Goods[0].QuantityMilli; q != nil {
			milli += *q
		}
	})
	got.expect(t, 1428, 4, map[string]int{"charity.donation.received.v1": 1424})
	want := new(big.Rat)
	for _, row := range fileRows(t, "wuhan_redcross_2020/goods_received.csv") {
		if q := quantity.FindStringSubmatch(row["quantity"]); q != nil && row["item"] != "" {
			n, _ := new(big.Rat).SetString(q[1])
			want.Add(want, n)
		}
	}
	if want.Cmp(big.NewRat(milli, 1000)) != 0 {
		t.Errorf("quantities add up to %d thousandths, the file has %s", milli, want.FloatString(3))
	}
	got = importAll(t, "goods", "wuhan_redcross_2020/goods_issued.csv", Options{}, func(*events.Event) {})
	got.expect(t, 472, 3, map[string]int{"charity.goods.issued.v1": 469})
}

func TestPublic_Disclosures(t *testing.T) {
	paidOut := map[string]int64{}
	got := importAll(t, "disclosures", "wuhan_redcross_2020/daily_totals_reported.csv", Options{}, func(e *events.Event) {
		if d := decode[catalogue.DisclosurePublished](t, e); d.Spent != nil {
			paidOut[d.From] = *d.Spent
		}
	})
	got.expect(t, 26, 0, map[string]int{"charity.disclosure.published.v1": 28})
	// The same sum was announced as paid out on two days.
	if paidOut["2020-02-05"] != 31930630000 || paidOut["2020-02-08"] != 31930630000 {
		t.Errorf("paid out: %v", paidOut)
	}
}

func TestPublic_BankStatements(t *testing.T) {
	for _, c := range []struct {
		account                         string
		rows, credits, debits, balances int
	}{
		{"agribank", 42_493, 42_488, 0, 42_493},
		{"vietcombank", 200_361, 200_360, 1, 9},
		{"vietinbank", 56_474, 56_474, 0, 0},
	} {
		t.Run(c.account, func(t *testing.T) {
			name := "vn_mttq_statements/" + c.account + ".csv.gz"
			sums := tally{}
			got := importAll(t, "bank-statement", name, Options{Account: c.account}, func(e *events.Event) {
				switch e.Type {
				case "charity.donation.received.v1":
					sums.minor(t, "credit", *decode[catalogue.DonationReceived](t, e).Amount, "VND")
				case "charity.donation.spent.v1":
					sums.minor(t, "debit", decode[catalogue.DonationSpent](t, e).Amount, "VND")
				case "account.balance.stated.v1":
					sums.minor(t, "balance", decode[catalogue.BalanceStated](t, e).Balance, "VND")
				}
			})
			types := map[string]int{"fund.opened.v1": 1}
			for typ, n := range map[string]int{"charity.donation.received.v1": c.credits, "charity.donation.spent.v1": c.debits, "account.balance.stated.v1": c.balances} {
				if n > 0 {
					types[typ] = n
				}
			}
			got.expect(t, c.rows, 0, types)
			want := tally{}
			for _, row := range fileRows(t, name) {
				for _, column := range []string{"credit", "debit", "balance"} {
					if value := row[column+"_vnd"]; value != "" {
						want.add(t, column, value)
					}
				}
			}
			sums.equal(t, want, c.account)
		})
	}
}

func TestPublic_ReliefPayments(t *testing.T) {
	for _, c := range []struct {
		name                 string
		rows, bad, y1970, rv int
	}{
		{"us_ga_ppp_eidl/ga_ppp.csv.gz", 89_801, 1, 0, 0},
		{"us_ga_ppp_eidl/ga_eidl.csv.gz", 59_435, 15, 58_504, 18},
	} {
		t.Run(filepath.Base(c.name), func(t *testing.T) {
			sums := tally{}
			y1970, reversals := 0, 0
			got := importAll(t, "relief-payments", c.name, Options{}, func(e *events.Event) {
				if e.Type == "fund.opened.v1" {
					return
				}
				d := decode[catalogue.SubsidyPaid](t, e)
				if e.Type == "subsidy.cancelled.v1" {
					d.Amount = -d.Amount
				}
				sums.minor(t, "paid", d.Amount, d.Currency)
				if d.Date == "1970-01-01" {
					y1970++
				}
				if d.Amount < 0 {
					reversals++
				}
			})
			types := map[string]int{"fund.opened.v1": 1, "subsidy.paid.v1": c.rows - c.bad - c.rv}
			if c.rv > 0 {
				types["subsidy.cancelled.v1"] = c.rv
			}
			got.expect(t, c.rows, c.bad, types)
			want, all1970 := tally{}, 0
			for _, row := range fileRows(t, c.name) {
				if ident.IsName(row["recipient"]) { // three are dots or dashes
					want.add(t, "paid", row["amount"])
				} else if row["date"] == "1970-01-01" {
					all1970++
				}
			}
			sums.equal(t, want, c.name)
			if y1970+all1970 != c.y1970 || reversals != c.rv {
				t.Errorf("%d dates of 1970 and %d in refused rows, %d reversals; want %d and %d", y1970, all1970, reversals, c.y1970, c.rv)
			}
		})
	}
}

func TestPublic_Sanctions(t *testing.T) {
	warned := 0
	got := importAll(t, "org-sanctions", "cn_org_credit/events.csv", Options{}, func(e *events.Event) {
		if strings.HasSuffix(e.Subject, "永恒慈善基金会") && e.Type == "organisation.penalised.v1" {
			warned++
		}
	})
	got.expect(t, 80, 0, map[string]int{
		"organisation.penalised.v1": 68, "organisation.penalty.announced.v1": 12, "organisation.listed.v1": 41,
	})
	if warned != 2 {
		t.Errorf("the foundation that was warned twice is penalised %d times", warned)
	}
}

func TestPublic_WelfareFund(t *testing.T) {
	sums, want := tally{}, tally{}
	got := importAll(t, "welfare-fund", "cn_welfare_fund/facts.csv", Options{}, func(e *events.Event) {
		var f catalogue.WelfareFundFigure
		if err := json.Unmarshal(e.Data, &f); err != nil {
			t.Fatal(err)
		}
		sums.minor(t, f.Measure, f.Amount, f.Currency)
	})
	// One scope is "as above": a person knows where that is.
	if got.rows != 221 || got.bad != 1 || got.badLines[0].Value != "同上" {
		t.Errorf("%d rows, %d bad, want 221 and the one whose scope is 同上: %v", got.rows, got.bad, got.badLines)
	}
	yuan := map[string]*big.Rat{"万元": big.NewRat(10_000, 1), "亿元": big.NewRat(100_000_000, 1)}
	for _, row := range fileRows(t, "cn_welfare_fund/facts.csv") {
		amount, _ := new(big.Rat).SetString(row["amount"])
		if row["scope"] == "同上" {
			continue
		}
		want.add(t, strings.ReplaceAll(row["kind"], "_", "-"), amount.Mul(amount, yuan[row["unit"]]).RatString())
	}
	sums.equal(t, want, "measure")
}

func TestPublic_Draws(t *testing.T) {
	draws := map[string]catalogue.DrawSettled{}
	var order []string
	got := importAll(t, "cwl-draws", "lottery_cn/ssq_cwl_full_2026-01-30.json", Options{}, func(e *events.Event) {
		d := decode[catalogue.DrawSettled](t, e)
		draws[d.Draw] = d
		order = append(order, d.Draw)
	})
	got.expect(t, 1971, 0, map[string]int{"lottery.draw.settled.v1": 1971})
	if order[0] != "2013001" || order[len(order)-1] != "2026013" {
		t.Errorf("from %s to %s, want oldest first, 2013001 to 2026013", order[0], order[len(order)-1])
	}
	compareNotices(t, "lottery_cn/ssq_cwl_full_2026-01-30.json", draws)
	explained := 0
	for i := 1; i < len(order); i++ {
		if balances(draws[order[i-1]], draws[order[i]]) {
			explained++
		}
	}
	t.Logf("the money identity holds for %d of %d consecutive draws", explained, len(order)-1)
	if explained < 1900 {
		t.Errorf("the money identity holds for %d of %d consecutive draws: figures were misread", explained, len(order)-1)
	}
	got = importAll(t, "cwl-draws", "lottery_cn/3d_cwl_full_2026-01-30.json", Options{}, func(*events.Event) {})
	got.expect(t, 4534, 0, map[string]int{"lottery.draw.settled.v1": 4534})
	got = importAll(t, "cwl-draws", "lottery_cn/kl8_cwl_salespool_2026-08-19.json", Options{}, func(*events.Event) {})
	got.expect(t, 2042, 0, map[string]int{"lottery.draw.settled.v1": 2042})
}

// compareNotices holds what was said against the file, read the plain way.
func compareNotices(t *testing.T, name string, draws map[string]catalogue.DrawSettled) {
	t.Helper()
	in := bufio.NewReader(publicData(t, name))
	if _, err := in.Discard(3); err != nil { // byte order mark
		t.Fatal(err)
	}
	var file struct {
		Result []struct{ Code, Date, Sales, Poolmoney string }
	}
	if err := json.NewDecoder(in).Decode(&file); err != nil {
		t.Fatal(err)
	}
	for _, n := range file.Result {
		d := draws[n.Code]
		if money.Format(*d.Sales, "CNY") != n.Sales+".00" || money.Format(*d.Pool, "CNY") != n.Poolmoney+".00" || !strings.HasPrefix(n.Date, d.DrawnOn) {
			t.Errorf("draw %s: said %d and %d on %s, the file has %+v", n.Code, *d.Sales, *d.Pool, d.DrawnOn, n)
		}
	}
}

// balances: 49 % of sales, less prizes without promotions, less what the pool
// grew by, plus what was put in from outside, leaves a small remainder.
func balances(before, d catalogue.DrawSettled) bool {
	rest := *d.Sales/100*49 - (*d.Pool - *before.Pool)
	var bets int64 = 3
	for _, p := range d.Prizes {
		each := p.Each
		if p.Promotion != nil {
			each -= *p.Promotion
		}
		rest -= p.Winners * each
		if p.Tier <= 2 {
			bets += p.Winners
		}
	}
	if d.Injected != nil {
		rest += *d.Injected
	}
	return rest >= 0 && rest <= bets*100
}

// A later capture of the same notices says only what is new.
func TestPublic_DrawsLaterCapture(t *testing.T) {
	earlier := publicData(t, "lottery_cn/ssq_cwl_full_2026-01-30.json")
	got := importAll(t, "cwl-draws", "lottery_cn/ssq_cwl_salespool_2026-08-19.json", Options{Earlier: []io.Reader{earlier}}, func(*events.Event) {})
	got.expect(t, 2053, 0, map[string]int{"lottery.draw.settled.v1": 82})
	if got.same != 1971 {
		t.Errorf("%d notices add nothing, want 1971", got.same)
	}
}
