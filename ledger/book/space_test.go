package book

import (
	"errors"
	"testing"

	"civicledger/ledger"
	"civicledger/ledger/ledgertest"
)

// A disk without room refuses commits that need more of it, stores nothing of
// them, and takes them once there is room.
func TestCommit_NoSpace(t *testing.T) {
	free := int64(0)
	f := newBook(t, Options{}, 2, 4)
	b := mustOpen(t, f.dir, Options{FreeBytes: func(string) (int64, error) { return free, nil }, MinFree: 1000})
	head := b.Head()
	for range 3 {
		if err := b.Commit(ledgertest.NewCommit(head, 1, 60)); !errors.Is(err, ledger.ErrNoSpace) {
			t.Fatalf("commit on a full disk: %v", err)
		}
	}
	if b.Head() != head {
		t.Fatalf("head %v, want %v", b.Head(), head)
	}
	for range b.Commits(0) {
	}
	free = 1 << 30
	if err := b.Commit(ledgertest.NewCommit(head, 1, 60)); err != nil {
		t.Fatalf("with room again: %v", err)
	}
	free = 0
	if err := b.Commit(ledgertest.NewCommit(b.Head(), 1, 60)); err != nil {
		t.Fatalf("within the reserved space: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

// Around sees every change of a commit and its error stops the book.
func TestCommit_AroundFails(t *testing.T) {
	for _, change := range []Change{ChangeWrite, ChangeSync, ChangeCreate, ChangeRename, ChangeSyncDir, ChangeTruncate} {
		t.Run(string(change), func(t *testing.T) {
			f := newBook(t, Options{SegmentSize: 1}, 2, 4)
			armed, injected := false, errors.New("injected")
			b := mustOpen(t, f.dir, Options{SegmentSize: 1, Around: func(c Change, _ string, do func() error) error {
				if armed && c == change {
					return injected
				}
				return do()
			}})
			if change == ChangeTruncate { // something to give back
				if err := b.Commit(ledgertest.NewCommit(b.Head(), 1, 60)); err != nil {
					t.Fatal(err)
				}
			}
			armed = true
			if err := b.Commit(ledgertest.NewCommit(b.Head(), 1, 60)); !errors.Is(err, injected) {
				t.Fatalf("commit: %v", err)
			}
			checkStopped(t, b, injected)
			b.Close()
		})
	}
}
