package main

import (
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"civicledger/supervision"
)

var aboutOrganisations = question{
	use:   "organisations [KEY]",
	short: "Organisations, or one with its credit history",
	example: `  civicledger query organisations --list serious
  civicledger query organisations --text 基金会
  civicledger query organisations 53100000500021676K`,
	flags: func(f *pflag.FlagSet) {
		f.String("text", "", "part of a name")
		f.String("list", "", "on this list now: abnormal or serious")
		f.String("kind", "", "kind of registration: social-group, social-service, foundation or other")
		f.Bool("penalised", false, "with a decided penalty")
		f.String("deregistered", "", "true: only those that ceased to exist; false: only the others")
	},
	answers: []answer{
		pages("text list kind penalised deregistered",
			"code | name | kind | on | >penalties | grade | ended | >last entry",
			func(o *supervision.Organisation) row {
				return row{o.Code, o.Name, o.Kind, onLists(o.Listed), o.Penalties, o.Grade, o.Deregistered, o.LastIndex}
			}),
		one(showOrganisation),
	},
}

func onLists(all []supervision.Listing) string {
	return joined(all, "\n", func(l *supervision.Listing) any { return l.Title.ZH + " since " + l.Since })
}

func showOrganisation(out io.Writer, o *supervision.OrganisationDetail) {
	code, names := strings.TrimSpace(o.Code+" "+o.CodeCheck), strings.Join(o.Names, ", ")
	rows := named("name | code | names | jurisdiction | kind | grade | deregistered | not joined",
		o.Name, code, names, o.Jurisdiction, o.Kind, o.Grade, o.Deregistered, o.NotJoined)
	for _, l := range o.Listed {
		rows = append(rows, [2]any{"listed", fmt.Sprintf("%s (%s) since %s: %s, by %s (entry %d)",
			l.Title.ZH, l.Title.EN, l.Since, circumstances(l.Circumstances), known(l.By), l.Index)})
	}
	for _, s := range o.Stays {
		rows = append(rows, [2]any{"was listed", fmt.Sprintf("%s %s to %s, %s (entry %d)", s.List, s.From, s.To, s.Reason, s.Index)})
	}
	if o.Donations != "" {
		rows = append(rows, [2]any{"donations", "civicledger query donations " + o.Key})
	}
	facts(out, rows)
	section(out, "penalties", o.Decided, ">entry | decided | kind | >fine | by | cause", func(p *supervision.Penalty) row {
		return row{p.Index, p.DecidedOn, p.Kind, p.Fine, p.By, p.Cause}
	})
	section(out, "history", o.History, ">entry | date | type | title", func(f *supervision.Fact) row {
		return row{f.Index, f.Date, f.Type, f.Title}
	})
}

func circumstances(all []supervision.Circumstance) string {
	return joined(all, "; ", func(c *supervision.Circumstance) any { return c.Code + " " + c.Title.ZH })
}

var aboutLists = question{
	use:   "lists [abnormal|serious]",
	short: "Who is on 活动异常名录 or 严重违法失信名单, and why",
	example: `  civicledger query lists
  civicledger query lists serious --all`,
	answers: []answer{
		whole("/v1/lists", "list | title | >members | basis", func(l *supervision.List) row {
			return row{l.List, l.Title, l.Members, l.Basis}
		}),
		pages("", "organisation | since | circumstances | by | >entry", func(m *supervision.Member) row {
			return row{m.Organisation, m.Since, circumstances(m.Circumstances), m.By, m.Index}
		}),
	},
}

var aboutDraws = question{
	use:   "draws [GAME [DRAW]]",
	short: "Lottery draws, with whether the money adds up",
	example: `  civicledger query draws
  civicledger query draws ssq --check explain --order newest
  civicledger query draws ssq 2026013
  civicledger query draws --games`,
	flags: func(f *pflag.FlagSet) {
		f.String("from", "", "first day, 2026-01-31")
		f.String("to", "", "last day")
		f.String("check", "", "holds, explain or unchecked")
		f.String("order", "oldest", "newest or oldest first, by number")
		f.Bool("games", false, "every game, with its draws summed up")
	},
	answers: []answer{listDraws, listDraws, one(showDraw)},
	instead: map[string]answer{
		"games": whole("/v1/games", "game | >draws | first | last | >sales | >pool | >to explain | >gaps", func(g *supervision.Game) row {
			return row{g.Game, g.Draws, g.First, g.Last, g.Sales, g.Pool, g.Explain, g.Gaps}
		}),
	},
}

