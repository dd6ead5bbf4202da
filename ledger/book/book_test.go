package book

import (
	"os"
	"path/filepath"
	"testing"

	"civicledger/ledger"
	"civicledger/ledger/ledgertest"
)

// mustOpen opens the book in dir, which it makes if there is none.
func mustOpen(t testing.TB, dir string, options Options) *Book {
	t.Helper()
	if _, err := os.Stat(filepath.Join(dir, Dir)); err != nil {
		if err := Create(dir); err != nil {
			t.Fatal(err)
		}
	}
	b, err := Open(dir, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func TestBook(t *testing.T) {
	for name, size := range map[string]int64{"Default": 0, "SmallSegments": 2000, "OneFramePerSegment": 1} {
		t.Run(name, func(t *testing.T) {
			ledgertest.TestStore(t, func(t testing.TB, dir string) ledger.Store {
				return mustOpen(t, dir, Options{SegmentSize: size})
			})
		})
	}
}
