package ledgertest

import (
	"errors"
	"fmt"
	"iter"
	"sync"

	"civicledger/ledger"
	"civicledger/ledger/chain"
)

// ErrInjected is wrapped by every error that Faulty and FaultyIndex make.
var ErrInjected = errors.New("injected fault")

// Step is a call that can be made to fail, named as a test case.
type Step string

// The steps of a Store and of an Index. Before means that nothing happened,
// After that it happened and was reported as failed.
const (
	CommitBefore   Step = "CommitBefore"
	CommitAfter    Step = "CommitAfter"
	CommitsRead    Step = "CommitsRead"
	CheckpointRead Step = "CheckpointRead"
	SaveBefore     Step = "SaveBefore"
	SaveAfter      Step = "SaveAfter"
	SyncBefore     Step = "SyncBefore"
	SyncAfter      Step = "SyncAfter"
	CloseAfter     Step = "CloseAfter"
	ApplyBefore    Step = "ApplyBefore"
	ApplyAfter     Step = "ApplyAfter"
	LookupRead     Step = "LookupRead"
	TileRead       Step = "TileRead"
)

func (s Step) String() string { return string(s) }

// faults says which call of which step fails.
type faults struct {
	mu    sync.Mutex
	after map[Step]int // calls that still succeed
	hits  map[Step]int
}

// Fail makes a step fail once, after so many calls that succeed.
func (f *faults) Fail(step Step, after int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.after == nil {
		f.after, f.hits = map[Step]int{}, map[Step]int{}
	}
	f.after[step] = after
}

// Hits is how often a step failed.
func (f *faults) Hits(step Step) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hits[step]
}

// due counts a call and returns the error if it is its turn to fail.
func (f *faults) due(step Step) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	left, ok := f.after[step]
	if !ok {
		return nil
	}
	if left > 0 {
		f.after[step] = left - 1
		return nil
	}
	delete(f.after, step)
	f.hits[step]++
	return fmt.Errorf("%v: %w", step, ErrInjected)
}

// around fails a call before or after it is made.
func (f *faults) around(before, after Step, call func() error) error {
	if err := f.due(before); err != nil {
		return err
	}
	if err := call(); err != nil {
		return err
	}
	return f.due(after)
}

// Faulty is a Store in front of another that fails chosen calls. As the
// contract of Store wants, nothing but Close works after a failed commit.
type Faulty struct {
	faults
	store ledger.Store

	stopMu  sync.Mutex
	stopped error
}

var _ ledger.Store = (*Faulty)(nil)

// NewFaulty returns a Store that does what store does until Fail is called.
func NewFaulty(store ledger.Store) *Faulty { return &Faulty{store: store} }

func (f *Faulty) stop(err error) error {
	f.stopMu.Lock()
	defer f.stopMu.Unlock()
	if f.stopped == nil {
		f.stopped = err
	}
	return err
}

func (f *Faulty) running() error {
	f.stopMu.Lock()
	defer f.stopMu.Unlock()
	return f.stopped
}

// Head implements ledger.Store.
func (f *Faulty) Head() chain.Head { return f.store.Head() }

// Commit implements ledger.Store.
func (f *Faulty) Commit(c *ledger.Commit) error {
	err := f.around(CommitBefore, CommitAfter, func() error { return f.store.Commit(c) })
	if errors.Is(err, ErrInjected) {
		return f.stop(err)
	}
	return err
}

// Commits implements ledger.Store. CommitsRead counts commits, not calls.
func (f *Faulty) Commits(from uint64) iter.Seq2[*ledger.Commit, error] {
	return func(yield func(*ledger.Commit, error) bool) {
		if err := f.running(); err != nil {
			yield(nil, err)
			return
		}
		for c, err := range f.store.Commits(from) {
			if fault := f.due(CommitsRead); fault != nil {
				yield(nil, fault)
				return
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

// Checkpoint implements ledger.Store.
func (f *Faulty) Checkpoint() ([]byte, error) {
	if err := errors.Join(f.running(), f.due(CheckpointRead)); err != nil {
		return nil, err
	}
	return f.store.Checkpoint()
}

// SaveCheckpoint implements ledger.Store.
func (f *Faulty) SaveCheckpoint(note []byte) error {
	return f.around(SaveBefore, SaveAfter, func() error { return f.store.SaveCheckpoint(note) })
}

// Sync implements ledger.Store.
func (f *Faulty) Sync() error { return f.around(SyncBefore, SyncAfter, f.store.Sync) }

// around does that unless the store stopped.
func (f *Faulty) around(before, after Step, call func() error) error {
	if err := f.running(); err != nil {
		return err
	}
	return f.faults.around(before, after, call)
}

// Close implements ledger.Store.
func (f *Faulty) Close() error { return errors.Join(f.store.Close(), f.due(CloseAfter)) }

// FaultyIndex is an Index in front of another that fails chosen calls.
type FaultyIndex struct {
	faults
	ledger.Index
}

// NewFaultyIndex returns an Index that does what index does until Fail is
// called.
func NewFaultyIndex(index ledger.Index) *FaultyIndex { return &FaultyIndex{Index: index} }

// Lookup implements ledger.Index.
func (f *FaultyIndex) Lookup(keys []chain.EventKey) (map[chain.EventKey]uint64, error) {
	if err := f.due(LookupRead); err != nil {
		return nil, err
	}
	return f.Index.Lookup(keys)
}

// Tile implements ledger.Index.
func (f *FaultyIndex) Tile(level int, n uint64) ([]chain.Hash, error) {
	if err := f.due(TileRead); err != nil {
		return nil, err
	}
	return f.Index.Tile(level, n)
}

// Apply implements ledger.Index.
func (f *FaultyIndex) Apply(b *ledger.IndexBatch) error {
	return f.around(ApplyBefore, ApplyAfter, func() error { return f.Index.Apply(b) })
}

// Sync implements ledger.Index.
func (f *FaultyIndex) Sync() error { return f.around(SyncBefore, SyncAfter, f.Index.Sync) }
