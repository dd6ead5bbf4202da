package ledger

import (
	"fmt"
	"io/fs"
	"iter"
	"slices"

	"civicledger/ledger/chain"
)

// Commits yields whole commits in order, beginning with the one that holds the
// entry with index from, as far as they were durable and signed at the time of
// the call. The bytes are valid until the next iteration. It ends with the first
// entry that cannot be read as signed, which the error names; a commit is cut
// short before an entry that only its hash gives away.
func (l *Ledger) Commits(from uint64) iter.Seq2[*Commit, error] { return l.commits(from, false) }

// commits does that, and holds every entry against its hash if it is to: else
// only those that somebody found to be wrong.
func (l *Ledger) commits(from uint64, all bool) iter.Seq2[*Commit, error] {
	v := l.current.Load()
	signed := v.leaves(l)
	return func(yield func(*Commit, error) bool) {
		at := from
		if at >= v.head.Size {
			return
		}
		for c, err := range l.store.Commits(from) {
			if err == nil && c.Prev.Size >= v.head.Size {
				return
			}
			if err = l.met(at, err); err == nil && (all || l.Damaged() != nil) {
				c, err = l.unharmed(c, at, signed, all)
			}
			if (c != nil && !yield(c, nil)) || (err != nil && !yield(nil, err)) || err != nil {
				return
			}
			at = c.Head.Size
		}
		if at < v.head.Size { // only where the end of the book is gone
			yield(nil, l.condemn(&Mismatch{Found: byReader, Damage: Damage{First: at, Last: v.head.Size - 1, Reason: "the book ends before it"}}))
		}
	}
}

// unharmed returns a commit as far as its entries, from one on, are what was
// signed.
func (l *Ledger) unharmed(c *Commit, from uint64, signed func(uint64) (chain.Hash, error), all bool) (*Commit, error) {
	first := max(from, c.Prev.Size)
	for index := first; index < c.Head.Size; index++ {
		m := l.Damaged().at(index)
		if m == nil && !all {
			continue
		}
		leaf, err := signed(index)
		if (err == nil && leaf == l.suite.Leaf(c.Entries[index-c.Prev.Size])) || (err != nil && m == nil) {
			continue
		}
		w := walk{found: bySurvey}
		err = l.condemn(mismatchOf(bySurvey, index, w.mismatch(l, index, "its hash is not the one of the signed tree")))
		if index == first {
			return nil, err
		}
		cut := *c
		cut.Head, cut.Entries = chain.Head{Size: index}, c.Entries[:index-c.Prev.Size]
		return &cut, err
	}
	return c, nil
}

// Grown returns a channel that is closed once Head().Size is greater than
// after.
func (l *Ledger) Grown(after uint64) <-chan struct{} {
	l.grownMu.Lock()
	defer l.grownMu.Unlock()
	if l.Head().Size > after {
		closed := make(chan struct{})
		close(closed)
		return closed
	}
	return l.grown
}

// Entry returns the bytes of one entry.
func (l *Ledger) Entry(index uint64) ([]byte, error) {
	if size := l.Head().Size; index >= size {
		return nil, fmt.Errorf("entry %d: %w: there are %d", index, ErrNotThere, size)
	}
	for c, err := range l.Commits(index) {
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", index, err)
		}
		return slices.Clone(c.Entries[index-c.Prev.Size]), nil
	}
	return nil, fmt.Errorf("entry %d: %w", index, ErrNotThere)
}

// Find returns the index of the event with that key.
func (l *Ledger) Find(key chain.EventKey) (index uint64, ok bool, err error) {
	known, err := l.find([]chain.EventKey{key})
	index, ok = known[key]
	return index, ok && index < l.Head().Size, err
}

// Timeline returns up to limit indexes of entries that name the subject token
// anywhere in their line, ascending, beginning at from. The error wraps
// ErrDamaged, beside what was found, where an entry that is lost may name it too.
func (l *Ledger) Timeline(subject string, from uint64, limit int) ([]uint64, error) {
	// What moves from the lag to the index meanwhile is seen twice, not missed.
	recent := l.lag.timeline(subject, from)
	at, err := l.index.Timeline(subject, from, limit)
	if err != nil {
		return nil, fmt.Errorf("timeline: %w", l.met(0, err))
	}
	at = append(at, recent...)
	slices.Sort(at)
	at = slices.Compact(at)
	signed, _ := slices.BinarySearch(at, l.Head().Size)
	if l.unindexed {
		return at[:min(signed, limit)], l.Damaged()
	}
	return at[:min(signed, limit)], nil
}

// Tile returns the first width hashes of a tile of the signed tree.
func (l *Ledger) Tile(level int, n uint64, width int) ([]chain.Hash, error) {
	return l.current.Load().readTile(l)(level, n, width)
}

// readTile reads tiles of the tree of v: full ones from the index or what it
// lacks yet, the right edge from the tree itself. Of a tree that is not the one
// that was signed only the index has hashes.
func (v *view) readTile(l *Ledger) func(level int, n uint64, width int) ([]chain.Hash, error) {
	return func(level int, n uint64, width int) ([]chain.Hash, error) {
		if level < 0 || level > 7 || width < 1 || width > chain.TileWidth || n >= 1<<55 ||
			n*chain.TileWidth+uint64(width) > v.tree.Size()>>(8*level) {
			return nil, fmt.Errorf("tile %d/%d of width %d: %w", level, n, width, ErrNotThere)
		}
		if n == v.tree.Size()>>(8*level)/chain.TileWidth && !v.lost {
			return v.tree.Partial(level)[:width], nil
		}
		if hashes := l.lag.tile(level, n); hashes != nil && !v.lost {
			return hashes[:width], nil
		}
		hashes, err := l.index.Tile(level, n)
		err = l.met(0, err)
		if err != nil && v.lost {
			err = fmt.Errorf("its hashes are lost with entries: %w", l.Damaged())
		}
		if err != nil {
			return nil, fmt.Errorf("tile %d/%d: %w", level, n, err)
		}
		return hashes[:width], nil
	}
}

// NoIndex is an Index that holds nothing and takes nothing: with it a ledger
// is read without one, at the price of reading the whole book at Open.
type NoIndex struct{}

// Position implements Index.
func (NoIndex) Position() uint64 { return 0 }

// Lookup implements Index.
func (NoIndex) Lookup([]chain.EventKey) (map[chain.EventKey]uint64, error) { return nil, nil }

// Timeline implements Index.
func (NoIndex) Timeline(string, uint64, int) ([]uint64, error) { return nil, nil }

// Tile implements Index.
func (NoIndex) Tile(level int, n uint64) ([]chain.Hash, error) {
	return nil, fmt.Errorf("tile %d/%d: %w", level, n, fs.ErrNotExist)
}

// Apply implements Index.
func (NoIndex) Apply(*IndexBatch) error { return ErrReadOnly }

// Sync implements Index.
func (NoIndex) Sync() error { return nil }

// Close implements Index.
func (NoIndex) Close() error { return nil }
