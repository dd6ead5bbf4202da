package ledgertest

import (
	"testing"

	"civicledger/ledger"
)

func TestMemoryIndex(t *testing.T) {
	kept := map[string]*MemoryIndex{}
	TestIndex(t, func(t testing.TB, dir string) ledger.Index {
		x, ok := kept[dir]
		if ok {
			x = x.Reopen()
		} else {
			x = NewMemoryIndex()
		}
		kept[dir] = x
		return x
	})
}

func TestMemory(t *testing.T) {
	kept := map[string]*Memory{}
	TestStore(t, func(t testing.TB, dir string) ledger.Store {
		m, ok := kept[dir]
		if ok {
			m = m.Reopen()
		} else {
			m = NewMemory()
		}
		kept[dir] = m
		return m
	})
}
