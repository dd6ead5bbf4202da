package ledgertest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"civicledger/ledger"
	"civicledger/ledger/chain"
)

// TestStore checks every promise of ledger.Store that can be checked without
// pulling the plug. open is called with the directory of one test, which is
// empty at first; called again with the same directory after Close, it must
// return what was there. A store in memory may keep its own map from directory
// to content.
func TestStore(t *testing.T, open func(t testing.TB, dir string) ledger.Store) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, *rig)
	}{
		{"Empty", storeEmpty},
		{"ReadBack", storeReadBack},
		{"CommitsFromInside", storeFromInside},
		{"LargestCommit", storeLargest},
		{"ManyCommits", storeMany},
		{"StaleHead", storeStale},
		{"IllFormedCommitStops", storeIllFormed},
		{"KeepsNoReference", storeKeepsNoReference},
		{"BreakOffReading", storeBreakOff},
		{"ReadersWhileCommitting", storeReaders},
		{"HeadAtTheTimeOfTheCall", storeSnapshot},
		{"Checkpoint", storeCheckpoint},
		{"CheckpointOfWhatIsNotThere", storeCheckpointAhead},
		{"Reopen", storeReopen},
		{"ReopenAfterEveryCommit", storeReopenOften},
		{"Close", storeClose},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			r := &rig{T: t, open: func() ledger.Store { return open(t, dir) }}
			r.reopen()
			t.Cleanup(func() {
				if err := r.store.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			c.run(t, r)
		})
	}
}

// rig is a store under test and what must be in it.
type rig struct {
	*testing.T
	open    func() ledger.Store
	store   ledger.Store
	commits []*ledger.Commit
}

func (r *rig) reopen() {
	r.Helper()
	if r.store != nil {
		if err := r.store.Close(); err != nil {
			r.Fatalf("close: %v", err)
		}
	}
	r.store = r.open()
}

func (r *rig) head() chain.Head {
	if n := len(r.commits); n > 0 {
		return r.commits[n-1].Head
	}
	return chain.Head{}
}

// commit stores a commit of made-up entries.
func (r *rig) commit(count, size int) {
	r.Helper()
	c := NewCommit(r.head(), count, size)
	if err := r.store.Commit(c); err != nil {
		r.Fatalf("commit %d entries at %d: %v", count, c.Prev.Size, err)
	}
	r.commits = append(r.commits, c)
	if got := r.store.Head(); got != c.Head {
		r.Fatalf("head %v after a commit to %v", got, c.Head)
	}
}

// check reads everything back, from the beginning and from up to 30 commits.
func (r *rig) check() {
	r.Helper()
	if got := r.store.Head(); got != r.head() {
		r.Fatalf("head %v, want %v", got, r.head())
	}
	r.checkFrom(0)
	for i := 0; i < len(r.commits); i += 1 + len(r.commits)/30 {
		r.checkFrom(r.commits[i].Prev.Size)
	}
}

// checkFrom reads from an index and compares with what must be there.
func (r *rig) checkFrom(from uint64) {
	r.Helper()
	want := r.commits
	for len(want) > 0 && want[0].Head.Size <= from {
		want = want[1:]
	}
	n := 0
	for got, err := range r.store.Commits(from) {
		if err != nil {
			r.Fatalf("commits from %d: %v", from, err)
		}
		if n == len(want) {
			r.Fatalf("commits from %d: more than %d", from, n)
		}
		if err := SameCommit(got, want[n]); err != nil {
			r.Fatalf("commits from %d, number %d: %v", from, n, err)
		}
		n++
	}
	if n != len(want) {
		r.Fatalf("commits from %d: %d of %d", from, n, len(want))
	}
}

// SameCommit says how two commits differ.
func SameCommit(got, want *ledger.Commit) error {
	if got.Prev != want.Prev || got.Head != want.Head || got.Recorded != want.Recorded {
		return fmt.Errorf("from %v to %v at %d, want %v to %v at %d",
			got.Prev, got.Head, got.Recorded, want.Prev, want.Head, want.Recorded)
	}
	if !slices.EqualFunc(got.Entries, want.Entries, bytes.Equal) {
		return fmt.Errorf("commit at %d: other entries than were committed", want.Prev.Size)
	}
	return nil
}

func storeEmpty(t *testing.T, r *rig) {
	r.check()
	if note, err := r.store.Checkpoint(); err != nil || note != nil {
		t.Fatalf("checkpoint of an empty store: %q, %v", note, err)
	}
	if err := r.store.Sync(); err != nil {
		t.Fatalf("sync of an empty store: %v", err)
	}
	r.reopen()
	r.check()
}

