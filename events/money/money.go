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

// ParseScaled reads a decimal number as an integer of 10^-scale, exactly: an
// optional sign, digits, and at most as many decimals as the scale (further
// zeros are allowed). Separators of thousands, exponents, spaces and amounts
// beyond Limit are refused. The scale of a currency is its Exponent; 万元 is
// scale 6 for fen.
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
