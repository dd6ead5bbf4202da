package ledger_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"civicledger/ledger"
	"civicledger/ledger/book"
	"civicledger/ledger/chain"
	"civicledger/ledger/index"
	"civicledger/ledger/ledgertest"
)

// BenchmarkSubmit appends durable submissions to a real book and index and
// prints the rate as a ratio to the bound: write+fdatasync of the same bytes
// in the same groups, measured right after in the same directory.
func BenchmarkSubmit(b *testing.B) {
	b.Run("events=1000/callers=8", func(b *testing.B) { benchSubmit(b, 8, 1000) })
	b.Run("events=1/callers=512", func(b *testing.B) { benchSubmit(b, 512, 1) })
	b.Run("events=1/callers=1", func(b *testing.B) { benchSubmit(b, 1, 1) })
}

// groups remembers how a Store was written to.
type groups struct {
	ledger.Store
	sizes []int
}

func (g *groups) Commit(c *ledger.Commit) error {
	size := 0
	for _, e := range c.Entries {
		size += len(e)
	}
	g.sizes = append(g.sizes, size)
	return g.Store.Commit(c)
}

func newDiskRig(b *testing.B) (*rig, *groups, string) {
	b.Helper()
	dir := b.TempDir()
	r := newRig(b)
	if err := r.ledger.Close(); err != nil {
		b.Fatal(err)
	}
	if err := book.Create(dir); err != nil {
		b.Fatal(err)
	}
	store, err := book.Open(dir, book.Options{})
	if err != nil {
		b.Fatal(err)
	}
	memory := r.store.(*ledgertest.Memory).Reopen()
	for c, err := range memory.Commits(0) {
		if err == nil {
			err = store.Commit(c)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	note, err := memory.Checkpoint()
	if err == nil {
		err = store.SaveCheckpoint(note)
	}
	if err != nil {
		b.Fatal(err)
	}
	idx, err := index.Open(filepath.Join(dir, "index"), index.Options{Ledger: chain.Hash{1}})
	if err != nil {
		b.Fatal(err)
	}
	g := &groups{Store: store}
	r.store, r.index = g, idx
	r.open()
	return r, g, dir
}

// benchLine is an event of about 500 bytes.
func benchLine(caller, n, i int) []byte {
	return fmt.Appendf(nil, `{"specversion":"1.0","id":"%d-%d-%d","source":"urn:example:haidian/payments/2026","type":"subsidy.paid.v1","time":"2026-03-01T00:00:00Z","jurisdiction":"110108","data":{"payment":"P-%d-%d-%d","fund":"haidian-dibao-2026","payer":{"code":"11110108000079161X","name":"海淀区民政局"},"beneficiary":"st1.e1.abcdefghijklmnopqrstuvwxyz","kind":"dibao","period":"2026-03","amount":145000,"currency":"CNY","date":"2026-03-09","basis":"京民社救发〔2024〕80号","note":"%060d"}}`, caller, n, i, caller, n, i, i)
}

func benchSubmit(b *testing.B, callers, events int) {
	r, g, dir := newDiskRig(b)
	subs := make(chan *chain.Submission, callers)
	go func() {
		defer close(subs)
		for n := range b.N {
			lines := make([][]byte, events)
			for i := range lines {
				lines[i] = benchLine(0, n, i)
			}
			subs <- r.sign(r.agency, "haidian", lines...)
		}
	}()
	g.sizes = nil
	latencies := make([]time.Duration, b.N)
	var at atomic.Int64
	b.ResetTimer()
	start := time.Now()
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for sub := range subs {
				began := time.Now()
				wait, err := r.ledger.Submit(context.Background(), sub)
				if err == nil {
					_, err = wait(context.Background())
				}
				if err != nil {
					b.Error(err)
					return
				}
				latencies[at.Add(1)-1] = time.Since(began)
			}
		})
	}
	wg.Wait()
	took := time.Since(start)
	b.StopTimer()
	bound, boundLatencies := writeBound(b, dir, g.sizes)
	slices.Sort(latencies)
	slices.Sort(boundLatencies)
	n := float64(b.N * events)
	b.ReportMetric(n/took.Seconds(), "events/s")
	b.ReportMetric(bound.Seconds()/took.Seconds(), "of-bound")
	b.ReportMetric(float64(b.N*events)/float64(len(g.sizes)), "events/commit")
	b.ReportMetric(float64(latencies[len(latencies)/2])/float64(boundLatencies[len(boundLatencies)/2]), "p50/bound-p50")
	b.ReportMetric(float64(latencies[len(latencies)*99/100].Microseconds()), "p99-us")
}

// writeBound appends and syncs the same sizes, bare.
func writeBound(b *testing.B, dir string, sizes []int) (time.Duration, []time.Duration) {
	b.Helper()
	f, err := os.Create(filepath.Join(dir, "bound"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	buf := make([]byte, slices.Max(sizes))
	latencies := make([]time.Duration, len(sizes))
	start := time.Now()
	for i, size := range sizes {
		began := time.Now()
		if _, err := f.Write(buf[:size]); err != nil {
			b.Fatal(err)
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			b.Fatal(err)
		}
		latencies[i] = time.Since(began)
	}
	return time.Since(start), latencies
}
