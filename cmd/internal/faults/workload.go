package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/ledger/keys"
	"civicledger/ledger/roster"
	"civicledger/ledger/suite"
)

const (
	origin = "ledger.example.org/faults"
	zone   = "Asia/Shanghai"
)

// people is who may say what, as far as the workload needs it.
type people struct {
	enrolled map[string]bool // agencies
	revoked  map[string]bool // key ids
	closed   string          // last closed day
}

// effect is what a system entry does once it is recorded.
type effect struct {
	enrols  string
	revokes string
	closes  string
}

func (e effect) apply(p *people) {
	if p.enrolled == nil {
		p.enrolled, p.revoked = map[string]bool{}, map[string]bool{}
	}
	if e.enrols != "" {
		p.enrolled[e.enrols] = true
	}
	if e.revokes != "" {
		p.revoked[e.revokes] = true
	}
	if e.closes != "" {
		p.closed = e.closes
	}
}

// expectation is what the ledger must answer: a receipt, or a refusal with a
// code.
type expectation struct{ code string }

// agency is a synthetic agency. Its key is made from its number and the seed.
type agency struct {
	name   string
	key    *keys.Key
	caller int
	events int // said so far
}

// workload makes submissions from a seed.
type workload struct {
	rng      *rand.Rand
	dir      string // for key files
	seed     uint64
	model    *model
	operator *keys.Key
	agencies []*agency
	clock    *clock
}

// madeKey makes the same private key from the same name and seed, by way of a
// key file: there is no other way into package keys.
func madeKey(dir, name string, seed uint64) (*keys.Key, error) {
	sum := suite.Default().Sum(fmt.Appendf(nil, "%s %d", name, seed))
	public := ed25519.NewKeyFromSeed(sum[:]).Public().(ed25519.PublicKey)
	b64 := base64.StdEncoding
	text := fmt.Sprintf("civicledger private key v1 %s %s %s\n", suite.SHA256Ed25519, b64.EncodeToString(public), b64.EncodeToString(sum[:]))
	path := filepath.Join(dir, name+".key")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return keys.Load(path)
}

// newAgency makes an agency that is not enrolled yet.
func (w *workload) newAgency() (*agency, error) {
	n := len(w.agencies)
	name := fmt.Sprintf("agency-%d", n)
	key, err := madeKey(w.dir, name, w.seed)
	if err != nil {
		return nil, err
	}
	a := &agency{name: name, key: key, caller: 1 + n%4}
	w.agencies = append(w.agencies, a)
	return a, nil
}

// system is a submission of the operator.
func (w *workload) system(eventType, id string, data any, e effect) (*said, error) {
	line, err := roster.Line(origin, eventType, id, w.clock.now(), data)
	if err != nil {
		return nil, err
	}
	return w.sign(w.operator, chain.Operator, 0, [][]byte{line}, [][]string{{ledger.SystemSubject}}, e)
}

func (w *workload) sign(key *keys.Key, name string, caller int, lines [][]byte, subjects [][]string, e effect) (*said, error) {
	sub, err := key.SignSubmission(origin, name, lines)
	if err != nil {
		return nil, err
	}
	eventKeys, _, err := sub.EventKeys(suite.Default())
	if err != nil {
		return nil, err
	}
	return &said{sub: sub, caller: caller, keys: eventKeys, subjects: subjects, effect: e}, nil
}

// enrol makes an agency and its enrolment.
func (w *workload) enrol() (*said, error) {
	a, err := w.newAgency()
	if err != nil {
		return nil, err
	}
	proof, err := a.key.ProveEnrolment(origin, a.name)
	if err != nil {
		return nil, err
	}
	return w.system(roster.AgencyEnrolled, "enrol-"+a.name, roster.Enrolled{
		Agency: a.name, Name: a.name, Types: []string{"subsidy.*"}, Jurisdictions: []string{"110000"},
		Source: "urn:example:" + a.name, Key: a.key.Public(), Proof: proof,
	}, effect{enrols: a.name})
}

// revoke takes an agency's key away.
func (w *workload) revoke(a *agency) (*said, error) {
	return w.system(roster.AgencyKeyRevoked, "revoke-"+a.name, roster.KeyRevoked{
		Agency: a.name, KeyID: a.key.ID(), Reason: "synthetic",
	}, effect{revokes: a.key.ID()})
}

