package sources

import (
	"context"
	"encoding/hex"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"civicledger/events/catalogue"
	"civicledger/events/money"
)

var drawsSource = &Source{
	Kind:     "cwl-draws",
	Title:    "draw notices of the China Welfare Lottery (answers of findDrawNotice: 双色球, 3D, 快乐8, 七乐彩)",
	Types:    []string{"lottery.draw.settled.v1", "lottery.draw.supplemented.v1"},
	Example:  "cwl-draws ssq.json --out ssq.jsonl",
	zone:     zoneChina,
	defaults: Options{Jurisdiction: "100000"},
	read:     readDraws,
}

const publisherSite = "https://www.cwl.gov.cn"

// draw is a notice in the words of the catalogue.
type draw struct {
	id      string
	settled catalogue.DrawSettled
	stands  string // id of the event that says it: id, or that of the last correction
}

func readDraws(ctx context.Context, in *input, sp *speaker) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		earlier, err := sp.earlierDraws()
		if err != nil {
			yield(Row{}, err)
			return
		}
		notices, err := readNotices(in)
		if err != nil {
			yield(Row{}, err)
			return
		}
		seen := make(map[string]int, len(notices))
		for i := range notices {
			if err := ctx.Err(); err != nil {
				yield(Row{}, err)
				return
			}
			row, err := sp.sayNotice(&notices[i], seen, earlier)
			if !yield(row, placed(err, in.name, notices[i].at)) {
				return
			}
		}
	}
}

// sayNotice says a draw, or what a later notice adds to an earlier one.
func (sp *speaker) sayNotice(n *notice, seen map[string]int, earlier map[string]draw) (Row, error) {
	row := Row{Line: n.at}
	d := sp.parseDraw(n)
	if at, twice := seen[d.id]; twice {
		n.wrong("code", "is the draw of notice %d already: keep one", at)
	}
	if n.bad != nil {
		return row, n.bad
	}
	seen[d.id] = n.at
	all := []said{d.said("")}
	if before, ok := earlier[d.id]; ok {
		all = d.since(&before)
	}
	events, err := sp.lines(all)
	row.Events = events
	return row, err
}

// earlierDraws reads the captures that were imported before, oldest first;
// what a later one adds is known from then on.
func (sp *speaker) earlierDraws() (map[string]draw, error) {
	known := map[string]draw{}
	for i, r := range sp.Earlier {
		in, err := openInput(r, Options{Name: fmt.Sprintf("earlier capture %d", i+1), Encoding: sp.Encoding})
		if err != nil {
			return nil, err
		}
		notices, err := readNotices(in)
		if err != nil {
			return nil, err
		}
		for i := range notices {
			d := sp.parseDraw(&notices[i])
			if notices[i].bad != nil {
				continue // it was refused then, so nothing of it was said
			}
			if before, ok := known[d.id]; ok {
				d.since(&before)
			}
			known[d.id] = d
		}
	}
	return known, nil
}

func (d *draw) said(corrects string) said {
	return said{id: d.id, typ: "lottery.draw.settled.v1", date: d.settled.DrawnOn, subject: d.id, corrects: corrects, data: d.settled}
}

// since is what d says beyond the earlier notice: nothing, a supplement, or a
// correction where both state the same thing differently. From then on d holds
// all that is known of the draw, and which event says it. The id of a
// correction is made of what it replaces and of what it says, so that a third
// figure is another event than the second.
func (d *draw) since(before *draw) []said {
	u := compare(before.settled.DrawFigures, d.settled.DrawFigures)
	differs := u.differs || !sameNumbers(before.settled, d.settled)
	supplement := catalogue.DrawSupplemented{Game: d.settled.Game, Draw: d.settled.Draw, DrawFigures: u.added, Common: d.settled.Common}
	d.settled.DrawFigures, d.stands = u.all, before.stands
	if d.settled.Order == nil {
		d.settled.Order = before.settled.Order
	}
	switch {
	case differs:
		one := d.said(before.stands)
		figures, _ := json.Marshal(d.settled.DrawFigures, json.Deterministic(true)) // numbers and texts: it cannot fail
		key := fingerprint(before.stands, d.settled.DrawnOn, fmt.Sprint(d.settled.Numbers), string(figures))
		one.id = d.id + "-corrected-" + hex.EncodeToString(key[:8])
		d.stands = one.id
		return []said{one}
	case len(u.names) == 0:
		return nil
	}
	return []said{{
		id: d.id + "-supplement-" + strings.Join(u.names, "-"), typ: "lottery.draw.supplemented.v1",
		date: d.settled.DrawnOn, subject: d.id, data: supplement,
	}}
}

// game is what may be drawn: so many different numbers up to a highest one
// (digits of 3D from 0, and again), and so many special numbers.
type game struct {
	key                string
	numbers, specials  int
	low, high, highest int64
	digits             bool
}

var games = map[string]game{
	"双色球":  {key: "ssq", numbers: 6, low: 1, high: 33, specials: 1, highest: 16},
	"3D":   {key: "3d", numbers: 3, high: 9, digits: true},
	"福彩3D": {key: "3d", numbers: 3, high: 9, digits: true},
	"快乐8":  {key: "kl8", numbers: 20, low: 1, high: 80},
	"七乐彩":  {key: "qlc", numbers: 7, low: 1, high: 30, specials: 1, highest: 30},
}

