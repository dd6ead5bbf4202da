package funds

import (
	"cmp"
	"slices"

	"civicledger/events/catalogue"
	"civicledger/events/money"
	"civicledger/projections"
)

// Series of a Statement.
const (
	SeriesRows = "rows" // rows with numbers: each says what it moved
	SeriesDays = "days" // balances of days: held against donations and spending on the account
)

// series is one account's stated balances in order: by day and number, then as
// they count. It is compact: there may be one for every row of a bank's statement.
// Of several with one day and number the first is followed.
type series struct {
	row  Statement // names only
	bank string    // key of the bookings on the account
	list []stated
	from int // first place to follow again
	// rebooked is set when bookings on the account changed: places that are
	// judged by them are judged again.
	rebooked bool
	// booked is whether anything was booked on the account when it was
	// followed last: only then are balances of days judged.
	booked bool
}

type stated struct {
	sequence int64
	balance  int64
	delta    int64
	index    uint64
	key      uint64 // begin of the event key
	date     int32  // 20060102
	by       int32  // who said it, a place in speakers
	broken   bool   // reported
	doubled  bool   // reported: another one has its number
}

// speaker is who says what where, about which fund and under which name.
type speaker struct {
	projections.Speaker
	fund, holder string
}

func (s stated) compare(t stated) int {
	return cmp.Or(cmp.Compare(s.date, t.date), cmp.Compare(s.sequence, t.sequence), cmp.Compare(s.key, t.key))
}

// dayNet is what donations and spending moved on a bank account, by day.
type dayNet []dayMove

type dayMove struct {
	date  int32
	net   int64
	over  int64
	count int64
}

func dayText(n int32) string {
	text := []byte("0000-00-00")
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] == '0' {
			text[i] = byte('0' + n%10)
			n /= 10
		}
	}
	return string(text)
}

// stated keeps a balance; what follows from it is judged when the batch ends.
func (p *Projection) stated(c *projections.Change, d *catalogue.BalanceStated) {
	e := c.Entry
	one := stated{balance: d.Balance, index: e.Index, key: e.KeyBegin(), date: projections.DayNumber(d.StatedAt)}
	one.by = p.speakers.Of(speaker{e.Speaker(), d.Fund, d.Holder.Name})
	kind := SeriesDays
	if d.Sequence != nil {
		kind, one.sequence = SeriesRows, *d.Sequence
	}
	if d.Credit != nil {
		one.delta = *d.Credit
	}
	if d.Debit != nil {
		one.delta -= *d.Debit
	}
	bank := projections.Key(c.Key(d.Holder), d.Account, d.Currency)
	key := bank + projections.Key(kind)
	p.dirtySeries.Add(key)
	s := p.series[key]
	if s == nil {
		s = &series{bank: bank, row: Statement{Holder: c.Key(d.Holder), Account: d.Account, Currency: d.Currency, Series: kind}}
		p.series[key] = s
	}
	at, _ := slices.BinarySearchFunc(s.list, one, stated.compare)
	if c.Applies() {
		s.list = slices.Insert(s.list, at, one)
	} else {
		s.list = slices.Delete(s.list, at, at+1)
		if len(s.list) == 0 {
			delete(p.series, key)
		}
	}
	s.from = min(s.from, at)
}

// onAccount notes a booking on a bank account and stages its sum.
func (p *Projection) onAccount(c *projections.Change, holder, account, currency, date string, amount int64) {
	if account == "" {
		return
	}
	bank := projections.Key(holder, account, currency)
	days, day := p.moves[bank], projections.DayNumber(date)
	at, ok := slices.BinarySearchFunc(days, day, func(m dayMove, day int32) int { return cmp.Compare(m.date, day) })
	if !ok {
		days = slices.Insert(days, at, dayMove{date: day})
		p.moves[bank] = days
	}
	projections.Add(&days[at].net, c.Sign*amount, &days[at].over)
	days[at].count += c.Sign
	for _, kind := range []string{SeriesDays, SeriesRows} {
		key := bank + projections.Key(kind)
		if s := p.series[key]; s != nil {
			s.rebooked = true
			p.dirtySeries.Add(key)
		}
	}
}

