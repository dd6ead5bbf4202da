package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"

	"civicledger/supervision"
)

var aboutFunds = question{
	use:   "funds [FUND [accounts|budgets|subsidies|transfers|recoveries]]",
	short: "Funds, one with what stands in it, or one of its lists",
	example: `  civicledger query funds --text 低保
  civicledger query funds haidian-dibao
  civicledger query funds haidian-dibao subsidies --kind dibao --from 2026-01
  civicledger query funds haidian-dibao transfers --state sent`,
	flags: func(f *pflag.FlagSet) {
		f.String("currency", "", "of funds: only this currency")
		f.String("text", "", "of funds: in name, purpose or holder")
		f.String("holder", "", "of accounts: an organisation's key")
		f.Bool("inside", false, "of accounts: without outside ones")
		f.String("kind", "", "of subsidies: only this kind")
		f.String("from", "", "of subsidies: first month")
		f.String("to", "", "of subsidies: last month")
		f.Int64("year", 0, "of budgets: only this year")
		f.String("state", "", "of transfers: sent, received, complete or differs")
		f.Bool("outstanding", false, "of recoveries: only with money to come")
	},
	answers: []answer{
		pages("currency text", "fund | name | currency | holder | >movements | >opened", func(f *supervision.Fund) row {
			return row{f.Fund, f.Name, f.Currency, f.Holder, f.Movements, f.Opened}
		}),
		one(showFund),
	},
	parts: map[string]answer{
		"accounts": pages("holder inside", accountColumns.names, accountColumns.row),
		"budgets": pages("year", "holder | >year | >amount | >allocations", func(b *supervision.Budget) row {
			return row{b.Holder, b.Year, b.Amount, b.Allocations}
		}),
		"subsidies": pages("kind from to", subsidyColumns.names, subsidyColumns.row),
		"transfers": pages("state", "transfer | state | sent | received", func(t *supervision.Transfer) row {
			return row{t.Transfer, t.State, legText(t.Sent), legText(t.Received)}
		}),
		"recoveries": pages("outstanding",
			"order | decided | due | >ordered | >received | >outstanding",
			func(r *supervision.Recovery) row {
				return row{r.Order, r.DecidedOn, r.Due, r.Ordered, r.Received, r.Outstanding}
			}),
	},
}

var accountColumns = columns[supervision.Account]{
	"holder | >credits | >debits | >balance | >movements",
	func(a *supervision.Account) row { return row{a.Holder, a.Credits, a.Debits, a.Balance, a.Movements} },
}

var subsidyColumns = columns[supervision.Subsidy]{
	"kind | month | jurisdiction | >payments | >paid | >reversed | >returned | >net",
	func(s *supervision.Subsidy) row {
		return row{s.Kind, s.Period, s.Jurisdiction, s.PaidCount, s.Paid, s.Reversed, s.Returned, s.Net}
	},
}

func showFund(out io.Writer, f *supervision.FundDetail) {
	opened := fmt.Sprintf("entry %d, by %s", f.Opened, f.Agency)
	facts(out, named("fund | name | currency | holder | purpose | jurisdiction | opened",
		f.Fund.Fund, f.Name, f.Currency, f.Holder, f.Purpose, f.Jurisdiction, opened))
	section(out, "accounts (they add up to zero)", f.Accounts, accountColumns.names, accountColumns.row)
	section(out, "subsidies", f.Subsidies, subsidyColumns.names, subsidyColumns.row)
	if len(f.More) > 0 {
		fmt.Fprintf(out, "cut: %s; civicledger query funds %s %s --all has all\n", strings.Join(f.More, ", "), f.Fund.Fund, f.More[0])
	}
}

func legText(l *supervision.Leg) string {
	if l == nil {
		return ""
	}
	return fmt.Sprintf("%s %s → %s, %s (entry %d)", l.Date, known(l.From), known(l.To), inWords(l.Amount), l.Index)
}

