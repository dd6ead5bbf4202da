package book

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/ledger/frame"
	"civicledger/ledger/ledgertest"
)

// model is a book and what must be in it: a slice of commits and a size.
type model struct {
	dir     string
	options Options
	book    *Book
	commits []*ledger.Commit
	noted   uint64
	crashes int
}

// TestBook_Model does random things to a book and compares it with a slice.
func TestBook_Model(t *testing.T) {
	root := t.TempDir()
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		m := &model{
			dir:     filepath.Join(root, fmt.Sprint(runs)),
			options: Options{SegmentSize: rapid.Int64Range(1, 20_000).Draw(t, "segment size")},
		}
		if err := os.Mkdir(m.dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := Create(m.dir); err != nil {
			t.Fatal(err)
		}
		m.open(t)
		defer func() { m.book.Close() }()
		m.commit(t)
		m.save(t)
		t.Repeat(map[string]func(*rapid.T){
			"commit": m.commit,
			"save":   m.save,
			"sync":   m.sync,
			"stale":  m.stale,
			"reopen": m.reopen,
			"crash":  m.crash,
			"":       m.check,
		})
	})
}

func (m *model) open(t *rapid.T) {
	b, err := Open(m.dir, m.options)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	m.book = b
}

func (m *model) head() chain.Head {
	if n := len(m.commits); n > 0 {
		return m.commits[n-1].Head
	}
	return chain.Head{}
}

func (m *model) next(t *rapid.T) *ledger.Commit {
	return ledgertest.NewCommit(m.head(), rapid.IntRange(1, 20).Draw(t, "count"), rapid.IntRange(50, 3000).Draw(t, "size"))
}

func (m *model) commit(t *rapid.T) {
	c := m.next(t)
	if err := m.book.Commit(c); err != nil {
		t.Fatalf("commit: %v", err)
	}
	m.commits = append(m.commits, c)
}

func (m *model) save(t *rapid.T) {
	if err := m.book.SaveCheckpoint(ledgertest.NewNote(nopTB{}, m.head().Size)); err != nil {
		t.Fatalf("save: %v", err)
	}
	m.noted = m.head().Size
}

func (m *model) sync(t *rapid.T) {
	if err := m.book.Sync(); err != nil {
		t.Fatalf("sync: %v", err)
	}
}

func (m *model) stale(t *rapid.T) {
	c := ledgertest.NewCommit(chain.Head{Size: m.head().Size + 1}, 1, 50)
	if err := m.book.Commit(c); err == nil {
		t.Fatal("a commit behind another head was taken")
	}
}

func (m *model) reopen(t *rapid.T) {
	if err := m.book.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	m.open(t)
}

// crash goes on with a copy of the files as they are, behind which stands a
// part of a frame that was being written: some of its sectors, in any
// combination, as a power cut may leave them.
func (m *model) crash(t *rapid.T) {
	m.crashes++
	dir := fmt.Sprintf("%s-%d", m.dir, m.crashes)
	if err := os.CopyFS(dir, os.DirFS(m.dir)); err != nil {
		t.Fatal(err)
	}
	v := m.book.view.Load()
	if n := len(v.segments); n > 0 && rapid.Bool().Draw(t, "torn") {
		c := m.next(t)
		f := frame.Frame{Prev: c.Prev, Head: c.Head, Recorded: c.Recorded, Entries: c.Entries}
		data, err := f.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		whole := bytes.Clone(data)
		for at := 0; at < len(data); at += 512 {
			if rapid.Bool().Draw(t, "sector is lost") {
				clear(data[at:min(at+512, len(data))])
			}
		}
		if !bytes.Equal(whole, data) {
			name := filepath.Join(dir, Dir, frame.SegmentName(v.segments[n-1].first))
			writeAt(t, name, data, v.end)
		}
	}
	if err := m.book.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	m.dir = dir
	m.open(t)
}

func writeAt(t *rapid.T, name string, data []byte, at int64) {
	file, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteAt(data, at); err != nil {
		t.Fatal(err)
	}
}

func (m *model) check(t *rapid.T) {
	if m.book.Head() != m.head() {
		t.Fatalf("head %v, want %v", m.book.Head(), m.head())
	}
	note, err := m.book.Checkpoint()
	if size, noteErr := noteSize(note); err != nil || noteErr != nil || size != m.noted {
		if m.noted > 0 {
			t.Fatalf("checkpoint of %d, want %d: %v, %v", size, m.noted, err, noteErr)
		}
	}
	from := rapid.Uint64Range(0, m.head().Size).Draw(t, "from")
	want := m.commits
	for len(want) > 0 && want[0].Head.Size <= from {
		want = want[1:]
	}
	for c, err := range m.book.Commits(from) {
		if err != nil {
			t.Fatalf("commits from %d: %v", from, err)
		}
		if len(want) == 0 {
			t.Fatalf("commits from %d: too many", from)
		}
		if err := ledgertest.SameCommit(c, want[0]); err != nil {
			t.Fatal(err)
		}
		want = want[1:]
	}
	if len(want) > 0 {
		t.Fatalf("commits from %d: %d missing", from, len(want))
	}
}
