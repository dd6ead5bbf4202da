package ledger

import (
	"fmt"

	"civicledger/ledger/chain"
)

// Receipt makes the receipt of a recorded submission again, for the newest
// checkpoint, from nothing but its digest. What it gives it has checked: the
// submission is rebuilt from its entries, has that digest, and is what the
// checkpoint signs. The error wraps ErrNotThere where the signed log has no such
// submission, ErrDamaged where its entries are not what was signed.
func (l *Ledger) Receipt(digest chain.Hash) (*chain.Receipt, error) {
	r, err := l.receipt(digest)
	if err != nil {
		return nil, fmt.Errorf("receipt of %x: %w", digest, err)
	}
	return r, nil
}

func (l *Ledger) receipt(digest chain.Hash) (*chain.Receipt, error) {
	first, ok, err := l.Find(chain.SubmissionKey(digest))
	switch {
	case err != nil:
		return nil, l.met(0, err)
	case !ok && l.unindexed: // it may be what is lost
		return nil, l.Damaged()
	case !ok:
		return nil, ErrNotThere
	}
	return l.receiptAt(first, digest)
}

// receiptAt makes the receipt of a submission that begins at first.
func (l *Ledger) receiptAt(first uint64, digest chain.Hash) (*chain.Receipt, error) {
	for c, err := range l.Commits(first) {
		if err != nil {
			return nil, err
		}
		r, err := l.receiptIn(c, first, digest)
		return r, l.met(first, err)
	}
	return nil, ErrNotThere
}

// receiptIn does that for one in c.
func (l *Ledger) receiptIn(c *Commit, first uint64, digest chain.Hash) (*chain.Receipt, error) {
	h, _, err := chain.ParseEntry(c.Entries[first-c.Prev.Size])
	if err != nil {
		return nil, l.condemn(mismatchOf(byReader, first, err))
	}
	sub, _, err := submissionAt(c, int(first-c.Prev.Size))
	if known := l.Damaged(); err != nil && known != nil { // c may be cut short before an entry of it
		return nil, known
	}
	if err != nil || sub == nil || sub.Digest(l.suite, l.origin) != digest {
		return nil, l.condemn(&Mismatch{Found: byReader, Index: true, Damage: Damage{
			Reason: fmt.Sprintf("the submission %x does not stand at %d, where the index has it; without the index directory that is found out again", digest, first),
		}})
	}
	keys, _, err := sub.EventKeys(l.suite)
	if err != nil {
		return nil, l.condemn(mismatchOf(byReader, first, err))
	}
	last, err := l.Prove(first + uint64(len(keys)) - 1)
	if err != nil {
		return nil, err
	}
	if sub.Seal(l.suite, first, h.Prev, h.Recorded, keys, func([]byte, chain.Hash) {}) != l.suite.Leaf(last.Entry) {
		return nil, l.condemn(mismatchOf(byReader, first, errLink))
	}
	r := l.newReceipt(sub, digest, first, h.Prev, h.Recorded)
	r.Proof, r.Checkpoint = last.Proof.Path, last.Proof.Checkpoint
	return r, nil
}

// newReceipt makes a receipt without its proof.
func (l *Ledger) newReceipt(sub *chain.Submission, digest chain.Hash, first uint64, prev chain.Hash, recorded int64) *chain.Receipt {
	return &chain.Receipt{
		Origin: l.origin, Suite: l.suite.Name(), Submission: digest,
		Agency: sub.Agency, KeyID: sub.KeyID, Signature: sub.Signature,
		First: first, Count: len(sub.Lines), Recorded: recorded, Prev: prev,
	}
}
