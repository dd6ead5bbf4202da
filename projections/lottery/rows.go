package lottery

import (
	"slices"

	"civicledger/events/catalogue"
	"civicledger/projections"
)

// Draw is one draw as its notices state it. A figure that no notice states is
// absent; the first notice by legal date that states one counts.
type Draw struct {
	Game         string            `json:"game"`
	Draw         string            `json:"draw"`
	DrawnOn      string            `json:"drawnOn,omitzero"`
	Red          []int64           `json:"red,omitzero"`
	Blue         []int64           `json:"blue,omitzero"`
	BonusBlue    []int64           `json:"bonusBlue,omitzero"`
	Currency     string            `json:"currency,omitzero"`
	Sales        *int64            `json:"sales,omitzero"`
	Pool         *int64            `json:"pool,omitzero"` // after the draw
	Prizes       []catalogue.Prize `json:"prizes,omitzero"`
	BonusPrizes  []catalogue.Prize `json:"bonusPrizes,omitzero"`
	Injected     *int64            `json:"injected,omitzero"`
	InjectedFrom string            `json:"injectedFrom,omitzero"`
	Promotion    *int64            `json:"promotion,omitzero"`
	Winners      string            `json:"winners,omitzero"`
	Message      string            `json:"message,omitzero"`
	Settled      *uint64           `json:"settled,omitzero"`     // entry of the notice
	Supplements  []uint64          `json:"supplements,omitzero"` // entries that added to it
	Stated       map[string]uint64 `json:"stated,omitzero"`      // figure → entry that states it
	Missing      []string          `json:"missing,omitzero"`     // of sales, pool and prizes
	Check        Check             `json:"check"`

	notices []notice
	odd     []projections.Odd
}

// Check is whether the money of a draw adds up: the share of sales for prizes,
// less prizes, less the change of the pool, plus money that the notice says came
// from outside, leaves a rounding remainder.
type Check struct {
	State      string   `json:"state"`             // holds, explain or unchecked
	Previous   string   `json:"previous,omitzero"` // draw whose pool it began with
	PoolBefore *int64   `json:"poolBefore,omitzero"`
	Paid       *int64   `json:"paid,omitzero"`      // all prizes
	Outside    *int64   `json:"outside,omitzero"`   // promotions and injections that the notice states
	Remainder  *int64   `json:"remainder,omitzero"` // what is left
	Tolerance  *int64   `json:"tolerance,omitzero"` // most that rounding can leave
	Explain    []string `json:"explain,omitzero"`   // known causes, see Explanations
}

// States of a Check.
const (
	Holds     = "holds"
	Explain   = "explain"
	Unchecked = "unchecked"
)

// Explanations are lawful causes that make a draw's money not add up.
var Explanations = map[string]projections.Title{
	"injected":           {EN: "the notice states money put into the pool", ZH: "公告载明注入奖池资金"},
	"pool-refilled":      {EN: "the pool ran low and was refilled from the adjustment fund", ZH: "奖池不足，由调节基金补足"},
	"second-prize-floor": {EN: "the second prize was raised to its floor, paid from outside the draw", ZH: "二等奖保底，由调节基金支付"},
	"promotion":          {EN: "prizes hold a promotion that is paid from outside the draw", ZH: "含派奖奖金"},
	"bonus-numbers":      {EN: "prizes of a bonus number are paid from a promotion", ZH: "快乐星期天特别奖"},
	"rounding":           {EN: "the remainder is a little above what rounding leaves", ZH: "舍入余额略超容差"},
	"rules-2026":         {EN: "rules since draw 2026014: the identity is not proven for them", ZH: "2026014期起新规则，恒等式尚未验证"},
	"unexplained":        {EN: "no known cause", ZH: "无已知原因"},
}

// notice is one entry about a draw.
type notice struct {
	projections.Ref
	settled *catalogue.DrawSettled // nil: a supplement
	figures *catalogue.DrawFigures
}

// Kinds of figures.
const (
	Collected = "collected"
	Allocated = "allocated"
	Spent     = "spent"
)

// Figure is one figure about the public welfare fund, as announced.
type Figure struct {
	Kind         string      `json:"kind"` // collected, allocated or spent
	Scope        string      `json:"scope"`
	Jurisdiction string      `json:"jurisdiction,omitzero"`
	Year         int64       `json:"year"`
	Measure      string      `json:"measure"`
	Item         string      `json:"item"`
	To           string      `json:"to,omitzero"`
	Currency     string      `json:"currency"`
	Amount       int64       `json:"amount"`     // of the first statement
	Statements   []Statement `json:"statements"` // by legal date
	Differs      bool        `json:"differs"`    // statements do not agree
}

// Statement is one announcement of a figure.
type Statement struct {
	Index        uint64 `json:"index"`
	Amount       int64  `json:"amount"`
	StatedAmount string `json:"statedAmount,omitzero"`
	StatedUnit   string `json:"statedUnit,omitzero"`
	Title        string `json:"title,omitzero"`
	Date         string `json:"date,omitzero"`

	ref projections.Ref
}

var (
	drawTable = projections.NewTable("draws",
		func(d *Draw) string { return projections.Key(d.Game, d.Draw) },
		func(d *Draw) { d.notices = slices.Clone(d.notices) })

	figureTable = projections.NewTable("welfare_fund", (*Figure).key,
		func(f *Figure) { f.Statements = slices.Clone(f.Statements) })
)

func (f *Figure) key() string {
	return projections.Key(f.Kind, f.Scope, projections.Uint(uint64(f.Year)), f.Measure, f.Item, f.To, f.Currency)
}
