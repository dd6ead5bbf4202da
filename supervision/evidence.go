package supervision

import (
	"errors"
	"fmt"
	"slices"

	"civicledger/ledger"
	"civicledger/ledger/chain"
)

// Proof returns the proof that an entry is on the log, in C2SP tlog-proof form,
// for the newest checkpoint.
func (d *Desk) Proof(index uint64) ([]byte, error) {
	p, err := d.log.Prove(index)
	if errors.Is(err, ledger.ErrNotThere) {
		return nil, noEntry(index, d.log.Head().Size)
	}
	if err != nil {
		return nil, err
	}
	return p.Proof.Encode(), nil
}

// Receipt returns the receipt of a recorded submission by its digest: see
// chain.ParseDigest.
func (d *Desk) Receipt(digest string) ([]byte, error) {
	hash, err := chain.ParseDigest(digest)
	if err != nil {
		return nil, &BadQuestion{Place: "digest", Value: digest, Reason: err.Error()}
	}
	r, err := d.log.Receipt(hash)
	if errors.Is(err, ledger.ErrNotThere) {
		return nil, &NotFound{What: "submission", Key: digest, Cure: "its digest covers origin, agency, key and all lines of it: civicledger receipts computes those of an events file"}
	}
	if err != nil {
		return nil, err
	}
	return r.Encode(), nil
}

// Raw returns the bytes of an entry as they are hashed.
func (d *Desk) Raw(index uint64) ([]byte, error) {
	if size := d.log.Head().Size; index >= size {
		return nil, noEntry(index, size)
	}
	for raw, err := range d.entries(index) {
		return slices.Clone(raw), err
	}
	return nil, fmt.Errorf("entry %d: %w", index, ledger.ErrNotThere)
}
