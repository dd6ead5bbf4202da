package httpapi_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"civicledger/events/catalogue"
	"civicledger/events/ident"
	"civicledger/supervision"
	"civicledger/supervision/httpapi"
)

var (
	treasury = ident.OrgRef{Name: "示例市财政局"}
	office   = ident.OrgRef{Name: "示例街道办事处"}
)

// person is a token of nobody.
const person = "st1.1.abcdefghijklmnopqrstuvwxya"

func opened(fund, name, currency string) said {
	return said{eventType: "fund.opened.v1", data: catalogue.FundOpened{
		Fund: fund, Name: name, Currency: currency, Holder: treasury, Purpose: "困难群众救助",
		Common: catalogue.Common{Synthetic: true},
	}}
}

func paidOut(payment, fund, period string, amount int64) said {
	return said{eventType: "subsidy.paid.v1", data: catalogue.SubsidyPaid{
		Payment: payment, Fund: fund, Payer: office, Beneficiary: person, Kind: "elder-age", Period: period,
		Amount: amount, Currency: "CNY", Date: period + "-05", Common: catalogue.Common{Synthetic: true},
	}}
}

func moved(sent bool, number, fund string, amount int64) said {
	d := catalogue.TransferSent{
		Fund: fund, Transfer: number, From: treasury, To: office, Amount: amount, Currency: "CNY",
		Date: "2026-07-01", Common: catalogue.Common{Synthetic: true},
	}
	if sent {
		return said{eventType: "transfer.sent.v1", data: d}
	}
	return said{eventType: "transfer.received.v1", data: catalogue.TransferReceived(d)}
}

func TestFunds_DetailAddsUp(t *testing.T) {
	r := newRig(t)
	r.says(opened("relief-2026", "临时救助资金", "CNY"), opened("abroad", "Relief abroad", "USD"))
	r.says(
		moved(true, "T1", "relief-2026", 500_000), moved(false, "T1", "relief-2026", 500_000),
		paidOut("P1", "relief-2026", "2026-07", 123_450), paidOut("P2", "relief-2026", "2026-08", 10_000),
	)
	r.follow()

	page := ask[supervision.Page[supervision.Fund]](r, "/v1/funds?currency=CNY&text="+url.QueryEscape("临时"))
	if len(page.Items) != 1 || page.Items[0].Fund != "relief-2026" || page.Items[0].Opened != 2 {
		t.Fatalf("funds: %+v", page.Items)
	}
	detail := ask[supervision.Answer[supervision.FundDetail]](r, "/v1/funds/relief-2026")
	total := int64(0)
	for _, a := range detail.Item.Accounts {
		total += a.Balance.Amount
	}
	if total != 0 || len(detail.Item.Accounts) != 4 {
		t.Errorf("balances of %d accounts add up to %d, want 4 and 0", len(detail.Item.Accounts), total)
	}
	if len(detail.Item.Subsidies) != 2 || detail.Item.Subsidies[0].Paid.Decimal != "1234.50" || detail.Item.Subsidies[0].Period != "2026-07" {
		t.Errorf("subsidies: %+v", detail.Item.Subsidies)
	}
	if at := detail.AsOf; at.Index != 7 || at.Size != 8 || at.Recorded != "2026-08-03T01:02:03.456Z" || !strings.HasPrefix(at.Checkpoint, origin+"\n8\n") {
		t.Errorf("asOf: %+v", at)
	}
	accounts := ask[supervision.Page[supervision.Account]](r, "/v1/funds/relief-2026/accounts?inside=true&holder="+url.QueryEscape(office.Key()))
	if len(accounts.Items) != 1 || accounts.Items[0].Balance.Decimal != "3665.50" || len(accounts.Items[0].Months) != 2 {
		t.Errorf("accounts: %+v", accounts.Items)
	}
	transfers := ask[supervision.Page[supervision.Transfer]](r, "/v1/funds/relief-2026/transfers?state=complete")
	if len(transfers.Items) != 1 || transfers.Items[0].Sent.Index != 4 || transfers.Items[0].Received.Index != 5 {
		t.Errorf("transfers: %+v", transfers.Items)
	}
}

