package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/ledger/suite"
	"civicledger/ledger/verify/verdict"
)

// outcome is what is known of a submission that was sent.
type outcome int

const (
	unknown  outcome = iota // an error that says nothing: it may be on the log or not
	accepted                // it has a receipt
	present                 // outcome unknown, found on the log
	absent                  // certainly not on the log: ErrNoSpace, or not found after a restart
	refused
)

// said is a submission that was sent, and what it does when it is recorded.
type said struct {
	sub      *chain.Submission
	caller   int
	order    int // of the sending, over all callers
	keys     []chain.EventKey
	subjects [][]string // of each line
	effect   effect
	never    string // the code with which it is refused whenever it is sent; "" for none
	state    outcome
	first    uint64
	recorded int64
	receipt  *chain.Receipt
}

// model is what must be so, whatever happened.
type model struct {
	suite    *suite.Suite
	origin   string
	verifier note.Verifier
	vkey     string

	sent    map[chain.Hash]*said // by digest; refused ones are kept apart
	refused map[chain.Hash]bool  // must not be on the log unless also in sent
	orders  int

	entries  [][]byte // the log as it was last read whole
	leaves   []chain.Hash
	size     uint64 // of the log as far as is known
	at       map[chain.EventKey]uint64
	owner    map[chain.EventKey]*said
	subjects map[string][]uint64
	people   people // who may say what, after all entries
	known    *verdict.Signed
}

func newModel(origin, vkey string, verifier note.Verifier) *model {
	return &model{
		suite: suite.Default(), origin: origin, vkey: vkey, verifier: verifier,
		sent: map[chain.Hash]*said{}, refused: map[chain.Hash]bool{},
		at: map[chain.EventKey]uint64{}, owner: map[chain.EventKey]*said{}, subjects: map[string][]uint64{},
	}
}

func (m *model) digest(sub *chain.Submission) chain.Hash { return sub.Digest(m.suite, m.origin) }

// send notes a submission before it is given to the ledger; sent again, it is
// the same one.
func (m *model) send(s *said) *said {
	d := m.digest(s.sub)
	m.orders++
	if old := m.sent[d]; old != nil {
		if old.state == absent { // while it is on its way, the first sending counts
			old.order, old.caller, old.state = m.orders, s.caller, unknown
		}
		return old
	}
	s.order, s.state = m.orders, unknown
	m.sent[d] = s
	return s
}

// take notes what became of a submission, and says what is wrong with it.
func (m *model) take(s *said, want expectation, r *chain.Receipt, err error) error {
	var no *ledger.Refused
	switch {
	case err == nil:
		return m.receipt(s, want, r)
	case errors.As(err, &no):
		return m.refusal(s, want, no)
	case errors.Is(err, ledger.ErrNoSpace):
		if s.state == unknown {
			s.state = absent
		}
	}
	return nil
}

// receipt checks a receipt offline and against what is known.
func (m *model) receipt(s *said, want expectation, r *chain.Receipt) error {
	if err := r.Verify(s.sub.Lines, m.verifier); err != nil {
		return fmt.Errorf("the receipt of a submission at %d does not hold: %w", r.First, err)
	}
	if s.state == accepted || s.state == present {
		if r.First != s.first || r.Recorded != s.recorded {
			return fmt.Errorf("recorded at %d, now a receipt for %d", s.first, r.First)
		}
		s.state = accepted
		return nil
	}
	if want.code != "" {
		return fmt.Errorf("a submission that must be refused (%s) has a receipt for %d", want.code, r.First)
	}
	if r.First != m.size {
		return fmt.Errorf("a new submission has a receipt for %d, the log ended at %d", r.First, m.size)
	}
	s.state, s.first, s.recorded, s.receipt = accepted, r.First, r.Recorded, r
	m.record(s)
	return nil
}

// record adds a submission to what must be on the log.
func (m *model) record(s *said) {
	for i, k := range s.keys {
		index := s.first + uint64(i)
		m.at[k], m.owner[k] = index, s
		for _, subject := range s.subjects[i] {
			m.subjects[subject] = append(m.subjects[subject], index)
		}
	}
	m.size = s.first + uint64(len(s.keys))
	s.effect.apply(&m.people)
}

func (m *model) refusal(s *said, want expectation, no *ledger.Refused) error {
	if s.state == accepted || s.state == present {
		return fmt.Errorf("a submission that is on the log at %d is refused: %w", s.first, no)
	}
	code := no.Problems[0].Code
	if want.code == "" || code != want.code {
		return fmt.Errorf("refused with %q, want %q: %w", code, want.code, no)
	}
	for _, p := range no.Problems {
		if p.Index == nil {
			continue
		}
		if at, ok := m.at[s.keys[p.Line-1]]; !ok || at != *p.Index {
			return fmt.Errorf("line %d is said to stand at %d, it stands at %d", p.Line, *p.Index, at)
		}
	}
	d := m.digest(s.sub)
	delete(m.sent, d)
	m.refused[d] = true
	s.state = refused
	return nil
}

