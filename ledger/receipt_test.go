package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/ledger/ledgertest"
)

// Every submission that was ever recorded has its receipt again by its digest:
// from the lag, from the index, from an index that was rebuilt, and without one.
func TestLedger_Receipt_ForEver(t *testing.T) {
	r := newRig(t)
	subs := []*chain.Submission{r.enrolment("chaoyang", mustKey(t), "enrol-2")}
	for n := range 40 {
		var ids []string
		for i := range 1 + n*n%30 {
			ids = append(ids, fmt.Sprintf("%d-%d", n, i))
		}
		subs = append(subs, r.says(ids...))
	}
	var first []*chain.Receipt
	for _, sub := range subs {
		first = append(first, r.mustSubmit(sub))
	}
	check := func() {
		t.Helper()
		newest, err := chain.OpenCheckpoint(r.ledger.Checkpoint(), r.verifier())
		if err != nil {
			t.Fatal(err)
		}
		for i, sub := range subs {
			again, err := r.ledger.Receipt(first[i].Submission)
			if err != nil {
				t.Fatalf("submission %d: %v", i, err)
			}
			if err := again.Verify(sub.Lines, r.verifier()); err != nil || again.First != first[i].First || again.Recorded != first[i].Recorded {
				t.Fatalf("submission %d: %v, at %d", i, err, again.First)
			}
			if c, err := chain.OpenCheckpoint([]byte(again.Checkpoint), r.verifier()); err != nil || c != newest {
				t.Fatalf("submission %d: not under the newest checkpoint: %v", i, err)
			}
		}
		if _, err := r.ledger.Receipt(r.says("never said").Digest(defaultSuite, origin)); !errors.Is(err, ledger.ErrNotThere) {
			t.Errorf("never recorded: %v", err)
		}
	}
	check()
	reopen := func(index ledger.Index) {
		t.Helper()
		if err := r.ledger.Close(); err != nil {
			t.Fatal(err)
		}
		r.store, r.index = r.store.(*ledgertest.Memory).Reopen(), index
		r.open()
	}
	reopen(r.index.(*ledgertest.MemoryIndex).Reopen())
	check()
	reopen(ledgertest.NewMemoryIndex())
	check()
	cfg := r.config()
	if err := r.ledger.Close(); err != nil {
		t.Fatal(err)
	}
	cfg.Store, cfg.Index, cfg.ReadOnly = r.store.(*ledgertest.Memory).Reopen(), ledger.NoIndex{}, true
	l, err := ledger.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r.ledger = l
	check()
}

// An index that names another place for a submission, or serves wrong hashes,
// makes no receipt.
func TestLedger_Receipt_LyingIndex(t *testing.T) {
	r := newRig(t)
	var ids []string
	for i := range 600 {
		ids = append(ids, fmt.Sprint(i))
	}
	one, many := r.mustSubmit(r.says("a")), r.mustSubmit(r.says(ids...))
	if err := r.ledger.Close(); err != nil {
		t.Fatal(err)
	}
	lies := &lyingIndex{Index: r.index.(*ledgertest.MemoryIndex).Reopen()}
	places := &misplacing{Index: lies}
	r.store, r.index = r.store.(*ledgertest.Memory).Reopen(), places
	r.open()
	for _, place := range []uint64{0, 1, many.First, many.First + 1} {
		places.at = place
		if _, err := r.ledger.Receipt(one.Submission); !errors.Is(err, ledger.ErrDamaged) {
			t.Errorf("placed at %d: %v", place, err)
		}
	}
	places.at, lies.now = one.First, true
	if _, err := r.ledger.Receipt(one.Submission); !errors.Is(err, ledger.ErrDamaged) || r.ledger.Damaged() == nil {
		t.Errorf("with a wrong tile: %v", err)
	}
	lies.now = false
	if _, err := r.ledger.Receipt(one.Submission); err != nil {
		t.Errorf("with the truth: %v", err)
	}
}

// misplacing finds every key at one place.
type misplacing struct {
	ledger.Index
	at uint64
}

func (x *misplacing) Lookup(keys []chain.EventKey) (map[chain.EventKey]uint64, error) {
	found := map[chain.EventKey]uint64{}
	for _, key := range keys {
		found[key] = x.at
	}
	return found, nil
}
