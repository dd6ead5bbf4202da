package ledger_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/ledger/ledgertest"
)

// Every entry is proven, alone and in a run with others, and while the index
// is behind; the proofs of a run are for one checkpoint.
func TestLedger_Proofs(t *testing.T) {
	r := newRig(t)
	for n := range 5 {
		var ids []string
		for i := range 130 {
			ids = append(ids, fmt.Sprintf("%d-%d", n, i))
		}
		r.mustSubmit(r.says(ids...))
	}
	size := r.ledger.Head().Size
	next := uint64(3)
	for p, err := range r.ledger.Proofs(3, size-1) {
		if err != nil {
			t.Fatal(err)
		}
		h, c, err := p.Proof.Verify(defaultSuite, p.Entry, r.verifier())
		if err != nil || h.Index != next || c.Size != size {
			t.Fatalf("entry %d: %+v %v", next, h, err)
		}
		alone, err := r.ledger.Prove(next)
		if err != nil || !bytes.Equal(alone.Proof.Encode(), p.Proof.Encode()) || !bytes.Equal(alone.Entry, p.Entry) {
			t.Fatalf("entry %d alone: %v", next, err)
		}
		next++
	}
	if next != size {
		t.Errorf("proofs ended before %d of %d", next, size)
	}
	if _, err := r.ledger.Prove(size); !errors.Is(err, ledger.ErrNotThere) {
		t.Errorf("proof of what is not there: %v", err)
	}
	for _, bad := range [][2]uint64{{4, 3}, {3, size}, {size, size + 1}, {1 << 63, 1 << 63}} {
		for p, err := range r.ledger.Proofs(bad[0], bad[1]) {
			if p != nil || !errors.Is(err, ledger.ErrNotThere) {
				t.Errorf("%v: %v", bad, err)
			}
		}
	}
}

// An index that serves wrong hashes makes no proof that does not hold.
func TestLedger_Prove_NoticesAWrongTile(t *testing.T) {
	r := newRig(t)
	var ids []string
	for i := range 600 {
		ids = append(ids, fmt.Sprint(i))
	}
	r.mustSubmit(r.says(ids...))
	if err := r.ledger.Close(); err != nil {
		t.Fatal(err)
	}
	lies := &lyingIndex{Index: r.index.(*ledgertest.MemoryIndex).Reopen()}
	r.store, r.index = r.store.(*ledgertest.Memory).Reopen(), lies
	r.open()
	lies.now = true
	_, err := r.ledger.Prove(3)
	var m *ledger.Mismatch
	if !errors.As(err, &m) || !m.Index || !errors.As(r.ledger.Err(), &m) || r.ledger.Damaged() == nil {
		t.Errorf("%v; the ledger says %v", err, r.ledger.Err())
	}
}

// lyingIndex flips a bit in the second half of the first tile, once told to.
type lyingIndex struct {
	ledger.Index
	now bool
}

func (x *lyingIndex) Tile(level int, n uint64) ([]chain.Hash, error) {
	hashes, err := x.Index.Tile(level, n)
	if err == nil && level == 0 && n == 0 && x.now {
		hashes = append([]chain.Hash(nil), hashes...)
		hashes[200][0] ^= 1
	}
	return hashes, err
}
