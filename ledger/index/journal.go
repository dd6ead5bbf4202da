package index

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"civicledger/ledger/chain"
)

// journalSlots is how many marks are kept; newer ones take the places of older
// ones. It must be more than the transactions that Badger can hold in
// write-ahead logs at once, for those are what can be lost from the middle:
// four logs of memTableSize bytes and at least 107 bytes for a transaction of
// one entry are 627,000. What is older stands in tables, which are checked as
// wholes. A shorter journal in tests only makes gaps cost more.
const journalSlots = 1 << 20

// mark is what one transaction leaves in the journal. Numbers are consecutive
// within a generation, and each mark begins where the one before it ends: a
// transaction that Badger lost is a gap.
type mark struct {
	generation uint32
	number     uint64 // 0 is the first of a generation
	from, to   uint64 // position before and after
}

func (m mark) pair() pair {
	key := binary.BigEndian.AppendUint32([]byte{prefixStep}, m.generation)
	key = binary.BigEndian.AppendUint32(key, uint32(m.number%journalSlots))
	value := binary.AppendUvarint(nil, m.number)
	value = binary.AppendUvarint(value, m.from)
	return pair{key, binary.AppendUvarint(value, m.to)}
}

func parseMark(key, value []byte) (mark, error) {
	if len(key) != 9 {
		return mark{}, damaged("a step's key has a wrong length")
	}
	m := mark{generation: binary.BigEndian.Uint32(key[1:])}
	for _, into := range []*uint64{&m.number, &m.from, &m.to} {
		v, n := binary.Uvarint(value)
		if n <= 0 {
			return mark{}, damaged("a step's value is cut short")
		}
		*into, value = v, value[n:]
	}
	if len(value) > 0 || uint32(m.number%journalSlots) != binary.BigEndian.Uint32(key[5:]) {
		return mark{}, damaged("a step stands in another's place")
	}
	return m, nil
}

// journal remembers the last mark.
type journal struct {
	last mark
	any  bool
}

func (j *journal) next(from, to uint64) mark {
	m := mark{generation: j.last.generation, from: from, to: to}
	if j.any {
		m.number = j.last.number + 1
	}
	return m
}

func (j *journal) took(m mark) { j.last, j.any = m, true }

// resume finds the position: the end of the chain of marks, as far as the pages
// hold what they say. Where the chain is broken or a page is not as it was
// written, the position is the last mark before that, and a new generation
// begins there; what was applied beyond is written again by the ledger, and is
// the same.
func (x *Index) resume() error {
	marks, err := x.readMarks()
	if err != nil {
		return err
	}
	for _, m := range marks {
		x.known = max(x.known, m.to)
	}
	last, whole := follow(marks, math.MaxUint64)
	has, err := x.readPages(last.to)
	if err == nil && has < last.to {
		x.logger.Warn("pages of the index are missing or damaged: written again from the book", "from", has, "to", last.to)
		last, whole = follow(marks, has)
		if err := x.table.unmap(); err != nil {
			return err
		}
		has, err = x.readPages(last.to)
	}
	if err == nil && has < last.to {
		err = damaged("its pages change while they are read")
	}
	if err != nil {
		return err
	}
	x.position.Store(last.to)
	x.journal.took(last)
	x.broken = !whole
	return nil
}

// beginAgain begins a generation of marks where the chain is broken. It is done
// by the first Apply and not by Open: until then, what the marks beyond the gap
// say of the book is not forgotten.
//
// If we stop before this is written, or lose it, the next Open finds the same
// gap or, with later marks of the new generation but not this one, begins at 0:
// follow asks for mark 0.
func (x *Index) beginAgain() error {
	fresh := mark{generation: x.journal.last.generation + 1, from: 0, to: x.position.Load()}
	if err := x.write([]pair{fresh.pair()}); err != nil {
		return fmt.Errorf("begin the journal again at %d: %w", fresh.to, err)
	}
	x.journal.took(fresh)
	x.broken = false
	return x.forget(fresh.generation)
}

// readPages verifies the pages of the entries before a position, fills the
// table of keys, and returns up to which entry both files have them.
func (x *Index) readPages(position uint64) (uint64, error) {
	type result struct {
		has uint64
		err error
	}
	tiles := make(chan result, 1)
	go func() {
		full := position / chain.TileWidth
		count, err := x.tiles.scan(0, full, func(uint64, []byte) bool { return true })
		// The entries behind the last tile fill none.
		tiles <- result{min(count+chain.TileWidth-1, position), err}
	}()
	keys, err := x.loadKeys(position)
	t := <-tiles
	return min(keys, t.has), errors.Join(err, t.err)
}

// readMarks returns the marks of the newest generation, in order.
func (x *Index) readMarks() ([]mark, error) {
	var marks []mark
	err := x.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{prefixStep}, PrefetchValues: true, PrefetchSize: 1000})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			item := it.Item()
			err := item.Value(func(value []byte) error {
				m, err := parseMark(item.Key(), value)
				if len(marks) > 0 && m.generation > marks[0].generation {
					marks = marks[:0]
				}
				marks = append(marks, m)
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	slices.SortFunc(marks, func(a, b mark) int { return cmp.Compare(a.number, b.number) })
	return marks, err
}

// follow returns the last mark that does not pass until and up to which the
// chain has no gap, and whether it is the last of all. A chain begins with mark
// 0, or is as long as the journal.
func follow(marks []mark, until uint64) (last mark, whole bool) {
	if len(marks) == 0 {
		return mark{}, false
	}
	if (marks[0].number > 0 && len(marks) < journalSlots) || marks[0].to > until {
		return mark{generation: marks[0].generation}, false
	}
	last = marks[0]
	for _, m := range marks[1:] {
		if m.number != last.number+1 || m.from != last.to || m.to > until {
			return last, false
		}
		last = m
	}
	return last, true
}

// forget removes the marks of generations before the given one.
func (x *Index) forget(before uint32) error {
	var keys [][]byte
	end := mark{generation: before}.pair().key[:5]
	err := x.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{prefixStep}})
		defer it.Close()
		for it.Rewind(); it.Valid() && string(it.Item().Key()) < string(end); it.Next() {
			keys = append(keys, it.Item().KeyCopy(nil))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for part := range slices.Chunk(keys, 10_000) {
		err := x.db.Update(func(txn *badger.Txn) error {
			for _, key := range part {
				if err := txn.Delete(key); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("forget old steps: %w", err)
		}
	}
	return nil
}
