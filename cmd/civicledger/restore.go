package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"civicledger/cmd/internal/auditor"
	"civicledger/cmd/internal/datadir"
	"civicledger/ledger/backup"
	"civicledger/ledger/keys"
	"civicledger/ledger/verify/verdict"
)

// restoring is what restore is to do.
type restoring struct {
	from, data string
	key        string
	checkpoint string
	keys       string
	noProof    bool
	json       bool
}

func newRestoreCommand() *cobra.Command {
	var r restoring
	cmd := &cobra.Command{
		Use:   "restore --from BACKUP --data DIR --key VERIFIER-KEY --checkpoint FILE",
		Short: "Make a ledger of a backup, and prove it against a checkpoint kept elsewhere",
		Long: `Copies the log in BACKUP into the new directory DIR and verifies all of it: every entry,
link, signature and right, the root its checkpoint signs, and that it extends the
checkpoint in FILE. Without all that there is no DIR.

FILE is the newest checkpoint that somebody else kept: the --state file of civicverify, a
witness's answer, or receipts as agencies hold them (the newest counts). It is asked for
because a backup and its own checkpoint agree with each other even if both are old, and a
ledger that goes on from an old state forks: it signs a second history. A backup that has
fewer entries than FILE is refused, and no flag changes that. If nobody kept a checkpoint,
--no-proof says so; do not serve such a DIR for writing before the agencies were asked.

Give the keys that were kept apart with --keys: they are checked against the log and copied.
Without them DIR can be verified, and served with --read-only. See to it that the old
ledger is stopped and stays so: two that sign are a fork.

Exit status: 0 restored and proven, 1 refused, 2 could not be done.`,
		Example: `  civicledger restore --from /mnt/copy --data ./data --key ledger.example.org+1a2b3c4d+AbCd...= \
      --checkpoint seen.note --keys /mnt/safe/keys`,
		Args: cobra.NoArgs,
		RunE: r.run,
	}
	f := cmd.Flags()
	f.StringVar(&r.from, "from", "", "the backup")
	f.StringVar(&r.data, "data", "", "directory to make; it must not exist, or be empty")
	f.StringVar(&r.key, "key", "", "the ledger's verifier key, or a file that holds it; not from the backup")
	f.StringVar(&r.checkpoint, "checkpoint", "", "file with a checkpoint or receipts that were kept elsewhere")
	f.StringVar(&r.keys, "keys", "", "directory with the kept log.key and operator.key")
	f.BoolVar(&r.noProof, "no-proof", false, "nobody kept a checkpoint: accept that the backup may be an old one")
	f.BoolVar(&r.json, "json", false, "report as versioned JSON")
	require(cmd, "from", "data", "key")
	cmd.MarkFlagsMutuallyExclusive("checkpoint", "no-proof")
	return cmd
}

// restoredReport is what restore --json prints.
type restoredReport struct {
	Format     string      `json:"format"` // civicledger restore v1
	From       string      `json:"from"`
	Data       string      `json:"data"`
	Size       uint64      `json:"size"`
	Checkpoint string      `json:"checkpoint"`
	Proof      string      `json:"proof"` // checkpoint, or none
	Known      string      `json:"known,omitempty"`
	Keys       bool        `json:"keys"`
	Refused    *refusedFor `json:"refused,omitempty"`
}

func (r *restoring) run(cmd *cobra.Command, _ []string) error {
	key, err := auditor.ReadKey(r.key)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if r.checkpoint == "" && !r.noProof {
		return errors.New("restore: give --checkpoint FILE, kept elsewhere: a backup and its own checkpoint agree with each other even if both are old; if nobody kept one, say --no-proof")
	}
	var known *verdict.Signed
	if r.checkpoint != "" {
		if known, err = backup.ReadKnown(r.checkpoint, key); err != nil {
			return fmt.Errorf("restore: %w", err)
		}
	}
	todo := backup.Restoring{From: r.from, Data: r.data, Key: key, Known: known, NoProof: r.noProof}
	if r.keys != "" {
		todo.Finish = func(dir string) error { return putKeys(cmd.Context(), r.keys, datadir.Dir(dir), key) }
	}
	done, err := backup.Restore(cmd.Context(), todo, backup.Options{Progress: progressEvery(cmd.ErrOrStderr(), "done")})
	refused, err := badNewsOf(err)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return r.answer(cmd.OutOrStdout(), done, known, refused)
}

func (r *restoring) answer(out io.Writer, done *backup.Restored, known *verdict.Signed, refused *refusedFor) error {
	report := restoredReport{Format: "civicledger restore v1", From: r.from, Data: r.data, Proof: "none", Refused: refused}
	if known != nil {
		report.Proof, report.Known = "checkpoint", known.Note
	}
	if done != nil {
		report.Size, report.Checkpoint, report.Keys = done.Report.Checkpoint.Size, done.Report.Checkpoint.Note, r.keys != ""
	}
	return refused.answer(out, r.json, report, func(out io.Writer) {
		if refused != nil {
			return
		}
		proof := "proven by nothing but its own checkpoint: it may be an old one"
		if known != nil {
			proof = fmt.Sprintf("it extends the kept checkpoint of %d entries", known.Size)
		}
		fmt.Fprintf(out, "%s: %d entries, all verified; %s\n", r.data, report.Size, proof)
		if !report.Keys {
			fmt.Fprintf(out, "it has no keys: serve it with --read-only, or put log.key and operator.key into %s\n", filepath.Join(r.data, "keys"))
		}
	})
}

// putKeys copies the kept keys into a restored directory, if they are those of
// its log: the one that signs its checkpoints, and the operator's as of its last
// entry.
func putKeys(ctx context.Context, from string, to datadir.Dir, verifier string) error {
	logKey, err := keys.LoadLog(filepath.Join(from, "log.key"))
	if err != nil {
		return err
	}
	operator, err := keys.Load(filepath.Join(from, "operator.key"))
	if err != nil {
		return err
	}
	if logKey.VerifierKey() != verifier {
		return fmt.Errorf("log.key in %s is that of %s, not of this ledger", from, logKey.VerifierKey())
	}
	l, err := to.Open(ctx, datadir.Options{ReadOnly: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer l.Close()
	if l.Roster().OperatorKey() != operator.ID() {
		return fmt.Errorf("operator.key in %s is key %s; the operator's key on this log is %s", from, operator.ID(), l.Roster().OperatorKey())
	}
	if err := os.MkdirAll(filepath.Dir(to.LogKey()), 0o700); err != nil {
		return err
	}
	return errors.Join(copyPrivate(filepath.Join(from, "log.key"), to.LogKey()), copyPrivate(filepath.Join(from, "operator.key"), to.OperatorKey()))
}

// copyPrivate copies a key file durably, its owner's alone.
func copyPrivate(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return keys.WriteNew(to, text)
}
