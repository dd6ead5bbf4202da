package sources

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"civicledger/events/catalogue"
)

// Names here are invented.
func TestOrganisationName(t *testing.T) {
	for text, want := range map[string]string{
		"示例制药股份有限公司":               "示例制药股份有限公司",
		"示例（上海）贸易有限公司":             "示例（上海）贸易有限公司",
		"示例县红十字会（代甲某某）":            "示例县红十字会",
		"示例县红十字会(甲某、乙某 500 元)":     "示例县红十字会",
		"示例市示例有限公司.":               "示例市示例有限公司",
		"示例建设有限公司全体员工":             "示例建设有限公司全体员工",
		"EXAMPLE GROUP CO.,LTD":    "EXAMPLE GROUP CO.,LTD",
		"示例医院员工甲某某":                "",
		"示例农商行甲某":                  "",
		"示例县 甲某某":                  "",
		"甲某某（示例商贸有限公司）":            "",
		"甲某 200 元 乙某 50 元 示例公司":    "",
		"甲某、乙某、示例公司":               "",
		"张某某河北示例律师事务所":             "",
		"甲某某 示例律师事务所":              "",
		"示例有限公司（甲某一二三四五六七八九十百）某公司": "",
		"示例公司）甲某公司":                "",
		"我们一家":                     "",
		"A PERSON":                 "",
		"":                         "",
	} {
		got, ok := organisationName(text)
		if got != want && ok || ok != (want != "") {
			t.Errorf("%q: %q %v, want %q", text, got, ok, want)
		}
	}
}

func TestGoods_QuantitiesAndDates(t *testing.T) {
	const header = "row_id,sheet_period,date,donor_kind,donor,item,spec,unit,quantity\n"
	for name, c := range map[string]struct {
		row, unit, text, date, dateText string
		milli                           int64
	}{
		"unit in the quantity": {"G1,2020-01-24..01-28,2020-01-24,unstated,,口罩,,,198箱", "箱", "198箱", "2020-01-24", "", 198_000},
		"unit beside it":       {"G1,2020-01-24..01-28,2020-01-24,unstated,,口罩,,件,2.5", "件", "", "2020-01-24", "", 2_500},
		"no number":            {"G1,2020-01-24..01-28,2020-01-24,unstated,,口罩,,件,若干", "件", "若干", "2020-01-24", "", -1},
		"up to a day":          {"G1,2020-01-24..01-28,截至28日,unstated,,口罩,,,", "", "", "2020-01-28", "截至28日", -1},
	} {
		t.Run(name, func(t *testing.T) {
			got := readText(t, "goods", header+c.row+"\n", Options{})
			if len(got.events) != 1 {
				t.Fatalf("bad %v, err %v", got.bad, got.err)
			}
			d := decode[catalogue.DonationReceived](t, got.events[0])
			g := d.Goods[0]
			if g.Unit != c.unit || g.QuantityText != c.text || d.Date != c.date || d.DateText != c.dateText ||
				(g.QuantityMilli == nil) != (c.milli < 0) || g.QuantityMilli != nil && *g.QuantityMilli != c.milli {
				t.Errorf("said %s", got.events[0].Line)
			}
		})
	}
	for name, row := range map[string]string{
		"no item":       "G1,2020-01-24..01-28,2020-01-24,unstated,,,,箱,5",
		"day of no one": "G1,2020-01-24..01-28,截至27日,unstated,,口罩,,,5",
	} {
		if got := readText(t, "goods", header+row+"\n", Options{}); len(got.bad) != 1 {
			t.Errorf("%s: bad %v", name, got.bad)
		}
	}
}

