package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"

	"github.com/dgraph-io/badger/v4"

	"civicledger/ledger/chain"
)

// Tile returns the hashes of a full tile; an error that wraps fs.ErrNotExist
// if it has none.
func (x *Index) Tile(level int, n uint64) ([]chain.Hash, error) {
	if err := x.enter(); err != nil {
		return nil, err
	}
	defer x.closing.RUnlock()
	if level < 0 || level > 63 {
		return nil, fmt.Errorf("read tile %d/%d: %w", level, n, fs.ErrNotExist)
	}
	position := x.position.Load()
	if level == 0 {
		return x.leafTile(n, position)
	}
	var hashes []chain.Hash
	err := x.db.View(func(txn *badger.Txn) error {
		item, err := txn.Get(tileKey(level, n))
		if err != nil {
			return err
		}
		return item.Value(func(value []byte) error {
			hashes, err = parseTile(value, position)
			return err
		})
	})
	if errors.Is(err, badger.ErrKeyNotFound) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("read tile %d/%d: %w", level, n, err)
	}
	return hashes, nil
}

// leafTile reads a tile of level 0.
func (x *Index) leafTile(n, position uint64) ([]chain.Hash, error) {
	if n >= position/chain.TileWidth {
		return nil, fmt.Errorf("read tile 0/%d: %w", n, fs.ErrNotExist)
	}
	items, err := x.tiles.read(n, nil)
	if errors.Is(err, errNoPage) {
		err = damaged("%w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("read tile 0/%d: %w", n, err)
	}
	return hashesOf(items), nil
}

// hashesOf returns the hashes that stand in items one after the other.
func hashesOf(items []byte) []chain.Hash {
	const size = len(chain.Hash{})
	hashes := make([]chain.Hash, len(items)/size)
	for i := range hashes {
		hashes[i] = chain.Hash(items[i*size:])
	}
	return hashes
}

func parseTile(value []byte, position uint64) ([]chain.Hash, error) {
	const size = len(chain.Hash{})
	to, n := binary.Uvarint(value)
	if n <= 0 || len(value)-n != chain.TileWidth*size {
		return nil, damaged("a tile has a wrong length")
	}
	if to > position {
		return nil, fs.ErrNotExist
	}
	return hashesOf(value[n:]), nil
}
