package ledger_test

import (
	"io/fs"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"
	"testing"
	"time"

	"civicledger/ledger"
	"civicledger/ledger/book"
	"civicledger/ledger/chain"
	"civicledger/ledger/index"
)

// Sizes of the log at which BenchmarkLarge measures, in entries. It fills
// about 9 GB of disk.
const (
	small = 1_000_000
	large = 10_000_000
	stage = 250_000 // how much is appended for one figure of the rate
)

// BenchmarkLarge appends ten million events in submissions of 1,000 and says
// whether the cost of that grows with the log, what memory and disk it takes,
// and how long the ledger takes to open afterwards. Run it with -benchtime 1x.
func BenchmarkLarge(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(ledger.Threads()))
	r, g, dir := newDiskRig(b)
	p := &load{rig: r, callers: 8, events: chain.MaxLines}
	eventBytes := uint64(0)
	// appendTo appends up to a size and returns of the last four stages the
	// ratio to the bound, the rate, the CPU time, and then the memory.
	appendTo := func(size uint64) (ratio, rate, micros, memory float64) {
		var bounds, took, cpu []time.Duration
		for p.ledger.Head().Size < size && !b.Failed() {
			subs := p.make(stage / chain.MaxLines)
			for _, s := range subs {
				for _, line := range s.Lines {
					eventBytes += uint64(len(line))
				}
			}
			g.sizes, p.took, p.cpu, p.latencies = g.sizes[:0], 0, 0, p.latencies[:0]
			p.record(b, subs)
			bound, _ := writeBound(b, dir, g.sizes)
			bounds, took, cpu = append(bounds, bound), append(took, p.took), append(cpu, p.cpu)
		}
		last := max(0, len(took)-4)
		events := float64(len(took[last:]) * stage)
		whole := sum(took[last:]).Seconds()
		return sum(bounds[last:]).Seconds() / whole, events / whole, sum(cpu[last:]).Seconds() * 1e6 / events, settled(b)
	}
	for b.Loop() {
		ratio, rate, micros, memory := appendTo(small)
		b.ReportMetric(ratio, "of-bound-at-1M")
		b.ReportMetric(rate, "events/s-at-1M")
		b.ReportMetric(micros, "cpu-us/event-at-1M")
		b.ReportMetric(memory, "anon-MB-at-1M")
		ratio, rate, micros, memory = appendTo(large)
		b.ReportMetric(ratio, "of-bound-at-10M")
		b.ReportMetric(rate, "events/s-at-10M")
		b.ReportMetric(micros, "cpu-us/event-at-10M")
		b.ReportMetric(memory, "anon-MB-at-10M")
		if err := p.ledger.Close(); err != nil {
			b.Fatal(err)
		}
		disk := diskOf(b, filepath.Join(dir, book.Dir)) + diskOf(b, filepath.Join(dir, "index"))
		b.ReportMetric(float64(disk-eventBytes)/float64(p.ledger.Head().Size), "extra-B/entry")
		measureOpen(b, r, dir)
	}
}

func sum(all []time.Duration) (total time.Duration) {
	for _, d := range all {
		total += d
	}
	return total
}

// settled is the memory that is resident once garbage and the events of the
// benchmark are gone.
func settled(b *testing.B) float64 {
	debug.FreeOSMemory()
	return anonymous(b)
}

// diskOf is what the files below a directory occupy, in bytes.
func diskOf(b *testing.B, dir string) (total uint64) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		var st syscall.Stat_t
		if err == nil && !d.IsDir() {
			err = syscall.Stat(path, &st)
		}
		total += uint64(st.Blocks) * 512
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return total
}

// measureOpen opens what was closed: the checksum pass of the index by itself,
// and then everything.
func measureOpen(b *testing.B, r *rig, dir string) {
	x := openIndexIn(b, dir)
	start := time.Now()
	if err := x.Verify(); err != nil {
		b.Fatal(err)
	}
	pass := time.Since(start)
	if err := x.Close(); err != nil {
		b.Fatal(err)
	}
	start = time.Now()
	store, err := book.Open(dir, book.Options{})
	if err != nil {
		b.Fatal(err)
	}
	r.store, r.index = store, openIndexIn(b, dir)
	r.open()
	whole := time.Since(start)
	if n := r.ledger.Head().Size; n < large {
		b.Fatalf("%d entries after opening", n)
	}
	b.ReportMetric(whole.Seconds(), "open-s")
	b.ReportMetric(pass.Seconds(), "checksum-pass-s")
	b.ReportMetric((whole - pass).Seconds(), "open-beyond-pass-s")
}

func openIndexIn(b *testing.B, dir string) *index.Index {
	x, err := index.Open(filepath.Join(dir, "index"), index.Options{Ledger: chain.Hash{1}})
	if err != nil {
		b.Fatal(err)
	}
	return x
}
