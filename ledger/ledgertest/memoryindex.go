package ledgertest

import (
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"civicledger/ledger"
	"civicledger/ledger/chain"
)

// MemoryIndex is a ledger.Index in plain maps.
type MemoryIndex struct {
	mu        sync.RWMutex // guards everything below
	closed    bool
	position  uint64
	keys      map[chain.EventKey]uint64
	timelines map[string][]uint64
	tiles     map[tileName][]chain.Hash
}

type tileName struct {
	level int
	n     uint64
}

var _ ledger.Index = (*MemoryIndex)(nil)

// NewMemoryIndex returns an empty index.
func NewMemoryIndex() *MemoryIndex {
	return &MemoryIndex{
		keys:      map[chain.EventKey]uint64{},
		timelines: map[string][]uint64{},
		tiles:     map[tileName][]chain.Hash{},
	}
}

// Reopen returns an index with the same content, as if the process had
// restarted; x itself is closed.
func (x *MemoryIndex) Reopen() *MemoryIndex {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.closed = true
	return &MemoryIndex{position: x.position, keys: x.keys, timelines: x.timelines, tiles: x.tiles}
}

// Position implements ledger.Index.
func (x *MemoryIndex) Position() uint64 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.position
}

// Lookup implements ledger.Index.
func (x *MemoryIndex) Lookup(keys []chain.EventKey) (map[chain.EventKey]uint64, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.closed {
		return nil, ledger.ErrClosed
	}
	found := map[chain.EventKey]uint64{}
	for _, k := range keys {
		if index, ok := x.keys[k]; ok {
			found[k] = index
		}
	}
	return found, nil
}

// Timeline implements ledger.Index.
func (x *MemoryIndex) Timeline(subject string, from uint64, limit int) ([]uint64, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.closed {
		return nil, ledger.ErrClosed
	}
	all := x.timelines[subject]
	i, _ := slices.BinarySearch(all, from)
	return slices.Clone(all[i:min(len(all), i+max(limit, 0))]), nil
}

// Tile implements ledger.Index.
func (x *MemoryIndex) Tile(level int, n uint64) ([]chain.Hash, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.closed {
		return nil, ledger.ErrClosed
	}
	hashes, ok := x.tiles[tileName{level, n}]
	if !ok {
		return nil, fmt.Errorf("tile %d/%d: %w", level, n, fs.ErrNotExist)
	}
	return slices.Clone(hashes), nil
}

// Apply implements ledger.Index.
func (x *MemoryIndex) Apply(b *ledger.IndexBatch) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.closed:
		return ledger.ErrClosed
	case b.From != x.position:
		return fmt.Errorf("apply batch from %d: the index stands at %d", b.From, x.position)
	case b.To < b.From || uint64(len(b.Keys)) != b.To-b.From:
		return fmt.Errorf("apply batch %d to %d: %d event keys", b.From, b.To, len(b.Keys))
	}
	for i, k := range b.Keys {
		x.keys[k] = b.From + uint64(i)
	}
	for _, s := range b.Begun {
		x.keys[s.Key] = s.Index
	}
	for _, n := range b.Subjects {
		x.timelines[n.Subject] = append(x.timelines[n.Subject], n.Index)
	}
	for _, t := range b.Tiles {
		x.tiles[tileName{t.Level, t.N}] = slices.Clone(t.Hashes)
	}
	x.position = b.To
	return nil
}

// Sync implements ledger.Index.
func (x *MemoryIndex) Sync() error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.closed {
		return ledger.ErrClosed
	}
	return nil
}

// Close implements ledger.Index.
func (x *MemoryIndex) Close() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.closed = true
	return nil
}
