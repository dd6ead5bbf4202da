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

// sequencer is the writer's state: what the next commit extends.
type sequencer struct {
	head      chain.Head
	tree      *chain.Tree
	roster    *roster.Roster
	recorded  int64 // of the newest commit
	wall      time.Time
	monotonic time.Duration
}

// batch is a commit being made.
type batch struct {
	commit Commit
	arena  []byte
	ends   []int // of entries in arena
	leaves []chain.Hash
	keys   []chain.EventKey
	seen   map[chain.EventKey]bool
	roster *roster.Roster
	sealed []sealed
	repeat []repeat
	later  []*pending // repeat something that is in this very batch
}

// sealed is a submission in a batch.
type sealed struct {
	p     *pending
	first uint64
	prev  chain.Hash
}

// repeat is a submission that was on the log already.
type repeat struct {
	p     *pending
	first uint64
}

// sequence is the one writer: it commits whatever is queued when the commit
// before returned. There is no timer.
func (l *Ledger) sequence() {
	defer close(l.sequenced)
	for {
		select {
		case <-l.pool.ready:
		case <-l.quit:
			return
		case <-l.stopped:
			return
		}
		group := l.pool.take()
		if group == nil {
			continue
		}
		err := l.full.refuses()
		if err == nil {
			err = l.record(group)
		}
		if errors.Is(err, ErrNoSpace) {
			l.refuseForSpace(group, err)
			continue
		}
		if err != nil {
			l.fail(group, err)
			return
		}
	}
}

// fail stops the ledger and tells everybody in the group that was in hand.
func (l *Ledger) fail(group []*pending, cause error) {
	l.stop(cause)
	err := fmt.Errorf("%w: %w", ErrStopped, cause)
	for _, p := range group {
		select {
		case <-p.done:
		default:
			p.settle(nil, err)
		}
	}
}

// record takes a group through one commit. An error that wraps ErrNoSpace says
// that nothing was stored; any other is fatal: the outcome is unknown.
func (l *Ledger) record(group []*pending) error {
	recorded, err := l.now()
	if err != nil {
		return err
	}
	b, err := l.seal(group, recorded)
	if err != nil {
		return err
	}
	if len(b.leaves) > 0 {
		// If we stop before this line, nothing of the batch exists. If we stop
		// right after it, the batch is on the log: on restart it is above the
		// stored checkpoint, is checked, extended and signed, and the same
		// submission sent again gets the same place.
		err := l.store.Commit(&b.commit)
		if errors.Is(err, ErrStale) {
			l.pool.giveBack(unsettled(group))
			return l.catchUp()
		}
		if err != nil {
			return err
		}
		l.full.took()
	}
	growth, err := l.publish(b)
	if err != nil {
		return err
	}
	l.acknowledge(b, growth)
	l.pool.giveBack(b.later)
	return nil
}

func unsettled(group []*pending) []*pending {
	var open []*pending
	for _, p := range group {
		select {
		case <-p.done:
		default:
			open = append(open, p)
		}
	}
	return open
}

// now returns the recorded time of the next commit: never less than before,
// and not at all if the clock stepped.
func (l *Ledger) now() (int64, error) {
	wall, monotonic := l.clock()
	step := wall.Round(0).Sub(l.seq.wall.Round(0)) - (monotonic - l.seq.monotonic)
	if step > maxClockStep {
		return 0, fmt.Errorf("%w: by %s, to %s", ErrClock, step.Round(time.Second), wall.UTC().Format(time.RFC3339))
	}
	l.seq.wall, l.seq.monotonic = wall, monotonic
	return max(wall.UnixMilli(), l.seq.recorded), nil
}

// seal judges each submission at its own index and gives it its place. What is
// refused is told so at once; nothing is durable yet.
func (l *Ledger) seal(group []*pending, recorded int64) (*batch, error) {
	b := &batch{seen: map[chain.EventKey]bool{}, roster: l.seq.roster}
	b.commit.Prev, b.commit.Head, b.commit.Recorded = l.seq.head, l.seq.head, recorded
	size := 0
	var keys []chain.EventKey
	for _, p := range group {
		size += p.sealed
		keys = append(keys, p.keys...)
	}
	known, err := l.lookup(keys)
	if err != nil {
		return nil, fmt.Errorf("look up event keys: %w", err)
	}
	b.arena = make([]byte, 0, size)
	for i, p := range group {
		if b.repeats(p) {
			// The order of one caller's submissions holds: all after it wait too.
			b.later = group[i:]
			break
		}
		if err := l.admit(b, p, known); err != nil {
			return nil, err
		}
	}
	start := 0
	for _, end := range b.ends {
		b.commit.Entries = append(b.commit.Entries, b.arena[start:end:end])
		start = end
	}
	return b, nil
}

