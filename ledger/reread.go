package ledger

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
	"sync/atomic"

	"civicledger/ledger/chain"
)

// walk re-reads commits one behind the other. All but position belongs to its
// goroutine.
type walk struct {
	found    string
	head     chain.Head
	tree     *chain.Tree
	position atomic.Uint64
}

func (w *walk) move(head chain.Head, tree *chain.Tree) {
	w.head, w.tree = head, tree
	w.position.Store(head.Size)
}

// check hashes the entries of a commit again, follows their links, and returns
// the tree grown by them and their size in bytes.
func (w *walk) check(l *Ledger, c *Commit) (*chain.Growth, int64, error) {
	if c.Prev != w.head {
		return nil, 0, w.mismatch(l, c.Prev.Size, "its commit extends another history")
	}
	leaves := make([]chain.Hash, len(c.Entries))
	prev, size := c.Prev.Last, 0
	for i, entry := range c.Entries {
		index := c.Prev.Size + uint64(i)
		if !linked(entry, index, prev) {
			return nil, 0, w.broken(l, index, leaves[:i])
		}
		leaves[i] = l.suite.Leaf(entry)
		prev = leaves[i]
		size += len(entry)
	}
	if prev != c.Head.Last || c.Head.Size != c.Prev.Size+uint64(len(c.Entries)) {
		return nil, 0, w.mismatch(l, c.Head.Size-1, "it is not the one that its commit ends with")
	}
	return w.tree.Grow(leaves), int64(size), nil
}

// linked says whether an entry begins as the one with that index, behind the
// one with that hash, does. The rest of the header is under the hash.
func linked(entry []byte, index uint64, prev chain.Hash) bool {
	var space [80]byte
	want := append(space[:0], "1 "...)
	want = strconv.AppendUint(want, index, 10)
	want = append(want, ' ')
	want = base64.StdEncoding.AppendEncode(want, prev[:])
	return bytes.HasPrefix(entry, append(want, ' '))
}

// broken tells which of two entries is wrong where the link between them is.
func (w *walk) broken(l *Ledger, index uint64, leaves []chain.Hash) error {
	if n := len(leaves); n > 0 {
		if leaf, err := l.current.Load().leaves(l)(index - 1); err == nil && leaf != leaves[n-1] {
			return w.mismatch(l, index-1, "its hash is not the one that the entry behind it carries")
		}
	}
	return w.mismatch(l, index, "it does not carry the hash of the entry before it")
}

func (w *walk) mismatch(l *Ledger, index uint64, reason string) error {
	m := &Mismatch{Found: w.found, Damage: Damage{First: index, Last: index, Reason: reason}}
	if at, ok := l.store.(Locator); ok {
		m.Damage.File, m.Damage.Offset = at.Locate(index)
	}
	return m
}

// Locator is what a Store may know beside its contract: the file, and where in
// it the commit begins, that holds an entry.
type Locator interface {
	Locate(index uint64) (file string, offset int64)
}

// leaves returns the hashes of entries by the tree that was signed; it keeps the
// tile that it read last.
func (v *view) leaves(l *Ledger) func(index uint64) (chain.Hash, error) {
	var tile []chain.Hash
	var first uint64
	return func(index uint64) (leaf chain.Hash, err error) {
		if index < first || index >= first+uint64(len(tile)) {
			first = index &^ (chain.TileWidth - 1)
			width := min(chain.TileWidth, v.tree.Size()-min(first, v.tree.Size()))
			if tile, err = v.readTile(l)(0, first/chain.TileWidth, int(width)); err != nil {
				return leaf, err
			}
		}
		return tile[index-first], nil
	}
}

// compareTiles compares tiles of the entries as they were read with those that
// are served.
func (w *walk) compareTiles(l *Ledger, v *view, full []chain.Tile) error {
	for _, t := range full {
		stored, err := v.readTile(l)(t.Level, t.N, chain.TileWidth)
		if err != nil {
			return fmt.Errorf("%s: %w", w.found, err)
		}
		for i, hash := range t.Hashes {
			if hash == stored[i] {
				continue
			}
			span := uint64(1) << (8 * t.Level)
			first := (t.N*chain.TileWidth + uint64(i)) * span
			m := w.mismatch(l, first, fmt.Sprintf("hash %d of tile %d/%d in the index is another: entry or tile is wrong; civicledger verify judges the entries, and without the index directory the tiles are made again", i, t.Level, t.N))
			m.(*Mismatch).Damage.Last = first + span - 1
			return m
		}
	}
	return nil
}

// compare compares what was re-read up to the head of v with the checkpoint
// that was signed over it.
func (w *walk) compare(l *Ledger, v *view) error {
	if w.head != v.head {
		if w.head.Size < v.head.Size {
			return w.mismatch(l, w.head.Size, fmt.Sprintf("the book ends before it, the checkpoint signs %d entries", v.head.Size))
		}
		return w.mismatch(l, v.head.Size-1, "it is not the one that was signed")
	}
	signed, err := v.signed()
	if err != nil {
		return err
	}
	if w.tree.Root() == signed.Root {
		return nil
	}
	return w.mismatch(l, w.differs(l, v), fmt.Sprintf("the root of the %d entries is not the one that was signed", v.head.Size))
}

// differs returns the first entry among the newest whose hash is not that of
// the signed tree. Those before them are the far walk's.
func (w *walk) differs(l *Ledger, v *view) uint64 {
	signed, first := v.leaves(l), w.head.Size&^(chain.TileWidth-1)
	for i, hash := range w.tree.Partial(0) {
		if leaf, err := signed(first + uint64(i)); err == nil && leaf != hash {
			return first + uint64(i)
		}
	}
	return v.head.Size - 1
}
