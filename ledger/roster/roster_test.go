package roster_test

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/chain"
	"civicledger/ledger/keys"
	"civicledger/ledger/roster"
	"civicledger/ledger/suite"
)

const origin = "ledger.example.org/roster"

var noon = time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC) // 12:00 in Shanghai

// operator says system events one after the other and keeps the roster.
type operator struct {
	t      *testing.T
	key    *keys.Key
	vkey   string
	roster *roster.Roster
	index  uint64
	at     time.Time
}

func newOperator(t *testing.T) *operator {
	t.Helper()
	_, vkey, err := note.GenerateKey(nil, origin)
	if err != nil {
		t.Fatal(err)
	}
	o := &operator{t: t, key: mustKey(t), vkey: vkey, roster: roster.New(), at: noon}
	if refusal := o.say(o.genesis()); refusal != nil {
		t.Fatal(refusal)
	}
	return o
}

func mustKey(t *testing.T) *keys.Key {
	t.Helper()
	k, err := keys.Generate(suite.Default())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (o *operator) genesis() *chain.Submission {
	return o.sign(o.line(roster.LedgerOpened, roster.Opened{
		Origin: origin, Suite: suite.SHA256Ed25519, LogKey: o.vkey,
		OperatorKey: o.key.Public(), Timezone: "Asia/Shanghai",
	}))
}

func (o *operator) line(eventType string, data any) []byte {
	o.t.Helper()
	line, err := roster.Line(origin, eventType, fmt.Sprintf("id-%d", o.index), o.at, data)
	if err != nil {
		o.t.Fatal(err)
	}
	return line
}

func (o *operator) sign(lines ...[]byte) *chain.Submission {
	o.t.Helper()
	sub, err := o.key.SignSubmission(origin, chain.Operator, lines)
	if err != nil {
		o.t.Fatal(err)
	}
	return sub
}

func (o *operator) say(sub *chain.Submission) *roster.Refusal {
	next, refusal := o.roster.Judge(sub, nil, roster.At{Index: o.index, Recorded: o.at.UnixMilli()})
	if refusal == nil {
		o.roster = next
		o.index += uint64(len(sub.Lines))
	}
	return refusal
}

func (o *operator) enrolled(agency string, key *keys.Key, grant roster.Enrolled) []byte {
	o.t.Helper()
	proof, err := key.ProveEnrolment(origin, agency)
	if err != nil {
		o.t.Fatal(err)
	}
	grant.Agency, grant.Key, grant.Proof = agency, key.Public(), proof
	if grant.Name == "" {
		grant.Name = agency
	}
	if grant.Types == nil {
		grant.Types = []string{"*"}
	}
	if grant.Jurisdictions == nil {
		grant.Jurisdictions = []string{"110000"}
	}
	if grant.Source == "" {
		grant.Source = "urn:x:" + agency
	}
	return o.line(roster.AgencyEnrolled, grant)
}

func (o *operator) mustSay(lines ...[]byte) {
	o.t.Helper()
	if refusal := o.say(o.sign(lines...)); refusal != nil {
		o.t.Fatal(refusal)
	}
}

func (o *operator) mustRefuse(what string, lines ...[]byte) {
	o.t.Helper()
	before := o.roster
	if refusal := o.say(o.sign(lines...)); refusal == nil {
		o.t.Errorf("%s: accepted", what)
	}
	if o.roster != before {
		o.t.Errorf("%s: refused and folded", what)
	}
}

func TestRoster_Genesis_Attacks(t *testing.T) {
	o := newOperator(t)
	fresh := func() *operator { return &operator{t: t, key: o.key, vkey: o.vkey, roster: roster.New(), at: noon} }
	good := roster.Opened{Origin: origin, Suite: suite.SHA256Ed25519, LogKey: o.vkey, OperatorKey: o.key.Public(), Timezone: "Asia/Shanghai"}
	cases := map[string]func(f *operator, d roster.Opened) *chain.Submission{
		"another's key": func(f *operator, d roster.Opened) *chain.Submission {
			f.key = mustKey(t)
			return f.sign(f.line(roster.LedgerOpened, d))
		},
		"unknown suite": func(f *operator, d roster.Opened) *chain.Submission {
			d.Suite = "none"
			return f.sign(f.line(roster.LedgerOpened, d))
		},
		"other origin than its source": func(f *operator, d roster.Opened) *chain.Submission {
			d.Origin = "elsewhere"
			return f.sign(f.line(roster.LedgerOpened, d))
		},
		"unknown time zone": func(f *operator, d roster.Opened) *chain.Submission {
			d.Timezone = "Asia/Nowhere"
			return f.sign(f.line(roster.LedgerOpened, d))
		},
		"two lines": func(f *operator, d roster.Opened) *chain.Submission {
			return f.sign(f.line(roster.LedgerOpened, d), f.line(roster.DayClosed, roster.Closed{Day: "2026-03-01"}))
		},
		"another type": func(f *operator, _ roster.Opened) *chain.Submission {
			return f.sign(f.line(roster.DayClosed, roster.Closed{Day: "2026-03-01"}))
		},
		"said by an agency": func(f *operator, d roster.Opened) *chain.Submission {
			sub := f.sign(f.line(roster.LedgerOpened, d))
			sub.Agency = "haidian"
			return sub
		},
		"signature of other lines": func(f *operator, d roster.Opened) *chain.Submission {
			sub := f.sign(f.line(roster.LedgerOpened, d))
			d.Timezone = "UTC"
			sub.Lines = [][]byte{f.line(roster.LedgerOpened, d)}
			return sub
		},
	}
	for name, make := range cases {
		f := fresh()
		if f.say(make(f, good)) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if o.say(o.genesis()) == nil {
		t.Error("opened twice")
	}
}

func TestRoster_System_Attacks(t *testing.T) {
	o := newOperator(t)
	a, b := mustKey(t), mustKey(t)
	o.mustSay(o.enrolled("haidian", a, roster.Enrolled{}))
	key := func(agency string, k *keys.Key, prover *keys.Key, forAgency string) []byte {
		proof, err := prover.ProveEnrolment(origin, forAgency)
		if err != nil {
			t.Fatal(err)
		}
		return o.line(roster.AgencyKeyAdded, roster.KeyAdded{Agency: agency, Key: k.Public(), Proof: proof})
	}
	o.mustRefuse("a key that is another agency's", o.enrolled("chaoyang", a, roster.Enrolled{}))
	o.mustRefuse("the operator's own key", o.enrolled("chaoyang", o.key, roster.Enrolled{}))
	o.mustRefuse("enrolled again with another key", o.enrolled("haidian", b, roster.Enrolled{}))
	o.mustRefuse("the operator enrolled", o.enrolled(chain.Operator, b, roster.Enrolled{}))
	o.mustRefuse("a pattern in the middle", o.enrolled("chaoyang", b, roster.Enrolled{Types: []string{"sub*.paid"}}))
	o.mustRefuse("a pattern that cuts a word", o.enrolled("chaoyang", b, roster.Enrolled{Types: []string{"sub*"}}))
	o.mustRefuse("a proof by another key", key("haidian", b, a, "haidian"))
	o.mustRefuse("a proof for another agency", key("haidian", b, b, "chaoyang"))
	o.mustRefuse("a key for nobody", key("nobody", b, b, "nobody"))
	o.mustRefuse("a revocation of nothing", o.line(roster.AgencyKeyRevoked, roster.KeyRevoked{Agency: "haidian", KeyID: b.ID()}))
	o.mustRefuse("the operator's key revoked", o.line(roster.AgencyKeyRevoked, roster.KeyRevoked{Agency: chain.Operator, KeyID: o.key.ID()}))
	o.mustRefuse("an agency's type", o.line("subsidy.paid.v1", struct{}{}))
	o.mustRefuse("a log key of another origin", o.line(roster.LogKeyRotated, roster.LogRotated{LogKey: "other+1+AAAA"}))
	o.mustRefuse("a good line before a bad one", key("haidian", b, b, "haidian"), o.line("subsidy.paid.v1", struct{}{}))
	o.mustRefuse("an unknown member", o.line(roster.DayClosed, map[string]string{"day": "2026-03-01", "extra": "1"}))
	if _, ok := o.roster.Key("haidian", b.ID()); ok {
		t.Error("a refused submission left a key")
	}
	o.mustSay(key("haidian", b, b, "haidian"))
	o.mustRefuse("the same key again", key("haidian", b, b, "haidian"))
}

func TestRoster_OperatorRotation(t *testing.T) {
	o := newOperator(t)
	old, next := o.key, mustKey(t)
	proof, err := next.ProveEnrolment(origin, chain.Operator)
	if err != nil {
		t.Fatal(err)
	}
	rotation := o.line(roster.OperatorKeyRotated, roster.OperatorRotated{Key: next.Public(), Proof: proof})
	o.mustRefuse("a line of the old key behind the rotation", rotation, o.enrolled("haidian", mustKey(t), roster.Enrolled{}))
	o.mustSay(rotation)
	o.mustRefuse("the old key", o.enrolled("haidian", mustKey(t), roster.Enrolled{}))
	o.key = next
	o.mustSay(o.enrolled("haidian", mustKey(t), roster.Enrolled{}))
	if k, ok := o.roster.Key(chain.Operator, old.ID()); !ok || k.Revoked == nil || *k.Revoked != 1 {
		t.Errorf("old key %+v", k)
	}
}

func TestRoster_Regrant_CountsFromItsIndex(t *testing.T) {
	o := newOperator(t)
	a := mustKey(t)
	o.mustSay(o.enrolled("haidian", a, roster.Enrolled{Types: []string{"subsidy.*"}}))
	before := o.roster
	o.mustSay(o.enrolled("haidian", a, roster.Enrolled{Types: []string{"fund.*"}}))
	said := []chain.Envelope{{ID: "1", Source: "urn:x:haidian", Type: "subsidy.paid.v1", Jurisdiction: "110108"}}
	sub := &chain.Submission{Agency: "haidian", KeyID: a.ID()}
	if _, refusal := before.Judge(sub, said, roster.At{Index: 2}); refusal != nil {
		t.Errorf("before the change: %v", refusal)
	}
	if _, refusal := o.roster.Judge(sub, said, roster.At{Index: 3}); refusal == nil || refusal.Code != roster.CodeNotGranted {
		t.Errorf("after the change: %v", refusal)
	}
}

func TestRoster_Days(t *testing.T) {
	o := newOperator(t)
	closing := func(day string) []byte { return o.line(roster.DayClosed, roster.Closed{Day: day}) }
	midnight := time.Date(2026, 3, 1, 16, 0, 0, 0, time.UTC)
	o.at = midnight.Add(-time.Millisecond)
	o.mustRefuse("a day that is not over", closing("2026-03-01"))
	o.at = midnight
	o.mustRefuse("a day before the ledger", closing("2026-02-28"))
	o.mustSay(closing("2026-03-01"))
	o.at = midnight.AddDate(0, 0, 3)
	o.mustRefuse("a day skipped", closing("2026-03-03"))
	o.mustSay(closing("2026-03-02"), closing("2026-03-03"))
	if got := o.roster.LastClosed(); got != "2026-03-03" {
		t.Errorf("last closed %s", got)
	}
}

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		granted, code string
		want          bool
	}{
		{"*", "110108", true},
		{"110000", "110108", true},
		{"110100", "110108", true},
		{"110108", "110108", true},
		{"110108", "110108001", true},
		{"110108000000", "110108001002", true},
		{"110108001", "110108001002", true},
		{"110108001000", "110108001002", true},
		{"110108001", "110108002", false},
		{"110108", "110105", false},
		{"110108", "110000", false},
		{"110000", "120000", false},
		{"US", "US-GA", true},
		{"US-GA", "US-GA", true},
		{"US-GA", "US", false},
		{"US", "USA", false},
		{"110000", "", false},
		{"", "110000", false},
	} {
		if got := roster.Covers(c.granted, c.code); got != c.want {
			t.Errorf("Covers(%q, %q) = %t", c.granted, c.code, got)
		}
	}
}

func TestTypeCovers(t *testing.T) {
	for _, c := range []struct {
		pattern, eventType string
		want               bool
	}{
		{"*", "fund.opened.v1", true},
		{"fund.*", "fund.opened.v1", true},
		{"fund.*", "funds.opened.v1", false},
		{"fund.opened.v1", "fund.opened.v1", true},
		{"fund.opened.v1", "fund.opened.v2", false},
	} {
		if got := roster.TypeCovers(c.pattern, c.eventType); got != c.want {
			t.Errorf("TypeCovers(%q, %q) = %t", c.pattern, c.eventType, got)
		}
	}
}
