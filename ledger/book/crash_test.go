package book

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/ledger/frame"
	"civicledger/ledger/ledgertest"
)

// childVariable names the directory in which a child process commits until it
// is killed.
const childVariable = "CIVICLEDGER_BOOK_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		if err := commitUntilKilled(dir, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	// Every step syncs: a quarter of the usual number of checks unless
	// -rapid.checks says otherwise.
	if err := flag.Set("rapid.checks", "25"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// sizes of the n-th commit: some fill a page, some a segment.
func sizes(size uint64) (count, bytes int) {
	random := rand.New(rand.NewPCG(size, 1))
	return 1 + random.IntN(40), 60 + random.IntN(3000)
}

const crashSegment = 200_000

// commitUntilKilled writes a line for each head that was acknowledged and each
// checkpoint that was synced.
func commitUntilKilled(dir string, acknowledge io.Writer) error {
	if err := limitFiles(); err != nil {
		return err
	}
	b, err := Open(dir, Options{SegmentSize: crashSegment})
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		count, size := sizes(b.Head().Size)
		c := ledgertest.NewCommit(b.Head(), count, size)
		if err := b.Commit(c); err != nil {
			return err
		}
		fmt.Fprintf(acknowledge, "%d\n", c.Head.Size)
		if n%3 == 1 {
			if err := b.SaveCheckpoint(ledgertest.NewNote(nopTB{}, c.Head.Size)); err != nil {
				return err
			}
		}
		if n%7 == 2 {
			if err := b.Sync(); err != nil {
				return err
			}
		}
	}
}

// nopTB lets the child make a note without a test.
type nopTB struct{ testing.TB }

func (nopTB) Helper()           {}
func (nopTB) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// TestBook_Killed kills a committing process at random times, again and again
// on the same directory, and checks each time that nothing acknowledged is
// lost and that what is there is one history.
func TestBook_Killed(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes for some seconds; not in -short")
	}
	dir := t.TempDir()
	b := mustOpen(t, dir, Options{})
	if err := b.Commit(ledgertest.NewCommit(chain.Head{}, 1, 60)); err != nil {
		t.Fatal(err)
	}
	if err := b.SaveCheckpoint(ledgertest.NewNote(t, 1)); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	var total, torn uint64
	for round := range 25 {
		acknowledged := killed(t, dir, time.Duration(10+rand.IntN(150))*time.Millisecond)
		b, err := Open(dir, Options{SegmentSize: crashSegment})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if b.Head().Size < max(acknowledged, total) {
			t.Fatalf("round %d: %d entries were acknowledged, %d are there", round, max(acknowledged, total), b.Head().Size)
		}
		total = b.Head().Size
		if b.Report().Torn != nil {
			torn++
		}
		checkMadeUp(t, b)
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("25 kills, %d entries, %d torn tails", total, torn)
}

// killed runs a child for a while and returns the last size it acknowledged.
func killed(t *testing.T, dir string, after time.Duration) (acknowledged uint64) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childVariable+"="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { _ = child.Process.Kill() })
	defer timer.Stop()
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			break
		}
		if acknowledged, err = strconv.ParseUint(strings.TrimSpace(line), 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	var exit *exec.ExitError
	if err := child.Wait(); !errors.As(err, &exit) || exit.Exited() {
		t.Fatalf("the child ended by itself: %v", err)
	}
	return acknowledged
}

// checkMadeUp reads the book and compares it with what was made up.
func checkMadeUp(t *testing.T, b *Book) {
	t.Helper()
	var head chain.Head
	for c, err := range b.Commits(0) {
		if err != nil {
			t.Fatal(err)
		}
		count, size := sizes(head.Size)
		if head.Size == 0 {
			count, size = 1, 60
		}
		if err := ledgertest.SameCommit(c, ledgertest.NewCommit(head, count, size)); err != nil {
			t.Fatal(err)
		}
		head = c.Head
	}
	if head != b.Head() {
		t.Fatalf("read to %v, head %v", head, b.Head())
	}
}