func TestStatement_RowsAndAccounts(t *testing.T) {
	const header = "row,page,date,time,doc_no,ref_no,debit_vnd,credit_vnd,balance_vnd,memo_len\n"
	got := readText(t, "bank-statement", header+
		"1,1,2024-09-10,12:01:29,,77,,300000,500000,72\n"+
		"2,1,2024-09-10,,,,55000,,,72\n"+
		"3,1,2024-09-10,,,,,,445000,72\n"+
		"4,1,2024-09-10,,,,,,,72\n", Options{Account: "acc-1"})
	var said []string
	for _, e := range got.events {
		said = append(said, e.Type)
		if e.Type == "account.balance.stated.v1" && !strings.HasSuffix(e.ID, "-balance") {
			t.Errorf("the id %s of a balance is that of what the row moved", e.ID)
		}
	}
	if want := "fund.opened.v1 charity.donation.received.v1 account.balance.stated.v1 charity.donation.spent.v1 account.balance.stated.v1"; strings.Join(said, " ") != want {
		t.Errorf("said %v, want %s", said, want)
	}
	if len(got.bad) != 1 || got.bad[0].Line != 5 {
		t.Errorf("bad %v, want the empty row of line 5", got.bad)
	}
	if at := got.events[1].Time.Format("2006-01-02T15:04:05Z07:00"); at != "2024-09-10T12:01:29+07:00" {
		t.Errorf("happened at %s", at)
	}
	// With a fund of its own the file opens none; without an account nothing is said.
	if got := readText(t, "bank-statement", header+"1,1,2024-09-10,,,,,5,,1\n", Options{Account: "acc", Fund: "f"}); len(got.events) != 1 {
		t.Errorf("%d events, want the donation alone", len(got.events))
	}
	for _, account := range []string{"", "对账单 1"} {
		got := readText(t, "bank-statement", header+"1,1,2024-09-10,,,,,5,,1\n", Options{Account: account})
		if got.err == nil || !strings.Contains(got.err.Error(), "--account") || len(got.events) != 0 {
			t.Errorf("account %q: err %v, %d events", account, got.err, len(got.events))
		}
	}
}

func TestSanctions_Actions(t *testing.T) {
	const header = "event_id,organisation,authority,date,action,listing,cause,public_spending_ratio_pct,url,note\n"
	for name, c := range map[string]struct{ row, has string }{
		"fine in 万":        {"O1,示例基金会,民政部,2020-05-01,罚款5万元,,示例,,,", `"kind":"fine","fine":5000000,"currency":"CNY"`},
		"suspension":       {"O1,示例基金会,民政部,2020-05-01,停止活动6个月,,示例,,,", `"kind":"suspension","suspensionMonths":6`},
		"ratio":            {"O1,示例基金会,民政部,2020-05-01,警告,,示例,7.97,,", `"spendingRatioBp":797`},
		"year only":        {"O1,示例基金会,济南市民政局,2021,警告,,示例,,,", `"decidedOn":"2021-12-31"`},
		"place":            {"O1,示例基金会,济南市民政局,2021,警告,,示例,,,", `"jurisdiction":"370100"`},
		"month only":       {"O1,示例基金会,民政部,2021-02,警告,,示例,,,", `"decidedOn":"2021-02-28"`},
		"announced":        {"O1,示例基金会,民政部,2020-05-01,拟处罚公告,,示例,,,", `"type":"organisation.penalty.announced.v1"`},
		"delisted":         {"O1,示例基金会,民政部,2020-05-01,,移出活动异常名录,示例,,,", `"type":"organisation.delisted.v1"`},
		"listed by itself": {"O1,示例基金会,民政部,2020-05-01,,严重违法失信名单,示例,,,", `"list":"serious","circumstance":"unstated"`},
	} {
		got := readText(t, "org-sanctions", header+c.row+"\n", Options{})
		if len(got.events) != 1 || !bytes.Contains(got.events[0].Line, []byte(c.has)) {
			t.Errorf("%s: events %d, bad %v; want %s", name, len(got.events), got.bad, c.has)
		}
	}
	for name, row := range map[string]string{
		"unknown action":    "O1,示例基金会,民政部,2020-05-01,谈话,,示例,,,",
		"unknown list":      "O1,示例基金会,民政部,2020-05-01,,黑名单,示例,,,",
		"unknown authority": "O1,示例基金会,某局,2020-05-01,警告,,示例,,,",
		"neither":           "O1,示例基金会,民政部,2020-05-01,,,示例,,,",
	} {
		if got := readText(t, "org-sanctions", header+row+"\n", Options{}); len(got.bad) != 1 || len(got.events) != 0 {
			t.Errorf("%s: bad %v, %d events", name, got.bad, len(got.events))
		}
	}
}

