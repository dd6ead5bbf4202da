package ledger

import (
	"errors"
	"fmt"
	"time"

	"civicledger/ledger/chain"
	"civicledger/ledger/roster"
)

// maxClockStep is how far the wall clock may run ahead of the monotonic one
// between two commits.
const maxClockStep = time.Hour

// sequencer is the writer's state. Two commits are on their way at most: one is
// being stored, and what comes in meanwhile is sealed behind it. That is
// provisional: if the first is not stored, the second never was.
type sequencer struct {
	// What is durable and shown.
	head      chain.Head
	tree      *chain.Tree
	roster    *roster.Roster
	recorded  int64 // of the newest commit
	wall      time.Time
	monotonic time.Duration

	signing *batch     // stored, and not shown yet; nil: none
	writing *batch     // given to the store; nil: none
	open    *batch     // takes in what comes, behind writing; nil: nothing came yet
	waits   bool       // what becomes of the first in the queue depends on what is on its way
	beside  bool       // the store writes in a goroutine of its own
	stored  chan error // what it says then; holds one
	spare   []*batch   // their memory is used again
	asked   []chain.EventKey
}

// batch is a commit being made.
type batch struct {
	commit Commit
	arena  []byte       // of the entries
	ends   []int        // of each in arena
	leaves []chain.Hash // the growth of the tree keeps them
	keys   []chain.EventKey
	begun  []Begun
	named  []Naming
	seen   map[chain.EventKey]struct{} // keys
	roster *roster.Roster
	sealed []sealed
	size   int  // bound of what a frame of it takes
	full   bool // the next in the queue does not fit
}

// sealed is a submission in a batch.
type sealed struct {
	p     *pending
	first uint64
	prev  chain.Hash
}

// sequence is the one writer. It commits whatever is queued when the commit
// before returned; there is no timer. While the store writes, it seals.
func (l *Ledger) sequence() {
	defer close(l.sequenced)
	for l.seq.writing != nil || !l.ending() {
		err := l.step()
		if errors.Is(err, ErrNoSpace) {
			l.refuseForSpace(l.seq.abandon(), err)
		} else if err != nil {
			l.fail(err)
			return
		}
	}
	l.tell(l.seq.abandon(), ErrStopped)
}

// step waits for the next thing to do and does it. An error that wraps
// ErrNoSpace says that nothing of what was on its way is stored; any other is
// fatal: the outcome is unknown.
func (l *Ledger) step() error {
	s := &l.seq
	ready, quit, stopped := l.pool.ready, l.quit, l.stopped
	if s.waits || (s.open != nil && s.open.full) {
		ready = nil
	}
	if s.writing != nil {
		quit, stopped = nil, nil // the commit in hand ends first
	}
	select {
	case err := <-s.stored:
		s.beside = false
		return l.wasStored(err)
	case <-ready:
		if err := l.gather(); err != nil {
			return err
		}
		if s.writing == nil && s.open != nil {
			return l.storeOpen()
		}
	case <-quit:
	case <-stopped:
	}
	return nil
}

// ending says whether nothing new is to be committed any more.
func (l *Ledger) ending() bool {
	select {
	case <-l.quit:
		return true
	case <-l.stopped:
		return true
	default:
		return false
	}
}

// abandon gives up what is on its way and returns whose it is, in order.
func (s *sequencer) abandon() []*pending {
	left := append(s.signing.pendings(), s.writing.pendings()...)
	s.signing, s.writing = nil, nil
	return append(left, s.abandonOpen()...)
}

// abandonOpen gives up what was not given to the store.
func (s *sequencer) abandonOpen() []*pending {
	left := s.open.pendings()
	s.open, s.waits = nil, false
	return left
}

func (b *batch) pendings() []*pending {
	if b == nil {
		return nil
	}
	ps := make([]*pending, len(b.sealed))
	for i := range b.sealed {
		ps[i] = b.sealed[i].p
	}
	return ps
}

