package sample

import (
	"fmt"

	"civicledger/events/catalogue"
	"civicledger/events/ident"
)

var synthetic = catalogue.Common{Synthetic: true}

const (
	careFund     = "bj-elder-care-2025"
	childrenFund = "bj-children-2025"

	elderCare = "elder-care"
	orphan    = "orphan"
)

var (
	cityBureau     = ident.OrgRef{Name: "北京市民政局（样例）"}
	cityFinance    = ident.OrgRef{Name: "北京市财政局（样例）"}
	haidianBureau  = ident.OrgRef{Name: "海淀区民政局（样例）"}
	chaoyangBureau = ident.OrgRef{Name: "朝阳区民政局（样例）"}
)

// standard is a public standard and the document that set it.
type standard struct {
	kind, tier         string
	yuan               int64
	from, decided, doc string
	url                string
}

const (
	elderDocument    = "京民养老发〔2019〕160号"
	elderURL         = "https://www.beijing.gov.cn/zhengce/zhengcefagui/201910/t20191028_454233.html"
	childrenDocument = "京民发〔2026〕2号"
	childrenURL      = "https://www.beijing.gov.cn/zhengce/zhengcefagui/202605/t20260520_4659046.html"
)

var standards = []standard{
	{elderCare, "severe", 600, "2019-10", "2019-10-01", elderDocument, elderURL},
	{elderCare, "moderate", 400, "2019-10", "2019-10-01", elderDocument, elderURL},
	{elderCare, "mild", 200, "2019-10", "2019-10-01", elderDocument, elderURL},
	{orphan, "", 2850, "2025-07", "2026-01-14", childrenDocument, childrenURL},
}

// city is what the municipal bureau says: funds, standards, money sent to the
// districts, and a death.
func city() [][]byte {
	v := newVoice("bj-mzj-sample")
	for _, f := range []struct{ fund, name string }{{careFund, "失能老年人护理补贴资金（样例）"}, {childrenFund, "孤儿基本生活费资金（样例）"}} {
		v.say("fund.opened.v1", "fund-"+f.fund, "2025-01-02", f.fund, catalogue.FundOpened{
			Fund: f.fund, Name: f.name, Currency: "CNY", Holder: cityBureau, Common: synthetic,
		})
	}
	for _, s := range standards {
		fen := s.yuan * 100
		d := catalogue.SubsidyStandardSet{
			Kind: s.kind, Tier: s.tier, Amount: &fen, Currency: "CNY", ValidFrom: s.from, DecidedOn: s.decided, Common: synthetic,
		}
		d.Basis, d.Evidence = s.doc, s.url
		v.say("subsidy.standard.set.v1", "standard-"+s.kind+s.tier+"-"+s.from, s.decided, s.kind, d)
	}
	v.budget(careFund, 12_000_000, 2025)
	v.budget(careFund, 4_000_000, 2026)
	v.budget(childrenFund, 20_000_000, 2025)
	for _, t := range transfers {
		v.say("transfer.sent.v1", "sent-"+t.number, t.sent, t.number, catalogue.TransferSent{
			Fund: t.fund, Transfer: t.number, From: cityBureau, To: t.to, Amount: t.fen, Currency: "CNY", Date: t.sent,
			Purpose: "区级发放", Common: synthetic,
		})
	}
	v.say("person.died.v1", "death-0001", "2025-10-12", person("elder-h3"), catalogue.PersonDied{
		Person: person("elder-h3"), Date: "2025-10-12", RegisteredOn: "2025-10-15", Common: synthetic,
	})
	return v.lines
}

func (v *voice) budget(fund string, fen, year int64) {
	d := catalogue.BudgetAllocated{
		Fund: fund, Holder: cityBureau, Amount: fen, Currency: "CNY", Year: year, Item: cityFinance.Name + "下达", Common: synthetic,
	}
	d.Date = fmt.Sprintf("%d-01-20", year)
	v.say("budget.allocated.v1", fmt.Sprintf("budget-%s-%d", fund, year), d.Date, fund, d)
}

