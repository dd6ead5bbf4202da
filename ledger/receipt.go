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
	if err == nil && !ok {
		err = ErrNotThere
	}
	if err != nil {
		return nil, err
	}
	for c, err := range l.Commits(first) {
		if err != nil {
			return nil, err
		}
		return l.receiptIn(c, first, digest)
	}
	return nil, ErrNotThere
}

// receiptIn makes the receipt of the submission that begins at first, in c.
func (l *Ledger) receiptIn(c *Commit, first uint64, digest chain.Hash) (*chain.Receipt, error) {
	h, _, err := chain.ParseEntry(c.Entries[first-c.Prev.Size])
	if err != nil {
		return nil, fmt.Errorf("%w: entry %d: %w", ErrDamaged, first, err)
	}
	sub, _, err := submissionAt(c, int(first-c.Prev.Size))
	if err != nil || sub == nil || sub.Digest(l.suite, l.origin) != digest {
		return nil, fmt.Errorf("%w: it does not stand at %d, where the index has it (%v)", ErrDamaged, first, err)
	}
	keys, _, err := sub.EventKeys(l.suite)
	if err != nil {
		return nil, fmt.Errorf("%w: submission at %d: %w", ErrDamaged, first, err)
	}
	last, err := l.Prove(first + uint64(len(keys)) - 1)
	if err != nil {
		return nil, err
	}
	if sub.Seal(l.suite, first, h.Prev, h.Recorded, keys, func([]byte, chain.Hash) {}) != l.suite.Leaf(last.Entry) {
		return nil, fmt.Errorf("%w: the headers of the submission at %d are not those that were signed", ErrDamaged, first)
	}
	return &chain.Receipt{
		Origin: l.origin, Suite: l.suite.Name(), Submission: digest,
		Agency: sub.Agency, KeyID: sub.KeyID, Signature: sub.Signature,
		First: first, Count: len(keys), Recorded: h.Recorded, Prev: h.Prev,
		Proof: last.Proof.Path, Checkpoint: last.Proof.Checkpoint,
	}, nil
}