// closeDay moves the clock behind the next day that is open, and closes it.
func (w *workload) closeDay() (*said, error) {
	at, err := time.LoadLocation(zone)
	if err != nil {
		return nil, err
	}
	day := w.clock.start.In(at)
	if w.model.people.closed != "" {
		last, err := time.ParseInLocation(time.DateOnly, w.model.people.closed, at)
		if err != nil {
			return nil, err
		}
		day = last.AddDate(0, 0, 1)
	}
	text := day.Format(time.DateOnly)
	start, err := time.ParseInLocation(time.DateOnly, text, at)
	if err != nil {
		return nil, err
	}
	w.clock.reach(start.AddDate(0, 0, 1).Add(time.Minute))
	return w.system(roster.DayClosed, "day-"+text, roster.Closed{Day: text}, effect{closes: text})
}

// line is an event of an agency that names subjects.
func (w *workload) line(a *agency, id, jurisdiction string, amount int) (line []byte, subjects []string) {
	for range w.rng.IntN(3) {
		s := fmt.Sprintf("st1.e1.%026d", w.rng.IntN(12))
		if !slices.Contains(subjects, s) {
			subjects = append(subjects, s)
		}
	}
	quoted := make([]string, len(subjects))
	for i, s := range subjects {
		quoted[i] = `"` + s + `"`
	}
	padding := ""
	if w.rng.IntN(12) == 0 {
		padding = strings.Repeat("x", w.rng.IntN(3000))
	}
	return fmt.Appendf(nil, `{"specversion":"1.0","id":%q,"source":"urn:example:%s","type":"subsidy.paid.v1","time":"2026-03-01T00:00:00Z","jurisdiction":%q,"data":{"amount":%d,"to":[%s],"text":%q}}`,
		id, a.name, jurisdiction, amount, strings.Join(quoted, ","), padding), subjects
}

// fresh is a submission of new events.
func (w *workload) fresh(a *agency) (*said, error) {
	n := 1 + w.rng.IntN(4)
	if w.rng.IntN(10) == 0 {
		n = 1 + w.rng.IntN(80)
	}
	return w.events(a, n, "110108")
}

func (w *workload) events(a *agency, n int, jurisdiction string) (*said, error) {
	var lines [][]byte
	var subjects [][]string
	for range n {
		a.events++
		line, named := w.line(a, fmt.Sprintf("e-%d", a.events), jurisdiction, w.rng.IntN(1_000_000))
		lines, subjects = append(lines, line), append(subjects, named)
	}
	return w.sign(a.key, a.name, a.caller, lines, subjects, effect{})
}

// bad makes a submission that must be refused, and with which code; nil if
// there is nothing yet to make it of.
func (w *workload) bad(a *agency) (*said, expectation, error) {
	old := w.earlier(a)
	switch kind := w.rng.IntN(6); {
	case kind == 0:
		s, err := w.events(a, 1, "310000")
		return s, expectation{roster.CodeNotGranted}, err
	case kind == 1:
		s, err := w.events(a, 1, "110108")
		if err == nil {
			s.sub.Signature = slices.Clone(s.sub.Signature)
			s.sub.Signature[w.rng.IntN(64)] ^= 1
		}
		return s, expectation{roster.CodeSignature}, err
	case kind == 2:
		s, err := w.events(a, 2, "110108")
		if err != nil {
			return nil, expectation{}, err
		}
		lines, subjects := append(s.sub.Lines, s.sub.Lines[0]), append(s.subjects, s.subjects[0])
		s, err = w.sign(a.key, a.name, a.caller, lines, subjects, effect{})
		return s, expectation{ledger.CodeTwice}, err
	case old == nil:
		return nil, expectation{}, nil
	case kind == 3: // a part of it is on the log
		s, err := w.events(a, 1+w.rng.IntN(3), "110108")
		if err != nil {
			return nil, expectation{}, err
		}
		i := w.rng.IntN(len(old.keys))
		lines := append([][]byte{old.sub.Lines[i]}, s.sub.Lines...)
		subjects := append([][]string{old.subjects[i]}, s.subjects...)
		s, err = w.sign(a.key, a.name, a.caller, lines, subjects, effect{})
		return s, expectation{ledger.CodeRecorded}, err
	default: // the same id with other bytes
		e, err := chain.ReadEnvelope(old.sub.Lines[0])
		if err != nil {
			return nil, expectation{}, err
		}
		line, subjects := w.line(a, e.ID, "110108", -1)
		s, err := w.sign(a.key, a.name, a.caller, [][]byte{line}, [][]string{subjects}, effect{})
		return s, expectation{ledger.CodeConflict}, err
	}
}

