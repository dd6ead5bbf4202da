package index

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"civicledger/ledger"
)

// Where subjects are named stands in lists: one for each block of entries and
// each bucket of subjects, so that one value takes what many entries add. An
// item of a list is the rest of the subject's hash and the entry's place in
// its block; items stand in the order of the log.
const (
	blockBits = 16 // entries of a block, as a power of two
	restSize  = 15 // bytes of the hash behind the one that the bucket holds
	itemSize  = restSize + 2
)

// subjectHash names a subject by 16 bytes of SHA-256.
type subjectHash [1 + restSize]byte

func hashOf(subject string) subjectHash {
	sum := sha256.Sum256([]byte(subject))
	return subjectHash(sum[:])
}

// list names one list: its block and ten bits of the hashes in it.
type list struct {
	block  uint64
	bucket uint16
}

func listOf(h subjectHash, index uint64) list {
	return list{index >> blockBits, binary.BigEndian.Uint16(h[:2]) >> 6}
}

func (l list) key() []byte {
	key := binary.BigEndian.AppendUint16([]byte{prefixSubject}, l.bucket)
	return binary.BigEndian.AppendUint64(key, l.block)
}

// subjectLists returns the pairs that add the namings of a step that begins at
// from. The lists of the newest block stay in x.lists; after a step that broke
// off they must be forgotten.
func (x *Index) subjectLists(from uint64, named []ledger.Naming) ([]pair, error) {
	touched := map[list]bool{}
	for _, n := range named {
		hash := hashOf(n.Subject)
		l := listOf(hash, n.Index)
		items, ok := x.lists[l]
		if !ok {
			var err error
			if items, err = x.readList(l, from); err != nil {
				return nil, err
			}
		}
		items = append(items, hash[1:]...)
		x.lists[l] = binary.BigEndian.AppendUint16(items, uint16(n.Index))
		touched[l] = true
	}
	pairs := make([]pair, 0, len(touched))
	for l := range touched {
		pairs = append(pairs, pair{l.key(), x.lists[l]})
	}
	slices.SortFunc(pairs, func(a, b pair) int { return slices.Compare(a.key, b.key) })
	return pairs, nil
}

// forgetLists drops the lists of blocks that are full.
func (x *Index) forgetLists(position uint64) {
	for l := range x.lists {
		if l.block < position>>blockBits {
			delete(x.lists, l)
		}
	}
}

// readList returns the items of a list before the entry until: what stands
// beyond was left by a step that broke off and is added again.
func (x *Index) readList(l list, until uint64) ([]byte, error) {
	if until <= l.block<<blockBits {
		return nil, nil
	}
	items, err := x.get(l.key())
	if err != nil && !errors.Is(err, badger.ErrKeyNotFound) {
		return nil, err
	}
	if len(items)%itemSize != 0 {
		return nil, damaged("a list of subjects has a wrong length")
	}
	for n := len(items); n > 0 && l.block<<blockBits|itemPlace(items[n-itemSize:]) >= until; n -= itemSize {
		items = items[:n-itemSize]
	}
	return items, nil
}

func itemPlace(item []byte) uint64 {
	return uint64(binary.BigEndian.Uint16(item[restSize:]))
}

// Timeline returns up to limit indexes of entries that name the subject,
// ascending, beginning at from.
func (x *Index) Timeline(subject string, from uint64, limit int) ([]uint64, error) {
	if err := x.enter(); err != nil {
		return nil, err
	}
	defer x.closing.RUnlock()
	q := query{hash: hashOf(subject), from: from, until: x.position.Load(), limit: limit}
	first := listOf(q.hash, from)
	err := x.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: first.key()[:3]})
		defer it.Close()
		for it.Seek(first.key()); it.Valid() && len(q.indexes) < limit; it.Next() {
			key := it.Item().Key()
			if len(key) != 11 {
				return damaged("a list of subjects has a wrong key")
			}
			block := binary.BigEndian.Uint64(key[3:])
			if err := it.Item().Value(func(items []byte) error { return q.take(block, items) }); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read timeline: %w", err)
	}
	return q.indexes, nil
}

// query collects the entries of [from, until) that name a subject.
type query struct {
	hash        subjectHash
	from, until uint64
	limit       int
	indexes     []uint64
}

func (q *query) take(block uint64, items []byte) error {
	if len(items)%itemSize != 0 {
		return damaged("a list of subjects has a wrong length")
	}
	for ; len(items) > 0 && len(q.indexes) < q.limit; items = items[itemSize:] {
		index := block<<blockBits | itemPlace(items)
		if index >= q.from && index < q.until && string(items[:restSize]) == string(q.hash[1:]) {
			q.indexes = append(q.indexes, index)
		}
	}
	return nil
}
