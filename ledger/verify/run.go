package verify

import (
	"context"
	"errors"
	"runtime"
	"sync"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/chain"
	"civicledger/ledger/roster"
	"civicledger/ledger/suite"
)

// Source is where a log is read from: Directory or Server.
type Source interface {
	// name is what the report calls it.
	name() string
	// checkpoint returns the newest checkpoint that the key signed; problems
	// with it are defects. The error means that it could not be read.
	checkpoint(ctx context.Context, verifier note.Verifier) (*signed, []Defect, error)
	// read yields the entries below size in order, what it cannot read as
	// gaps; what lies beyond is counted. The error means that reading failed.
	read(ctx context.Context, size uint64, out *reader) error
}

// signed is a checkpoint with the note it stands in.
type signed struct {
	chain.Checkpoint
	note []byte
}

// Options of a run.
type Options struct {
	Progress func(done, total uint64) // called now and then, one call at a time; may be nil
	Known    *Known                   // a checkpoint kept from before, which the log must extend; may be nil

	Careful bool // judge every entry by itself; do not try the quick way

	stretch int64 // for tests: bytes that the quick way reads at once; 0: stretchSize
}

// batch is a run of entries as a source reads them, judged in two steps: each
// entry by itself on all cores, then all in order.
type batch struct {
	first uint64
	items []item
	done  chan struct{} // closed when each item is judged by itself

	reused bool // the judge recycles items
}

// item is one entry and what stands around it.
type item struct {
	raw      []byte // nil: could not be read
	before   *chain.Hash
	after    *chain.Hash // what a frame or tile states about the entry before, about this one
	recorded *int64      // what the frame states
	tile     string      // path of the served tile in which after stands
	file     string
	offset   int64

	header   chain.Header
	line     []byte
	leaf     chain.Hash
	envelope chain.Envelope
	key      chain.EventKey
	err      error // of the header
	envErr   error
}

// reader is where a source puts what it reads.
type reader struct {
	ctx     context.Context
	batches chan *batch // in order, to the judge
	work    chan *batch // to the cores
	suite   *suite.Suite
	defects defectList
	beyond  uint64
	notes   []string
}

// put hands over a batch; the source does not touch it afterwards.
func (r *reader) put(b *batch) error {
	if len(b.items) == 0 {
		return nil
	}
	if err := r.ctx.Err(); err != nil { // a log that fits into the queues is interrupted, too
		return err
	}
	if r.suite == nil {
		r.suite = suiteOf(b)
	}
	b.done = make(chan struct{})
	for _, to := range []chan *batch{r.work, r.batches} {
		select {
		case to <- b:
		case <-r.ctx.Done():
			return r.ctx.Err()
		}
	}
	return nil
}

// spare keeps the items of judged batches, which are large, for new ones.
var spare = sync.Pool{New: func() any { return new([]item) }}

// recycle gives back a batch of a source that does not look at it again.
func (r *reader) recycle(b *batch) {
	if b.reused {
		clear(b.items)
		b.items = b.items[:0]
		spare.Put(&b.items)
	}
}

// suiteOf returns the suite that the genesis entry names.
func suiteOf(b *batch) *suite.Suite {
	if raw := b.items[0].raw; b.first == 0 && raw != nil {
		if h, line, err := chain.ParseEntry(raw); err == nil {
			if r, refusal := roster.New().Judge(genesisOf(&h, line), nil, roster.At{Recorded: h.Recorded}); refusal == nil {
				return r.Suite()
			}
		}
	}
	return suite.Default()
}

func genesisOf(h *chain.Header, line []byte) *chain.Submission {
	return &chain.Submission{Agency: h.Agency, KeyID: h.KeyID, Signature: h.Signature, Lines: [][]byte{line}}
}

// judge does for an item all that needs no other: the bulk of the work.
func (it *item) judge(s *suite.Suite) {
	if it.raw == nil {
		return
	}
	it.leaf = s.Leaf(it.raw)
	it.header, it.line, it.err = chain.ParseEntry(it.raw)
	if it.err != nil {
		return
	}
	it.envelope, it.envErr = chain.ReadEnvelope(it.line)
	it.key = it.header.EventKey
	if it.envErr == nil {
		it.key = chain.KeyOf(s, it.header.Agency, it.envelope.Source, it.envelope.ID)
	}
}

// Run verifies a log against the verifier key of its checkpoints (a C2SP
// vkey). It returns a report in every case; what could not be checked is said
// there.
func Run(ctx context.Context, src Source, vkey string, opts Options) *Report {
	r := &Report{Format: Format, Source: src.name(), Key: vkey, Defects: []Defect{}, Stands: []Standing{}, Notes: []string{}}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		r.Problem = "the key is not a verifier key: " + err.Error()
		r.settle(nil, 0)
		return r
	}
	r.Origin = verifier.Name()
	cp, defects, err := src.checkpoint(ctx, verifier)
	if err != nil {
		r.Problem = err.Error()
		r.settle(nil, 0)
		return r
	}
	size := uint64(1) << 63 // without a checkpoint: all there is
	if cp != nil {
		r.Checkpoint = &CheckpointSeen{Size: cp.Size, Root: cp.Root[:], Note: string(cp.note)}
		size = cp.Size
	}
	if d, ok := src.(*directory); ok && cp != nil && len(defects) == 0 && !opts.Careful && d.accept(ctx, r, cp, opts) {
		return r
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	in := &reader{ctx: ctx, batches: make(chan *batch, 16), work: make(chan *batch, 16)}
	j := newJudge(vkey, cp, opts.Progress)
	j.remember(opts.Known, r)
	in.defects.add(defects...)
	failed := make(chan error, 1)
	go func() {
		err := src.read(ctx, size, in)
		close(in.batches)
		close(in.work)
		failed <- err
	}()
	var cores sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		cores.Go(func() {
			for b := range in.work {
				for i := range b.items {
					b.items[i].judge(in.suite)
				}
				close(b.done)
			}
		})
	}
	for b := range in.batches {
		<-b.done
		j.suite = in.suite
		j.batch(b)
		in.recycle(b)
	}
	cores.Wait()
	err = <-failed
	j.defects.take(&in.defects)
	j.finish(r, size, err == nil)
	r.Counts.Beyond, r.Notes = in.beyond, append(r.Notes, in.notes...)
	if err != nil {
		r.Problem = "reading stopped: " + err.Error()
		if errors.Is(err, context.Canceled) {
			r.Problem = "interrupted"
		}
		if r.DefectCount == 0 {
			r.Verdict = Unchecked
		}
	}
	return r
}

// defectList collects defects of all goroutines; beyond a bound it only
// counts.
type defectList struct {
	mu    sync.Mutex
	kept  []Defect
	total int
}

const maxKept = 100_000

func (l *defectList) add(defects ...Defect) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total += len(defects)
	l.kept = append(l.kept, defects[:min(len(defects), maxKept-len(l.kept))]...)
}

func (l *defectList) take(from *defectList) {
	from.mu.Lock()
	kept, more := from.kept, from.total-len(from.kept)
	from.mu.Unlock()
	l.add(kept...)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total += more
}
