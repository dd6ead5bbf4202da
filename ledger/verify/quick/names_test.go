package quick

import (
	"math/rand/v2"
	"testing"
)

func TestNames_Repeats(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	all := make([]names, 3)
	var one []byte
	for i := range 200_000 {
		name := binaryName(r.Uint64())
		if i == 777 {
			one = name
		}
		all[i%3].add(name)
	}
	if repeats(all) {
		t.Fatal("found what is not there")
	}
	all[2].add(one)
	if !repeats(all) {
		t.Error("not found across owners")
	}
	var zeros names
	zeros.add(make([]byte, 8))
	if !repeats([]names{zeros}) {
		t.Error("a name of zeros is no proof of anything: it must count as repeated")
	}
}

func binaryName(n uint64) []byte {
	return []byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24), byte(n >> 32), byte(n >> 40), byte(n >> 48), byte(n >> 56)}
}
