package catalogue

import "civicledger/events/ident"

// SubsidyStandardSet says what a kind of subsidy is worth per month, from when
// on, and when that was decided: both times count.
type SubsidyStandardSet struct {
	Kind      string   `json:"kind"`
	Tier      string   `json:"tier,omitzero"`
	Amount    *int64   `json:"amount,omitzero"` // per month
	Currency  string   `json:"currency"`
	Formula   *Formula `json:"formula,omitzero"`
	ValidFrom string   `json:"validFrom"`
	ValidTo   string   `json:"validTo,omitzero"` // last month
	DecidedOn string   `json:"decidedOn"`
	Common
}

// Formula is a standard that follows another one, as several disability
// amounts follow the 低保 standard.
type Formula struct {
	OfKind   string `json:"ofKind"`
	OfTier   string `json:"ofTier,omitzero"`
	Permille int64  `json:"permille"`
}

// SubsidyApproved says that a person was granted a subsidy.
type SubsidyApproved struct {
	Kind        string `json:"kind"`
	Tier        string `json:"tier,omitzero"`
	Beneficiary string `json:"beneficiary"`
	Household   string `json:"household,omitzero"`
	Amount      int64  `json:"amount"` // per month
	Currency    string `json:"currency"`
	From        string `json:"from"` // month
	DecidedOn   string `json:"decidedOn"`
	Common
}

// SubsidyTerminated says from which month on a subsidy is no longer due.
type SubsidyTerminated struct {
	Kind        string `json:"kind"`
	Beneficiary string `json:"beneficiary"`
	Effective   string `json:"effective"` // first month that is no longer due
	Reason      string `json:"reason"`
	DecidedOn   string `json:"decidedOn"`
	Common
}

// SubsidyPaid says that money went to one beneficiary or one recipient.
type SubsidyPaid struct {
	Payment     string        `json:"payment"`
	Fund        string        `json:"fund"`
	Payer       ident.OrgRef  `json:"payer"`
	Beneficiary string        `json:"beneficiary,omitzero"` // a natural person's token
	Recipient   *ident.OrgRef `json:"recipient,omitzero"`   // a firm or an organisation
	Kind        string        `json:"kind"`
	Tier        string        `json:"tier,omitzero"`
	Period      string        `json:"period"` // month it is paid for
	Amount      int64         `json:"amount"` // negative: a reversal
	Currency    string        `json:"currency"`
	Date        string        `json:"date"`
	Household   string        `json:"household,omitzero"`
	Account     string        `json:"account,omitzero"`
	Address     string        `json:"address,omitzero"`
	Place       string        `json:"place,omitzero"`
	Jobs        *int64        `json:"jobs,omitzero"`
	Industry    string        `json:"industry,omitzero"`
	Common
}

// SubsidyCancelled says that the payer took a payment back: its members are
// those of the payment, its amount is what was taken back.
type SubsidyCancelled SubsidyPaid

// SubsidyReturned says that money of an earlier payment came back.
type SubsidyReturned struct {
	Fund     string       `json:"fund"`
	Payer    ident.OrgRef `json:"payer"`
	Payment  string       `json:"payment"`
	Amount   int64        `json:"amount"`
	Currency string       `json:"currency"`
	Date     string       `json:"date"`
	Reason   string       `json:"reason"`
	Common
}

// RecoveryOrdered says that somebody must pay money back.
type RecoveryOrdered struct {
	Order       string        `json:"order"`
	Beneficiary string        `json:"beneficiary,omitzero"`
	Recipient   *ident.OrgRef `json:"recipient,omitzero"`
	Fund        string        `json:"fund"`
	Kind        string        `json:"kind,omitzero"`
	Amount      int64         `json:"amount"`
	Currency    string        `json:"currency"`
	DecidedOn   string        `json:"decidedOn"`
	Due         string        `json:"due,omitzero"`
	Reason      string        `json:"reason"`
	Common
}

// RecoveryReceived says that money came back under an order.
type RecoveryReceived struct {
	Order    string       `json:"order"`
	Fund     string       `json:"fund"`
	Payer    ident.OrgRef `json:"payer"` // the organisation that had paid and receives back
	Amount   int64        `json:"amount"`
	Currency string       `json:"currency"`
	Date     string       `json:"date"`
	Common
}

// KinFiled is the filing of a relative of staff who receives assistance.
type KinFiled struct {
	Staff        string       `json:"staff"`
	Relative     string       `json:"relative"`
	Relation     string       `json:"relation"`
	Organisation ident.OrgRef `json:"organisation"`
	Date         string       `json:"date"`
	Common
}

// PersonDied says that a person died.
type PersonDied struct {
	Person       string `json:"person"`
	Date         string `json:"date"`
	RegisteredOn string `json:"registeredOn,omitzero"`
	Common
}

