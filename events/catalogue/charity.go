package catalogue

import "civicledger/events/ident"

// CampaignOpened says that a charity asks the public, or somebody, for money.
type CampaignOpened struct {
	Campaign     string       `json:"campaign"`
	Organisation ident.OrgRef `json:"organisation"`
	Name         string       `json:"name"`
	Filing       string       `json:"filing,omitzero"` // 备案编号
	Public       bool         `json:"public"`
	Emergency    bool         `json:"emergency,omitzero"`
	From         string       `json:"from"`
	To           string       `json:"to,omitzero"`
	Expected     *int64       `json:"expected,omitzero"`
	Currency     string       `json:"currency"`
	Fund         string       `json:"fund,omitzero"`
	Common
}

// Donor is who gave, as far as it may be said: an organisation by code or name,
// a person by token or not at all. A masked name is still a name.
type Donor struct {
	Kind         string        `json:"kind"` // org, person, anonymous, unstated
	Organisation *ident.OrgRef `json:"organisation,omitzero"`
	Token        string        `json:"token,omitzero"`
}

// Goods is one kind of goods in a donation or an issue.
type Goods struct {
	Item          string `json:"item"`
	Spec          string `json:"spec,omitzero"`
	Unit          string `json:"unit,omitzero"`
	QuantityMilli *int64 `json:"quantityMilli,omitzero"` // thousandths of a unit
	QuantityText  string `json:"quantityText,omitzero"`  // as published
}

// DonationReceived says that a charity received money or goods.
type DonationReceived struct {
	Donation     string       `json:"donation"`
	Organisation ident.OrgRef `json:"organisation"`
	Campaign     string       `json:"campaign,omitzero"`
	Fund         string       `json:"fund,omitzero"`
	Donor        Donor        `json:"donor"`
	Amount       *int64       `json:"amount,omitzero"`
	Currency     string       `json:"currency,omitzero"`
	Goods        []Goods      `json:"goods,omitzero"`
	Date         string       `json:"date"`
	DateText     string       `json:"dateText,omitzero"` // as published, where it is no single day
	Channel      string       `json:"channel,omitzero"`
	Account      string       `json:"account,omitzero"`
	Reference    string       `json:"reference,omitzero"`
	Common
}

// DonationReturned says that a charity gave a donation back, whole or in part.
type DonationReturned DonationReceived

// DonationSpent says that a charity spent donated money.
type DonationSpent struct {
	Spending     string        `json:"spending"`
	Organisation ident.OrgRef  `json:"organisation"`
	Campaign     string        `json:"campaign,omitzero"`
	Fund         string        `json:"fund,omitzero"`
	Purpose      string        `json:"purpose"`
	Recipient    *ident.OrgRef `json:"recipient,omitzero"`
	Amount       int64         `json:"amount"`
	Currency     string        `json:"currency"`
	Date         string        `json:"date"`
	Account      string        `json:"account,omitzero"`
	Reference    string        `json:"reference,omitzero"`
	Common
}

// SpendingRefunded says that money which a charity had spent came back.
type SpendingRefunded DonationSpent

// GoodsIssued says that a charity handed out donated goods.
type GoodsIssued struct {
	Issue        string        `json:"issue"`
	Organisation ident.OrgRef  `json:"organisation"`
	Campaign     string        `json:"campaign,omitzero"`
	Recipient    *ident.OrgRef `json:"recipient,omitzero"`
	Goods        []Goods       `json:"goods"`
	Date         string        `json:"date"`
	DateText     string        `json:"dateText,omitzero"`
	Common
}

// DisclosurePart is one channel or one item of a disclosure.
type DisclosurePart struct {
	Item   string `json:"item"`
	Amount *int64 `json:"amount,omitzero"`
	Count  *int64 `json:"count,omitzero"`
}

// DisclosurePublished says what a charity told the public, totals included.
type DisclosurePublished struct {
	Disclosure         string           `json:"disclosure,omitzero"`
	Organisation       ident.OrgRef     `json:"organisation"`
	Campaign           string           `json:"campaign,omitzero"`
	Kind               string           `json:"kind"`
	From               string           `json:"from"` // first day it covers
	To                 string           `json:"to"`   // last day it covers
	PublishedOn        string           `json:"publishedOn"`
	Currency           string           `json:"currency,omitzero"`
	Received           *int64           `json:"received,omitzero"`
	ReceivedCount      *int64           `json:"receivedCount,omitzero"`
	Spent              *int64           `json:"spent,omitzero"`
	CumulativeReceived *int64           `json:"cumulativeReceived,omitzero"`
	CumulativeSpent    *int64           `json:"cumulativeSpent,omitzero"`
	Parts              []DisclosurePart `json:"parts,omitzero"`
	URL                string           `json:"url,omitzero"`
	Common
}

