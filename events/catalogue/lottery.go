package catalogue

// Prize is one tier of a draw.
type Prize struct {
	Tier      int64  `json:"tier"`
	Winners   int64  `json:"winners"`
	Each      int64  `json:"each"`               // per winning bet, promotion included
	Promotion *int64 `json:"promotion,omitzero"` // the part of each that a promotion (派奖, 加奖) adds
}

// DrawSettled is the notice of a draw. What the notice does not say yet is
// absent and comes with a DrawSupplemented.
type DrawSettled struct {
	Game    string `json:"game"`
	Draw    string `json:"draw"`
	DrawnOn string `json:"drawnOn"`
	Numbers
	DrawFigures
	Common
}

// DrawSupplemented adds what the first notice of a draw lacked.
type DrawSupplemented struct {
	Game string `json:"game"`
	Draw string `json:"draw"`
	DrawFigures
	Common
}

// Numbers are what was drawn.
type Numbers struct {
	Red       []int64 `json:"red"`
	Blue      []int64 `json:"blue,omitzero"`
	BonusBlue []int64 `json:"bonusBlue,omitzero"`
	Order     []int64 `json:"order,omitzero"` // red in the order drawn
}

// DrawFigures are the sums of a draw notice.
type DrawFigures struct {
	Currency     string  `json:"currency"`
	Sales        *int64  `json:"sales,omitzero"`
	Pool         *int64  `json:"pool,omitzero"` // after the draw
	Prizes       []Prize `json:"prizes,omitzero"`
	BonusPrizes  []Prize `json:"bonusPrizes,omitzero"` // tiers won with the bonus number
	Injected     *int64  `json:"injected,omitzero"`
	InjectedFrom string  `json:"injectedFrom,omitzero"`
	Promotion    *int64  `json:"promotion,omitzero"`
	Winners      string  `json:"winners,omitzero"` // where the first prizes were won
	Message      string  `json:"message,omitzero"` // announcement, verbatim
}

// WelfareFundCollected is one figure about money that came into the public
// welfare fund of the lotteries.
type WelfareFundCollected struct {
	WelfareFundFigure
	Common
}

// WelfareFundAllocated is one figure about money given out of it.
type WelfareFundAllocated struct {
	WelfareFundFigure
	To string `json:"to,omitzero"`
	Common
}

// WelfareFundSpent is one figure about money spent by those who received it.
type WelfareFundSpent struct {
	WelfareFundFigure
	To string `json:"to,omitzero"`
	Common
}

// WelfareFundFigure is a figure as an announcement states it.
type WelfareFundFigure struct {
	Scope        string `json:"scope"` // as printed: 全国, 中央, 某市本级
	Year         int64  `json:"year"`
	Measure      string `json:"measure"`
	Item         string `json:"item"`
	Amount       int64  `json:"amount"`
	Currency     string `json:"currency"`
	StatedAmount string `json:"statedAmount,omitzero"`
	StatedUnit   string `json:"statedUnit,omitzero"`
	Statement    string `json:"statement,omitzero"` // title of the announcement
	Date         string `json:"date,omitzero"`
}

func prizeList(name, doc string) Field {
	return list(name, 1, 30, doc, nil,
		shown("1", integer("tier", 1, 99, "Tier as the game rules count.")),
		shown("27", integer("winners", 0, 1_000_000_000_000, "Winning bets.")),
		shown("558199100", amount("each", "Prize per bet, promotion included, minor units.")),
		opt(amount("promotion", "Part of each that a promotion 派奖 or 加奖 adds, minor units.")))
}

func gameFields() []Field {
	return []Field{
		shown(`"ssq"`, enum("game", "ssq 双色球, 3d 福彩3D, kl8 快乐8, qlc 七乐彩, instant 刮刮乐, other.", "ssq", "3d", "kl8", "qlc", "instant", "other")),
		shown(`"2024022"`, slug("draw", "Number of the draw, with its year.")),
	}
}

func figureRows() []Field {
	return []Field{
		currency(),
		shown("38875992600", opt(amount("sales", "Sales of the draw, minor units."))),
		shown("221176550400", opt(amount("pool", "Prize pool after the draw, minor units."))),
		shown(`[{"tier":1,"winners":27,"each":558199100},{"tier":2,"winners":335,"each":5863300}]`, opt(prizeList("prizes", "Winning bets and prize per bet, by tier."))),
		opt(prizeList("bonusPrizes", "The same for the bonus number (快乐星期天).")),
		opt(payment("injected", "Sum put into the pool from outside the draw, where the notice states it, minor units.")),
		opt(text("injectedFrom", 100, "Where it came from, as the notice says: 调节基金 …")),
		opt(amount("promotion", "Sum of the promotion in this draw as the notice states it, minor units.")),
		opt(text("winners", 1000, "Where the first prizes were won, as published; never a person.")),
		opt(text("message", 2000, "Announcement text, verbatim.")),
	}
}

