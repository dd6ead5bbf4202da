package main

import (
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"civicledger/supervision"
)

func (q *asking) organisations() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "organisations [KEY]",
		Short: "Organisations, or one with its credit history",
		Example: `  civicledger query organisations --list serious
  civicledger query organisations --text 基金会
  civicledger query organisations 53100000500021676K`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return one(cmd, q, "/v1/organisations/"+url.PathEscape(args[0]), showOrganisation)
			}
			params := filters(cmd, "text", "list", "kind", "penalised", "deregistered")
			return list(cmd, q, "/v1/organisations", params, []column[supervision.Organisation]{
				{"code", false, func(o *supervision.Organisation) any { return o.Code }},
				{"name", false, func(o *supervision.Organisation) any { return o.Name }},
				{"kind", false, func(o *supervision.Organisation) any { return o.Kind }},
				{"on", false, func(o *supervision.Organisation) any { return onLists(o.Listed) }},
				{"penalties", true, func(o *supervision.Organisation) any { return o.Penalties }},
				{"grade", false, func(o *supervision.Organisation) any { return o.Grade }},
				{"ended", false, func(o *supervision.Organisation) any { return o.Deregistered }},
				{"last entry", true, func(o *supervision.Organisation) any { return o.LastIndex }},
			})
		},
	}
	flags := cmd.Flags()
	flags.String("text", "", "part of a name")
	flags.String("list", "", "on this list now: abnormal or serious")
	flags.String("kind", "", "kind of registration: social-group, social-service, foundation or other")
	flags.Bool("penalised", false, "with a decided penalty")
	flags.String("deregistered", "", "true: only those that ceased to exist; false: only the others")
	return q.listing(cmd)
}

func onLists(all []supervision.Listing) string {
	lines := make([]string, len(all))
	for i, l := range all {
		lines[i] = fmt.Sprintf("%s since %s", l.Title.ZH, l.Since)
	}
	return strings.Join(lines, "\n")
}

func showOrganisation(out io.Writer, o *supervision.OrganisationDetail) {
	rows := [][2]any{
		{"name", o.Name},
		{"code", strings.TrimSpace(o.Code + " " + o.CodeCheck)},
		{"names", strings.Join(o.Names, ", ")},
		{"jurisdiction", o.Jurisdiction},
		{"kind", o.Kind},
		{"grade", o.Grade},
		{"deregistered", o.Deregistered},
		{"not joined", o.NotJoined},
	}
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
	section(out, "penalties", o.Decided, []column[supervision.Penalty]{
		{"entry", true, func(p *supervision.Penalty) any { return p.Index }},
		{"decided", false, func(p *supervision.Penalty) any { return p.DecidedOn }},
		{"kind", false, func(p *supervision.Penalty) any { return p.Kind }},
		{"fine", true, func(p *supervision.Penalty) any { return stated(p.Fine) }},
		{"by", false, func(p *supervision.Penalty) any { return known(p.By) }},
		{"cause", false, func(p *supervision.Penalty) any { return p.Cause }},
	})
	section(out, "history", o.History, []column[supervision.Fact]{
		{"entry", true, func(f *supervision.Fact) any { return f.Index }},
		{"date", false, func(f *supervision.Fact) any { return f.Date }},
		{"type", false, func(f *supervision.Fact) any { return f.Type }},
		{"title", false, func(f *supervision.Fact) any { return titled(f.Title) }},
	})
}

func circumstances(all []supervision.Circumstance) string {
	parts := make([]string, len(all))
	for i, c := range all {
		parts[i] = c.Code + " " + c.Title.ZH
	}
	return strings.Join(parts, "; ")
}

func (q *asking) lists() *cobra.Command {
	return q.listing(&cobra.Command{
		Use:   "lists [abnormal|serious]",
		Short: "Who is on 活动异常名录 or 严重违法失信名单, and why",
		Example: `  civicledger query lists
  civicledger query lists serious --all`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return whole(cmd, q, "/v1/lists", []column[supervision.List]{
					{"list", false, func(l *supervision.List) any { return l.List }},
					{"title", false, func(l *supervision.List) any { return titled(&l.Title) }},
					{"members", true, func(l *supervision.List) any { return l.Members }},
					{"basis", false, func(l *supervision.List) any { return l.Basis }},
				})
			}
			return list(cmd, q, "/v1/lists/"+url.PathEscape(args[0]), url.Values{}, []column[supervision.Member]{
				{"organisation", false, func(m *supervision.Member) any { return known(m.Organisation) }},
				{"since", false, func(m *supervision.Member) any { return m.Since }},
				{"circumstances", false, func(m *supervision.Member) any { return circumstances(m.Circumstances) }},
				{"by", false, func(m *supervision.Member) any { return known(m.By) }},
				{"entry", true, func(m *supervision.Member) any { return m.Index }},
			})
		},
	})
}

