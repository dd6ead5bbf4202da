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
		for _, before := range []int{0, 1, 3, 255, 256, 257, 511, 512, 513, 767, 768, 772} {
			r := Run(context.Background(), source.Directory(dir), l.VKey, Options{Known: l.Known(before)})
			if before <= size {
				l.must(r, verdict.Sound)
				continue
			}
			if r.Verdict != verdict.Unsound || len(r.Defects) != 1 || r.Defects[0].Kind != verdict.KindRewind || r.Defects[0].First != uint64(size) || r.Defects[0].Last != uint64(before-1) {
				t.Errorf("%d after %d: %+v", size, before, r.Defects)
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
