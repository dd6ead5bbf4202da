package catalogue

import "civicledger/events/ident"

// OrganisationRegistered says that an organisation exists; it joins its code
// and its names.
type OrganisationRegistered struct {
	Organisation      ident.OrgRef `json:"organisation"` // code and name
	Kind              string       `json:"kind"`
	Registrar         ident.OrgRef `json:"registrar"`
	RegisteredOn      string       `json:"registeredOn"`
	FormerNames       []string     `json:"formerNames,omitzero"`
	Charity           *bool        `json:"charity,omitzero"`
	PublicFundraising *bool        `json:"publicFundraising,omitzero"`
	NetAssets         *int64       `json:"netAssets,omitzero"`
	Currency          string       `json:"currency,omitzero"`
	Common
}

// AnnualReportFiled says that an organisation reported on a year.
type AnnualReportFiled struct {
	Organisation       ident.OrgRef `json:"organisation"`
	Year               int64        `json:"year"`
	FiledOn            string       `json:"filedOn"`
	Currency           string       `json:"currency,omitzero"`
	IncomeTotal        *int64       `json:"incomeTotal,omitzero"`
	DonationIncome     *int64       `json:"donationIncome,omitzero"`
	SpendingTotal      *int64       `json:"spendingTotal,omitzero"`
	CharitableSpending *int64       `json:"charitableSpending,omitzero"`
	AdminCost          *int64       `json:"adminCost,omitzero"`
	FundraisingCost    *int64       `json:"fundraisingCost,omitzero"`
	NetAssets          *int64       `json:"netAssets,omitzero"`
	Audited            *bool        `json:"audited,omitzero"`
	Common
}

// OrganisationInspected says what an inspection found.
type OrganisationInspected struct {
	Organisation ident.OrgRef `json:"organisation"`
	By           ident.OrgRef `json:"by"`
	Date         string       `json:"date"`
	Conclusion   string       `json:"conclusion"`
	Year         *int64       `json:"year,omitzero"` // of an annual inspection
	Matter       string       `json:"matter,omitzero"`
	Common
}

// RectificationOrdered says what must be put right by when.
type RectificationOrdered struct {
	Order        string       `json:"order"`
	Organisation ident.OrgRef `json:"organisation"`
	By           ident.OrgRef `json:"by"`
	OrderedOn    string       `json:"orderedOn"`
	Due          string       `json:"due"`
	Matter       string       `json:"matter"`
	Common
}

// RectificationAccepted says that it was put right.
type RectificationAccepted struct {
	Order        string       `json:"order"`
	Organisation ident.OrgRef `json:"organisation"`
	By           ident.OrgRef `json:"by"`
	AcceptedOn   string       `json:"acceptedOn"`
	Common
}

// PenaltyAnnounced says that a penalty is intended: nothing follows from it yet.
type PenaltyAnnounced struct {
	Penalty      string       `json:"penalty"`
	Organisation ident.OrgRef `json:"organisation"`
	By           ident.OrgRef `json:"by"`
	Kind         string       `json:"kind"`
	AnnouncedOn  string       `json:"announcedOn"`
	Cause        string       `json:"cause"`
	Common
}

// OrganisationPenalised says that an authority punished an organisation.
type OrganisationPenalised struct {
	Penalty          string       `json:"penalty"`
	Organisation     ident.OrgRef `json:"organisation"`
	By               ident.OrgRef `json:"by"`
	Kind             string       `json:"kind"`
	Fine             *int64       `json:"fine,omitzero"`
	Confiscated      *int64       `json:"confiscated,omitzero"`
	Currency         string       `json:"currency,omitzero"`
	SuspensionMonths *int64       `json:"suspensionMonths,omitzero"`
	DecidedOn        string       `json:"decidedOn"`
	EffectiveOn      string       `json:"effectiveOn,omitzero"`
	Cause            string       `json:"cause"`
	SpendingRatioBp  *int64       `json:"spendingRatioBp,omitzero"` // hundredths of a percent
	Common
}

// OrganisationListed says that an organisation was put on a list.
type OrganisationListed struct {
	List         string       `json:"list"` // abnormal, serious
	Circumstance string       `json:"circumstance"`
	Organisation ident.OrgRef `json:"organisation"`
	By           ident.OrgRef `json:"by"`
	DecidedOn    string       `json:"decidedOn"`
	EffectiveOn  string       `json:"effectiveOn,omitzero"`
	Cause        string       `json:"cause"`
	Penalty      string       `json:"penalty,omitzero"`
	Common
}

