package ledger_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"civicledger/ledger"
	"civicledger/ledger/book"
	"civicledger/ledger/chain"
	"civicledger/ledger/frame"
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
	took  time.Duration
}

func (g *groups) Commit(c *ledger.Commit) error {
	size := 0
	for _, e := range c.Entries {
		size += len(e)
	}
	g.sizes = append(g.sizes, size)
	start := time.Now()
	defer func() { g.took += time.Since(start) }()
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

// benchLine is an event of about 500 bytes; most name a beneficiary that few
// others name.
func benchLine(n, i int) []byte {
	return fmt.Appendf(nil, `{"specversion":"1.0","id":"%d-%d","source":"urn:example:haidian/payments/2026","type":"subsidy.paid.v1","time":"2026-03-01T00:00:00Z","jurisdiction":"110108","data":{"payment":"P-%d-%d","fund":"haidian-dibao-2026","payer":{"code":"11110108000079161X","name":"海淀区民政局"},"beneficiary":"st1.e1.synthetic%017d","kind":"dibao","period":"2026-03","amount":145000,"currency":"CNY","date":"2026-03-09","basis":"京民社救发〔2024〕80号","note":"%060d"}}`, n, i, n, i, (n*7919+i*104729)%1_000_003, i)
}

// round is how many events are made before the clock runs, so that making
// them is not measured and memory stays bounded.
const round = 240_000

// load makes and records submissions of a number of events each.
type load struct {
	*rig
	callers, events int
	made            int
	latencies       []time.Duration
	took, cpu       time.Duration
}

// cpuTime is what this process has used of all cores.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (p *load) make(n int) []*chain.Submission {
	subs := make([]*chain.Submission, n)
	for i := range subs {
		lines := make([][]byte, p.events)
		for j := range lines {
			lines[j] = benchLine(p.made, j)
		}
		subs[i] = p.sign(p.agency, "haidian", lines...)
		p.made++
	}
	return subs
}

// record submits all of subs. The time taken ends when the index has them too.
func (p *load) record(b *testing.B, subs []*chain.Submission) {
	latencies := make([]time.Duration, len(subs))
	var next atomic.Int64
	start, cpu := time.Now(), cpuTime()
	var wg sync.WaitGroup
	for range p.callers {
		wg.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(subs); i = next.Add(1) - 1 {
				began := time.Now()
				wait, err := p.ledger.SubmitVerified(b.Context(), subs[i])
				if err == nil {
					_, err = wait(b.Context())
				}
				if err != nil {
					b.Error(err)
					return
				}
				latencies[i] = time.Since(began)
			}
		})
	}
	wg.Wait()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for p.index.Position() < p.ledger.Head().Size && !b.Failed() {
		<-tick.C
	}
	p.took += time.Since(start)
	p.cpu += cpuTime() - cpu
	p.latencies = append(p.latencies, latencies...)
}

func benchSubmit(b *testing.B, callers, events int) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(ledger.Threads()))
	r, g, dir := newDiskRig(b)
	p := &load{rig: r, callers: callers, events: events}
	p.record(b, p.make(callers)) // warm
	g.sizes, g.took, p.latencies, p.took, p.cpu = nil, 0, nil, 0, 0
	for left := b.N; left > 0 && !b.Failed(); {
		subs := p.make(min(left, round/events))
		b.StartTimer()
		p.record(b, subs)
		b.StopTimer()
		left -= len(subs)
	}
	bound, boundLatencies := writeBound(b, dir, g.sizes)
	slices.Sort(p.latencies)
	slices.Sort(boundLatencies)
	n := float64(b.N * events)
	b.ReportMetric(n/p.took.Seconds(), "events/s")
	b.ReportMetric(bound.Seconds()/p.took.Seconds(), "of-bound")
	b.ReportMetric(p.cpu.Seconds()*1e6/n, "cpu-us/event")
	b.ReportMetric(float64(g.took.Microseconds())/float64(len(g.sizes)), "us/commit")
	b.ReportMetric(float64(bound.Microseconds())/float64(len(g.sizes)), "bound-us/commit")
	b.ReportMetric(n/float64(len(g.sizes)), "events/commit")
	b.ReportMetric(float64(p.latencies[b.N/2])/float64(boundLatencies[len(boundLatencies)/2]), "p50/bound-p50")
	b.ReportMetric(float64(p.latencies[b.N*99/100].Microseconds()), "p99-us")
	b.ReportMetric(anonymous(b), "anon-MB")
}

// anonymous is the resident anonymous memory of this process.
func anonymous(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip(err)
	}
	kilobytes := 0.0
	_, rest, _ := strings.Cut(string(status), "RssAnon:")
	if _, err := fmt.Sscan(rest, &kilobytes); err != nil {
		b.Fatal(err)
	}
	return kilobytes / 1024
}

// writeBound appends and syncs bytes of the book in the same sizes, bare.
func writeBound(b *testing.B, dir string, sizes []int) (time.Duration, []time.Duration) {
	b.Helper()
	f, err := os.Create(filepath.Join(dir, "bound"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	buf, err := os.ReadFile(filepath.Join(dir, book.Dir, frame.SegmentName(0)))
	if err != nil {
		b.Fatal(err)
	}
	for len(buf) < slices.Max(sizes) {
		buf = append(buf, buf...)
	}
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
