package index

import (
	"testing"

	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/ledger/ledgertest"
)

var testLedger = chain.Hash{1, 2, 3}

func mustOpen(t testing.TB, dir string) *Index {
	t.Helper()
	x, err := Open(dir, Options{Ledger: testLedger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return x
}

func TestIndex(t *testing.T) {
	ledgertest.TestIndex(t, func(t testing.TB, dir string) ledger.Index { return mustOpen(t, dir) })
}
