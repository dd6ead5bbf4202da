package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"civicledger/cmd/internal/datadir"
	"civicledger/ledger/suite"
	"civicledger/ledger/tiles"
)

// exporting is what export is asked for.
type exporting struct {
	data string
	out  string
	json bool
}

func newExportCommand() *cobra.Command {
	var x exporting
	cmd := &cobra.Command{
		Use:   "export --data DIR OUT",
		Short: "Write the log as static files that any web server or disk can show",
		Long: `Writes the signed log into the directory OUT in the form of C2SP tlog-tiles:
checkpoint, tile/<L>/<N> and tile/entries/<N>, the paths that serve shows. DIR may be
stopped, copied or being served. Only what the newest stored checkpoint signs is written,
and its root is computed from what is written before the checkpoint is put in place.

Run it again and it adds what is new; full files that are there are left alone. It may
be killed at any time: OUT always holds a whole log, the old one or the new one. OUT is
refused, and left as it is, where it holds another ledger, more entries than DIR (which
was then put back), or other ones (a fork: both signed heads are printed).

Whoever verifies OUT needs the ledger's key (DIR/log.pub) from elsewhere.

Exit codes: 0 done, 1 refused, 2 could not be done; then run it again.`,
		Example: `  civicledger export --data ./data ./public
  civicverify --dir ./public --key ./data/log.pub`,
		Args: cobra.ExactArgs(1),
		RunE: x.run,
	}
	cmd.Flags().StringVar(&x.data, "data", "", "directory of the ledger")
	cmd.Flags().BoolVar(&x.json, "json", false, "say as versioned JSON what was done")
	require(cmd, "data")
	return cmd
}

func (x *exporting) run(cmd *cobra.Command, args []string) error {
	x.out = args[0]
	stdout, stderr := cmd.OutOrStdout(), cmd.ErrOrStderr()
	store, verifier, err := datadir.Dir(x.data).ReadBook(newLogger(false))
	if err != nil {
		return err
	}
	defer store.Close()
	checkpoint, err := store.Checkpoint()
	if err == nil && checkpoint == nil {
		err = errors.New("there is no checkpoint: nothing is signed yet, or the checkpoint files are lost")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", x.data, err)
	}
	e := tiles.Export{
		Book: store, Suite: suite.Default(), Verifier: verifier, Checkpoint: checkpoint, // C2SP knows SHA-256 alone
		Dir: x.out, Progress: progressEvery(stderr, "exported"),
	}
	done, err := e.Run(cmd.Context())
	var refused *tiles.RefusedError
	if errors.As(err, &refused) {
		return badNews("%v\n\nsigned, in %s:\n\n%s\nsigned, in %s:\n\n%s", err, x.out, refused.There, x.data, refused.Ours)
	}
	if err != nil {
		return err
	}
	return x.say(done, checkpoint, stdout, stderr)
}

// exportSummary is what --json prints.
type exportSummary struct {
	Format string `json:"format"`
	Out    string `json:"out"`
	*tiles.Exported
	Checkpoint string `json:"checkpoint"`
}

func (x *exporting) say(done *tiles.Exported, checkpoint []byte, stdout, stderr io.Writer) error {
	for _, path := range done.Replaced {
		fmt.Fprintf(stderr, "%s in %s was not what its checkpoint signs: somebody changed it; written again\n", path, x.out)
	}
	if x.json {
		done.Replaced = append([]string{}, done.Replaced...)
		return json.NewEncoder(stdout).Encode(exportSummary{"civicledger export v1", x.out, done, string(checkpoint)})
	}
	_, err := fmt.Fprintf(stdout, "%s holds %d entries, %d of them new: %d files of %d bytes written, %d removed that fuller ones replace\n",
		x.out, done.Size, done.Size-done.Before, done.Files, done.Bytes, done.Gone)
	return err
}
