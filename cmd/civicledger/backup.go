package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"civicledger/cmd/internal/datadir"
	"civicledger/ledger"
	"civicledger/ledger/backup"
	"civicledger/ledger/verify"
	"civicledger/ledger/verify/source"
	"civicledger/ledger/verify/verdict"
)

// copying is what backup is to do.
type copying struct {
	data  string
	check bool
	json  bool
}

func newBackupCommand() *cobra.Command {
	var b copying
	cmd := &cobra.Command{
		Use:   "backup --data DIR DEST",
		Short: "Bring a copy of a ledger up to date, while it is served",
		Long: `Copies what DEST lacks of the ledger in DIR, up to its newest stored checkpoint. It
may run at any time beside serve, and as often as you like: only what is new is read.
DEST is at every moment a sound log up to its own checkpoint; a backup that was cut
off is taken up by the next. Every frame is checked on the way, every entry against
its hash, and what was written is read back.

DEST is refused when it is of another ledger, when the ledger does not extend it (two
histories), and when the ledger is shorter than it (it was put back): keep both then.

DEST holds the book and log.pub. It does not hold
  keys   who has them can sign as the ledger: copy DIR/keys to a place of its own,
         once, and keep it offline (restore takes it with --keys);
  index  it is rebuilt from the book;
  bus    it is transport: what has no receipt is sent again by its sender.

Exit status: 0 the copy is up to date, 1 refused or damaged, 2 could not be done.`,
		Example: `  civicledger backup --data ./data /mnt/copy
  civicledger backup --data ./data /mnt/copy --check --json`,
		Args: cobra.ExactArgs(1),
		RunE: b.run,
	}
	f := cmd.Flags()
	f.StringVar(&b.data, "data", "", "directory of the ledger")
	f.BoolVar(&b.check, "check", false, "afterwards verify all of DEST: every entry, link, signature and right")
	f.BoolVar(&b.json, "json", false, "report as versioned JSON")
	require(cmd, "data")
	return cmd
}

// copiedReport is what backup --json prints.
type copiedReport struct {
	Format string `json:"format"` // civicledger backup v1
	From   string `json:"from"`
	To     string `json:"to"`
	backup.Copied
	Verified bool        `json:"verified"` // with --check
	Refused  *refusedFor `json:"refused,omitempty"`
}

// refusedFor is bad news of backup, restore or repair.
type refusedFor struct {
	Reason  string          `json:"reason"`
	Damages []ledger.Damage `json:"damages,omitempty"`
	Before  string          `json:"before,omitempty"` // with now: two signed checkpoints that contradict each other
	Now     string          `json:"now,omitempty"`
}

func (b *copying) run(cmd *cobra.Command, args []string) error {
	ctx, dest, out, diag := cmd.Context(), args[0], cmd.OutOrStdout(), cmd.ErrOrStderr()
	_, key, err := datadir.Dir(b.data).LogKeys(true)
	if err != nil {
		return fmt.Errorf("backup: %s holds no ledger: %w", b.data, err)
	}
	done, err := backup.Copy(ctx, b.data, dest, key, backup.Options{Progress: progressEvery(diag, "copied")})
	r := copiedReport{Format: "civicledger backup v1", From: b.data, To: dest, Copied: *done}
	if err == nil && b.check {
		err = b.verify(ctx, dest, key, diag)
		r.Verified = err == nil
	}
	var refused *refusedFor
	if refused, err = badNewsOf(err); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	r.Refused = refused
	return refused.answer(out, b.json, r, r.words)
}

func (b *copying) verify(ctx context.Context, dest, key string, diag io.Writer) error {
	report := verify.Run(ctx, source.Directory(dest), key, verify.Options{Progress: progressEvery(diag, "verified")})
	if report.Verdict == verdict.Unsound {
		return &backup.Refused{Reason: fmt.Sprintf("%s is not sound: %d defects, the first: %s (civicledger verify names all; civicledger repair --data %s --from %s)",
			dest, report.DefectCount, report.Defects[0].Message, dest, b.data)}
	}
	if report.Verdict != verdict.Sound {
		return errors.New(report.Problem)
	}
	return nil
}

func (r *copiedReport) words(out io.Writer) {
	if r.Refused != nil {
		return
	}
	if r.Unproven > 0 {
		fmt.Fprintf(out, "an earlier backup was cut off: %d bytes above the copy's checkpoint were written again\n", r.Unproven)
	}
	if r.Behind > 0 {
		fmt.Fprintf(out, "the ledger's stored checkpoint is %d entries behind the copy's; the entries are there and will be signed when it is served\n", r.Behind)
	}
	verified := ""
	if r.Verified {
		verified = ", and all of it is verified"
	}
	fmt.Fprintf(out, "%s: %d entries copied (%d bytes), it holds %d%s\n", r.To, r.Entries, r.Bytes, r.Size, verified)
}

// badNewsOf takes bad news out of an error; what is left could not be done.
func badNewsOf(err error) (*refusedFor, error) {
	var refused *backup.Refused
	if !errors.As(err, &refused) {
		return nil, err
	}
	return &refusedFor{refused.Reason, refused.Damages, refused.Before, refused.Now}, nil
}

// answer prints a report, as JSON or in words with the evidence of bad news, and gives
// the exit code.
func (r *refusedFor) answer(out io.Writer, asJSON bool, report any, words func(io.Writer)) error {
	if asJSON {
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(report); err != nil {
			return err
		}
	} else {
		words(out)
	}
	if r == nil {
		return nil
	}
	if r.Before != "" && r.Now != "" && !asJSON {
		fmt.Fprintf(out, "signed before:\n\n%s\nsigned now:\n\n%s\n", r.Before, r.Now)
	}
	return badNews("%s", r.Reason)
}

// progressEvery tells every two seconds how far long work is.
func progressEvery(w io.Writer, verb string) func(done, total uint64) {
	last := now()
	return func(done, total uint64) {
		if at := now(); at.Sub(last) > 2*time.Second && total > 0 {
			last = at
			fmt.Fprintf(w, "%s %d of %d entries (%d %%)\n", verb, done, total, done*100/total)
		}
	}
}
