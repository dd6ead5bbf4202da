package ledger

import (
	"errors"
	"sync/atomic"
	"time"

	"civicledger/ledger/chain"
)

// What the self-audit of a served ledger is by default.
const (
	// DefaultAuditDistance is how far, in bytes of entries, the near walk may
	// be behind what is durable.
	DefaultAuditDistance = 64 << 20
	// DefaultAuditRate is the pace of the far walk in bytes of entries a second.
	DefaultAuditRate = 4_000_000
)

const (
	nearPause  = 50 * time.Millisecond // so that small commits are re-read together
	farTranche = 1 << 20               // bytes read at once by the far walk, before it pauses
	farRest    = 2 * time.Second       // between two rounds, at least
	auditTries = 3                     // of a read that fails without saying that bytes are wrong
	auditRetry = time.Second
)

// AuditConfig says how a ledger re-reads what it has written. The zero value
// re-reads nothing. A ledger opened read-only has no self-audit: it signs
// nothing that one could stop. With a Rate it reads its whole book once.
type AuditConfig struct {
	// Distance bounds, in bytes of entries, how far the near walk is behind what
	// is durable: the sequencer waits before it would be exceeded by more than
	// two commits. 0: there is no near walk.
	Distance int64
	// Rate is the pace of the far walk in bytes a second. 0: there is none.
	Rate int64
}

// Audited is how far the self-audit is.
type Audited struct {
	Near     uint64        // entries before this were re-read after they were written, since Open
	Behind   int64         // bytes of entries that are durable and not re-read by the near walk
	Far      uint64        // entries that the far walk has passed in its present round
	Rounds   uint64        // rounds of the far walk that ended well, since Open
	RoundEnd time.Time     // when the last one ended; zero if none did
	Took     time.Duration // what it took
}

// Audited returns how far the self-audit is.
func (l *Ledger) Audited() Audited {
	a := &l.audit
	s := Audited{
		Near: a.near.position.Load(), Behind: max(a.written.Load()-a.reread.Load(), 0),
		Far: a.far.position.Load(), Rounds: a.rounds.Load(), Took: time.Duration(a.took.Load()),
	}
	if end := a.ended.Load(); end != 0 {
		s.RoundEnd = time.UnixMilli(end)
	}
	return s
}

// audit re-reads what the ledger has written: one walk close behind the
// sequencer, and one that goes round the whole book. Each is one goroutine.
type audit struct {
	l              *Ledger
	distance, rate int64
	retry          time.Duration // before a read that failed is tried again

	near walk
	far  walk
	goal *view // the end of the far walk's round; nil between two rounds

	written atomic.Int64  // bytes of entries that became durable since Open
	reread  atomic.Int64  // of them, by the near walk
	moved   chan struct{} // holds one token after reread moved

	rounds      atomic.Uint64
	ended, took atomic.Int64 // of the last round: Unix milliseconds, nanoseconds
}

// begin prepares the walks: the near one stands where Open ended, which has
// read and checked what is above the stored checkpoint.
func (a *audit) begin(l *Ledger, cfg AuditConfig) {
	a.l, a.distance, a.rate, a.retry, a.moved = l, cfg.Distance, cfg.Rate, auditRetry, make(chan struct{}, 1)
	a.near.found, a.far.found = byNear, byFar
	a.written.Store(0)
	v := l.current.Load()
	a.near.move(v.head, v.tree)
	a.far.move(chain.Head{}, chain.NewTree(l.suite))
}

// start runs the walks that are wanted until the ledger stops or is closed.
func (a *audit) start() {
	if a.distance > 0 {
		a.l.work.Go(a.followNear)
	}
	if a.rate > 0 {
		a.l.work.Go(a.goRound)
	}
}

// wrote counts a commit that became durable. It is the sequencer's.
func (a *audit) wrote(c *Commit) {
	size := 0
	for _, e := range c.Entries {
		size += len(e)
	}
	a.written.Add(int64(size))
}

// tooFar says whether the near walk is farther behind than it may be.
func (a *audit) tooFar() bool {
	return a.distance > 0 && a.written.Load()-a.reread.Load() > a.distance
}

// room waits while the near walk is too far behind; the sequencer calls it
// before it makes a commit and while nothing that is stored waits to be signed.
// It returns at once when the ledger stops, which whoever signs finds out.
func (a *audit) room() {
	for a.tooFar() {
		select {
		case <-a.moved:
		case <-a.l.stopped:
			return
		case <-a.l.quit:
			return
		}
	}
}

