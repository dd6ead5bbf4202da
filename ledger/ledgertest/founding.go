package ledgertest

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/ledger/keys"
	"civicledger/ledger/roster"
	"civicledger/ledger/suite"
)

// Founding is what a small ledger begins with: its keys, the genesis entry, and the
// enrolment of one agency, haidian, that may say everything everywhere.
type Founding struct {
	Log                *keys.Log
	Operator, Agency   *keys.Key
	Genesis, Enrolment *chain.Submission
}

// NewFounding makes keys, and with them what a ledger of that origin begins with.
func NewFounding(t testing.TB, origin string, at time.Time) *Founding {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	f := new(Founding)
	var err error
	f.Log, err = keys.CreateLog(filepath.Join(t.TempDir(), "log.key"), origin)
	must(err)
	f.Operator, err = keys.Generate(suite.Default())
	must(err)
	f.Agency, err = keys.Generate(suite.Default())
	must(err)
	say := func(eventType string, data any) *chain.Submission {
		line, err := roster.Line(origin, eventType, eventType, at, data)
		must(err)
		sub, err := f.Operator.SignSubmission(origin, chain.Operator, [][]byte{line})
		must(err)
		return sub
	}
	f.Genesis = say(roster.LedgerOpened, roster.Opened{
		Origin: origin, Suite: suite.SHA256Ed25519, LogKey: f.Log.VerifierKey(), OperatorKey: f.Operator.Public(), Timezone: "Asia/Shanghai",
	})
	proof, err := f.Agency.ProveEnrolment(origin, "haidian")
	must(err)
	f.Enrolment = say(roster.AgencyEnrolled, roster.Enrolled{
		Agency: "haidian", Name: "haidian", Types: []string{"*"}, Jurisdictions: []string{"*"}, Source: "urn:haidian", Key: f.Agency.Public(), Proof: proof,
	})
	return f
}

// Open creates the ledger in an empty store and index and opens it: two entries. It
// is closed when the test ends.
func (f *Founding) Open(t testing.TB, store ledger.Store, index ledger.Index) *ledger.Ledger {
	t.Helper()
	cfg := ledger.Config{Store: store, Index: index, Signer: f.Log, VerifierKey: f.Log.VerifierKey()}
	if err := ledger.Create(cfg, f.Genesis); err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	MustSubmit(t, l, f.Enrolment)
	return l
}

// MustSubmit records a submission and waits until it is durable.
func MustSubmit(t testing.TB, l *ledger.Ledger, sub *chain.Submission) {
	t.Helper()
	wait, err := l.Submit(context.Background(), sub)
	if err == nil {
		_, err = wait(context.Background())
	}
	if err != nil {
		t.Fatal(err)
	}
}