// earlier is something that an agency has on the log.
func (w *workload) earlier(a *agency) *said {
	var own []*said
	for _, s := range w.model.onLog() {
		if s.sub.Agency == a.name {
			own = append(own, s)
		}
	}
	if len(own) == 0 {
		return nil
	}
	return own[w.rng.IntN(len(own))]
}

// active is an enrolled agency, whose key may have been revoked.
func (w *workload) active() *agency {
	var list []*agency
	for _, a := range w.agencies {
		if w.model.people.enrolled[a.name] {
			list = append(list, a)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list[w.rng.IntN(len(list))]
}

// next makes a submission and says what the ledger must answer.
func (w *workload) next() (*said, expectation, error) {
	a := w.active()
	switch {
	case a == nil || w.rng.IntN(25) == 0 && len(w.agencies) < 12:
		s, err := w.enrol()
		return s, w.expect(s, expectation{}), err
	case w.rng.IntN(30) == 0:
		s, err := w.closeDay()
		return s, w.expect(s, expectation{}), err
	case w.rng.IntN(40) == 0 && !w.model.people.revoked[a.key.ID()]:
		s, err := w.revoke(a)
		return s, w.expect(s, expectation{}), err
	}
	return w.nextOf(a)
}

// nextOf makes a submission of an enrolled agency.
func (w *workload) nextOf(a *agency) (*said, expectation, error) {
	if s := w.earlier(a); s != nil && w.rng.IntN(8) == 0 {
		return s, expectation{}, nil // said again: the same place
	}
	if list := w.model.open(); len(list) > 0 && w.rng.IntN(3) > 0 {
		return list[0], w.expect(list[0], expectation{}), nil
	}
	if w.rng.IntN(6) == 0 {
		s, want, err := w.bad(a)
		if s != nil {
			switch want.code {
			case ledger.CodeTwice, roster.CodeSignature, roster.CodeNotGranted:
				s.never = want.code
			}
		}
		if s != nil || err != nil {
			return s, w.expect(s, want), err
		}
	}
	s, err := w.fresh(a)
	return s, w.expect(s, expectation{}), err
}

// expect corrects an expectation by what comes before it in the ledger's
// judgement: form and signature, then what is on the log, then rights.
func (w *workload) expect(s *said, want expectation) expectation {
	if s == nil {
		return want
	}
	if want.code == "" {
		want.code = s.never
	}
	if want.code == ledger.CodeTwice || want.code == roster.CodeSignature {
		return want
	}
	if s.state == accepted || s.state == present {
		return expectation{}
	}
	for i, k := range s.keys {
		owner := w.model.owner[k]
		switch {
		case owner == nil:
		case slices.Equal(owner.sub.Lines[w.model.at[k]-owner.first], s.sub.Lines[i]):
			return expectation{ledger.CodeRecorded}
		default:
			return expectation{ledger.CodeConflict}
		}
	}
	if w.model.people.revoked[s.sub.KeyID] {
		return expectation{roster.CodeKeyRevoked}
	}
	return want
}

// clock is the machine's, moved by hand: it goes on by a millisecond whenever it
// is looked at.
type clock struct {
	start time.Time
	mu    sync.Mutex
	since time.Duration
}

func newClock() *clock {
	return &clock{start: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)}
}

// read is the ledger's clock.
func (c *clock) read() (wall time.Time, monotonic time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.since += time.Millisecond
	return c.start.Add(c.since), c.since
}

func (c *clock) now() time.Time {
	wall, _ := c.read()
	return wall
}

// reach moves the clock to a time, if it is later.
func (c *clock) reach(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.since = max(c.since, t.Sub(c.start))
}
