package ledger

import (
	"context"
	"errors"

	"civicledger/ledger/chain"
	"civicledger/ledger/roster"
	"civicledger/ledger/suite"
)

// runForReading takes over what can be read up to the checkpoint, for a ledger
// that is only read. What cannot is noted and passed: the index may have its
// hash, or the entry behind it carries it; otherwise the tree is lost, and with
// it the proofs that need the hash.
func (r *recovery) runForReading(ctx context.Context) error {
	l := r.l
	if err := r.beginReading(); err != nil {
		return err
	}
	for at := r.from; at < r.until; {
		err := r.takeFrom(ctx, at)
		if err != nil && !errors.Is(err, ErrDamaged) {
			return err
		}
		if at = max(at, l.seq.head.Size); err == nil && at >= r.until {
			return nil
		}
		m := &Mismatch{Found: byStart, Damage: Damage{First: at, Last: r.until - 1, Reason: "the book ends before it"}}
		if err != nil {
			m = mismatchOf(byStart, at, err)
		}
		l.note(m)
		at = max(m.Damage.Last, at) + 1
	}
	if l.seq.head.Size < r.until {
		r.pass(chain.Head{Size: r.until})
	}
	return nil
}

// beginReading loads what the index has of the tree, and the roster as far as
// its entries can be read.
func (r *recovery) beginReading() error {
	l := r.l
	if named, ok := l.store.(interface{ Damages() []Damage }); ok { // found when it was opened
		for _, d := range named.Damages() {
			if d.First < r.until { // above the checkpoint a write may be under way
				l.note(r.narrowed(d))
			}
		}
	}
	// As a ledger says it in entry 0, unless that is gone.
	l.suite, l.origin, l.seq.roster = suite.Default(), r.checkpoint.Origin, roster.New()
	if err := r.noted(0, r.genesis()); err != nil {
		return err
	}
	r.from = r.firstLeaf()
	tree, err := chain.LoadTree(l.suite, r.from, l.index.Tile)
	if err != nil {
		l.note(&Mismatch{Found: byStart, Index: true, Damage: Damage{Reason: err.Error()}})
		tree, r.from, r.indexed = chain.NewTree(l.suite), 0, 0
	}
	l.seq.tree, l.seq.head = tree, chain.Head{Size: r.from}
	for c, err := range l.store.Commits(r.from) {
		if err == nil {
			l.seq.head = c.Prev
		}
		break
	}
	return r.noted(r.from, r.foldRoster(l.seq.head.Size))
}

// narrowed says which entries damage found at Open begins with: a book that did
// not read them names all of a file.
func (r *recovery) narrowed(d Damage) *Mismatch {
	d.Last = min(d.Last, r.until-1)
	for c, err := range r.l.store.Commits(d.First) {
		if err != nil {
			return mismatchOf(byStart, d.First, err)
		}
		if c.Head.Size > d.Last { // all of them can be read
			d.Last = d.First
			break
		}
	}
	return &Mismatch{Found: byStart, Damage: d}
}

// noted puts an error about wrong bytes into the record. Behind a hole it may
// also be that the roster does not know what stood in it.
func (r *recovery) noted(at uint64, err error) error {
	if errors.Is(err, ErrDamaged) {
		r.l.note(mismatchOf(byStart, at, err))
	}
	if r.holed() {
		return nil
	}
	return err
}

// holed says that not all of the book could be read.
func (r *recovery) holed() bool { return r.l.Damaged() != nil }

// takeFrom takes commits over until one cannot be read, or is not what was
// signed.
func (r *recovery) takeFrom(ctx context.Context, from uint64) error {
	l := r.l
	for c, err := range l.store.Commits(from) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || l.seq.head.Size >= r.until {
			return err
		}
		if l.seq.head.Size == c.Prev.Size && l.seq.head != c.Prev && c.Prev.Size > r.from {
			l.note(&Mismatch{Found: byStart, Damage: Damage{First: c.Prev.Size - 1, Last: c.Prev.Size - 1, Reason: "its hash is not the one that the commit behind it carries"}})
		}
		r.pass(c.Prev)
		if err := r.replay(c); err != nil {
			m := &Mismatch{Found: byStart, Damage: Damage{First: c.Prev.Size, Last: c.Head.Size - 1, Reason: err.Error()}}
			r.pass(c.Head)
			return m
		}
		if r.progress != nil {
			r.progress(l.seq.head.Size, r.until)
		}
	}
	return nil
}

// pass goes on at a head, over entries that cannot be read. Of their hashes only
// the last is known, if the head has it.
func (r *recovery) pass(head chain.Head) {
	l := r.l
	if size := l.seq.tree.Size(); head.Size > size {
		leaves := make([]chain.Hash, head.Size-size)
		leaves[len(leaves)-1] = head.Last
		growth := l.seq.tree.Grow(leaves)
		l.seq.tree = growth.Tree
		if head.Size > r.indexed {
			l.unindexed = true
			l.lag.add(&IndexBatch{From: size, To: head.Size, Tiles: growth.Full})
		}
	}
	l.seq.head = head
}

// showForReading makes what was read what readers see.
func (r *recovery) showForReading(note []byte) {
	l := r.l
	l.current.Store(&view{
		head: l.seq.head, tree: l.seq.tree, roster: l.seq.roster, checkpoint: note,
		lost: l.seq.tree.Root() != r.checkpoint.Root,
	})
}
