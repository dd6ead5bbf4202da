package sources

import (
	"cmp"
	"reflect"
	"regexp"
	"slices"

	"civicledger/events/catalogue"
)

// luckyTier is the tier of 福运奖 (3+0) in the rules from draw 2026014 on.
const luckyTier = 7

// luckyBlueTier is the tier that the second blue number of 2014/15 paid.
const luckyBlueTier = 2

func (sp *speaker) figuresOf(n *notice, game string) catalogue.DrawFigures {
	f := catalogue.DrawFigures{
		Currency: "CNY", Sales: sp.yuan(n, "sales"), Pool: sp.yuan(n, "poolmoney"), Winners: n.members["content"],
		Message: joined("\n", n.members["msg"], n.members["specialRuleInfo"], n.members["prizeSpecialInfo"]),
	}
	if game != "3d" {
		f.Prizes = sp.prizesOf(n)
	}
	if n.members["z2add"] != "" || n.members["m2add"] != "" {
		f.BonusPrizes = []catalogue.Prize{sp.memberPrize(n, luckyBlueTier, "z2add", "m2add")}
	}
	f.Promotion = sp.promotion(n)
	f.Injected, f.InjectedFrom = sp.injection(n)
	return f
}

// yuan reads a sum in yuan; nil where it is not published yet.
func (sp *speaker) yuan(n *notice, member string) *int64 {
	text := n.members[member]
	if text == "" {
		return nil
	}
	sum, err := sp.scaled(text, 2)
	if err != nil {
		n.wrong(member, "%v: a sum in yuan is needed", err)
	}
	return &sum
}

func (sp *speaker) prizesOf(n *notice) (prizes []catalogue.Prize) {
	for _, t := range n.tiers {
		number, err := sp.scaled(t.number, 0)
		if err != nil {
			n.fail(badCell("type", t.number, "is no number of a tier"))
		}
		prizes = append(prizes, sp.prizeOf(n, number, "typenum", t.winners, "typemoney", t.amount))
	}
	if n.members["fyjCount"] == "" && n.members["fyjMoney"] == "" {
		return prizes
	}
	lucky := sp.memberPrize(n, luckyTier, "fyjCount", "fyjMoney")
	if tierIn(prizes, lucky) < 0 {
		prizes = append(prizes, lucky)
	}
	return prizes
}

