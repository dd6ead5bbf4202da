package sources

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"civicledger/events/catalogue"
	"civicledger/events/money"
)

// luckyTier is the tier of 福运奖 (3+0) in the rules from draw 2026014 on.
const luckyTier = 7

// luckyBlueTier is the tier that the second blue number of 2014/15 paid.
const luckyBlueTier = 2

func (sp *speaker) figuresOf(n *notice, game string) (f catalogue.DrawFigures, err error) {
	f.Currency = "CNY"
	if f.Sales, err = sp.yuan(n, "sales"); err != nil {
		return f, err
	}
	if f.Pool, err = sp.yuan(n, "poolmoney"); err != nil {
		return f, err
	}
	if game != "3d" {
		if f.Prizes, err = sp.prizesOf(n); err != nil {
			return f, err
		}
	}
	if f.BonusPrizes, err = sp.bonusPrizes(n); err != nil {
		return f, err
	}
	if f.Promotion, err = sp.promotion(n); err != nil {
		return f, err
	}
	f.Winners = n.members["content"]
	f.Message = message(n)
	f.Injected, f.InjectedFrom, err = sp.injection(n.members["msg"])
	return f, err
}

// yuan reads a sum in yuan; nil where it is not published yet.
func (sp *speaker) yuan(n *notice, member string) (*int64, error) {
	text := n.members[member]
	if text == "" {
		return nil, nil
	}
	sum, err := sp.sum(text, "CNY")
	if err != nil {
		return nil, badCell(member, text, "%v: a sum in yuan is needed", err)
	}
	return &sum, nil
}

func (sp *speaker) prizesOf(n *notice) ([]catalogue.Prize, error) {
	var prizes []catalogue.Prize
	for _, t := range n.tiers {
		number, err := sp.scaled(t.number, 0)
		if err != nil {
			return nil, badCell("type", t.number, "is no number of a tier")
		}
		prize, err := sp.prizeOf(number, "typenum", t.winners, "typemoney", t.amount)
		if err != nil {
			return nil, err
		}
		prizes = append(prizes, prize)
	}
	if n.members["fyjCount"] == "" && n.members["fyjMoney"] == "" {
		return prizes, nil
	}
	lucky, err := sp.prizeOf(luckyTier, "fyjCount", n.members["fyjCount"], "fyjMoney", n.members["fyjMoney"])
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(prizes, func(p catalogue.Prize) bool { return p.Tier == luckyTier }) {
		return prizes, nil
	}
	return append(prizes, lucky), nil
}

func (sp *speaker) bonusPrizes(n *notice) ([]catalogue.Prize, error) {
	if n.members["z2add"] == "" && n.members["m2add"] == "" {
		return nil, nil
	}
	prize, err := sp.prizeOf(luckyBlueTier, "z2add", n.members["z2add"], "m2add", n.members["m2add"])
	return []catalogue.Prize{prize}, err
}

