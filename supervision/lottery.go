package supervision

import (
	"civicledger/events/catalogue"
	"civicledger/projections"
	"civicledger/projections/lottery"
)

// Game is what is known of one game's draws.
type Game struct {
	Game    string `json:"game"`
	Draws   int    `json:"draws"`
	First   string `json:"first" doc:"Number of the first draw."`
	Last    string `json:"last" doc:"Number of the last draw."`
	Sales   *Money `json:"sales,omitzero" doc:"Of all draws that state them."`
	Pool    *Money `json:"pool,omitzero" doc:"After the last draw, if stated."`
	Explain int    `json:"explain" doc:"Draws whose money is to be explained."`
	Gaps    int    `json:"gaps" doc:"Numbers missing between draws of one year."`
}

// Draw is one draw as its notices state it. What no notice states is absent.
type Draw struct {
	Game         string    `json:"game"`
	Draw         string    `json:"draw"`
	DrawnOn      string    `json:"drawnOn,omitzero" format:"date"`
	Red          []int64   `json:"red,omitzero"`
	Blue         []int64   `json:"blue,omitzero"`
	BonusBlue    []int64   `json:"bonusBlue,omitzero"`
	Sales        *Money    `json:"sales,omitzero"`
	Pool         *Money    `json:"pool,omitzero" doc:"After the draw."`
	Prizes       []Prize   `json:"prizes" doc:"By tier."`
	BonusPrizes  []Prize   `json:"bonusPrizes,omitzero"`
	Injected     *Money    `json:"injected,omitzero" doc:"Put into the pool from outside the draw, as the notice states."`
	InjectedFrom string    `json:"injectedFrom,omitzero"`
	Promotion    *Money    `json:"promotion,omitzero"`
	Winners      string    `json:"winners,omitzero" doc:"Where the first prizes were won."`
	Message      string    `json:"message,omitzero"`
	Settled      *uint64   `json:"settled,omitzero" doc:"The entry of the notice."`
	Supplements  []uint64  `json:"supplements,omitzero" doc:"Entries that added to it."`
	Missing      []string  `json:"missing,omitzero" doc:"What no notice states yet, of sales, pool and prizes."`
	Check        DrawCheck `json:"check"`
}

// Prize is one tier of a draw.
type Prize struct {
	Tier      int64  `json:"tier"`
	Winners   int64  `json:"winners" doc:"Winning bets."`
	Each      Money  `json:"each" doc:"Per winning bet, promotion included."`
	Promotion *Money `json:"promotion,omitzero" doc:"The part of each that a promotion adds."`
}

// DrawCheck is whether the money of a draw adds up.
type DrawCheck struct {
	State      string        `json:"state" enum:"holds,explain,unchecked" doc:"explain: it does not add up; unchecked: a figure is missing."`
	Previous   string        `json:"previous,omitzero" doc:"The draw whose pool it began with."`
	PoolBefore *Money        `json:"poolBefore,omitzero"`
	Paid       *Money        `json:"paid,omitzero" doc:"All prizes."`
	Remainder  *Money        `json:"remainder,omitzero" doc:"Share of sales for prizes, less prizes, less the change of the pool."`
	Tolerance  *Money        `json:"tolerance,omitzero" doc:"The most that rounding can leave."`
	Explain    []Explanation `json:"explain,omitzero" doc:"Known causes."`
}

// Explanation is a known cause why a draw's money does not add up.
type Explanation struct {
	Code  string `json:"code"`
	Title Title  `json:"title"`
}

// Figure is one figure about the public welfare fund, as announced.
type Figure struct {
	Kind         string      `json:"kind" enum:"collected,allocated,spent"`
	Scope        string      `json:"scope" doc:"Whose figure, as printed."`
	Jurisdiction string      `json:"jurisdiction,omitzero"`
	Year         int64       `json:"year"`
	Measure      string      `json:"measure" doc:"What is counted."`
	Item         string      `json:"item" doc:"As printed."`
	To           string      `json:"to,omitzero"`
	Amount       Money       `json:"amount" doc:"Of the first announcement."`
	Differs      bool        `json:"differs" doc:"Announcements do not agree."`
	Statements   []Statement `json:"statements" doc:"Each announcement, in the order of the log."`
}

// Statement is one announcement of a figure.
type Statement struct {
	Index        uint64 `json:"index" doc:"The entry that says so."`
	Amount       Money  `json:"amount"`
	StatedAmount string `json:"statedAmount,omitzero" doc:"As printed."`
	StatedUnit   string `json:"statedUnit,omitzero" doc:"As printed."`
	Title        string `json:"title,omitzero" doc:"Of the announcement."`
	Date         string `json:"date,omitzero" format:"date"`
}