// fail stops the ledger and tells everybody whose submission was on its way. A
// commit that runs beside the sequencer is waited for: whether it is stored
// nobody is told.
func (l *Ledger) fail(cause error) {
	l.stop(cause)
	if l.seq.beside {
		<-l.seq.stored
	}
	l.tell(l.seq.abandon(), fmt.Errorf("%w: %w", ErrStopped, cause))
}

func (l *Ledger) tell(ps []*pending, err error) {
	for _, p := range ps {
		p.settle(nil, err)
	}
}

// begin returns a batch behind everything that is on its way.
func (l *Ledger) begin() (*batch, error) {
	s := &l.seq
	b := s.fresh()
	b.commit.Prev, b.roster = s.head, s.roster
	recorded := s.recorded
	if w := s.writing; w != nil {
		b.commit.Prev, b.roster, recorded = w.commit.Head, w.roster, w.commit.Recorded
	}
	b.commit.Head = b.commit.Prev
	now, err := l.now()
	b.commit.Recorded = max(now, recorded)
	return b, err
}

// fresh returns an empty batch, with memory that was used before if there is
// some: touching new memory for each commit is dearer than hashing it.
func (s *sequencer) fresh() *batch {
	n := len(s.spare)
	if n == 0 {
		return &batch{arena: make([]byte, 0, chain.MaxFrame), seen: map[chain.EventKey]struct{}{}}
	}
	b := s.spare[n-1]
	s.spare = s.spare[:n-1]
	return b
}

// reuse keeps the memory of a batch of which nobody holds a part any more.
func (s *sequencer) reuse(b *batch) {
	clear(b.seen)
	clear(b.sealed)
	clear(b.named)
	*b = batch{
		arena: b.arena[:0], ends: b.ends[:0], keys: b.keys[:0], begun: b.begun[:0], named: b.named[:0],
		seen: b.seen, sealed: b.sealed[:0], commit: Commit{Entries: b.commit.Entries[:0]},
	}
	s.spare = append(s.spare, b)
}

// now returns the time of the next commit, and an error if the clock stepped.
func (l *Ledger) now() (int64, error) {
	wall, monotonic := l.clock()
	step := wall.Round(0).Sub(l.seq.wall.Round(0)) - (monotonic - l.seq.monotonic)
	if step > maxClockStep {
		return 0, fmt.Errorf("%w: by %s, to %s", ErrClock, step.Round(time.Second), wall.UTC().Format(time.RFC3339))
	}
	l.seq.wall, l.seq.monotonic = wall, monotonic
	return wall.UnixMilli(), nil
}

// gather takes what is queued, as much as fits, into the open batch: it judges
// each submission at its own index and gives it its place. What is refused is
// told so at once; nothing is durable yet.
func (l *Ledger) gather() error {
	s := &l.seq
	if err := l.full.refuses(); err != nil {
		l.refuseForSpace(s.abandonOpen(), err) // what the store has goes on
		return nil
	}
	if s.open == nil {
		if s.writing == nil {
			l.audit.room()
		}
		b, err := l.begin()
		if err != nil {
			return err
		}
		s.open = b
	}
	b := s.open
	group, more := l.pool.take(chain.MaxFrame - b.size)
	b.full = more && group == nil
	if err := l.admitAll(b, group); err != nil {
		return err
	}
	if len(b.sealed) == 0 {
		s.open = nil
		s.reuse(b)
	}
	return nil
}

// admitAll adds submissions to the open batch. One that repeats something on its
// way, or must be refused by rights that are on their way, waits, and all behind
// it wait too: the order of one caller's submissions holds.
func (l *Ledger) admitAll(b *batch, group []*pending) error {
	s := &l.seq
	known, err := l.lookup(group)
	if err != nil {
		s.orphan(group)
		return fmt.Errorf("look up event keys: %w", err)
	}
	for i, p := range group {
		wait, err := s.repeats(p), error(nil)
		if !wait {
			wait, err = l.admit(b, p, known)
		}
		if err != nil {
			s.orphan(group[i:])
			return err
		}
		if wait {
			l.pool.giveBack(group[i:])
			s.waits = true
			return nil
		}
	}
	return nil
}