func TestPaging_SeesEverythingOnceWhileTheLogGrows(t *testing.T) {
	r := newRig(t)
	const before = 7
	for i := range before {
		r.says(opened(fmt.Sprintf("fund-%d", i), "基金", "CNY"))
	}
	r.follow()
	seen := map[string]int{}
	path := "/v1/funds?limit=2"
	for round := 0; ; round++ {
		page := ask[supervision.Page[supervision.Fund]](r, path)
		for _, f := range page.Items {
			seen[f.Fund]++
		}
		// A fund before and one behind what was read: neither moves the others.
		r.says(opened(fmt.Sprintf("a-%d", round), "先", "CNY"), opened(fmt.Sprintf("z-%d", round), "后", "CNY"))
		r.follow()
		if page.Next == "" || round == 20 {
			break
		}
		path = "/v1/funds?limit=2&cursor=" + page.Next
		if round == 3 {
			path += "&min=3" // may change on the way
		}
	}
	for i := range before {
		if n := seen[fmt.Sprintf("fund-%d", i)]; n != 1 {
			t.Errorf("fund-%d was seen %d times", i, n)
		}
	}
	for name, n := range seen {
		if n != 1 {
			t.Errorf("%s was seen %d times", name, n)
		}
	}
}

func TestEntries_VerbatimAndParsed(t *testing.T) {
	r := newRig(t)
	index := r.says(opened("relief-2026", "临时救助资金", "CNY"), paidOut("P1", "relief-2026", "2026-07", 100))
	// The tables have seen nothing: entries do not wait for them.
	answer := ask[supervision.Answer[supervision.Entry]](r, fmt.Sprintf("/v1/entries/%d", index+1))
	e := answer.Item
	raw, err := r.ledger.Entry(index + 1)
	r.must(err)
	if !strings.HasSuffix(string(raw), "\n"+e.Line) {
		t.Errorf("the line is not the one on the log: %s", e.Line)
	}
	event, ok := e.Event.(map[string]any)
	if !ok || event["type"] != "subsidy.paid.v1" {
		t.Errorf("event: %v", e.Event)
	}
	if e.First != index || e.Position != 2 || e.Count != 2 || e.Agency != bureau || e.Signature != "" || e.KeyID != r.key.ID() {
		t.Errorf("header: %+v", e)
	}
	if answer.AsOf.Size != r.ledger.Head().Size {
		t.Errorf("asOf %d, the log has %d", answer.AsOf.Size, r.ledger.Head().Size)
	}
	first := ask[supervision.Page[supervision.Entry]](r, "/v1/entries?from=1&limit=2")
	second := ask[supervision.Page[supervision.Entry]](r, "/v1/entries?from=1&limit=2&cursor="+first.Next)
	if len(first.Items) != 2 || first.Items[0].Index != 1 || len(second.Items) != 1 || second.Items[0].Index != 3 || second.Next != "" {
		t.Errorf("pages: %d from %d, then %d", len(first.Items), first.Items[0].Index, len(second.Items))
	}
}

func TestEntries_PageOfLongLinesEndsEarly(t *testing.T) {
	r := newRig(t)
	long := opened("relief-2026", "临时救助资金", "CNY")
	for range 60 {
		var many []said
		for range 10 {
			many = append(many, said{eventType: "charity.goods.issued.v1", data: longGoods()})
		}
		r.says(many...)
	}
	r.says(long)
	seen := uint64(0)
	pages := 0
	for path := "/v1/entries?limit=1000"; path != ""; pages++ {
		status, _, body := r.get(path)
		if status != http.StatusOK || len(body) > 12<<20 {
			t.Fatalf("GET %s: %d, %d bytes", path, status, len(body))
		}
		page := ask[supervision.Page[supervision.Entry]](r, path)
		for _, e := range page.Items {
			if e.Index != seen {
				t.Fatalf("entry %d after %d", e.Index, seen)
			}
			seen++
		}
		path = ""
		if page.Next != "" {
			path = "/v1/entries?limit=1000&cursor=" + page.Next
		}
	}
	if seen != r.ledger.Head().Size || pages < 2 {
		t.Errorf("saw %d of %d entries on %d pages", seen, r.ledger.Head().Size, pages)
	}
}

func longGoods() catalogue.GoodsIssued {
	d := catalogue.GoodsIssued{Issue: "I1", Organisation: office, Date: "2026-07-01"}
	for range 40 {
		d.Goods = append(d.Goods, catalogue.Goods{Item: strings.Repeat("物", 50)})
	}
	return d
}

