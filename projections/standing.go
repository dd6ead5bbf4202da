package projections

import (
	"slices"

	"civicledger/events/catalogue"
)

// version is one word of an agency about a fact: the first, or a correction.
type version struct {
	Ref
	claim    string   // what only one event may say, "" for most
	subjects []string // the same in parts
	code     string   // marks what says it again
	fund     string   // what a correction waits for, "" for most
	currency string   // of the fund
}

// fact is what one agency says in one event and the corrections of it. Only
// facts that are corrected or that claim something are kept.
type fact struct {
	versions []version // in the agency's own order
	holds    int       // which counts, -1: none
	was      int       // which counted before this batch
	next     int       // versions from here on were turned down
	touched  bool
}

// fund is what is known of a fund by who moves its money.
type fund struct {
	now, was string // currency, "" while nobody opened it
	mentions mentions
}

// standing decides which entries count. It is a function of the entries and of
// each agency's own order, see DESIGN.md.
type standing struct {
	facts     map[uint64]*fact   // by index of each version
	claimants map[string][]*fact // by what they claim, in some version
	holder    map[string]*fact
	funds     map[string]*fund
	fresh     []*fact // not decided yet
	revised   []*fact // decided, and to be decided again
	touched   []*fact
	reopened  []string // funds that changed
}

func newStanding() *standing {
	return &standing{facts: map[uint64]*fact{}, claimants: map[string][]*fact{}, holder: map[string]*fact{}, funds: map[string]*fund{}}
}

func versionOf(e *Entry) version {
	v := version{Ref: e.Ref()}
	v.subjects, v.code = claimed(e.Data)
	if v.code != "" {
		v.claim = Key(append([]string{v.code}, v.subjects...)...)
	}
	v.fund, v.currency = money(e.Data)
	if d, ok := e.Data.(*catalogue.FundOpened); ok {
		v.currency = d.Currency
	}
	return v
}

// note takes an entry in; those from first on were not applied yet. Most need no
// more than a look at their type.
func (s *standing) note(e *Entry, first uint64) {
	if name, _ := money(e.Data); name != "" {
		s.fund(name).mentions.add(e.Index)
	}
	if e.Replaces == nil {
		if _, code := claimed(e.Data); code != "" {
			f := &fact{holds: -1, was: -1}
			s.add(f, e)
			s.fresh = append(s.fresh, f)
		}
		return
	}
	f := s.facts[e.Replaces.Index]
	if f == nil {
		f = &fact{holds: -1, was: -1}
		if e.Replaces.Data != nil {
			s.add(f, e.Replaces)
			if e.Replaces.Index < first {
				f.holds, f.was = 0, 0
			}
		}
	}
	s.add(f, e)
	s.revised = append(s.revised, f)
}

func (s *standing) fund(name string) *fund {
	f := s.funds[name]
	if f == nil {
		f = &fund{}
		s.funds[name] = f
	}
	return f
}

func (s *standing) add(f *fact, e *Entry) {
	v := versionOf(e)
	if v.claim != "" && !slices.ContainsFunc(f.versions, func(w version) bool { return w.claim == v.claim }) {
		s.claimants[v.claim] = append(s.claimants[v.claim], f)
	}
	f.versions = append(f.versions, v)
	s.facts[e.Index] = f
}

// stands reports whether an entry counts.
func (s *standing) stands(index uint64) bool {
	f := s.facts[index]
	return f == nil || f.holds >= 0 && f.versions[f.holds].Index == index
}

// met reports whether the fund stands in that currency.
func (s *standing) met(name, currency string, past bool) bool {
	if name == "" {
		return true
	}
	f := s.fund(name)
	if past {
		return f.was == currency
	}
	return f.now == currency
}

// decide settles what counts: first who opened the funds, then the rest, whose
// corrections need them.
func (s *standing) decide() {
	s.settle(func(f *fact) bool { return f.versions[0].code == CodeFundOpenedTwice })
	for _, f := range s.touched {
		for i := range f.versions {
			s.reopen(f.versions[i].subjects[0])
		}
	}
	s.settle(func(*fact) bool { return true })
}

// reopen brings a fund up to date with who holds it.
func (s *standing) reopen(name string) {
	f, currency := s.fund(name), ""
	if h := s.holder[Key(CodeFundOpenedTwice, name)]; h != nil {
		currency = h.versions[h.holds].currency
	}
	if f.now == currency {
		return
	}
	if f.now == f.was {
		s.reopened = append(s.reopened, name)
	}
	f.now = currency
	for _, index := range f.mentions {
		if g := s.facts[index]; g != nil {
			s.revised = append(s.revised, g)
		}
	}
}

// settle decides the undecided facts of a kind. Each fact asks for its latest
// word first and falls back to the one before; what is claimed takes the first
// in the order that counts. That is deferred acceptance (Gale and Shapley 1962),
// whose outcome does not depend on who asks first. A fact that got a new word
// may give up what it holds, so all that competes with it is decided afresh.
func (s *standing) settle(kind func(*fact) bool) {
	queue := s.take(&s.fresh, kind)
	seen := map[*fact]bool{}
	for _, f := range queue {
		seen[f], f.next = true, len(f.versions)
	}
	for _, f := range s.take(&s.revised, kind) {
		queue = s.release(f, seen, queue)
	}
	for len(queue) > 0 {
		f := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		if loser := s.ask(f); loser != nil {
			queue = append(queue, loser)
		}
	}
}

func (s *standing) take(from *[]*fact, kind func(*fact) bool) (taken []*fact) {
	var left []*fact
	for _, f := range *from {
		if kind(f) {
			taken = append(taken, f)
		} else {
			left = append(left, f)
		}
	}
	*from = left
	return taken
}

// release makes everything that competes with f ask again.
func (s *standing) release(f *fact, seen map[*fact]bool, queue []*fact) []*fact {
	if seen[f] {
		return queue
	}
	seen[f] = true
	component := []*fact{f}
	for i := 0; i < len(component); i++ {
		f := component[i]
		f.next = len(f.versions)
		for _, v := range f.versions {
			if v.claim == "" {
				continue
			}
			delete(s.holder, v.claim)
			for _, g := range s.claimants[v.claim] {
				if !seen[g] {
					seen[g] = true
					component = append(component, g)
				}
			}
		}
	}
	return append(queue, component...)
}

// ask gives f the latest word that it can have, and returns who lost it.
func (s *standing) ask(f *fact) (loser *fact) {
	if !f.touched {
		f.touched = true
		s.touched = append(s.touched, f)
	}
	for f.next > 0 {
		f.next--
		v := &f.versions[f.next]
		if f.next > 0 && !s.met(v.fund, v.currency, false) {
			continue
		}
		h := s.holder[v.claim]
		if v.claim != "" && h != nil && h != f && h.versions[h.holds].Compare(v.Ref) < 0 {
			continue
		}
		f.holds = f.next
		if v.claim == "" {
			return nil
		}
		s.holder[v.claim] = f
		if h == f {
			return nil
		}
		return h
	}
	f.holds = -1
	return nil
}

// forget ends a batch: what counts now is what counted before the next one.
func (s *standing) forget() {
	for _, f := range s.touched {
		f.was, f.touched = f.holds, false
	}
	for _, name := range s.reopened {
		s.funds[name].was = s.funds[name].now
	}
	s.touched, s.reopened = s.touched[:0], s.reopened[:0]
}
