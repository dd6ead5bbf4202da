package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"civicledger/ledger"
	"civicledger/ledger/book"
	"civicledger/ledger/chain"
	"civicledger/ledger/frame"
	"civicledger/ledger/index"
	"civicledger/ledger/ledgertest"
)

// auditRig is a ledger over a real book of small segments. Entries 0 and 1 are
// the operator's; each commit behind them is one submission of two lines.
type auditRig struct {
	*rig
	dir  string
	book *book.Book
}

func newAuditRig(t *testing.T, idx ledger.Index, commits int) *auditRig {
	t.Helper()
	a := &auditRig{rig: newRig(t), dir: t.TempDir()}
	if err := a.ledger.Close(); err != nil {
		t.Fatal(err)
	}
	if err := book.Create(a.dir); err != nil {
		t.Fatal(err)
	}
	store, err := book.Open(a.dir, book.Options{SegmentSize: 8 << 10})
	if err != nil {
		t.Fatal(err)
	}
	memory := a.rig.store.(*ledgertest.Memory).Reopen()
	for c, err := range memory.Commits(0) {
		if err = errors.Join(err, store.Commit(c)); err != nil {
			t.Fatal(err)
		}
	}
	note, err := memory.Checkpoint()
	if err = errors.Join(err, store.SaveCheckpoint(note)); err != nil {
		t.Fatal(err)
	}
	a.book, a.rig.store, a.rig.index = store, store, idx
	a.open()
	for i := range commits {
		a.mustSubmit(a.says(fmt.Sprintf("a-%d", i), fmt.Sprintf("a-%d-b", i)))
	}
	return a
}

// place of an entry's commit: file, offset and length of the frame.
func (a *auditRig) place(entry uint64) (string, int64, int64) {
	a.t.Helper()
	name, offset := a.book.Locate(entry)
	name = filepath.Join(a.dir, name)
	data, err := os.ReadFile(name)
	if err != nil {
		a.t.Fatal(err)
	}
	h, err := frame.ParseHeader(data[offset:])
	if err != nil || entry < h.Prev.Size || entry >= h.Head.Size {
		a.t.Fatalf("entry %d is not in the frame at %d of %s: %v", entry, offset, name, err)
	}
	return name, offset, int64(h.Size())
}

// overwrite changes a file behind the ledger's back.
func (a *auditRig) overwrite(name string, at int64, data []byte) {
	a.t.Helper()
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt(data, at)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		a.t.Fatal(err)
	}
}

// forge replaces the text old in the commit of an entry by another of the same
// length, and makes the frame's checksums right again.
func (a *auditRig) forge(entry uint64, old, forged string, relink bool) {
	a.t.Helper()
	name, offset, size := a.place(entry)
	data, err := os.ReadFile(name)
	if err != nil {
		a.t.Fatal(err)
	}
	var f frame.Frame
	if err := f.Parse(data[offset : offset+size]); err != nil {
		a.t.Fatal(err)
	}
	changed := false
	for i, e := range f.Entries {
		if n := bytes.Index(e, []byte(old)); n >= 0 {
			f.Entries[i] = slices.Concat(e[:n], []byte(forged), e[n+len(old):])
			changed = true
		}
		if i == len(f.Entries)-1 && relink {
			f.Head.Last = defaultSuite.Leaf(f.Entries[i])
		}
	}
	again, err := f.Append(nil)
	if err != nil || !changed || int64(len(again)) != size {
		a.t.Fatalf("forged frame of %d bytes in place of %d: %v", len(again), size, err)
	}
	a.overwrite(name, offset, again)
}

