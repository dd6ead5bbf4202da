package ledgertest

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sort"
	"sync"

	"civicledger/ledger"
	"civicledger/ledger/chain"
)

// Memory is a ledger.Store in plain slices. It checks what a Store that
// writes frames checks, and no more.
type Memory struct {
	mu      sync.RWMutex // guards everything below
	stopped error
	head    chain.Head
	commits []*ledger.Commit
	note    []byte
}

var _ ledger.Store = (*Memory)(nil)

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{} }

// Reopen returns a store with the same content, as if the process had
// restarted; m itself is closed.
func (m *Memory) Reopen() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopped = ledger.ErrClosed
	return &Memory{head: m.head, commits: slices.Clip(m.commits), note: m.note}
}

// Head implements ledger.Store.
func (m *Memory) Head() chain.Head {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.head
}

// Commit implements ledger.Store.
func (m *Memory) Commit(c *ledger.Commit) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.stopped != nil:
		return m.stopped
	case c.Prev != m.head:
		return fmt.Errorf("commit at %d: %w", c.Prev.Size, ledger.ErrStale)
	}
	if err := checkCommit(c); err != nil {
		m.stopped = err
		return err
	}
	kept := *c
	kept.Entries = make([][]byte, len(c.Entries))
	for i, e := range c.Entries {
		kept.Entries[i] = bytes.Clone(e)
	}
	m.commits = append(m.commits, &kept)
	m.head = c.Head
	return nil
}

func checkCommit(c *ledger.Commit) error {
	size := 0
	for _, e := range c.Entries {
		if len(e) == 0 {
			return fmt.Errorf("commit at %d: an entry is empty", c.Prev.Size)
		}
		size += 4 + len(e)
	}
	if n := uint64(len(c.Entries)); n == 0 || c.Head.Size != c.Prev.Size+n || size > chain.MaxFrame || c.Recorded < 0 {
		return fmt.Errorf("commit at %d: %d entries of %d bytes to size %d", c.Prev.Size, n, size, c.Head.Size)
	}
	return nil
}

// Commits implements ledger.Store. The bytes are a copy, spoilt before the
// next iteration, so that a reader who keeps them fails here and not only on
// disk.
func (m *Memory) Commits(from uint64) iter.Seq2[*ledger.Commit, error] {
	return func(yield func(*ledger.Commit, error) bool) {
		m.mu.RLock()
		commits, stopped := m.commits, m.stopped
		m.mu.RUnlock()
		if stopped != nil {
			yield(nil, stopped)
			return
		}
		i := sort.Search(len(commits), func(i int) bool { return commits[i].Head.Size > from })
		for _, kept := range commits[i:] {
			c := *kept
			c.Entries = make([][]byte, len(kept.Entries))
			for j, e := range kept.Entries {
				c.Entries[j] = bytes.Clone(e)
			}
			if !yield(&c, nil) {
				return
			}
			for _, e := range c.Entries {
				clear(e)
			}
		}
	}
}

// Checkpoint implements ledger.Store.
func (m *Memory) Checkpoint() ([]byte, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.stopped != nil {
		return nil, m.stopped
	}
	return bytes.Clone(m.note), nil
}

// SaveCheckpoint implements ledger.Store.
func (m *Memory) SaveCheckpoint(note []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopped != nil {
		return m.stopped
	}
	text, _, ok := bytes.Cut(note, []byte("\n\n"))
	if !ok {
		return errors.New("save checkpoint: no signature lines")
	}
	c, err := chain.ParseCheckpoint(string(text) + "\n")
	if err != nil {
		return fmt.Errorf("save checkpoint: %w", err)
	}
	if c.Size > m.head.Size {
		return fmt.Errorf("save checkpoint of %d entries: the store holds %d", c.Size, m.head.Size)
	}
	m.note = bytes.Clone(note)
	return nil
}

// Sync implements ledger.Store.
func (m *Memory) Sync() error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.stopped
}

// Close implements ledger.Store.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopped = ledger.ErrClosed
	return nil
}
