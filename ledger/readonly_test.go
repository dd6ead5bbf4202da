package ledger_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"civicledger/ledger"
	"civicledger/ledger/book"
	"civicledger/ledger/frame"
	"civicledger/ledger/ledgertest"
)

// TestLedger_ReadOnly_Damaged damages the book of a ledger of 302 entries, one
// to a frame, and reads what stands, with an index and without: all but what is
// damaged, with proofs, unless hashes are lost that a proof needs.
func TestLedger_ReadOnly_Damaged(t *testing.T) {
	dir, r, index := bookOf300(t)
	name := filepath.Join(dir, book.Dir, frame.SegmentName(0))
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		damaged     []byte
		first, last uint64
		count       uint64
		lost        bool // no proofs
	}{
		"the first entry":      {flipAt(t, whole, `"opened"`), 0, 0, 1, false},
		"an enrolment":         {flipAt(t, whole, `"enrol-1"`), 1, 1, 1, false},
		"in the middle":        {flipAt(t, whole, `"a-98"`), 100, 100, 1, false},
		"where replay begins":  {flipAt(t, whole, `"a-254"`), 256, 256, 1, false},
		"two":                  {flipAt(t, flipAt(t, whole, `"a-98"`), `"a-255"`), 100, 257, 2, false},
		"the last entry":       {flipAt(t, whole, `"a-299"`), 301, 301, 1, true},
		"cut in the last one":  {whole[:bytes.Index(whole, []byte(`"a-299"`))], 301, 301, 1, true},
		"cut far before":       {whole[:bytes.Index(whole, []byte(`"a-99"`))], 101, 301, 201, true},
		"the segment's header": {append(bytes.Repeat([]byte{0x55}, 8), whole[8:]...), 0, 0, 0, false},
	} {
		for with, idx := range map[string]ledger.Index{"index": index, "no index": ledger.NoIndex{}} {
			t.Run(what+"/"+with, func(t *testing.T) {
				if err := os.WriteFile(name, c.damaged, 0o644); err != nil {
					t.Fatal(err)
				}
				store, err := book.Open(dir, book.Options{ReadOnly: true})
				if err != nil {
					t.Fatal(err)
				}
				if memory, ok := idx.(*ledgertest.MemoryIndex); ok {
					idx = memory.Reopen()
				}
				r.t = t
				r.openForReading(store, idx)
				r.ledger.Survey()
				if size := r.ledger.Head().Size; size != 302 {
					t.Fatalf("%d entries, and the checkpoint signs 302", size)
				}
				d := r.ledger.Damaged()
				if first, last, _ := d.Entries(); d == nil || first != c.first || last != c.last {
					t.Errorf("damaged: %v", d)
				}
				for i := range uint64(302) {
					_, err := r.ledger.Entry(i)
					_, proof := r.ledger.Prove(i)
					whole := c.count == 0 || !damagedAt(d, i)
					if whole != (err == nil) || (whole && !c.lost) != (proof == nil) {
						t.Fatalf("entry %d: %v; its proof: %v", i, err, proof)
					}
					if i >= 2 { // a receipt is had again for what stands; what may be lost is never called not recorded
						_, again := r.ledger.Receipt(r.says(fmt.Sprintf("a-%d", i-2)).Digest(defaultSuite, origin))
						if (whole && !c.lost) != (again == nil) || (again != nil && (!errors.Is(again, ledger.ErrDamaged) || errors.Is(again, ledger.ErrNotThere))) {
							t.Fatalf("entry %d: its receipt: %v", i, again)
						}
					}
					if err != nil && (!errors.Is(err, ledger.ErrDamaged) || errors.Is(err, ledger.ErrNotThere)) || proof != nil && !errors.Is(proof, ledger.ErrDamaged) {
						t.Fatalf("entry %d: %v; its proof: %v", i, err, proof)
					}
				}
				_, ok := r.ledger.Roster().Agency("haidian")
				if what != "the first entry" && ok != (what != "an enrolment") {
					t.Errorf("the roster knows haidian: %t", ok)
				}
				at, err := r.ledger.Timeline("st1.e1.abcdefghijklmnopqrstuvwxyz", 0, 1000)
				if len(at) < 300 && !errors.Is(err, ledger.ErrDamaged) || len(at) == 300 && with == "index" && err != nil {
					t.Errorf("%d entries of a subject, %v", len(at), err)
				}
			})
		}
	}
}

func damagedAt(d *ledger.Damaged, index uint64) bool {
	return slices.ContainsFunc(d.Found, func(m *ledger.Mismatch) bool { return !m.Index && m.Damage.First <= index && index <= m.Damage.Last })
}

// bookOf300 is a closed book with a genesis entry, an enrolment and 300 events.
func bookOf300(t *testing.T) (string, *rig, *ledgertest.MemoryIndex) {
	r := newRig(t)
	for i := range 300 {
		r.mustSubmit(r.says(fmt.Sprintf("a-%d", i)))
	}
	r.awaitIndex()
	dir := t.TempDir()
	if err := book.Create(dir); err != nil {
		t.Fatal(err)
	}
	b, err := book.Open(dir, book.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for c, err := range r.store.Commits(0) {
		if err == nil {
			err = b.Commit(c)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := b.SaveCheckpoint(r.ledger.Checkpoint()); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, r, r.index.(*ledgertest.MemoryIndex)
}

func flipAt(t *testing.T, data []byte, text string) []byte {
	t.Helper()
	at := bytes.Index(data, []byte(text))
	if at < 0 {
		t.Fatalf("%s is not there", text)
	}
	out := bytes.Clone(data)
	out[at+1] ^= 1
	return out
}