// listDraws answers with the draws of all games, or of the one that is named.
func listDraws(q *asking, cmd *cobra.Command, _ string, params url.Values) error {
	if game := cmd.Flags().Arg(0); game != "" {
		params.Set("game", game)
	}
	return pages("from to check order",
		"game | draw | drawn | numbers | >sales | >pool | check | >remainder | causes",
		func(d *supervision.Draw) row {
			c := d.Check
			return row{d.Game, d.Draw, d.DrawnOn, numbers(d), d.Sales, d.Pool, c.State, c.Remainder, explained(c.Explain, "\n")}
		})(q, cmd, "/v1/draws", params)
}

func numbers(d *supervision.Draw) string {
	text := strings.Trim(fmt.Sprint(d.Red), "[]")
	if len(d.Blue) > 0 {
		text += " + " + strings.Trim(fmt.Sprint(d.Blue), "[]")
	}
	return text
}

func explained(all []supervision.Explanation, between string) string {
	return joined(all, between, func(e *supervision.Explanation) any { return e.Title.ZH })
}

func showDraw(out io.Writer, d *supervision.Draw) {
	c, injected := d.Check, strings.TrimSpace(fmt.Sprint(inWords(d.Injected))+" "+d.InjectedFrom)
	rows := named("draw | drawn | numbers | sales | pool | injected | promotion",
		d.Game+" "+d.Draw, d.DrawnOn, numbers(d), d.Sales, d.Pool, injected, d.Promotion)
	rows = append(rows, named("check | pool before | prizes paid | remainder | tolerance | causes",
		c.State, c.PoolBefore, c.Paid, c.Remainder, c.Tolerance, explained(c.Explain, "; "))...)
	rows = append(rows, named("not stated | winners | message", strings.Join(d.Missing, ", "), d.Winners, d.Message)...)
	if d.Settled != nil {
		rows = append(rows, [2]any{"notice", fmt.Sprintf("entry %d", *d.Settled)})
	}
	if len(d.Supplements) > 0 {
		rows = append(rows, [2]any{"supplements", "entries " + strings.Trim(fmt.Sprint(d.Supplements), "[]")})
	}
	facts(out, rows)
	prizes := append(d.Prizes, d.BonusPrizes...)
	section(out, "prizes", prizes, ">tier | >winning bets | >each | >of it promotion", func(p *supervision.Prize) row {
		return row{p.Tier, p.Winners, p.Each, p.Promotion}
	})
}

var aboutWelfareFund = question{
	use:   "welfare-fund",
	short: "Announced figures of the lotteries' public welfare fund (彩票公益金)",
	example: `  civicledger query welfare-fund --year 2014
  civicledger query welfare-fund --scope 全国 --kind allocated --all`,
	flags: func(f *pflag.FlagSet) {
		f.String("kind", "", "collected, allocated or spent")
		f.String("scope", "", "whose figures, as printed: 全国")
		f.Int64("year", 0, "year they are about")
		f.String("item", "", "part of the item as printed")
		f.Bool("differs", false, "only where announcements do not agree")
	},
	answers: []answer{
		pages("kind scope year item differs",
			">year | scope | kind | item | to | >amount | >as printed | >entries",
			func(f *supervision.Figure) row {
				printed := joined(f.Statements, "\n", func(s *supervision.Statement) any { return s.StatedAmount + s.StatedUnit })
				indexes := joined(f.Statements, "\n", func(s *supervision.Statement) any { return s.Index })
				return row{f.Year, f.Scope, f.Kind, f.Item, f.To, f.Amount, printed, indexes}
			}),
	},
}