// understood members are read; the ones below are left out: the week repeats
// the date, the video shows the draw.
var understood = []string{
	"name", "code", "date", "red", "blue", "blue2", "kjhyjsx", "sales", "poolmoney", "content", "msg", "addmoney", "addmoney2",
	"z2add", "m2add", "fyjCount", "fyjMoney", "specialRuleInfo", "prizeSpecialInfo", "detailsLink", "week", "videoLink",
}

// parseDraw reads a notice; what is wrong it notes there.
func (sp *speaker) parseDraw(n *notice) draw {
	game, ok := games[n.members["name"]]
	if !ok {
		n.wrong("name", "is no game this kind knows: 双色球, 3D, 快乐8, 七乐彩")
	}
	s := catalogue.DrawSettled{Game: game.key, Draw: n.members["code"], DrawnOn: drawnOn(n), Numbers: numbersOf(n)}
	game.admits(n, s.Numbers)
	s.DrawFigures = sp.figuresOf(n, game.key)
	s.Note = unread(n, game.key)
	if link := n.members["detailsLink"]; strings.HasPrefix(link, "/") {
		s.Evidence = publisherSite + link
	}
	id := game.key + "-" + s.Draw
	return draw{id: id, settled: s, stands: id}
}

// drawnOn is the day of a notice: its weekday and the year in the number of
// the draw, which is 2026013 and never 26013, must be those of the day.
func drawnOn(n *notice) string {
	date, rest, _ := strings.Cut(narrow(n.members["date"]), "(")
	day, err := time.Parse("2006-01-02", strings.TrimSpace(date))
	if err != nil {
		n.wrong("date", "does not begin with a day such as 2026-01-29")
		return ""
	}
	date = day.Format("2006-01-02")
	if weekday := []string{"日", "一", "二", "三", "四", "五", "六"}[day.Weekday()]; rest != "" && rest != weekday+")" {
		n.wrong("date", "is a day of the week that %s is not: it is %s", date, weekday)
	}
	if code := n.members["code"]; !drawNumber.MatchString(code) || code[:4] != date[:4] {
		n.wrong("code", "is no draw of the day %s: a number such as %s013 is needed", date, date[:4])
	}
	return date
}

var drawNumber = regexp.MustCompile(`^[0-9]{4}(00[1-9]|0[1-9][0-9]|[12][0-9]{2}|3[0-5][0-9]|36[0-6])$`)

// admits refuses numbers that cannot be drawn in the game.
func (g *game) admits(n *notice, drawn catalogue.Numbers) {
	check := func(member string, numbers []int64, count int, low, high int64) {
		if len(numbers) != count {
			n.wrong(member, "is %d numbers where %d are drawn", len(numbers), count)
			return
		}
		for i, one := range numbers {
			if one < low || one > high {
				n.wrong(member, "has a number outside %d to %d", low, high)
			}
			if !g.digits && slices.Contains(numbers[:i], one) {
				n.wrong(member, "has the number %d twice", one)
			}
		}
	}
	bonus := min(len(drawn.BonusBlue), g.specials)
	check("red", drawn.Red, g.numbers, g.low, g.high)
	check("blue", drawn.Blue, g.specials, 1, g.highest)
	check("blue2", drawn.BonusBlue, bonus, 1, g.highest)
	if len(drawn.Order) > 0 && !slices.Equal(slices.Sorted(slices.Values(drawn.Order)), slices.Sorted(slices.Values(drawn.Red))) {
		n.wrong("kjhyjsx", "is not the order of the numbers drawn")
	}
}

func numbersOf(n *notice) (numbers catalogue.Numbers) {
	for _, part := range []struct {
		name string
		into *[]int64
	}{{"red", &numbers.Red}, {"blue", &numbers.Blue}, {"blue2", &numbers.BonusBlue}, {"kjhyjsx", &numbers.Order}} {
		text := narrow(n.members[part.name])
		if text == "" {
			continue
		}
		for _, one := range strings.Split(text, ",") {
			number, err := money.ParseScaled(strings.TrimSpace(one), 0)
			if err != nil {
				n.wrong(part.name, "is no list of numbers")
				return numbers
			}
			*part.into = append(*part.into, number)
		}
	}
	return numbers
}

// unread keeps as text what the catalogue has no member for, so that nothing a
// notice states is lost: unknown members, two promotions at once, and the
// prize table of 3D, whose sums are totals of a tier and not prizes per bet.
func unread(n *notice, game string) string {
	var notes []string
	for name, text := range n.members {
		if text != "" && !slices.Contains(understood, name) {
			notes = append(notes, name+" "+text)
		}
	}
	if second := n.members["addmoney2"]; second != "" {
		notes = append(notes, "addmoney "+n.members["addmoney"]+", addmoney2 "+second)
	}
	slices.Sort(notes)
	if game == "3d" && len(n.tiers) > 0 {
		var rows []string
		for _, t := range n.tiers {
			rows = append(rows, t.number+": "+t.winners+", "+t.amount)
		}
		notes = append(notes, "tier: bets, total in CNY: "+strings.Join(rows, "; "))
	}
	return strings.Join(notes, "; ")
}
