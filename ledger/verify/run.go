package verify

import (
	"context"
	"errors"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/verify/judge"
	"civicledger/ledger/verify/quick"
	"civicledger/ledger/verify/source"
	"civicledger/ledger/verify/verdict"
)

// Options of a run.
type Options struct {
	Progress func(done, total uint64) // called now and then, one call at a time; may be nil
	Known    *verdict.Signed          // a checkpoint kept from before, which the log must extend; may be nil

	Careful bool // judge every entry by itself; do not try the quick way

	stretch int64 // for tests: of quick.Accept
}

// Run verifies a log against the verifier key of its checkpoints (a C2SP
// vkey). It returns a report in every case; what could not be checked is said
// there.
func Run(ctx context.Context, src source.Source, vkey string, opts Options) *verdict.Report {
	r := &verdict.Report{Format: verdict.Format, Source: src.Name(), Key: vkey, Defects: []verdict.Defect{}, Stands: []verdict.Standing{}, Notes: []string{}}
	unchecked := func(problem string) *verdict.Report {
		r.Problem = problem
		r.Settle(nil, 0)
		return r
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return unchecked("the key is not a verifier key: " + err.Error())
	}
	r.Origin = verifier.Name()
	cp, defects, err := src.Signed(ctx, verifier)
	if err != nil {
		return unchecked(err.Error())
	}
	r.Checkpoint = cp.Seen()
	newJudge := func() *judge.Judge { return judge.New(vkey, cp, opts.Known, opts.Progress, defects...) }
	if dir, ok := src.(source.Directory); ok && cp != nil && len(defects) == 0 && !opts.Careful && quick.Accept(ctx, dir, cp.Size, newJudge(), r, opts.stretch) {
		return r
	}
	err = newJudge().Run(ctx, src, r)
	if err != nil {
		r.Problem = "reading stopped: " + err.Error()
		if errors.Is(err, context.Canceled) {
			r.Problem = "interrupted"
		}
		if r.DefectCount == 0 {
			r.Verdict = verdict.Unchecked
		}
	}
	return r
}