// perBet is a prize with or without its promotion: 8333333（含加奖3333333）.
var perBet = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)(?:\(含[加派]奖([0-9]+(?:\.[0-9]+)?)\))?$`)

func (sp *speaker) prizeOf(tier int64, winnersName, winners, amountName, amount string) (p catalogue.Prize, err error) {
	p.Tier = tier
	if p.Winners, err = sp.scaled(winners, 0); err != nil {
		return p, badCell(winnersName, winners, "is not a number of bets")
	}
	match := perBet.FindStringSubmatch(narrow(amount))
	if match == nil {
		return p, badCell(amountName, amount, "is not a prize in yuan, such as 5000000 or 8333333（含加奖3333333）")
	}
	if p.Each, err = sp.scaled(match[1], 2); err != nil {
		return p, badCell(amountName, amount, "%v", err)
	}
	if match[2] != "" {
		added, err := sp.scaled(match[2], 2)
		if err != nil {
			return p, badCell(amountName, amount, "%v", err)
		}
		p.Promotion = &added
	}
	return p, nil
}

// promotion is what the notice says was added in this draw, first prizes and
// lucky blue number together.
func (sp *speaker) promotion(n *notice) (*int64, error) {
	first, err := sp.yuan(n, "addmoney")
	if err != nil {
		return nil, err
	}
	second, err := sp.yuan(n, "addmoney2")
	if err != nil || second == nil {
		return first, err
	}
	if first == nil {
		return second, nil
	}
	sum, err := money.Amount(*first).Add(money.Amount(*second))
	total := int64(sum)
	return &total, err
}

func message(n *notice) string {
	var parts []string
	for _, name := range []string{"msg", "specialRuleInfo", "prizeSpecialInfo"} {
		if text := n.members[name]; text != "" {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, "\n")
}

// injected is how notices announce money from outside the draw:
// 从双色球调节基金拨出12541580元，注入第2013002期奖池…
var injected = regexp.MustCompile(`从([^，。:：]{1,40}?)拨出([0-9]+(?:\.[0-9]+)?)元`)

func (sp *speaker) injection(text string) (*int64, string, error) {
	match := injected.FindStringSubmatch(text)
	if match == nil {
		return nil, "", nil
	}
	sum, err := sp.scaled(match[2], 2)
	if err != nil {
		return nil, "", badCell("msg", match[0], "%v", err)
	}
	return &sum, match[1], nil
}

// figure is one member of the figures that a notice may lack.
type figure struct {
	lacking, same bool
	take          func()
}

// beyond is what later states and earlier lacks, with the names of it, and
// whether the two state anything differently.
func beyond(earlier, later catalogue.DrawFigures) (added catalogue.DrawFigures, names []string, differs bool) {
	added.Currency = later.Currency
	figures := map[string]figure{
		"sales":     {earlier.Sales == nil, equal(earlier.Sales, later.Sales), func() { added.Sales = later.Sales }},
		"pool":      {earlier.Pool == nil, equal(earlier.Pool, later.Pool), func() { added.Pool = later.Pool }},
		"promotion": {earlier.Promotion == nil, equal(earlier.Promotion, later.Promotion), func() { added.Promotion = later.Promotion }},
		"injected": {earlier.Injected == nil, equal(earlier.Injected, later.Injected), func() {
			added.Injected, added.InjectedFrom = later.Injected, later.InjectedFrom
		}},
		"prizes":  tiersBeyond(earlier.Prizes, later.Prizes, &added.Prizes),
		"bonus":   tiersBeyond(earlier.BonusPrizes, later.BonusPrizes, &added.BonusPrizes),
		"winners": {earlier.Winners == "", later.Winners == "" || earlier.Winners == later.Winners, func() { added.Winners = later.Winners }},
		"message": {earlier.Message == "", later.Message == "" || earlier.Message == later.Message, func() { added.Message = later.Message }},
	}
	for _, name := range slices.Sorted(maps.Keys(figures)) {
		f := figures[name]
		switch {
		case f.same:
		case f.lacking:
			f.take()
			names = append(names, name)
		default:
			differs = true
		}
	}
	return added, names, differs
}

// tiersBeyond compares prize tables tier by tier.
func tiersBeyond(earlier, later []catalogue.Prize, into *[]catalogue.Prize) figure {
	var missing []catalogue.Prize
	differs := false
	for _, p := range later {
		i := slices.IndexFunc(earlier, func(e catalogue.Prize) bool { return e.Tier == p.Tier })
		if i < 0 {
			missing = append(missing, p)
		} else if !reflect.DeepEqual(earlier[i], p) {
			differs = true
		}
	}
	return figure{lacking: !differs, same: !differs && len(missing) == 0, take: func() { *into = missing }}
}

// mergedTiers is the later table with the tiers that only the earlier one has.
func mergedTiers(earlier, later []catalogue.Prize) []catalogue.Prize {
	all := slices.Clone(later)
	for _, p := range earlier {
		if !slices.ContainsFunc(later, func(l catalogue.Prize) bool { return l.Tier == p.Tier }) {
			all = append(all, p)
		}
	}
	slices.SortStableFunc(all, func(a, b catalogue.Prize) int { return int(a.Tier - b.Tier) })
	return all
}

// equal is true where later says nothing new.
func equal(earlier, later *int64) bool {
	return later == nil || earlier != nil && *earlier == *later
}

func sameNumbers(earlier, later catalogue.DrawSettled) bool {
	return earlier.DrawnOn == later.DrawnOn && slices.Equal(earlier.Red, later.Red) && slices.Equal(earlier.Blue, later.Blue) &&
		slices.Equal(earlier.BonusBlue, later.BonusBlue) && (later.Order == nil || earlier.Order == nil || slices.Equal(earlier.Order, later.Order))
}

// merged is the earlier notice with everything that the later one states.
func merged(earlier, later catalogue.DrawSettled) catalogue.DrawSettled {
	all := later
	orSum := func(a, b *int64) *int64 {
		if a != nil {
			return a
		}
		return b
	}
	all.Sales, all.Pool = orSum(later.Sales, earlier.Sales), orSum(later.Pool, earlier.Pool)
	all.Promotion = orSum(later.Promotion, earlier.Promotion)
	if later.Injected == nil {
		all.Injected, all.InjectedFrom = earlier.Injected, earlier.InjectedFrom
	}
	all.Prizes = mergedTiers(earlier.Prizes, later.Prizes)
	all.BonusPrizes = mergedTiers(earlier.BonusPrizes, later.BonusPrizes)
	if later.Winners == "" {
		all.Winners = earlier.Winners
	}
	if later.Message == "" {
		all.Message = earlier.Message
	}
	if later.Order == nil {
		all.Order = earlier.Order
	}
	return all
}
