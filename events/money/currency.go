package money

import (
	"maps"
	"slices"
	"strings"
)

// Currencies by the number of their decimals, ISO 4217.
const (
	noDecimals    = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
	threeDecimals = "BHD IQD JOD KWD LYD OMR TND"
	fourDecimals  = "CLF UYW"
	twoDecimals   = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD " +
		"CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD " +
		"HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU " +
		"MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK " +
		"SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"
)

var exponents = func() map[string]int {
	table := make(map[string]int, 180)
	for decimals, codes := range []string{0: noDecimals, 2: twoDecimals, 3: threeDecimals, 4: fourDecimals} {
		for _, code := range strings.Fields(codes) {
			table[code] = decimals
		}
	}
	return table
}()

// Exponent is the number of decimals of a currency; ok is false for a code
// that ISO 4217 does not list as money of a country.
func Exponent(currency string) (decimals int, ok bool) {
	decimals, ok = exponents[currency]
	return decimals, ok
}

// IsCurrency reports whether the code is in the table.
func IsCurrency(currency string) bool {
	_, ok := exponents[currency]
	return ok
}

// Currencies returns every code of the table, sorted.
func Currencies() []string { return slices.Sorted(maps.Keys(exponents)) }
