package catalogue

import "civicledger/events/ident"

// FundOpened says that a fund exists and who holds it.
type FundOpened struct {
	Fund     string       `json:"fund"`
	Name     string       `json:"name"`
	Currency string       `json:"currency"`
	Holder   ident.OrgRef `json:"holder"`
	Purpose  string       `json:"purpose,omitzero"`
	Common
}

// BudgetAllocated says what a holder may spend from a fund in a year.
type BudgetAllocated struct {
	Fund     string       `json:"fund"`
	Holder   ident.OrgRef `json:"holder"`
	Amount   int64        `json:"amount"` // negative: a cut
	Currency string       `json:"currency"`
	Year     int64        `json:"year"`
	Item     string       `json:"item,omitzero"`
	Date     string       `json:"date,omitzero"`
	Common
}

// TransferSent is the payer's word about money moved within a fund.
type TransferSent struct {
	Fund     string       `json:"fund"`
	Transfer string       `json:"transfer"`
	From     ident.OrgRef `json:"from"`
	To       ident.OrgRef `json:"to"`
	Amount   int64        `json:"amount"`
	Currency string       `json:"currency"`
	Date     string       `json:"date"`
	Purpose  string       `json:"purpose,omitzero"`
	Common
}

// TransferReceived is the receiver's word about the same transfer.
type TransferReceived TransferSent

func transferFields(dated string) []Field {
	return []Field{
		slug("fund", "Fund whose money moves."),
		slug("transfer", "Number of the transfer, the same in the sender's and the receiver's word."),
		shown(`{"name":"示例市财政局"}`, org("from", "Who pays.")),
		shown(`{"name":"示例区民政局"}`, org("to", "Who receives.")),
		payment("amount", "Sum moved, minor units."),
		currency(),
		date("date", dated),
		opt(text("purpose", 300, "What the money is for.")),
	}
}

var _ = define[FundOpened](familyFund, Type{
	Name: "fund.opened.v1", TitleEN: "Fund opened", TitleZH: "资金专户设立",
	Meaning:     "A fund for a purpose exists, is kept in one currency and is held by this organisation. Sums of other events are filed under it.",
	LegalSource: "彩票管理条例 art 33, 34 and 慈善法 (2023) ch. 6: earmarked money is kept apart",
	Fields: []Field{
		slug("fund", "Name of the fund in all later events."),
		shown(`"困难残疾人生活补贴资金"`, text("name", 200, "Name of the fund for people.")),
		currency(),
		org("holder", "Organisation that holds the money."),
		opt(text("purpose", 300, "What the money may be spent on.")),
	},
})

var _ = define[BudgetAllocated](familyFund, Type{
	Name: "budget.allocated.v1", TitleEN: "Budget allocated", TitleZH: "预算下达",
	Meaning:     "A holder may spend this sum from the fund in that year. Several allocations add up; a negative one is a cut.",
	LegalSource: "预算法; audit finding F28 (Σ allocated = Σ paid + Σ returned + balance)",
	Fields: []Field{
		slug("fund", "Fund it comes from."),
		org("holder", "Who may spend it."),
		signed("amount", "Sum, minor units; negative: a cut."),
		currency(),
		year("year", "Budget year."),
		opt(text("item", 200, "Budget item as printed.")),
		opt(date("date", "Date of the allocation document.")),
	},
})

var _ = define[TransferSent](familyFund, Type{
	Name: "transfer.sent.v1", TitleEN: "Transfer sent", TitleZH: "资金拨出",
	Meaning:     "The sender says that money of a fund left it for the receiver. It is complete when the receiver says transfer.received with the same number.",
	LegalSource: "彩票管理条例 art 34 (remitted on time, no retention); audit finding F26 (滞留、挪用)",
	Fields:      transferFields("Day the money left."),
})

var _ = define[TransferReceived](familyFund, Type{
	Name: "transfer.received.v1", TitleEN: "Transfer received", TitleZH: "资金到账",
	Meaning:     "The receiver says that money of a fund arrived from the sender.",
	LegalSource: "彩票管理条例 art 34 (remitted on time, no retention); audit finding F26 (滞留、挪用)",
	Fields:      transferFields("Day the money arrived."),
})