func TestSubject_Timeline(t *testing.T) {
	r := newRig(t)
	r.says(opened("relief-2026", "临时救助资金", "CNY"))
	for i := range 5 {
		r.says(paidOut(fmt.Sprintf("P%d", i), "relief-2026", "2026-07", 100), opened(fmt.Sprintf("f%d", i), "基金", "CNY"))
	}
	var got []uint64
	for path := "/v1/subjects/" + person + "?limit=2"; path != ""; {
		page := ask[supervision.Page[supervision.Mention]](r, path)
		for _, m := range page.Items {
			got = append(got, m.Index)
			if m.Type != "subsidy.paid.v1" || m.Title == nil || m.Title.ZH != "补贴发放" || m.Agency != bureau ||
				!strings.Contains(m.Summary, "1.00 CNY") || !strings.Contains(m.Summary, "period 2026-07") {
				t.Errorf("mention: %+v", m)
			}
		}
		path = ""
		if page.Next != "" {
			path = "/v1/subjects/" + person + "?limit=2&cursor=" + page.Next
		}
	}
	if fmt.Sprint(got) != "[3 5 7 9 11]" {
		t.Errorf("timeline: %v", got)
	}
	nobody := ask[supervision.Page[supervision.Mention]](r, "/v1/subjects/st1.1.baaaaaaaaaaaaaaaaaaaaaaaaa")
	if nobody.Items == nil || len(nobody.Items) != 0 {
		t.Errorf("nobody's timeline: %v", nobody.Items)
	}
}

func TestAnomalies_FilterAndOrder(t *testing.T) {
	r := newRig(t)
	r.says(opened("relief-2026", "临时救助资金", "CNY"))
	lost := r.says(paidOut("P1", "no-such-fund", "2026-07", 100))
	r.says(moved(true, "T1", "relief-2026", 500), moved(false, "T1", "relief-2026", 700))
	r.follow()
	newest := ask[supervision.Page[supervision.Anomaly]](r, "/v1/anomalies")
	oldest := ask[supervision.Page[supervision.Anomaly]](r, "/v1/anomalies?order=oldest&agency="+bureau)
	if len(newest.Items) != 2 || len(oldest.Items) != 2 || newest.Items[0].Index != oldest.Items[1].Index || oldest.Items[0].Index != lost {
		t.Fatalf("newest %+v, oldest %+v", newest.Items, oldest.Items)
	}
	mismatch := ask[supervision.Page[supervision.Anomaly]](r, "/v1/anomalies?code=transfer-mismatch&open=true&from=4")
	if len(mismatch.Items) != 1 || mismatch.Items[0].Difference == nil || mismatch.Items[0].Difference.Decimal != "2.00" || mismatch.Items[0].Title.ZH == "" {
		t.Errorf("mismatch: %+v", mismatch.Items)
	}
	if p := r.refused("/v1/anomalies?code=nonsense", 422); p.Errors[0].Location != "query.code" {
		t.Errorf("problem: %+v", p)
	}
	counted := 0
	for _, c := range ask[supervision.Page[supervision.AnomalyCount]](r, "/v1/anomaly-codes").Items {
		counted += c.Count
		if c.Title.EN == "" || c.Title.ZH == "" {
			t.Errorf("code %s has no title", c.Code)
		}
	}
	if counted != 2 {
		t.Errorf("counted %d", counted)
	}
}

func TestMin_WaitsUntilTheEntryIsInTheAnswer(t *testing.T) {
	r := newRigWith(t, httpapi.Config{Wait: time.Minute})
	index := r.says(opened("relief-2026", "临时救助资金", "CNY"))
	follow, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	asked := make(chan struct{})
	r.before = func() { close(asked) }
	go func() {
		<-asked // the question is waiting, or about to
		ended <- r.tables.Run(follow)
	}()
	page := ask[supervision.Page[supervision.Fund]](r, fmt.Sprintf("/v1/funds?min=%d", index))
	if len(page.Items) != 1 || page.AsOf.Index < index {
		t.Errorf("answer: %+v", page)
	}
	stop()
	r.must(<-ended)
}

