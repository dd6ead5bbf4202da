package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"civicledger/events/bus"
	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/ledger/keys"
	"civicledger/supervision"
)

// regaining is one run of receipts: of what, and from where.
type regaining struct {
	data, server, bus string
	digests           []string
	agency, keyFile   string
	without           []string
	maxLines          int
	receiptsFile      string
	json              bool
}

func newReceiptsCommand() *cobra.Command {
	var g regaining
	cmd := &cobra.Command{
		Use:   "receipts (EVENTS.jsonl --agency NAME --key FILE | --digest DIGEST…)",
		Short: "Have receipts of recorded submissions again",
		Long: `receipts asks for the receipt of each submission that an events file was sent in, or of
those that --digest names, and appends what the file --receipts lacks. A receipt can be
had again for ever, by anybody: the digest is the only thing asked for. It is for the
ledger's newest checkpoint. Without --data or --bus a server is asked.

The digests of an events file are those of civicledger submit: cut in the same way
(--max-lines), without the lines that were refused (--without, as submit lists them). Of
lines sent in another way the digests cannot be computed: submit them again, which says
nothing twice and gives the receipt.

Exit codes: 0 all are there, 1 some are not on the log, 2 could not be asked.`,
		Example: `  civicledger receipts payments.jsonl --agency haidian-mzj --key haidian.key --receipts receipts.jsonl
  civicledger receipts --digest 3q2-7w… --data ./data`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 1) == (len(g.digests) > 0) || (len(args) == 1 && (g.agency == "" || g.keyFile == "")) {
				return errors.New("of which submissions? an events file with --agency and --key, or --digest")
			}
			return g.run(cmd.Context(), args, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&g.data, "data", "", "ask the directory of a ledger: served, stopped, or a copy")
	f.StringVar(&g.bus, "bus", "", "ask the ledger on this bus")
	serverFlag(f, &g.server)
	f.StringSliceVar(&g.digests, "digest", nil, "digest of a submission: hex or base64, as in a receipt (repeatable)")
	f.StringVar(&g.agency, "agency", "", "who submitted the events file")
	f.StringVar(&g.keyFile, "key", "", "file with the private key it was submitted with")
	f.StringSliceVar(&g.without, "without", nil, "lines that were refused, such as 17,40-42")
	f.IntVar(&g.maxLines, "max-lines", chain.MaxLines, "events in one submission, as submit was told")
	f.StringVar(&g.receiptsFile, "receipts", "", "append what this file lacks to it, instead of printing all")
	f.BoolVar(&g.json, "json", false, "print the summary as JSON")
	cmd.MarkFlagsMutuallyExclusive("data", "bus", "server")
	return cmd
}

// receiptBy asks for a receipt. The error wraps ledger.ErrNotThere or
// bus.ErrNotRecorded where there is no such submission.
type receiptBy func(digest chain.Hash) (*chain.Receipt, error)

// source is where receipts are asked for: of which ledger, how, and what to call in
// the end.
func (g *regaining) source(ctx context.Context) (origin string, get receiptBy, done func() error, err error) {
	switch {
	case g.data != "":
		l, err := openToRead(ctx, g.data)
		if err != nil {
			return "", nil, nil, err
		}
		return l.Origin(), l.Receipt, l.Close, nil
	case g.bus != "":
		c, err := bus.Dial(ctx, g.bus, bus.ClientConfig{})
		if err != nil {
			return "", nil, nil, fmt.Errorf("bus %s: %w", g.bus, err)
		}
		get = func(d chain.Hash) (*chain.Receipt, error) { return c.Receipt(ctx, d) }
		return c.About().Origin, get, c.Close, nil
	}
	q := &asking{server: g.server, client: &http.Client{Timeout: queryTimeout}}
	var status supervision.Answer[supervision.Status]
	_, err = q.get(ctx, "/v1/status", url.Values{}, &status)
	get = func(d chain.Hash) (*chain.Receipt, error) { return q.receipt(ctx, d) }
	return status.Item.Origin, get, func() error { return nil }, err
}

