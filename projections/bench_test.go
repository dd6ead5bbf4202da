package projections_test

import (
	"math/rand/v2"
	"testing"

	"civicledger/projections/projectionstest"
)

// history puts n events of the makers on a log in full submissions.
func history(b *testing.B, n int, makers map[string]func(*rand.Rand) any) *projectionstest.Log {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	log := newLog(b)
	var lines [][]byte
	for _, s := range projectionstest.Random(r, n, makers) {
		s.Agency, s.Corrects = "charity", "" // corrections are rare
		lines = append(lines, s.Line(b))
		if len(lines) == 500 {
			log.Say("charity", lines...)
			lines = nil
		}
	}
	if len(lines) > 0 {
		log.Say("charity", lines...)
	}
	return log
}

func benchmark(b *testing.B, batch int, makers map[string]func(*rand.Rand) any) {
	const n = 20_000
	log := history(b, n, makers)
	b.ReportAllocs()
	for b.Loop() {
		catchUp(b, newRunner(b, log, batch))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/event")
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// What catching up costs, with events of all families and with donations
// alone.
func BenchmarkCatchUp_Everything(b *testing.B) { benchmark(b, 10_000, everything()) }

func BenchmarkCatchUp_Donations(b *testing.B) {
	const t = "charity.donation.received.v1"
	benchmark(b, 10_000, map[string]func(*rand.Rand) any{t: projectionstest.Donations[t]})
}

// What one commit of 500 entries costs while following.
func BenchmarkFollow_Donations(b *testing.B) {
	const t = "charity.donation.received.v1"
	benchmark(b, 1, map[string]func(*rand.Rand) any{t: projectionstest.Donations[t]})
}
