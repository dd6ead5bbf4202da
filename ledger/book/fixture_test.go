package book

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/ledger/frame"
	"civicledger/ledger/ledgertest"
)

// fixture is a closed book of made-up entries on which an attack is tried.
type fixture struct {
	testing.TB
	dir     string
	options Options
	commits []*ledger.Commit
	offsets []int64 // of the commits, in the only segment
}

// newBook writes commits of two entries each and a checkpoint of noted entries
// (none if 0).
func newBook(t testing.TB, options Options, commits int, noted uint64) *fixture {
	return newBookOf(t, options, commits, noted, 60)
}

func newBookOf(t testing.TB, options Options, commits int, noted uint64, size int) *fixture {
	t.Helper()
	f := &fixture{TB: t, dir: t.TempDir(), options: options}
	b := mustOpen(t, f.dir, options)
	var head chain.Head
	for range commits {
		c := ledgertest.NewCommit(head, 2, size)
		if err := b.Commit(c); err != nil {
			t.Fatal(err)
		}
		if v := b.view.Load(); len(v.segments) == 1 {
			fr := frame.Frame{Entries: c.Entries}
			f.offsets = append(f.offsets, v.end-int64(fr.Size()))
		}
		f.commits = append(f.commits, c)
		if head = c.Head; head.Size == noted {
			if err := b.SaveCheckpoint(ledgertest.NewNote(t, noted)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) path(name string) string { return filepath.Join(f.dir, Dir, name) }

func (f *fixture) read(name string) []byte {
	f.Helper()
	data, err := os.ReadFile(f.path(name))
	if err != nil {
		f.Fatal(err)
	}
	return data
}

func (f *fixture) put(name string, data []byte) {
	f.Helper()
	if err := os.WriteFile(f.path(name), data, 0o644); err != nil {
		f.Fatal(err)
	}
}

// change rewrites a file of the book.
func (f *fixture) change(name string, change func([]byte) []byte) {
	f.Helper()
	f.put(name, change(f.read(name)))
}

// first is the name of the first segment.
var first = frame.SegmentName(0)

// frameOf returns the bytes of a commit in the only segment.
func (f *fixture) frameOf(data []byte, n int) []byte {
	end := int64(len(data))
	if n+1 < len(f.offsets) {
		end = f.offsets[n+1]
	}
	return bytes.Clone(data[f.offsets[n]:end])
}

// segments returns the names of all segments in order.
func (f *fixture) segments() []string {
	f.Helper()
	names, err := filepath.Glob(f.path("*.seg"))
	if err != nil || len(names) == 0 {
		f.Fatalf("no segments: %v", err)
	}
	for i := range names {
		names[i] = filepath.Base(names[i])
	}
	return names
}

// checkSound opens the book for writing, and checks that it holds exactly the
// first commits and takes another.
func (f *fixture) checkSound(commits int) Report {
	f.Helper()
	b, err := Open(f.dir, f.options)
	if err != nil {
		f.Fatalf("open: %v", err)
	}
	defer b.Close()
	var head chain.Head
	if commits > 0 {
		head = f.commits[commits-1].Head
	}
	if b.Head() != head {
		f.Fatalf("head %v, want %v", b.Head(), head)
	}
	f.checkFrom(b, 0, f.commits[:commits])
	if err := b.Commit(ledgertest.NewCommit(head, 1, 60)); err != nil {
		f.Fatalf("commit: %v", err)
	}
	report := b.Report()
	if err := b.Close(); err != nil {
		f.Fatalf("close: %v", err)
	}
	return report
}

// checkFrom checks that reading from an index yields exactly these commits.
func (f *fixture) checkFrom(b *Book, from uint64, want []*ledger.Commit) {
	f.Helper()
	for c, err := range b.Commits(from) {
		if err != nil || len(want) == 0 {
			f.Fatalf("commits from %d: %v, %v", from, c, err)
		}
		if err := ledgertest.SameCommit(c, want[0]); err != nil {
			f.Fatal(err)
		}
		want = want[1:]
	}
	if len(want) > 0 {
		f.Fatalf("commits from %d: %d are missing", from, len(want))
	}
}

// checkDamaged checks that the book does not open for writing, that entries
// first to last are named first, and that nothing in the directory changed.
func (f *fixture) checkDamaged(first, last uint64) {
	f.Helper()
	before := f.content()
	b, err := Open(f.dir, f.options)
	if err == nil {
		b.Close()
		f.Fatalf("a damaged book opens at %v", b.Head())
	}
	var damage *DamageError
	if !errors.Is(err, ledger.ErrDamaged) || !errors.As(err, &damage) {
		f.Fatalf("open: %v, want ErrDamaged", err)
	}
	var named interface{ Damages() []ledger.Damage }
	if !errors.As(err, &named) || len(named.Damages()) != len(damage.Found) {
		f.Errorf("the error does not carry what was found")
	}
	if d := damage.Found[0]; d.First != first || d.Last != last {
		f.Fatalf("damage %+v, want entries %d to %d", damage.Found, first, last)
	}
	if !strings.Contains(err.Error(), "read-only") || !strings.Contains(err.Error(), Dir) {
		f.Errorf("error names no cure or place: %v", err)
	}
	if f.content() != before {
		f.Error("opening a damaged book changed its files")
	}
	f.checkReadOnly()
}

// content is all names and bytes in the directory.
func (f *fixture) content() string {
	f.Helper()
	var all strings.Builder
	files, err := os.ReadDir(f.path(""))
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range files {
		fmt.Fprintf(&all, "%s\n%x\n", e.Name(), f.read(e.Name()))
	}
	return all.String()
}

// checkReadOnly opens the book read-only and checks that what it yields is
// true: from every index either the right commits, or an error.
func (f *fixture) checkReadOnly() (readable int) {
	f.Helper()
	options := f.options
	options.ReadOnly = true
	b, err := Open(f.dir, options)
	if err != nil {
		f.Fatalf("open read-only: %v", err)
	}
	defer b.Close()
	for i := range f.commits {
		readable += f.readFrom(b, i)
	}
	return readable
}

// readFrom reads from a commit to the end or the first error, and returns 1 if
// the commit itself can be read. What is yielded follows without a gap.
func (f *fixture) readFrom(b *Book, i int) (readable int) {
	f.Helper()
	for c, err := range b.Commits(f.commits[i].Prev.Size) {
		if err != nil {
			if !errors.Is(err, ledger.ErrDamaged) && !errors.Is(err, os.ErrNotExist) {
				f.Errorf("commits from %d: %v", f.commits[i].Prev.Size, err)
			}
			break
		}
		if i == len(f.commits) { // what a test committed since
			break
		}
		if err := ledgertest.SameCommit(c, f.commits[i]); err != nil {
			f.Fatalf("read-only: %v", err)
		}
		i, readable = i+1, 1
	}
	return readable
}
