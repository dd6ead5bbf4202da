package ledger

import (
	"context"
	"sync"
	"time"

	"civicledger/ledger/chain"
)

// pending is a submission that has its place in the pool.
type pending struct {
	sub       *chain.Submission
	text      []byte // what its signature signs and its digest digests
	digest    chain.Hash
	keys      []chain.EventKey
	envelopes []chain.Envelope
	named     []Naming // by index in the submission
	sealed    int      // bound of its size in a frame

	entered time.Time // when it asked for its place
	stats   *stats    // told of what became of it

	done    chan struct{} // closed once receipt, place or err is set
	receipt *chain.Receipt
	placed  *placed // what a receipt is made of
	making  sync.Once
	err     error
}

// placed is what is needed to make the receipt of a submission that was just
// recorded. Whoever waits for the receipt makes it, not the sequencer.
type placed struct {
	ledger   *Ledger
	view     *view
	growth   *chain.Growth
	first    uint64
	prev     chain.Hash
	recorded int64
}

func (p *pending) settle(r *chain.Receipt, err error) {
	p.receipt, p.err = r, err
	p.stats.settled(p, err)
	close(p.done)
}

func (p *pending) settlePlaced(at placed) {
	p.placed = &at
	p.settle(nil, nil)
}

func (p *pending) wait(ctx context.Context) (*chain.Receipt, error) {
	select {
	case <-p.done:
		p.making.Do(p.makeReceipt)
		return p.receipt, p.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pending) makeReceipt() {
	if at := p.placed; at != nil {
		p.receipt = at.ledger.newReceipt(p.sub, p.digest, at.first, at.prev, at.recorded)
		p.receipt.Checkpoint = string(at.view.checkpoint)
		p.receipt.Proof, p.err = at.growth.Inclusion(at.first + uint64(len(p.keys)) - 1)
		p.placed = nil
	}
}

// pool is the bounded queue between the callers and the sequencer. It is
// first in, first out.
type pool struct {
	maxCount, maxBytes int

	mu    sync.Mutex
	queue []*pending
	bytes int
	room  chan struct{} // closed and replaced when something was taken
	err   error         // set once: nothing enters any more

	ready chan struct{} // holds one token while the queue may have something
}

func newPool(maxCount, maxBytes int) *pool {
	return &pool{
		maxCount: maxCount, maxBytes: maxBytes,
		room: make(chan struct{}), ready: make(chan struct{}, 1),
	}
}

// enter appends p, waiting for room until ctx ends.
func (q *pool) enter(ctx context.Context, p *pending) error {
	for {
		q.mu.Lock()
		if q.err != nil {
			q.mu.Unlock()
			return q.err
		}
		if len(q.queue) == 0 || (len(q.queue) < q.maxCount && q.bytes+p.sealed <= q.maxBytes) {
			q.queue = append(q.queue, p)
			q.bytes += p.sealed
			q.mu.Unlock()
			q.signal()
			return nil
		}
		room := q.room
		q.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (q *pool) signal() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// take removes what is queued, as much as fits into room bytes of a frame, and
// says whether more is queued behind it.
func (q *pool) take(room int) (taken []*pending, more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, size := 0, 0
	for n < len(q.queue) && size+q.queue[n].sealed <= room {
		size += q.queue[n].sealed
		n++
	}
	if more = n < len(q.queue); more {
		q.signal()
	}
	if n == 0 {
		return nil, more
	}
	taken = append(taken, q.queue[:n]...)
	left := copy(q.queue, q.queue[n:])
	clear(q.queue[left:])
	q.queue = q.queue[:left]
	q.bytes -= size
	close(q.room)
	q.room = make(chan struct{})
	return taken, more
}

// empty says whether nothing is queued.
func (q *pool) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.queue) == 0
}

// wake makes ready hold its token if something is queued.
func (q *pool) wake() {
	if !q.empty() {
		q.signal()
	}
}

// giveBack puts submissions before all others again, in their order. If the pool
// was shut meanwhile nobody would take them: they are told so.
func (q *pool) giveBack(ps []*pending) {
	if len(ps) == 0 {
		return
	}
	q.mu.Lock()
	if err := q.err; err != nil {
		q.mu.Unlock()
		for _, p := range ps {
			p.settle(nil, err)
		}
		return
	}
	q.queue = append(append([]*pending(nil), ps...), q.queue...)
	for _, p := range ps {
		q.bytes += p.sealed
	}
	q.mu.Unlock()
	q.signal()
}

// shut lets nothing in any more and returns what was queued.
func (q *pool) shut(err error) []*pending {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.err = err
	}
	left := q.queue
	q.queue, q.bytes = nil, 0
	close(q.room)
	q.room = make(chan struct{})
	return left
}

// queued returns how many submissions wait, and their bound in bytes.
func (q *pool) queued() (count, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.queue), q.bytes
}