func TestOpen_Locked(t *testing.T) {
	f := newBook(t, Options{}, 2, 4)
	b := mustOpen(t, f.dir, f.options)
	if _, err := Open(f.dir, f.options); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "another civicledger serves this directory") {
		t.Fatalf("second open: %v", err)
	}
	if n := f.checkReadOnly(); n != 2 {
		t.Errorf("%d commits can be read while it is locked", n)
	}
	b.Close()
	f.checkSound(2)
}

// TestOpen_ReadOnlyWhileWriting: a reader of a live directory sees everything
// up to a checkpoint, and changes nothing.
func TestOpen_ReadOnlyWhileWriting(t *testing.T) {
	f := newBook(t, Options{SegmentSize: 5000}, 2, 4)
	b := mustOpen(t, f.dir, f.options)
	for range 60 {
		c := ledgertest.NewCommit(b.Head(), 2, 60)
		if err := b.Commit(c); err != nil {
			t.Fatal(err)
		}
		f.commits = append(f.commits, c)
		if len(f.commits)%4 != 0 {
			continue
		}
		if err := b.SaveCheckpoint(ledgertest.NewNote(t, c.Head.Size)); err != nil {
			t.Fatal(err)
		}
		reader, err := Open(f.dir, Options{ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		f.checkFrom(reader, 0, f.commits)
		if err := reader.Commit(c); !errors.Is(err, ErrReadOnly) {
			t.Fatalf("commit to a read-only book: %v", err)
		}
		if err := reader.SaveCheckpoint(nil); !errors.Is(err, ErrReadOnly) {
			t.Fatalf("checkpoint to a read-only book: %v", err)
		}
		reader.Close()
	}
}

func TestOpen_NothingHere(t *testing.T) {
	if _, err := Open(t.TempDir(), Options{}); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "init") {
		t.Fatalf("open an empty directory: %v", err)
	}
	f := newBook(t, Options{}, 1, 2)
	if err := Create(f.dir); !errors.Is(err, os.ErrExist) {
		t.Fatalf("create over entries: %v", err)
	}
	f.checkSound(1)
}

// TestOpen_CutOffSegmentCreation: what is left of a segment that never got its
// name is removed, and the name is used again.
func TestOpen_CutOffSegmentCreation(t *testing.T) {
	f := newBook(t, Options{SegmentSize: 1}, 2, 4)
	left := f.segments()[1][:19] + "4.seg" + newSuffix
	f.put(left, []byte("half a header"))
	f.checkSound(2)
	if _, err := os.Stat(f.path(left)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", left, err)
	}
}

// TestSaveCheckpoint_BothSlots: each save writes both files, each sync makes
// both durable, and nothing is synced that was not written.
func TestSaveCheckpoint_BothSlots(t *testing.T) {
	f := newBook(t, Options{}, 5, 2)
	written, synced := map[string]int{}, map[string]int{}
	f.options.Around = func(change Change, path string, do func() error) error {
		if name := filepath.Base(path); strings.HasPrefix(name, "checkpoint.") {
			switch change {
			case ChangeWrite:
				written[name]++
			case ChangeSync:
				synced[name]++
			}
		}
		return do()
	}
	b := mustOpen(t, f.dir, f.options)
	for i, size := range []uint64{4, 6, 10} {
		clear(written)
		clear(synced)
		if err := errors.Join(b.SaveCheckpoint(ledgertest.NewNote(t, size)), b.Sync(), b.Sync()); err != nil {
			t.Fatal(err)
		}
		for _, name := range frame.SlotNames {
			slot, err := frame.ParseSlot(f.read(name))
			if err != nil || slot.Sequence != uint64(i+2) || written[name] != 1 || synced[name] != 1 {
				t.Errorf("%s after %d: sequence %d, %v, %d writes, %d syncs", name, size, slot.Sequence, err, written[name], synced[name])
			}
			if n := len(f.read(name)); n%4096 != 0 {
				t.Errorf("%s has %d bytes: it shares a page", name, n)
			}
		}
	}
}

var _ ledger.Store = (*Book)(nil)