// perBet is a prize with or without its promotion: 8333333（含加奖3333333）.
var perBet = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)(?:\(含[加派]奖([0-9]+(?:\.[0-9]+)?)\))?$`)

// memberPrize is a prize that two members of the notice state.
func (sp *speaker) memberPrize(n *notice, tier int64, winners, amount string) catalogue.Prize {
	return sp.prizeOf(n, tier, winners, n.members[winners], amount, n.members[amount])
}

func (sp *speaker) prizeOf(n *notice, tier int64, winnersName, winners, amountName, amount string) catalogue.Prize {
	p := catalogue.Prize{Tier: tier}
	var err error
	if p.Winners, err = sp.scaled(winners, 0); err != nil {
		n.fail(badCell(winnersName, winners, "is not a number of bets"))
	}
	match := perBet.FindStringSubmatch(narrow(amount))
	if match == nil {
		n.fail(badCell(amountName, amount, "is not a prize in yuan, such as 5000000 or 8333333（含加奖3333333）"))
		return p
	}
	if p.Each, err = sp.scaled(match[1], 2); err == nil && match[2] != "" {
		p.Promotion = new(int64)
		*p.Promotion, err = sp.scaled(match[2], 2)
	}
	if err != nil {
		n.fail(badCell(amountName, amount, "%v", err))
	}
	return p
}

// promotion is what the notice says was added in this draw, first prizes and
// lucky blue number together.
func (sp *speaker) promotion(n *notice) *int64 {
	first, second := sp.yuan(n, "addmoney"), sp.yuan(n, "addmoney2")
	if first == nil || second == nil {
		return cmp.Or(first, second)
	}
	total := *first + *second // neither is beyond money.Limit
	return &total
}

// injected is how notices announce money from outside the draw:
// 从双色球调节基金拨出12541580元，注入第2013002期奖池…
var injected = regexp.MustCompile(`从([^，。:：]{1,40}?)拨出([0-9]+(?:\.[0-9]+)?)元`)

func (sp *speaker) injection(n *notice) (sum *int64, from string) {
	match := injected.FindStringSubmatch(n.members["msg"])
	if match == nil {
		return nil, ""
	}
	fen, err := sp.scaled(match[2], 2)
	if err != nil {
		n.fail(badCell("msg", match[0], "%v", err))
	}
	return &fen, match[1]
}

// update is what a later notice of a draw states against an earlier one.
type update struct {
	added   catalogue.DrawFigures // what the earlier lacks
	names   []string              // of what was added, sorted
	differs bool                  // the two state something differently
	all     catalogue.DrawFigures // everything that either states; the later counts more
}

func compare(earlier, later catalogue.DrawFigures) update {
	u := update{all: later}
	u.added.Currency = later.Currency
	u.added.BonusPrizes, u.all.BonusPrizes = u.tiers("bonus", earlier.BonusPrizes, later.BonusPrizes)
	u.added.Injected, u.all.Injected = figure(&u, "injected", earlier.Injected, later.Injected)
	if u.added.Injected != nil {
		u.added.InjectedFrom = later.InjectedFrom
	}
	if later.Injected == nil {
		u.all.InjectedFrom = earlier.InjectedFrom
	}
	u.added.Message, u.all.Message = figure(&u, "message", earlier.Message, later.Message)
	u.added.Pool, u.all.Pool = figure(&u, "pool", earlier.Pool, later.Pool)
	u.added.Prizes, u.all.Prizes = u.tiers("prizes", earlier.Prizes, later.Prizes)
	u.added.Promotion, u.all.Promotion = figure(&u, "promotion", earlier.Promotion, later.Promotion)
	u.added.Sales, u.all.Sales = figure(&u, "sales", earlier.Sales, later.Sales)
	u.added.Winners, u.all.Winners = figure(&u, "winners", earlier.Winners, later.Winners)
	return u
}

// figure compares a figure that a notice may lack.
func figure[T comparable](u *update, name string, earlier, later T) (added, all T) {
	var lacking T
	switch {
	case later == lacking, reflect.DeepEqual(earlier, later):
		return lacking, cmp.Or(later, earlier)
	case earlier == lacking:
		u.names = append(u.names, name)
		return later, later
	}
	u.differs = true
	return lacking, later
}

// tiers compares prize tables tier by tier.
func (u *update) tiers(name string, earlier, later []catalogue.Prize) (added, all []catalogue.Prize) {
	for _, p := range later {
		if i := tierIn(earlier, p); i < 0 {
			added = append(added, p)
		} else if !reflect.DeepEqual(earlier[i], p) {
			u.differs = true
		}
	}
	if added != nil {
		u.names = append(u.names, name)
	}
	all = slices.Clone(later)
	for _, p := range earlier {
		if tierIn(later, p) < 0 {
			all = append(all, p)
		}
	}
	slices.SortStableFunc(all, func(a, b catalogue.Prize) int { return int(a.Tier - b.Tier) })
	return added, all
}

// tierIn is the place of the prize's tier in a table, or -1.
func tierIn(table []catalogue.Prize, p catalogue.Prize) int {
	return slices.IndexFunc(table, func(other catalogue.Prize) bool { return other.Tier == p.Tier })
}

func sameNumbers(earlier, later catalogue.DrawSettled) bool {
	return earlier.DrawnOn == later.DrawnOn && slices.Equal(earlier.Red, later.Red) && slices.Equal(earlier.Blue, later.Blue) &&
		slices.Equal(earlier.BonusBlue, later.BonusBlue) && (later.Order == nil || earlier.Order == nil || slices.Equal(earlier.Order, later.Order))
}
