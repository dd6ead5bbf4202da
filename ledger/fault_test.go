package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/ledger/ledgertest"
)

// TestLedger_Faults fails every step in both flavours while submissions come
// in, opens again over what is left, sends again whatever has no receipt, and
// checks everything.
func TestLedger_Faults(t *testing.T) {
	steps := map[string]struct {
		step  ledgertest.Step
		index bool
	}{
		"commit not stored":          {ledgertest.CommitBefore, false},
		"commit stored, not told":    {ledgertest.CommitAfter, false},
		"checkpoint not saved":       {ledgertest.SaveBefore, false},
		"checkpoint saved, not told": {ledgertest.SaveAfter, false},
		"index not applied":          {ledgertest.ApplyBefore, true},
		"index applied, not told":    {ledgertest.ApplyAfter, true},
		"look-up failed":             {ledgertest.LookupRead, true},
	}
	for name, f := range steps {
		for after := range 4 {
			t.Run(fmt.Sprintf("%s/after %d", name, after), func(t *testing.T) { faultOnce(t, f.step, f.index, after) })
		}
	}
}

func faultOnce(t *testing.T, step ledgertest.Step, inIndex bool, after int) {
	r := newRig(t)
	if err := r.ledger.Close(); err != nil {
		t.Fatal(err)
	}
	memory, index := r.store.(*ledgertest.Memory).Reopen(), r.index.(*ledgertest.MemoryIndex).Reopen()
	faulty, faultyIndex := ledgertest.NewFaulty(memory), ledgertest.NewFaultyIndex(index)
	r.store, r.index = faulty, faultyIndex
	r.open()
	if inIndex {
		faultyIndex.Fail(step, after)
	} else {
		faulty.Fail(step, after)
	}
	got := map[int]*chain.Receipt{}
	failed := false
	for i := 0; i < 40; i++ {
		receipt, err := r.submit(r.says(fmt.Sprintf("f-%d", i), fmt.Sprintf("f-%d-b", i)))
		if err != nil {
			if !errors.Is(err, ledger.ErrStopped) || !errors.Is(r.ledger.Err(), ledgertest.ErrInjected) {
				t.Fatalf("submission %d: %v, ledger: %v", i, err, r.ledger.Err())
			}
			failed = true
			continue
		}
		if failed {
			t.Fatalf("submission %d has a receipt after the ledger stopped", i)
		}
		got[i] = receipt
		if inIndex {
			r.awaitIndex() // else the follower merges what it is given, and applies less often
		}
	}
	if faulty.Hits(step)+faultyIndex.Hits(step) != 1 {
		t.Fatalf("the fault was hit %d times", faulty.Hits(step)+faultyIndex.Hits(step))
	}
	r.ledger.Close()
	r.store, r.index = memory.Reopen(), index.Reopen()
	r.open()
	for i := range 40 {
		receipt := r.mustSubmit(r.says(fmt.Sprintf("f-%d", i), fmt.Sprintf("f-%d-b", i)))
		if before := got[i]; before != nil && (before.First != receipt.First || before.Recorded != receipt.Recorded) {
			t.Errorf("submission %d: acknowledged at %d, now at %d", i, before.First, receipt.First)
		}
	}
	if n := len(r.checkLog()); n != 2+80 {
		t.Errorf("%d entries, want 82", n)
	}
}

// awaitIndex returns when the index has all that is on the log, or the ledger
// has stopped.
func (r *rig) awaitIndex() {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for r.index.Position() < r.ledger.Head().Size {
		select {
		case <-tick.C:
		case <-r.ledger.Stopped():
			return
		}
	}
}

// TestLedger_StaleCommit lets somebody else commit behind the ledger's back, as
// another node would on a replicated store: it takes that over and seals again.
func TestLedger_StaleCommit(t *testing.T) {
	r := newRig(t)
	r.mustSubmit(r.says("mine"))
	var last *ledger.Commit
	for c, err := range r.store.Commits(2) {
		if err != nil {
			t.Fatal(err)
		}
		last = c
	}
	if err := r.store.Commit(sealBehind(t, last, r.says("theirs", "theirs-b"))); err != nil {
		t.Fatal(err)
	}
	if receipt := r.mustSubmit(r.says("mine-too")); receipt.First != 5 {
		t.Errorf("place %d, want 5", receipt.First)
	}
	if receipt := r.mustSubmit(r.says("theirs", "theirs-b")); receipt.First != 3 {
		t.Errorf("what was taken over is at %d, want 3", receipt.First)
	}
	if n := len(r.checkLog()); n != 6 {
		t.Errorf("%d entries, want 6", n)
	}
	r.restart()
	r.checkLog()
}

