package sources

import (
	"context"
	"fmt"
	"iter"
	"path"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"civicledger/events/catalogue"
	"civicledger/events/ident"
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
	d, err := sp.parseDraw(n)
	if err != nil {
		return row, err
	}
	if at, twice := seen[d.id]; twice {
		return row, badCell("code", n.members["code"], "is the draw of notice %d already: keep one", at)
	}
	seen[d.id] = n.at
	all := []said{d.said("")}
	if before, ok := earlier[d.id]; ok {
		all = d.since(before, sp.Name)
	}
	row.Events, err = sp.lines(all)
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
			d, err := sp.parseDraw(&notices[i])
			if err != nil {
				continue // it was refused then, so nothing of it was said
			}
			if before, ok := known[d.id]; ok {
				d.settled = merged(before.settled, d.settled)
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
// correction where both state the same thing differently.
func (d *draw) since(before draw, file string) []said {
	added, names, differs := beyond(before.settled.DrawFigures, d.settled.DrawFigures)
	if differs || !sameNumbers(before.settled, d.settled) {
		corrected := draw{id: d.id, settled: merged(before.settled, d.settled)}
		one := corrected.said(d.id)
		one.id = d.id + "-corrected-" + plainName(file)
		return []said{one}
	}
	if len(names) == 0 {
		return nil
	}
	supplement := catalogue.DrawSupplemented{Game: d.settled.Game, Draw: d.settled.Draw, DrawFigures: added, Common: d.settled.Common}
	return []said{{
		id: d.id + "-supplement-" + strings.Join(names, "-"), typ: "lottery.draw.supplemented.v1",
		date: d.settled.DrawnOn, subject: d.id, data: supplement,
	}}
}

// plainName is a file name as part of an id: printable ASCII without spaces.
func plainName(file string) string {
	return notPlain.ReplaceAllString(strings.TrimSuffix(path.Base(file), ".json"), "_")
}

var notPlain = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

var games = map[string]string{"双色球": "ssq", "3D": "3d", "福彩3D": "3d", "快乐8": "kl8", "七乐彩": "qlc"}

// understood members are read; the ones below are left out: the week repeats
// the date, the video shows the draw.
var understood = []string{
	"name", "code", "date", "red", "blue", "blue2", "kjhyjsx", "sales", "poolmoney", "content", "msg", "addmoney", "addmoney2",
	"z2add", "m2add", "fyjCount", "fyjMoney", "specialRuleInfo", "prizeSpecialInfo", "detailsLink", "week", "videoLink",
}

func (sp *speaker) parseDraw(n *notice) (d draw, err error) {
	if n.bad != nil {
		return d, n.bad
	}
	game, ok := games[n.members["name"]]
	if !ok {
		return d, badCell("name", n.members["name"], "is no game this kind knows: 双色球, 3D, 快乐8, 七乐彩")
	}
	code := n.members["code"]
	date, _, _ := strings.Cut(n.members["date"], "(")
	s := catalogue.DrawSettled{Game: game, Draw: code, DrawnOn: date}
	if !ident.IsDate([]byte(date)) {
		return d, badCell("date", n.members["date"], "does not begin with a day such as 2026-01-29")
	}
	if s.Numbers, err = numbersOf(n); err != nil {
		return d, err
	}
	if s.DrawFigures, err = figuresOf(n, game); err != nil {
		return d, err
	}
	s.Note = unread(n, game)
	if link := n.members["detailsLink"]; strings.HasPrefix(link, "/") {
		s.Evidence = publisherSite + link
	}
	return draw{id: game + "-" + code, settled: s}, nil
}

func numbersOf(n *notice) (numbers catalogue.Numbers, err error) {
	for _, part := range []struct {
		name string
		into *[]int64
	}{{"red", &numbers.Red}, {"blue", &numbers.Blue}, {"blue2", &numbers.BonusBlue}, {"kjhyjsx", &numbers.Order}} {
		text := norm.NFKC.String(n.members[part.name])
		if text == "" {
			continue
		}
		for _, one := range strings.Split(text, ",") {
			number, err := money.ParseScaled(strings.TrimSpace(one), 0)
			if err != nil {
				return numbers, badCell(part.name, n.members[part.name], "is no list of numbers")
			}
			*part.into = append(*part.into, number)
		}
	}
	if len(numbers.Red) == 0 {
		return numbers, badCell("red", "", "is empty: a notice without numbers is no draw yet")
	}
	return numbers, nil
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
