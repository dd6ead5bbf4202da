package book

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"civicledger/ledger/chain"
	"civicledger/ledger/frame"
	"civicledger/ledger/ledgertest"
)

// checkStopped checks that the book does nothing more, and why it says so.
func checkStopped(t *testing.T, b *Book, why error) {
	t.Helper()
	c := ledgertest.NewCommit(b.Head(), 1, 60)
	_, noteErr := b.Checkpoint()
	var readErr error
	for _, readErr = range b.Commits(0) {
		break
	}
	for what, err := range map[string]error{
		"commit": b.Commit(c), "commits": readErr, "checkpoint": noteErr,
		"sync": b.Sync(), "save": b.SaveCheckpoint(ledgertest.NewNote(t, 4)),
	} {
		if !errors.Is(err, ErrStopped) || !errors.Is(err, why) {
			t.Errorf("%s after a failed write: %v, want one that wraps %v", what, err, why)
		}
	}
}

// TestCommit_FailedWriteStops closes the file under the book, as a disk that
// is gone would.
func TestCommit_FailedWriteStops(t *testing.T) {
	f := newBook(t, Options{}, 2, 4)
	b := mustOpen(t, f.dir, f.options)
	b.write.file.Close()
	if err := b.Commit(ledgertest.NewCommit(b.Head(), 1, 60)); !errors.Is(err, os.ErrClosed) {
		t.Fatalf("commit: %v", err)
	}
	checkStopped(t, b, os.ErrClosed)
	if b.Head() != f.commits[1].Head {
		t.Errorf("head %v", b.Head())
	}
	b.Close()
	f.checkSound(2)
}

// TestCommit_FailedSegmentCreation puts something in the way of each step.
func TestCommit_FailedSegmentCreation(t *testing.T) {
	name := frame.SegmentName(4)
	for step, inTheWay := range map[string]string{"create": name + newSuffix, "rename": name + "/full"} {
		t.Run(step, func(t *testing.T) {
			f := newBook(t, Options{SegmentSize: 1}, 2, 4)
			b := mustOpen(t, f.dir, f.options)
			if err := os.MkdirAll(f.path(inTheWay), 0o755); err != nil {
				t.Fatal(err)
			}
			var why *fs.PathError
			var link *os.LinkError
			err := b.Commit(ledgertest.NewCommit(b.Head(), 1, 60))
			if !errors.As(err, &why) && !errors.As(err, &link) {
				t.Fatalf("commit: %v", err)
			}
			checkStopped(t, b, errors.Unwrap(err))
			b.Close()
			if err := os.RemoveAll(f.path(strings.TrimSuffix(inTheWay, "/full"))); err != nil {
				t.Fatal(err)
			}
			f.checkSound(2)
		})
	}
}

// TestSlots_FailedWriteStops closes the slots under the book.
func TestSlots_FailedWriteStops(t *testing.T) {
	for step, call := range map[string]func(*Book) error{
		"save": func(b *Book) error { return b.SaveCheckpoint(ledgertest.NewNote(t, 4)) },
		"sync": (*Book).Sync,
	} {
		t.Run(step, func(t *testing.T) {
			f := newBook(t, Options{}, 2, 2)
			b := mustOpen(t, f.dir, f.options)
			if step == "sync" {
				if err := b.SaveCheckpoint(ledgertest.NewNote(t, 4)); err != nil {
					t.Fatal(err)
				}
			}
			b.slots.files[0].Close()
			b.slots.files[1].Close()
			if err := call(b); err == nil {
				t.Fatalf("%s: %v", step, err)
			}
			checkStopped(t, b, ErrStopped)
			b.Close()
			f.checkSound(2)
		})
	}
}

// TestCommit_CutOffByTheSystem lets the system end a write in the middle of a
// frame, as a full disk does, in a child process that cannot make files longer
// than a limit.
func TestCommit_CutOffByTheSystem(t *testing.T) {
	dir := t.TempDir()
	b := mustOpen(t, dir, Options{SegmentSize: crashSegment})
	c := ledgertest.NewCommit(chain.Head{}, 1, 60)
	if err := b.Commit(c); err != nil {
		t.Fatal(err)
	}
	if err := b.SaveCheckpoint(ledgertest.NewNote(t, 1)); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	acknowledged, output := limited(t, dir)
	if !strings.Contains(output, "file too large") {
		t.Fatalf("the child ended with: %s", output)
	}
	b = mustOpen(t, dir, Options{SegmentSize: crashSegment})
	if b.Head().Size != acknowledged || b.Report().Torn == nil {
		t.Fatalf("%d entries were acknowledged, %d are there; torn tail %+v", acknowledged, b.Head().Size, b.Report().Torn)
	}
	checkMadeUp(t, b)
}