func (q *asking) draws() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "draws [GAME [DRAW]]",
		Short: "Lottery draws, with whether the money adds up",
		Example: `  civicledger query draws
  civicledger query draws ssq --check explain --order newest
  civicledger query draws ssq 2026013
  civicledger query draws --games`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if games, _ := cmd.Flags().GetBool("games"); games {
				return q.games(cmd)
			}
			if len(args) == 2 {
				return one(cmd, q, "/v1/draws/"+url.PathEscape(args[0])+"/"+url.PathEscape(args[1]), showDraw)
			}
			params := filters(cmd, "from", "to", "check", "order")
			if len(args) == 1 {
				params.Set("game", args[0])
			}
			return list(cmd, q, "/v1/draws", params, []column[supervision.Draw]{
				{"game", false, func(d *supervision.Draw) any { return d.Game }},
				{"draw", false, func(d *supervision.Draw) any { return d.Draw }},
				{"drawn", false, func(d *supervision.Draw) any { return d.DrawnOn }},
				{"numbers", false, func(d *supervision.Draw) any { return numbers(d) }},
				{"sales", true, func(d *supervision.Draw) any { return stated(d.Sales) }},
				{"pool", true, func(d *supervision.Draw) any { return stated(d.Pool) }},
				{"check", false, func(d *supervision.Draw) any { return d.Check.State }},
				{"remainder", true, func(d *supervision.Draw) any { return stated(d.Check.Remainder) }},
				{"causes", false, func(d *supervision.Draw) any { return explained(d.Check.Explain, "\n") }},
			})
		},
	}
	flags := cmd.Flags()
	flags.String("from", "", "first day, 2026-01-31")
	flags.String("to", "", "last day")
	flags.String("check", "", "holds, explain or unchecked")
	flags.String("order", "oldest", "newest or oldest first, by number")
	flags.Bool("games", false, "every game, with its draws summed up")
	return q.listing(cmd)
}

func (q *asking) games(cmd *cobra.Command) error {
	return whole(cmd, q, "/v1/games", []column[supervision.Game]{
		{"game", false, func(g *supervision.Game) any { return g.Game }},
		{"draws", true, func(g *supervision.Game) any { return g.Draws }},
		{"first", false, func(g *supervision.Game) any { return g.First }},
		{"last", false, func(g *supervision.Game) any { return g.Last }},
		{"sales", true, func(g *supervision.Game) any { return stated(g.Sales) }},
		{"pool", true, func(g *supervision.Game) any { return stated(g.Pool) }},
		{"to explain", true, func(g *supervision.Game) any { return g.Explain }},
		{"gaps", true, func(g *supervision.Game) any { return g.Gaps }},
	})
}

func numbers(d *supervision.Draw) string {
	text := strings.Trim(fmt.Sprint(d.Red), "[]")
	if len(d.Blue) > 0 {
		text += " + " + strings.Trim(fmt.Sprint(d.Blue), "[]")
	}
	return text
}

func explained(all []supervision.Explanation, between string) string {
	parts := make([]string, len(all))
	for i, e := range all {
		parts[i] = e.Title.ZH
	}
	return strings.Join(parts, between)
}

func showDraw(out io.Writer, d *supervision.Draw) {
	rows := [][2]any{
		{"draw", d.Game + " " + d.Draw},
		{"drawn", d.DrawnOn},
		{"numbers", numbers(d)},
		{"sales", stated(d.Sales)},
		{"pool", stated(d.Pool)},
		{"injected", strings.TrimSpace(stated(d.Injected) + " " + d.InjectedFrom)},
		{"promotion", stated(d.Promotion)},
		{"check", d.Check.State},
		{"pool before", stated(d.Check.PoolBefore)},
		{"prizes paid", stated(d.Check.Paid)},
		{"remainder", stated(d.Check.Remainder)},
		{"tolerance", stated(d.Check.Tolerance)},
		{"causes", explained(d.Check.Explain, "; ")},
		{"not stated", strings.Join(d.Missing, ", ")},
		{"winners", d.Winners},
		{"message", d.Message},
	}
	if d.Settled != nil {
		rows = append(rows, [2]any{"notice", fmt.Sprintf("entry %d", *d.Settled)})
	}
	if len(d.Supplements) > 0 {
		rows = append(rows, [2]any{"supplements", "entries " + strings.Trim(fmt.Sprint(d.Supplements), "[]")})
	}
	facts(out, rows)
	section(out, "prizes", append(d.Prizes, d.BonusPrizes...), []column[supervision.Prize]{
		{"tier", true, func(p *supervision.Prize) any { return p.Tier }},
		{"winning bets", true, func(p *supervision.Prize) any { return p.Winners }},
		{"each", true, func(p *supervision.Prize) any { return inWords(p.Each) }},
		{"of it promotion", true, func(p *supervision.Prize) any { return stated(p.Promotion) }},
	})
}