func TestWelfareFund_Units(t *testing.T) {
	const header = "fact_id,scope,year,kind,item,amount,unit,source_title,url\n"
	for amount, want := range map[string]int64{"0.0059,亿元": 59_000_000, "3360332,万元": 3_360_332_000_000, "12.34,元": 1234, "-10.19,亿元": -101_900_000_000} {
		got := readText(t, "welfare-fund", header+"W1,全国,2022,collected,示例,"+amount+",,\n", Options{})
		if len(got.events) != 1 {
			t.Fatalf("%s: bad %v", amount, got.bad)
		}
		if d := decode[catalogue.WelfareFundCollected](t, got.events[0]); d.Amount != want || d.StatedAmount+","+d.StatedUnit != amount {
			t.Errorf("%s: said %d, %s %s", amount, d.Amount, d.StatedAmount, d.StatedUnit)
		}
	}
	for _, row := range []string{"1,元整", "1.0000001,万元", "多,亿元"} {
		if got := readText(t, "welfare-fund", header+"W1,全国,2022,collected,示例,"+row+",,\n", Options{}); len(got.bad) != 1 {
			t.Errorf("%s is said", row)
		}
	}
}

func TestDisclosures_FinerThanFen(t *testing.T) {
	const header = "date,official_day_received,official_day_count,official_cum_received,official_cum_usd,official_day_paid_out,official_cum_paid_out\n"
	got := readText(t, "disclosures", header+"2020-02-02,144959800,875,863949000,33133,15149.4514,15149.4514\n", Options{})
	if len(got.events) != 2 {
		t.Fatalf("%d events, bad %v", len(got.events), got.bad)
	}
	d := decode[catalogue.DisclosurePublished](t, got.events[0])
	if d.Spent != nil || !strings.Contains(d.Note, "15149.4514") || *d.Received != 14495980000 {
		t.Errorf("said %s", got.events[0].Line)
	}
	if usd := decode[catalogue.DisclosurePublished](t, got.events[1]); usd.Currency != "USD" || *usd.CumulativeReceived != 3313300 {
		t.Errorf("said %s", got.events[1].Line)
	}
}

func noticeFile(notices ...string) string {
	return `{"state":0,"result":[` + strings.Join(notices, ",") + `]}`
}

const (
	firstNotice = `{"name":"双色球","code":"2099001","date":"2099-01-01(四)","red":"01,02,03,04,05,06","blue":"07","sales":"100000000","poolmoney":"_","prizegrades":[{"type":1,"typenum":"","typemoney":""}]}`
	fullNotice  = `{"name":"双色球","code":"2099001","date":"2099-01-01(四)","red":"01,02,03,04,05,06","blue":"07","sales":"100000000","poolmoney":200000000,"novelty":"x",` +
		`"prizegrades":[{"type":1,"typenum":3,"typemoney":"8333333（含加奖3333333）"},{"type":2,"typenum":"10","typemoney":"100000"}]}`
	wrongNotice = `{"name":"双色球","code":"2099001","date":"2099-01-01(四)","red":"01,02,03,04,05,06","blue":"07","sales":"100000002","poolmoney":"200000000"}`
)

