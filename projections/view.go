package projections

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"iter"

	"github.com/go-json-experiment/json"
	"github.com/hashicorp/go-memdb"
)

// AsOf says what an answer rests on.
type AsOf struct {
	Size       uint64 `json:"size"`       // entries [0, Size) are in it
	Index      uint64 `json:"index"`      // the last of them; 0 where there is none
	Recorded   int64  `json:"recorded"`   // when that was recorded, Unix milliseconds
	Checkpoint string `json:"checkpoint"` // signed note that covers them, and perhaps later ones
}

// View is all tables as of one position. It never changes; each goroutine
// takes its own.
type View struct {
	txn  *memdb.Txn
	asOf AsOf
	own  []string // names of all tables
}

// AsOf says what every answer from this View rests on.
func (v *View) AsOf() AsOf { return v.asOf }

// Everything yields every row of every table, with the name of the table.
func (v *View) Everything() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for _, name := range v.own {
			rows, err := v.txn.Get(name, "id")
			if err != nil {
				return
			}
			for row := rows.Next(); row != nil; row = rows.Next() {
				if !yield(name, row) {
					return
				}
			}
		}
	}
}

// Digests returns, for each table, a SHA-256 over its rows in key order. Two
// runners that folded the same entries have the same digests, however the
// entries came.
func (v *View) Digests() (map[string][32]byte, error) {
	hashes := map[string]hash.Hash{}
	for _, name := range v.own {
		hashes[name] = sha256.New()
		fmt.Fprintf(hashes[name], "civicledger projection v1\n%s\n", name)
	}
	for name, row := range v.Everything() {
		text, err := json.Marshal(row, json.Deterministic(true))
		if err != nil {
			return nil, fmt.Errorf("digest of table %s: %w", name, err)
		}
		hashes[name].Write(append(text, '\n'))
	}
	digests := map[string][32]byte{}
	for name, h := range hashes {
		digests[name] = [32]byte(h.Sum(nil))
	}
	return digests, nil
}