// readLog reads the whole log, holds it against all that was said, and takes
// over what was found of unknown outcome.
func (m *model) readLog(l *ledger.Ledger) error {
	var entries [][]byte
	var leaves []chain.Hash
	var order []*said
	prev := chain.Hash{}
	for c, err := range l.Commits(0) {
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		if c.Prev.Size != uint64(len(entries)) || c.Prev.Last != prev {
			return fmt.Errorf("the commit at %d does not extend the %d entries before it", c.Prev.Size, len(entries))
		}
		for i := 0; i < len(c.Entries); {
			s, err := m.submissionAt(c, i, prev)
			if err != nil {
				return fmt.Errorf("entry %d: %w", len(entries), err)
			}
			for range s.keys {
				e := bytes.Clone(c.Entries[i])
				prev = m.suite.Leaf(e)
				entries, leaves = append(entries, e), append(leaves, prev)
				i++
			}
			order = append(order, s)
		}
	}
	for i, e := range m.entries {
		if i >= len(entries) || !bytes.Equal(e, entries[i]) {
			return fmt.Errorf("entry %d is not what it was", i)
		}
	}
	if head := l.Head(); head.Size != uint64(len(entries)) || head.Last != prev {
		return fmt.Errorf("head %d, %d entries", head.Size, len(entries))
	}
	if err := m.accept(order); err != nil {
		return err
	}
	m.entries, m.leaves = entries, leaves
	return nil
}

// submissionAt finds what was sent in the entries of a commit from i on, and
// checks every byte of it.
func (m *model) submissionAt(c *ledger.Commit, i int, prev chain.Hash) (*said, error) {
	h, line, err := chain.ParseEntry(c.Entries[i])
	if err != nil {
		return nil, err
	}
	if h.Position != 1 || i+h.Count > len(c.Entries) {
		return nil, fmt.Errorf("position %d of %d stands at %d of a commit of %d", h.Position, h.Count, i, len(c.Entries))
	}
	sub := &chain.Submission{Agency: h.Agency, KeyID: h.KeyID, Signature: h.Signature, Lines: [][]byte{line}}
	for n := 1; n < h.Count; n++ {
		_, line, err := chain.ParseEntry(c.Entries[i+n])
		if err != nil {
			return nil, err
		}
		sub.Lines = append(sub.Lines, line)
	}
	s := m.sent[m.digest(sub)]
	if s == nil {
		return nil, fmt.Errorf("nobody sent this, or it was refused: %.200s", line)
	}
	n := i
	var wrong error
	s.sub.Seal(m.suite, c.Prev.Size+uint64(i), prev, c.Recorded, s.keys, func(entry []byte, _ chain.Hash) {
		if !bytes.Equal(entry, c.Entries[n]) {
			wrong = fmt.Errorf("its bytes are not those of what was sent: %.200q", c.Entries[n])
		}
		n++
	})
	if wrong != nil {
		return nil, wrong
	}
	first := c.Prev.Size + uint64(i)
	if s.state == accepted && (s.first != first || s.recorded != c.Recorded) {
		return nil, fmt.Errorf("its receipt says %d", s.first)
	}
	if s.state == absent || s.state == refused {
		return nil, errors.New("the sender was told that it is not recorded")
	}
	s.first, s.recorded = first, c.Recorded
	return s, nil
}

// accept holds the submissions on the log against those that must be there, and
// each caller's against the order in which he sent them.
func (m *model) accept(order []*said) error {
	found := map[*said]bool{}
	last := map[int]int{}
	for _, s := range order {
		if found[s] {
			return fmt.Errorf("a submission stands twice, again at %d", s.first)
		}
		found[s] = true
		if s.order < last[s.caller] {
			return fmt.Errorf("caller %d: what was sent earlier stands later, at %d", s.caller, s.first)
		}
		last[s.caller] = s.order
	}
	for _, s := range m.sent {
		switch {
		case found[s]:
		case s.state == accepted || s.state == present:
			return fmt.Errorf("acknowledged at %d, and not on the log", s.first)
		case s.order < last[s.caller] && s.state == unknown:
			return fmt.Errorf("caller %d: a submission is not on the log, what was sent after it is", s.caller)
		default:
			s.state = absent
		}
	}
	m.at, m.owner, m.subjects = map[chain.EventKey]uint64{}, map[chain.EventKey]*said{}, map[string][]uint64{}
	m.people, m.size = people{}, 0
	for _, s := range order {
		if s.state != accepted {
			s.state = present
		}
		if s.first != m.size {
			return fmt.Errorf("%d entries, and then one at %d", m.size, s.first)
		}
		m.record(s)
	}
	return nil
}

// open returns what was sent, is not on the log and may be sent again, oldest
// first.
func (m *model) open() []*said {
	var list []*said
	for _, s := range m.sent {
		if s.state == absent || s.state == unknown {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b *said) int { return a.order - b.order })
	return list
}

// unsure says whether the outcome of something is unknown.
func (m *model) unsure() bool {
	for _, s := range m.sent {
		if s.state == unknown {
			return true
		}
	}
	return false
}

// onLog returns what is on the log, in order.
func (m *model) onLog() []*said {
	var list []*said
	for _, s := range m.sent {
		if s.state == accepted || s.state == present {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b *said) int { return int(int64(a.first) - int64(b.first)) })
	return list
}