// A commit behind the ledger's back that does not hold stops it.
func TestLedger_StaleCommit_Forged(t *testing.T) {
	r := newRig(t)
	var last *ledger.Commit
	for c, err := range r.store.Commits(1) {
		if err != nil {
			t.Fatal(err)
		}
		last = c
	}
	forged := r.says("forged")
	forged.Signature = slices.Clone(forged.Signature)
	forged.Signature[9] ^= 1
	if err := r.store.Commit(sealBehind(t, last, forged)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.submit(r.says("mine")); !errors.Is(err, ledger.ErrStopped) || !errors.Is(err, ledger.ErrDamaged) {
		t.Errorf("submit behind a forged commit: %v", err)
	}
}

// TestLedger_Open_Attacks puts back or changes what a stopped ledger left.
func TestLedger_Open_Attacks(t *testing.T) {
	stopped := func(t *testing.T) (*rig, []*ledger.Commit, []byte) {
		r := newRig(t)
		for i := range 30 {
			r.mustSubmit(r.says(fmt.Sprintf("a-%d", i)))
		}
		if err := r.ledger.Close(); err != nil {
			t.Fatal(err)
		}
		memory := r.store.(*ledgertest.Memory).Reopen()
		var commits []*ledger.Commit
		for c, err := range memory.Commits(0) {
			if err != nil {
				t.Fatal(err)
			}
			own := *c
			own.Entries = nil
			for _, e := range c.Entries {
				own.Entries = append(own.Entries, slices.Clone(e))
			}
			commits = append(commits, &own)
		}
		note, err := memory.Checkpoint()
		if err != nil {
			t.Fatal(err)
		}
		return r, commits, note
	}
	build := func(t *testing.T, commits []*ledger.Commit, note []byte) ledger.Store {
		store := ledgertest.NewMemory()
		for _, c := range commits {
			if err := store.Commit(c); err != nil {
				t.Fatal(err)
			}
		}
		if note != nil {
			if err := store.SaveCheckpoint(note); err != nil {
				t.Fatal(err)
			}
		}
		return store
	}
	t.Run("index newer than the book", func(t *testing.T) {
		r, commits, _ := stopped(t)
		older, err := chain.Checkpoint{Origin: origin, Size: 2, Root: rootOf(commits[:2])}.Sign(r.log)
		if err != nil {
			t.Fatal(err)
		}
		r.store, r.index = build(t, commits[:2], older), r.index.(*ledgertest.MemoryIndex).Reopen()
		mustNotOpen(t, r)
	})
	t.Run("no checkpoint", func(t *testing.T) {
		r, commits, _ := stopped(t)
		r.store, r.index = build(t, commits, nil), ledgertest.NewMemoryIndex()
		mustNotOpen(t, r)
	})
	t.Run("checkpoint of another key", func(t *testing.T) {
		r, commits, _ := stopped(t)
		other := newRig(t)
		foreign, err := chain.Checkpoint{Origin: origin, Size: 5, Root: rootOf(commits[:5])}.Sign(other.log)
		if err != nil {
			t.Fatal(err)
		}
		r.store, r.index = build(t, commits, foreign), ledgertest.NewMemoryIndex()
		mustNotOpen(t, r)
	})
	t.Run("another history under the checkpoint", func(t *testing.T) {
		r, _, note := stopped(t)
		other := newRig(t)
		other.mustSubmit(other.says("x"))
		_, commits, _ := stopped(t)
		r.store, r.index = build(t, commits, note), ledgertest.NewMemoryIndex()
		mustNotOpen(t, r)
	})
	t.Run("a forged commit above the checkpoint", func(t *testing.T) {
		r, commits, note := stopped(t)
		forged := r.says("forged")
		forged.Signature = slices.Clone(forged.Signature)
		forged.Signature[0] ^= 1
		r.store, r.index = build(t, append(commits, sealBehind(t, commits[len(commits)-1], forged)), note), ledgertest.NewMemoryIndex()
		mustNotOpen(t, r)
	})
	t.Run("a good commit above the checkpoint", func(t *testing.T) {
		r, commits, note := stopped(t)
		r.store, r.index = build(t, append(commits, sealBehind(t, commits[len(commits)-1], r.says("late"))), note), ledgertest.NewMemoryIndex()
		r.open()
		if n := len(r.checkLog()); n != 33 {
			t.Errorf("%d entries, want 33", n)
		}
		if again := r.mustSubmit(r.says("late")); again.First != 32 {
			t.Errorf("place %d, want 32", again.First)
		}
	})
}

func mustNotOpen(t *testing.T, r *rig) {
	t.Helper()
	l, err := ledger.Open(context.Background(), r.config())
	if err == nil {
		l.Close()
		t.Fatal("opened")
	}
	t.Log(err)
}

func rootOf(commits []*ledger.Commit) chain.Hash {
	var leaves []chain.Hash
	for _, c := range commits {
		for _, e := range c.Entries {
			leaves = append(leaves, defaultSuite.Leaf(e))
		}
	}
	return chain.NewTree(defaultSuite).Grow(leaves).Tree.Root()
}

// sealBehind makes the commit that a ledger would have made of sub.
func sealBehind(t *testing.T, last *ledger.Commit, sub *chain.Submission) *ledger.Commit {
	t.Helper()
	keys, _, err := sub.EventKeys(defaultSuite)
	if err != nil {
		t.Fatal(err)
	}
	c := &ledger.Commit{Prev: last.Head, Head: last.Head, Recorded: last.Recorded}
	c.Head.Last = sub.Seal(defaultSuite, last.Head.Size, last.Head.Last, last.Recorded, keys, func(entry []byte, _ chain.Hash) {
		c.Entries = append(c.Entries, slices.Clone(entry))
		c.Head.Size++
	})
	return c
}
