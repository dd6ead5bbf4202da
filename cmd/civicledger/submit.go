package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"sync"

	"github.com/spf13/cobra"

	"civicledger/cmd/internal/auditor"
	"civicledger/events/bus"
	"civicledger/ledger/chain"
	"civicledger/ledger/keys"
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

All lines are checked before the first is sent: where one is not an event as the
catalogue says, nothing is. For that the file is read twice; standard input is kept in a
temporary file meanwhile. What only the ledger knows (rights, what is recorded) it
judges submission by submission.

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
			if _, err := keys.Load(s.keyFile); err != nil {
				return err
			}
			file, from, done, err := readableTwice(in)
			if err != nil {
				return err
			}
			defer done()
			lines, err := s.examine(file, from, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return s.run(cmd.Context(), lines, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	s.flags(cmd)
	require(cmd, "agency", "key")
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

// readLines yields the lines of a file as civicverify receipt finds them: LF or CR
// LF ends one, and a byte order mark before the first is the file's. Of a line that
// is longer than an event may be only as much is yielded as shows that.
func readLines(in io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		r := bufio.NewReaderSize(in, chain.MaxLine+8)
		if mark, _ := r.Peek(len(chain.ByteOrderMark)); string(mark) == chain.ByteOrderMark {
			_, _ = r.Discard(len(mark))
		}
		for {
			part, err := r.ReadSlice('\n')
			line := bytes.TrimSuffix(bytes.TrimSuffix(bytes.Clone(part), []byte("\n")), []byte("\r"))
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = r.ReadSlice('\n')
			}
			switch {
			case err != nil && !errors.Is(err, io.EOF):
				yield(nil, fmt.Errorf("read events: %w", err))
				return
			case len(part) == 0, !yield(line, nil), err != nil:
				return
			}
		}
	}
}

// maxListed bounds the reasons that examine lists.
const maxListed = 100

// examine checks all lines of file before any is sent, unless bad ones are to be left
// out, and returns them to be read once more.
func (s *sending) examine(file *os.File, from int64, messages io.Writer) (iter.Seq2[[]byte, error], error) {
	mark := make([]byte, len(chain.ByteOrderMark))
	if n, _ := file.ReadAt(mark, from); string(mark[:n]) == chain.ByteOrderMark {
		fmt.Fprintln(messages, "the file begins with a byte order mark: it is the file's, and no part of the first event")
	}
	lines := func() iter.Seq2[[]byte, error] { return readLines(io.NewSectionReader(file, from, math.MaxInt64-from)) }
	if s.skipBad {
		return lines(), nil
	}
	bad, number := 0, 0
	for line, err := range lines() {
		if err != nil {
			return nil, err
		}
		number++
		problems := bus.Check([][]byte{line}, now())
		for _, p := range problems[:min(len(problems), max(0, maxListed-bad))] {
			s.report(messages, number, bus.Reason{Problem: p})
		}
		bad += len(problems)
	}
	if bad > 0 {
		return nil, badNews("nothing was sent: %d problems in %d lines (say --skip-bad to leave such lines out)", bad, number)
	}
	return lines(), nil
}

// readableTwice is in where that is a file, else a temporary file of its bytes, and
// where they begin.
func readableTwice(in io.Reader) (file *os.File, from int64, done func(), err error) {
	if f, ok := in.(*os.File); ok {
		if from, err := f.Seek(0, io.SeekCurrent); err == nil {
			return f, from, func() {}, nil
		}
	}
	f, err := os.CreateTemp("", "civicledger-submit-*")
	if err != nil {
		return nil, 0, nil, err
	}
	_, err = io.Copy(f, in)
	if err := errors.Join(err, os.Remove(f.Name())); err != nil {
		return nil, 0, nil, errors.Join(fmt.Errorf("keep standard input: %w", err), f.Close())
	}
	return f, 0, func() { f.Close() }, nil
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
	receipts, err := openReceipts(s.receiptsFile, out, progress)
	if err != nil {
		return err
	}
	client, err := bus.Dial(ctx, s.busURL, bus.ClientConfig{Origin: s.origin, VerifierKey: s.verifier})
	if err != nil {
		return errors.Join(fmt.Errorf("bus %s: %w", s.busURL, err), receipts.close())
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
			writeErr = cmp.Or(writeErr, receipts.write(r))
		},
		Bad: func(line int, reason bus.Reason) {
			if line > 0 { // else it is about all of them
				left = append(left, line)
			}
			s.report(progress, line, reason)
		},
	})
	writeErr = errors.Join(writeErr, receipts.close())
	if !s.skipBad || s.lineIn != nil {
		left = nil // it stopped at the first, or the lines are in no file that civicverify could be shown
	}
	s.summarise(progress, outcome{
		Format: "civicledger delivery v1", Agency: s.agency, Origin: client.About().Origin,
		Accepted: counts.Accepted, Recorded: counts.Recorded, Conflict: counts.Conflict, Refused: counts.Refused,
		Without: auditor.ListLines(left),
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

func (s *sending) report(w io.Writer, line int, reason bus.Reason) {
	if s.lineIn != nil && line > 0 {
		line = s.lineIn(line)
	}
	reason.Line = line // of the file: one numbering
	where := reason.Pointer
	if where != "" {
		where = " " + where
	}
	if line > 0 { // of the file; else it is about no single one
		where = fmt.Sprintf("line %d%s: ", line, where)
	}
	said := struct {
		Line   int        `json:"line"`
		Reason bus.Reason `json:"reason"`
	}{line, reason}
	sayLine(w, s.json, said, where+reason.Code+": "+reason.Message)
}

func (s *sending) summarise(w io.Writer, o outcome) {
	sayLine(w, s.json, o, fmt.Sprintf("%s: %d accepted, %d on the log before, %d in conflict, %d refused",
		o.Agency, o.Accepted, o.Recorded, o.Conflict, o.Refused))
	if o.Without != "" && !s.json {
		fmt.Fprintf(w, "left out; to prove the others: civicverify receipt RECEIPTS EVENTS --without %s\n", o.Without)
	}
}
