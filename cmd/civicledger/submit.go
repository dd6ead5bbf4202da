package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"sync"

	"github.com/spf13/cobra"

	"civicledger/events/bus"
	"civicledger/ledger/chain"
	"civicledger/ledger/keys"
	"civicledger/ledger/verify"
)

// sending is how an agency's lines get on the bus.
type sending struct {
	busURL       string
	agency       string
	keyFile      string
	receiptsFile string // "" or "-": stdout
	origin       string // pinned, if given
	verifier     string // pinned, if given
	maxLines     int
	skipBad      bool
	json         bool

	// lineIn, where an import makes the lines, gives the line of its file that
	// one is from: a report has one numbering.
	lineIn func(line int) int
}

func newSubmitCommand() *cobra.Command {
	var s sending
	cmd := &cobra.Command{
		Use:   "submit --bus URL --agency NAME --key FILE EVENTS.jsonl",
		Short: "Submit events over the bus and print the receipts",
		Long: `Reads events, one CloudEvent in JSON per line ("-" reads standard input), cuts them
into submissions, signs each, sends them in order and waits for the answers. Receipts
are printed as JSON lines; keep them with the events file: together with the ledger's
public key they prove, offline, that every line is on the log.

Run again after an interruption, it finds out what is recorded and sends the rest.
Exit code 1: some lines were refused; each is reported with its line and reasons. With
--skip-bad the summary lists them as civicverify receipt --without takes them.`,
		Example: `  civicledger submit --bus nats://127.0.0.1:4222 --agency haidian-mzj \
      --key haidian.key --receipts receipts.jsonl payments.jsonl`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in, closeIn, err := openInput(args[0], cmd.InOrStdin())
			if err != nil {
				return err
			}
			defer closeIn()
			return s.run(cmd.Context(), readLines(in), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	s.flags(cmd)
	must(cmd.MarkFlagRequired("agency"))
	must(cmd.MarkFlagRequired("key"))
	return cmd
}

// flags adds what submit and import share.
func (s *sending) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.busURL, "bus", defaultBusURL, "address of the bus")
	f.StringVar(&s.agency, "agency", "", "name the agency is enrolled under")
	f.StringVar(&s.keyFile, "key", "", "file with the agency's private key")
	f.StringVar(&s.receiptsFile, "receipts", "", "append receipts to this file instead of standard output")
	f.StringVar(&s.origin, "origin", "", "refuse a bus whose ledger has another origin")
	f.StringVar(&s.verifier, "verifier", "", "refuse receipts that this ledger key does not verify")
	f.IntVar(&s.maxLines, "max-lines", chain.MaxLines, "events in one submission, at most")
	f.BoolVar(&s.skipBad, "skip-bad", false, "leave out lines that are refused and go on")
	f.BoolVar(&s.json, "json", false, "print the summary and refusals as JSON")
}

func openInput(name string, stdin io.Reader) (io.Reader, func(), error) {
	if name == "-" {
		return stdin, func() {}, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	return f, func() { f.Close() }, nil
}

// readLines yields the lines of a file without their LF; empty lines are
// passed over at the end only.
func readLines(in io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		scanner := bufio.NewScanner(in)
		scanner.Buffer(make([]byte, 64<<10), 4<<20)
		for scanner.Scan() {
			if !yield(append([]byte(nil), scanner.Bytes()...), nil) {
				return
			}
		}
		if err := scanner.Err(); err != nil {
			yield(nil, fmt.Errorf("read events: %w", err))
		}
	}
}

// outcome is the summary of a delivery, versioned for programs.
type outcome struct {
	Format   string `json:"format"`
	Agency   string `json:"agency"`
	Origin   string `json:"origin"`
	Accepted int    `json:"accepted"`
	Recorded int    `json:"recorded"`
	Conflict int    `json:"conflict"`
	Refused  int    `json:"refused"`
	Without  string `json:"without,omitempty"` // lines that no receipt is for, as civicverify receipt --without takes them
}

