package tiles_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/ledger/keys"
	"civicledger/ledger/ledgertest"
	"civicledger/ledger/roster"
	"civicledger/ledger/suite"
)

const origin = "ledger.example.org/test"

// rig is a ledger with the agency haidian on it.
type rig struct {
	testing.TB
	*ledger.Ledger
	store  ledger.Store
	vkey   string
	agency *keys.Key
	pad    string // makes every event longer
}

// newLedger opens a ledger over memory with an agency and size entries, two at
// least.
func newLedger(t testing.TB, size int) (*ledger.Ledger, string) {
	t.Helper()
	r := newRig(t, memory(), memoryIndex())
	r.grow(size, 700)
	return r.Ledger, r.vkey
}

// newRig opens a ledger over an empty store and index: two entries.
func newRig(t testing.TB, store ledger.Store, index ledger.Index) *rig {
	t.Helper()
	log, err := keys.CreateLog(t.TempDir()+"/log.key", origin)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{TB: t, store: store, vkey: log.VerifierKey(), agency: mustKey(t)}
	operator := mustKey(t)
	cfg := ledger.Config{Store: store, Index: index, Signer: log, VerifierKey: r.vkey}
	genesis := mustSay(t, operator, roster.LedgerOpened, roster.Opened{
		Origin: origin, Suite: suite.SHA256Ed25519, LogKey: r.vkey, OperatorKey: operator.Public(), Timezone: "Asia/Shanghai",
	})
	if err := ledger.Create(cfg, genesis); err != nil {
		t.Fatal(err)
	}
	if r.Ledger, err = ledger.Open(context.Background(), cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	proof, err := r.agency.ProveEnrolment(origin, "haidian")
	if err != nil {
		t.Fatal(err)
	}
	mustSubmit(t, r.Ledger, mustSay(t, operator, roster.AgencyEnrolled, roster.Enrolled{
		Agency: "haidian", Name: "haidian", Types: []string{"fund.*"}, Jurisdictions: []string{"110108"},
		Source: "urn:haidian", Key: r.agency.Public(), Proof: proof,
	}))
	return r
}

// grow records events until the log has size entries, each commit of at most
// so many.
func (r *rig) grow(size, each int) {
	r.Helper()
	for n := int(r.Head().Size); n < size; {
		var lines [][]byte
		for ; n < size && len(lines) < each; n++ {
			lines = append(lines, fmt.Appendf(nil, `{"id":"%d","source":"urn:haidian","type":"fund.opened.v1","jurisdiction":"110108","data":"%s"}`, n, r.pad))
		}
		sub, err := r.agency.SignSubmission(origin, "haidian", lines)
		if err != nil {
			r.Fatal(err)
		}
		mustSubmit(r, r.Ledger, sub)
	}
}

func mustKey(t testing.TB) *keys.Key {
	t.Helper()
	k, err := keys.Generate(suite.Default())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func mustSay(t testing.TB, operator *keys.Key, eventType string, data any) *chain.Submission {
	t.Helper()
	line, err := roster.Line(origin, eventType, eventType, time.Now(), data)
	if err != nil {
		t.Fatal(err)
	}
	sub, err := operator.SignSubmission(origin, chain.Operator, [][]byte{line})
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

func mustSubmit(t testing.TB, l *ledger.Ledger, sub *chain.Submission) {
	t.Helper()
	wait, err := l.Submit(context.Background(), sub)
	if err == nil {
		_, err = wait(context.Background())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func memory() ledger.Store      { return ledgertest.NewMemory() }
func memoryIndex() ledger.Index { return ledgertest.NewMemoryIndex() }
