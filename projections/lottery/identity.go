package lottery

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"civicledger/events/catalogue"
	"civicledger/projections"
)

// Rules of 双色球, amounts in fen.
const (
	yuan            = 100
	prizeSharePct   = 49 // of sales for the prizes of the draw, 2 more go to the adjustment fund
	secondFloor     = 6_000 * yuan
	firstCap        = 5_000_000 * yuan
	largePool       = 100_000_000 * yuan
	refilledPool    = 30_000_000 * yuan
	roundingSlack   = 1_000 * yuan // how far above the tolerance counts as rounding
	firstRules2026  = "2026014"
	identitySource  = "0 ≤ 0.49·S − Σ nᵢ·mᵢ − (P1 − P0) ≤ n1 + n2 + 3 yuan"
	dayOfPromotions = "派奖"
)

// fixed are the prizes that do not depend on sales, by tier.
var fixed = map[int64]int64{3: 3_000 * yuan, 4: 200 * yuan, 5: 10 * yuan, 6: 5 * yuan, 7: 5 * yuan}

// fixedPrizes compares tiers 3 to 7 with the rules; a promotion is no
// deviation.
func (d *Draw) fixedPrizes() {
	for _, prize := range d.Prizes {
		want, ok := fixed[prize.Tier]
		each := prize.Each
		if prize.Promotion != nil {
			each -= *prize.Promotion
		}
		// A tier that nobody won may be printed as 0.
		if !ok || each == want || prize.Winners == 0 && each == 0 {
			continue
		}
		a := d.oddity(d.stating("prizes"), CodeFixedPrize, fmt.Sprintf("tier %d", prize.Tier),
			fmt.Sprintf("the rules fix the prize of tier %d", prize.Tier))
		a.Expected, a.Actual, a.Currency = projections.Ptr(want), projections.Ptr(each), d.Currency
		d.odd = append(d.odd, a)
	}
}

func (d *Draw) prize(tier int64) catalogue.Prize {
	for _, p := range d.Prizes {
		if p.Tier == tier {
			return p
		}
	}
	return catalogue.Prize{}
}

// identity checks that what was not paid went into the pool. Money from
// outside that the notice itself states (promotions, injections) is taken out
// first: a draw whose money adds up with it holds.
func (d *Draw) identity(before *Draw) {
	d.Check.Previous = before.Draw
	d.Check.PoolBefore = before.Pool
	if d.Sales == nil || d.Pool == nil || d.Prizes == nil || before.Pool == nil {
		return
	}
	paid, outside, shares := d.payments()
	rest := product(*d.Sales, prizeSharePct)
	rest.Div(rest, big.NewInt(100)) // sales are even yuan
	rest.Sub(rest, paid)
	rest.Sub(rest, big.NewInt(*d.Pool))
	rest.Add(rest, big.NewInt(*before.Pool))
	bare := new(big.Int).Set(rest)
	rest.Add(rest, outside)
	tolerance := product(d.prize(1).Winners+d.prize(2).Winners+shares+3, yuan)
	if !rest.IsInt64() || !bare.IsInt64() || !paid.IsInt64() || !tolerance.IsInt64() || !outside.IsInt64() {
		return
	}
	d.Check.Paid, d.Check.Outside, d.Check.Tolerance = toInt(paid), toInt(outside), toInt(tolerance)
	d.Check.Remainder = toInt(rest)
	if !d.fits() && d.fitsAt(bare.Int64()) {
		// The statement about money from outside is about another draw.
		d.Check.Remainder, d.Check.Outside = toInt(bare), projections.Ptr(0)
	}
	if d.fits() {
		d.Check.State = Holds
		return
	}
	d.Check.State = Explain
	d.Check.Explain = d.explain(before)
	a := d.oddity(d.stating("prizes"), CodeMoneyIdentity, "", "does not hold: "+identitySource+"; to be explained")
	a.Expected, a.Actual, a.Currency = projections.Ptr(0), d.Check.Remainder, d.Currency // their difference is the remainder
	a.Explain = d.Check.Explain
	d.odd = append(d.odd, a)
}

func (d *Draw) fits() bool { return d.fitsAt(*d.Check.Remainder) }

func (d *Draw) fitsAt(rest int64) bool { return rest >= 0 && rest <= *d.Check.Tolerance }

// payments adds up the prizes and the money from outside that the notice
// states; shares counts the prizes that hold a rounded share of a promotion.
func (d *Draw) payments() (paid, outside *big.Int, shares int64) {
	paid, outside = new(big.Int), new(big.Int)
	for _, prize := range d.Prizes {
		paid.Add(paid, product(prize.Winners, prize.Each))
		if prize.Promotion != nil {
			outside.Add(outside, product(prize.Winners, *prize.Promotion))
			shares += prize.Winners
		}
	}
	if shares == 0 && d.Promotion != nil {
		outside.Add(outside, big.NewInt(*d.Promotion))
	}
	if d.Injected != nil {
		outside.Add(outside, big.NewInt(*d.Injected))
	}
	return paid, outside, shares
}

func product(a, b int64) *big.Int { return new(big.Int).Mul(big.NewInt(a), big.NewInt(b)) }

func toInt(n *big.Int) *int64 { return projections.Ptr(n.Int64()) }

// explain names the known causes that fit the draw.
func (d *Draw) explain(before *Draw) []string {
	var causes []string
	add := func(cause string, holds bool) {
		if holds {
			causes = append(causes, cause)
		}
	}
	first, second, rest := d.prize(1), d.prize(2), *d.Check.Remainder
	add("injected", d.Injected != nil)
	add("pool-refilled", rest < 0 && *d.Pool == refilledPool)
	add("second-prize-floor", rest < 0 && second.Winners > 0 && second.Each == secondFloor)
	add("promotion", rest < 0 && (d.promoted() || first.Each > firstCap && *before.Pool < largePool))
	add("bonus-numbers", len(d.BonusPrizes) > 0)
	add("rules-2026", d.Draw >= firstRules2026)
	add("rounding", rest > 0 && rest <= *d.Check.Tolerance+roundingSlack)
	add("unexplained", len(causes) == 0)
	return causes
}

// promoted reports whether the notice speaks of a promotion.
func (d *Draw) promoted() bool {
	return d.Promotion != nil || strings.Contains(d.Message, dayOfPromotions) || strings.Contains(d.Message, "加奖") ||
		slices.ContainsFunc(d.Prizes, func(p catalogue.Prize) bool { return p.Promotion != nil && *p.Promotion > 0 })
}
