package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/chain"
	"civicledger/ledger/verify"
	"civicledger/ledger/verify/source"
	"civicledger/ledger/verify/verdict"
)

// ErrNoProof is wrapped where Restore has no checkpoint from elsewhere: a copy
// and its own checkpoint agree with each other, however old both are.
var ErrNoProof = errors.New("nothing to prove the copy against")

// Restored says what Restore made.
type Restored struct {
	Copied *Copied
	Known  *verdict.Signed // what it was proven against; nil: nothing
	Report *verdict.Report // of the restored directory, sound
}

// Restoring is what Restore is to do.
type Restoring struct {
	From, Data string
	Key        string          // verifier key
	Known      *verdict.Signed // a checkpoint that was kept elsewhere
	NoProof    bool            // there is none, and that is accepted: the copy may be an old one
	// Finish is called with the directory under its temporary name, when it
	// is verified: what else belongs there is put there. Its error undoes all.
	Finish func(dir string) error
}

// Restore makes the data directory r.Data of a copy. All of it is verified:
// every entry, link, signature and right, the root that its checkpoint signs,
// and that it extends r.Known. A copy that has fewer entries than r.Known is
// refused whatever the caller says: evidence does not become shorter.
//
// It is built beside its place under another name and renamed last: if we stop
// before, there is no r.Data, and the next Restore begins again.
func Restore(ctx context.Context, r Restoring, o Options) (*Restored, error) {
	if r.Known == nil && !r.NoProof {
		return nil, ErrNoProof
	}
	if err := mustBeNew(r.Data); err != nil {
		return nil, err
	}
	if err := r.reaches(); err != nil {
		return nil, err
	}
	data, err := filepath.Abs(r.Data)
	if err != nil {
		return nil, err
	}
	f := files{o.Around}
	unnamed := filepath.Join(filepath.Dir(data), "."+filepath.Base(data)+".restoring")
	if err := f.remove(unnamed); err != nil {
		return nil, err
	}
	done, err := r.build(ctx, unnamed, o)
	if err != nil {
		return nil, errors.Join(err, f.remove(unnamed))
	}
	if err := f.rename(unnamed, data); err != nil {
		return nil, err
	}
	return done, f.syncDir(filepath.Dir(data))
}

func mustBeNew(dir string) error {
	names, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && len(names) > 0 {
		err = fmt.Errorf("%s is not empty: %w: restore into a new directory, and keep what is left of the old one", dir, fs.ErrExist)
	}
	return err
}

// reaches refuses a copy that is older than what is known, before all of it is
// read.
func (r *Restoring) reaches() error {
	verifier, err := note.NewVerifier(r.Key)
	if err != nil {
		return fmt.Errorf("the key is not a verifier key: %w", err)
	}
	if r.Known == nil {
		return nil
	}
	cp, _, err := readCheckpoint(r.From, verifier)
	if err != nil || cp == nil || cp.Size >= r.Known.Size {
		return err // Copy says what is wrong
	}
	return &Refused{
		Reason: fmt.Sprintf("%s lacks %d entries: it ends at %d, and the ledger signed %d. Nothing was restored. Look for a newer copy, a mirror or an export; "+
			"if there is none, the agencies' files and receipts hold what is missing, and the log must go on under a new origin, not as if nothing were missing",
			r.From, r.Known.Size-cp.Size, cp.Size, r.Known.Size),
		Before: r.Known.Note, Now: cp.note,
	}
}

func (r *Restoring) build(ctx context.Context, dir string, o Options) (*Restored, error) {
	done := &Restored{Known: r.Known}
	var err error
	if done.Copied, err = Copy(ctx, r.From, dir, r.Key, o); err != nil {
		return nil, err
	}
	if done.Report, err = r.judge(ctx, dir, o); err != nil {
		return nil, err
	}
	if r.Finish != nil {
		if err := r.Finish(dir); err != nil {
			return nil, err
		}
	}
	return done, files{o.Around}.syncDir(dir)
}

// judge verifies the whole directory.
func (r *Restoring) judge(ctx context.Context, dir string, o Options) (*verdict.Report, error) {
	report := verify.Run(ctx, source.Directory(dir), r.Key, verify.Options{Progress: o.Progress, Known: r.Known})
	switch report.Verdict {
	case verdict.Sound:
		return report, nil
	case verdict.Unsound:
		return nil, unsound(r.From, report, "nothing was restored")
	}
	return nil, fmt.Errorf("verify what was copied: %s", report.Problem)
}

// unsound makes bad news of a report.
func unsound(what string, report *verdict.Report, consequence string) *Refused {
	d := report.Defects[0]
	r := &Refused{Reason: fmt.Sprintf("%s is not sound, %s: %d defects, the first: %s at entries %d to %d: %s",
		what, consequence, report.DefectCount, d.Kind, d.First, d.Last, d.Message)}
	for _, d := range report.Defects {
		r.Damages = append(r.Damages, damageOf(&d))
		if d.Contradicts() && report.Known != nil {
			r.Before, r.Now = report.Known.Note, report.Checkpoint.Note
		}
	}
	return r
}

// ReadKnown reads a checkpoint that was kept: a signed note (the state file of a
// verifier, a witness's answer), or receipts, one on each line, of which the
// newest checkpoint counts. The key must have signed it.
func ReadKnown(file, key string) (*verdict.Signed, error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return nil, fmt.Errorf("the key is not a verifier key: %w", err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the kept checkpoint: %w", err)
	}
	if !strings.HasPrefix(string(text), "{") {
		return openKnown(file, string(text), verifier)
	}
	var newest *verdict.Signed
	for line := range strings.Lines(string(text)) {
		receipt, err := chain.ParseReceipt([]byte(strings.TrimSuffix(line, "\n")))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		known, err := openKnown(file, receipt.Checkpoint, verifier)
		if err != nil {
			return nil, err
		}
		if newest == nil || known.Size > newest.Size {
			newest = known
		}
	}
	return newest, nil
}

func openKnown(file, text string, verifier note.Verifier) (*verdict.Signed, error) {
	c, err := chain.OpenCheckpoint([]byte(text), verifier)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return &verdict.Signed{Checkpoint: c, Note: text}, nil
}
