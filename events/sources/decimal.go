package sources

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"civicledger/events/money"
)

// narrow makes full-width characters plain (５００ and （）), and nothing else:
// a footnote sign, a raised digit or another script's digit stays what it is,
// which no number has.
func narrow(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '！' && r <= '～':
			return r - '！' + '!'
		case r == '\u3000':
			return ' '
		}
		return r
	}, s)
}

// How a file writes numbers, as Options.Decimal tells.
var writings = map[string]*regexp.Regexp{
	"point": regexp.MustCompile(`^([+-]?)([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.([0-9]+))?$`),
	"comma": regexp.MustCompile(`^([+-]?)([0-9]{1,3}(?:\.[0-9]{3})+|[0-9]+)(?:,([0-9]+))?$`),
}

var (
	errWriting   = errors.New("is not written as --decimal tells")
	errAmbiguous = errors.New("could be thousands or decimals: say --decimal comma where 1.000 is a thousand, --decimal point where it is one")
)

// ambiguous is what two countries read as two numbers: 500.000.
var ambiguous = regexp.MustCompile(`^[+-]?[1-9][0-9]{0,2}\.[0-9]{3}$`)

// scaled reads a number as an integer of 10^-scale, exactly. Unless the
// options tell how the file writes numbers, it takes digits and one point, and
// refuses what could be meant otherwise.
func (o *Options) scaled(text string, scale int) (int64, error) {
	plain := narrow(text)
	if writing := writings[o.Decimal]; writing != nil {
		match := writing.FindStringSubmatch(plain)
		if match == nil {
			return 0, fmt.Errorf("%w: %s", errWriting, o.Decimal)
		}
		plain = match[1] + strings.NewReplacer(",", "", ".", "").Replace(match[2])
		if match[3] != "" {
			plain += "." + match[3]
		}
	} else if len(plain) > 4 && plain[len(plain)-4] == '.' && ambiguous.MatchString(plain) {
		return 0, errAmbiguous
	}
	return money.ParseScaled(plain, scale)
}

// sum reads a sum in main units of a currency as minor units.
func (o *Options) sum(text, currency string) (int64, error) {
	exponent, ok := money.Exponent(currency)
	if !ok {
		return 0, fmt.Errorf("%w: %q", money.ErrCurrency, currency)
	}
	return o.scaled(text, exponent)
}