// attacks change the commit of an entry behind the back of a running ledger.
var attacks = map[string]func(a *auditRig, entry uint64){
	"one bit of an event": func(a *auditRig, entry uint64) {
		name, offset, size := a.place(entry)
		data, err := os.ReadFile(name)
		if err != nil {
			a.t.Fatal(err)
		}
		a.overwrite(name, offset+size-20, []byte{data[offset+size-20] ^ 4})
	},
	"a frame's header": func(a *auditRig, entry uint64) {
		name, offset, _ := a.place(entry)
		a.overwrite(name, offset+30, []byte{0x55})
	},
	"zeroed": func(a *auditRig, entry uint64) {
		name, offset, size := a.place(entry)
		a.overwrite(name, offset, make([]byte, size))
	},
	"cut": func(a *auditRig, entry uint64) {
		name, offset, _ := a.place(entry)
		if err := os.Truncate(name, offset+50); err != nil {
			a.t.Fatal(err)
		}
	},
	"an amount, with good checksums": func(a *auditRig, entry uint64) {
		a.forge(entry, `"amount":100`, `"amount":900`, false)
	},
	"an amount, with good checksums and a good head": func(a *auditRig, entry uint64) {
		a.forge(entry, `"amount":100`, `"amount":900`, true)
	},
}

func TestAudit_Near(t *testing.T) {
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			a := newAuditRig(t, ledgertest.NewMemoryIndex(), 8)
			a.ledger.AuditNear()
			if at := a.ledger.Audited(); at.Near != 18 || at.Behind != 0 || a.ledger.Err() != nil {
				t.Fatalf("a sound book: at %+v, %v", at, a.ledger.Err())
			}
			a.mustSubmit(a.says("last", "last-b"))
			attack(a, 19)
			a.ledger.AuditNear()
			a.checkFound(18, 19, "near walk")
		})
	}
}

func TestAudit_Far(t *testing.T) {
	old := map[string]func(a *auditRig, entry uint64){
		"the file is gone": func(a *auditRig, entry uint64) {
			name, _, _ := a.place(entry)
			if err := os.Remove(name); err != nil {
				a.t.Fatal(err)
			}
		},
		"the header of the segment": func(a *auditRig, entry uint64) {
			name, _, _ := a.place(entry)
			a.overwrite(name, 60, []byte{0x55})
		},
	}
	for name, attack := range attacks {
		old[name] = attack
	}
	for name, attack := range old {
		t.Run(name, func(t *testing.T) {
			a := newAuditRig(t, ledgertest.NewMemoryIndex(), 60)
			a.ledger.AuditNear()
			a.ledger.AuditRound()
			if at := a.ledger.Audited(); at.Rounds != 1 || at.Far != 122 || a.ledger.Err() != nil {
				t.Fatalf("a sound book: at %+v, %v", at, a.ledger.Err())
			}
			if segments, err := filepath.Glob(a.dir + "/book/*.seg"); err != nil || len(segments) < 4 {
				t.Fatalf("%d segments: %v", len(segments), err)
			}
			attack(a, 41)
			a.ledger.AuditNear()
			if err := a.ledger.Err(); err != nil {
				t.Fatalf("the near walk goes back to what it has read: %v", err)
			}
			a.ledger.AuditRound()
			first, last := uint64(40), uint64(41)
			if strings.Contains(name, "of the segment") || strings.Contains(name, "gone") {
				first, last = 30, 60 // some entry of that file
			}
			a.checkFound(first, last, "far walk")
		})
	}
}

