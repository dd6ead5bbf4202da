package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"civicledger/cmd/internal/datadir"
	"civicledger/ledger"
	"civicledger/ledger/book"
)

func newAcceptLossCommand() *cobra.Command {
	var data, reason string
	var size uint64
	var yes bool
	cmd := &cobra.Command{
		Use:   "accept-loss --data DIR --size N --reason TEXT",
		Short: "Go on with what stands of a damaged ledger, and say so on the log",
		Long: `The last resort, where neither repair nor a backup brings back what a damaged
ledger lacks. serve says how many entries stand (N) and what knows of more. This
command judges all that stands as a verifier would, moves the rest aside
(book/cut-*, nothing is deleted), and records log.cut.accepted as entry N, signed
with the operator's key: what was known and by what, what remains, and why.

It cannot be taken back. Who holds a receipt or a checkpoint of more than N
entries can prove what was there. civicverify answers such a holder with "cut
admitted at N" and exit code 1; tools and witnesses that are not ours will call the
log a fork, and they will be right.`,
		Example: `  civicledger accept-loss --data ./data --size 397 --reason "disk replaced, copy of 2026-11-03 lacks 39 entries"`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := newLogger(false)
			o := datadir.Options{Log: log, Ledger: ledger.Config{Progress: datadir.Progress(log)}}
			err := datadir.Dir(data).AcceptLoss(cmd.Context(), o, size, reason, func(d *book.DamageError) error {
				sayLoss(cmd.ErrOrStderr(), d)
				if yes {
					return nil
				}
				return askLoss(cmd.InOrStdin(), cmd.ErrOrStderr(), size)
			})
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "entry %d says that what stood behind it is lost; civicledger serve starts now\n", size)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&data, "data", "", "directory of the ledger")
	f.Uint64Var(&size, "size", 0, "how many entries stand, as serve says")
	f.StringVar(&reason, "reason", "", "why, for everybody to read, up to 500 characters")
	f.BoolVar(&yes, "yes", false, "do not ask")
	require(cmd, "data", "size", "reason")
	return cmd
}

// sayLoss says what is lost, and what others will make of it.
func sayLoss(w io.Writer, d *book.DamageError) {
	fmt.Fprintf(w, "%d entries stand and are sound.\n", d.Standing)
	for _, known := range d.Known {
		fmt.Fprintf(w, "  %v\n", known)
	}
	fmt.Fprintf(w, "Entries from %d on will be given up; their bytes are kept in book/cut-*. Whoever holds a\n"+
		"receipt or checkpoint of them can prove that they were there. Verifiers and witnesses that\n"+
		"are not ours will call this log a fork, rightly. It cannot be taken back.\n", d.Standing)
}

// askLoss wants the number typed again: a y is typed too easily.
func askLoss(r io.Reader, w io.Writer, size uint64) error {
	fmt.Fprintf(w, "Type %d to go on: ", size)
	answer, err := bufio.NewReader(r).ReadString('\n')
	if strings.TrimSpace(answer) != fmt.Sprint(size) {
		if errors.Is(err, io.EOF) && answer == "" {
			return errors.New("nobody answered: say --yes to go on without asking")
		}
		return errors.New("not confirmed: nothing was changed")
	}
	return nil
}
