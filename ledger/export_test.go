package ledger

import (
	"context"

	"civicledger/ledger/chain"
)

// SubmitVerified is Submit for a submission whose signature was checked
// already: what benchmarks measure, so that they are not about Ed25519.
func (l *Ledger) SubmitVerified(ctx context.Context, sub *chain.Submission) (Wait, error) {
	p, err := l.examine(sub)
	if err != nil {
		return nil, err
	}
	return l.enter(ctx, p)
}

// AuditNear takes one step of the near walk, as its goroutine does.
func (l *Ledger) AuditNear() {
	l.audit.retry = 0
	l.audit.try(&l.audit.near, l.audit.stepNear)
}

// AuditRound takes the far walk round the whole book once, without its pace.
func (l *Ledger) AuditRound() {
	a := &l.audit
	a.retry, a.rate = 0, 1<<40
	a.round()
}

// Condemn is what whoever finds a mismatch does.
func (l *Ledger) Condemn(m *Mismatch) { l.condemn(m) }

// Closing says whether Close was called.
func (l *Ledger) Closing() bool { return l.ending() }

// Survey reads the whole book, as a goroutine does once damage is known.
func (l *Ledger) Survey() { l.survey() }