// checkFound: the ledger stopped over entries that lie in a range, signs and
// acknowledges nothing more, and still answers.
func (a *auditRig) checkFound(first, last uint64, by string) {
	a.t.Helper()
	err := a.ledger.Err()
	var m *ledger.Mismatch
	if !errors.As(err, &m) || !errors.Is(err, ledger.ErrDamaged) {
		a.t.Fatalf("the ledger goes on: %v", err)
	}
	a.t.Log(m)
	if m.Damage.First < first || m.Damage.First > last || !strings.Contains(m.Found, by) {
		a.t.Errorf("found at entry %d by %s, want %d to %d by the %s", m.Damage.First, m.Found, first, last, by)
	}
	if !strings.Contains(m.Damage.File, ".seg") || !strings.Contains(err.Error(), fmt.Sprint(m.Damage.First)) {
		a.t.Errorf("file %q in %q", m.Damage.File, err)
	}
	if first, _, _ := a.ledger.Damaged().Entries(); first > m.Damage.First {
		a.t.Errorf("the record begins at %d", first)
	}
	before, head := a.ledger.Checkpoint(), a.ledger.Head()
	if _, err := a.submit(a.says("after")); !errors.Is(err, ledger.ErrStopped) || !errors.Is(err, ledger.ErrDamaged) {
		a.t.Errorf("submit after a mismatch: %v", err)
	}
	if !bytes.Equal(before, a.ledger.Checkpoint()) || a.ledger.Head() != head || a.book.Head() != head {
		a.t.Error("something was recorded or signed after a mismatch")
	}
	if _, err := a.ledger.Entry(1); err != nil {
		a.t.Errorf("what is whole is not answered: %v", err)
	}
}

// swapped is an index that serves one tile wrongly.
type swapped struct {
	ledger.Index
	level int
}

func (s *swapped) Tile(level int, n uint64) ([]chain.Hash, error) {
	hashes, err := s.Index.Tile(level, n)
	if err == nil && level == s.level {
		hashes = slices.Clone(hashes)
		hashes[77], hashes[78] = hashes[78], hashes[77]
	}
	return hashes, err
}

func TestAudit_SwappedTile(t *testing.T) {
	idx := &swapped{ledgertest.NewMemoryIndex(), -1}
	a := newAuditRig(t, idx, 150)
	a.awaitIndex()
	a.ledger.AuditRound()
	if err := a.ledger.Err(); err != nil {
		t.Fatal(err)
	}
	idx.level = 0
	a.ledger.AuditRound()
	a.checkFound(77, 77, "far walk")
}

