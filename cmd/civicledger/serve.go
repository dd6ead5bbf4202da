package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"

	"github.com/spf13/cobra"

	"civicledger/ledger"
)

// serving is how a ledger is to be served.
type serving struct {
	data      string
	listen    string // HTTP
	busListen string // embedded broker
	busURL    string // an existing broker instead
	readOnly  bool
	ready     string // file that says where it answers, once it does
	insecure  bool
	verbose   bool
	auditRate float64 // MB/s of the self-audit's far walk; 0: none
}

func newServeCommand() *cobra.Command {
	var s serving
	cmd := &cobra.Command{
		Use:   "serve --data DIR",
		Short: "Serve a ledger: take submissions from the bus, answer and be verified over HTTP",
		Long: `Opens the ledger in DIR, checks what a crash may have left, starts the embedded
message bus (or connects to an existing NATS server with JetStream), and serves the
API under /v1, the log under /checkpoint and /tile, and how it is under /healthz,
/readyz and /metrics. Ctrl-C stops it cleanly.

While it runs it re-reads what it has written: everything new at once, and the whole
book again and again at --audit-rate. Where bytes are not what was signed it signs
nothing more, names the entries on /healthz, and goes on answering.

A ledger whose book is damaged starts only with --read-only: it then takes no
submissions and answers from what stands, and every answer says what does not.`,
		Example: `  civicledger serve --data ./data
  civicledger serve --data ./data --bus nats://ledger:secret@bus.example.org:4222`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.check(); err != nil {
				return err
			}
			return runNode(cmd.Context(), s, newLogger(s.verbose), func(n *node) error {
				n.announce(cmd.ErrOrStderr())
				return nil
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&s.data, "data", "", "directory of the ledger")
	f.BoolVar(&s.readOnly, "read-only", false, "take nothing in; for a damaged or copied ledger")
	s.flags(cmd)
	require(cmd, "data")
	return cmd
}

// flags adds what serve and demo share.
func (s *serving) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.listen, "listen", defaultListen, "address for HTTP")
	f.StringVar(&s.busListen, "bus-listen", defaultBus, "address of the embedded message bus")
	f.StringVar(&s.busURL, "bus", "", "URL of an existing NATS server with JetStream, instead of the embedded one")
	f.StringVar(&s.ready, "ready", "", "write the addresses as JSON to this file once everything answers")
	f.BoolVar(&s.insecure, "insecure", false, "allow listening beyond loopback although nobody is asked who he is")
	f.Float64Var(&s.auditRate, "audit-rate", float64(ledger.DefaultAuditRate)/1e6, "MB/s at which the whole book is re-read, again and again; 0: only what is new is")
	f.BoolVar(&s.verbose, "verbose", false, "log more")
}

// check refuses what cannot be meant, and to show a ledger to the network by
// accident.
func (s *serving) check() error {
	if s.auditRate < 0 {
		return fmt.Errorf("--audit-rate %g is less than nothing", s.auditRate)
	}
	for _, address := range []string{s.listen, s.busListen} {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return fmt.Errorf("address %q: %w", address, err)
		}
		ip := net.ParseIP(host)
		if loopback := host == "localhost" || (ip != nil && ip.IsLoopback()); !loopback && !s.insecure {
			return fmt.Errorf("%s is reachable from other machines and nobody would be asked who he is: listen on 127.0.0.1, or say --insecure", address)
		}
	}
	return nil
}

func newLogger(verbose bool) *slog.Logger {
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}

// stoppedError says why a node ended by itself.
func stoppedError(err error) error {
	if errors.Is(err, ledger.ErrClock) {
		return err
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
