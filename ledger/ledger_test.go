package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/ledger/ledgertest"
	"civicledger/ledger/roster"
)

func TestLedger_Submit_ReceiptHolds(t *testing.T) {
	r := newRig(t)
	sub := r.says("a", "b", "c")
	receipt := r.mustSubmit(sub)
	if receipt.First != 2 || receipt.Count != 3 {
		t.Fatalf("place %d+%d, want 2+3", receipt.First, receipt.Count)
	}
	parsed, err := chain.ParseReceipt(receipt.Encode())
	if err != nil {
		t.Fatal(err)
	}
	changed := slices.Clone(sub.Lines)
	changed[1] = paid("b", 999)
	if err := parsed.Verify(changed, r.verifier()); err == nil {
		t.Error("the receipt holds for lines that were never submitted")
	}
	r.checkLog()
}

func TestLedger_Submit_SameAgainSamePlace(t *testing.T) {
	r := newRig(t)
	sub := r.says("a", "b")
	first := r.mustSubmit(sub)
	for i := range 600 { // far enough for the proof to need a full tile
		r.mustSubmit(r.says(fmt.Sprintf("more-%d", i)))
	}
	again := r.mustSubmit(r.says("a", "b"))
	if again.First != first.First || again.Recorded != first.Recorded || again.Submission != first.Submission {
		t.Errorf("again at %d, first at %d", again.First, first.First)
	}
	r.checkLog()
}

func TestLedger_Submit_MarksRecordedAndConflict(t *testing.T) {
	r := newRig(t)
	r.mustSubmit(r.says("a", "b"))
	_, err := r.submit(r.sign(r.agency, "haidian", paid("a", 100), paid("b", 5), paid("new", 1)))
	if got := r.refusals(err); !slices.Equal(got, []string{ledger.CodeRecorded, ledger.CodeConflict}) {
		t.Errorf("codes %v", got)
	}
	_, err = r.submit(r.says("x", "y", "x"))
	if got := r.refusals(err); !slices.Equal(got, []string{ledger.CodeTwice}) {
		t.Errorf("codes %v", got)
	}
	// The same events cut otherwise are not the same submission.
	_, err = r.submit(r.says("a"))
	if got := r.refusals(err); !slices.Equal(got, []string{ledger.CodeRecorded}) {
		t.Errorf("codes %v", got)
	}
	if n := len(r.checkLog()); n != 4 {
		t.Errorf("%d entries, want 4: a refusal recorded something", n)
	}
}

func TestLedger_Submit_RefusesWithoutRight(t *testing.T) {
	r := newRig(t)
	stranger := mustKey(t)
	line := func(source, eventType, jurisdiction string) []byte {
		return fmt.Appendf(nil, `{"specversion":"1.0","id":"1","source":%q,"type":%q,"jurisdiction":%q,"data":{}}`, source, eventType, jurisdiction)
	}
	forged := r.says("forged")
	forged.Lines[0] = paid("forged", 101)
	cases := map[string]struct {
		sub  *chain.Submission
		code string
	}{
		"other family":         {r.sign(r.agency, "haidian", line("urn:example:haidian", "fund.opened.v1", "110108")), roster.CodeNotGranted},
		"other district":       {r.sign(r.agency, "haidian", line("urn:example:haidian", "subsidy.paid.v1", "110105")), roster.CodeNotGranted},
		"no jurisdiction":      {r.sign(r.agency, "haidian", line("urn:example:haidian", "subsidy.paid.v1", "")), ledger.CodeEnvelope},
		"source of another":    {r.sign(r.agency, "haidian", line("urn:example:haidian2", "subsidy.paid.v1", "110108")), roster.CodeNotGranted},
		"operator's type":      {r.sign(r.agency, "haidian", line("urn:example:haidian", roster.DayClosed, "110108")), roster.CodeNotGranted},
		"unknown key":          {r.sign(stranger, "haidian", paid("k", 1)), roster.CodeKeyUnknown},
		"unknown agency":       {r.sign(r.agency, "chaoyang", paid("k", 1)), roster.CodeKeyUnknown},
		"agency as operator":   {r.sign(r.agency, chain.Operator, paid("k", 1)), roster.CodeKeyUnknown},
		"changed after signed": {forged, roster.CodeSignature},
	}
	before := r.ledger.Head()
	for name, c := range cases {
		_, err := r.submit(c.sub)
		if got := r.refusals(err); !slices.Equal(got, []string{c.code}) {
			t.Errorf("%s: codes %v, want %s", name, got, c.code)
		}
	}
	if r.ledger.Head() != before {
		t.Error("a refusal moved the head")
	}
}