// receipt asks a server.
func (q *asking) receipt(ctx context.Context, digest chain.Hash) (*chain.Receipt, error) {
	raw, err := q.get(ctx, fmt.Sprintf("/v1/receipts/%x", digest), url.Values{}, nil)
	var exit *exitError
	if errors.As(err, &exit) && exit.code == exitBadNews {
		return nil, fmt.Errorf("%w: %w", ledger.ErrNotThere, err)
	}
	if err != nil {
		return nil, err
	}
	r, err := chain.ParseReceipt(bytes.TrimRight(raw, "\n"))
	if err == nil && r.Submission != digest {
		err = errors.New("the server answered with the receipt of another submission")
	}
	return r, err
}

// regained is the summary, versioned for programs.
type regained struct {
	Format  string   `json:"format"`
	Written int      `json:"written"`
	Held    int      `json:"held"`              // in the receipts file before
	Missing [][]byte `json:"missing,omitempty"` // digests of what is not on the log
}

func (g *regaining) run(ctx context.Context, files []string, out, messages io.Writer) error {
	origin, get, done, err := g.source(ctx)
	if err != nil {
		return err
	}
	defer done()
	wanted, err := g.wanted(files, origin)
	if err != nil {
		return err
	}
	to, err := openReceipts(g.receiptsFile, out, messages)
	if err != nil {
		return err
	}
	r := regained{Format: "civicledger receipts v1"}
	for _, want := range wanted {
		if err = r.regain(want, get, to, messages); err != nil {
			break
		}
	}
	if err := errors.Join(err, to.close()); err != nil {
		return err
	}
	sayLine(messages, g.json, r,
		fmt.Sprintf("%d receipts written, %d held before, %d not on the log", r.Written, r.Held, len(r.Missing)))
	if len(r.Missing) > 0 {
		return badNews("%d submissions are not on the log as they would be cut here: --max-lines and --without as for submit, or submit the file again", len(r.Missing))
	}
	return nil
}

func (r *regained) regain(want wantedReceipt, get receiptBy, to *receiptsTo, messages io.Writer) error {
	if to.held[want.digest] {
		r.Held++
		return nil
	}
	receipt, err := get(want.digest)
	switch {
	case errors.Is(err, ledger.ErrNotThere), errors.Is(err, bus.ErrNotRecorded):
		r.Missing = append(r.Missing, want.digest[:])
		text := base64.StdEncoding.EncodeToString(want.digest[:])
		fmt.Fprintf(messages, "%snot on the log: submission %s\n", want.lines, text)
		return nil
	case err != nil:
		return err
	}
	r.Written++
	return to.write(receipt)
}

// wantedReceipt is a submission whose receipt is asked for.
type wantedReceipt struct {
	digest chain.Hash
	lines  string // of the events file
}

// wanted are the submissions asked for, in order.
func (g *regaining) wanted(files []string, origin string) (all []wantedReceipt, err error) {
	for _, text := range g.digests {
		digest, err := chain.ParseDigest(text)
		if err != nil {
			return nil, fmt.Errorf("--digest: %w", err)
		}
		all = append(all, wantedReceipt{digest: digest})
	}
	if len(files) == 0 {
		return all, nil
	}
	key, err := keys.Load(g.keyFile)
	if err != nil {
		return nil, err
	}
	without, err := spansOf(g.without)
	if err != nil {
		return nil, fmt.Errorf("--without: %w", err)
	}
	f, err := os.Open(files[0])
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var last uint64
	left := func(s span) bool { return s.first <= last && last <= s.last }
	for part, err := range bus.Cut(readLines(f), g.maxLines, 0) {
		if err != nil {
			return nil, err
		}
		first := last + 1
		sub := &chain.Submission{Agency: g.agency, KeyID: key.ID()}
		for _, line := range part {
			if last++; !slices.ContainsFunc(without, left) {
				sub.Lines = append(sub.Lines, line)
			}
		}
		if len(sub.Lines) > 0 {
			all = append(all, wantedReceipt{sub.Digest(key.Suite(), origin), fmt.Sprintf("lines %d to %d: ", first, last)})
		}
	}
	return all, nil
}
