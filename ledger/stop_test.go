package ledger_test

import (
	"context"
	"errors"
	"testing"

	"civicledger/ledger"
	"civicledger/ledger/ledgertest"
)

// doorStore lets a commit through when somebody opens the door for it.
type doorStore struct {
	ledger.Store
	atDoor, door chan struct{}
}

func (s *doorStore) Commit(c *ledger.Commit) error {
	s.atDoor <- struct{}{}
	<-s.door
	return s.Store.Commit(c)
}

// TestLedger_StopAnswersWhatWaitsForTheNextCommit stops the ledger, by its
// index, while a commit is under way behind which a repetition waits: whoever
// sent that is answered, too.
func TestLedger_StopAnswersWhatWaitsForTheNextCommit(t *testing.T) {
	r := newRig(t)
	if err := r.ledger.Close(); err != nil {
		t.Fatal(err)
	}
	store := &doorStore{r.store.(*ledgertest.Memory).Reopen(), make(chan struct{}), make(chan struct{})}
	index := ledgertest.NewFaultyIndex(r.index.(*ledgertest.MemoryIndex).Reopen())
	r.store, r.index = store, index
	r.open()
	index.Fail(ledgertest.ApplyBefore, 0)
	send := func(id string) ledger.Wait {
		wait, err := r.ledger.Submit(context.Background(), r.says(id))
		if err != nil {
			t.Fatal(err)
		}
		return wait
	}
	first := send("first")
	<-store.atDoor
	once, again := send("once"), send("once")
	store.door <- struct{}{} // first is committed, and its index entries fail
	if _, err := first(context.Background()); err != nil {
		t.Fatal(err)
	}
	<-store.atDoor // once is about to be, again waits behind it
	<-r.ledger.Stopped()
	store.door <- struct{}{}
	if _, err := once(context.Background()); err != nil && !errors.Is(err, ledger.ErrStopped) {
		t.Errorf("what was being committed: %v", err)
	}
	if _, err := again(context.Background()); !errors.Is(err, ledger.ErrStopped) {
		t.Errorf("what waited behind it: %v, want ErrStopped", err)
	}
}
