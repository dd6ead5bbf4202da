package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/ledger/keys"
	"civicledger/ledger/ledgertest"
	"civicledger/ledger/roster"
	"civicledger/ledger/suite"
)

const origin = "ledger.example.org/test"

var defaultSuite = suite.Default()

// rig is a ledger over memory, its keys and a clock that tests move.
type rig struct {
	t        testing.TB
	store    ledger.Store
	index    ledger.Index
	log      *keys.Log
	operator *keys.Key
	agency   *keys.Key
	ledger   *ledger.Ledger
	wall     time.Time
	mono     time.Duration
}

// newRig creates a ledger, opens it and enrols the agency "haidian".
func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, store: ledgertest.NewMemory(), index: ledgertest.NewMemoryIndex(), wall: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)}
	dir := t.TempDir()
	var err error
	if r.log, err = keys.CreateLog(dir+"/log.key", origin); err != nil {
		t.Fatal(err)
	}
	r.operator, r.agency = mustKey(t), mustKey(t)
	genesis := r.systemSubmission(roster.LedgerOpened, "opened", roster.Opened{
		Origin: origin, Suite: suite.SHA256Ed25519, LogKey: r.log.VerifierKey(),
		OperatorKey: r.operator.Public(), Timezone: "Asia/Shanghai",
	})
	if err := ledger.Create(r.config(), genesis); err != nil {
		t.Fatal(err)
	}
	r.open()
	r.mustSubmit(r.enrolment("haidian", r.agency, "enrol-1"))
	return r
}

func mustKey(t testing.TB) *keys.Key {
	t.Helper()
	k, err := keys.Generate(suite.Default())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (r *rig) config() ledger.Config {
	return ledger.Config{
		Store: r.store, Index: r.index, Signer: r.log, VerifierKey: r.log.VerifierKey(),
		Clock: func() (time.Time, time.Duration) { return r.wall, r.mono }, Audit: auditOfRigs,
	}
}

func (r *rig) open() {
	r.t.Helper()
	l, err := ledger.Open(context.Background(), r.config())
	if err != nil {
		r.t.Fatal(err)
	}
	r.ledger = l
	r.t.Cleanup(func() { l.Close() })
}

func (r *rig) systemSubmission(eventType, id string, data any) *chain.Submission {
	r.t.Helper()
	line, err := roster.Line(origin, eventType, id, r.wall, data)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.sign(r.operator, chain.Operator, line)
}

func (r *rig) enrolment(agency string, key *keys.Key, id string) *chain.Submission {
	proof, err := key.ProveEnrolment(origin, agency)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.systemSubmission(roster.AgencyEnrolled, id, roster.Enrolled{
		Agency: agency, Name: agency, Types: []string{"subsidy.*"}, Jurisdictions: []string{"110108"},
		Source: "urn:example:" + agency, Key: key.Public(), Proof: proof,
	})
}

func (r *rig) sign(key *keys.Key, agency string, lines ...[]byte) *chain.Submission {
	r.t.Helper()
	sub, err := key.SignSubmission(origin, agency, lines)
	if err != nil {
		r.t.Fatal(err)
	}
	return sub
}

// paid is a line that haidian may say.
func paid(id string, amount int) []byte {
	return fmt.Appendf(nil, `{"specversion":"1.0","id":%q,"source":"urn:example:haidian","type":"subsidy.paid.v1","time":"2026-03-01T00:00:00Z","jurisdiction":"110108","data":{"amount":%d,"beneficiary":"st1.e1.abcdefghijklmnopqrstuvwxyz"}}`, id, amount)
}

// says is a submission of haidian of one line per id.
func (r *rig) says(ids ...string) *chain.Submission {
	lines := make([][]byte, len(ids))
	for i, id := range ids {
		lines[i] = paid(id, 100)
	}
	return r.sign(r.agency, "haidian", lines...)
}

func (r *rig) submit(sub *chain.Submission) (*chain.Receipt, error) {
	wait, err := r.ledger.Submit(context.Background(), sub)
	if err != nil {
		return nil, err
	}
	return wait(context.Background())
}

func (r *rig) mustSubmit(sub *chain.Submission) *chain.Receipt {
	r.t.Helper()
	receipt, err := r.submit(sub)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := receipt.Verify(sub.Lines, r.verifier()); err != nil {
		r.t.Fatalf("the receipt does not hold: %v", err)
	}
	return receipt
}

func (r *rig) verifier() note.Verifier { return r.log.Verifier() }

// refusals returns the codes of a refusal.
func (r *rig) refusals(err error) []string {
	r.t.Helper()
	var refused *ledger.Refused
	if !errors.As(err, &refused) {
		r.t.Fatalf("want a refusal, got %v", err)
	}
	var codes []string
	refused.Each(func(_ int, code, _ string, _ *uint64) { codes = append(codes, code) })
	return codes
}

// checkLog re-reads the whole log and checks every invariant of it: places,
// links, root, event keys said once, submissions whole.
func (r *rig) checkLog() []chain.Header {
	r.t.Helper()
	s := suite.Default()
	var prev chain.Hash
	var headers []chain.Header
	var leaves []chain.Hash
	seen := map[chain.EventKey]uint64{}
	for c, err := range r.ledger.Commits(0) {
		if err != nil {
			r.t.Fatal(err)
		}
		for _, entry := range c.Entries {
			h, line, err := chain.ParseEntry(entry)
			if err != nil {
				r.t.Fatal(err)
			}
			e, err := chain.ReadEnvelope(line)
			if err != nil {
				r.t.Fatal(err)
			}
			if h.Index != uint64(len(headers)) || h.Prev != prev || h.EventKey != chain.KeyOf(s, h.Agency, e.Source, e.ID) {
				r.t.Fatalf("entry %d does not stand where it says", h.Index)
			}
			if n := len(headers); n > 0 && h.Recorded < headers[n-1].Recorded {
				r.t.Fatalf("entry %d was recorded before the one before it", h.Index)
			}
			if at, again := seen[h.EventKey]; again {
				r.t.Fatalf("entries %d and %d say the same event", at, h.Index)
			}
			seen[h.EventKey] = h.Index
			prev = s.Leaf(entry)
			headers, leaves = append(headers, h), append(leaves, prev)
		}
	}
	c, err := chain.OpenCheckpoint(r.ledger.Checkpoint(), r.verifier())
	if err != nil {
		r.t.Fatal(err)
	}
	if root := chain.NewTree(s).Grow(leaves).Tree.Root(); c.Size != uint64(len(leaves)) || c.Root != root {
		r.t.Fatalf("checkpoint of %d with root %x, the log has %d with root %x", c.Size, c.Root, len(leaves), root)
	}
	return headers
}
