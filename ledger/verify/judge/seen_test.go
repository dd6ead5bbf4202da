package judge

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSeen_FindsAllRepeated(t *testing.T) {
	var s seen
	r := rand.New(rand.NewPCG(1, 1))
	for i := range uint64(50_000) {
		s.add([16]byte{byte(r.Uint32()), byte(i), byte(i >> 8), 1, byte(i >> 16)}, i)
	}
	for i := range uint64(100) {
		p := s.parts[i%256]
		s.add(p[i].name, 100_000+i)
	}
	var again []uint64
	s.repeated(func(first, second uint64) {
		if first >= 50_000 {
			t.Errorf("%d is first", first)
		}
		again = append(again, second)
	})
	slices.Sort(again)
	if len(again) != 100 || again[0] != 100_000 || again[99] != 100_099 {
		t.Errorf("found %d: %v", len(again), again)
	}
}
