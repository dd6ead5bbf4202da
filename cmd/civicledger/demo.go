package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"civicledger/cmd/internal/datadir"
	"civicledger/events/bus"
	"civicledger/events/sources/sample"
	"civicledger/ledger/chain"
	"civicledger/ledger/keys"
	"civicledger/ledger/suite"
)

// demoOrigin names the ledger that demo creates. It is synthetic, like the
// subsidies of the sample.
const demoOrigin = "demo.civicledger.example/welfare"

func newDemoCommand() *cobra.Command {
	s := serving{}
	var stay bool
	cmd := &cobra.Command{
		Use:   "demo --data DIR",
		Short: "Create a ledger if there is none, serve it, load the sample over the bus, stay up",
		Long: `Runs the whole way on this machine: creates a ledger in DIR if there is none, serves
it, enrols the sample's agencies, and loads the sample over the bus as those agencies
would. Lottery notices, sanctions and welfare-fund figures in the sample are real and
name their source; subsidies and people are synthetic and marked so.

Run again, it goes on with the same ledger and finds the sample recorded.`,
		Example: "  civicledger demo --data ./data",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.check(); err != nil {
				return err
			}
			if err := createIfAbsent(datadir.Dir(s.data), cmd.ErrOrStderr()); err != nil {
				return err
			}
			ctx, cancel := context.WithCancel(cmd.Context())
			defer cancel()
			return runNode(ctx, s, newLogger(s.verbose), func(n *node) error {
				n.announce(cmd.ErrOrStderr())
				if err := n.load(ctx, cmd.ErrOrStderr()); err != nil {
					return err
				}
				n.tryNext(cmd.OutOrStdout())
				if !stay {
					cancel()
				}
				return nil
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&s.data, "data", "./data", "directory of the ledger")
	f.BoolVar(&stay, "stay", true, "stay up after loading; --stay=false stops")
	s.flags(cmd)
	return cmd
}

func createIfAbsent(dir datadir.Dir, w io.Writer) error {
	if ok, err := dir.Exists(); ok || err != nil {
		return err
	}
	verifier, err := dir.Create(demoOrigin, "Asia/Shanghai", suite.Default())
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "created a ledger in %s; its verifier key:\n%s\n", dir, verifier)
	return nil
}

// load enrols the sample's agencies and says its events over the bus.
func (n *node) load(ctx context.Context, w io.Writer) error {
	client, err := bus.Dial(ctx, n.busClientURL(), bus.ClientConfig{Origin: n.ledger.Origin(), Logger: n.log})
	if err != nil {
		return err
	}
	defer client.Close()
	for _, a := range sample.Agencies() {
		key, err := n.enrolSample(ctx, client, a)
		if err != nil {
			return fmt.Errorf("enrol %s: %w", a.Name, err)
		}
		lines := readLines(bytes.NewReader(chain.JoinLines(sample.Events(a.Name))))
		counts, err := client.Deliver(ctx, lines, bus.Delivery{Agency: a.Name, Signer: key})
		if err != nil {
			return fmt.Errorf("load the sample of %s: %w", a.Name, err)
		}
		fmt.Fprintf(w, "%-16s %s: %d events recorded now, %d before\n", a.Name, a.Title, counts.Accepted, counts.Recorded)
	}
	patience, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return n.tables.Wait(patience, n.ledger.Head().Size-1)
}

// enrolSample enrols an agency of the sample unless the roster has it.
func (n *node) enrolSample(ctx context.Context, client *bus.Client, a sample.Agency) (*keys.Key, error) {
	operator, _, err := datadir.Dir(n.data).Operator()
	if err != nil {
		return nil, err
	}
	e := enrolment{
		agency: a.Name, name: a.Title, source: a.Source, jurisdictions: a.Jurisdictions, types: a.Types,
		keyFile: filepath.Join(n.data, "agencies", a.Name+".key"),
	}
	if err := os.MkdirAll(filepath.Dir(e.keyFile), 0o700); err != nil {
		return nil, err
	}
	sub, key, err := e.signed(operator, n.ledger.Origin())
	if err != nil {
		return nil, err
	}
	if _, known := n.ledger.Roster().Key(a.Name, key.ID()); known {
		return key, nil
	}
	_, err = client.Submit(ctx, sub)
	return key, err
}

// tryNext tells a newcomer what to do now.
func (n *node) tryNext(w io.Writer) {
	size := n.ledger.Head().Size
	verifier := datadir.Dir(n.data).VerifierKey()
	fmt.Fprintf(w, `
%d entries are on the log. Try, in another terminal:

  supervisor   bin/civicledger query lists --server %s
  in a browser %s/v1/anomalies
  auditor      bin/civicledger verify --data %s --key %s
  agency       bin/civicledger schema subsidy.paid.v1

`, size, n.url(), n.url(), n.data, verifier)
}
