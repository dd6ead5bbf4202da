package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"civicledger/cmd/internal/datadir"
	"civicledger/ledger/suite"
)

// now is the wall clock; commands are the only place that asks for it.
func now() time.Time { return time.Now() }

func newInitCommand() *cobra.Command {
	var data, origin, zone string
	cmd := &cobra.Command{
		Use:   "init --data DIR --origin NAME",
		Short: "Create a ledger: keys, genesis entry, first checkpoint",
		Long: `Creates a ledger in DIR and prints its verifier key as the last line: give that
key to auditors; whoever holds it can verify the log without trusting this machine.

The private keys stay in DIR/keys: log.key signs checkpoints, operator.key enrols
agencies. Keep a copy of operator.key apart from DIR.`,
		Example: "  civicledger init --data ./data --origin ledger.example.org/welfare",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			verifier, err := datadir.Dir(data).Create(origin, zone, suite.Default())
			if err != nil {
				return fmt.Errorf("init: %w", err)
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "created a ledger in %s; its verifier key:\n", data)
			fmt.Fprintln(cmd.OutOrStdout(), verifier)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&data, "data", "", "directory of the ledger (created)")
	f.StringVar(&origin, "origin", "", "name of the ledger for ever, such as ledger.example.org/welfare")
	f.StringVar(&zone, "timezone", "Asia/Shanghai", "IANA time zone in which the ledger's days end")
	require(cmd, "data", "origin")
	return cmd
}

// require marks the flags that a command cannot do without.
func require(cmd *cobra.Command, flags ...string) {
	for _, name := range flags {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // a wrong name in this package
		}
	}
}
