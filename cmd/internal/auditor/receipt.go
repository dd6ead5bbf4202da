package auditor

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"civicledger/ledger/verify/offline"
)

const receiptUsage = `Check, offline, that an agency's file is on the log, every line byte for byte.

  civicverify receipt RECEIPTS EVENTS --key VERIFIER-KEY [--without LINES]
                      [--state FILE] [-v] [--json]

  RECEIPTS         one receipt or many, one on each line, in the order in which they
                   came: what civicledger submit --receipts appends to
  EVENTS           the events file that was submitted, one event on each line
  --key KEY        the ledger's verifier key, or a file that holds it. Take it from
                   somewhere else than from the log.
  --without LINES  lines that were refused, such as 17,40-42: civicledger submit says
                   which. They are in no receipt and stay not proven.
  --state FILE     a checkpoint kept from before: a receipt that contradicts it is
                   shown with it. Where there is none yet, the newest is kept.
  -v               one line for each receipt, not only for those that do not hold
  --json           report as JSON (format "` + offline.ReceiptFormat + `")

Exit status: 0 every line is proven and every receipt holds, 1 not so (the lines and
receipts are named), 2 could not be checked.

Example:
  civicverify receipt receipts.jsonl payments.jsonl --key ./log.pub -v
`

type receiptRequest struct {
	trust
	without string
	verbose bool
}

func receiptCommand(_ context.Context, c *cli) int {
	var q receiptRequest
	flags := newFlags(&q.key, &q.state, &q.json)
	flags.StringVar(&q.without, "without", "", "")
	flags.BoolVar(&q.verbose, "v", false, "")
	args, code, ok := c.parse(flags, 2, receiptUsage)
	if !ok {
		return code
	}
	r, err := q.check(args[0], args[1], c.stderr)
	if err != nil {
		return fail(c.stderr, err)
	}
	return c.show(r, q.json, receiptWords(r, q.verbose), exitCode(r.Verdict))
}

func (q *receiptRequest) check(receiptsFile, eventsFile string, stderr io.Writer) (*offline.ReceiptReport, error) {
	if err := q.load(); err != nil {
		return nil, err
	}
	without, err := parseLines(q.without)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(receiptsFile)
	if err != nil {
		return nil, err
	}
	events, err := os.Open(eventsFile)
	if err != nil {
		return nil, err
	}
	defer events.Close()
	r, err := offline.CheckReceipts(text, events, without, q, q.known, tellTo[int64](stderr))
	if err != nil {
		return nil, fmt.Errorf("check %s with %s: %w", eventsFile, receiptsFile, err)
	}
	r.File, r.Key = eventsFile, q.vkey
	if len(r.Forks) == 0 {
		err = q.keepFirst(r.Newest)
	}
	return r, err
}

// parseLines reads numbers and ranges of lines: 17,40-42.
func parseLines(text string) ([]offline.LineRange, error) {
	if text == "" {
		return nil, nil
	}
	var out []offline.LineRange
	for _, part := range strings.Split(text, ",") {
		first, last, several := strings.Cut(strings.TrimSpace(part), "-")
		if !several {
			last = first
		}
		var r offline.LineRange
		var errFirst, errLast error
		r.First, errFirst = strconv.Atoi(first)
		r.Last, errLast = strconv.Atoi(last)
		if errFirst != nil || errLast != nil || r.First < 1 || r.Last < r.First {
			return nil, fmt.Errorf("--without: %q is neither a line nor a range of lines such as 40-42", part)
		}
		out = append(out, r)
	}
	return out, nil
}

// ListLines writes lines of a file, from 1, as --without reads them.
func ListLines(lines []int) string {
	at := make([]int, len(lines))
	for i, line := range lines {
		at[i] = line - 1
	}
	slices.Sort(at)
	var parts []string
	for _, r := range offline.Ranges(slices.Compact(at)) {
		if r.First == r.Last {
			parts = append(parts, strconv.Itoa(r.First))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", r.First, r.Last))
		}
	}
	return strings.Join(parts, ",")
}

func receiptWords(r *offline.ReceiptReport, verbose bool) string {
	var b strings.Builder
	words := map[string]string{offline.Proven: "PROVEN, every line is on the log byte for byte", offline.NotProven: "NOT PROVEN"}
	held := 0
	for i := range r.Receipts {
		if r.Receipts[i].Holds {
			held++
		}
	}
	fmt.Fprintf(&b, "%s: %s\n  ledger      %s\n  proven      %d of %d lines, by %d of %d receipts\n", r.File, words[r.Verdict], r.Origin, r.Proven, r.Lines, held, len(r.Receipts))
	for i := range r.Receipts {
		if seen := &r.Receipts[i]; verbose || !seen.Holds {
			writeReceipt(&b, seen)
		}
	}
	for _, l := range r.NotProven {
		fmt.Fprintf(&b, "  not proven  %s: %s\n", span("line", "lines", l.First, l.Last), l.Why)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "  note        %s\n", n)
	}
	for i := range r.Forks {
		fmt.Fprintf(&b, "  %s\n", r.Forks[i].Message)
		writeHeads(&b, r.Forks[i].Before, r.Forks[i].Now)
	}
	return b.String()
}

func writeReceipt(b *strings.Builder, s *offline.ReceiptSeen) {
	fmt.Fprintf(b, "  receipt %-3d ", s.Receipt)
	if s.Agency != "" {
		fmt.Fprintf(b, "%s: %s, recorded %s", s.Agency, Entries(s.First, s.Last), s.Recorded)
	}
	for i, l := range s.Lines {
		fmt.Fprintf(b, "%s%s", map[bool]string{true: ", ", false: " and "}[i == 0], span("line", "lines", l.First, l.Last))
	}
	if s.Same > 0 {
		fmt.Fprintf(b, ", the same as receipt %d", s.Same)
	}
	if !s.Holds {
		fmt.Fprintf(b, "\n              DOES NOT HOLD: %s", s.Problem)
	}
	b.WriteByte('\n')
}
