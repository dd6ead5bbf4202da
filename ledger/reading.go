package ledger

import (
	"context"
	"errors"

	"civicledger/ledger/chain"
)

// around takes over what can be read up to the checkpoint, for a ledger that is
// only read. What cannot is noted and passed.
func (r *recovery) around(ctx context.Context) error {
	l := r.l
	if named, ok := l.store.(interface{ Damages() []Damage }); ok { // found when it was opened
		for _, d := range named.Damages() {
			if d.First < r.until { // above the checkpoint a write may be under way
				d.Last = min(d.Last, r.until-1)
				d.First = d.Last // of a file that was cut it names all; the survey knows
				l.note(&Mismatch{Found: byStart, Damage: d})
			}
		}
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

// noted puts an error about wrong bytes into the record, where a ledger is only
// read. Behind a hole it may also be that the roster does not know what was in it.
func (r *recovery) noted(at uint64, err error) error {
	if r.l.readOnly && errors.Is(err, ErrDamaged) {
		r.l.note(mismatchOf(byStart, at, err))
	}
	if r.holed() {
		return nil
	}
	return err
}

// holed says that not all of the book could be read.
func (r *recovery) holed() bool { return r.l.Damaged() != nil }

// pass goes on at a head, over entries that cannot be read. The hash of the last
// is what the entry behind it carries. The others the index may have; otherwise
// the tree is lost, and with it the proofs.
func (r *recovery) pass(head chain.Head) {
	l := r.l
	if size := l.seq.head.Size; head.Size == size && head.Last != l.seq.head.Last && size > r.from {
		l.note(&Mismatch{Found: byStart, Damage: Damage{First: size - 1, Last: size - 1, Reason: "its hash is not the one that the entry behind it carries"}})
	}
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
