package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"civicledger/supervision"
)

func (q *asking) funds() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "funds [FUND [accounts|budgets|subsidies|transfers|recoveries]]",
		Short: "Funds, one with what stands in it, or one of its lists",
		Example: `  civicledger query funds --text 低保
  civicledger query funds haidian-dibao
  civicledger query funds haidian-dibao subsidies --kind dibao --from 2026-01
  civicledger query funds haidian-dibao transfers --state sent`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return list(cmd, q, "/v1/funds", filters(cmd, "currency", "text"), []column[supervision.Fund]{
					{"fund", false, func(f *supervision.Fund) any { return f.Fund }},
					{"name", false, func(f *supervision.Fund) any { return f.Name }},
					{"currency", false, func(f *supervision.Fund) any { return f.Currency }},
					{"holder", false, func(f *supervision.Fund) any { return known(f.Holder) }},
					{"movements", true, func(f *supervision.Fund) any { return f.Movements }},
					{"opened", true, func(f *supervision.Fund) any { return f.Opened }},
				})
			}
			path := "/v1/funds/" + url.PathEscape(args[0])
			if len(args) == 1 {
				return one(cmd, q, path, showFund)
			}
			return q.fundList(cmd, path, args[1])
		},
	}
	flags := cmd.Flags()
	flags.String("currency", "", "of funds: only this currency")
	flags.String("text", "", "of funds: in name, purpose or holder")
	flags.String("holder", "", "of accounts: an organisation's key")
	flags.Bool("inside", false, "of accounts: without outside ones")
	flags.String("kind", "", "of subsidies: only this kind")
	flags.String("from", "", "of subsidies: first month")
	flags.String("to", "", "of subsidies: last month")
	flags.Int64("year", 0, "of budgets: only this year")
	flags.String("state", "", "of transfers: sent, received, complete or differs")
	flags.Bool("outstanding", false, "of recoveries: only with money to come")
	return q.listing(cmd)
}

func (q *asking) fundList(cmd *cobra.Command, path, name string) error {
	path += "/" + name
	switch name {
	case "accounts":
		return list(cmd, q, path, filters(cmd, "holder", "inside"), accountColumns)
	case "budgets":
		return list(cmd, q, path, filters(cmd, "year"), []column[supervision.Budget]{
			{"holder", false, func(b *supervision.Budget) any { return known(b.Holder) }},
			{"year", true, func(b *supervision.Budget) any { return b.Year }},
			{"amount", true, func(b *supervision.Budget) any { return inWords(b.Amount) }},
			{"allocations", true, func(b *supervision.Budget) any { return b.Allocations }},
		})
	case "subsidies":
		return list(cmd, q, path, filters(cmd, "kind", "from", "to"), subsidyColumns)
	case "transfers":
		return list(cmd, q, path, filters(cmd, "state"), []column[supervision.Transfer]{
			{"transfer", false, func(t *supervision.Transfer) any { return t.Transfer }},
			{"state", false, func(t *supervision.Transfer) any { return t.State }},
			{"sent", false, func(t *supervision.Transfer) any { return legText(t.Sent) }},
			{"received", false, func(t *supervision.Transfer) any { return legText(t.Received) }},
		})
	case "recoveries":
		return list(cmd, q, path, filters(cmd, "outstanding"), []column[supervision.Recovery]{
			{"order", false, func(r *supervision.Recovery) any { return r.Order }},
			{"decided", false, func(r *supervision.Recovery) any { return r.DecidedOn }},
			{"due", false, func(r *supervision.Recovery) any { return r.Due }},
			{"ordered", true, func(r *supervision.Recovery) any { return stated(r.Ordered) }},
			{"received", true, func(r *supervision.Recovery) any { return inWords(r.Received) }},
			{"outstanding", true, func(r *supervision.Recovery) any { return inWords(r.Outstanding) }},
		})
	}
	return fmt.Errorf("a fund has accounts, budgets, subsidies, transfers and recoveries, no %s", name)
}

var accountColumns = []column[supervision.Account]{
	{"holder", false, func(a *supervision.Account) any { return known(a.Holder) }},
	{"credits", true, func(a *supervision.Account) any { return inWords(a.Credits) }},
	{"debits", true, func(a *supervision.Account) any { return inWords(a.Debits) }},
	{"balance", true, func(a *supervision.Account) any { return inWords(a.Balance) }},
	{"movements", true, func(a *supervision.Account) any { return a.Movements }},
}

var subsidyColumns = []column[supervision.Subsidy]{
	{"kind", false, func(s *supervision.Subsidy) any { return s.Kind }},
	{"month", false, func(s *supervision.Subsidy) any { return s.Period }},
	{"jurisdiction", false, func(s *supervision.Subsidy) any { return s.Jurisdiction }},
	{"payments", true, func(s *supervision.Subsidy) any { return s.PaidCount }},
	{"paid", true, func(s *supervision.Subsidy) any { return inWords(s.Paid) }},
	{"reversed", true, func(s *supervision.Subsidy) any { return inWords(s.Reversed) }},
	{"returned", true, func(s *supervision.Subsidy) any { return inWords(s.Returned) }},
	{"net", true, func(s *supervision.Subsidy) any { return inWords(s.Net) }},
}

