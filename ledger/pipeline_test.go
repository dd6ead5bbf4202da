package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/ledger/ledgertest"
	"civicledger/ledger/roster"
)

// gateStore asks the test what becomes of each commit.
type gateStore struct {
	ledger.Store
	arrived chan *ledger.Commit
	verdict chan verdict
}

type verdict struct {
	err   error
	after bool // stored, and reported as failed
}

func (s *gateStore) Commit(c *ledger.Commit) error {
	s.arrived <- c
	v := <-s.verdict
	if v.err != nil && !v.after {
		return v.err
	}
	return errors.Join(s.Store.Commit(c), v.err)
}

// onTheirWay is a ledger with one commit in the store's hands and another
// sealed behind it.
type onTheirWay struct {
	*rig
	store  *gateStore
	memory *ledgertest.Memory
	subs   []*chain.Submission
	waits  []ledger.Wait
}

// newOnTheirWay sends four submissions, of which three fill a commit, while an
// earlier commit keeps the sequencer, and lets that one through.
func newOnTheirWay(t *testing.T) *onTheirWay {
	t.Helper()
	w := &onTheirWay{rig: newRig(t)}
	if err := w.ledger.Close(); err != nil {
		t.Fatal(err)
	}
	w.memory = w.rig.store.(*ledgertest.Memory).Reopen()
	w.store = &gateStore{w.memory, make(chan *ledger.Commit), make(chan verdict)}
	w.rig.store, w.rig.index = w.store, w.rig.index.(*ledgertest.MemoryIndex).Reopen()
	w.open()
	first := w.send(w.says("before"))
	<-w.store.arrived
	for i := range 4 {
		ids := make([]string, 600)
		for j := range ids {
			ids[j] = fmt.Sprintf("way-%d-%d", i, j)
		}
		w.subs = append(w.subs, w.says(ids...))
		w.waits = append(w.waits, w.send(w.subs[i]))
	}
	w.store.verdict <- verdict{}
	if _, err := first(context.Background()); err != nil {
		t.Fatal(err)
	}
	if c := <-w.store.arrived; len(c.Entries) != 1800 {
		t.Fatalf("the commit in hand has %d entries, want 1800", len(c.Entries))
	}
	w.awaitSealed()
	return w
}

func (w *onTheirWay) send(sub *chain.Submission) ledger.Wait {
	w.t.Helper()
	wait, err := w.ledger.Submit(context.Background(), sub)
	if err != nil {
		w.t.Fatal(err)
	}
	return wait
}

// awaitSealed returns when the sequencer has taken what is queued.
func (w *onTheirWay) awaitSealed() {
	w.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for w.ledger.Stats().QueueCount > 0 {
		<-tick.C
	}
}

// expect checks the receipts of the submissions from first on: one behind the
// other, beginning at an index.
func (w *onTheirWay) expect(at uint64, subs ...int) {
	w.t.Helper()
	for _, i := range subs {
		receipt, err := w.waits[i](context.Background())
		if err != nil {
			w.t.Fatalf("submission %d: %v", i, err)
		}
		if err := receipt.Verify(w.subs[i].Lines, w.verifier()); err != nil || receipt.First != at {
			w.t.Fatalf("submission %d: at %d, want %d; %v", i, receipt.First, at, err)
		}
		at += uint64(receipt.Count)
	}
}

func (w *onTheirWay) expectError(want error, subs ...int) {
	w.t.Helper()
	for _, i := range subs {
		if receipt, err := w.waits[i](context.Background()); !errors.Is(err, want) || receipt != nil {
			w.t.Fatalf("submission %d: %v, %v, want %v", i, receipt, err, want)
		}
	}
}

// reopen opens again over what the store holds, without the gate.
func (w *onTheirWay) reopen() {
	w.t.Helper()
	w.ledger.Close()
	w.rig.store, w.rig.index = w.memory.Reopen(), ledgertest.NewMemoryIndex()
	w.open()
}

func TestPipeline_Stored(t *testing.T) {
	w := newOnTheirWay(t)
	w.store.verdict <- verdict{}
	if c := <-w.store.arrived; len(c.Entries) != 600 || c.Prev.Size != 3+1800 {
		t.Fatalf("behind it came %d entries at %d", len(c.Entries), c.Prev.Size)
	}
	w.expect(3, 0, 1, 2) // while the next is in the store's hands
	w.store.verdict <- verdict{}
	w.expect(3+1800, 3)
	if n := len(w.checkLog()); n != 3+2400 {
		t.Errorf("%d entries", n)
	}
}

// Nothing of the commit in hand is stored, so nothing of the one behind it may
// be; both are told to come again, and may.
func TestPipeline_NoSpace(t *testing.T) {
	w := newOnTheirWay(t)
	w.store.verdict <- verdict{err: fmt.Errorf("commit: %w", ledger.ErrNoSpace)}
	w.expectError(ledger.ErrNoSpace, 0, 1, 2, 3)
	if n := len(w.checkLog()); n != 3 {
		t.Fatalf("%d entries, want 3", n)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-w.store.arrived
		w.store.verdict <- verdict{}
	}()
	w.resume()
	<-done
	if err := w.ledger.Err(); err != nil || len(w.checkLog()) != 4 {
		t.Errorf("%v, %d entries", err, len(w.checkLog()))
	}
}