// followNear is the near walk.
func (a *audit) followNear() {
	for {
		select {
		case <-a.l.Grown(a.near.head.Size):
		case <-a.l.stopped:
			return
		case <-a.l.quit:
			return
		}
		if !a.try(&a.near, a.stepNear) {
			return
		}
		if a.written.Load()-a.reread.Load() < a.distance/2 && !a.pause(nearPause) {
			return
		}
	}
}

// goRound is the far walk, round after round.
func (a *audit) goRound() {
	for a.round() && a.pause(farRest) {
	}
}

// round reads the whole book and the index once; it is false when the walk has
// to end.
func (a *audit) round() bool {
	began := time.Now()
	for done := false; !done; {
		var size int64
		step := func() (err error) {
			size, done, err = a.stepFar()
			return err
		}
		if !a.try(&a.far, step) || !a.pace(size) {
			return false
		}
	}
	if !a.try(&a.far, a.verifyIndex) {
		return false
	}
	a.took.Store(int64(time.Since(began)))
	a.ended.Store(time.Now().UnixMilli())
	a.rounds.Add(1)
	return true
}

// try takes a step of a walk. Bytes that are wrong stop the ledger at once. A
// read that fails otherwise is tried again, and then counts as wrong too: what
// cannot be read was not audited. It is false when the walk has to end.
func (a *audit) try(w *walk, step func() error) bool {
	for n := 1; ; n++ {
		err := step()
		switch {
		case err == nil:
			return !a.l.ending()
		case a.l.ending() || errors.Is(err, ErrClosed):
			return false
		case errors.Is(err, ErrDamaged) || n == auditTries:
			a.l.condemn(mismatchOf(w.found, w.head.Size, err))
			return false
		}
		a.l.log.Warn("the self-audit could not read, and tries again", "cause", err)
		if !a.pause(a.retry) {
			return false
		}
	}
}

// pause is false when the walk has to end.
func (a *audit) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-a.l.stopped:
		return false
	case <-a.l.quit:
		return false
	}
}

// pace pauses as long as reading size bytes may take.
func (a *audit) pace(size int64) bool {
	return a.pause(time.Duration(float64(size) / float64(a.rate) * float64(time.Second)))
}

// stepNear re-reads what became durable since the last step, and compares it
// with what was signed over it.
func (a *audit) stepNear() error {
	w, v := &a.near, a.l.current.Load()
	for c, err := range a.l.store.Commits(w.head.Size) {
		if err != nil {
			return err
		}
		if c.Prev.Size >= v.head.Size {
			break
		}
		growth, size, err := w.check(a.l, c)
		if err != nil {
			return err
		}
		w.move(c.Head, growth.Tree)
		a.reread.Add(size)
		select {
		case a.moved <- struct{}{}:
		default:
		}
		if a.l.ending() {
			return nil
		}
	}
	return w.compare(a.l, v)
}

// stepFar re-reads the next part of the book, and at its end compares the head
// and the root with what was signed.
func (a *audit) stepFar() (size int64, done bool, err error) {
	w := &a.far
	if a.goal == nil {
		a.goal = a.l.current.Load()
		w.move(chain.Head{}, chain.NewTree(a.l.suite))
	}
	if cached, ok := a.l.store.(CacheDropper); ok {
		cached.DropCache(w.head.Size, farTranche)
	}
	for c, err := range a.l.store.Commits(w.head.Size) {
		if err != nil {
			return size, false, err
		}
		if c.Prev.Size >= a.goal.head.Size {
			break
		}
		growth, n, err := w.check(a.l, c)
		if err == nil {
			err = w.compareTiles(a.l, a.goal, growth.Full)
		}
		if err != nil {
			return size, false, err
		}
		w.move(c.Head, growth.Tree)
		if size += n; size >= farTranche || a.l.ending() {
			break
		}
	}
	if size > 0 && w.head.Size < a.goal.head.Size {
		return size, false, nil
	}
	if err := w.compare(a.l, a.goal); err != nil {
		return size, false, err
	}
	a.goal = nil
	return size, true, nil
}

// CacheDropper is what a Store may do beside its contract: forget what the
// system keeps in memory of about so many bytes of entries from an index on,
// so that they are next read from the disk. It is a wish.
type CacheDropper interface {
	DropCache(from uint64, size int64)
}

// TableVerifier is what an Index may do beside its contract: read its files
// and compare their checksums. It tells pace how many bytes were read, and ends
// without an error when pace is false.
type TableVerifier interface {
	VerifyPaced(pace func(size int64) bool) error
}

func (a *audit) verifyIndex() error {
	v, ok := a.l.index.(TableVerifier)
	if !ok {
		return nil
	}
	err := v.VerifyPaced(a.pace)
	if err == nil || errors.Is(err, ErrClosed) {
		return err
	}
	return &Mismatch{Found: byFar, Damage: Damage{Reason: err.Error()}, Index: true}
}
