// Package money holds amounts as whole minor units (fen) of an ISO 4217
// currency, with checked arithmetic.
//
// It is for everything that adds or prints money. It refuses floating point,
// rounding and wrapping: a sum that does not fit is an error.
//
// Spec: ISO 4217:2015, minor units as of the amendments up to 2025.
package money

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Limit is the largest amount of one event, in minor units, either sign.
const Limit = 1_000_000_000_000_000

// Errors of this package.
var (
	ErrRange    = errors.New("amount out of range")
	ErrCurrency = errors.New("unknown currency")
	ErrMixed    = errors.New("amounts of two currencies")
	ErrDecimal  = errors.New("not a decimal amount")
)

// Amount is a number of minor units.
type Amount int64

// Money is an amount and its ISO 4217 currency.
type Money struct {
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
}

// Add is a+b, or ErrRange where the sum does not fit into an int64.
func (a Amount) Add(b Amount) (Amount, error) {
	sum := a + b
	if (sum > a) != (b > 0) && b != 0 {
		return 0, fmt.Errorf("%w: %d + %d", ErrRange, a, b)
	}
	return sum, nil
}

// Sub is a-b, or ErrRange where the difference does not fit into an int64.
func (a Amount) Sub(b Amount) (Amount, error) {
	difference := a - b
	if (difference < a) != (b > 0) && b != 0 {
		return 0, fmt.Errorf("%w: %d - %d", ErrRange, a, b)
	}
	return difference, nil
}

// Neg is -a, or ErrRange for the one value that has no negative.
func (a Amount) Neg() (Amount, error) { return Amount(0).Sub(a) }

// Add is m+n, or ErrMixed or ErrRange.
func (m Money) Add(n Money) (Money, error) {
	if m.Currency != n.Currency {
		return Money{}, fmt.Errorf("%w: %s and %s", ErrMixed, m.Currency, n.Currency)
	}
	sum, err := Amount(m.Amount).Add(Amount(n.Amount))
	return Money{int64(sum), m.Currency}, err
}

// Sub is m-n, or ErrMixed or ErrRange.
func (m Money) Sub(n Money) (Money, error) {
	if m.Currency != n.Currency {
		return Money{}, fmt.Errorf("%w: %s and %s", ErrMixed, m.Currency, n.Currency)
	}
	difference, err := Amount(m.Amount).Sub(Amount(n.Amount))
	return Money{int64(difference), m.Currency}, err
}

// Neg is -m, or ErrRange.
func (m Money) Neg() (Money, error) {
	negative, err := Amount(m.Amount).Neg()
	return Money{int64(negative), m.Currency}, err
}

// String is the amount in main units and the currency: "-12.34 CNY".
func (m Money) String() string { return Format(m.Amount, m.Currency) + " " + m.Currency }

// Format is the amount in main units: Format(1234, "CNY") is "12.34". An
// unknown currency is printed in minor units.
func Format(amount int64, currency string) string {
	exponent, _ := Exponent(currency)
	text := strconv.FormatInt(amount, 10)
	if exponent == 0 {
		return text
	}
	sign := ""
	if amount < 0 {
		sign, text = "-", text[1:]
	}
	if short := exponent + 1 - len(text); short > 0 {
		text = strings.Repeat("0", short) + text
	}
	return sign + text[:len(text)-exponent] + "." + text[len(text)-exponent:]
}

// ParseDecimal reads an amount in main units, exactly: an optional sign,
// digits, and at most as many decimals as the currency has (further zeros are
// allowed). Separators of thousands, exponents, spaces and amounts beyond
// Limit are refused.
func ParseDecimal(text, currency string) (Money, error) {
	exponent, ok := Exponent(currency)
	if !ok {
		return Money{}, fmt.Errorf("%w: %q", ErrCurrency, currency)
	}
	amount, err := ParseScaled(text, exponent)
	return Money{amount, currency}, err
}

// ParseScaled reads a decimal number as an integer of 10^-scale, exactly, in
// the manner of ParseDecimal. It serves units such as 万元 (scale 6 for fen).
func ParseScaled(text string, scale int) (int64, error) {
	digits, negative := strings.CutPrefix(text, "-")
	if !negative {
		digits = strings.TrimPrefix(digits, "+")
	}
	whole, fraction, point := strings.Cut(digits, ".")
	if whole == "" || point && fraction == "" {
		return 0, fmt.Errorf("%w: %q", ErrDecimal, text)
	}
	for len(fraction) > scale && fraction[len(fraction)-1] == '0' {
		fraction = fraction[:len(fraction)-1]
	}
	if len(fraction) > scale {
		return 0, fmt.Errorf("%w: %q has more than %d decimals", ErrDecimal, text, scale)
	}
	n := int64(0)
	for _, c := range []byte(whole + fraction + strings.Repeat("0", scale-len(fraction))) {
		if c < '0' || c > '9' {
			return 0, fmt.Errorf("%w: %q", ErrDecimal, text)
		}
		if n = n*10 + int64(c-'0'); n > Limit {
			return 0, fmt.Errorf("%w: %q", ErrRange, text)
		}
	}
	if negative {
		n = -n
	}
	return n, nil
}
