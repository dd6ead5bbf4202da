package bus

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"civicledger/ledger/chain"
)

// Whoever knows a digest is given the receipt again, also one who never sent
// anything; what is no digest, or of nothing recorded, is told so.
func TestClient_Receipt(t *testing.T) {
	s := mustServe(t, ServerConfig{})
	l := newFakeLedger(t)
	failing := errors.New("the disk is on fire")
	var fail bool
	startIntake(t, mustConnect(t, s), l, func(cfg *IntakeConfig) {
		cfg.Receipt = func(digest chain.Hash) (*chain.Receipt, error) {
			if fail {
				return nil, failing
			}
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.receipts[digest], nil
		}
	})
	sender, other := mustDial(t, s, ClientConfig{}), mustDial(t, s, ClientConfig{})
	sub := newTestSigner(t).sign(t, "alpha", testLine(1, ""), testLine(2, ""))
	first, err := sender.Submit(t.Context(), sub)
	if err != nil {
		t.Fatal(err)
	}
	again, err := other.Receipt(t.Context(), first.Submission)
	if err != nil || again.Verify(sub.Lines, other.verifier) != nil {
		t.Fatalf("again: %v", err)
	}
	if _, err := other.Receipt(t.Context(), chain.Hash{1}); !errors.Is(err, ErrNotRecorded) {
		t.Errorf("never recorded: %v", err)
	}
	msg, err := other.conn.nc.Request(ReceiptSubject, []byte(strings.Repeat("x", 5000)), 10*time.Second)
	if problem := msg.Header.Get(MetaProblem); err != nil || len(msg.Data) > 0 || len(problem) > 300 || !strings.Contains(problem, "not the digest") {
		t.Errorf("what is no digest: %v, %q", err, problem)
	}
	fail = true
	if _, err := other.Receipt(t.Context(), first.Submission); err == nil || errors.Is(err, ErrNotRecorded) || !strings.Contains(err.Error(), "on fire") {
		t.Errorf("a ledger that cannot: %v", err)
	}
}

// Agencies may ask and not answer: nobody stands in for the ledger.
func TestClient_Receipt_NobodyStandsIn(t *testing.T) {
	s := mustServe(t, ServerConfig{})
	l := newFakeLedger(t)
	startIntake(t, mustConnect(t, s), l)
	c := mustDial(t, s, ClientConfig{})
	if sub, err := c.conn.nc.SubscribeSync(ReceiptSubject); err == nil {
		_ = c.conn.nc.Flush()
		if err := c.conn.nc.LastError(); err == nil {
			t.Errorf("an agency listens to %s: %v", ReceiptSubject, sub)
		}
	}
	if _, err := c.Receipt(t.Context(), chain.Hash{1}); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("where none are given: %v", err)
	}
}
