package verify

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"civicledger/ledger/chain"
)

// newBigLog has submissions of 1,000 events of about 500 bytes.
func newBigLog(b *testing.B, submissions int) (*testLog, string) {
	l := newLog(b)
	for i := range submissions {
		lines := make([][]byte, chain.MaxLines)
		for n := range lines {
			lines[n] = fmt.Appendf(nil, `{"specversion":"1.0","id":"%d-%d","source":"urn:chaoyang","type":"fund.opened.v1","time":"2026-01-01T00:00:00Z","jurisdiction":"110105","data":{"name":"%0320d"}}`, i, n, n)
		}
		l.commit(l.sign("chaoyang", lines...))
	}
	return l, l.write(int(l.head.Size), 70)
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
// SHA-256 of the same bytes on all cores in the same run.
func BenchmarkRun(b *testing.B) {
	l, dir := newBigLog(b, 200)
	names, err := filepath.Glob(filepath.Join(dir, bookDir, "*.seg"))
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
	b.SetBytes(int64(size))
	var bound, run time.Duration
	for b.Loop() {
		bound += hashAll(b, files)
		start := time.Now()
		r := l.verify(dir)
		run += time.Since(start)
		if r.Verdict != Sound {
			b.Fatalf("%+v", r)
		}
	}
	b.ReportMetric(bound.Seconds()/run.Seconds(), "of-sha256")
	b.ReportMetric(float64(l.head.Size)*float64(b.N)/run.Seconds(), "entries/s")
}