// orphan adds submissions that have no place to those that abandon returns.
func (s *sequencer) orphan(ps []*pending) {
	for _, p := range ps {
		s.open.sealed = append(s.open.sealed, sealed{p: p})
	}
}

// repeats says whether p says something that is on its way already.
func (s *sequencer) repeats(p *pending) bool {
	return (s.writing != nil && hasAny(s.writing.seen, p.keys)) || (s.open != nil && hasAny(s.open.seen, p.keys))
}

// hasAny says whether m has one of the keys.
func hasAny[V any](m map[chain.EventKey]V, keys []chain.EventKey) bool {
	for _, key := range keys {
		if _, ok := m[key]; ok {
			return true
		}
	}
	return false
}

// admit adds p to the batch, or settles why not, or says that it must wait.
func (l *Ledger) admit(b *batch, p *pending, known map[chain.EventKey]uint64) (wait bool, err error) {
	if hasAny(known, p.keys) {
		return false, l.admitRepeated(p, known)
	}
	next, refusal := b.roster.Judge(p.sub, p.envelopes, roster.At{Index: b.commit.Head.Size, Recorded: b.commit.Recorded})
	if refusal != nil && b.roster != l.seq.roster {
		return true, nil // a refusal is final, and this roster may never be
	}
	if refusal != nil {
		p.settle(nil, refused(refusal.Line, refusal.Code, "%s", refusal.Message))
		return false, nil
	}
	if next.LogKey() != b.roster.LogKey() {
		// The checkpoint over this entry would need the other key, which this
		// process does not hold; evidence without a signature is not accepted.
		p.settle(nil, refused(1, roster.CodeSystem, "a running ledger cannot change the key of its checkpoints"))
		return false, nil
	}
	b.roster = next
	b.add(l, p)
	return false, nil
}

// admitRepeated answers a submission that is on the log already, or of which
// something is. What look-ups know is durable and signed.
func (l *Ledger) admitRepeated(p *pending, known map[chain.EventKey]uint64) error {
	first, err := l.judgeRepeated(p, known)
	var no *Refused
	if errors.As(err, &no) {
		p.settle(nil, no)
		return nil
	}
	if err != nil {
		return fmt.Errorf("compare with what is on the log: %w", err)
	}
	r, err := l.receiptAt(first, p.digest)
	if errors.Is(err, ErrDamaged) {
		return err
	}
	p.settle(r, err)
	return nil
}

func (b *batch) add(l *Ledger, p *pending) {
	head := &b.commit.Head
	first := head.Size
	b.sealed = append(b.sealed, sealed{p: p, first: first, prev: head.Last})
	head.Last = p.sub.Seal(l.suite, first, head.Last, b.commit.Recorded, p.keys, func(entry []byte, leaf chain.Hash) {
		b.arena = append(b.arena, entry...)
		b.ends = append(b.ends, len(b.arena))
		b.leaves = append(b.leaves, leaf)
	})
	head.Size += uint64(len(p.keys))
	b.size += p.sealed
	for _, key := range p.keys {
		b.seen[key] = struct{}{}
	}
	b.keys = append(b.keys, p.keys...)
	b.begun = append(b.begun, Begun{chain.SubmissionKey(p.digest), first})
	for _, n := range p.named {
		b.named = append(b.named, Naming{n.Subject, first + n.Index})
	}
}

// storeOpen gives the open batch to the store. If something is queued that
// could be sealed meanwhile, the store writes beside the sequencer; else that
// would only cost a single sender the way there and back.
func (l *Ledger) storeOpen() error {
	b := l.seq.next()
	if l.pool.empty() {
		return l.wasStored(l.commit(b))
	}
	l.storeBeside(b)
	return nil
}

