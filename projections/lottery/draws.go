package lottery

import (
	"fmt"
	"slices"
	"strconv"

	"civicledger/events/catalogue"
	"civicledger/projections"
)

// compare orders notices: the notice itself first, then supplements by legal date.
func (n notice) compare(m notice) int {
	switch {
	case n.settled != nil && m.settled == nil:
		return -1
	case n.settled == nil && m.settled != nil:
		return 1
	}
	return n.Ref.Compare(m.Ref)
}

// merge puts the notices of a draw together. What contradicts an earlier one is
// noted and does not count.
func (d *Draw) merge() {
	fresh := Draw{Game: d.Game, Draw: d.Draw, notices: d.notices, Stated: map[string]uint64{}}
	for i := range fresh.notices {
		n := &fresh.notices[i]
		if s := n.settled; s != nil {
			fresh.Settled = place(n.Index)
			fresh.DrawnOn, fresh.Red, fresh.Blue, fresh.BonusBlue = s.DrawnOn, s.Red, s.Blue, s.BonusBlue
		} else {
			fresh.Supplements = append(fresh.Supplements, n.Index)
		}
		fresh.take(n)
	}
	for name, have := range map[string]bool{"sales": fresh.Sales != nil, "pool": fresh.Pool != nil, "prizes": fresh.Prizes != nil} {
		if !have {
			fresh.Missing = append(fresh.Missing, name)
		}
	}
	slices.Sort(fresh.Missing)
	*d = fresh
}

func (d *Draw) take(n *notice) {
	f := n.figures
	if d.Currency == "" {
		d.Currency = f.Currency
	}
	number(d, n, "sales", &d.Sales, f.Sales)
	number(d, n, "pool", &d.Pool, f.Pool)
	number(d, n, "injected", &d.Injected, f.Injected)
	number(d, n, "promotion", &d.Promotion, f.Promotion)
	prizes(d, n, "prizes", &d.Prizes, f.Prizes)
	prizes(d, n, "bonusPrizes", &d.BonusPrizes, f.BonusPrizes)
	words(d, n, "injectedFrom", &d.InjectedFrom, f.InjectedFrom)
	words(d, n, "winners", &d.Winners, f.Winners)
	words(d, n, "message", &d.Message, f.Message)
}

// words takes a text; a later notice adds texts and contradicts none.
func words(d *Draw, n *notice, name string, into *string, from string) {
	if *into == "" && from != "" {
		*into = from
		d.Stated[name] = n.Index
	}
}

func number(d *Draw, n *notice, name string, into **int64, from *int64) {
	switch {
	case from == nil:
	case *into == nil:
		*into = from
		d.Stated[name] = n.Index
	case **into != *from:
		d.conflict(n, name, *into, from)
	}
}

func prizes(d *Draw, n *notice, name string, into *[]catalogue.Prize, from []catalogue.Prize) {
	switch {
	case from == nil:
	case *into == nil:
		*into = from
		d.Stated[name] = n.Index
	case !slices.EqualFunc(*into, from, samePrize):
		d.conflict(n, name, nil, nil)
	}
}

func samePrize(a, b catalogue.Prize) bool {
	return a.Tier == b.Tier && a.Winners == b.Winners && a.Each == b.Each
}

func (d *Draw) conflict(n *notice, name string, expected, actual *int64) {
	a := d.oddity(n, CodeFigureConflict, name, "another notice states "+name+" otherwise, which counts")
	a.Expected, a.Actual, a.Other = expected, actual, place(d.Stated[name])
	if expected != nil {
		a.Currency = d.Currency
	}
	d.odd = append(d.odd, a)
}

func (d *Draw) oddity(n *notice, code, detail, message string) projections.Odd {
	a := projections.Anomaly{Code: code, Detail: detail, Subjects: []string{d.Game, d.Draw}, Message: message}
	return projections.Odd{Ref: n.Ref, Anomaly: a}
}

// stating returns the notice that states a figure.
func (d *Draw) stating(name string) *notice {
	at := slices.IndexFunc(d.notices, func(n notice) bool { return n.Index == d.Stated[name] })
	return &d.notices[max(0, at)]
}

// check judges a draw and files what is odd about it. It is done again
// whenever its notices or those of the draw before change.
func (p *Projection) check(b *projections.Batch, d *Draw) {
	kept := d.odd[:0:0]
	for _, a := range d.odd {
		if a.Code == CodeFigureConflict {
			kept = append(kept, a)
		} else {
			b.Withdraw(a.Ref.Index, a.Code, a.Detail)
		}
	}
	d.odd = kept
	d.Check = Check{State: Unchecked}
	if d.Game == "ssq" {
		d.fixedPrizes()
		if before := p.before(d); before != nil {
			d.identity(before)
		}
	}
	for _, a := range d.odd {
		b.Found(a.Ref, a.Anomaly)
	}
}

// Draw numbers are the year and a number within it: 2024022. Fewer than 160
// draws of a game that is drawn thrice a week make a year; daily games have up
// to 366.
const numbered = 7

func split(draw string) (year, number int, ok bool) {
	if len(draw) != numbered {
		return 0, 0, false
	}
	year, err1 := strconv.Atoi(draw[:4])
	number, err2 := strconv.Atoi(draw[4:])
	return year, number, err1 == nil && err2 == nil
}

// after returns the keys of the draws that may follow one directly.
func (p *Projection) after(d *Draw) []string {
	year, number, ok := split(d.Draw)
	if !ok {
		return nil
	}
	return []string{
		projections.Key(d.Game, fmt.Sprintf("%04d%03d", year, number+1)),
		projections.Key(d.Game, fmt.Sprintf("%04d001", year+1)),
	}
}

// before returns the draw directly before one, nil where it is not known. The
// first draw of a year follows the last known one of the year before, if that
// is late enough in December to be the last.
func (p *Projection) before(d *Draw) *Draw {
	year, number, ok := split(d.Draw)
	if !ok {
		return nil
	}
	if number > 1 {
		return p.draws.Get(projections.Key(d.Game, fmt.Sprintf("%04d%03d", year, number-1)))
	}
	var last *Draw
	for row := range p.draws.Ascend(d.Game + "\x00" + fmt.Sprintf("%04d", year-1)) {
		last = row
	}
	if last == nil || last.DrawnOn < fmt.Sprintf("%04d-12-28", year-1) {
		return nil
	}
	return last
}