// repeats says whether p says something that this batch says already.
func (b *batch) repeats(p *pending) bool {
	for _, key := range p.keys {
		if b.seen[key] {
			return true
		}
	}
	return false
}

// admit adds p to the batch, or settles why not.
func (l *Ledger) admit(b *batch, p *pending, known map[chain.EventKey]uint64) error {
	places := make([]place, len(p.keys))
	repeated := false
	for i, key := range p.keys {
		index, ok := known[key]
		places[i] = place{index, ok}
		repeated = repeated || ok
	}
	if repeated {
		return l.admitRepeated(b, p, places)
	}
	next, refusal := b.roster.Judge(p.sub, p.envelopes, roster.At{Index: b.commit.Head.Size, Recorded: b.commit.Recorded})
	if refusal != nil {
		p.settle(nil, refused(refusal.Line, refusal.Code, "%s", refusal.Message))
		return nil
	}
	if next.LogKey() != b.roster.LogKey() {
		// The checkpoint over this entry would need the other key, which this
		// process does not hold; evidence without a signature is not accepted.
		p.settle(nil, refused(1, roster.CodeSystem, "a running ledger cannot change the key of its checkpoints"))
		return nil
	}
	b.roster = next
	b.add(l, p)
	return nil
}

func (l *Ledger) admitRepeated(b *batch, p *pending, places []place) error {
	first, err := l.judgeRepeated(p, places)
	var no *Refused
	switch {
	case errors.As(err, &no):
		p.settle(nil, no)
	case err != nil:
		return fmt.Errorf("compare with what is on the log: %w", err)
	default:
		b.repeat = append(b.repeat, repeat{p, first})
	}
	return nil
}

func (b *batch) add(l *Ledger, p *pending) {
	head := &b.commit.Head
	b.sealed = append(b.sealed, sealed{p: p, first: head.Size, prev: head.Last})
	head.Last = p.sub.Seal(l.suite, head.Size, head.Last, b.commit.Recorded, p.keys, func(entry []byte, leaf chain.Hash) {
		b.arena = append(b.arena, entry...)
		b.ends = append(b.ends, len(b.arena))
		b.leaves = append(b.leaves, leaf)
	})
	head.Size += uint64(len(p.keys))
	for _, key := range p.keys {
		b.seen[key] = true
	}
	b.keys = append(b.keys, p.keys...)
}

// publish signs what is durable and shows it to readers.
func (l *Ledger) publish(b *batch) (*chain.Growth, error) {
	if len(b.leaves) == 0 {
		return nil, nil
	}
	growth := l.seq.tree.Grow(b.leaves)
	l.seq.head, l.seq.tree, l.seq.roster, l.seq.recorded = b.commit.Head, growth.Tree, b.roster, b.commit.Recorded
	// Keys and tiles are readable from here before the index has them.
	l.lag.add(&b.commit, b.keys, growth.Full)
	return growth, l.show()
}

// show signs the sequencer's state, saves the checkpoint and wakes followers.
func (l *Ledger) show() error {
	checkpoint := chain.Checkpoint{Origin: l.origin, Size: l.seq.head.Size, Root: l.seq.tree.Root()}
	signed, err := checkpoint.Sign(l.signer)
	if err != nil {
		return err
	}
	if err := l.store.SaveCheckpoint(signed); err != nil {
		return fmt.Errorf("save checkpoint of %d: %w", checkpoint.Size, err)
	}
	l.current.Store(&view{head: l.seq.head, tree: l.seq.tree, roster: l.seq.roster, checkpoint: signed})
	l.grownMu.Lock()
	close(l.grown)
	l.grown = make(chan struct{})
	l.grownMu.Unlock()
	return nil
}

// acknowledge gives every submission of the batch its receipt.
func (l *Ledger) acknowledge(b *batch, growth *chain.Growth) {
	v := l.current.Load()
	for _, s := range b.sealed {
		r := l.newReceipt(v, s.p, s.first, s.prev, b.commit.Recorded)
		path, err := growth.Inclusion(s.first + uint64(r.Count) - 1)
		r.Proof = path
		s.p.settle(r, err)
	}
	for _, again := range b.repeat {
		r, err := l.repeatedReceipt(v, again.first, again.p)
		again.p.settle(r, err)
	}
}
