package datadir

import (
	"context"
	"errors"
	"fmt"

	"civicledger/ledger"
	"civicledger/ledger/book"
	"civicledger/ledger/chain"
	"civicledger/ledger/index"
	"civicledger/ledger/roster"
)

// AcceptLoss goes on with the size entries that stand in a damaged ledger: it
// puts on the log what was known of more, and why, with the operator's key.
// What is cut off is kept beside the book; the index is made anew by the next
// Open. confirm is told what is lost before anything is written; its error ends it.
func (d Dir) AcceptLoss(ctx context.Context, o Options, size uint64, reason string, confirm func(*book.DamageError) error) error {
	operator, logKey, err := d.Operator()
	if err != nil {
		return err
	}
	loss, err := d.openLoss(o, logKey.VerifierKey(), size)
	if err != nil {
		return err
	}
	said := roster.Cut{Size: size, Reason: reason}
	for _, w := range loss.Damage.Known {
		said.Known = append(said.Known, roster.Known{By: w.By, Size: w.Size})
	}
	if len(said.Known) == 0 {
		said.Known = []roster.Known{{By: loss.Damage.Found[0].Reason}}
	}
	c := o.Ledger
	c.Store, c.Signer, c.VerifierKey = loss, logKey, logKey.VerifierKey()
	say := func(r *roster.Roster) (*chain.Submission, error) {
		if err := confirm(loss.Damage); err != nil {
			return nil, err
		}
		line, err := SystemLine(r.Origin(), roster.CutAccepted, said)
		if err != nil {
			return nil, err
		}
		return operator.SignSubmission(r.Origin(), chain.Operator, [][]byte{line})
	}
	err = ledger.AcceptLoss(ctx, c, say, loss.Cut)
	if err := errors.Join(err, loss.Close()); err != nil {
		return fmt.Errorf("accept loss: %w", err)
	}
	return index.Remove(d.Index())
}

func (d Dir) openLoss(o Options, verifier string, size uint64) (*book.Loss, error) {
	idx := &opened{dir: d, options: o}
	options, err := d.bookOptions(o, verifier, idx)
	if err != nil {
		return nil, err
	}
	loss, err := book.OpenLoss(string(d), size, options)
	return loss, errors.Join(err, idx.close())
}
