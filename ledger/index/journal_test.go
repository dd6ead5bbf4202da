package index

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/dgraph-io/badger/v4"
)

// marksTo returns the marks of a whole generation.
func marksTo(n uint64) []mark {
	var marks []mark
	for i := range n {
		marks = append(marks, mark{generation: 3, number: i, from: i * 10, to: i*10 + 10})
	}
	return marks
}

func TestFollow(t *testing.T) {
	whole := marksTo(10)
	ring := marksTo(journalSlots + 5)[5:]
	without := func(marks []mark, i int) []mark { return append(marks[:i:i], marks[i+1:]...) }
	for name, c := range map[string]struct {
		marks []mark
		to    uint64
		whole bool
	}{
		"none":                  {nil, 0, false},
		"whole":                 {whole, 100, true},
		"the first alone":       {whole[:1], 10, true},
		"the first lost":        {whole[1:], 0, false},
		"one lost":              {without(whole, 4), 40, false},
		"the last lost":         {whole[:9], 90, true},
		"all but the last lost": {whole[9:], 0, false},
		"another beginning":     {append(whole[:5:5], mark{3, 5, 51, 60}), 50, false},
		"full":                  {ring, (journalSlots + 5) * 10, true},
		"full, one lost":        {append(marksTo(8)[7:], without(ring, 7)...), 80, false},
	} {
		last, got := follow(c.marks, math.MaxUint64)
		if last.to != c.to || got != c.whole {
			t.Errorf("%s: position %d, whole %v; want %d, %v", name, last.to, got, c.to, c.whole)
		}
	}
}

func TestMark_OneEncoding(t *testing.T) {
	m := mark{generation: 7, number: journalSlots + 9, from: 1 << 40, to: 1<<40 + 1000}
	p := m.pair()
	if got, err := parseMark(p.key, p.value); err != nil || got != m {
		t.Errorf("parsed %+v, %v, want %+v", got, err, m)
	}
	for name, bad := range map[string]pair{
		"short key":   {p.key[:8], p.value},
		"other place": {mark{generation: 7, number: 10}.pair().key, p.value},
		"cut":         {p.key, p.value[:len(p.value)-1]},
		"longer":      {p.key, append(p.value, 0)},
		"empty":       {p.key, nil},
	} {
		if _, err := parseMark(bad.key, bad.value); err == nil {
			t.Errorf("%s: parsed", name)
		}
	}
}

// lose removes what one transaction wrote, as a lost part of a write-ahead log
// does.
func lose(t *testing.T, x *Index, m mark, keys [][]byte) {
	t.Helper()
	err := x.db.Update(func(txn *badger.Txn) error {
		for _, key := range append(keys, m.pair().key) {
			if err := txn.Delete(key); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// valuesOf returns the same keys with the values that they have now.
func valuesOf(t *testing.T, x *Index, pairs []pair) []pair {
	t.Helper()
	now := make([]pair, len(pairs))
	err := x.db.View(func(txn *badger.Txn) error {
		for i, p := range pairs {
			now[i].key = p.key
			item, err := txn.Get(p.key)
			if err == nil {
				now[i].value, err = item.ValueCopy(nil)
			}
			if err != nil && !errors.Is(err, badger.ErrKeyNotFound) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return now
}

// A step lost from the middle: the position is where it was, what stands
// beyond is not shown, and applying everything again heals the index, also
// when that is interrupted at any point.
func TestResume_LostStep(t *testing.T) {
	for _, lost := range []uint64{0, 1, 4, 9} {
		t.Run(fmt.Sprint(lost), func(t *testing.T) {
			dir := t.TempDir()
			x := mustOpen(t, dir)
			fill(t, x, lost*500, 500, 1)
			step, err := x.pairsOf(realBatch(lost*500, lost*500+500, 1))
			if err != nil {
				t.Fatal(err)
			}
			before := valuesOf(t, x, step)
			clear(x.lists)
			fill(t, x, lost*500+500, 500, 1)
			number := x.journal.last.number
			after := valuesOf(t, x, step)
			fill(t, x, 5000, 500, 1)
			// What no later step wrote again is as it was before.
			var gone [][]byte
			for i, p := range valuesOf(t, x, step) {
				switch {
				case !bytes.Equal(p.value, after[i].value):
				case before[i].value == nil:
					gone = append(gone, p.key)
				default:
					if err := x.write(before[i : i+1]); err != nil {
						t.Fatal(err)
					}
				}
			}
			lose(t, x, mark{generation: x.journal.last.generation, number: number}, gone)
			mustClose(t, x)
			for to := lost * 500; to <= 6000; to += 700 {
				x = mustOpen(t, dir)
				if to == lost*500 && x.Position() != to {
					t.Fatalf("position %d after losing the step at %d", x.Position(), to)
				}
				checkAgrees(t, x, 6000, 1)
				fill(t, x, to, 300, 1)
				checkAgrees(t, x, 6000, 1)
				mustClose(t, x)
			}
		})
	}
}

// The mark that begins a generation is lost too: everything is applied again.
func TestResume_LostBeginning(t *testing.T) {
	dir := t.TempDir()
	x := mustOpen(t, dir)
	fill(t, x, 2000, 500, 1)
	lose(t, x, mark{generation: x.journal.last.generation, number: 2}, nil)
	mustClose(t, x)
	x = mustOpen(t, dir)
	if err := x.beginAgain(); err != nil { // as the first Apply does
		t.Fatal(err)
	}
	fresh := x.journal.last
	fill(t, x, 2000, 500, 1)
	lose(t, x, fresh, nil)
	mustClose(t, x)
	x = mustOpen(t, dir)
	if x.Position() != 0 {
		t.Fatalf("position %d, want 0", x.Position())
	}
	checkAgrees(t, x, 2000, 1)
	fill(t, x, 3000, 500, 1)
	checkAgrees(t, x, 4000, 1)
}

func TestResume_ForgetsOldGenerations(t *testing.T) {
	dir := t.TempDir()
	x := mustOpen(t, dir)
	fill(t, x, 2000, 100, 0)
	lose(t, x, mark{generation: x.journal.last.generation, number: 7}, nil)
	mustClose(t, x)
	for range 2 { // opening alone forgets nothing: the book may have to be compared
		x = mustOpen(t, dir)
		if x.Known() != 2000 || x.Position() != 600 {
			t.Errorf("knows of %d at position %d, want 2000 at 600", x.Known(), x.Position())
		}
		mustClose(t, x)
	}
	x = mustOpen(t, dir)
	if err := x.beginAgain(); err != nil {
		t.Fatal(err)
	}
	count := 0
	err := x.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{prefixStep}})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			count++
		}
		return nil
	})
	if err != nil || count != 1 {
		t.Errorf("%d marks, %v; want the first of the new generation alone", count, err)
	}
}