// BalanceStated says what stood on an account, as its statement says.
type BalanceStated struct {
	Account  string       `json:"account"`
	Holder   ident.OrgRef `json:"holder"`
	Fund     string       `json:"fund"`
	Currency string       `json:"currency"`
	Balance  int64        `json:"balance"`
	StatedAt string       `json:"statedAt"` // date
	Sequence *int64       `json:"sequence,omitzero"`
	Credit   *int64       `json:"credit,omitzero"`
	Debit    *int64       `json:"debit,omitzero"`
	Common
}

var goodsFields = []Field{
	shown(`"医用口罩"`, text("item", 200, "What it is, as published.")),
	opt(text("spec", 200, "Specification, as published.")),
	shown(`"箱"`, opt(text("unit", 30, "Unit of the quantity, as published."))),
	shown("198000", opt(integer("quantityMilli", 0, 1_000_000_000_000_000, "Quantity in thousandths of a unit."))),
	opt(text("quantityText", 100, "Quantity as published, where it is no number or no single one. Without either the quantity is not stated.")),
}

var donorField = object("donor", "Who gave, as far as it may be said (慈善法 art 82).",
	[]Rule{
		whenNeeds("kind", []string{"org"}, "organisation"),
		onlyWhen("organisation", "kind", "org"),
		onlyWhen("token", "kind", "person"),
	},
	shown(`"org"`, enum("kind", "What kind of donor.", "org", "person", "anonymous", "unstated")),
	shown(`{"name":"示例制药股份有限公司"}`, opt(org("organisation", "The organisation that gave."))),
	opt(token("token", tokenDoc)))

var _ = define[CampaignOpened](familyCharity, Type{
	Name: "charity.campaign.opened.v1", TitleEN: "Fundraising campaign opened", TitleZH: "募捐活动备案",
	Meaning:     "A charity raises money for a purpose in a period, under one filing number.",
	LegalSource: "慈善法 (2023) art 24; Order 74 (2024) art 10, 11, 12 (filed 10 days before, at most 3 years, one filing number)",
	Rules:       []Rule{inOrder("from", "to")},
	Fields: []Field{
		slug("campaign", "Name of the campaign in later events."),
		org("organisation", "Charity that raises the money."),
		text("name", 200, "Name for people."),
		opt(slug("filing", "Filing number 备案编号.")),
		shown("true", flag("public", "Whether the public is asked (公开募捐).")),
		opt(flag("emergency", "Raised for an emergency response (慈善法 art 72, 73).")),
		date("from", "First day."),
		opt(date("to", "Last day.")),
		opt(amount("expected", "Expected sum, minor units.")),
		currency(),
		opt(slug("fund", "Fund the money goes to.")),
	},
})

var moneyOrGoods = []Rule{exactlyOne("amount", "goods"), needs("amount", "currency"), needs("currency", "amount")}

func donationFields(number, dated string) []Field {
	return []Field{
		slug("donation", number),
		org("organisation", "Charity that received it."),
		opt(slug("campaign", "Campaign it belongs to.")),
		opt(slug("fund", "Fund it goes to.")),
		donorField,
		shown("20000", opt(payment("amount", "Sum, minor units."))),
		shown(`"CNY"`, opt(currency())),
		opt(list("goods", 1, 100, "The goods.", nil, withoutSamples(goodsFields)...)),
		date("date", dated),
		opt(text("dateText", 100, "Date as published, where it is no single day.")),
		opt(slug("channel", "How it came: qr, pos, alipay, bank, cash, …")),
		opt(slug("account", "Masked name of the account it arrived on.")),
		opt(text("reference", 128, "Number of the booking at the bank or platform, as published.")),
	}
}

var _ = define[DonationReceived](familyCharity, Type{
	Name: "charity.donation.received.v1", TitleEN: "Donation received", TitleZH: "接受捐赠",
	Meaning:     "A charity received money (amount and currency) or goods, never both in one event.",
	LegalSource: "慈善法 (2023) art 38 (receipt with donor, kind, quantity, organisation, date), art 72, 73, 79",
	Rules:       moneyOrGoods,
	Fields:      donationFields("Number of the donation, unique at the charity.", "Day it was received or, where only that is published, disclosed."),
})

var _ = define[DonationReturned](familyCharity, Type{
	Name: "charity.donation.returned.v1", TitleEN: "Donation returned", TitleZH: "退还捐赠",
	Meaning:     "A charity gave a donation back, whole or in part: what was received stays said, and totals show received, returned and what is left.",
	LegalSource: "慈善法 (2023) art 41 (what was promised and not given), 79; audit finding F28 (收支不平)",
	Rules:       moneyOrGoods,
	Fields:      donationFields("Number of the donation that goes back or, where none is named, of the return.", "Day it went back or, where only that is published, disclosed."),
})

func spendingFields(number, recipient, dated string) []Field {
	return []Field{
		slug("spending", number),
		org("organisation", "Charity that spent it."),
		opt(slug("campaign", "Campaign it belongs to.")),
		opt(slug("fund", "Fund it comes from.")),
		shown(`"采购防护物资"`, text("purpose", 300, "What for.")),
		opt(org("recipient", recipient)),
		payment("amount", "Sum, minor units."),
		currency(),
		date("date", dated),
		opt(slug("account", "Masked name of the account.")),
		opt(text("reference", 128, "Number of the booking at the bank, as published.")),
	}
}

