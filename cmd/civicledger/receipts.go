package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"civicledger/cmd/internal/datadir"
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
	without           string
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
	f.StringVar(&g.without, "without", "", "lines that were refused, such as 17,40-42")
	f.IntVar(&g.maxLines, "max-lines", chain.MaxLines, "events in one submission, as submit was told")
	f.StringVar(&g.receiptsFile, "receipts", "", "append what this file lacks to it, instead of printing all")
	f.BoolVar(&g.json, "json", false, "print the summary as JSON")
	cmd.MarkFlagsMutuallyExclusive("data", "bus", "server")
	return cmd
}

// receiptSource is where receipts are asked for. get gives nil where there is no
// such submission.
type receiptSource struct {
	origin string
	get    func(digest chain.Hash) (*chain.Receipt, error)
	close  func()
}

// wantedReceipt is a submission whose receipt is asked for.
type wantedReceipt struct {
	digest chain.Hash
	lines  string // of the events file
}

// regained is the summary, versioned for programs.
type regained struct {
	Format  string   `json:"format"`
	Written int      `json:"written"`
	Held    int      `json:"held"`              // in the receipts file before
	Missing []string `json:"missing,omitempty"` // digests of what is not on the log
}

func (g *regaining) run(ctx context.Context, files []string, out, messages io.Writer) error {
	source, err := g.source(ctx)
	if err != nil {
		return err
	}
	defer source.close()
	wanted, err := g.wanted(files, source.origin)
	if err != nil {
		return err
	}
	w, closeOut, held, err := openReceipts(g.receiptsFile, out, messages)
	if err != nil {
		return err
	}
	r := regained{Format: "civicledger receipts v1"}
	for _, want := range wanted {
		if held[want.digest] {
			r.Held++
			continue
		}
		receipt, err := source.get(want.digest)
		if err != nil {
			return errors.Join(err, closeOut())
		}
		if receipt == nil {
			r.Missing = append(r.Missing, base64.StdEncoding.EncodeToString(want.digest[:]))
			fmt.Fprintf(messages, "%snot on the log: submission %s\n", want.lines, r.Missing[len(r.Missing)-1])
			continue
		}
		if _, err := fmt.Fprintf(w, "%s\n", receipt.Encode()); err != nil {
			return errors.Join(fmt.Errorf("write receipt: %w", err), closeOut())
		}
		r.Written++
	}
	if err := closeOut(); err != nil {
		return err
	}
	if text, err := json.Marshal(r); g.json && err == nil {
		fmt.Fprintf(messages, "%s\n", text)
	} else {
		fmt.Fprintf(messages, "%d receipts written, %d held before, %d not on the log\n", r.Written, r.Held, len(r.Missing))
	}
	if len(r.Missing) > 0 {
		return badNews("%d submissions are not on the log as they would be cut here: --max-lines and --without as for submit, or submit the file again", len(r.Missing))
	}
	return nil
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
	var without []span
	if g.without != "" {
		if without, err = spansOf(strings.Split(g.without, ",")); err != nil {
			return nil, fmt.Errorf("--without: %w", err)
		}
	}
	f, err := os.Open(files[0])
	if err != nil {
		return nil, err
	}
	defer f.Close()
	last := 0
	for part, err := range bus.Cut(readLines(f), g.maxLines, 0) {
		if err != nil {
			return nil, err
		}
		first := last + 1
		sub := &chain.Submission{Agency: g.agency, KeyID: key.ID()}
		for _, line := range part {
			if last++; !inSpans(without, uint64(last)) {
				sub.Lines = append(sub.Lines, line)
			}
		}
		if len(sub.Lines) > 0 {
			all = append(all, wantedReceipt{sub.Digest(key.Suite(), origin), fmt.Sprintf("lines %d to %d: ", first, last)})
		}
	}
	return all, nil
}

func inSpans(spans []span, n uint64) bool {
	for _, s := range spans {
		if s.first <= n && n <= s.last {
			return true
		}
	}
	return false
}

func (g *regaining) source(ctx context.Context) (receiptSource, error) {
	switch {
	case g.data != "":
		l, err := datadir.Dir(g.data).Open(ctx, datadir.Options{ReadOnly: true, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))})
		if err != nil {
			return receiptSource{}, err
		}
		return receiptSource{l.Origin(), func(d chain.Hash) (*chain.Receipt, error) {
			return orNone(l.Receipt(d))(ledger.ErrNotThere)
		}, func() { l.Close() }}, nil
	case g.bus != "":
		c, err := bus.Dial(ctx, g.bus, bus.ClientConfig{})
		if err != nil {
			return receiptSource{}, fmt.Errorf("bus %s: %w", g.bus, err)
		}
		return receiptSource{c.About().Origin, func(d chain.Hash) (*chain.Receipt, error) {
			return orNone(c.Receipt(ctx, d))(bus.ErrNotRecorded)
		}, func() { c.Close() }}, nil
	}
	q := &asking{server: g.server, client: &http.Client{Timeout: queryTimeout}}
	var status supervision.Answer[supervision.Status]
	if _, err := q.get(ctx, "/v1/status", url.Values{}, &status); err != nil {
		return receiptSource{}, err
	}
	return receiptSource{status.Item.Origin, func(d chain.Hash) (*chain.Receipt, error) {
		return q.receipt(ctx, d)
	}, func() {}}, nil
}

// orNone makes no receipt and no error of an error that says there is none.
func orNone(r *chain.Receipt, err error) func(none error) (*chain.Receipt, error) {
	return func(none error) (*chain.Receipt, error) {
		if errors.Is(err, none) {
			return nil, nil
		}
		return r, err
	}
}

// receipt asks a server.
func (q *asking) receipt(ctx context.Context, digest chain.Hash) (*chain.Receipt, error) {
	var any map[string]json.RawMessage
	raw, err := q.get(ctx, fmt.Sprintf("/v1/receipts/%x", digest), url.Values{}, &any)
	var exit *exitError
	if errors.As(err, &exit) && exit.code == exitBadNews {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r, err := chain.ParseReceipt(raw)
	if err == nil && r.Submission != digest {
		err = errors.New("the server answered with the receipt of another submission")
	}
	return r, err
}