func drawFields() []Field {
	rows := append(gameFields(),
		shown(`"2024-02-29"`, date("drawnOn", "Day of the draw.")),
		shown("[2,9,11,14,18,26]", integers("red", 1, 80, 0, 99, "Red or main numbers; digits of 3D in order.")),
		shown("[6]", opt(integers("blue", 1, 10, 0, 99, "Blue or special numbers."))),
		opt(integers("bonusBlue", 1, 10, 0, 99, "Second blue number of a bonus draw.")),
		opt(integers("order", 1, 80, 0, 99, "Main numbers in the order drawn.")))
	return append(rows, figureRows()...)
}

func fundFigureFields(more ...Field) []Field {
	return append([]Field{
		shown(`"全国"`, text("scope", 100, "Whose figure it is, as printed; the envelope's jurisdiction is its code.")),
		year("year", "Year it is about."),
		shown(`"collected"`, slug("measure", "What is counted: collected, sales, central-income, local-income, unclaimed, allocated, budget, spent, special-fund, …")),
		shown(`"公益金合计"`, text("item", 200, "Item as printed.")),
		signed("amount", "Sum, minor units."),
		currency(),
		shown(`"3360332"`, opt(text("statedAmount", 40, "The figure as printed."))),
		shown(`"万元"`, opt(text("statedUnit", 20, "The unit as printed; misprints stay visible."))),
		opt(text("statement", 200, "Title of the announcement.")),
		opt(date("date", "Day of the announcement.")),
	}, more...)
}

var drawRules = []Rule{needs("injectedFrom", "injected")}

var _ = define[DrawSettled](familyLottery, Type{
	Name: "lottery.draw.settled.v1", TitleEN: "Draw settled", TitleZH: "开奖公告",
	Meaning:     "The notice of a draw: numbers and, as far as published, sales, prizes and the pool after it. Prizes equal a share of sales minus the change of the pool, which anybody can check.",
	LegalSource: "彩票管理条例 art 20, 22, 24; 双色球 rules (财综〔2025〕50号 from draw 2026014); regulations.md 5.4",
	Rules:       drawRules,
	Fields:      drawFields(),
})

var _ = define[DrawSupplemented](familyLottery, Type{
	Name: "lottery.draw.supplemented.v1", TitleEN: "Draw notice supplemented", TitleZH: "开奖公告补充",
	Meaning:     "A later notice of the same draw states what the first lacked. What the first stated is corrected with the attribute corrects, not here.",
	LegalSource: "彩票管理条例 art 20, 24",
	Rules:       append([]Rule{atLeastOne("sales", "pool", "prizes", "bonusPrizes", "injected", "promotion", "winners", "message")}, drawRules...),
	Fields:      append(gameFields(), figureRows()...),
})

var _ = define[WelfareFundCollected](familyLottery, Type{
	Name: "lottery.welfare_fund.collected.v1", TitleEN: "Welfare fund collected", TitleZH: "彩票公益金筹集",
	Meaning:     "An announcement states how much came into the public welfare fund, or the sales it comes from. Totals and their parts are separate events.",
	LegalSource: "彩票管理条例 art 33 to 37; 彩票公益金管理办法 (财综〔2021〕18号) art 4 to 6",
	Fields:      fundFigureFields(),
})

var _ = define[WelfareFundAllocated](familyLottery, Type{
	Name: "lottery.welfare_fund.allocated.v1", TitleEN: "Welfare fund allocated", TitleZH: "彩票公益金分配",
	Meaning:     "An announcement states how much of the fund was given to whom (central part 60/30/5/5).",
	LegalSource: "彩票公益金管理办法 (财综〔2021〕18号); 彩票管理条例 art 36, 37 (yearly publication)",
	Fields:      fundFigureFields(opt(text("to", 200, "Who receives it, as printed."))),
})

var _ = define[WelfareFundSpent](familyLottery, Type{
	Name: "lottery.welfare_fund.spent.v1", TitleEN: "Welfare fund spent", TitleZH: "彩票公益金使用",
	Meaning:     "A user of the fund states what it spent it on.",
	LegalSource: "彩票管理条例 art 36 (users publish yearly)",
	Fields:      fundFigureFields(opt(text("to", 200, "Who received it, as printed."))),
})
