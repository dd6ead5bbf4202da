package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"civicledger/cmd/internal/auditor"
	"civicledger/ledger/backup"
)

// repairing is what repair is to do.
type repairing struct {
	data   string
	from   []string
	key    string
	dryRun bool
	json   bool
}

func newRepairCommand() *cobra.Command {
	var r repairing
	cmd := &cobra.Command{
		Use:   "repair --data DIR --from BACKUP|URL|EXPORT --key VERIFIER-KEY",
		Short: "Put damaged entries of a ledger back from another copy, each by its hash",
		Long: `Finds what in the book of DIR is not as it was written (bad checksums, entries without
the hash that the log states for them, headers, missing or cut files) and puts it back
from another copy of the log: a backup or data directory, a server (URL), or a server's
paths as static files. An entry is taken only if it has the hash that the entry or frame
behind it states; what is around it follows from the entries.

The repaired files are built apart and the whole book is verified with them. Only if it
is sound, with a checkpoint that VERIFIER-KEY signed, do they replace the damaged ones,
which are kept as book/damaged-*.bytes. Otherwise nothing is changed, and each entry that
nobody has is named. --from may be given more than once. The ledger must be stopped.

Exit status: 0 sound (repaired, or nothing to repair), 1 cannot be repaired from these
copies, 2 could not be done.`,
		Example: `  civicledger repair --data ./data --from /mnt/copy --key ledger.example.org+1a2b3c4d+AbCd...= --dry-run
  civicledger repair --data ./data --from https://mirror.example.org --from /mnt/copy --key log.pub`,
		Args: cobra.NoArgs,
		RunE: r.run,
	}
	f := cmd.Flags()
	f.StringVar(&r.data, "data", "", "directory of the ledger")
	f.StringArrayVar(&r.from, "from", nil, "backup, data directory, export or URL; asked in the order given")
	f.StringVar(&r.key, "key", "", "the ledger's verifier key, or a file that holds it")
	f.BoolVar(&r.dryRun, "dry-run", false, "say what would be done and change nothing (builds and verifies in DIR/repair.new, then removes it)")
	f.BoolVar(&r.json, "json", false, "report as versioned JSON")
	require(cmd, "data", "from", "key")
	return cmd
}

// repairedReport is what repair --json prints.
type repairedReport struct {
	Format   string           `json:"format"` // civicledger repair v1
	Data     string           `json:"data"`
	From     []string         `json:"from"`
	DryRun   bool             `json:"dryRun"`
	Repaired bool             `json:"repaired"` // something was changed
	Changes  []backup.Change  `json:"changes"`
	Kept     []string         `json:"kept"` // where the damaged files are
	Missing  []backup.Refusal `json:"missing"`
	Notes    []string         `json:"notes"`
	Size     uint64           `json:"size"` // of the checkpoint up to which the book is sound now
	Refused  *refusedFor      `json:"refused,omitempty"`
}

func (r *repairing) run(cmd *cobra.Command, _ []string) error {
	todo := backup.Repairing{Data: r.data, DryRun: r.dryRun, Now: now()}
	var err error
	if todo.Key, err = auditor.ReadKey(r.key); err != nil {
		return fmt.Errorf("repair: %w", err)
	}
	for _, where := range r.from {
		source, err := backup.OpenSource(where)
		if err != nil {
			return fmt.Errorf("repair: %w", err)
		}
		todo.From = append(todo.From, source)
	}
	done, err := backup.Repair(cmd.Context(), todo, backup.Options{Progress: progressEvery(cmd.ErrOrStderr(), "read")})
	refused, err := badNewsOf(err)
	if err != nil {
		return fmt.Errorf("repair: %w", err)
	}
	report := repairedReport{
		Format: "civicledger repair v1", Data: r.data, From: r.from, DryRun: r.dryRun,
		Repaired: refused == nil && !r.dryRun && len(done.Changes) > 0,
		Changes:  append([]backup.Change{}, done.Changes...), Kept: append([]string{}, done.Kept...),
		Missing: append([]backup.Refusal{}, done.Refused...), Notes: append([]string{}, done.Notes...), Refused: refused,
	}
	if refused == nil {
		report.Size = done.Report.Checkpoint.Size
	}
	return refused.answer(cmd.OutOrStdout(), r.json, report, report.words)
}

func (r *repairedReport) words(out io.Writer) {
	verb := "repaired"
	if r.Refused != nil || r.DryRun {
		verb = "would be repaired"
	}
	for _, c := range r.Changes {
		fmt.Fprintf(out, "%s: %s, %s (%s at byte %d, %d bytes)\n", verb, c.What, auditor.Entries(c.First, c.Last), c.File, c.Offset, c.Bytes)
	}
	for _, m := range r.Missing {
		fmt.Fprintf(out, "cannot be repaired: entry %d: %s\n", m.Index, m.Reason)
	}
	for _, kept := range r.Kept {
		fmt.Fprintf(out, "kept as it was: %s\n", kept)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(out, "note: %s\n", n)
	}
	switch {
	case r.Refused != nil:
	case len(r.Changes) == 0:
		fmt.Fprintf(out, "%s: nothing to repair; it is sound up to its checkpoint of %d entries\n", r.Data, r.Size)
	case r.DryRun:
		fmt.Fprintf(out, "%s would then be sound up to its checkpoint of %d entries; nothing was changed\n", r.Data, r.Size)
	default:
		fmt.Fprintf(out, "%s is sound up to its checkpoint of %d entries\n", r.Data, r.Size)
	}
}