func TestLedger_Submit_RevocationCountsFromItsIndex(t *testing.T) {
	r := newRig(t)
	r.mustSubmit(r.says("before"))
	r.mustSubmit(r.systemSubmission(roster.AgencyKeyRevoked, "revoke", roster.KeyRevoked{Agency: "haidian", KeyID: r.agency.ID(), Reason: "lost"}))
	_, err := r.submit(r.says("after"))
	if got := r.refusals(err); !slices.Equal(got, []string{roster.CodeKeyRevoked}) {
		t.Errorf("codes %v", got)
	}
	// What was said before the revocation still gets its receipt.
	if again := r.mustSubmit(r.says("before")); again.First != 2 {
		t.Errorf("place %d, want 2", again.First)
	}
}

func TestLedger_Submit_ManyCallers(t *testing.T) {
	r := newRig(t)
	const callers, each = 16, 40
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			var last uint64
			for i := range each {
				receipt, err := r.submit(r.says(fmt.Sprintf("c%d-%d", c, i), fmt.Sprintf("c%d-%d-b", c, i)))
				if err != nil {
					t.Errorf("caller %d: %v", c, err)
					return
				}
				if receipt.First < last {
					t.Errorf("caller %d: order lost", c)
				}
				last = receipt.First
			}
		})
	}
	wg.Wait()
	if n := len(r.checkLog()); n != 2+2*callers*each {
		t.Errorf("%d entries", n)
	}
}