// Games sums up the draws of every game.
func (d *Desk) Games() (*Page[Game], error) {
	v := d.tables.View()
	page := &Page[Game]{AsOf: d.asOf(v), Items: each(lottery.From(v).Games(), func(g lottery.Game) Game {
		out := Game{Game: g.Game, Draws: g.Draws, First: g.First, Last: g.Last, Explain: g.Explain, Gaps: g.Gaps}
		if g.Currency != "" {
			out.Sales, out.Pool = new(sumIn(g.Over)(g.Sales, g.Currency)), maybe(g.Pool, g.Currency)
		}
		return out
	})}
	return page.said()
}

// DrawQuestion narrows a list of draws; zero fields accept all.
type DrawQuestion struct {
	Game     string
	From, To string // days, both included
	Check    string // state of the check
	Newest   bool   // from the highest number down
	Turn
}

// Draws lists draws by game and number.
func (d *Desk) Draws(q DrawQuestion) (*Page[Draw], error) {
	v := d.tables.View()
	rows, err := lottery.From(v).Draws(q.Game,
		lottery.DrawFilter{From: q.From, To: q.To, State: q.Check},
		projections.Page{After: q.After, Limit: q.limit(), Reverse: q.Newest})
	return pageOf(d.asOf(v), rows, err, draw)
}

// Draw returns one draw.
func (d *Desk) Draw(game, number string) (*Answer[Draw], error) {
	v := d.tables.View()
	row := lottery.From(v).Draw(game, number)
	if row == nil {
		return nil, d.asOf(v).missing(&NotFound{What: "draw", Key: game + " " + number, Cure: "GET /v1/draws?game=" + game + " lists them; numbers carry their year: 2026014"})
	}
	return &Answer[Draw]{AsOf: d.asOf(v), Item: draw(row)}, nil
}

// FigureQuestion narrows a list of figures; zero fields accept all.
type FigureQuestion struct {
	Kind, Scope string
	Year        int64
	Item        string // part of it
	Differs     bool   // announcements do not agree
	Turn
}

// WelfareFund lists what was announced about the public welfare fund.
func (d *Desk) WelfareFund(q FigureQuestion) (*Page[Figure], error) {
	v := d.tables.View()
	filter := lottery.FigureFilter{Kind: q.Kind, Scope: q.Scope, Year: q.Year, Item: q.Item, Differs: q.Differs}
	rows, err := lottery.From(v).Figures(filter, q.page())
	return pageOf(d.asOf(v), rows, err, figure)
}

func draw(r *lottery.Draw) Draw {
	out := Draw{
		Game: r.Game, Draw: r.Draw, DrawnOn: r.DrawnOn, Red: r.Red, Blue: r.Blue, BonusBlue: r.BonusBlue,
		Sales: maybe(r.Sales, r.Currency), Pool: maybe(r.Pool, r.Currency),
		Prizes: prizes(r.Prizes, r.Currency), InjectedFrom: r.InjectedFrom,
		Injected: maybe(r.Injected, r.Currency), Promotion: maybe(r.Promotion, r.Currency),
		Winners: r.Winners, Message: r.Message, Settled: r.Settled, Supplements: r.Supplements, Missing: r.Missing,
		Check: DrawCheck{
			State: r.Check.State, Previous: r.Check.Previous,
			PoolBefore: maybe(r.Check.PoolBefore, r.Currency), Paid: maybe(r.Check.Paid, r.Currency),
			Remainder: maybe(r.Check.Remainder, r.Currency), Tolerance: maybe(r.Check.Tolerance, r.Currency),
		},
	}
	if len(r.BonusPrizes) > 0 {
		out.BonusPrizes = prizes(r.BonusPrizes, r.Currency)
	}
	for _, code := range r.Check.Explain {
		out.Check.Explain = append(out.Check.Explain, Explanation{Code: code, Title: titled(lottery.Explanations[code])})
	}
	return out
}

func prizes(rows []catalogue.Prize, currency string) []Prize {
	return each(rows, func(p catalogue.Prize) Prize {
		return Prize{Tier: p.Tier, Winners: p.Winners, Each: sum(p.Each, currency), Promotion: maybe(p.Promotion, currency)}
	})
}

func figure(r *lottery.Figure) Figure {
	return Figure{
		Kind: r.Kind, Scope: r.Scope, Jurisdiction: r.Jurisdiction, Year: r.Year, Measure: r.Measure, Item: r.Item,
		To: r.To, Amount: sum(r.Amount, r.Currency), Differs: r.Differs,
		Statements: each(r.Statements, func(s lottery.Statement) Statement {
			return Statement{
				Index: s.Index, Amount: sum(s.Amount, r.Currency), StatedAmount: s.StatedAmount, StatedUnit: s.StatedUnit,
				Title: s.Title, Date: s.Date,
			}
		}),
	}
}