// OrganisationDelisted says that an organisation was taken off a list.
type OrganisationDelisted struct {
	List         string       `json:"list"`
	Organisation ident.OrgRef `json:"organisation"`
	By           ident.OrgRef `json:"by"`
	DecidedOn    string       `json:"decidedOn"`
	Reason       string       `json:"reason"`
	Common
}

// OrganisationRated says how an organisation was evaluated.
type OrganisationRated struct {
	Organisation ident.OrgRef `json:"organisation"`
	By           ident.OrgRef `json:"by"`
	Grade        string       `json:"grade"`
	DecidedOn    string       `json:"decidedOn"`
	ValidTo      string       `json:"validTo,omitzero"`
	Common
}

// OrganisationDeregistered says that an organisation ceased to exist.
type OrganisationDeregistered struct {
	Organisation ident.OrgRef  `json:"organisation"`
	By           ident.OrgRef  `json:"by"`
	Date         string        `json:"date"`
	Reason       string        `json:"reason,omitzero"`
	Successor    *ident.OrgRef `json:"successor,omitzero"`
	Common
}

var penaltyKinds = []string{
	"warning", "fine", "confiscation", "suspension", "revocation", "cancellation", "ban", "other", "unstated",
}

const penaltyKindDoc = "warning 警告, fine 罚款, confiscation 没收, suspension 限期停止活动, revocation 吊销登记证书, cancellation 撤销登记, ban 取缔, other, unstated."

