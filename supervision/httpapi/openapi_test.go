package httpapi_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"civicledger/events/catalogue"
	"civicledger/events/ident"
	"civicledger/supervision/httpapi"
)

// document is /openapi.json, read strictly.
func document(r *rig) map[string]any {
	r.t.Helper()
	status, header, body := r.get("/openapi.json")
	if status != http.StatusOK || header.Get("Content-Type") != "application/openapi+json" {
		r.t.Fatalf("openapi: %d %s", status, header.Get("Content-Type"))
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	r.must(err)
	return doc.(map[string]any)
}

// at walks down a decoded document.
func at(t testing.TB, doc any, names ...string) any {
	t.Helper()
	for _, name := range names {
		members, ok := doc.(map[string]any)
		if !ok || members[name] == nil {
			t.Fatalf("no %s on the way of %v", name, names)
		}
		doc = members[name]
	}
	return doc
}

func TestOpenAPI_EveryOperationIsDescribed(t *testing.T) {
	r := newRig(t)
	doc := document(r)
	if version := doc["openapi"].(string); !strings.HasPrefix(version, "3.1.") {
		t.Errorf("OpenAPI %s", version)
	}
	ids := map[string]bool{}
	for path, item := range doc["paths"].(map[string]any) {
		for method, raw := range item.(map[string]any) {
			op := raw.(map[string]any)
			id, _ := op["operationId"].(string)
			if method != "get" || id == "" || ids[id] || op["summary"] == "" || op["summary"] == nil {
				t.Errorf("%s %s: operationId %q, summary %v", method, path, id, op["summary"])
			}
			ids[id] = true
			if kinds := at(t, op, "responses", "200", "content").(map[string]any); len(kinds) != 1 {
				t.Errorf("%s answers in %d forms", path, len(kinds))
			}
			if !evidence[path] {
				at(t, op, "responses", "200", "content", "application/json", "schema")
			}
			for _, status := range []string{"422", "503", "504"} {
				at(t, op, "responses", status, "content", "application/problem+json", "schema")
			}
			if strings.Contains(path, "{") {
				at(t, op, "responses", "404", "content", "application/problem+json", "schema")
			}
			parameters, _ := op["parameters"].([]any)
			for _, p := range parameters {
				name := at(t, p, "name").(string)
				if in := at(t, p, "in"); in == "path" != strings.Contains(path, "{"+name+"}") {
					t.Errorf("%s: parameter %s in %v", path, name, in)
				}
			}
		}
	}
	if len(ids) < 25 {
		t.Errorf("only %d operations", len(ids))
	}
}

func TestOpenAPI_RefersToNothingElsewhere(t *testing.T) {
	r := newRig(t)
	_, _, body := r.get("/openapi.json")
	for _, foreign := range []string{"$schema", "unpkg", "cdn"} {
		if bytes.Contains(body, []byte(foreign)) {
			t.Errorf("the document holds %q", foreign)
		}
	}
	for _, path := range []string{"/docs", "/schemas/Fund"} {
		r.refused(path, http.StatusNotFound)
	}
}

// TestOpenAPI_AnswersFitTheirSchemas asks every route on a log that has
// something for each, and holds the answer against the document.
func TestOpenAPI_AnswersFitTheirSchemas(t *testing.T) {
	r := newRig(t)
	saySomething(r)
	doc := document(r)
	compiler := jsonschema.NewCompiler()
	r.must(compiler.AddResource("urn:openapi", doc))
	charity := url.PathEscape(hospital.Key())
	values := strings.NewReplacer(
		"{fund}", "relief-2026", "{key}", charity, "{list}", "abnormal", "{game}", "ssq", "{draw}", "2024022",
		"{organisation}", charity, "{index}", "3", "{token}", person, "{agency}", bureau,
	)
	for path := range doc["paths"].(map[string]any) {
		if evidence[path] {
			continue // no JSON: see TestEvidence
		}
		t.Run(path, func(t *testing.T) {
			r.t = t
			pointer := "urn:openapi#/paths/" + strings.ReplaceAll(strings.ReplaceAll(path, "~", "~0"), "/", "~1")
			pointer = strings.NewReplacer("{", "%7B", "}", "%7D").Replace(pointer)
			schema, err := compiler.Compile(pointer + "/get/responses/200/content/application~1json/schema")
			r.must(err)
			status, header, body := r.get(values.Replace(path))
			if status != http.StatusOK || header.Get("Content-Type") != "application/json" {
				t.Fatalf("%d %s %s", status, header.Get("Content-Type"), body)
			}
			answer, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
			r.must(err)
			if err := schema.Validate(answer); err != nil {
				t.Errorf("%v\n%s", err, body)
			}
			if items, list := answer.(map[string]any)["items"]; list && len(items.([]any)) == 0 {
				t.Error("the log has nothing for this route: the test shows nothing")
			}
			if checkpoint := at(t, answer, "asOf", "checkpoint").(string); !strings.HasPrefix(checkpoint, origin+"\n") {
				t.Errorf("checkpoint %q", checkpoint)
			}
		})
	}
	problem, err := compiler.Compile("urn:openapi#/components/schemas/Problem")
	r.must(err)
	for _, path := range []string{"/v1/funds/none", "/v1/funds?limit=0", "/v1/funds?min=999", "/nowhere", "/v1/funds?limit=1&limit=2"} {
		_, _, body := r.get(path)
		answer, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
		r.must(err)
		if err := problem.Validate(answer); err != nil {
			t.Errorf("%s: %v\n%s", path, err, body)
		}
	}
}

var hospital = ident.OrgRef{Name: "示例慈善基金会"}

// saySomething puts synthetic facts on the log that every route can show, and
// brings the tables up to it.
func saySomething(r *rig) {
	r.t.Helper()
	common := catalogue.Common{Synthetic: true}
	amount := func(n int64) *int64 { return &n }
	r.says(opened("relief-2026", "临时救助资金", "CNY"), paidOut("P1", "relief-2026", "2026-07", 100),
		moved(true, "T1", "relief-2026", 500), moved(false, "T1", "relief-2026", 700))
	r.says(
		said{eventType: "budget.allocated.v1", data: catalogue.BudgetAllocated{Fund: "relief-2026", Holder: office, Amount: 9_000, Currency: "CNY", Year: 2026, Common: common}},
		said{eventType: "recovery.ordered.v1", data: catalogue.RecoveryOrdered{Order: "R1", Beneficiary: person, Fund: "relief-2026", Amount: 50, Currency: "CNY", DecidedOn: "2026-07-20", Reason: "overpaid", Common: common}},
		said{eventType: "recovery.received.v1", data: catalogue.RecoveryReceived{Order: "R1", Fund: "relief-2026", Payer: office, Amount: 20, Currency: "CNY", Date: "2026-07-25", Common: common}},
	)
	registered := ident.OrgRef{Code: "53990000MJ0000018G", Name: hospital.Name}
	r.says(
		said{eventType: "organisation.penalised.v1", data: catalogue.OrganisationPenalised{Penalty: "罚2026-1", Organisation: hospital, By: treasury, Kind: "fine", Fine: amount(1_000_000), Currency: "CNY", DecidedOn: "2026-03-01", Cause: "未按规定公开信息", Common: common}, id: "penalty"},
		said{eventType: "organisation.listed.v1", data: catalogue.OrganisationListed{List: "abnormal", Circumstance: "A5", Organisation: hospital, By: treasury, DecidedOn: "2026-03-02", Cause: "受到罚款", Common: common}},
		said{eventType: "organisation.listed.v1", data: catalogue.OrganisationListed{List: "serious", Circumstance: "B4", Organisation: ident.OrgRef{Name: "另一示例协会"}, By: treasury, DecidedOn: "2026-03-02", Cause: "受到罚款", Common: common}},
	)
	campaign := func(c, org string) said {
		return said{eventType: "charity.campaign.opened.v1", data: catalogue.CampaignOpened{Campaign: c, Organisation: ident.OrgRef{Name: org}, Name: "暖冬", Public: true, From: "2026-01-01", Currency: "CNY", Common: common}}
	}
	donation := func(number, org string, fen int64) said {
		return said{eventType: "charity.donation.received.v1", data: catalogue.DonationReceived{
			Donation: number, Organisation: ident.OrgRef{Name: org}, Campaign: "warm", Donor: catalogue.Donor{Kind: "org", Organisation: &office},
			Amount: &fen, Currency: "CNY", Date: "2026-07-0" + number[len(number)-1:], Channel: "bank", Common: common,
		}}
	}
	r.says(campaign("warm", hospital.Name), donation("D1", hospital.Name, 12_345), donation("D2", hospital.Name, 55))
	r.says(said{eventType: "charity.donation.received.v1", data: catalogue.DonationReceived{
		Donation: "D3", Organisation: registered, Campaign: "warm", Donor: catalogue.Donor{Kind: "anonymous"},
		Amount: amount(600), Currency: "CNY", Date: "2026-07-03", Common: common,
	}}, said{eventType: "charity.goods.issued.v1", data: catalogue.GoodsIssued{
		Issue: "I1", Organisation: hospital, Goods: []catalogue.Goods{{Item: "棉衣", Unit: "件", QuantityMilli: amount(2_500)}}, Date: "2026-07-04", Common: common,
	}}, said{eventType: "charity.disclosure.published.v1", data: catalogue.DisclosurePublished{
		Disclosure: "N1", Organisation: hospital, Kind: "daily", From: "2026-07-01", To: "2026-07-02", PublishedOn: "2026-07-03",
		Currency: "CNY", Received: amount(99_999), Common: common,
	}})
	r.says(said{eventType: "organisation.registered.v1", data: catalogue.OrganisationRegistered{
		Organisation: registered, Kind: "foundation", Registrar: treasury, RegisteredOn: "2020-01-02", Common: common,
	}})
	r.says(said{eventType: "lottery.draw.settled.v1", data: catalogue.DrawSettled{
		Game: "ssq", Draw: "2024022", DrawnOn: "2024-02-29", Numbers: catalogue.Numbers{Red: []int64{2, 9, 11, 14, 18, 26}, Blue: []int64{6}},
		DrawFigures: catalogue.DrawFigures{Currency: "CNY", Sales: amount(38_875_992_600), Prizes: []catalogue.Prize{{Tier: 1, Winners: 27, Each: 558_199_100}}},
		Common:      common,
	}}, said{eventType: "lottery.welfare_fund.collected.v1", data: catalogue.WelfareFundCollected{
		WelfareFundFigure: catalogue.WelfareFundFigure{Scope: "全国", Year: 2014, Measure: "collected", Item: "公益金合计", Amount: 5_850_000, Currency: "CNY", StatedAmount: "58.5", StatedUnit: "亿元"},
		Common:            common,
	}, jurisdiction: "100000"})
	r.follow()
}

func TestQuestions_OfEveryKind(t *testing.T) {
	r := newRigWith(t, httpapi.Config{})
	saySomething(r)
	for _, c := range []struct{ path, want string }{
		{"/v1/organisations?text=" + url.QueryEscape("慈善"), `"key":"53990000MJ0000018G"`},
		{"/v1/organisations?list=serious", `"name":"另一示例协会"`},
		{"/v1/organisations?kind=foundation&penalised=true&deregistered=false", `"penalties":1`},
		{"/v1/organisations/53990000MJ0000018G", `"keys":["53990000MJ0000018G","name:示例慈善基金会"]`},
		{"/v1/organisations/" + url.PathEscape(hospital.Key()), `"donations":"/v1/donations/53990000MJ0000018G"`},
		{"/v1/organisations/" + url.PathEscape(hospital.Name), `"decimal":"10000.00"`},
		{"/v1/lists", `"title":{"zh":"活动异常名录","en":"List of abnormal activity"},`},
		{"/v1/lists/abnormal", `"basis":"Order 60 (2018) art 11(5)"`},
		{"/v1/lists/serious", `"code":"B4"`},
		{"/v1/draws?game=ssq&from=2024-02-29&to=2024-02-29", `"decimal":"388759926.00"`},
		{"/v1/draws?check=unchecked&order=newest", `"draw":"2024022"`},
		{"/v1/draws/ssq/2024022", `"missing":["pool"]`},
		{"/v1/games", `"draws":1`},
		{"/v1/welfare-fund?scope=" + url.QueryEscape("全国") + "&year=2014", `"statedUnit":"亿元"`},
		{"/v1/donations?organisation=" + url.QueryEscape(hospital.Key()), `"decimal":"124.00"`},
		{"/v1/donations?organisation=" + url.QueryEscape("慈善"), `"receivedCount":3`},
		// What was filed by name and by code is one organisation.
		{"/v1/donations/53990000MJ0000018G", `"received":{"amount":13000,"currency":"CNY","decimal":"130.00"},"receivedCount":3`},
		{"/v1/donations/53990000MJ0000018G/days", `"date":"2026-07-03","received":{"amount":600,`},
		{"/v1/donations/53990000MJ0000018G/goods", `"issuedMilli":2500`},
		{"/v1/donations/53990000MJ0000018G/disclosures?differs=true", `"differs":["received"`},
		{"/v1/funds/relief-2026/recoveries?outstanding=true", `"outstanding":{"amount":30,`},
		{"/v1/funds/relief-2026/budgets?year=2026", `"decimal":"90.00"`},
		{"/v1/agencies/bureau", `"name":"示例市民政局"`},
	} {
		status, _, body := r.get(c.path)
		if status != http.StatusOK || !strings.Contains(string(body), c.want) {
			t.Errorf("GET %s: %d, want %s in\n%s", c.path, status, c.want, body)
		}
	}
	for _, path := range []string{
		"/v1/organisations/nobody", "/v1/lists/grey", "/v1/draws/ssq/1999001", "/v1/donations/nobody", "/v1/donations/nobody/days",
		"/v1/agencies/nobody", "/v1/entries/99999",
	} {
		if p := r.refused(path, http.StatusNotFound); p.Cure == "" {
			t.Errorf("%s: no cure", path)
		}
	}
}

func TestPaging_NameAndCodeAreOneOrganisation(t *testing.T) {
	r := newRig(t)
	saySomething(r)
	var days []string
	path := "/v1/donations/53990000MJ0000018G/days?limit=1"
	for round := 0; path != "" && round < 10; round++ {
		page := ask[struct {
			Items []struct{ Date string }
			Next  string
		}](r, path)
		for _, d := range page.Items {
			days = append(days, d.Date)
		}
		path = ""
		if page.Next != "" {
			path = "/v1/donations/53990000MJ0000018G/days?limit=1&cursor=" + page.Next
		}
	}
	if fmt.Sprint(days) != "[2026-07-01 2026-07-02 2026-07-03]" {
		t.Errorf("days: %v", days)
	}
}

// TestDesign_ListsEveryRoute holds the table of DESIGN.md against the document.
func TestDesign_ListsEveryRoute(t *testing.T) {
	r := newRig(t)
	text, err := os.ReadFile("DESIGN.md")
	r.must(err)
	listed := map[string]bool{}
	for _, match := range regexp.MustCompile("(?m)^\\| `(/v1/[^`]*)` \\|").FindAllStringSubmatch(string(text), -1) {
		listed[match[1]] = true
	}
	served := document(r)["paths"].(map[string]any)
	for path := range served {
		if !listed[path] {
			t.Errorf("DESIGN.md does not list %s", path)
		}
	}
	for path := range listed {
		if served[path] == nil {
			t.Errorf("DESIGN.md lists %s, which nobody serves", path)
		}
	}
}
