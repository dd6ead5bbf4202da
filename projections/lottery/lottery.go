// Package lottery is the read model of the welfare lottery: draws as their
// notices state them, checked against each other, and the figures that were
// announced about the public welfare fund.
//
// It is for supervisors of the lottery. A draw whose money does not add up is
// reported with the lawful causes that are known to do so, to be explained and
// not as fraud. The package refuses to fill in what no notice states, and adds
// up no figures of the welfare fund: totals and their parts are announced side
// by side.
//
// Sources: 彩票管理条例 art 20, 22, 24, 33 to 37; the rules of 双色球 by draw.
package lottery

import (
	"civicledger/events/catalogue"
	"civicledger/projections"
)

// Codes of anomalies.
const (
	CodeFigureConflict = "draw-figure-conflict"
	CodeMoneyIdentity  = "draw-money-identity"
	CodeFixedPrize     = "prize-fixed-tier"
	CodeFigureDiffers  = "welfare-figure-differs"
)

var _ = projections.Declare(map[string]projections.Title{
	CodeFigureConflict: {EN: "Notices of a draw contradict each other", ZH: "同一期公告数据矛盾"},
	CodeMoneyIdentity:  {EN: "Sales, prizes and pool do not add up", ZH: "销量、奖金与奖池不平（待说明）"},
	CodeFixedPrize:     {EN: "Fixed prize differs from the rules", ZH: "固定奖金与规则不符"},
	CodeFigureDiffers:  {EN: "Announcements state different figures", ZH: "公告数据前后不一致"},
})

// Projection folds draws and figures. It belongs to one Runner.
type Projection struct {
	draws   *projections.Overlay[Draw]
	figures *projections.Overlay[Figure]

	dirtyDraws   projections.Dirty
	dirtyFigures projections.Dirty
}

// New returns the projection before the first entry.
func New() *Projection {
	return &Projection{
		draws: projections.NewOverlay(drawTable), figures: projections.NewOverlay(figureTable),
		dirtyDraws: projections.Dirty{}, dirtyFigures: projections.Dirty{},
	}
}

// Name implements projections.Projection.
func (p *Projection) Name() string { return "lottery" }

// Tables implements projections.Projection.
func (p *Projection) Tables() []projections.Staged {
	return []projections.Staged{p.draws, p.figures}
}

// Change implements projections.Projection.
func (p *Projection) Change(c *projections.Change) {
	switch d := c.Entry.Data.(type) {
	case *catalogue.DrawSettled:
		p.notice(c, d.Game, d.Draw, notice{settled: d, figures: &d.DrawFigures})
	case *catalogue.DrawSupplemented:
		p.notice(c, d.Game, d.Draw, notice{figures: &d.DrawFigures})
	case *catalogue.WelfareFundCollected:
		p.figure(c, Collected, &d.WelfareFundFigure, "")
	case *catalogue.WelfareFundAllocated:
		p.figure(c, Allocated, &d.WelfareFundFigure, d.To)
	case *catalogue.WelfareFundSpent:
		p.figure(c, Spent, &d.WelfareFundFigure, d.To)
	}
}

func (p *Projection) notice(c *projections.Change, game, draw string, n notice) {
	key := projections.Key(game, draw)
	n.Ref = c.Entry.Ref()
	row := p.draws.EditOr(key, func() *Draw { return &Draw{Game: game, Draw: draw} })
	row.notices = projections.Placed(c, row.notices, n, notice.compare)
	p.dirtyDraws.Add(key)
}

func place(index uint64) *uint64 { return &index }

// Settle implements projections.Projection: draws that something was said
// about are merged again, and checked together with the draws after them,
// whose pool before was the pool after these.
func (p *Projection) Settle(b *projections.Batch) {
	check := projections.Dirty{}
	for _, key := range p.dirtyDraws.Take() {
		row := p.draws.Edit(key)
		for _, a := range row.odd {
			b.Withdraw(a.Ref.Index, a.Code, a.Detail)
		}
		row.odd = nil
		for _, next := range p.after(row) {
			check.Add(next)
		}
		if len(row.notices) == 0 {
			p.draws.Delete(key)
			continue
		}
		row.merge()
		check.Add(key)
	}
	for _, key := range check.Take() {
		if row := p.draws.Edit(key); row != nil {
			p.check(b, row)
		}
	}
	for _, key := range p.dirtyFigures.Take() {
		p.settleFigure(b, key)
	}
}
