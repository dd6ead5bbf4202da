package catalogue

import "civicledger/events/money"

// The functions of this file write rows of field tables. A row is required
// unless opt says otherwise.

func opt(f Field) Field { f.Required = false; return f }

// shown gives an optional row a value in the type's example, or a required one
// a telling value.
func shown(rawJSON string, f Field) Field { f.Sample = rawJSON; return f }

func text(name string, limit int64, doc string) Field {
	return Field{Name: name, Kind: Text, Required: true, Min: 1, Max: limit, Doc: doc}
}

func slug(name, doc string) Field { return Field{Name: name, Kind: Slug, Required: true, Doc: doc} }

func enum(name, doc string, values ...string) Field {
	return Field{Name: name, Kind: Enum, Required: true, Doc: doc, Enum: values}
}

func integer(name string, low, high int64, doc string) Field {
	return Field{Name: name, Kind: Integer, Required: true, Min: low, Max: high, Doc: doc}
}

func year(name, doc string) Field { return integer(name, 1949, 2199, doc) }

// amount is a sum that may be zero.
func amount(name, doc string) Field {
	return Field{Name: name, Kind: Amount, Required: true, Max: money.Limit, Doc: doc}
}

// payment is a sum of at least one minor unit.
func payment(name, doc string) Field {
	return Field{Name: name, Kind: Amount, Required: true, Min: 1, Max: money.Limit, Doc: doc}
}

// signed is a sum that may be negative.
func signed(name, doc string) Field {
	return Field{Name: name, Kind: Amount, Required: true, Min: -money.Limit, Max: money.Limit, Doc: doc}
}

func currency() Field {
	return Field{Name: "currency", Kind: Currency, Required: true, Doc: "ISO 4217 code of every amount of this event."}
}

func date(name, doc string) Field { return Field{Name: name, Kind: Date, Required: true, Doc: doc} }

func month(name, doc string) Field { return Field{Name: name, Kind: Month, Required: true, Doc: doc} }

func flag(name, doc string) Field  { return Field{Name: name, Kind: Bool, Required: true, Doc: doc} }
func org(name, doc string) Field   { return Field{Name: name, Kind: Org, Required: true, Doc: doc} }
func token(name, doc string) Field { return Field{Name: name, Kind: Token, Required: true, Doc: doc} }

func url(name, doc string) Field {
	return Field{Name: name, Kind: URL, Required: true, Max: 500, Doc: doc}
}

func object(name, doc string, rules []Rule, fields ...Field) Field {
	return Field{Name: name, Kind: Object, Required: true, Doc: doc, Fields: fields, Rules: rules}
}

func list(name string, low, high int64, doc string, rules []Rule, fields ...Field) Field {
	return Field{Name: name, Kind: List, Of: Object, Required: true, Min: low, Max: high, Doc: doc, Fields: fields, Rules: rules}
}

func integers(name string, low, high, itemLow, itemHigh int64, doc string) Field {
	return Field{Name: name, Kind: List, Of: Integer, Required: true, Min: low, Max: high, ItemMin: itemLow, ItemMax: itemHigh, Doc: doc}
}

func texts(name string, of Kind, low, high int64, doc string) Field {
	return Field{Name: name, Kind: List, Of: of, Required: true, Min: low, Max: high, ItemMin: 1, ItemMax: 200, Doc: doc}
}

// withoutSamples is a table for an optional object that the example leaves out.
func withoutSamples(fields []Field) []Field {
	bare := make([]Field, len(fields))
	for i, f := range fields {
		f.Sample = ""
		bare[i] = f
	}
	return bare
}
