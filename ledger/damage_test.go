package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"civicledger/ledger"
	"civicledger/ledger/book"
	"civicledger/ledger/ledgertest"
)

// finders are who may come upon damage in the commit of an entry while a ledger
// runs, and what they are called.
var finders = map[string]func(a *auditRig, entry uint64){
	"a submission": func(a *auditRig, entry uint64) {
		n := (entry - 2) / 2
		_, err := a.submit(a.says(fmt.Sprintf("a-%d", n), fmt.Sprintf("a-%d-b", n)))
		if !errors.Is(err, ledger.ErrStopped) || !errors.Is(err, ledger.ErrDamaged) {
			a.t.Errorf("the sender hears %v", err)
		}
	},
	"a reader": func(a *auditRig, entry uint64) {
		if _, err := a.ledger.Entry(entry); !errors.Is(err, ledger.ErrDamaged) {
			a.t.Errorf("the reader hears %v", err)
		}
	},
	"a reader behind it": func(a *auditRig, entry uint64) {
		if _, err := a.ledger.Entry(entry + 2); err != nil {
			a.t.Errorf("the reader hears %v", err)
		}
	},
	"a proof": func(a *auditRig, entry uint64) {
		if _, err := a.ledger.Prove(entry); !errors.Is(err, ledger.ErrDamaged) {
			a.t.Errorf("who wants a proof hears %v", err)
		}
	},
	"far walk": func(a *auditRig, _ uint64) { a.ledger.AuditRound() },
}

// TestDamage_WhoeverFindsIt damages a commit of a running ledger and lets each
// of the finders come upon it: it is one record, nothing is recorded any more, and
// what stands is answered, before and behind; opened for reading it is the same.
func TestDamage_WhoeverFindsIt(t *testing.T) {
	for attack, change := range attacks {
		for finder, find := range finders {
			forged := strings.Contains(attack, "good checksums")
			if (forged || attack == "cut") && finder == "a reader behind it" || forged && finder == "a reader" {
				continue // there is nothing to see
			}
			if forged && finder == "a submission" {
				continue // it is refused as a conflict
			}
			t.Run(attack+"/"+finder, func(t *testing.T) {
				a := newAuditRig(t, ledgertest.NewMemoryIndex(), 160)
				a.awaitIndex()
				// Entries 40 and 41, in the middle of a segment.
				change(a, 41)
				find(a, 41)
				var m *ledger.Mismatch
				if err := a.ledger.Err(); !errors.As(err, &m) || m.Index {
					t.Fatalf("the ledger goes on: %v", err)
				}
				if _, err := a.submit(a.says("new")); !errors.Is(err, ledger.ErrStopped) || !errors.Is(err, ledger.ErrDamaged) {
					t.Errorf("a new submission hears %v", err)
				}
				a.ledger.Survey()
				running := standing(a.rig)
				a.checkRecord(running)
				if err := a.ledger.Close(); err != nil {
					t.Fatal(err)
				}
				store, err := book.Open(a.dir, book.Options{SegmentSize: 8 << 10, ReadOnly: true})
				if err != nil {
					t.Fatal(err)
				}
				a.openForReading(store, a.rig.index.(*ledgertest.MemoryIndex).Reopen())
				a.ledger.Survey()
				if reading := standing(a.rig); !slices.Equal(reading, running) {
					t.Errorf("running these stood:\n%v\nopened for reading:\n%v", running, reading)
				}
				a.checkRecord(running)
			})
		}
	}
}

// openForReading opens the ledger over another store and index.
func (r *rig) openForReading(store ledger.Store, index ledger.Index) {
	r.t.Helper()
	cfg := r.config()
	cfg.Store, cfg.Index, cfg.ReadOnly = store, index, true
	l, err := ledger.Open(context.Background(), cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	r.ledger = l
	r.t.Cleanup(func() { l.Close() })
}

// standing asks for entries that the checkpoint signs, each alone, and for its
// proof, and returns those that are given. The rest must be called damaged.
func standing(r *rig) []uint64 {
	r.t.Helper()
	var at []uint64
	for i := range r.ledger.Head().Size {
		if i >= 64 && i%32 != 0 { // far from the damage
			at = append(at, i)
			continue
		}
		entry, err := r.ledger.Entry(i)
		if err != nil {
			if !errors.Is(err, ledger.ErrDamaged) || errors.Is(err, ledger.ErrNotThere) {
				r.t.Errorf("entry %d: %v", i, err)
			}
			if _, err := r.ledger.Prove(i); !errors.Is(err, ledger.ErrDamaged) {
				r.t.Errorf("proof of damaged entry %d: %v", i, err)
			}
			continue
		}
		at = append(at, i)
		p, err := r.ledger.Prove(i)
		if err != nil {
			r.t.Errorf("proof of entry %d: %v", i, err)
			continue
		}
		if _, _, err := p.Proof.Verify(defaultSuite, p.Entry, r.verifier()); err != nil || !bytes.Equal(entry, p.Entry) {
			r.t.Errorf("proof of entry %d does not hold: %v", i, err)
		}
	}
	return at
}

// checkRecord holds the record against what stands: some of entries 40 and 41
// (or all up to the end of their segment, where that was cut) do not.
func (a *auditRig) checkRecord(stands []uint64) {
	a.t.Helper()
	d := a.ledger.Damaged()
	if d == nil {
		a.t.Fatal("nothing is said to be damaged")
	}
	first, last, count := d.Entries()
	// A rewritten head accuses the commit behind it too.
	if size := a.ledger.Head().Size; uint64(len(stands))+count != size && count != 4 || count == 0 {
		a.t.Errorf("%d of %d entries stand, %d are said to be damaged: %v", len(stands), size, count, d)
	}
	if first < 40 || first > 41 || slices.Contains(stands, first) {
		a.t.Errorf("damaged from %d to %d; %v", first, last, d)
	}
	at, err := a.ledger.Timeline("st1.e1.abcdefghijklmnopqrstuvwxyz", 0, 1000)
	if err != nil || len(at) != 320 {
		a.t.Errorf("the index names %d entries: %v", len(at), err)
	}
}

// TestDamage_Record: places that overlap become one, in any order.
func TestDamage_Record(t *testing.T) {
	r := newRig(t)
	r.mustSubmit(r.says("a"))
	if r.ledger.Damaged() != nil {
		t.Fatal("a sound ledger is damaged")
	}
	for _, place := range [][2]uint64{{50, 60}, {10, 12}, {70, 70}, {55, 65}, {11, 11}, {64, 70}} {
		r.ledger.Condemn(&ledger.Mismatch{Found: "the test", Damage: ledger.Damage{First: place[0], Last: place[1]}})
	}
	r.ledger.Condemn(&ledger.Mismatch{Found: "the test", Index: true, Damage: ledger.Damage{Reason: "a table"}})
	r.ledger.Condemn(&ledger.Mismatch{Found: "the test", Damage: ledger.Damage{First: 1, Last: 1}})
	var got []string
	for _, m := range r.ledger.Damaged().Found {
		got = append(got, fmt.Sprint(m.Index, m.Damage.First, m.Damage.Last))
	}
	if want := []string{"false 1 1", "false 10 12", "false 50 70", "false 70 70", "true 0 0"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if first, last, count := r.ledger.Damaged().Entries(); first != 1 || last != 70 || count != 26 {
		t.Errorf("%d to %d, %d entries", first, last, count)
	}
}
