package verify

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
	"time"

	"civicledger/ledger/chain"
	"civicledger/ledger/verify/verdict"
	"civicledger/ledger/verify/verifytest"
)

// newBigLog has submissions of 1,000 events of about 500 bytes.
func newBigLog(b *testing.B, submissions int) (*testLedger, string) {
	l := newLedger(b)
	for i := range submissions {
		lines := make([][]byte, chain.MaxLines)
		for n := range lines {
			lines[n] = fmt.Appendf(nil, `{"specversion":"1.0","id":"%d-%d","source":"urn:chaoyang","type":"fund.opened.v1","time":"2026-01-01T00:00:00Z","jurisdiction":"110105","data":{"name":"%0320d"}}`, i, n, n)
		}
		l.Commit(l.Sign("chaoyang", lines...))
	}
	return l, l.Write(int(l.Head.Size), 70)
}

// hashAll hashes the files on all cores, a megabyte at a time: the bound.
func hashAll(b *testing.B, files [][]byte) time.Duration {
	start := time.Now()
	parts := make(chan []byte)
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for p := range parts {
				sha256.Sum256(p)
			}
		})
	}
	for _, f := range files {
		for len(f) > 0 {
			n := min(len(f), 1<<20)
			parts <- f[:n]
			f = f[n:]
		}
	}
	close(parts)
	wait.Wait()
	return time.Since(start)
}

// BenchmarkRun reports the rate of a full verification from files relative to
// SHA-256 of the same bytes on all cores: the median of at least five pairs,
// each bound measured right before its run.
func BenchmarkRun(b *testing.B) {
	l, dir := newBigLog(b, 200)
	names, err := filepath.Glob(filepath.Join(dir, verifytest.BookDir, "*.seg"))
	if err != nil {
		b.Fatal(err)
	}
	var files [][]byte
	size := 0
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		files = append(files, data)
		size += len(data)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as Command does
	l.Frames, l.Leaves = nil, nil
	const pairs = 5
	b.SetBytes(int64(pairs * size))
	var ratios, rates, allocated []float64
	for b.Loop() {
		for range pairs {
			bound := hashAll(b, files)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			r := l.verify(dir)
			run := time.Since(start)
			runtime.ReadMemStats(&after)
			if r.Verdict != verdict.Sound {
				b.Fatalf("%+v", r)
			}
			entries := float64(r.Counts.Entries)
			ratios = append(ratios, bound.Seconds()/run.Seconds())
			rates = append(rates, entries/run.Seconds())
			allocated = append(allocated, float64(after.TotalAlloc-before.TotalAlloc)/entries)
		}
	}
	b.ReportMetric(median(ratios), "of-sha256")
	b.ReportMetric(median(rates), "entries/s")
	b.ReportMetric(median(allocated), "B/entry")
}

func median(of []float64) float64 {
	slices.Sort(of)
	return of[len(of)/2]
}
