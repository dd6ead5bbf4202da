package book

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"civicledger/ledger/frame"
	"civicledger/ledger/ledgertest"
)

// TestSlots_FailedSyncLeavesNoneDurable lets the sync of a slot fail as Linux
// does: what was written stays readable, is marked as clean, and no later sync
// writes it. A book that is opened then reads that slot as the newer one and
// writes over the other; one of the two must be whole on the disk all the time.
func TestSlots_FailedSyncLeavesNoneDurable(t *testing.T) {
	f := newBook(t, Options{}, 3, 4)
	durable, dirty := map[string][]byte{}, map[string]bool{}
	for _, name := range frame.SlotNames {
		durable[name] = f.read(name)
	}
	fails := false
	around := func(change Change, path string, do func() error) error {
		name := filepath.Base(path)
		if !strings.HasPrefix(name, "checkpoint.") {
			return do()
		}
		switch {
		case change == ChangeSync && fails && name == frame.SlotNames[1]:
			fails, dirty[name] = false, false
			return errors.New("the disk says no")
		case change == ChangeSync && dirty[name]:
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			durable[name], dirty[name] = data, false
		case change == ChangeWrite:
			if err := do(); err != nil {
				return err
			}
			dirty[name] = true
			other := frame.SlotNames[0]
			if other == name {
				other = frame.SlotNames[1]
			}
			_, err := frame.ParseSlot(durable[other])
			if err != nil && !bytes.Equal(f.read(name), durable[name]) { // the same bytes again do no harm
				t.Errorf("%s is written over, and the other slot is not on the disk", name)
			}
			return nil
		}
		return do()
	}
	f.options.Around = around
	b := mustOpen(t, f.dir, f.options)
	fails = true
	if err := b.SaveCheckpoint(ledgertest.NewNote(t, 6)); err != nil {
		t.Fatal(err)
	}
	if err := b.Sync(); err == nil {
		t.Fatal("the sync did not fail")
	}
	b.Close()
	b = mustOpen(t, f.dir, f.options)
	if b.Report().Checkpoint != 6 {
		t.Fatalf("checkpoint of %d, want the one that can be read", b.Report().Checkpoint)
	}
	if err := b.SaveCheckpoint(ledgertest.NewNote(t, 6)); err != nil {
		t.Fatal(err)
	}
}
