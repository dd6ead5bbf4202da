package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"

	"github.com/dgraph-io/badger/v4"

	"civicledger/ledger/chain"
)

// Lookup returns the index of the entry for each key that is known. All
// answers are as of one position, at least the one when it was called.
func (x *Index) Lookup(keys []chain.EventKey) (map[chain.EventKey]uint64, error) {
	if err := x.enter(); err != nil {
		return nil, err
	}
	defer x.closing.RUnlock()
	position := x.position.Load()
	found := make(map[chain.EventKey]uint64)
	err := x.db.View(func(txn *badger.Txn) error {
		buf := eventKey(chain.EventKey{})
		for _, k := range keys {
			copy(buf[1:], k[:])
			index, ok, err := getIndex(txn, buf)
			if err != nil {
				return err
			}
			if ok && index < position {
				found[k] = index
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look up %d event keys: %w", len(keys), err)
	}
	return found, nil
}

func getIndex(txn *badger.Txn, key []byte) (index uint64, ok bool, err error) {
	item, err := txn.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	err = item.Value(func(value []byte) error {
		n := 0
		if index, n = binary.Uvarint(value); n != len(value) || n <= 0 {
			return damaged("the value of an event key is no index")
		}
		return nil
	})
	return index, err == nil, err
}

// Timeline returns up to limit indexes of entries that name the subject,
// ascending, beginning at from.
func (x *Index) Timeline(subject string, from uint64, limit int) ([]uint64, error) {
	if err := x.enter(); err != nil {
		return nil, err
	}
	defer x.closing.RUnlock()
	prefix := subjectPrefix(subject)
	position := x.position.Load()
	var indexes []uint64
	err := x.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: prefix})
		defer it.Close()
		for it.Seek(subjectKey(prefix, from)); it.Valid() && len(indexes) < limit; it.Next() {
			rest := it.Item().Key()[len(prefix):]
			if len(rest) != 8 {
				return damaged("a subject's key has a wrong length")
			}
			index := binary.BigEndian.Uint64(rest)
			if index >= position {
				break
			}
			indexes = append(indexes, index)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read timeline: %w", err)
	}
	return indexes, nil
}

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

func parseTile(value []byte, position uint64) ([]chain.Hash, error) {
	const size = len(chain.Hash{})
	to, n := binary.Uvarint(value)
	if n <= 0 || len(value)-n != chain.TileWidth*size {
		return nil, damaged("a tile has a wrong length")
	}
	if to > position {
		return nil, fs.ErrNotExist
	}
	hashes := make([]chain.Hash, chain.TileWidth)
	for i := range hashes {
		hashes[i] = chain.Hash(value[n+i*size:])
	}
	return hashes, nil
}