const (
	kindDoc  = "Kind of subsidy: dibao 低保, tekun 特困, orphan 孤儿, child-unattended 事实无人抚养儿童, child-ill 困境儿童, elder-service 困难老年人养老服务补贴, elder-care 失能老年人护理补贴, elder-age 高龄津贴, disability-living 残疾人生活补贴, disability-care 重度残疾人护理补贴, temporary-aid 临时救助, or another name that is used throughout."
	tierDoc  = "Tier within the kind, as the standard names it."
	tokenDoc = "Token of the natural person (civicledger token)."
)

var payee = exactlyOne("beneficiary", "recipient")

var _ = define[SubsidyStandardSet](familySubsidy, Type{
	Name: "subsidy.standard.set.v1", TitleEN: "Subsidy standard set", TitleZH: "补贴标准发布",
	Meaning:     "In the envelope's jurisdiction this kind and tier is worth this much per month from a month on, as decided on a date. A standard may be decided after the month it begins in: back-payment after the decision is lawful, the same payment before it is a finding.",
	LegalSource: "京民发〔2026〕2号, 京民养老发〔2019〕160号, 京民福发〔2016〕434号, 京民社救发〔2024〕80号; regulations.md 4.1",
	Rules:       []Rule{atLeastOne("amount", "formula"), inOrder("validFrom", "validTo")},
	Fields: []Field{
		shown(`"orphan"`, slug("kind", kindDoc)),
		opt(slug("tier", tierDoc)),
		shown("285000", opt(amount("amount", "Per person and month, minor units."))),
		currency(),
		opt(object("formula", "The standard follows another one.", nil,
			slug("ofKind", "Kind it follows."),
			opt(slug("ofTier", "Tier it follows.")),
			integer("permille", 1, 10_000, "Share of the other standard in thousandths."))),
		shown(`"2025-07"`, month("validFrom", "First month it pays.")),
		opt(month("validTo", "Last month it pays.")),
		shown(`"2026-01-14"`, date("decidedOn", "Day of the decision.")),
	},
})

var _ = define[SubsidyApproved](familySubsidy, Type{
	Name: "subsidy.approved.v1", TitleEN: "Subsidy approved", TitleZH: "补贴审核确认",
	Meaning:     "After check and confirmation the person receives this kind from that month on.",
	LegalSource: "民发〔2021〕57号 art 20, 21, 28 (nobody is included without application, check and confirmation); 社会救助法 (2026) art 44",
	Fields: []Field{
		shown(`"disability-living"`, slug("kind", kindDoc)),
		opt(slug("tier", tierDoc)),
		token("beneficiary", tokenDoc),
		opt(token("household", "Token of the household.")),
		amount("amount", "Granted per month, minor units."),
		currency(),
		month("from", "First month due."),
		date("decidedOn", "Day of the decision."),
	},
})

var _ = define[SubsidyTerminated](familySubsidy, Type{
	Name: "subsidy.terminated.v1", TitleEN: "Subsidy terminated", TitleZH: "补贴停发",
	Meaning:     "From the month named in effective on this kind is no longer due to the person.",
	LegalSource: "民发〔2021〕57号 art 32; 社会救助法 (2026) art 47, 48; audit finding F22 (应退未退)",
	Fields: []Field{
		slug("kind", kindDoc),
		token("beneficiary", tokenDoc),
		month("effective", "First month that is no longer due."),
		enum("reason", "Why.", "died", "moved", "income", "property", "ineligible", "age", "imprisoned", "recheck", "voluntary", "transferred", "other"),
		date("decidedOn", "Day of the decision."),
	},
})

func paidFields(number string, sum Field, dated string) []Field {
	return []Field{
		slug("payment", number),
		slug("fund", "Fund it is paid from."),
		org("payer", "Who pays."),
		shown(`"`+sampleToken+`"`, opt(token("beneficiary", tokenDoc))),
		opt(org("recipient", "Firm or organisation that receives.")),
		slug("kind", kindDoc),
		opt(slug("tier", tierDoc)),
		month("period", "Month it is paid for."),
		sum,
		currency(),
		date("date", dated),
		opt(token("household", "Token of the household.")),
		opt(slug("account", "Masked or keyed name of the account that was paid.")),
		opt(slug("address", "Keyed name of the recipient's address.")),
		opt(text("place", 100, "Place of the recipient as published.")),
		opt(integer("jobs", 0, 10_000_000, "Jobs that the recipient stated.")),
		opt(text("industry", 100, "Industry of the recipient as published.")),
	}
}

var _ = define[SubsidyPaid](familySubsidy, Type{
	Name: "subsidy.paid.v1", TitleEN: "Subsidy paid", TitleZH: "补贴发放",
	Meaning:     "Money left the payer for one person (beneficiary, a token) or one firm or organisation (recipient), for one month of one kind.",
	LegalSource: "民发〔2021〕57号 art 21, 25 (paid from the month after the decision, monthly, by bank); audit findings F01, F05, F11, F19, F21",
	Rules:       []Rule{payee},
	Fields: paidFields("Number of the payment, unique at the payer.",
		signed("amount", "Sum, minor units; negative: a reversal by the payer, which subsidy.cancelled says better."), "Day of the payment."),
})