func storeReadBack(_ *testing.T, r *rig) {
	for _, count := range []int{1, 3, 1000, 1} {
		r.commit(count, 100)
		r.check()
	}
}

func storeFromInside(_ *testing.T, r *rig) {
	for range 5 {
		r.commit(4, 50)
	}
	for from := range uint64(25) {
		r.checkFrom(from)
	}
}

// storeLargest fills a frame to the last byte that the format allows.
func storeLargest(t *testing.T, r *rig) {
	r.commit(1, 50)
	c := NewCommit(r.head(), 16, 60_000)
	free := chain.MaxFrame
	for _, e := range c.Entries {
		free -= 4 + len(e)
	}
	last := len(c.Entries) - 1
	c.Entries[last] = append(c.Entries[last], bytes.Repeat([]byte("x"), free)...)
	if err := r.store.Commit(c); err != nil {
		t.Fatalf("commit of %d bytes: %v", chain.MaxFrame, err)
	}
	r.commits = append(r.commits, c)
	r.commit(1, 50)
	r.check()
}

func storeMany(_ *testing.T, r *rig) {
	for i := range 300 {
		r.commit(1+i%7, 50+i)
	}
	r.check()
}

func storeStale(t *testing.T, r *rig) {
	r.commit(2, 50)
	r.commit(2, 50)
	head := r.head()
	other := head
	other.Last[0] ^= 1
	for name, prev := range map[string]chain.Head{
		"nothing": {}, "the commit before": r.commits[0].Head,
		"another history": other, "the future": {Size: head.Size + 1, Last: head.Last},
	} {
		if err := r.store.Commit(NewCommit(prev, 1, 50)); !errors.Is(err, ledger.ErrStale) {
			t.Errorf("commit that extends %s: %v, want ErrStale", name, err)
		}
	}
	r.check()
	r.commit(1, 50)
	r.check()
}

func storeIllFormed(t *testing.T, r *rig) {
	r.commit(2, 50)
	good := func() *ledger.Commit { return NewCommit(r.head(), 3, 50) }
	for name, spoil := range map[string]func(*ledger.Commit){
		"no entries":       func(c *ledger.Commit) { c.Entries, c.Head = nil, c.Prev },
		"one entry less":   func(c *ledger.Commit) { c.Entries = c.Entries[:2] },
		"an empty entry":   func(c *ledger.Commit) { c.Entries[1] = nil },
		"larger than 1 MB": func(c *ledger.Commit) { c.Entries[1] = make([]byte, chain.MaxFrame) },
		"a negative time":  func(c *ledger.Commit) { c.Recorded = -1 },
	} {
		c := good()
		spoil(c)
		if err := r.store.Commit(c); err == nil || errors.Is(err, ledger.ErrStale) {
			t.Errorf("commit with %s: %v", name, err)
		}
		if err := r.store.Commit(good()); err == nil {
			t.Errorf("a commit behind one with %s was taken: its outcome was said to be unknown", name)
		}
		for _, err := range r.store.Commits(0) {
			if err == nil {
				t.Errorf("the store reads behind a commit with %s", name)
			}
			break
		}
		r.reopen()
		r.check()
	}
	r.commit(1, 50)
	r.check()
}

func storeKeepsNoReference(t *testing.T, r *rig) {
	c := NewCommit(r.head(), 3, 50)
	if err := r.store.Commit(c); err != nil {
		t.Fatal(err)
	}
	r.commits = append(r.commits, NewCommit(chain.Head{}, 3, 50))
	for _, e := range c.Entries {
		clear(e)
	}
	r.check()
	r.commit(1, 50)
	note := NewNote(t, 4)
	want := bytes.Clone(note)
	if err := r.store.SaveCheckpoint(note); err != nil {
		t.Fatal(err)
	}
	clear(note)
	got, err := r.store.Checkpoint()
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("checkpoint %q, %v", got, err)
	}
	clear(got)
	if got, err = r.store.Checkpoint(); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("checkpoint %q, %v after a reader changed its own", got, err)
	}
}

func storeBreakOff(t *testing.T, r *rig) {
	for range 5 {
		r.commit(2, 50)
	}
	for range 100 {
		for c, err := range r.store.Commits(3) {
			if err != nil || c.Prev.Size != 2 {
				t.Fatalf("first commit from 3: %v, %v", c, err)
			}
			break
		}
	}
	r.check()
}

func storeReaders(t *testing.T, r *rig) {
	end := beside(t, func(i uint64) func() error {
		from := uint64(0)
		return func() error {
			defer func() { from = from*3/4 + i }()
			return checkHistory(r.store, from)
		}
	})
	for i := range 40 {
		r.commit(1+i%5, 200)
	}
	end()
	r.check()
}

