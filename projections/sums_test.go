package projections

import (
	"math/big"
	"math/rand/v2"
	"testing"
)

// A total and its over are the true sum, whatever the order, and come back into
// range when what was too much is taken back.
func TestAdd_TrueWhateverTheOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		amounts := make([]int64, 1+r.IntN(40))
		for i := range amounts {
			amounts[i] = int64(r.Uint64()) >> r.IntN(64)
		}
		for range 5 {
			r.Shuffle(len(amounts), func(i, j int) { amounts[i], amounts[j] = amounts[j], amounts[i] })
			var total, over int64
			want := new(big.Int)
			for _, a := range amounts {
				Add(&total, a, &over)
				want.Add(want, big.NewInt(a))
			}
			have := new(big.Int).Lsh(big.NewInt(over), 64)
			if have.Add(have, big.NewInt(total)).Cmp(want) != 0 {
				t.Fatalf("%v: %d and %d over, want %s", amounts, total, over, want)
			}
			if want.IsInt64() != (over == 0) {
				t.Fatalf("%s: over is %d", want, over)
			}
		}
	}
}
