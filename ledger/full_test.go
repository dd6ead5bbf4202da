package ledger_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"civicledger/ledger"
	"civicledger/ledger/ledgertest"
)

// fullStore and fullIndex refuse as on a full disk while the switch is on.
type fullStore struct {
	ledger.Store
	full *atomic.Bool
}

func (s fullStore) Commit(c *ledger.Commit) error {
	if s.full.Load() {
		return fmt.Errorf("commit: %w", ledger.ErrNoSpace)
	}
	return s.Store.Commit(c)
}

type fullIndex struct {
	ledger.Index
	full *atomic.Bool
}

func (x fullIndex) Apply(b *ledger.IndexBatch) error {
	if x.full.Load() {
		return fmt.Errorf("apply: %w", ledger.ErrNoSpace)
	}
	return x.Index.Apply(b)
}

// A full disk, noticed by the store or by the index, refuses submissions for
// now, lets reads go on, and is over by itself when there is room.
func TestLedger_FullDisk(t *testing.T) {
	for _, where := range []string{"store", "index"} {
		t.Run(where, func(t *testing.T) {
			r := newRig(t)
			if err := r.ledger.Close(); err != nil {
				t.Fatal(err)
			}
			var full, never atomic.Bool
			ofStore, ofIndex := &full, &never
			if where == "index" {
				ofStore, ofIndex = &never, &full
			}
			memory, index := r.store.(*ledgertest.Memory).Reopen(), r.index.(*ledgertest.MemoryIndex).Reopen()
			r.store, r.index = fullStore{memory, ofStore}, fullIndex{index, ofIndex}
			r.open()
			full.Store(true)
			n := r.fill()
			if err := r.ledger.Full(); !errors.Is(err, ledger.ErrNoSpace) {
				t.Errorf("full: %v", err)
			}
			if size := uint64(len(r.checkLog())); size != n {
				t.Errorf("%d entries can be read, want %d", size, n)
			}
			full.Store(false)
			r.resume()
			if err := r.ledger.Err(); err != nil {
				t.Fatalf("the ledger stopped: %v", err)
			}
			if size := uint64(len(r.checkLog())); size != n+1 {
				t.Errorf("%d entries, want %d", size, n+1)
			}
		})
	}
}

// fill submits until the ledger refuses for want of room and returns the size
// of the log then.
func (r *rig) fill() uint64 {
	r.t.Helper()
	for i := 0; i < 10_000; i++ {
		_, err := r.submit(r.says(fmt.Sprintf("fill-%d", i)))
		if err != nil {
			if !errors.Is(err, ledger.ErrNoSpace) || errors.Is(err, ledger.ErrStopped) {
				r.t.Fatalf("submit on a full disk: %v", err)
			}
			return r.ledger.Head().Size
		}
	}
	r.t.Fatal("never refused")
	return 0
}

// resume submits until the ledger takes something in again.
func (r *rig) resume() {
	r.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 1000 {
		_, err := r.submit(r.says("resumed"))
		if err == nil {
			return
		}
		if !errors.Is(err, ledger.ErrNoSpace) {
			r.t.Fatalf("submit: %v", err)
		}
		<-tick.C
	}
	r.t.Fatal("never resumed")
}

// A ledger that waits for room closes, and what its index lacks is replayed.
func TestLedger_FullDisk_Close(t *testing.T) {
	r := newRig(t)
	if err := r.ledger.Close(); err != nil {
		t.Fatal(err)
	}
	var full atomic.Bool
	memory, index := r.store.(*ledgertest.Memory).Reopen(), r.index.(*ledgertest.MemoryIndex).Reopen()
	r.store, r.index = memory, fullIndex{index, &full}
	r.open()
	full.Store(true)
	n := r.fill()
	if err := r.ledger.Close(); err != nil {
		t.Fatal(err)
	}
	r.store, r.index = memory.Reopen(), index.Reopen()
	r.open()
	if size := uint64(len(r.checkLog())); size != n {
		t.Errorf("%d entries, want %d", size, n)
	}
	r.mustSubmit(r.says("after"))
}