func TestLedger_Submit_PipelinedKeepsOrder(t *testing.T) {
	r := newRig(t)
	var waits []ledger.Wait
	for i := range 200 {
		// Every tenth repeats the one before it, in flight.
		id := fmt.Sprintf("p-%d", i)
		if i%10 == 9 {
			id = fmt.Sprintf("p-%d", i-1)
		}
		wait, err := r.ledger.Submit(context.Background(), r.says(id))
		if err != nil {
			t.Fatal(err)
		}
		waits = append(waits, wait)
	}
	var last uint64
	for i, wait := range waits {
		receipt, err := wait(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if (i%10 == 9) != (receipt.First == last) || receipt.First < last {
			t.Errorf("submission %d at %d after %d", i, receipt.First, last)
		}
		last = receipt.First
	}
	r.checkLog()
}

func TestLedger_Clock(t *testing.T) {
	r := newRig(t)
	first := r.mustSubmit(r.says("a"))
	r.wall = r.wall.Add(-3 * time.Hour)
	second := r.mustSubmit(r.says("b"))
	if second.Recorded != first.Recorded {
		t.Errorf("recorded %d after %d: the clock was set back", second.Recorded, first.Recorded)
	}
	r.wall, r.mono = r.wall.Add(5*time.Hour), r.mono+5*time.Hour
	r.mustSubmit(r.says("c"))
	r.wall = r.wall.Add(2 * time.Hour)
	if _, err := r.submit(r.says("d")); !errors.Is(err, ledger.ErrClock) || !errors.Is(err, ledger.ErrStopped) {
		t.Fatalf("a step of two hours: %v", err)
	}
	if err := r.ledger.Err(); !errors.Is(err, ledger.ErrClock) {
		t.Errorf("Err = %v", err)
	}
	r.restart()
	r.mustSubmit(r.says("d"))
	r.checkLog()
}

func TestLedger_DayClosed(t *testing.T) {
	r := newRig(t)
	closing := func(day, id string) *chain.Submission {
		return r.systemSubmission(roster.DayClosed, id, roster.Closed{Day: day})
	}
	// 16:00 UTC is midnight in Shanghai.
	_, err := r.submit(closing("2026-03-01", "too-early"))
	if got := r.refusals(err); !slices.Equal(got, []string{roster.CodeSystem}) {
		t.Errorf("codes %v", got)
	}
	r.wall, r.mono = r.wall.Add(8*time.Hour), r.mono+8*time.Hour
	_, err = r.submit(closing("2026-03-02", "skipped"))
	r.refusals(err)
	r.mustSubmit(closing("2026-03-01", "day-1"))
	_, err = r.submit(closing("2026-03-01", "again"))
	r.refusals(err)
	if got := r.ledger.Roster().LastClosed(); got != "2026-03-01" {
		t.Errorf("last closed %s", got)
	}
}

// restart closes the ledger and opens it again over the same store and index.
func (r *rig) restart() {
	r.t.Helper()
	if err := r.ledger.Close(); err != nil {
		r.t.Fatal(err)
	}
	r.reopen()
}

// reopen opens again over what the store and the index hold.
func (r *rig) reopen() {
	r.t.Helper()
	r.swap()
	r.open()
}

func (r *rig) swap() {
	r.t.Helper()
	store, ok := r.store.(*ledgertest.Memory)
	if !ok {
		r.t.Fatal("the store cannot be reopened")
	}
	r.store = store.Reopen()
	r.index = r.index.(*ledgertest.MemoryIndex).Reopen()
}

func TestLedger_Reopen_GoesOn(t *testing.T) {
	r := newRig(t)
	rng := rand.New(rand.NewPCG(1, 2))
	said := map[string]uint64{}
	for round := range 8 {
		for range rng.IntN(120) {
			ids := make([]string, 1+rng.IntN(5))
			for i := range ids {
				ids[i] = fmt.Sprintf("r%d-%d", round, rng.Uint64())
			}
			receipt := r.mustSubmit(r.says(ids...))
			for i, id := range ids {
				said[id] = receipt.First + uint64(i)
			}
		}
		head, checkpoint := r.ledger.Head(), r.ledger.Checkpoint()
		r.restart()
		if r.ledger.Head() != head || string(r.ledger.Checkpoint()) != string(checkpoint) {
			t.Fatalf("round %d: another head after a restart", round)
		}
	}
	if n := len(r.checkLog()); n != len(said)+2 {
		t.Errorf("%d entries, %d said", n, len(said))
	}
	for id, index := range said {
		entry, err := r.ledger.Entry(index)
		if err != nil {
			t.Fatal(err)
		}
		if _, line, _ := chain.ParseEntry(entry); string(line) != string(paid(id, 100)) {
			t.Fatalf("entry %d is %s", index, line)
		}
	}
}

func TestLedger_Reopen_RebuildsALostIndex(t *testing.T) {
	r := newRig(t)
	for i := range 700 {
		r.mustSubmit(r.says(fmt.Sprintf("a-%d", i)))
	}
	head := r.ledger.Head()
	if err := r.ledger.Close(); err != nil {
		t.Fatal(err)
	}
	r.swap()
	r.index = ledgertest.NewMemoryIndex()
	r.open()
	if r.ledger.Head() != head {
		t.Fatal("another head")
	}
	if again := r.mustSubmit(r.says("a-3")); again.First != 5 {
		t.Errorf("place %d, want 5", again.First)
	}
	at, err := r.ledger.Timeline("st1.e1.abcdefghijklmnopqrstuvwxyz", 100, 3)
	if err != nil || !slices.Equal(at, []uint64{100, 101, 102}) {
		t.Errorf("timeline %v, %v", at, err)
	}
	r.checkLog()
}