var aboutDonations = question{
	use:   "donations [ORGANISATION [days|campaigns|goods|donors|disclosures]]",
	short: "What charities received, spent and handed out",
	example: `  civicledger query donations
  civicledger query donations name:武汉市红十字会
  civicledger query donations 武汉市红十字会 days --currency CNY --all
  civicledger query donations 武汉市红十字会 disclosures --differs`,
	flags: func(f *pflag.FlagSet) {
		f.String("organisation", "", "part of the name")
		f.String("currency", "", "with money in this currency; of days: in it")
		f.String("campaign", "", "of days and goods: only this campaign")
		f.Bool("differs", false, "of disclosures: only what differs from the entries")
	},
	answers: []answer{
		pages("organisation currency",
			"organisation | >received | >donations | >spent | >goods in | >goods out",
			func(d *supervision.Donations) row {
				return row{d.Organisation, received(d.Money), donated(d.Money), spent(d.Money), d.GoodsReceived, d.GoodsIssued}
			}),
		one(showDonations),
	},
	parts: map[string]answer{
		"days": pages("campaign currency",
			"day | >received | >donations | >returned | >net | >spent | >payments",
			func(d *supervision.DonationDay) row {
				return row{d.Date, d.Received, d.ReceivedCount, d.Returned, d.Net, d.Spent, d.SpentCount}
			}),
		"campaigns": pages("", campaignColumns.names, campaignColumns.row),
		"goods": pages("campaign",
			"item | unit | >received | >lines | >issued | >lines out | >unstated",
			func(g *supervision.GoodsItem) row {
				unstated := g.ReceivedUnstated + g.IssuedUnstated
				in, out := thousandths(g.ReceivedMilli), thousandths(g.IssuedMilli)
				return row{g.Item, g.Unit, in, g.ReceivedLines, out, g.IssuedLines, unstated}
			}),
		"donors": pages("", "donor | >amount | >donations", func(d *supervision.Donor) row {
			return row{d.Donor, d.Amount, d.Donations}
		}),
		"disclosures": pages("differs", ">index | kind | from | to | published | differs", func(d *supervision.Disclosure) row {
			return row{d.Index, d.Kind, d.From, d.To, d.PublishedOn, d.Differs}
		}),
	},
}

// One line for each currency.
func received(all []supervision.DonatedMoney) string {
	return joined(all, "\n", func(m *supervision.DonatedMoney) any { return m.Received })
}

func donated(all []supervision.DonatedMoney) string {
	return joined(all, "\n", func(m *supervision.DonatedMoney) any { return m.ReceivedCount })
}

func spent(all []supervision.DonatedMoney) string {
	return joined(all, "\n", func(m *supervision.DonatedMoney) any { return m.Spent })
}

var campaignColumns = columns[supervision.Campaign]{
	"campaign | name | >received | >donations | >spent",
	func(c *supervision.Campaign) row {
		return row{c.Campaign, c.Name, received(c.Money), donated(c.Money), spent(c.Money)}
	},
}

// thousandths is a quantity in its unit.
func thousandths(n int64) string {
	text := fmt.Sprintf("%d.%03d", n/1000, n%1000)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

func showDonations(out io.Writer, d *supervision.DonationsDetail) {
	donors := fmt.Sprintf("%d organisations, %d persons, %d anonymous, %d not stated",
		d.Donors.Organisations, d.Donors.Persons, d.Donors.Anonymous, d.Donors.Unstated)
	goods := fmt.Sprintf("%d received, %d issued", d.GoodsReceived, d.GoodsIssued)
	facts(out, named("organisation | filed under | not joined | donors | goods | disclosures",
		d.Organisation, d.Keys, d.NotJoined, donors, goods, d.Disclosures))
	section(out, "money", d.Money,
		">received | >donations | >returned | >net | >spent | >payments",
		func(m *supervision.DonatedMoney) row {
			return row{m.Received, m.ReceivedCount, m.Returned, m.Net, m.Spent, m.SpentCount}
		})
	var channels []supervision.Channel
	for _, m := range d.Money {
		channels = append(channels, m.Channels...)
	}
	section(out, "channels", channels, "channel | >received | >donations", func(c *supervision.Channel) row {
		return row{c.Channel, c.Amount, c.Count}
	})
	section(out, "campaigns", d.Campaigns, campaignColumns.names, campaignColumns.row)
}