func TestMin_GivesUpAndSaysHowFarItIs(t *testing.T) {
	r := newRig(t)
	index := r.says(opened("relief-2026", "临时救助资金", "CNY"))
	p := r.refused(fmt.Sprintf("/v1/funds?min=%d", index), http.StatusGatewayTimeout)
	if p.Size == nil || *p.Size != 0 || !strings.Contains(p.Detail, "0 of the log's 3 entries") {
		t.Errorf("problem: %+v", p)
	}
	r.follow()
	p = r.refused("/v1/funds?min=1000", http.StatusGatewayTimeout)
	if *p.Size != 3 || !strings.Contains(p.Detail, "not on the log") {
		t.Errorf("problem: %+v", p)
	}
	_, header, _ := r.get("/v1/funds?min=1000")
	if header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestRefusals(t *testing.T) {
	r := newRig(t)
	for i := range 3 {
		r.says(opened(fmt.Sprintf("fund-%d", i), "基金", "CNY"))
	}
	r.follow()
	next := ask[supervision.Page[supervision.Fund]](r, "/v1/funds?limit=1&currency=CNY").Next
	for _, c := range []struct {
		name, path string
		status     int
		location   string
		cure       bool
	}{
		{"unknown fund", "/v1/funds/none", 404, "", true},
		{"list of an unknown fund", "/v1/funds/none/accounts", 404, "", true},
		{"entry beyond the log", "/v1/entries/5000", 404, "", true},
		{"not a token", "/v1/subjects/110101199003070000", 404, "", true},
		{"unknown route", "/v1/nothing", 404, "", true},
		{"outside the API", "/favicon.ico", 404, "", true},
		{"index in words", "/v1/entries/seven", 422, "path.index", false},
		{"negative index", "/v1/entries/-1", 422, "path.index", false},
		{"limit too large", "/v1/funds?limit=1001", 422, "query.limit", false},
		{"limit zero", "/v1/funds?limit=0", 422, "query.limit", false},
		{"currency in lower case", "/v1/funds?currency=cny", 422, "query.currency", false},
		{"unknown parameter", "/v1/funds?curency=CNY", 422, "query.curency", false},
		{"parameter in another case", "/v1/funds?Currency=CNY", 422, "query.Currency", false},
		{"parameter twice", "/v1/funds?currency=CNY&currency=USD", 422, "query.currency", false},
		{"parameter that is no text", "/v1/funds?text=%ff", 422, "query.text", false},
		{"path that is no text", "/v1/funds/%ff", 422, "path", false},
		{"broken escape", "/v1/funds?currency=%zz", 422, "query", false},
		{"cursor of nobody", "/v1/funds?cursor=AAAA", 422, "query.cursor", false},
		{"cursor with other filters", "/v1/funds?limit=1&cursor=" + next, 422, "query.cursor", false},
		{"cursor of another list", "/v1/anomalies?cursor=" + next, 422, "query.cursor", false},
		{"month that is none", "/v1/funds/fund-0/subsidies?from=2026-7", 422, "query.from", false},
		{"min that is no number", "/v1/status?min=last", 422, "query.min", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.t = t
			p := r.refused(c.path, c.status)
			if c.location != "" && (len(p.Errors) != 1 || p.Errors[0].Location != c.location || p.Errors[0].Message == "") {
				t.Errorf("want one error at %s, got %+v", c.location, p.Errors)
			}
			if c.cure && p.Cure == "" {
				t.Error("no cure")
			}
		})
	}
}

func TestMethods(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{"/v1/funds", "/v1/entries/0", "/healthz"} {
		response, err := http.Post(r.server.URL+path, "application/json", strings.NewReader(`{}`))
		r.must(err)
		response.Body.Close()
		if response.StatusCode != http.StatusMethodNotAllowed || response.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("POST %s: %d, Allow %q", path, response.StatusCode, response.Header.Get("Allow"))
		}
	}
	response, err := http.Head(r.server.URL + "/v1/status")
	r.must(err)
	response.Body.Close()
	if response.StatusCode != http.StatusOK || response.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("HEAD: %d %v", response.StatusCode, response.Header)
	}
}