// beside makes three checks and runs them at once, over and over, until end.
func beside(t *testing.T, check func(i uint64) func() error) (end func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	for i := range uint64(3) {
		once := check(i)
		wg.Go(func() {
			for {
				if err := once(); err != nil {
					t.Error(err)
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	return func() {
		close(done)
		wg.Wait()
	}
}

// checkHistory reads up to the head that is announced.
func checkHistory(s ledger.Store, from uint64) error {
	head := s.Head()
	at := chain.Head{}
	first := true
	for c, err := range s.Commits(from) {
		if err != nil {
			return fmt.Errorf("commits from %d while the head is at %d: %w", from, head.Size, err)
		}
		if !first && c.Prev != at {
			return fmt.Errorf("commit of %v behind %v", c.Prev, at)
		}
		if err := SameCommit(c, NewCommit(c.Prev, len(c.Entries), 200)); err != nil {
			return err
		}
		at, first = c.Head, false
	}
	if from < head.Size && at.Size < head.Size {
		return fmt.Errorf("head %d was announced, reading from %d ended at %d", head.Size, from, at.Size)
	}
	return nil
}

func storeSnapshot(t *testing.T, r *rig) {
	r.commit(2, 50)
	r.commit(2, 50)
	size := r.head().Size
	n := 0
	for c, err := range r.store.Commits(0) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		if c.Head.Size > size {
			t.Fatalf("a commit to %d, the head was at %d at the time of the call", c.Head.Size, size)
		}
		r.commit(1, 50)
	}
	if n != 2 {
		t.Fatalf("%d commits, want 2", n)
	}
	r.check()
}

func (r *rig) save(size uint64) {
	r.Helper()
	if err := r.store.SaveCheckpoint(NewNote(r, size)); err != nil {
		r.Fatalf("save checkpoint of %d: %v", size, err)
	}
	r.checkNote(size)
}

func (r *rig) checkNote(size uint64) {
	r.Helper()
	got, err := r.store.Checkpoint()
	if err != nil || !bytes.Equal(got, NewNote(r, size)) {
		r.Fatalf("checkpoint %q, %v, want the one of %d", got, err, size)
	}
}

func storeCheckpoint(t *testing.T, r *rig) {
	for i := range uint64(6) {
		r.commit(1, 50)
		r.save(i + 1)
		if i%2 == 0 {
			continue
		}
		if err := r.store.Sync(); err != nil {
			t.Fatalf("sync: %v", err)
		}
		r.checkNote(i + 1)
	}
	r.save(6)
	r.reopen()
	r.checkNote(6)
	r.commit(1, 50)
	r.save(7)
	r.reopen()
	r.checkNote(7)
}

func storeCheckpointAhead(t *testing.T, r *rig) {
	r.commit(2, 50)
	r.save(2)
	for name, note := range map[string][]byte{
		"ahead of the head": NewNote(t, 3),
		"no note":           []byte("nothing"),
		"no signature":      []byte(chain.Checkpoint{Origin: Origin, Size: 1}.Text()),
		"empty":             nil,
	} {
		if err := r.store.SaveCheckpoint(note); err == nil {
			t.Errorf("a checkpoint that is %s was saved", name)
		}
	}
	r.checkNote(2)
	r.commit(1, 50)
	r.save(3)
	r.check()
}

func storeReopen(_ *testing.T, r *rig) {
	r.commit(1, 50)
	r.save(1)
	r.commit(1000, 300)
	r.commit(2, 50)
	r.reopen()
	r.check()
	r.checkNote(1)
	r.commit(1, 50)
	r.save(1004)
	r.reopen()
	r.check()
	r.checkNote(1004)
}

func storeReopenOften(_ *testing.T, r *rig) {
	for i := range uint64(20) {
		r.commit(1, 500)
		r.save(i + 1)
		r.reopen()
		r.check()
	}
}

func storeClose(t *testing.T, r *rig) {
	r.commit(1, 50)
	r.save(1)
	for range 2 {
		if err := r.store.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
	_, noteErr := r.store.Checkpoint()
	var readErr error
	for _, readErr = range r.store.Commits(0) {
		break
	}
	allClosed(t, map[string]error{
		"commit":          r.store.Commit(NewCommit(r.head(), 1, 50)),
		"commits":         readErr,
		"checkpoint":      noteErr,
		"save checkpoint": r.store.SaveCheckpoint(NewNote(t, 1)),
		"sync":            r.store.Sync(),
	})
}

func allClosed(t *testing.T, errs map[string]error) {
	t.Helper()
	for what, err := range errs {
		if !errors.Is(err, ledger.ErrClosed) {
			t.Errorf("%s after close: %v, want ErrClosed", what, err)
		}
	}
}