var (
	abnormalCircumstances = []string{"A1", "A2", "A3", "A4", "A5", "A6", "A7", "unstated"}
	seriousCircumstances  = []string{"B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "unstated"}
)

func listField() Field {
	return enum("list", "abnormal 活动异常名录, serious 严重违法失信名单.", "abnormal", "serious")
}

var _ = define[OrganisationRegistered](familyOrganisation, Type{
	Name: "organisation.registered.v1", TitleEN: "Organisation registered", TitleZH: "社会组织登记",
	Meaning:     "The registrar says that the organisation exists. Earlier events that knew it by name only are joined to its code.",
	LegalSource: "社会团体登记管理条例 (2026), 民办非企业单位登记管理暂行条例, 基金会管理条例; Order 60 (2018) art 6, 7 (基础信息)",
	Rules:       []Rule{needs("netAssets", "currency")},
	Fields: []Field{
		shown(`{"code":"53990000MJ0000018G","name":"示例基金会"}`, org("organisation", "Code and name; both should stand.")),
		shown(`"foundation"`, enum("kind", "social-group 社会团体, social-service 社会服务机构（民非）, foundation 基金会, other.", "social-group", "social-service", "foundation", "other")),
		shown(`{"name":"示例市民政局"}`, org("registrar", "登记管理机关: it alone lists and delists.")),
		date("registeredOn", "Day of registration."),
		opt(texts("formerNames", Text, 1, 20, "Names it had before.")),
		opt(flag("charity", "Recognised as a charity 慈善组织; absent: not stated.")),
		opt(flag("publicFundraising", "Qualified to ask the public 公开募捐资格; absent: not stated.")),
		opt(signed("netAssets", "Net assets at registration, minor units.")),
		opt(currency()),
	},
})

var _ = define[AnnualReportFiled](familyOrganisation, Type{
	Name: "organisation.annual_report.filed.v1", TitleEN: "Annual report filed", TitleZH: "年度工作报告报送",
	Meaning:     "The organisation reported on a year to its registrar. The sums are as reported; ratios are judged from them.",
	LegalSource: "慈善法 (2023) art 13, 78; 社会团体登记管理条例 (2026) art 28; 基金会管理条例 art 36; 民发〔2026〕12号 art 8 to 15",
	Rules: []Rule{
		needs("incomeTotal", "currency"), needs("donationIncome", "currency"), needs("spendingTotal", "currency"),
		needs("charitableSpending", "currency"), needs("adminCost", "currency"), needs("fundraisingCost", "currency"), needs("netAssets", "currency"),
	},
	Fields: []Field{
		org("organisation", "Who reported."),
		year("year", "Year it is about."),
		date("filedOn", "Day it was filed."),
		shown(`"CNY"`, opt(currency())),
		shown("120000000", opt(amount("incomeTotal", "Total income of the year, minor units."))),
		opt(amount("donationIncome", "Income from donations, minor units.")),
		opt(amount("spendingTotal", "Total spending of the year, minor units.")),
		opt(amount("charitableSpending", "Spending for charitable activities, minor units.")),
		opt(amount("adminCost", "Cost of administration, minor units.")),
		opt(amount("fundraisingCost", "Cost of raising donations, minor units.")),
		opt(signed("netAssets", "Net assets at the year's end, minor units.")),
		opt(flag("audited", "An audit report is attached; absent: not stated.")),
	},
})

var _ = define[OrganisationInspected](familyOrganisation, Type{
	Name: "organisation.inspected.v1", TitleEN: "Organisation inspected", TitleZH: "行政检查结论",
	Meaning:     "An annual or other inspection ended with this conclusion.",
	LegalSource: "Order 60 (2018) art 6, 7 (行政检查信息)",
	Fields: []Field{
		org("organisation", "Who was inspected."),
		org("by", "Authority that inspected."),
		date("date", "Day of the conclusion."),
		enum("conclusion", "pass 合格, basically-pass 基本合格, fail 不合格, problems-found 发现问题.", "pass", "basically-pass", "fail", "problems-found"),
		opt(year("year", "Year an annual inspection is about.")),
		opt(text("matter", 500, "What was found.")),
	},
})

var _ = define[RectificationOrdered](familyOrganisation, Type{
	Name: "organisation.rectification.ordered.v1", TitleEN: "Rectification ordered", TitleZH: "责令整改",
	Meaning:     "By document the authority ordered that something be put right by a day.",
	LegalSource: "Order 60 (2018) art 11(3): not done by its deadline is circumstance A3",
	Rules:       []Rule{inOrder("orderedOn", "due")},
	Fields: []Field{
		slug("order", "Number of the order."),
		org("organisation", "Who must put it right."),
		org("by", "Authority that ordered it."),
		date("orderedOn", "Day of the order."),
		shown(`"2026-08-31"`, date("due", "Last day.")),
		text("matter", 500, "What must be put right."),
	},
})

var _ = define[RectificationAccepted](familyOrganisation, Type{
	Name: "organisation.rectification.accepted.v1", TitleEN: "Rectification accepted", TitleZH: "整改验收",
	Meaning:     "The authority accepted that the order was fulfilled.",
	LegalSource: "Order 60 (2018) art 11(3), 14",
	Fields: []Field{
		slug("order", "Number of the order."),
		org("organisation", "Who put it right."),
		org("by", "Authority that accepted it."),
		date("acceptedOn", "Day of acceptance."),
	},
})

var _ = define[PenaltyAnnounced](familyOrganisation, Type{
	Name: "organisation.penalty.announced.v1", TitleEN: "Penalty announced", TitleZH: "拟处罚公告",
	Meaning:     "The authority announced that it intends a penalty. It is not decided: no list, no rule and no count may rest on it.",
	LegalSource: "行政处罚法 (2021) art 44 (notice of facts, reasons, basis and rights before the decision)",
	Fields: []Field{
		slug("penalty", "Number of the case; the decision carries it again."),
		org("organisation", "Whom it concerns."),
		org("by", "Authority that announced it."),
		shown(`"cancellation"`, enum("kind", penaltyKindDoc, penaltyKinds...)),
		date("announcedOn", "Day of the announcement."),
		text("cause", 500, "Why."),
	},
})

var _ = define[OrganisationPenalised](familyOrganisation, Type{
	Name: "organisation.penalised.v1", TitleEN: "Organisation penalised", TitleZH: "行政处罚",
	Meaning:     "An authority decided a penalty. Whether it leads to a list follows from kind, fine and date.",
	LegalSource: "Order 60 (2018) art 6, 7, 11(5), 15; 慈善法 (2023) art 109 to 111; 社会团体登记管理条例 (2026) art 30; 行政处罚法 (2021)",
	Rules: []Rule{
		whenNeeds("kind", []string{"fine"}, "fine"),
		onlyWhen("suspensionMonths", "kind", "suspension"),
		needs("fine", "currency"), needs("confiscated", "currency"),
	},
	Fields: []Field{
		slug("penalty", "Number of the decision."),
		org("organisation", "Who was penalised."),
		org("by", "Authority that decided."),
		shown(`"warning"`, enum("kind", penaltyKindDoc+" The heaviest of several.", penaltyKinds...)),
		opt(amount("fine", "Fine, minor units; may stand beside another kind.")),
		opt(amount("confiscated", "Confiscated gain, minor units.")),
		opt(currency()),
		opt(integer("suspensionMonths", 1, 120, "Months of suspension.")),
		date("decidedOn", "Day of the decision."),
		opt(date("effectiveOn", "Day the decision takes effect; absent: the day of the decision.")),
		text("cause", 500, "Why, as published."),
		opt(integer("spendingRatioBp", 0, 1_000_000, "Charitable spending ratio that the decision states, in hundredths of a percent.")),
	},
})

var _ = define[OrganisationListed](familyOrganisation, Type{
	Name: "organisation.listed.v1", TitleEN: "Organisation listed", TitleZH: "列入名录（名单）",
	Meaning:     "The registrar put the organisation on the list of abnormal activity or of serious breaches. A new circumstance while listed begins the period again.",
	LegalSource: "Order 60 (2018) art 11, 13 (abnormal, A1 to A7), art 15, 16 (serious, B1 to B8)",
	Rules: []Rule{
		onlyValues("circumstance", abnormalCircumstances, "list", "abnormal"),
		onlyValues("circumstance", seriousCircumstances, "list", "serious"),
	},
	Fields: []Field{
		listField(),
		enum("circumstance", "Which circumstance of art 11 (A) or art 15 (B); unstated where the notice names none.",
			"A1", "A2", "A3", "A4", "A5", "A6", "A7", "B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "unstated"),
		org("organisation", "Who was listed."),
		org("by", "Registrar that listed it."),
		date("decidedOn", "Day of the decision."),
		opt(date("effectiveOn", "Day the listing begins; absent: the day of the decision.")),
		text("cause", 500, "Why, as published."),
		opt(slug("penalty", "Number of the penalty it rests on.")),
	},
})

var _ = define[OrganisationDelisted](familyOrganisation, Type{
	Name: "organisation.delisted.v1", TitleEN: "Organisation delisted", TitleZH: "移出名录（名单）",
	Meaning:     "The registrar took the organisation off a list.",
	LegalSource: "Order 60 (2018) art 14, 17; 行政处罚法 (2021) art 48 (basis revoked)",
	Fields: []Field{
		listField(),
		org("organisation", "Who was taken off."),
		org("by", "Registrar that did it."),
		date("decidedOn", "Day of the decision."),
		enum("reason", "rectified 整改, expired 期满, upgraded 转入严重名单, basis-revoked 依据撤销, deregistered 注销, error 更正, other.",
			"rectified", "expired", "upgraded", "basis-revoked", "deregistered", "error", "other"),
	},
})

var _ = define[OrganisationRated](familyOrganisation, Type{
	Name: "organisation.rated.v1", TitleEN: "Organisation rated", TitleZH: "社会组织评估等级",
	Meaning:     "The organisation was evaluated with this grade, valid five years unless stated otherwise.",
	LegalSource: "Order 82 (2026); Order 74 (2024) art 5 (3A for public fundraising)",
	Rules:       []Rule{inOrder("decidedOn", "validTo")},
	Fields: []Field{
		org("organisation", "Who was rated."),
		org("by", "Authority that rated it."),
		enum("grade", "5A is the best; none: no grade; withdrawn: the grade was taken away.", "5A", "4A", "3A", "2A", "1A", "none", "withdrawn"),
		date("decidedOn", "Day of the decision."),
		opt(date("validTo", "Last day it is valid.")),
	},
})

var _ = define[OrganisationDeregistered](familyOrganisation, Type{
	Name: "organisation.deregistered.v1", TitleEN: "Organisation deregistered", TitleZH: "注销登记",
	Meaning:     "The organisation ceased to exist, by its own wish, by merger or after a revocation.",
	LegalSource: "慈善法 (2023) art 17, 18; Order 60 (2018) art 17 (leaves the serious list)",
	Fields: []Field{
		org("organisation", "Who was deregistered."),
		org("by", "Registrar that did it."),
		date("date", "Day of deregistration."),
		opt(text("reason", 300, "Why.")),
		opt(org("successor", "Organisation that takes over after a merger.")),
	},
})
