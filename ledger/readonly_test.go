package ledger_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"civicledger/ledger"
	"civicledger/ledger/book"
	"civicledger/ledger/frame"
	"civicledger/ledger/ledgertest"
)

// TestLedger_ReadOnly_Damaged damages the book of a ledger of 302 entries, one
// to a frame, whose index has all of them, and reads what stands before it,
// wherever it is: at the end, where the book is then shorter than its checkpoint
// and its index; where replay would begin; in an operator's entry of which only
// the roster needs to know.
func TestLedger_ReadOnly_Damaged(t *testing.T) {
	dir, r, index := bookOf300(t)
	name := filepath.Join(dir, book.Dir, frame.SegmentName(0))
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		damaged []byte
		stands  uint64
	}{
		"the last entry":             {flipAt(t, whole, `"a-299"`), 301},
		"cut in the last entry":      {whole[:bytes.Index(whole, []byte(`"a-299"`))], 301},
		"cut far before":             {whole[:bytes.Index(whole, []byte(`"a-99"`))], 101},
		"where replay begins":        {flipAt(t, whole, `"a-254"`), 256},
		"before where replay begins": {flipAt(t, whole, `"enrol-1"`), 1},
	} {
		t.Run(what, func(t *testing.T) {
			if err := os.WriteFile(name, c.damaged, 0o644); err != nil {
				t.Fatal(err)
			}
			store, err := book.Open(dir, book.Options{ReadOnly: true})
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			cfg := r.config()
			cfg.Store, cfg.Index, cfg.ReadOnly = store, index.Reopen(), true
			l, err := ledger.Open(context.Background(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			if l.Head().Size != c.stands {
				t.Fatalf("%d entries, want %d", l.Head().Size, c.stands)
			}
			for i := range c.stands {
				if _, err := l.Entry(i); err != nil {
					t.Fatalf("entry %d: %v", i, err)
				}
			}
			if _, ok := l.Roster().Agency("haidian"); ok != (c.stands > 1) {
				t.Errorf("the roster knows haidian: %t", ok)
			}
		})
	}
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