// run delivers lines, writes receipts, and reports what became of each line.
func (s *sending) run(ctx context.Context, lines iter.Seq2[[]byte, error], out, progress io.Writer) error {
	key, err := keys.Load(s.keyFile)
	if err != nil {
		return err
	}
	receipts, closeReceipts, err := s.receipts(out)
	if err != nil {
		return err
	}
	client, err := bus.Dial(ctx, s.busURL, bus.ClientConfig{Origin: s.origin, VerifierKey: s.verifier})
	if err != nil {
		return errors.Join(fmt.Errorf("bus %s: %w", s.busURL, err), closeReceipts())
	}
	defer client.Close()
	var writing sync.Mutex
	var writeErr error
	var left []int
	counts, err := client.Deliver(ctx, lines, bus.Delivery{
		Agency: s.agency, Signer: key, SkipBad: s.skipBad, MaxLines: s.maxLines,
		Receipt: func(r *chain.Receipt, _ [][]byte) {
			writing.Lock()
			defer writing.Unlock()
			if _, err := fmt.Fprintf(receipts, "%s\n", r.Encode()); err != nil && writeErr == nil {
				writeErr = fmt.Errorf("write receipt: %w", err)
			}
		},
		Bad: func(line int, reason bus.Reason) {
			if line > 0 { // else it is about all of them
				left = append(left, line)
			}
			s.report(progress, line, reason)
		},
	})
	writeErr = errors.Join(writeErr, closeReceipts())
	if !s.skipBad || s.lineIn != nil {
		left = nil // it stopped at the first, or the lines are in no file that civicverify could be shown
	}
	s.summarise(progress, outcome{
		Format: "civicledger delivery v1", Agency: s.agency, Origin: client.About().Origin,
		Accepted: counts.Accepted, Recorded: counts.Recorded, Conflict: counts.Conflict, Refused: counts.Refused,
		Without: verify.ListLines(left),
	})
	return s.verdict(counts, err, writeErr)
}

// verdict turns what became of the lines into an exit code.
func (s *sending) verdict(counts bus.Counts, err, writeErr error) error {
	var refusal *bus.Refusal
	switch {
	case writeErr != nil:
		return writeErr
	case errors.As(err, &refusal):
		return badNews("stopped at the first refusal, which is named above (say --skip-bad to leave such lines out)")
	case err != nil:
		return err
	case counts.Refused+counts.Conflict > 0:
		return badNews("%d lines were refused", counts.Refused+counts.Conflict)
	}
	return nil
}

func (s *sending) receipts(out io.Writer) (io.Writer, func() error, error) {
	if s.receiptsFile == "" || s.receiptsFile == "-" {
		return out, func() error { return nil }, nil
	}
	f, err := os.OpenFile(s.receiptsFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, nil, err
	}
	return f, func() error { return errors.Join(f.Sync(), f.Close()) }, nil
}

func (s *sending) report(w io.Writer, line int, reason bus.Reason) {
	if s.lineIn != nil && line > 0 {
		line = s.lineIn(line)
	}
	reason.Line = line // not the one in the submission
	if s.json {
		text, err := json.Marshal(reason)
		if err == nil {
			fmt.Fprintf(w, "{\"line\":%d,\"reason\":%s}\n", line, text)
		}
		return
	}
	where := reason.Pointer
	if where != "" {
		where = " " + where
	}
	fmt.Fprintf(w, "line %d%s: %s: %s\n", line, where, reason.Code, reason.Message)
}

func (s *sending) summarise(w io.Writer, o outcome) {
	if s.json {
		if text, err := json.Marshal(o); err == nil {
			fmt.Fprintf(w, "%s\n", text)
		}
		return
	}
	fmt.Fprintf(w, "%s: %d accepted, %d on the log before, %d in conflict, %d refused\n", o.Agency, o.Accepted, o.Recorded, o.Conflict, o.Refused)
	if o.Without != "" {
		fmt.Fprintf(w, "left out; to prove the others: civicverify receipt RECEIPTS EVENTS --without %s\n", o.Without)
	}
}

// submitOne sends one submission and waits for its receipt.
func submitOne(ctx context.Context, busURL string, key *keys.Key, origin, agency string, lines [][]byte) (*chain.Receipt, error) {
	client, err := bus.Dial(ctx, busURL, bus.ClientConfig{Origin: origin})
	if err != nil {
		return nil, fmt.Errorf("bus %s: %w", busURL, err)
	}
	defer client.Close()
	sub, err := key.SignSubmission(origin, agency, lines)
	if err != nil {
		return nil, err
	}
	receipt, err := client.Submit(ctx, sub)
	var refusal *bus.Refusal
	if errors.As(err, &refusal) {
		return nil, badNews("%v", refusal)
	}
	return receipt, err
}
