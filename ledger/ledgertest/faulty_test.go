package ledgertest

import (
	"errors"
	"testing"

	"civicledger/ledger"
	"civicledger/ledger/chain"
)

func TestFaulty_WithoutFaultsIsTheStore(t *testing.T) {
	kept := map[string]*Memory{}
	TestStore(t, func(t testing.TB, dir string) ledger.Store {
		m, ok := kept[dir]
		if ok {
			m = m.Reopen()
		} else {
			m = NewMemory()
		}
		kept[dir] = m
		return NewFaulty(m)
	})
}

func TestFaulty_Commit(t *testing.T) {
	for step, stored := range map[Step]uint64{CommitBefore: 1, CommitAfter: 2} {
		t.Run(step.String(), func(t *testing.T) {
			m := NewMemory()
			f := NewFaulty(m)
			f.Fail(step, 1)
			first := NewCommit(chain.Head{}, 1, 50)
			if err := f.Commit(first); err != nil {
				t.Fatal(err)
			}
			second := NewCommit(first.Head, 1, 50)
			if err := f.Commit(second); !errors.Is(err, ErrInjected) {
				t.Fatalf("second commit: %v", err)
			}
			for what, err := range map[string]error{
				"commit": f.Commit(second), "sync": f.Sync(), "save": f.SaveCheckpoint(NewNote(t, 1)),
			} {
				if !errors.Is(err, ErrInjected) {
					t.Errorf("%s after a failed commit: %v", what, err)
				}
			}
			if got := m.Head().Size; got != stored || f.Hits(step) != 1 {
				t.Errorf("%d entries stored, want %d; %d hits", got, stored, f.Hits(step))
			}
		})
	}
}

func TestFaultyIndex_Apply(t *testing.T) {
	for step, stored := range map[Step]uint64{ApplyBefore: 0, ApplyAfter: 3} {
		x := NewFaultyIndex(NewMemoryIndex())
		x.Fail(step, 0)
		if err := x.Apply(NewBatch(0, 3, nil)); !errors.Is(err, ErrInjected) {
			t.Fatalf("%v: %v", step, err)
		}
		if x.Position() != stored {
			t.Errorf("%v: position %d, want %d", step, x.Position(), stored)
		}
	}
}
