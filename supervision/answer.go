package supervision

import (
	"fmt"
	"time"

	"civicledger/events/money"
	"civicledger/ledger"
	"civicledger/projections"
)

// AsOf says what an answer rests on.
type AsOf struct {
	Index      uint64   `json:"index" doc:"The last entry the answer rests on: it covers the entries 0 to index, all of them and no other."`
	Size       uint64   `json:"size" doc:"How many entries that is: index+1, or 0 where nothing is applied yet."`
	Recorded   string   `json:"recorded,omitzero" format:"date-time" doc:"When the last of these entries was recorded. Absent where there is none, or it cannot be read."`
	Checkpoint string   `json:"checkpoint" doc:"A signed checkpoint of the log (C2SP tlog-checkpoint, a signed note) that covers these entries."`
	Damaged    *Damaged `json:"damaged,omitzero" doc:"Present once some of the log is known not to be what was signed."`
}

// Damaged says what of the log is not as it was signed, in every answer.
type Damaged struct {
	First      *uint64 `json:"first,omitzero" doc:"The first entry that cannot be read as it was signed. Absent where only the index is damaged."`
	Last       *uint64 `json:"last,omitzero" doc:"The last such entry."`
	Standing   uint64  `json:"standing" doc:"How many of the entries that the checkpoint signs stand, before the damage and behind it: GET /v1/entries/{index} gives each, and its proof."`
	Incomplete bool    `json:"incomplete,omitzero" doc:"Entries that cannot be read, or stand behind those, are not in this answer: a list may be short, a sum may lack some."`
	Cause      string  `json:"cause" doc:"Who found what, in which file. /v1/status lists every place."`
}

// whole returns an error where an answer rests on a part of the log only,
// because of damage: then that nothing is found says nothing.
func (a *AsOf) whole() error {
	if a.Damaged == nil || !a.Damaged.Incomplete {
		return nil
	}
	return fmt.Errorf("this cannot be answered: entries are missing from what the answer would rest on: %w: %s", ledger.ErrDamaged, a.Damaged.Cause)
}

// missing is why a thing is not found.
func (a AsOf) missing(n *NotFound) error {
	if err := a.whole(); err != nil {
		return err
	}
	return n
}

// Page is one page of a list, in an order that does not change while the log
// grows: what stood on an earlier page is not seen again.
type Page[T any] struct {
	AsOf  AsOf   `json:"asOf" doc:"What this page rests on. Later pages may rest on more."`
	Items []T    `json:"items"`
	Next  string `json:"next,omitzero" doc:"Give it as cursor to get the next page. Absent on the last page."`
}

// said returns the page, unless it would say that there is nothing and cannot
// know.
func (p *Page[T]) said() (*Page[T], error) {
	if err := p.AsOf.whole(); err != nil && len(p.Items) == 0 && p.Next == "" {
		return nil, err
	}
	return p, nil
}

// Answer is an answer about one thing.
type Answer[T any] struct {
	AsOf AsOf `json:"asOf" doc:"What this answer rests on."`
	Item T    `json:"item"`
}

// Turn is where a page begins and how long it may get. After is the Next of
// the page before, "" for the first.
type Turn struct {
	After string
	Limit int
}

// MaxLimit bounds the items of a page.
const MaxLimit = 1000

func (t Turn) limit() int {
	if t.Limit < 1 {
		return 50
	}
	return min(t.Limit, MaxLimit)
}

func (t Turn) page() projections.Page { return projections.Page{After: t.After, Limit: t.limit()} }

// Money is a sum in minor units, for machines, and in main units, for people.
type Money struct {
	Amount   int64  `json:"amount" doc:"Minor units of the currency (fen). May exceed 2^53: read it as a 64-bit integer or use decimal."`
	Currency string `json:"currency" doc:"ISO 4217 code." example:"CNY"`
	Decimal  string `json:"decimal" doc:"The same sum in main units, exact; \"out of range\", with amount 0, where it left 64 bits." example:"1234.50"`
}

func sum(amount int64, currency string) Money {
	return Money{Amount: amount, Currency: currency, Decimal: money.Format(amount, currency)}
}

// sumIn is sum for figures of a row that may be out of range.
func sumIn(over int64) func(amount int64, currency string) Money {
	if over == 0 {
		return sum
	}
	return func(_ int64, currency string) Money { return Money{Currency: currency, Decimal: "out of range"} }
}

// Title names a thing in both languages.
type Title struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// stamp is Unix milliseconds as RFC 3339 with milliseconds, in UTC.
func stamp(millis int64) string {
	return time.UnixMilli(millis).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