// transfer is money on its way to a district; received is empty while it has
// not arrived.
type transfer struct {
	number, fund   string
	to             ident.OrgRef
	fen            int64
	sent, received string
}

var transfers = []transfer{
	{"T2025-001", careFund, haidianBureau, 2_500_000, "2025-06-25", "2025-06-26"},
	{"T2025-002", careFund, chaoyangBureau, 2_500_000, "2025-06-25", "2025-06-27"},
	{"T2025-003", childrenFund, haidianBureau, 9_500_000, "2025-06-25", "2025-06-26"},
	{"T2025-004", careFund, chaoyangBureau, 600_000, "2025-11-28", ""},
}

func (v *voice) received(to ident.OrgRef) {
	for _, t := range transfers {
		if t.to != to || t.received == "" {
			continue
		}
		v.say("transfer.received.v1", "received-"+t.number, t.received, t.number, catalogue.TransferReceived{
			Fund: t.fund, Transfer: t.number, From: cityBureau, To: t.to, Amount: t.fen, Currency: "CNY", Date: t.received, Common: synthetic,
		})
	}
}

// grant is an invented person's subsidy.
type grant struct {
	name, kind, tier string
	yuan             int64
	from, decided    string
}

func (g grant) fund() string {
	if g.kind == orphan {
		return childrenFund
	}
	return careFund
}

var haidianGrants = []grant{
	{"elder-h1", elderCare, "severe", 600, "2025-07", "2025-06-12"},
	{"elder-h2", elderCare, "severe", 600, "2025-07", "2025-06-12"},
	{"elder-h3", elderCare, "severe", 600, "2025-07", "2025-06-12"}, // dies on 2025-10-12
	{"elder-h4", elderCare, "moderate", 400, "2025-07", "2025-06-19"},
	{"elder-h5", elderCare, "mild", 200, "2025-08", "2025-07-10"},
	{"elder-both", elderCare, "moderate", 400, "2025-07", "2025-06-19"}, // in both districts
	{"child-h1", orphan, "", 2450, "2025-07", "2025-06-20"},
	{"child-h2", orphan, "", 2450, "2025-07", "2025-06-20"},
}

var chaoyangGrants = []grant{
	{"elder-c1", elderCare, "severe", 600, "2025-07", "2025-06-16"},
	{"elder-c2", elderCare, "severe", 600, "2025-07", "2025-06-16"}, // relative of staff
	{"elder-c3", elderCare, "moderate", 400, "2025-07", "2025-06-16"},
	{"elder-c4", elderCare, "moderate", 400, "2025-09", "2025-08-18"},
	{"elder-c5", elderCare, "mild", 200, "2025-07", "2025-06-16"},
	{"elder-both", elderCare, "moderate", 400, "2025-09", "2025-08-18"},
}

var paidMonths = []string{"2025-07", "2025-08", "2025-09", "2025-10", "2025-11", "2025-12"}

func (v *voice) approve(grants []grant) {
	for _, g := range grants {
		v.say("subsidy.approved.v1", "approved-"+g.name, g.decided, person(g.name), catalogue.SubsidyApproved{
			Kind: g.kind, Tier: g.tier, Beneficiary: person(g.name), Amount: g.yuan * 100, Currency: "CNY",
			From: g.from, DecidedOn: g.decided, Common: synthetic,
		})
	}
}

// pay says one payment.
func (v *voice) pay(payer ident.OrgRef, g grant, month, number, date string, yuan int64) {
	v.say("subsidy.paid.v1", number, date, person(g.name), catalogue.SubsidyPaid{
		Payment: number, Fund: g.fund(), Payer: payer, Beneficiary: person(g.name), Kind: g.kind, Tier: g.tier,
		Period: month, Amount: yuan * 100, Currency: "CNY", Date: date, Common: synthetic,
	})
}

// payAll pays every grant for every month from its first on, on the 10th.
func (v *voice) payAll(payer ident.OrgRef, grants []grant) {
	for _, month := range paidMonths {
		for _, g := range grants {
			if month >= g.from {
				v.pay(payer, g, month, "P-"+month+"-"+g.name, month+"-10", g.yuan)
			}
		}
	}
}