func TestHealthAndStatus(t *testing.T) {
	r := newRig(t)
	if status, _, body := r.get("/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(string(body), "0 of 2 entries") {
		t.Errorf("not ready: %d %s", status, body)
	}
	before := ask[supervision.Answer[supervision.Status]](r, "/v1/status")
	if before.Item.Lag != 2 || before.Item.Applied != 0 || before.Item.Origin != origin || before.Item.Version != "test" || !before.Item.Running {
		t.Errorf("status: %+v", before.Item)
	}
	r.follow()
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, header, body := r.get(path); status != http.StatusOK || !strings.HasPrefix(header.Get("Content-Type"), "text/plain") {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	r.says(opened("relief-2026", "临时救助资金", "CNY"))
	if status, _, _ := r.get("/readyz"); status != http.StatusOK {
		t.Error("a little behind is not unready")
	}
	if lag := ask[supervision.Answer[supervision.Status]](r, "/v1/status").Item.Lag; lag != 1 {
		t.Errorf("lag %d", lag)
	}
}

// A filter that can fit nothing is refused with the cure, on every route that has
// one of its name; it is no empty list.
func TestAPI_ImpossibleFilters(t *testing.T) {
	r := newRig(t)
	saySomething(r)
	for route, cure := range map[string]string{
		"/v1/draws?from=2026-13-45":                        "2026-07-31",
		"/v1/draws?to=2026-02-30":                          "2026-07-31",
		"/v1/draws?to=2026-00-10":                          "2026-07-31",
		"/v1/draws?from=0000-01-01":                        "2026-07-31",
		"/v1/draws?from=2026-1-1":                          "2026-07-31",
		"/v1/draws?from=2026-05-02&to=2026-05-01":          "ends before it begins",
		"/v1/funds/f/subsidies?from=2026-13":               "2026-07",
		"/v1/funds/f/subsidies?to=2026-00":                 "2026-07",
		"/v1/funds/f/subsidies?to=2026":                    "2026-07",
		"/v1/funds/f/subsidies?from=2026-02&to=2026-01":    "ends before it begins",
		"/v1/funds?currency=XYZ":                           "ISO 4217",
		"/v1/funds?currency=cny":                           "ISO 4217",
		"/v1/donations?currency=RMB":                       "ISO 4217",
		"/v1/donations/x/days?currency=AAA":                "ISO 4217",
		"/v1/funds/f/budgets?year=99":                      "1949",
		"/v1/welfare-fund?year=99999":                      "2199",
		"/v1/anomalies?agency=%E6%B0%91%E6%94%BF%E5%B1%80": "name of an agency",
		"/v1/anomalies?code=no-such-code":                  "/v1/anomaly-codes",
		"/v1/entries?from=x":                               "integer",
		"/v1/organisations?list=grey":                      "abnormal",
	} {
		p := r.refused(route, http.StatusUnprocessableEntity)
		if len(p.Errors) == 0 || !strings.Contains(fmt.Sprint(p.Errors), cure) {
			t.Errorf("%s: %+v", route, p)
		}
	}
}

// An identity or mobile number is refused wherever it stands in a URL, on routes
// that are there and on others, in every way to write it, and is said by nobody.
func TestAPI_PersonsInURLs(t *testing.T) {
	var logged bytes.Buffer
	r := newRigWith(t, httpapi.Config{Log: slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	for _, number := range []string{
		"11010519491231002X", "11010519491231002x", "110105-19491231-002X", "13800000000", "+8613800000000",
		url.PathEscape("１１０１０５１９４９１２３１００２Ｘ"), url.PathEscape("张三11010519491231002X"), url.PathEscape("name:李四 13800000000"),
	} {
		for _, route := range []string{
			"/v1/subjects/%s", "/v1/organisations/%s", "/v1/organisations?text=%s", "/v1/funds/%s", "/v1/funds/x/accounts?holder=%s", "/v1/draws/ssq/%s",
			"/v1/anomalies?subject=%s", "/v1/donations/%s/days", "/v1/entries/%s", "/v1/funds?%s=1", "/v1/receipts/%s", "/nowhere/%s", "/healthz?%s", "/v1/funds?text=%s%%zz", "/openapi.json?q=%s", "/v1/agencies/%s",
		} {
			path := fmt.Sprintf(route, number)
			status, _, body := r.get(path)
			if status != http.StatusUnprocessableEntity || (!bytes.Contains(body, []byte("civicledger token")) && !strings.HasSuffix(path, "%zz")) {
				t.Errorf("%s: %d %s", path, status, body)
			}
			for _, part := range []string{"19491231", "13800000000", "１９４９"} {
				if bytes.Contains(body, []byte(part)) || strings.Contains(logged.String(), part) {
					t.Errorf("%s: said again: %s %s", path, body, logged.String())
				}
			}
		}
	}
	for _, path := range []string{"/v1/organisations/12100000401359321Q", "/v1/organisations/91350100M000100Y43", "/v1/draws/ssq/2026014"} {
		if status, _, body := r.get(path); status != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}
