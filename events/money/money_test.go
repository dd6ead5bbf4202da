package money

import (
	"errors"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// parse reads an amount in main units of a currency.
func parse(text, currency string) (Money, error) {
	exponent, _ := Exponent(currency)
	amount, err := ParseScaled(text, exponent)
	return Money{amount, currency}, err
}

func TestParseScaled(t *testing.T) {
	for _, c := range []struct {
		text, currency string
		want           int64
		err            error
	}{
		{"12.34", "CNY", 1234, nil},
		{"-12.3", "CNY", -1230, nil},
		{"+7", "USD", 700, nil},
		{"0.10", "EUR", 10, nil},
		{"12.3400", "CNY", 1234, nil},
		{"500000", "VND", 500000, nil},
		{"5.000", "JPY", 5, nil},
		{"1.234", "KWD", 1234, nil},
		{"10000000000000.00", "CNY", Limit, nil},
		{"-10000000000000", "CNY", -Limit, nil},
		{"10000000000000.01", "CNY", 0, ErrRange},
		{"99999999999999999999999999", "CNY", 0, ErrRange},
		{"12.345", "CNY", 0, ErrDecimal},
		{"1.5", "VND", 0, ErrDecimal},
		{"", "CNY", 0, ErrDecimal},
		{".", "CNY", 0, ErrDecimal},
		{".5", "CNY", 0, ErrDecimal},
		{"5.", "CNY", 0, ErrDecimal},
		{"-", "CNY", 0, ErrDecimal},
		{"--5", "CNY", 0, ErrDecimal},
		{"+-5", "CNY", 0, ErrDecimal},
		{"1,234.00", "CNY", 0, ErrDecimal},
		{"1e3", "CNY", 0, ErrDecimal},
		{" 5", "CNY", 0, ErrDecimal},
		{"５", "CNY", 0, ErrDecimal},
		{"1.2.3", "CNY", 0, ErrDecimal},
	} {
		got, err := parse(c.text, c.currency)
		if !errors.Is(err, c.err) || err == nil && got != (Money{c.want, c.currency}) {
			t.Errorf("%q %s: %v, %v", c.text, c.currency, got, err)
		}
	}
}

func TestParseScaled_ChineseUnits(t *testing.T) {
	for _, c := range []struct {
		text  string
		scale int
		want  int64
	}{{"3360332", 6, 3_360_332_000_000}, {"17.78", 10, 177_800_000_000}, {"0.0001", 6, 100}} {
		if got, err := ParseScaled(c.text, c.scale); err != nil || got != c.want {
			t.Errorf("%s at %d: %d, %v", c.text, c.scale, got, err)
		}
	}
}

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		amount   int64
		currency string
		want     string
	}{
		{1234, "CNY", "12.34"},
		{-5, "CNY", "-0.05"},
		{0, "CNY", "0.00"},
		{-500, "VND", "-500"},
		{1, "KWD", "0.001"},
		{7, "???", "7"},
		{math.MinInt64, "CNY", "-92233720368547758.08"},
	} {
		if got := Format(c.amount, c.currency); got != c.want {
			t.Errorf("%d %s: %s, want %s", c.amount, c.currency, got, c.want)
		}
	}
	if got := (Money{-1234, "CNY"}).String(); got != "-12.34 CNY" {
		t.Error(got)
	}
}

func TestFormat_ParsesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Money{rapid.Int64Range(-Limit, Limit).Draw(t, "amount"), rapid.SampledFrom(Currencies()).Draw(t, "currency")}
		got, err := parse(Format(m.Amount, m.Currency), m.Currency)
		if err != nil || got != m {
			t.Fatalf("%v became %v, %v", m, got, err)
		}
	})
}

// Checked arithmetic agrees with arithmetic that cannot overflow.
func TestAmount_AgreesWithBig(t *testing.T) {
	edge := rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{math.MinInt64, math.MinInt64 + 1, -1, 0, 1, math.MaxInt64}))
	rapid.Check(t, func(t *rapid.T) {
		a, b := edge.Draw(t, "a"), edge.Draw(t, "b")
		x, y := big.NewInt(a), big.NewInt(b)
		hold := func(name string, got Amount, err error, want *big.Int) {
			if err == nil != want.IsInt64() || err == nil && int64(got) != want.Int64() || err != nil && !errors.Is(err, ErrRange) {
				t.Fatalf("%s: %d, %v, want %s", name, got, err, want)
			}
		}
		sum, err := Amount(a).Add(Amount(b))
		hold("add", sum, err, new(big.Int).Add(x, y))
		difference, err := Amount(a).Sub(Amount(b))
		hold("sub", difference, err, new(big.Int).Sub(x, y))
	})
}

func TestExponent(t *testing.T) {
	for code, want := range map[string]int{"CNY": 2, "USD": 2, "EUR": 2, "VND": 0, "JPY": 0, "KWD": 3, "CLF": 4} {
		if got, ok := Exponent(code); !ok || got != want {
			t.Errorf("%s: %d, %v", code, got, ok)
		}
	}
	for _, code := range []string{"XXX", "XAU", "RMB", "cny", ""} {
		if IsCurrency(code) {
			t.Errorf("%s is no money of a country", code)
		}
	}
	if n := len(Currencies()); n < 160 {
		t.Errorf("only %d currencies", n)
	}
}
