package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/frame"
	"civicledger/ledger/verify/verdict"
)

// retries and pause are for what a server writes in the moment it is read.
const (
	retries = 4
	pause   = time.Millisecond
)

func slotFile(i int) string { return filepath.Join(bookDir, frame.SlotNames[i]) }

// slots reads the two files that hold the newest checkpoint, and says why one
// cannot be used.
func (d Directory) slots() (slots [2]frame.Slot, bad [2]error, err error) {
	for range retries {
		for i := range slots {
			data, err := os.ReadFile(filepath.Join(string(d), slotFile(i)))
			switch {
			case errors.Is(err, fs.ErrNotExist):
				bad[i] = errors.New("it is missing")
			case err != nil:
				return slots, bad, fmt.Errorf("read checkpoint: %w", err)
			case len(data) == 0:
				bad[i] = errors.New("it is empty")
			default:
				slots[i], bad[i] = frame.ParseSlot(data)
			}
		}
		if bad == [2]error{} {
			break
		}
		time.Sleep(pause)
	}
	return slots, bad, nil
}

func unusable(i int, why error, what string) verdict.Defect {
	return verdict.Defect{Kind: verdict.KindCheckpoint, File: slotFile(i), Message: fmt.Sprintf("it cannot be used: %v%s", why, what)}
}

// Signed implements Source. Of two checkpoints that of more entries counts.
func (d Directory) Signed(_ context.Context, verifier note.Verifier) (newest *verdict.Signed, defects []verdict.Defect, err error) {
	if _, err := os.ReadDir(filepath.Join(string(d), bookDir)); err != nil {
		return nil, nil, fmt.Errorf("read the book: %w", err)
	}
	slots, bad, err := d.slots()
	if err != nil {
		return nil, nil, err
	}
	for i, slot := range slots {
		if bad[i] != nil {
			if bad[1-i] != nil {
				defects = append(defects, unusable(i, bad[i], ", nor can its twin: nothing here is signed by the ledger"))
			}
			continue // what one alone means is seen at the end of the book
		}
		signed, err := verdict.Open(slot.Note, verifier)
		if err != nil {
			defects = append(defects, unusable(i, err, ""))
		} else if newest == nil || signed.Size > newest.Size {
			newest = signed
		}
	}
	return newest, defects, nil
}

// judgeSlots says what a checkpoint file means that cannot be used while its
// twin can. Both hold the newest checkpoint: a crash leaves at most one of them
// half written, and then the book has all that the twin signs and ends with a
// whole frame. In every other case nobody knows how much was signed.
func (b *Book) judgeSlots() error {
	_, bad, err := b.dir.slots()
	if err != nil || b.size == NoSize || b.Next <= 1 { // behind the genesis entry alone none need stand yet
		return err
	}
	for i, why := range bad {
		switch {
		case why == nil:
		case bad[1-i] == nil && b.torn == nil && !b.damaged && b.Next >= b.size:
			b.out.Notes = append(b.out.Notes, fmt.Sprintf("%s cannot be used: %v; its twin can, and the book has all that it signs: what a crash leaves, and serve mends it", slotFile(i), why))
		case b.torn != nil:
			b.defect(unusable(i, why, fmt.Sprintf(", and behind entry %d stand bytes that are no frame: whether the ledger signed them is not known", b.Next-1)))
		default:
			b.defect(unusable(i, why, ", and the book is not whole: whether the ledger signed more is not known"))
		}
	}
	return nil
}
