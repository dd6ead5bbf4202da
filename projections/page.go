package projections

import (
	"encoding/base64"
	"errors"
	"strings"

	"github.com/hashicorp/go-memdb"
)

// ErrCursor is returned for a cursor that no answer to this question gave.
var ErrCursor = errors.New("this cursor does not belong to this question")

// MaxLimit bounds the rows of one answer; DefaultLimit is used for 0.
const (
	MaxLimit     = 1000
	DefaultLimit = 100
)

// Page says which part of a long list is wanted.
type Page struct {
	After   string // Next of the answer before; "" for the beginning
	Limit   int    // at most MaxLimit; 0 means DefaultLimit
	Reverse bool   // from the end of the list
}

// Rows is one part of a long list. Next is "" where it ends.
type Rows[R any] struct {
	Items []*R
	Next  string
}

// Page returns the rows whose key begins with prefix and that keep accepts
// (nil accepts all), in key order. The cost is that of the rows passed over.
func (t *Table[R]) Page(v *View, prefix string, p Page, keep func(*R) bool) (Rows[R], error) {
	after, err := base64.RawURLEncoding.DecodeString(p.After)
	if err != nil || (p.After != "" && !strings.HasPrefix(string(after), prefix)) {
		return Rows[R]{}, ErrCursor
	}
	limit := p.Limit
	if limit <= 0 {
		limit = DefaultLimit
	}
	limit = min(limit, MaxLimit)
	found, err := t.from(v.txn, prefix, string(after), p.Reverse)
	if err != nil {
		return Rows[R]{}, err
	}
	rows := Rows[R]{Items: []*R{}}
	for raw := found.Next(); raw != nil; raw = found.Next() {
		row := raw.(*R)
		key := t.key(row)
		if key == string(after) || (p.Reverse && key > prefix+last) {
			continue
		}
		if !strings.HasPrefix(key, prefix) {
			break
		}
		if keep != nil && !keep(row) {
			continue
		}
		if len(rows.Items) == limit {
			rows.Next = base64.RawURLEncoding.EncodeToString([]byte(t.key(rows.Items[limit-1])))
			break
		}
		rows.Items = append(rows.Items, row)
	}
	return rows, nil
}

// last sorts behind every key.
const last = "\xff"

func (t *Table[R]) from(txn *memdb.Txn, prefix, after string, reverse bool) (memdb.ResultIterator, error) {
	switch {
	case reverse && after != "":
		return txn.ReverseLowerBound(t.name, "id", after)
	case reverse:
		return txn.ReverseLowerBound(t.name, "id", prefix+last)
	case after != "":
		return txn.LowerBound(t.name, "id", after)
	}
	return txn.Get(t.name, "id_prefix", prefix)
}