// next makes the open batch the one that is written.
func (s *sequencer) next() *batch {
	b := s.open
	start := 0
	for _, end := range b.ends { // the arena grows no more
		b.commit.Entries = append(b.commit.Entries, b.arena[start:end:end])
		start = end
	}
	s.writing, s.open = b, nil
	return b
}

func (l *Ledger) storeBeside(b *batch) {
	l.seq.beside = true
	go func() { l.seq.stored <- l.commit(b) }()
}

func (l *Ledger) commit(b *batch) error {
	began := time.Now()
	err := l.store.Commit(&b.commit)
	if err == nil {
		l.stats.commit(&b.commit, time.Since(began))
	}
	return err
}

// wasStored goes on where Store.Commit returned.
//
// If we stop before the commit is durable, nothing of the batch exists. If we
// stop right after it, the batch is on the log: on restart it is above the
// stored checkpoint, is checked, extended and signed, and the same submission
// sent again gets the same place.
func (l *Ledger) wasStored(err error) error {
	s := &l.seq
	if errors.Is(err, ErrStale) {
		l.pool.giveBack(s.abandon())
		return l.catchUp()
	}
	if err != nil {
		return err
	}
	l.full.took()
	b := s.writing
	s.signing, s.writing = b, nil
	if s.open != nil && !l.ending() && !l.audit.tooFar() {
		// The disk goes on while this one is signed. If we stop in between,
		// both are above the stored checkpoint.
		l.storeBeside(s.next())
	}
	growth, err := l.publish(b)
	if err != nil {
		return err
	}
	l.acknowledge(b, growth)
	s.signing, s.waits = nil, false
	s.reuse(b)
	l.pool.wake()
	if s.writing == nil && s.open != nil && !l.ending() {
		l.audit.room()
		return l.storeOpen()
	}
	return nil
}

// publish signs what is durable and shows it to readers.
func (l *Ledger) publish(b *batch) (*chain.Growth, error) {
	growth := l.seq.tree.Grow(b.leaves)
	l.seq.head, l.seq.tree, l.seq.roster, l.seq.recorded = b.commit.Head, growth.Tree, b.roster, b.commit.Recorded
	// Keys and tiles are readable from here before the index has them.
	l.lag.add(&IndexBatch{
		From: b.commit.Prev.Size, To: b.commit.Head.Size, Keys: b.keys, Begun: b.begun, Tiles: growth.Full, Subjects: b.named,
	})
	l.audit.wrote(&b.commit)
	return growth, l.show()
}

// show signs the sequencer's state, saves the checkpoint and wakes followers.
func (l *Ledger) show() error {
	l.signing.Lock()
	defer l.signing.Unlock()
	if err := l.Err(); err != nil {
		return err // found meanwhile: what is durable stays unsigned, and is judged on restart
	}
	checkpoint := chain.Checkpoint{Origin: l.origin, Size: l.seq.head.Size, Root: l.seq.tree.Root()}
	signed, err := checkpoint.Sign(l.signer)
	if err != nil {
		return err
	}
	if err := l.store.SaveCheckpoint(signed); err != nil {
		return fmt.Errorf("save checkpoint of %d: %w", checkpoint.Size, err)
	}
	l.stats.signed.Store(time.Now().UnixNano())
	l.current.Store(&view{head: l.seq.head, tree: l.seq.tree, roster: l.seq.roster, checkpoint: signed})
	l.grownMu.Lock()
	close(l.grown)
	l.grown = make(chan struct{})
	l.grownMu.Unlock()
	return nil
}

// acknowledge tells every sender in the batch that its submission has its place.
func (l *Ledger) acknowledge(b *batch, growth *chain.Growth) {
	v := l.current.Load()
	for i := range b.sealed {
		at := &b.sealed[i]
		at.p.settlePlaced(placed{
			ledger: l, view: v, growth: growth, first: at.first, prev: at.prev, recorded: b.commit.Recorded,
		})
	}
}
