package ledger

import (
	"bytes"
	"fmt"
	"iter"

	"civicledger/ledger/chain"
)

// Proven is the bytes of an entry and the proof that they are on the log.
type Proven struct {
	Entry []byte
	Proof *chain.LogProof
}

// Prove returns one entry with its proof for the newest checkpoint. The error
// wraps ErrNotThere where the signed log has no such entry.
func (l *Ledger) Prove(index uint64) (*Proven, error) {
	for p, err := range l.Proofs(index, index) {
		return p, err
	}
	return nil, fmt.Errorf("prove entry %d: %w", index, ErrNotThere)
}

// Proofs yields the entries from first to last, in order, each with its proof,
// all for one checkpoint: the newest at the time of the call. What it yields it
// has checked against the signed root; the first error, which wraps ErrDamaged
// where entries or tiles are not what was signed, ends it.
func (l *Ledger) Proofs(first, last uint64) iter.Seq2[*Proven, error] {
	v := l.current.Load()
	return func(yield func(*Proven, error) bool) {
		if first > last || last >= v.tree.Size() {
			yield(nil, fmt.Errorf("prove entries %d to %d: %w: there are %d", first, last, ErrNotThere, v.tree.Size()))
			return
		}
		signed, err := v.signed()
		if err != nil {
			yield(nil, fmt.Errorf("prove entries %d to %d: %w", first, last, err))
			return
		}
		prover := chain.NewProver(l.suite, v.tree.Size(), v.readTile(l))
		for c, err := range l.Commits(first) {
			if err != nil {
				yield(nil, fmt.Errorf("prove entry %d: %w", first, err))
				return
			}
			for ; first < c.Head.Size; first++ {
				p, err := l.prove(prover, &signed, v.checkpoint, first, c.Entries[first-c.Prev.Size])
				if !yield(p, err) || err != nil || first == last {
					return
				}
			}
		}
	}
}

func (l *Ledger) prove(prover *chain.Prover, signed *chain.Checkpoint, note []byte, index uint64, entry []byte) (*Proven, error) {
	path, err := prover.Append(nil, index)
	if err := l.leads(signed, index, entry, path, err); err != nil {
		return nil, fmt.Errorf("prove entry %d: %w", index, err)
	}
	proof := &chain.LogProof{Index: index, Path: path, Checkpoint: string(note)}
	return &Proven{Entry: bytes.Clone(entry), Proof: proof}, nil
}

// leads checks that a path, if it could be made, leads from an entry to the root
// that was signed. If not, that is damage.
func (l *Ledger) leads(signed *chain.Checkpoint, index uint64, entry []byte, path []chain.Hash, err error) error {
	leaf := l.suite.Leaf(entry)
	if err != nil || chain.VerifyInclusion(l.suite, index, signed.Size, leaf, path, signed.Root) == nil {
		return err
	}
	m := &Mismatch{Found: byProof, Damage: Damage{First: index, Last: index, Reason: "it does not lead to the root that was signed"}}
	if own, err := l.current.Load().leaves(l)(index); err == nil && own == leaf {
		m = &Mismatch{Found: byProof, Index: true, Damage: Damage{Reason: fmt.Sprintf("the hashes beside entry %d do not lead to the root that was signed; without the index directory they are made again", index)}}
	}
	return l.condemn(m)
}

// signed is what the view's checkpoint says.
func (v *view) signed() (chain.Checkpoint, error) {
	text, _, _ := bytes.Cut(v.checkpoint, []byte("\n\n"))
	return chain.ParseCheckpoint(string(text) + "\n")
}
