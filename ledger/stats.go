package ledger

import (
	"errors"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// Stats is what a Ledger has done since Open, and how it is. Taking it costs
// nothing that a commit waits for.
type Stats struct {
	Size           uint64 // entries that are durable and signed
	Commits        uint64 // since Open, as all counts below
	Entries        uint64 // in those commits
	Bytes          uint64 // of those entries
	CommitSeconds  Distribution
	CommitEntries  Distribution
	ReceiptSeconds Distribution      // from asking for a place in the pool to the receipt
	Accepted       uint64            // submissions with a receipt, repeated ones too
	Refused        map[string]uint64 // submissions, by the code of the first problem
	Failed         uint64            // submissions told to come again: no room, or stopped

	QueueCount, QueueBytes int // submissions in the pool, and their bound in bytes
	IndexLag               int // entries that the index does not have yet

	CheckpointSize uint64
	CheckpointTime time.Time // when the newest was signed; zero before the first
}

// Distribution counts values in buckets: Counts[i] those at most Bounds[i] and
// more than the bound before; the last count is of those above all bounds.
type Distribution struct {
	Bounds []float64
	Counts []uint64
	Sum    float64
}

var (
	secondsBounds = []float64{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}
	entriesBounds = []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000}
)

// buckets counts values of a Distribution. The sum is kept in whole units of
// the caller, so that it is one atomic addition.
type buckets struct {
	counts [len64]atomic.Uint64
	sum    atomic.Int64
}

// len64 is room for every list of bounds and what lies above it.
const len64 = 17

func (b *buckets) add(bounds []float64, value float64, whole int64) {
	i := 0
	for i < len(bounds) && value > bounds[i] {
		i++
	}
	b.counts[i].Add(1)
	b.sum.Add(whole)
}

func (b *buckets) read(bounds []float64, unit float64) Distribution {
	d := Distribution{Bounds: bounds, Counts: make([]uint64, len(bounds)+1), Sum: float64(b.sum.Load()) * unit}
	for i := range d.Counts {
		d.Counts[i] = b.counts[i].Load()
	}
	return d
}

// stats counts per commit and per submission, nothing per entry. Its methods
// may be called by anybody at any time.
type stats struct {
	commits, entries, bytes             atomic.Uint64
	commitTime, commitSize, receiptTime buckets
	accepted, failed                    atomic.Uint64
	signed                              atomic.Int64 // Unix nanoseconds of the newest checkpoint

	mu      sync.Mutex
	refused map[string]uint64
}

// commit counts one that became durable, and what writing and syncing it took.
func (s *stats) commit(c *Commit, took time.Duration) {
	size := 0
	for _, e := range c.Entries {
		size += len(e)
	}
	s.commits.Add(1)
	s.entries.Add(uint64(len(c.Entries)))
	s.bytes.Add(uint64(size))
	s.commitTime.add(secondsBounds, took.Seconds(), int64(took))
	s.commitSize.add(entriesBounds, float64(len(c.Entries)), int64(len(c.Entries)))
}

// settled counts what became of a submission that had a place in the pool.
func (s *stats) settled(p *pending, err error) {
	if s == nil {
		return
	}
	if err != nil {
		s.turnedAway(err)
		return
	}
	s.accepted.Add(1)
	took := time.Since(p.entered)
	s.receiptTime.add(secondsBounds, took.Seconds(), int64(took))
}

// turnedAway counts a submission without a receipt.
func (s *stats) turnedAway(err error) {
	var no *Refused
	if !errors.As(err, &no) || len(no.Problems) == 0 {
		s.failed.Add(1)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refused == nil {
		s.refused = map[string]uint64{}
	}
	s.refused[no.Problems[0].Code]++
}

func (s *stats) refusals() map[string]uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.refused)
}

// Stats returns what the ledger has done since Open, and how it is.
func (l *Ledger) Stats() Stats {
	s := &l.stats
	v := l.current.Load()
	st := Stats{
		Size: v.head.Size, Commits: s.commits.Load(), Entries: s.entries.Load(), Bytes: s.bytes.Load(),
		CommitSeconds:  s.commitTime.read(secondsBounds, 1e-9),
		CommitEntries:  s.commitSize.read(entriesBounds, 1),
		ReceiptSeconds: s.receiptTime.read(secondsBounds, 1e-9),
		Accepted:       s.accepted.Load(), Failed: s.failed.Load(), Refused: s.refusals(),
		IndexLag: l.lag.waiting(), CheckpointSize: v.head.Size,
	}
	st.QueueCount, st.QueueBytes = l.pool.queued()
	if at := s.signed.Load(); at != 0 {
		st.CheckpointTime = time.Unix(0, at)
	}
	return st
}
