package verify

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"civicledger/ledger/verify/source"
	"civicledger/ledger/verify/verdict"
)

// Every size that was ever signed is extended by what came later.
func TestRun_ExtendsWhatWasKept(t *testing.T) {
	l := newLedger(t)
	for i, count := range []int{508, 1, 1, 254, 1, 1, 3} { // 772 entries
		l.Say("chaoyang", fmt.Sprint(i), count)
	}
	for _, size := range []int{3, 511, 512, 513, 767, 768, 769, 772} {
		dir := l.Write(size, 1)
		cut := l.Fork()
		cut.Cut(uint64(size))
		cutDir := cut.Write(size, 1)
		for _, before := range []int{0, 1, 3, 255, 256, 257, 511, 512, 513, 767, 768, 772} {
			opts := Options{Known: l.Known(before)}
			r := Run(context.Background(), source.Directory(dir), l.VKey, opts)
			l.must(r, verdict.Sound) // also where the stored checkpoint lags behind the kept one
			if (len(r.Notes) > 0) != (before > size) {
				t.Errorf("%d after %d: notes %q", size, before, r.Notes)
			}
			r = Run(context.Background(), source.Directory(cutDir), l.VKey, opts)
			if before <= size {
				l.must(r, verdict.Sound)
			} else {
				l.must(r, verdict.Unsound, fmt.Sprintf("rewind %d-%d", size, before-1))
			}
		}
	}
}

// Damage does not hide that the undamaged rest is what was signed before.
func TestRun_KnownAndDamage(t *testing.T) {
	l := newLedger(t)
	l.Say("chaoyang", "a", 600)
	dir := l.Write(603, 9)
	l.Edit(dir, 0, func(data []byte) []byte {
		data[bytes.Index(data, []byte("a-77"))] ^= 1
		return data
	})
	r := Run(context.Background(), source.Directory(dir), l.VKey, Options{Known: l.Known(500)})
	l.must(r, verdict.Unsound, "leaf 80-80")
}
