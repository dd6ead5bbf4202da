package main

import (
	"errors"
	"fmt"

	"civicledger/ledger"
)

// roomy is a disk with room enough.
const roomy = 1 << 40

// fullDisk takes the room away, from the book or from the index, while the
// ledger is served: writes stop with ErrNoSpace, nothing of them is recorded,
// reads go on, and when there is room the ledger goes on by itself.
func (r *run) fullDisk(n *node) error {
	a := r.work.active()
	if a == nil || r.model.people.revoked[a.key.ID()] || r.faults.armed() || r.faults.isDead() || n.ledger.Err() != nil {
		return nil // a fault is still to come, or has come and this life is over
	}
	n.index.gate.hold(false)
	n.settle()
	if r.rng.IntN(2) == 0 {
		r.did("index without room", "")
		n.index.full.Store(2)
	} else {
		r.did("book without room", "")
		r.free.Store(0)
	}
	refused := false
	for range 20 {
		answer, wrong := r.sayFresh(n, a)
		if wrong != nil {
			return wrong
		}
		if refused = errors.Is(answer, ledger.ErrNoSpace); refused {
			break
		}
	}
	if err := r.lookAround(n); err != nil {
		return fmt.Errorf("while the disk is full: %w", err)
	}
	r.free.Store(roomy)
	n.settle()
	n.await(func() bool { return n.ledger.Full() == nil })
	answer, wrong := r.sayFresh(n, a)
	if wrong == nil && answer != nil && !expected(answer) { // the book may have failed before, and the ledger hears of it now
		wrong = fmt.Errorf("there is room again, and it records nothing: %w", answer)
	}
	n.settle()
	if refused {
		r.result.Faults["refused for want of room"]++
	}
	return wrong
}

// sayFresh says something new; answer is what the ledger said, wrong what is
// wrong with that.
func (r *run) sayFresh(n *node, a *agency) (answer, wrong error) {
	s, err := r.work.fresh(a)
	if err != nil {
		return nil, err
	}
	s = r.model.send(s)
	receipt, answer := submit(n, s)
	wrong = errors.Join(r.model.take(s, expectation{}, receipt, answer), r.unlessStopped(n, answer))
	return answer, wrong
}