// A file of the index that rots is found once a round; the next start rebuilds
// what it held.
func TestAudit_IndexTable(t *testing.T) {
	dir := t.TempDir()
	open := func() ledger.Index {
		x, err := index.Open(dir, index.Options{Ledger: chain.Hash{1}})
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	a := newAuditRig(t, open(), 5)
	if err := a.ledger.Close(); err != nil { // makes tables of what was in memory
		t.Fatal(err)
	}
	store, err := book.Open(a.dir, book.Options{SegmentSize: 8 << 10})
	if err != nil {
		t.Fatal(err)
	}
	a.book, a.store, a.index = store, store, open()
	a.open()
	a.ledger.AuditRound()
	if err := a.ledger.Err(); err != nil {
		t.Fatal(err)
	}
	tables, err := filepath.Glob(dir + "/*.sst")
	if err != nil || len(tables) == 0 {
		t.Fatalf("tables %v: %v", tables, err)
	}
	a.overwrite(tables[0], 200, []byte{0xff, 0, 0xff, 0})
	a.ledger.AuditRound()
	var m *ledger.Mismatch
	if err := a.ledger.Err(); !errors.As(err, &m) || !m.Index || !strings.Contains(err.Error(), "index") {
		t.Fatalf("a table with four bytes changed: %v", err)
	}
}

// Whoever reads damage, the ledger stops.
func TestAudit_Reader(t *testing.T) {
	a := newAuditRig(t, ledgertest.NewMemoryIndex(), 8)
	attacks["one bit of an event"](a, 9)
	if _, err := a.ledger.Entry(9); !errors.Is(err, ledger.ErrDamaged) {
		t.Fatalf("entry 9: %v", err)
	}
	a.checkFound(8, 9, "a reader")
}

// tattler finds damage while a commit is on its way to the disk.
type tattler struct {
	ledger.Store
	during func()
}

func (s *tattler) Commit(c *ledger.Commit) error {
	err := s.Store.Commit(c)
	s.during()
	return err
}

// TestAudit_NothingSigned: what is durable when a mismatch is found and not
// signed yet is never signed by this process; the next one judges it.
func TestAudit_NothingSigned(t *testing.T) {
	r := newRig(t)
	if err := r.ledger.Close(); err != nil {
		t.Fatal(err)
	}
	memory := r.store.(*ledgertest.Memory).Reopen()
	m := &ledger.Mismatch{Found: "the test", Damage: ledger.Damage{First: 1, Last: 1, Reason: "it says so"}}
	r.store = &tattler{memory, func() { r.ledger.Condemn(m) }}
	r.index = r.index.(*ledgertest.MemoryIndex).Reopen()
	r.open()
	before := r.ledger.Checkpoint()
	if _, err := r.submit(r.says("on-its-way")); !errors.Is(err, ledger.ErrStopped) || !errors.Is(err, ledger.ErrDamaged) {
		t.Fatalf("submit: %v", err)
	}
	stored, err := memory.Checkpoint()
	if err != nil || !bytes.Equal(stored, before) || !bytes.Equal(r.ledger.Checkpoint(), before) {
		t.Fatalf("a checkpoint was signed over a log that is condemned: %v", err)
	}
	if memory.Head().Size != r.ledger.Head().Size+1 {
		t.Fatal("the commit is not on the store")
	}
	if err := r.ledger.Close(); err != nil {
		t.Fatal(err)
	}
	r.store, r.index = memory.Reopen(), r.index.(*ledgertest.MemoryIndex).Reopen()
	r.open()
	if receipt := r.mustSubmit(r.says("on-its-way")); receipt.First != 2 {
		t.Errorf("place %d, want 2", receipt.First)
	}
	r.checkLog()
}

// TestAudit_Distance: with the goroutine and the smallest distance, nothing is
// acknowledged while more than the commit before it is not re-read.
func TestAudit_Distance(t *testing.T) {
	r := newRig(t)
	if err := r.ledger.Close(); err != nil {
		t.Fatal(err)
	}
	r.store, r.index = r.store.(*ledgertest.Memory).Reopen(), r.index.(*ledgertest.MemoryIndex).Reopen()
	cfg := r.config()
	cfg.Audit = ledger.AuditConfig{Distance: 1}
	l, err := ledger.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.ledger = l
	for i := range 20 {
		receipt := r.mustSubmit(r.says(fmt.Sprintf("d-%d", i)))
		if near := l.Audited().Near; near < receipt.First {
			t.Fatalf("entry %d is acknowledged and only %d are re-read", receipt.First, near)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestStats(t *testing.T) {
	r := newRig(t)
	r.mustSubmit(r.says("a", "b", "c"))
	r.mustSubmit(r.says("a", "b", "c"))
	if _, err := r.submit(r.says("a", "new")); err == nil {
		t.Fatal("recorded twice")
	}
	if _, err := r.submit(r.says("x", "x")); err == nil {
		t.Fatal("said twice")
	}
	s := r.ledger.Stats()
	if s.Size != 5 || s.Commits != 2 || s.Entries != 4 || s.Accepted != 3 || s.CheckpointSize != 5 || s.CheckpointTime.IsZero() {
		t.Errorf("%+v", s)
	}
	if s.Refused[ledger.CodeRecorded] != 1 || s.Refused[ledger.CodeTwice] != 1 {
		t.Errorf("refused %v", s.Refused)
	}
	count := func(d ledger.Distribution) (n uint64) {
		for _, c := range d.Counts {
			n += c
		}
		return n
	}
	if count(s.CommitSeconds) != 2 || count(s.CommitEntries) != 2 || s.CommitEntries.Sum != 4 || count(s.ReceiptSeconds) != 3 {
		t.Errorf("distributions %+v", s)
	}
	if s.CommitEntries.Counts[0] != 1 || s.CommitEntries.Counts[2] != 1 {
		t.Errorf("commits of 1 and 3 entries are counted as %v", s.CommitEntries.Counts)
	}
}
