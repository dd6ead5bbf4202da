package lottery

import (
	"strings"

	"civicledger/events/catalogue"
	"civicledger/projections"
)

func (p *Projection) figure(c *projections.Change, kind string, f *catalogue.WelfareFundFigure, to string) {
	fresh := &Figure{Kind: kind, Scope: f.Scope, Year: f.Year, Measure: f.Measure, Item: f.Item, To: to, Currency: f.Currency}
	key := fresh.key()
	row := p.figures.EditOr(key, func() *Figure { return fresh })
	row.Statements = projections.Placed(c, row.Statements, Statement{
		Index: c.Entry.Index, Amount: f.Amount, StatedAmount: f.StatedAmount, StatedUnit: f.StatedUnit, Title: f.Statement, Date: f.Date,
		ref: c.Entry.Ref(),
	}, func(a, b Statement) int { return a.ref.Compare(b.ref) })
	p.dirtyFigures.Add(key)
}

// settleFigure compares what was announced about one figure.
func (p *Projection) settleFigure(b *projections.Batch, key string) {
	row := p.figures.Edit(key)
	if len(row.Statements) == 0 {
		p.figures.Delete(key)
		return
	}
	first := row.Statements[0]
	row.Amount, row.Jurisdiction, row.Differs = first.Amount, first.ref.By.Jurisdiction, false
	for _, s := range row.Statements {
		differs := s.Amount != first.Amount
		row.Differs = row.Differs || differs
		b.Judge(s.ref, differs, projections.Anomaly{
			Code: CodeFigureDiffers, Subjects: []string{row.Scope, row.Item},
			Message: "another announcement states the same figure otherwise", Other: &first.Index,
			Expected: projections.Ptr(first.Amount), Actual: projections.Ptr(s.Amount), Currency: row.Currency,
		})
	}
}

// Reader answers questions about the lottery as of one View. Rows it returns
// are not to be changed.
type Reader struct{ view *projections.View }

// From returns the Reader of a View.
func From(v *projections.View) Reader { return Reader{v} }

// Draw returns one draw, nil if no notice of it is known.
func (r Reader) Draw(game, draw string) *Draw {
	return drawTable.Row(r.view, projections.Key(game, draw))
}

// DrawFilter narrows a list of draws; zero fields accept all.
type DrawFilter struct {
	From, To string // days, both included
	State    string // of the check
}

// Draws lists draws of one game ("" for all) by number.
func (r Reader) Draws(game string, f DrawFilter, p projections.Page) (projections.Rows[Draw], error) {
	return drawTable.Page(r.view, projections.Prefix(game), p, func(d *Draw) bool {
		return (f.From == "" || d.DrawnOn >= f.From) && (f.To == "" || d.DrawnOn <= f.To) && (f.State == "" || f.State == d.Check.State)
	})
}

// Game is what is known of one game's draws.
type Game struct {
	Game     string `json:"game"`
	Draws    int    `json:"draws"`
	First    string `json:"first"` // draw numbers
	Last     string `json:"last"`
	Sales    int64  `json:"sales"` // of all draws that state them
	Currency string `json:"currency,omitzero"`
	Pool     *int64 `json:"pool,omitzero"` // after the last draw, if stated
	Explain  int    `json:"explain"`       // draws whose money is to be explained
	Gaps     int    `json:"gaps"`          // numbers missing between draws of one year
	Over     int64  `json:"over,omitzero"` // not 0: Sales is out of range
}

// Games sums up the draws of every game, game by game.
func (r Reader) Games() []Game {
	games := []Game{}
	for d := range drawTable.Rows(r.view, "") {
		if len(games) == 0 || games[len(games)-1].Game != d.Game {
			games = append(games, Game{Game: d.Game, First: d.Draw, Last: d.Draw})
		}
		g := &games[len(games)-1]
		g.add(d)
	}
	return games
}

func (g *Game) add(d *Draw) {
	year, number, ok := split(d.Draw)
	lastYear, last, ok2 := split(g.Last)
	if ok && ok2 && year == lastYear && number > last+1 {
		g.Gaps += number - last - 1
	}
	g.Draws++
	g.Last, g.Pool, g.Currency = d.Draw, d.Pool, d.Currency
	if d.Sales != nil {
		projections.Add(&g.Sales, *d.Sales, &g.Over)
	}
	if d.Check.State == Explain {
		g.Explain++
	}
}

// FigureFilter narrows a list of figures; zero fields accept all.
type FigureFilter struct {
	Kind    string // Collected, Allocated or Spent
	Scope   string
	Year    int64
	Item    string // part of it
	Differs bool
}

// Figures lists what was announced about the welfare fund.
func (r Reader) Figures(f FigureFilter, p projections.Page) (projections.Rows[Figure], error) {
	return figureTable.Page(r.view, projections.Prefix(f.Kind), p, func(row *Figure) bool {
		return (f.Scope == "" || f.Scope == row.Scope) && (f.Year == 0 || f.Year == row.Year) &&
			strings.Contains(row.Item, f.Item) && (!f.Differs || row.Differs)
	})
}