func showFund(out io.Writer, f *supervision.FundDetail) {
	facts(out, [][2]any{
		{"fund", f.Fund.Fund},
		{"name", f.Name},
		{"currency", f.Currency},
		{"holder", known(f.Holder)},
		{"purpose", f.Purpose},
		{"jurisdiction", f.Jurisdiction},
		{"opened", fmt.Sprintf("entry %d, by %s", f.Opened, f.Agency)},
	})
	section(out, "accounts (they add up to zero)", f.Accounts, accountColumns)
	section(out, "subsidies", f.Subsidies, subsidyColumns)
	if len(f.More) > 0 {
		fmt.Fprintf(out, "cut: %s; civicledger query funds %s %s --all has all\n", strings.Join(f.More, ", "), f.Fund.Fund, f.More[0])
	}
}

// section prints a table under a heading, nothing where it would be empty.
func section[T any](out io.Writer, heading string, items []T, columns []column[T]) {
	if len(items) > 0 {
		fmt.Fprintf(out, "\n%s\n", heading)
		render(out, items, columns)
	}
}

// known is a party by its name, and by its code where it has one.
func known(p supervision.Party) string {
	switch {
	case p.Name == "":
		return p.Key
	case strings.HasPrefix(p.Key, "name:"):
		return p.Name
	}
	return p.Name + " " + p.Key
}

func stated(m *supervision.Money) string {
	if m == nil {
		return ""
	}
	return inWords(*m)
}

func legText(l *supervision.Leg) string {
	if l == nil {
		return ""
	}
	return fmt.Sprintf("%s %s → %s, %s (entry %d)", l.Date, known(l.From), known(l.To), inWords(l.Amount), l.Index)
}

func (q *asking) donations() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "donations [ORGANISATION [days|campaigns|goods|donors|disclosures]]",
		Short: "What charities received, spent and handed out",
		Example: `  civicledger query donations
  civicledger query donations name:武汉市红十字会
  civicledger query donations 武汉市红十字会 days --currency CNY --all
  civicledger query donations 武汉市红十字会 disclosures --differs`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return list(cmd, q, "/v1/donations", filters(cmd, "organisation", "currency"), []column[supervision.Donations]{
					{"organisation", false, func(d *supervision.Donations) any { return known(d.Organisation) }},
					{"received", true, func(d *supervision.Donations) any { return perCurrency(d.Money, receivedSum) }},
					{"donations", true, func(d *supervision.Donations) any { return perCurrency(d.Money, receivedCount) }},
					{"spent", true, func(d *supervision.Donations) any { return perCurrency(d.Money, spentSum) }},
					{"goods in", true, func(d *supervision.Donations) any { return d.GoodsReceived }},
					{"goods out", true, func(d *supervision.Donations) any { return d.GoodsIssued }},
				})
			}
			path := "/v1/donations/" + url.PathEscape(args[0])
			if len(args) == 1 {
				return one(cmd, q, path, showDonations)
			}
			return q.donationList(cmd, path, args[1])
		},
	}
	flags := cmd.Flags()
	flags.String("organisation", "", "part of the name")
	flags.String("currency", "", "with money in this currency; of days: in it")
	flags.String("campaign", "", "of days and goods: only this campaign")
	flags.Bool("differs", false, "of disclosures: only what differs from the entries")
	return q.listing(cmd)
}

func receivedSum(m *supervision.DonatedMoney) string { return inWords(m.Received) }
func spentSum(m *supervision.DonatedMoney) string    { return inWords(m.Spent) }
func receivedCount(m *supervision.DonatedMoney) string {
	return fmt.Sprint(m.ReceivedCount)
}

// perCurrency is one line for each currency.
func perCurrency(rows []supervision.DonatedMoney, say func(*supervision.DonatedMoney) string) string {
	lines := make([]string, len(rows))
	for i := range rows {
		lines[i] = say(&rows[i])
	}
	return strings.Join(lines, "\n")
}