func (q *asking) welfareFund() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "welfare-fund",
		Short: "Announced figures of the lotteries' public welfare fund (彩票公益金)",
		Example: `  civicledger query welfare-fund --year 2014
  civicledger query welfare-fund --scope 全国 --kind allocated --all`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			params := filters(cmd, "kind", "scope", "year", "item", "differs")
			return list(cmd, q, "/v1/welfare-fund", params, []column[supervision.Figure]{
				{"year", true, func(f *supervision.Figure) any { return f.Year }},
				{"scope", false, func(f *supervision.Figure) any { return f.Scope }},
				{"kind", false, func(f *supervision.Figure) any { return f.Kind }},
				{"item", false, func(f *supervision.Figure) any { return f.Item }},
				{"to", false, func(f *supervision.Figure) any { return f.To }},
				{"amount", true, func(f *supervision.Figure) any { return inWords(f.Amount) }},
				{"as printed", true, func(f *supervision.Figure) any { return printed(f.Statements) }},
				{"entries", true, func(f *supervision.Figure) any { return figureEntries(f.Statements) }},
			})
		},
	}
	flags := cmd.Flags()
	flags.String("kind", "", "collected, allocated or spent")
	flags.String("scope", "", "whose figures, as printed: 全国")
	flags.Int64("year", 0, "year they are about")
	flags.String("item", "", "part of the item as printed")
	flags.Bool("differs", false, "only where announcements do not agree")
	return q.listing(cmd)
}

func printed(all []supervision.Statement) string {
	lines := make([]string, len(all))
	for i, s := range all {
		lines[i] = s.StatedAmount + s.StatedUnit
	}
	return strings.Join(lines, "\n")
}

func figureEntries(all []supervision.Statement) string {
	lines := make([]string, len(all))
	for i, s := range all {
		lines[i] = fmt.Sprint(s.Index)
	}
	return strings.Join(lines, "\n")
}

func (q *asking) agencies() *cobra.Command {
	return q.listing(&cobra.Command{
		Use:   "agencies [AGENCY]",
		Short: "Who may say what, and how much was said",
		Example: `  civicledger query agencies
  civicledger query agencies haidian`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return one(cmd, q, "/v1/agencies/"+url.PathEscape(args[0]), showAgency)
			}
			return list(cmd, q, "/v1/agencies", url.Values{}, []column[supervision.Agency]{
				{"agency", false, func(a *supervision.Agency) any { return a.Agency }},
				{"name", false, func(a *supervision.Agency) any { return a.Name }},
				{"jurisdictions", false, func(a *supervision.Agency) any { return strings.Join(a.Jurisdictions, " ") }},
				{"types", false, func(a *supervision.Agency) any { return strings.Join(a.Types, " ") }},
				{"entries", true, func(a *supervision.Agency) any { return a.Entries }},
				{"last entry", true, func(a *supervision.Agency) any { return a.LastIndex }},
				{"recorded", false, func(a *supervision.Agency) any { return a.LastRecorded }},
			})
		},
	})
}

func showAgency(out io.Writer, a *supervision.Agency) {
	waiting := ""
	if a.Waiting > 0 {
		waiting = fmt.Sprintf("%d entries, see civicledger query anomalies --agency %s", a.Waiting, a.Agency)
	}
	facts(out, [][2]any{
		{"agency", a.Agency},
		{"name", a.Name},
		{"jurisdictions", strings.Join(a.Jurisdictions, " ")},
		{"types", strings.Join(a.Types, " ")},
		{"source", a.Source},
		{"enrolled", fmt.Sprintf("entry %d", a.Enrolled)},
		{"entries", a.Entries},
		{"waiting", waiting},
	})
	for _, key := range a.Keys {
		state := fmt.Sprintf("from entry %d", key.From)
		if key.Revoked != nil {
			state += fmt.Sprintf(", revoked by entry %d", *key.Revoked)
		}
		fmt.Fprintf(out, "key %s  %s\n", key.ID, state)
	}
	for _, c := range a.Counts {
		fmt.Fprintf(out, "%8d  %s\n", c.Count, c.Type)
	}
}