var _ = define[DonationSpent](familyCharity, Type{
	Name: "charity.donation.spent.v1", TitleEN: "Donated money spent", TitleZH: "捐赠资金使用",
	Meaning:     "A charity paid donated money out for its purpose.",
	LegalSource: "慈善法 (2023) art 56, 61, 79; 民发〔2026〕12号 art 12 (counts when it reaches the final beneficiary)",
	Fields:      spendingFields("Number of the payment, unique at the charity.", "Organisation that received it.", "Day it left."),
})

var _ = define[SpendingRefunded](familyCharity, Type{
	Name: "charity.spending.refunded.v1", TitleEN: "Spending refunded", TitleZH: "支出退回",
	Meaning:     "Money that a charity had spent came back: the bank returned it, or the seller refunded it.",
	LegalSource: "慈善法 (2023) art 56, 79; audit findings F27 (银行退票未处理), F28 (收支不平)",
	Fields:      spendingFields("Number of the payment that comes back or, where none is named, of the refund.", "Organisation it comes back from.", "Day it came back."),
})

var _ = define[GoodsIssued](familyCharity, Type{
	Name: "charity.goods.issued.v1", TitleEN: "Donated goods issued", TitleZH: "捐赠物资发放",
	Meaning:     "A charity handed donated goods to a recipient; absent where the publisher names none.",
	LegalSource: "慈善法 (2023) art 79; Order 81 (2026)",
	Fields: []Field{
		slug("issue", "Number of the issue, unique at the charity."),
		org("organisation", "Charity that issued them."),
		opt(slug("campaign", "Campaign they belong to.")),
		shown(`{"name":"示例医院"}`, opt(org("recipient", "Who received them."))),
		list("goods", 1, 100, "Goods issued.", nil, goodsFields...),
		date("date", "Day of issue."),
		opt(text("dateText", 100, "Date as published, where it is no single day.")),
	},
})

var _ = define[DisclosurePublished](familyCharity, Type{
	Name: "charity.disclosure.published.v1", TitleEN: "Disclosure published", TitleZH: "信息公开",
	Meaning:     "A charity told the public about a period. The totals it stated are kept as stated, to be compared with the events they sum up.",
	LegalSource: "慈善法 (2023) art 72, 73, 78, 79; Order 74 (2024) art 21; Order 81 (2026) art 6, 13 to 16",
	Rules: []Rule{
		inOrder("from", "to"),
		needs("received", "currency"), needs("spent", "currency"),
		needs("cumulativeReceived", "currency"), needs("cumulativeSpent", "currency"),
	},
	Fields: []Field{
		opt(slug("disclosure", "Number of the disclosure at the publisher.")),
		org("organisation", "Charity that disclosed."),
		opt(slug("campaign", "Campaign it is about.")),
		shown(`"emergency-daily"`, enum("kind", "What kind of disclosure.", "annual", "quarterly", "campaign", "final", "emergency-daily", "emergency", "other")),
		shown(`"2020-01-28"`, date("from", "First day it covers.")),
		shown(`"2020-01-28"`, date("to", "Last day it covers.")),
		shown(`"2020-01-29"`, date("publishedOn", "Day it was published.")),
		shown(`"CNY"`, opt(currency())),
		shown("397708747", opt(amount("received", "Received in the period, minor units."))),
		opt(integer("receivedCount", 0, 1_000_000_000, "Number of donations in the period.")),
		opt(amount("spent", "Spent in the period, minor units.")),
		opt(amount("cumulativeReceived", "Received since the beginning, minor units.")),
		opt(amount("cumulativeSpent", "Spent since the beginning, minor units.")),
		opt(list("parts", 1, 50, "Totals by channel or item, as published.", nil,
			text("item", 200, "Channel or item."),
			opt(amount("amount", "Sum, minor units of the event's currency.")),
			opt(integer("count", 0, 1_000_000_000, "Number of donations.")))),
		opt(url("url", "Where it was published.")),
	},
})

var _ = define[BalanceStated](familyCharity, Type{
	Name: "account.balance.stated.v1", TitleEN: "Account balance stated", TitleZH: "账户余额",
	Meaning:     "The statement of an account shows this balance after a row or at the end of a day. With credit or debit it also says what that row moved, so that balances can be followed from row to row.",
	LegalSource: "慈善法 (2023) art 54, 79; audit finding F28 (收支不平)",
	Fields: []Field{
		slug("account", "Masked name of the account, the same in all its statements."),
		org("holder", "Who holds the account."),
		slug("fund", "Fund whose money is on it."),
		currency(),
		signed("balance", "Balance, minor units."),
		date("statedAt", "Day of the balance."),
		opt(integer("sequence", 0, 1_000_000_000, "Row of the statement, numbered on or from 1 in each day; later rows of a day have larger numbers.")),
		opt(amount("credit", "Moved in by this row, minor units.")),
		opt(amount("debit", "Moved out by this row, minor units.")),
	},
})
