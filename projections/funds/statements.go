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

// series is one account's stated balances in order. It is compact: there may
// be one for every row of a bank's statement.
type series struct {
	row  Statement // names only
	bank string    // key of the bookings on the account
	list []stated
	from int // first place to follow again
	// rebooked is set when bookings on the account changed: places that are
	// judged by them are judged again.
	rebooked bool
	// breaks counts the broken ones of list.
	breaks int64
	// booked is whether anything was booked on the account when it was
	// followed last: only then are balances of days judged.
	booked bool
}

type stated struct {
	sequence int64
	balance  int64
	delta    int64
	index    uint64
	date     int32 // 20060102
	by       int32 // who said it, a place in speakers
	broken   bool  // reported
}

// speakers are the few combinations of who says what where.
type speakers struct {
	list  []speaker
	place map[speaker]int32
}

type speaker struct{ agency, eventType, jurisdiction string }

func (s *speakers) of(e *projections.Entry) int32 {
	who := speaker{e.Agency, e.Type(), e.Jurisdiction()}
	at, ok := s.place[who]
	if !ok {
		at = int32(len(s.list))
		s.list = append(s.list, who)
		s.place[who] = at
	}
	return at
}

func (s *stated) compare(t *stated) int {
	return cmp.Or(cmp.Compare(s.date, t.date), cmp.Compare(s.sequence, t.sequence), cmp.Compare(s.index, t.index))
}

// dayNet is what donations and spending moved on a bank account, by day.
type dayNet []dayMove

type dayMove struct {
	date  int32
	net   int64
	count int64
}

func dayNumber(date string) int32 {
	n := int32(0)
	for _, c := range []byte(date) {
		if c >= '0' && c <= '9' && n < 100_000_000 {
			n = n*10 + int32(c-'0')
		}
	}
	return n
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
func (p *Projection) stated(c *change, d *catalogue.BalanceStated) {
	one := stated{balance: d.Balance, index: c.entry.Index, date: dayNumber(d.StatedAt), by: p.speakers.of(c.entry)}
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
	key := projections.Key(d.Holder.Key(), d.Account, d.Currency, kind)
	s := p.series[key]
	if !c.applies() {
		if s.remove(c, one); len(s.list) == 0 {
			delete(p.series, key)
		}
		p.dirtySeries.Add(key)
		return
	}
	if s == nil {
		s = newSeries(d, kind)
		p.series[key] = s
	}
	at, _ := slices.BinarySearchFunc(s.list, one, func(a, b stated) int { return a.compare(&b) })
	if kind == SeriesRows && s.holds(at, one) {
		c.skip(CodeStatementRowDoubled, "a row with this number was said already; the second is not followed", d.Holder.Key(), d.Account)
		return
	}
	s.list = slices.Insert(s.list, at, one)
	s.from = min(s.from, at)
	p.dirtySeries.Add(key)
}

func newSeries(d *catalogue.BalanceStated, kind string) *series {
	return &series{
		row: Statement{
			Holder: d.Holder.Key(), HolderName: d.Holder.Name, Account: d.Account,
			Currency: d.Currency, Series: kind, Fund: d.Fund,
		},
		bank: projections.Key(d.Holder.Key(), d.Account, d.Currency),
	}
}

// holds reports whether a row of that day and number stands beside place at.
func (s *series) holds(at int, one stated) bool {
	same := func(t stated) bool { return t.date == one.date && t.sequence == one.sequence }
	return at < len(s.list) && same(s.list[at]) || at > 0 && same(s.list[at-1])
}

func (s *series) remove(c *change, one stated) {
	at, ok := slices.BinarySearchFunc(s.list, one, func(a, b stated) int { return a.compare(&b) })
	if !ok {
		return
	}
	if s.list[at].broken {
		s.breaks--
		c.Withdraw(one.index, CodeBalanceDiffers, "")
	}
	s.list = slices.Delete(s.list, at, at+1)
	s.from = min(s.from, at)
}

// onAccount notes a booking on a bank account and stages its sum.
func (p *Projection) onAccount(c *change, holder, account, currency, date string, amount int64) {
	if account == "" {
		return
	}
	bank := projections.Key(holder, account, currency)
	days, day := p.moves[bank], dayNumber(date)
	at, ok := slices.BinarySearchFunc(days, day, func(m dayMove, day int32) int { return cmp.Compare(m.date, day) })
	if !ok {
		days = slices.Insert(days, at, dayMove{date: day})
		p.moves[bank] = days
	}
	c.sums.Add(&days[at].net, c.sign*amount)
	c.sums.Add(&days[at].count, c.sign)
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
		if err != nil {
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
	first, last := s.list[0], s.list[len(s.list)-1]
	row := s.row
	row.Rows, row.Breaks = int64(len(s.list)), s.breaks
	row.From, row.To = dayText(first.date), dayText(last.date)
	row.Opening, row.Balance, row.LastIndex = first.balance, last.balance, last.index
	p.statements.Put(&row)
}

func (p *Projection) judge(b *projections.Batch, s *series, i int) {
	one := &s.list[i]
	expected, known := one.balance, false
	if i > 0 {
		expected, known = p.expect(s, i)
	}
	broken := known && expected != one.balance
	if broken != one.broken {
		one.broken = broken
		if broken {
			s.breaks++
		} else {
			s.breaks--
			b.Withdraw(one.index, CodeBalanceDiffers, "")
		}
	}
	if !broken {
		return
	}
	who := p.speakers.list[one.by]
	b.Put(projections.Anomaly{
		Index: one.index, Code: CodeBalanceDiffers, Type: who.eventType, Agency: who.agency, Jurisdiction: who.jurisdiction,
		Subjects: []string{s.row.Holder, s.row.Account, s.row.Fund},
		Message:  "the balance does not follow from the one before and what moved between them",
		Expected: projections.Ptr(expected), Actual: projections.Ptr(one.balance), Currency: s.row.Currency,
	})
}

// byBookings reports whether a balance is held against bookings: one of a day,
// or of a row that does not follow directly on the one before.
func (s *series) byBookings(i int) bool {
	return i > 0 && (s.row.Series == SeriesDays || !s.list[i].follows(&s.list[i-1]))
}

// follows reports whether a row stands directly behind another: rows are
// numbered on, or from 1 in each day.
func (s *stated) follows(t *stated) bool {
	return s.sequence == t.sequence+1 || s.date > t.date && s.sequence == 1
}

// expect is the balance that follows from the one before. A row that follows
// directly and does not say what it moved, moved nothing.
func (p *Projection) expect(s *series, i int) (balance int64, known bool) {
	before, one := &s.list[i-1], &s.list[i]
	delta, known := one.delta, true
	if s.byBookings(i) {
		delta, known = p.between(s.bank, before.date, one.date)
		known = known && s.booked
	}
	sum, err := money.Amount(before.balance).Add(money.Amount(delta))
	return int64(sum), known && err == nil
}