func TestDraws_TwoSteps(t *testing.T) {
	first := readText(t, "cwl-draws", noticeFile(firstNotice), Options{})
	if len(first.events) != 1 {
		t.Fatalf("bad %v, err %v", first.bad, first.err)
	}
	if d := decode[catalogue.DrawSettled](t, first.events[0]); d.Pool != nil || d.Prizes != nil {
		t.Errorf("what is not published yet was said: %s", first.events[0].Line)
	}
	second := readText(t, "cwl-draws", noticeFile(fullNotice), Options{Earlier: []io.Reader{strings.NewReader(noticeFile(firstNotice))}})
	if len(second.events) != 1 || second.events[0].Type != "lottery.draw.supplemented.v1" || second.events[0].ID != "ssq-2099001-supplement-pool-prizes" {
		t.Fatalf("events %d, bad %v, err %v", len(second.events), second.bad, second.err)
	}
	d := decode[catalogue.DrawSupplemented](t, second.events[0])
	if d.Sales != nil || *d.Pool != 20_000_000_000 || *d.Prizes[0].Promotion != 333_333_300 || d.Prizes[0].Each != 833_333_300 || d.Note != "novelty x" {
		t.Errorf("said %s", second.events[0].Line)
	}
	third := readText(t, "cwl-draws", noticeFile(wrongNotice), Options{
		Name: "later file.json", Earlier: []io.Reader{strings.NewReader(noticeFile(firstNotice)), strings.NewReader(noticeFile(fullNotice))},
	})
	if len(third.events) != 1 || third.events[0].Corrects == nil || third.events[0].Corrects.ID != "ssq-2099001" || !strings.HasPrefix(third.events[0].ID, "ssq-2099001-corrected-") {
		t.Fatalf("events %d, bad %v", len(third.events), third.bad)
	}
	if d := decode[catalogue.DrawSettled](t, third.events[0]); *d.Sales != 10_000_000_200 || len(d.Prizes) != 2 {
		t.Errorf("the correction does not hold all that is known: %s", third.events[0].Line)
	}
}

func TestDraws_BadNotices(t *testing.T) {
	for name, c := range map[string]struct{ notice, column string }{
		"unknown game":  {strings.Replace(firstNotice, "双色球", "大乐透", 1), "name"},
		"no numbers":    {strings.Replace(firstNotice, "01,02,03,04,05,06", "", 1), "red"},
		"number text":   {strings.Replace(firstNotice, "01,02", "a,b", 1), "red"},
		"sales text":    {strings.Replace(firstNotice, `"100000000"`, `"一亿"`, 1), "sales"},
		"half a tier":   {strings.Replace(firstNotice, `"typenum":""`, `"typenum":"5"`, 1), "typemoney"},
		"winners text":  {strings.Replace(fullNotice, `"typenum":"10"`, `"typenum":"十"`, 1), "typenum"},
		"an object":     {strings.Replace(firstNotice, `"07"`, `{}`, 1), "blue"},
		"no such day":   {strings.Replace(firstNotice, "2099-01-01", "2099-02-30", 1), "date"},
		"member twice":  {strings.Replace(firstNotice, `"blue":`, `"code":"1","blue":`, 1), ""},
		"the same draw": {fullNotice, "code"},
	} {
		t.Run(name, func(t *testing.T) {
			got := readText(t, "cwl-draws", noticeFile(c.notice, strings.ReplaceAll(fullNotice, "2099001", "2099002"), fullNotice), Options{})
			if name == "member twice" {
				if got.err == nil {
					t.Error("a member that stands twice is taken")
				}
				return
			}
			if name == "the same draw" {
				if len(got.bad) != 1 || len(got.events) != 2 {
					t.Errorf("%d events, bad %v", len(got.events), got.bad)
				}
				return
			}
			if len(got.bad) != 1 || got.bad[0].Column != c.column || got.bad[0].Line != 1 || len(got.events) != 2 {
				t.Errorf("%d events, bad %v, want one bad in column %s", len(got.events), got.bad, c.column)
			}
		})
	}
}
