package index

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"civicledger/ledger"
	"civicledger/ledger/chain"
)

// First bytes of the keys; DESIGN.md has the table.
const (
	prefixFormat  = 'f'
	prefixStep    = 'p'
	prefixSubject = 's'
	prefixTile    = 't'
)

// formatVersion counts changes of the key table. Another version is not read:
// the index is rebuilt.
const formatVersion = 4

// pair is a key and its value as Badger gets them.
type pair struct{ key, value []byte }

func tileKey(level int, n uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{prefixTile, byte(level)}, n)
}

// tileValue is the position from which on the tile counts, and the hashes.
func tileValue(to uint64, hashes []chain.Hash) []byte {
	value := make([]byte, 0, binary.MaxVarintLen64+len(hashes)*len(chain.Hash{}))
	value = binary.AppendUvarint(value, to)
	for i := range hashes {
		value = append(value, hashes[i][:]...)
	}
	return value
}

// Apply adds a batch, however large, and moves the position, in one step: after
// a crash all of it is readable or none. It is durable after Sync at the
// latest. The batch must come from durable commits: what a step that broke off
// left behind becomes readable when the position passes it. On any error the
// position has not moved and Apply may be tried again.
func (x *Index) Apply(b *ledger.IndexBatch) error {
	if err := x.enter(); err != nil {
		return err
	}
	defer x.closing.RUnlock()
	if err := x.checkBatch(b); err != nil {
		return fmt.Errorf("apply [%d, %d) to index: %w", b.From, b.To, err)
	}
	if b.To == b.From && len(b.Tiles) == 0 {
		return nil
	}
	if err := x.apply(b); err != nil {
		clear(x.lists) // they hold what did not happen
		return fmt.Errorf("apply [%d, %d) to index: %w", b.From, b.To, err)
	}
	return nil
}

func (x *Index) apply(b *ledger.IndexBatch) error {
	if x.broken {
		if err := x.beginAgain(); err != nil {
			return err
		}
	}
	// If we stop between here and the last mark, the pages hold more than the
	// position says: the same is written there again.
	end, err := x.writePages(b)
	if err != nil {
		return err
	}
	pairs, err := x.pairsOf(b)
	if err != nil {
		return err
	}
	if err := x.step(pairs, b.From, b.To); err != nil {
		return err
	}
	x.forgetLists(b.To)
	for i := range b.Keys {
		x.table.add(b.Keys[i][:], b.From+uint64(i))
	}
	for i := range b.Begun {
		x.table.add(b.Begun[i].Key[:], b.Begun[i].Index)
	}
	if len(b.Keys) > 0 {
		x.tail.Store(end) // before the position: who sees that looks here
	}
	x.position.Store(b.To)
	x.settle(b.From, b.To)
	return nil
}

// writePages writes what a batch adds to the files of pages.
func (x *Index) writePages(b *ledger.IndexBatch) (*tail, error) {
	x.tiles.begin()
	for _, t := range b.Tiles {
		if t.Level == 0 {
			x.hashes = x.hashes[:0]
			for i := range t.Hashes {
				x.hashes = append(x.hashes, t.Hashes[i][:]...)
			}
			x.tiles.add(t.N, x.hashes)
		}
	}
	if err := x.tiles.write(b.From / chain.TileWidth); err != nil {
		return nil, err
	}
	return x.writeKeys(b)
}

// pairsOf returns what a batch adds to Badger.
func (x *Index) pairsOf(b *ledger.IndexBatch) ([]pair, error) {
	pairs, err := x.subjectLists(b.From, b.Subjects)
	if err != nil {
		return nil, err
	}
	for _, t := range b.Tiles {
		if t.Level > 0 {
			pairs = append(pairs, pair{tileKey(t.Level, t.N), tileValue(b.To, t.Hashes)})
		}
	}
	return pairs, nil
}

func (x *Index) checkBatch(b *ledger.IndexBatch) error {
	switch {
	case x.readOnly:
		return ErrReadOnly
	case b.From != x.position.Load():
		return fmt.Errorf("the index is at %d", x.position.Load())
	case b.To < b.From || uint64(len(b.Keys)) != b.To-b.From:
		return fmt.Errorf("%d keys", len(b.Keys))
	}
	next := b.From
	for _, s := range b.Begun {
		if s.Index < next || s.Index >= b.To {
			return fmt.Errorf("a submission begins at %d", s.Index)
		}
		next = s.Index + 1
	}
	last := b.From
	for _, n := range b.Subjects {
		if n.Index < last || n.Index >= b.To {
			return fmt.Errorf("a subject is named at %d", n.Index)
		}
		last = n.Index
	}
	if err := fullTiles(b); err != nil {
		return err
	}
	return x.checkSpace()
}

// fullTiles says whether the batch brings full tiles only, and of level 0 all
// that its entries fill.
func fullTiles(b *ledger.IndexBatch) error {
	next := b.From / chain.TileWidth
	for _, t := range b.Tiles {
		if len(t.Hashes) != chain.TileWidth || t.Level < 0 || t.Level > 63 {
			return fmt.Errorf("tile %d/%d is not a full tile", t.Level, t.N)
		}
		if t.Level == 0 {
			if t.N != next {
				return fmt.Errorf("tile 0/%d comes where 0/%d should", t.N, next)
			}
			next++
		}
	}
	if next != b.To/chain.TileWidth {
		return fmt.Errorf("tile 0/%d is missing", next)
	}
	return nil
}

// step writes pairs in as many transactions as they need. Each leaves a mark in
// the journal; only the last one's moves the position.
//
// If we stop between two of them, then the position found by the next Open is
// still from, and what was written beyond it is not shown.
func (x *Index) step(pairs []pair, from, to uint64) error {
	for first := true; first || len(pairs) > 0; first = false {
		n := x.fits(pairs)
		end := from
		if n == len(pairs) {
			end = to
		}
		mark := x.journal.next(from, end)
		if err := x.write(append(pairs[:n:n], mark.pair())); err != nil {
			return err
		}
		x.journal.took(mark)
		pairs = pairs[n:]
	}
	return nil
}

// fits returns how many of the pairs one transaction holds, with a mark. The
// estimate is Badger's own (key, value, two meta bytes, ten for the version),
// and it refuses when its limit is reached, not passed.
func (x *Index) fits(pairs []pair) int {
	const perPair, mark, spare = 2 + 10, 64, 4
	size := int64(mark)
	for n, p := range pairs {
		size += int64(len(p.key)+len(p.value)) + perPair
		if size >= x.db.MaxBatchSize() || int64(n+spare) >= x.db.MaxBatchCount() {
			return n
		}
	}
	return len(pairs)
}

// write commits pairs in one transaction.
func (x *Index) write(pairs []pair) error {
	txn := x.db.NewTransaction(true)
	defer txn.Discard()
	for _, p := range pairs {
		if err := txn.SetEntry(badger.NewEntry(p.key, p.value)); err != nil {
			return err
		}
	}
	if err := txn.Commit(); err != nil {
		if errors.Is(err, badger.ErrBlockedWrites) {
			return ledger.ErrClosed
		}
		return err
	}
	return nil
}