// Somebody else committed first: both are sealed again, behind that, in order.
func TestPipeline_Stale(t *testing.T) {
	w := newOnTheirWay(t)
	var last *ledger.Commit
	for c, err := range w.memory.Commits(2) {
		if err != nil {
			t.Fatal(err)
		}
		last = c
	}
	if err := w.memory.Commit(sealBehind(t, last, w.says("theirs"))); err != nil {
		t.Fatal(err)
	}
	w.store.verdict <- verdict{}
	for range 2 {
		<-w.store.arrived
		w.store.verdict <- verdict{}
	}
	w.expect(4, 0, 1, 2, 3)
	if n := len(w.checkLog()); n != 4+2400 {
		t.Errorf("%d entries", n)
	}
}

// The outcome of the commit in hand is unknown: the ledger stops, the one
// behind it never was, and after a start each has one place.
func TestPipeline_Unknown(t *testing.T) {
	for name, after := range map[string]bool{"not stored": false, "stored": true} {
		t.Run(name, func(t *testing.T) {
			w := newOnTheirWay(t)
			w.store.verdict <- verdict{err: ledgertest.ErrInjected, after: after}
			w.expectError(ledger.ErrStopped, 0, 1, 2, 3)
			w.reopen()
			if n := len(w.checkLog()); n != map[bool]int{false: 3, true: 3 + 1800}[after] {
				t.Fatalf("%d entries after the start", n)
			}
			for i, sub := range w.subs {
				if receipt := w.mustSubmit(sub); receipt.First != uint64(3+600*i) {
					t.Errorf("submission %d at %d", i, receipt.First)
				}
			}
		})
	}
}

// The second fails after the first was stored: who is in the first has a
// receipt, who is in the second hears that it is unknown.
func TestPipeline_SecondUnknown(t *testing.T) {
	w := newOnTheirWay(t)
	w.store.verdict <- verdict{}
	<-w.store.arrived
	w.store.verdict <- verdict{err: ledgertest.ErrInjected, after: true}
	w.expect(3, 0, 1, 2)
	w.expectError(ledger.ErrStopped, 3)
	w.reopen()
	if receipt := w.mustSubmit(w.subs[3]); receipt.First != 3+1800 {
		t.Errorf("sent again, it is at %d", receipt.First)
	}
}

// What is said again while it is on its way waits, and so does what comes
// behind it; then it gets the same place.
func TestPipeline_Repeated(t *testing.T) {
	w := newOnTheirWay(t)
	again, behind := w.send(w.subs[1]), w.send(w.says("behind"))
	w.store.verdict <- verdict{}
	<-w.store.arrived
	w.store.verdict <- verdict{}
	<-w.store.arrived
	w.store.verdict <- verdict{}
	w.expect(3, 0, 1, 2, 3)
	receipt, err := again(context.Background())
	if err != nil || receipt.First != 3+600 {
		t.Errorf("said again: %v, %v", receipt, err)
	}
	if receipt, err = behind(context.Background()); err != nil || receipt.First != 3+2400 {
		t.Errorf("behind it: %v, %v", receipt, err)
	}
	w.checkLog()
}

// Closing lets the commit in hand end and refuses the one behind it.
func TestPipeline_Close(t *testing.T) {
	w := newOnTheirWay(t)
	closed := make(chan error)
	go func() { closed <- w.ledger.Close() }()
	w.awaitClosing()
	w.store.verdict <- verdict{}
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	w.expect(3, 0, 1, 2)
	w.expectError(ledger.ErrStopped, 3)
}

// awaitClosing returns once Close was called: from then on nothing new is
// committed.
func (w *onTheirWay) awaitClosing() {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !w.ledger.Closing() {
		<-tick.C
	}
}

// A refusal is final, so it never rests on rights that may not come to be: what
// a revocation on its way would refuse waits for what becomes of that.
func TestPipeline_RefusedByRightsOnTheirWay(t *testing.T) {
	for name, v := range map[string]verdict{"stored": {}, "not stored": {err: fmt.Errorf("commit: %w", ledger.ErrNoSpace)}} {
		t.Run(name, func(t *testing.T) {
			w := newOnTheirWay(t)
			w.store.verdict <- verdict{}
			<-w.store.arrived // what was sealed behind it
			revocation := w.send(w.systemSubmission(roster.AgencyKeyRevoked, "revoke",
				roster.KeyRevoked{Agency: "haidian", KeyID: w.agency.ID(), Reason: "lost"}))
			behind := w.send(w.says("late"))
			w.store.verdict <- verdict{}
			if c := <-w.store.arrived; len(c.Entries) != 1 {
				t.Fatalf("%d entries are with the revocation", len(c.Entries))
			}
			w.store.verdict <- v
			_, revoked := revocation(context.Background())
			_, late := behind(context.Background())
			if v.err != nil {
				if !errors.Is(revoked, ledger.ErrNoSpace) || !errors.Is(late, ledger.ErrNoSpace) {
					t.Errorf("the revocation: %v; behind it: %v; want ErrNoSpace twice", revoked, late)
				}
				return
			}
			if revoked != nil || w.refusals(late)[0] != roster.CodeKeyRevoked {
				t.Errorf("the revocation: %v; behind it: %v", revoked, late)
			}
		})
	}
}