func (q *asking) donationList(cmd *cobra.Command, path, name string) error {
	path += "/" + name
	switch name {
	case "days":
		return list(cmd, q, path, filters(cmd, "campaign", "currency"), []column[supervision.DonationDay]{
			{"day", false, func(d *supervision.DonationDay) any { return d.Date }},
			{"received", true, func(d *supervision.DonationDay) any { return inWords(d.Received) }},
			{"donations", true, func(d *supervision.DonationDay) any { return d.ReceivedCount }},
			{"returned", true, func(d *supervision.DonationDay) any { return inWords(d.Returned) }},
			{"net", true, func(d *supervision.DonationDay) any { return inWords(d.Net) }},
			{"spent", true, func(d *supervision.DonationDay) any { return inWords(d.Spent) }},
			{"payments", true, func(d *supervision.DonationDay) any { return d.SpentCount }},
		})
	case "campaigns":
		return list(cmd, q, path, url.Values{}, campaignColumns)
	case "goods":
		return list(cmd, q, path, filters(cmd, "campaign"), []column[supervision.GoodsItem]{
			{"item", false, func(g *supervision.GoodsItem) any { return g.Item }},
			{"unit", false, func(g *supervision.GoodsItem) any { return g.Unit }},
			{"received", true, func(g *supervision.GoodsItem) any { return thousandths(g.ReceivedMilli) }},
			{"lines", true, func(g *supervision.GoodsItem) any { return g.ReceivedLines }},
			{"issued", true, func(g *supervision.GoodsItem) any { return thousandths(g.IssuedMilli) }},
			{"lines out", true, func(g *supervision.GoodsItem) any { return g.IssuedLines }},
			{"unstated", true, func(g *supervision.GoodsItem) any { return g.ReceivedUnstated + g.IssuedUnstated }},
		})
	case "donors":
		return list(cmd, q, path, url.Values{}, []column[supervision.Donor]{
			{"donor", false, func(d *supervision.Donor) any { return known(d.Donor) }},
			{"amount", true, func(d *supervision.Donor) any { return stated(d.Amount) }},
			{"donations", true, func(d *supervision.Donor) any { return d.Donations }},
		})
	case "disclosures":
		return list(cmd, q, path, filters(cmd, "differs"), []column[supervision.Disclosure]{
			{"index", true, func(d *supervision.Disclosure) any { return d.Index }},
			{"kind", false, func(d *supervision.Disclosure) any { return d.Kind }},
			{"from", false, func(d *supervision.Disclosure) any { return d.From }},
			{"to", false, func(d *supervision.Disclosure) any { return d.To }},
			{"published", false, func(d *supervision.Disclosure) any { return d.PublishedOn }},
			{"differs", false, func(d *supervision.Disclosure) any { return strings.Join(d.Differs, " ") }},
		})
	}
	return errors.New("donations has days, campaigns, goods, donors and disclosures, no " + name)
}

var campaignColumns = []column[supervision.Campaign]{
	{"campaign", false, func(c *supervision.Campaign) any { return c.Campaign }},
	{"name", false, func(c *supervision.Campaign) any { return c.Name }},
	{"received", true, func(c *supervision.Campaign) any { return perCurrency(c.Money, receivedSum) }},
	{"donations", true, func(c *supervision.Campaign) any { return perCurrency(c.Money, receivedCount) }},
	{"spent", true, func(c *supervision.Campaign) any { return perCurrency(c.Money, spentSum) }},
}

// thousandths is a quantity in its unit.
func thousandths(n int64) string {
	text := fmt.Sprintf("%d.%03d", n/1000, n%1000)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

func showDonations(out io.Writer, d *supervision.DonationsDetail) {
	facts(out, [][2]any{
		{"organisation", known(d.Organisation)},
		{"filed under", strings.Join(d.Keys, " ")},
		{"not joined", d.NotJoined},
		{"donors", fmt.Sprintf("%d organisations, %d persons, %d anonymous, %d not stated",
			d.Donors.Organisations, d.Donors.Persons, d.Donors.Anonymous, d.Donors.Unstated)},
		{"goods", fmt.Sprintf("%d received, %d issued", d.GoodsReceived, d.GoodsIssued)},
		{"disclosures", d.Disclosures},
	})
	section(out, "money", d.Money, []column[supervision.DonatedMoney]{
		{"received", true, func(m *supervision.DonatedMoney) any { return inWords(m.Received) }},
		{"donations", true, func(m *supervision.DonatedMoney) any { return m.ReceivedCount }},
		{"returned", true, func(m *supervision.DonatedMoney) any { return inWords(m.Returned) }},
		{"net", true, func(m *supervision.DonatedMoney) any { return inWords(m.Net) }},
		{"spent", true, func(m *supervision.DonatedMoney) any { return inWords(m.Spent) }},
		{"payments", true, func(m *supervision.DonatedMoney) any { return m.SpentCount }},
	})
	channels := slices.Concat(channelsOf(d.Money)...)
	section(out, "channels", channels, []column[supervision.Channel]{
		{"channel", false, func(c *supervision.Channel) any { return c.Channel }},
		{"received", true, func(c *supervision.Channel) any { return inWords(c.Amount) }},
		{"donations", true, func(c *supervision.Channel) any { return c.Count }},
	})
	section(out, "campaigns", d.Campaigns, campaignColumns)
}

func channelsOf(rows []supervision.DonatedMoney) [][]supervision.Channel {
	var all [][]supervision.Channel
	for _, m := range rows {
		all = append(all, m.Channels)
	}
	return all
}
