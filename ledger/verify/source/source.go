// Package source reads a log from where it is: the files of a ledger, a server
// that shows it by the C2SP tlog-tiles API, or a server's paths as static files.
// It yields every entry with what the log states around it, what it cannot read
// as gaps, and notes what files and tiles have wrong of themselves. What it all
// means is for ledger/verify/judge.
package source

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/chain"
	"civicledger/ledger/roster"
	"civicledger/ledger/suite"
	"civicledger/ledger/verify/verdict"
)

// Source is where a log is read from: a Directory, or Tiles.
type Source interface {
	// Name is what the report calls it.
	Name() string
	// Signed returns the newest checkpoint that the key signed; problems with
	// it are defects. The error means that it could not be read.
	Signed(ctx context.Context, verifier note.Verifier) (*verdict.Signed, []verdict.Defect, error)
	// read yields the entries in order, what it cannot read as gaps: a served
	// log's up to a size, that of its checkpoint, a book's to its end. The error
	// means that reading failed.
	read(ctx context.Context, size uint64, out *Reader) error
}

// Batch is a run of entries, judged in two steps: each entry by itself on all
// cores, then all in order.
type Batch struct {
	First uint64
	Items []Item

	done   chan struct{} // closed when each item is judged by itself
	reused bool          // items are recycled: the source does not look at them again
}

// Item is one entry and what stands around it.
type Item struct {
	Raw      []byte // nil: could not be read
	Before   *chain.Hash
	After    *chain.Hash // what a frame or tile states about the entry before, about this one
	Recorded *int64      // what the frame states
	Tile     string      // path of the served tile in which After stands
	File     string
	Offset   int64

	Header   chain.Header
	Line     []byte
	Leaf     chain.Hash
	Envelope chain.Envelope
	Key      chain.EventKey
	Err      error // of the header
	EnvErr   error
}

// Parse does for an item all that needs no other: the bulk of the work.
func (it *Item) Parse(s *suite.Suite) {
	if it.Raw == nil {
		return
	}
	it.Leaf = s.Leaf(it.Raw)
	it.Header, it.Line, it.Err = chain.ParseEntry(it.Raw)
	if it.Err != nil {
		return
	}
	it.Envelope, it.EnvErr = chain.ReadEnvelope(it.Line)
	it.Key = it.Header.EventKey
	if it.EnvErr == nil {
		it.Key = chain.KeyOf(s, it.Header.Agency, it.Envelope.Source, it.Envelope.ID)
	}
}

// Reader is where a source puts what it reads.
type Reader struct {
	Suite   *suite.Suite     // that the genesis entry names; nil before the first batch
	Defects *verdict.Defects // of files and tiles
	Notes   []string

	ctx     context.Context
	batches chan *Batch // in order, parsed or about to be: no more at once than it holds
}

// NewReader returns a reader that adds defects to those.
func NewReader(ctx context.Context, defects *verdict.Defects) *Reader {
	return &Reader{Defects: defects, ctx: ctx, batches: make(chan *Batch, 16)}
}

// Read reads under a checkpoint of a size and calls take with each batch in order,
// its items parsed; a batch is not kept. The error means that reading failed.
func (r *Reader) Read(src Source, size uint64, take func(*Batch)) error {
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	r.ctx = ctx
	failed := make(chan error, 1)
	go func() {
		err := src.read(ctx, size, r)
		close(r.batches)
		failed <- err
	}()
	for b := range r.batches {
		<-b.done
		take(b)
		if b.reused {
			clear(b.Items)
			b.Items = b.Items[:0]
			spare.Put(&b.Items)
		}
	}
	return <-failed
}

// put hands over a batch; the source does not touch it afterwards.
func (r *Reader) put(b *Batch) error {
	if len(b.Items) == 0 {
		return nil
	}
	if err := r.ctx.Err(); err != nil { // a log that fits into the queues is interrupted, too
		return err
	}
	if r.Suite == nil {
		r.Suite = suiteOf(b)
	}
	b.done = make(chan struct{})
	select {
	case r.batches <- b:
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
	go func() {
		defer close(b.done)
		for i := range b.Items {
			b.Items[i].Parse(r.Suite)
		}
	}()
	return nil
}

// spare keeps the items of judged batches, which are large, for new ones.
var spare = sync.Pool{New: func() any { return new([]Item) }}

// suiteOf returns the suite that the genesis entry names.
func suiteOf(b *Batch) *suite.Suite {
	if raw := b.Items[0].Raw; b.First == 0 && raw != nil {
		if h, line, err := chain.ParseEntry(raw); err == nil {
			genesis := &chain.Submission{Agency: h.Agency, KeyID: h.KeyID, Signature: h.Signature, Lines: [][]byte{line}}
			if r, refusal := roster.New().Judge(genesis, nil, roster.At{Recorded: h.Recorded}); refusal == nil {
				return r.Suite()
			}
		}
	}
	return suite.Default()
}

// OnCores does all of a count on all cores.
func OnCores(count int, do func(i int)) {
	var next atomic.Int64
	var cores sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), count) {
		cores.Go(func() {
			for i := int(next.Add(1)) - 1; i < count; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	cores.Wait()
}