var _ = define[SubsidyCancelled](familySubsidy, Type{
	Name: "subsidy.cancelled.v1", TitleEN: "Subsidy payment cancelled", TitleZH: "补贴发放撤销",
	Meaning:     "The payer took a payment back before it counted with anybody: a wrong or doubled payment, an award that was withdrawn. Money that the recipient had and gave back is subsidy.returned.",
	LegalSource: "audit findings F19 (重复发放), F28 (收支不平)",
	Rules:       []Rule{payee},
	Fields: paidFields("Number of the payment that is cancelled or, where none is named, of the cancellation.",
		payment("amount", "Sum taken back, minor units."), "Day of the cancellation."),
})

var _ = define[SubsidyReturned](familySubsidy, Type{
	Name: "subsidy.returned.v1", TitleEN: "Subsidy returned", TitleZH: "补贴退回",
	Meaning:     "Money of an earlier payment came back to the payer without an order.",
	LegalSource: "audit findings F27 (银行退票未处理), F28 (收支不平)",
	Fields: []Field{
		slug("fund", "Fund it goes back to."),
		org("payer", "Who had paid and receives back."),
		slug("payment", "Number of the payment."),
		payment("amount", "Sum, minor units."),
		currency(),
		date("date", "Day it came back."),
		enum("reason", "Why.", "bank-returned", "repaid", "reversed", "died", "duplicate", "other"),
	},
})

var _ = define[RecoveryOrdered](familySubsidy, Type{
	Name: "recovery.ordered.v1", TitleEN: "Recovery ordered", TitleZH: "责令退回",
	Meaning:     "The authority ordered that money paid wrongly be returned.",
	LegalSource: "社会救助法 (2026) art 73, 74; 社会救助暂行办法 art 68 until 2026-06-30",
	Rules:       []Rule{payee, inOrder("decidedOn", "due")},
	Fields: []Field{
		slug("order", "Number of the order."),
		shown(`"`+sampleToken+`"`, opt(token("beneficiary", tokenDoc))),
		opt(org("recipient", "Firm or organisation that must pay back.")),
		slug("fund", "Fund it goes back to."),
		opt(slug("kind", kindDoc)),
		payment("amount", "Sum to be returned, minor units."),
		currency(),
		date("decidedOn", "Day of the order."),
		opt(date("due", "Last day to pay.")),
		enum("reason", "Why.", "died", "fraud", "overpaid", "duplicate", "ineligible", "other"),
	},
})

var _ = define[RecoveryReceived](familySubsidy, Type{
	Name: "recovery.received.v1", TitleEN: "Recovery received", TitleZH: "追缴款入账",
	Meaning:     "Money came back under an order; several receipts add up.",
	LegalSource: "社会救助法 (2026) art 73, 74",
	Fields: []Field{
		slug("order", "Number of the order."),
		slug("fund", "Fund it goes back to."),
		org("payer", "Organisation that had paid and receives back."),
		payment("amount", "Sum, minor units."),
		currency(),
		date("date", "Day it arrived."),
	},
})

var _ = define[KinFiled](familySubsidy, Type{
	Name: "kin.filed.v1", TitleEN: "Relative of staff filed", TitleZH: "近亲属备案",
	Meaning:     "A relative of assistance staff or of a committee member receives or applied for assistance and is registered separately.",
	LegalSource: "民发〔2021〕57号 art 11; 民法典 art 1045 (scope of 近亲属); audit findings F15, F16",
	Fields: []Field{
		token("staff", "Token of the staff member."),
		shown(`"st1.1.bcdefghijklmnopqrstuvwxyza"`, token("relative", "Token of the relative.")),
		enum("relation", "What the relative is to the staff member.", "spouse", "parent", "child", "sibling", "grandparent", "grandchild", "other"),
		org("organisation", "Where the staff member works."),
		date("date", "Day of the filing."),
	},
})

var _ = define[PersonDied](familySubsidy, Type{
	Name: "person.died.v1", TitleEN: "Person died", TitleZH: "人员死亡",
	Meaning:     "The person behind the token died on that day, as the registers of deaths and cremations say.",
	LegalSource: "民发〔2021〕57号 art 32; 民发〔2022〕83号 (recheck within three months of death); audit findings F01, F02",
	Rules:       []Rule{inOrder("date", "registeredOn")},
	Fields: []Field{
		token("person", tokenDoc),
		date("date", "Day of death."),
		opt(date("registeredOn", "Day the death was registered.")),
	},
})

// sampleToken stands for nobody: no key makes it.
const sampleToken = "st1.1.abcdefghijklmnopqrstuvwxya"