// booked reports whether any booking on the account stands.
func (p *Projection) booked(bank string) bool {
	return slices.ContainsFunc(p.moves[bank], func(m dayMove) bool { return m.count > 0 })
}

// between is what was booked after one day up to and with another; ok is false
// where the sum would not fit.
func (p *Projection) between(bank string, after, to int32) (net int64, ok bool) {
	days := p.moves[bank]
	at, _ := slices.BinarySearchFunc(days, after+1, func(m dayMove, day int32) int { return cmp.Compare(m.date, day) })
	for ; at < len(days) && days[at].date <= to; at++ {
		sum, err := money.Amount(net).Add(money.Amount(days[at].net))
		if err != nil || days[at].over != 0 {
			return 0, false
		}
		net = int64(sum)
	}
	return net, true
}

// follow judges the balances of one series from the first changed one on.
func (p *Projection) follow(b *projections.Batch, key string) {
	s := p.series[key]
	if s == nil {
		p.statements.Delete(key)
		return
	}
	s.booked = p.booked(s.bank)
	for i := range s.list {
		if i >= s.from || s.rebooked && s.byBookings(i) {
			p.judge(b, s, i)
		}
	}
	s.from, s.rebooked = len(s.list), false
	first, last := s.list[0], s.list[0]
	row := s.row
	for _, one := range s.list {
		if !one.doubled {
			row.Rows++
			last = one
		}
		if one.broken {
			row.Breaks++
		}
	}
	row.Fund, row.HolderName = p.speakers.At(first.by).fund, p.speakers.At(first.by).holder
	row.From, row.To = dayText(first.date), dayText(last.date)
	row.Opening, row.Balance, row.LastIndex = first.balance, last.balance, last.index
	p.statements.Put(&row)
}

func (p *Projection) judge(b *projections.Batch, s *series, i int) {
	one := &s.list[i]
	who, subjects := p.speakers.At(one.by), []string{s.row.Holder, s.row.Account}
	ref := projections.Ref{Index: one.index, By: who.Speaker}
	doubled := i > 0 && s.row.Series == SeriesRows && s.list[i-1].date == one.date && s.list[i-1].sequence == one.sequence
	if doubled || one.doubled {
		b.Judge(ref, doubled, projections.Anomaly{
			Code: CodeStatementRowDoubled, Subjects: subjects,
			Message: "another event with a smaller event key says a row of this day and number; that one is followed",
		})
	}
	one.doubled = doubled
	expected, known := p.expect(s, i)
	broken := known && !doubled && expected != one.balance
	if broken || one.broken {
		b.Judge(ref, broken, projections.Anomaly{
			Code: CodeBalanceDiffers, Subjects: append(subjects, who.fund),
			Message:  "the balance does not follow from the one before and what moved between them",
			Expected: projections.Ptr(expected), Actual: projections.Ptr(one.balance), Currency: s.row.Currency,
		})
	}
	one.broken = broken
}

// before is the place that is followed to place i.
func (s *series) before(i int) *stated {
	for i--; i > 0 && s.list[i].doubled; i-- {
	}
	return &s.list[i]
}

// byBookings reports whether a balance is held against bookings: one of a day,
// or of a row that does not follow directly on the one before.
func (s *series) byBookings(i int) bool {
	return i > 0 && (s.row.Series == SeriesDays || !s.list[i].follows(s.before(i)))
}

// follows reports whether a row stands directly behind another: rows are
// numbered on, or from 1 in each day.
func (s *stated) follows(t *stated) bool {
	return s.sequence == t.sequence+1 || s.date > t.date && s.sequence == 1
}

// expect is the balance that follows from the one before. A row that follows
// directly and does not say what it moved, moved nothing.
func (p *Projection) expect(s *series, i int) (balance int64, known bool) {
	if i == 0 {
		return 0, false
	}
	before, one := s.before(i), &s.list[i]
	delta, known := one.delta, true
	if s.byBookings(i) {
		delta, known = p.between(s.bank, before.date, one.date)
		known = known && s.booked
	}
	sum, err := money.Amount(before.balance).Add(money.Amount(delta))
	return int64(sum), known && err == nil
}
