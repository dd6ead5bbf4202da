package projections

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/go-memdb"
)

// Key joins the parts of a key; the key of the first parts is a prefix of the
// key of more, and of nothing else.
func Key(parts ...string) string {
	size := len(parts)
	for _, p := range parts {
		size += len(p)
	}
	key := make([]byte, 0, size)
	for _, p := range parts {
		if strings.IndexByte(p, 0) >= 0 {
			p = strings.ReplaceAll(p, "\x00", "\ufffd")
		}
		key = append(append(key, p...), 0)
	}
	return string(key)
}

// Prefix is the beginning of all keys with these parts, up to the first that is
// "": of all keys for none.
func Prefix(parts ...string) string {
	if n := slices.Index(parts, ""); n >= 0 {
		parts = parts[:n]
	}
	return Key(parts...)
}

// Uint writes a number so that keys sort as numbers do.
func Uint(n uint64) string {
	digits := strconv.FormatUint(n, 16)
	return "0000000000000000"[len(digits):] + digits
}

// Table describes a memdb table with one index: the key. Rows are immutable
// once written; a View reads them through the Table, a projection writes them
// through an Overlay.
type Table[R any] struct {
	name   string
	key    func(*R) string
	deepen func(*R)
}

// NewTable describes a table. Names are unique in a Runner; key must not
// change while a row stands; deepen makes a shallow copy of a row independent
// of it by cloning its slices, nil where there are none.
func NewTable[R any](name string, key func(*R) string, deepen func(*R)) *Table[R] {
	return &Table[R]{name: name, key: key, deepen: deepen}
}

// Row returns the row with that key, nil if there is none. The caller does not
// change it.
func (t *Table[R]) Row(v *View, key string) *R {
	raw, err := v.txn.First(t.name, "id", key)
	if err != nil || raw == nil {
		return nil
	}
	return raw.(*R)
}

// Rows yields the rows whose key begins with prefix, in key order. The caller
// does not change them.
func (t *Table[R]) Rows(v *View, prefix string) iter.Seq[*R] {
	return rowsOf[R](v.txn, t.name, prefix)
}

func rowsOf[R any](txn *memdb.Txn, table, prefix string) iter.Seq[*R] {
	return func(yield func(*R) bool) {
		found, err := txn.Get(table, "id_prefix", prefix)
		if err != nil {
			return
		}
		for raw := found.Next(); raw != nil; raw = found.Next() {
			if !yield(raw.(*R)) {
				return
			}
		}
	}
}

// keyIndexer is the one index of a table, without reflection.
type keyIndexer[R any] struct{ key func(*R) string }

func (k keyIndexer[R]) FromObject(raw any) (bool, []byte, error) {
	return true, []byte(k.key(raw.(*R))), nil
}

func (k keyIndexer[R]) FromArgs(args ...any) ([]byte, error) {
	if len(args) == 1 {
		if key, ok := args[0].(string); ok {
			return []byte(key), nil
		}
	}
	return nil, fmt.Errorf("want one string, have %v", args)
}

func (k keyIndexer[R]) PrefixFromArgs(args ...any) ([]byte, error) { return k.FromArgs(args...) }

// Staged is an Overlay of any row type.
type Staged interface {
	schema() *memdb.TableSchema
	begin(txn *memdb.Txn)
	flush() error
}

// Overlay holds the rows that the present batch has touched, so that each is
// copied once and written once, however many entries change it. It belongs to
// the goroutine that applies batches.
type Overlay[R any] struct {
	table *Table[R]
	txn   *memdb.Txn
	rows  map[string]*R // changed in this batch; nil: deleted
	read  map[string]*R // read in this batch
}

// NewOverlay returns the writing side of a table.
func NewOverlay[R any](t *Table[R]) *Overlay[R] {
	return &Overlay[R]{table: t, rows: map[string]*R{}, read: map[string]*R{}}
}

// Get returns the row with that key, nil if there is none, for reading.
func (o *Overlay[R]) Get(key string) *R {
	if row, ok := o.rows[key]; ok {
		return row
	}
	if row, ok := o.read[key]; ok {
		return row
	}
	raw, err := o.txn.First(o.table.name, "id", key)
	if err != nil || raw == nil {
		return nil
	}
	row := raw.(*R)
	o.read[key] = row
	return row
}

// Edit returns the row with that key for changing, nil if there is none. It may
// be changed until the batch ends; its key may not.
func (o *Overlay[R]) Edit(key string) *R {
	if row, ok := o.rows[key]; ok {
		return row
	}
	row := o.Get(key)
	if row == nil {
		return nil
	}
	changed := *row
	if o.table.deepen != nil {
		o.table.deepen(&changed)
	}
	o.rows[key] = &changed
	return &changed
}

// EditOr is Edit, and puts the row that fresh makes where there is none.
func (o *Overlay[R]) EditOr(key string, fresh func() *R) *R {
	if row := o.Edit(key); row != nil {
		return row
	}
	row := fresh()
	o.rows[key] = row
	return row
}

// Put adds the row, or replaces the one with its key.
func (o *Overlay[R]) Put(row *R) { o.rows[o.table.key(row)] = row }

// Delete removes the row with that key, if there is one.
func (o *Overlay[R]) Delete(key string) { o.rows[key] = nil }

// written yields the rows that batches before this one left under the prefix.
func (o *Overlay[R]) written(prefix string) iter.Seq[*R] {
	return rowsOf[R](o.txn, o.table.name, prefix)
}

// Ascend yields the rows whose key begins with prefix, in key order, this
// batch's changes included, for reading. It is for rare and short scans.
func (o *Overlay[R]) Ascend(prefix string) iter.Seq[*R] {
	rows := map[string]*R{}
	for row := range o.written(prefix) {
		rows[o.table.key(row)] = row
	}
	for key, row := range o.rows {
		if !strings.HasPrefix(key, prefix) {
			continue
		}
		if row == nil {
			delete(rows, key)
		} else {
			rows[key] = row
		}
	}
	return func(yield func(*R) bool) {
		for _, key := range slices.Sorted(maps.Keys(rows)) {
			if !yield(rows[key]) {
				return
			}
		}
	}
}

func (o *Overlay[R]) schema() *memdb.TableSchema {
	return &memdb.TableSchema{
		Name: o.table.name,
		Indexes: map[string]*memdb.IndexSchema{
			"id": {Name: "id", Unique: true, Indexer: keyIndexer[R]{o.table.key}},
		},
	}
}

func (o *Overlay[R]) begin(txn *memdb.Txn) { o.txn = txn }

// flush writes every touched row once; the rows belong to memdb from then on.
func (o *Overlay[R]) flush() error {
	for key, row := range o.rows {
		if row != nil {
			if err := o.txn.Insert(o.table.name, row); err != nil {
				return fmt.Errorf("write table %s: %w", o.table.name, err)
			}
			continue
		}
		old, err := o.txn.First(o.table.name, "id", key)
		if err != nil {
			return fmt.Errorf("write table %s: %w", o.table.name, err)
		}
		if old == nil {
			continue
		}
		if err := o.txn.Delete(o.table.name, old); err != nil {
			return fmt.Errorf("write table %s: %w", o.table.name, err)
		}
	}
	clear(o.rows)
	clear(o.read)
	o.txn = nil
	return nil
}
