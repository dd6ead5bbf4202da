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
	hashes, err := x.tile(level, n, x.position.Load())
	if err != nil {
		return nil, fmt.Errorf("read tile %d/%d: %w", level, n, err)
	}
	return hashes, nil
}

func (x *Index) tile(level int, n, position uint64) ([]chain.Hash, error) {
	if level < 0 || level > 63 || (level == 0 && n >= position/chain.TileWidth) {
		return nil, fs.ErrNotExist
	}
	if level == 0 {
		items, err := x.tiles.read(n, nil)
		return hashesOf(items), err
	}
	value, err := x.get(tileKey(level, n))
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, fs.ErrNotExist
	}
	if err != nil {
		return nil, err
	}
	return parseTile(value, position)
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
