package ledger

import (
	"context"
	"fmt"
	"log/slog"

	"civicledger/ledger/chain"
	"civicledger/ledger/roster"
)

// AcceptLoss records, as the next entry behind what a damaged store still
// holds, that its operator accepts the loss of the rest. All that stands is
// judged first as a verifier would, signed before or not. Then say makes the
// submission, for which a roster and the time are given, and it is judged, too;
// only then cut is called, which makes the store one that may be written behind
// what stands. If we stop in between, the store is as damaged as before.
func AcceptLoss(ctx context.Context, cfg Config, say func(*roster.Roster) (*chain.Submission, error), cut func() error) error {
	l := &Ledger{store: cfg.Store, index: forgetful{}, clock: cfg.clock(), log: slog.New(slog.DiscardHandler)}
	head := cfg.Store.Head()
	r := &recovery{l: l, checkpoint: chain.Checkpoint{Origin: cfg.Signer.Name()}, until: head.Size, progress: cfg.Progress}
	if err := r.run(ctx); err != nil {
		return fmt.Errorf("what stands is not sound, restore the ledger from a copy: %w", err)
	}
	if key := l.seq.roster.LogKey(); key != cfg.VerifierKey {
		return fmt.Errorf("the log key is not the one of this ledger, which is %s", key)
	}
	sub, err := say(l.seq.roster)
	if err != nil {
		return err
	}
	wall, _ := l.clock()
	recorded := max(wall.UnixMilli(), l.seq.recorded)
	if refusal := l.seq.roster.CheckSignature(sub); refusal != nil {
		return refusal
	}
	if err := r.judge(sub, head.Size, recorded); err != nil {
		return err
	}
	if err := cut(); err != nil {
		return err
	}
	return record(cfg, sub, l.seq.roster, l.seq.tree, head, recorded)
}

// forgetful is an Index for a ledger that is read once.
type forgetful struct{ NoIndex }

// Apply implements Index.
func (forgetful) Apply(*IndexBatch) error { return nil }
