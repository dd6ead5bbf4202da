package projections

import (
	"cmp"
	"encoding/binary"
	"reflect"
	"sync"
	"time"

	"civicledger/events/catalogue"
	"civicledger/ledger/chain"
)

// Ref is an entry and its place in the order that counts: by legal date, then
// by event key. The index decides nothing between agencies.
type Ref struct {
	Index uint64
	Date  string
	Key   chain.EventKey
	By    Speaker
}

// Ref returns the entry's place in the order that counts.
func (e *Entry) Ref() Ref { return Ref{e.Index, e.Date(), e.EventKey, e.Speaker()} }

// Compare orders by legal date, then by event key.
func (r Ref) Compare(s Ref) int {
	return cmp.Or(cmp.Compare(r.Date, s.Date), cmp.Compare(string(r.Key[:]), string(s.Key[:])))
}

// Date is the entry's legal date: the day that the event names as the one that
// counts, else the day of its time.
func (e *Entry) Date() string {
	if day := dayOf(e.Data); day != "" {
		return day
	}
	return e.Event.Time.Format(time.DateOnly)
}

// DayNumber is a day such as 2006-01-02 as a number.
func DayNumber(date string) int32 {
	n := int32(0)
	for _, c := range []byte(date) {
		if c >= '0' && c <= '9' && n < 100_000_000 {
			n = n*10 + int32(c-'0')
		}
	}
	return n
}

// KeyBegin is enough of an entry's event key to order by.
func (e *Entry) KeyBegin() uint64 { return binary.BigEndian.Uint64(e.EventKey[:8]) }

// Speaker is who said what where.
type Speaker struct{ Agency, Type, Jurisdiction string }

// Speaker returns who said the entry.
func (e *Entry) Speaker() Speaker { return Speaker{e.Agency, e.Type(), e.Jurisdiction()} }

// Interned gives small numbers to values of which there are few.
type Interned[T comparable] struct {
	list  []T
	place map[T]int32
}

// Of returns the number of a value, a new one where it has none.
func (in *Interned[T]) Of(value T) int32 {
	at, ok := in.place[value]
	if !ok {
		if in.place == nil {
			in.place = map[T]int32{}
		}
		at = int32(len(in.list))
		in.list = append(in.list, value)
		in.place[value] = at
	}
	return at
}

// At returns the value with that number.
func (in *Interned[T]) At(n int32) T { return in.list[n] }

// dayOf is the first of these members that the event has.
func dayOf(data any) string {
	v := reflect.ValueOf(data).Elem()
	where, ok := days.Load(v.Type())
	if !ok {
		var fields [][]int
		for _, name := range []string{
			"EffectiveOn", "DecidedOn", "Date", "DrawnOn", "RegisteredOn", "FiledOn", "OrderedOn", "AcceptedOn",
			"AnnouncedOn", "PublishedOn", "StatedAt", "From",
		} {
			if f, ok := v.Type().FieldByName(name); ok && f.Type.Kind() == reflect.String {
				fields = append(fields, f.Index)
			}
		}
		where, _ = days.LoadOrStore(v.Type(), fields)
	}
	for _, i := range where.([][]int) {
		if day := v.FieldByIndex(i).String(); day != "" {
			return day
		}
	}
	return ""
}

var days sync.Map // of places of members, by struct

// money is the fund whose money the event moves, and in which currency; the
// fund is "" where it moves none.
func money(data any) (fund, currency string) {
	switch d := data.(type) {
	case *catalogue.BudgetAllocated:
		return d.Fund, d.Currency
	case *catalogue.TransferSent:
		return d.Fund, d.Currency
	case *catalogue.TransferReceived:
		return d.Fund, d.Currency
	case *catalogue.SubsidyPaid:
		return d.Fund, d.Currency
	case *catalogue.SubsidyCancelled:
		return d.Fund, d.Currency
	case *catalogue.SubsidyReturned:
		return d.Fund, d.Currency
	case *catalogue.RecoveryOrdered:
		return d.Fund, d.Currency
	case *catalogue.RecoveryReceived:
		return d.Fund, d.Currency
	case *catalogue.DonationReceived:
		if d.Amount != nil {
			return d.Fund, d.Currency
		}
	case *catalogue.DonationReturned:
		if d.Amount != nil {
			return d.Fund, d.Currency
		}
	case *catalogue.DonationSpent:
		return d.Fund, d.Currency
	case *catalogue.SpendingRefunded:
		return d.Fund, d.Currency
	}
	return "", ""
}

// claimed is what only one event may say: of several, the first in the order
// that counts stands. code marks the others. what is nil for most events.
func claimed(data any) (what []string, code string) {
	switch d := data.(type) {
	case *catalogue.FundOpened:
		return []string{d.Fund}, CodeFundOpenedTwice
	case *catalogue.TransferSent:
		return []string{d.Fund, d.Transfer, "sent"}, CodeTransferDuplicate
	case *catalogue.TransferReceived:
		return []string{d.Fund, d.Transfer, "received"}, CodeTransferDuplicate
	case *catalogue.RecoveryOrdered:
		return []string{d.Fund, d.Order}, CodeOrderDuplicate
	case *catalogue.DrawSettled:
		return []string{d.Game, d.Draw}, CodeSettledTwice
	}
	return nil, ""
}
