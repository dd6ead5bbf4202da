package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/ledger/suite"
	"civicledger/ledger/verify/source"
)

// proving is one run of prove: from where, what for, and where to.
type proving struct {
	data    string
	server  string
	out     string
	entries bool
}

// span is a run of entries, both ends included.
type span struct{ first, last uint64 }

// proofs yields entries with their proofs, all for one checkpoint.
type proofs func(first, last uint64) iter.Seq2[*ledger.Proven, error]

func newProveCommand() *cobra.Command {
	var p proving
	cmd := &cobra.Command{
		Use:   "prove INDEX|FIRST-LAST…",
		Short: "Write proofs that entries are on the log, for others to check offline",
		Long: `prove writes, for each entry, a proof in C2SP tlog-proof form: its place on the log,
the hashes that lead from it to the root, and the ledger's signed checkpoint. With the
entry's bytes (--entries writes them beside it) and the ledger's public key anybody can
check it offline: civicverify proof.

One proof goes to standard output or to the file --out. Several go into the directory
--out as <index>.tlog-proof and, with --entries, <index>.entry; all of them are for the
same checkpoint.

Exit codes: 0 written, 1 there is no such entry or it is damaged (the others are
written), 2 could not be done.`,
		Example: `  civicledger prove 1234 --data ./data --out 1234.tlog-proof --entries
  civicledger prove 0-999 2000 --server http://127.0.0.1:8080 --out ./proofs`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if p.data != "" && cmd.Flags().Changed("server") {
				return errors.New("give either --data DIR or --server URL")
			}
			spans, err := spansOf(args)
			if err != nil {
				return err
			}
			return p.run(cmd.Context(), spans, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&p.data, "data", "", "directory of the ledger: stopped, or a copy")
	serverFlag(f, &p.server)
	f.StringVar(&p.out, "out", "", "file to write, or directory where there are several")
	f.BoolVar(&p.entries, "entries", false, "write the bytes of each entry beside its proof")
	return cmd
}

// spansOf reads indexes and runs such as 10-20.
func spansOf(args []string) ([]span, error) {
	spans := make([]span, len(args))
	for i, arg := range args {
		first, last, several := strings.Cut(arg, "-")
		if !several {
			last = first
		}
		var errFirst, errLast error
		spans[i].first, errFirst = strconv.ParseUint(first, 10, 63)
		spans[i].last, errLast = strconv.ParseUint(last, 10, 63)
		if errFirst != nil || errLast != nil || spans[i].first > spans[i].last {
			return nil, fmt.Errorf("%q is neither an index nor a run of them such as 10-20", arg)
		}
	}
	return spans, nil
}

func (p *proving) run(ctx context.Context, spans []span, out, progress io.Writer) error {
	one := len(spans) == 1 && spans[0].first == spans[0].last
	switch {
	case !one && p.out == "":
		return errors.New("several proofs go into a directory: say --out DIR")
	case p.entries && p.out == "":
		return errors.New("the entry is written beside the proof: say --out FILE")
	case !one:
		if err := os.MkdirAll(p.out, 0o755); err != nil {
			return err
		}
	}
	source, done, err := p.source(ctx)
	if err != nil {
		return err
	}
	defer done()
	written := 0
	var damaged error // what stands behind is proven all the same
	for _, s := range spans {
		for s.first <= s.last {
			for proven, err := range source(s.first, s.last) {
				if err == nil {
					err = errors.Join(ctx.Err(), p.write(proven, one, out))
				}
				if s.first++; errors.Is(err, ledger.ErrDamaged) {
					damaged = err
					break
				}
				if errors.Is(err, ledger.ErrNotThere) {
					return badNews("%v", err)
				}
				if err != nil {
					return err
				}
				if written++; written%progressRows == 0 {
					fmt.Fprintf(progress, "%d proofs written, the last is of entry %d\n", written, proven.Proof.Index)
				}
			}
		}
	}
	if damaged != nil {
		return badNews("%d proofs written; %v", written, damaged)
	}
	return nil
}

// write puts a proof where it belongs.
func (p *proving) write(proven *ledger.Proven, one bool, out io.Writer) error {
	text := proven.Proof.Encode()
	if p.out == "" {
		_, err := out.Write(text)
		return err
	}
	file := p.out
	if !one {
		file = filepath.Join(p.out, strconv.FormatUint(proven.Proof.Index, 10)+".tlog-proof")
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return err
	}
	if !p.entries {
		return nil
	}
	return os.WriteFile(strings.TrimSuffix(file, ".tlog-proof")+".entry", proven.Entry, 0o644)
}

// source is where proofs come from, and what to call in the end.
func (p *proving) source(ctx context.Context) (proofs, func(), error) {
	if p.data == "" {
		base, err := serverBase(p.server)
		if err != nil {
			return nil, nil, err
		}
		tiles, err := newTileProver(ctx, base)
		if err != nil {
			return nil, nil, err
		}
		return tiles.proofs, func() {}, nil
	}
	l, err := openToRead(ctx, p.data)
	if err != nil {
		return nil, nil, err
	}
	return l.Proofs, func() { l.Close() }, nil
}

// tileProver makes proofs from the tiles that a server shows. It checks each
// against the root of the server's checkpoint; that the ledger signed it is for
// whoever has the key.
type tileProver struct {
	ctx    context.Context // of the command that it serves
	server string
	log    *source.Tiles
	suite  *suite.Suite
	note   string
	signed chain.Checkpoint
	prover *chain.Prover
	bundle [][]byte // of entries, read last; nil if it cannot be read
	read   uint64   // its number, and one
}

func newTileProver(ctx context.Context, server string) (*tileProver, error) {
	log := source.Server(server)
	signed, err := log.Checkpoint(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask: %w (is the server running? civicledger serve)", err)
	}
	text, _, _ := strings.Cut(string(signed), "\n\n")
	c, err := chain.ParseCheckpoint(text + "\n")
	if err != nil {
		return nil, fmt.Errorf("the server's checkpoint: %w", err)
	}
	s := suite.Default() // C2SP tiles are SHA-256
	return &tileProver{
		ctx: ctx, server: server, log: log, suite: s, note: string(signed), signed: c,
		prover: chain.NewProver(s, c.Size, func(level int, n uint64, width int) ([]chain.Hash, error) {
			return log.Hashes(ctx, level, n, width)
		}),
	}, nil
}

func (p *tileProver) proofs(first, last uint64) iter.Seq2[*ledger.Proven, error] {
	return func(yield func(*ledger.Proven, error) bool) {
		if last >= p.signed.Size {
			yield(nil, fmt.Errorf("prove entries %d to %d: %w: there are %d", first, last, ledger.ErrNotThere, p.signed.Size))
			return
		}
		for index := first; index <= last; index++ {
			if n := index/chain.TileWidth + 1; n != p.read {
				p.read = n
				p.bundle, _ = p.log.Entries(p.ctx, n-1, int(min(chain.TileWidth, p.signed.Size-(n-1)*chain.TileWidth)))
			}
			var proven *ledger.Proven
			err := error(ledger.ErrDamaged)
			if p.bundle != nil {
				proven, err = p.prove(index, p.bundle[index%chain.TileWidth])
			}
			if err != nil {
				proven, err = p.alone(index)
			}
			if !yield(proven, err) || err != nil {
				return
			}
		}
	}
}

// alone asks for an entry with its proof, where what stands beside it cannot be
// read. The error wraps ledger.ErrDamaged where the server says that it is.
func (p *tileProver) alone(index uint64) (*ledger.Proven, error) {
	q := asking{server: p.server, client: http.DefaultClient}
	text, err := q.get(p.ctx, fmt.Sprintf("/v1/entries/%d/proof", index), url.Values{}, nil)
	var exit *exitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%w: %w", ledger.ErrDamaged, err)
	}
	if err != nil {
		return nil, fmt.Errorf("prove entry %d: %w", index, err)
	}
	proof, err := chain.ParseLogProof(text)
	if err != nil {
		return nil, fmt.Errorf("prove entry %d: %w", index, err)
	}
	entry, err := q.get(p.ctx, fmt.Sprintf("/v1/entries/%d/raw", index), url.Values{}, nil)
	return p.proven(index, entry, proof.Path, err)
}

func (p *tileProver) prove(index uint64, entry []byte) (*ledger.Proven, error) {
	path, err := p.prover.Append(nil, index)
	return p.proven(index, entry, path, err)
}

// proven is an entry with its proof, if err is nil and the path leads to the root.
func (p *tileProver) proven(index uint64, entry []byte, path []chain.Hash, err error) (*ledger.Proven, error) {
	if err == nil {
		err = chain.VerifyInclusion(p.suite, index, p.signed.Size, p.suite.Leaf(entry), path, p.signed.Root)
	}
	if err != nil {
		return nil, fmt.Errorf("prove entry %d: what the server shows contradicts itself: %w", index, err)
	}
	return &ledger.Proven{Entry: entry, Proof: &chain.LogProof{Index: index, Path: path, Checkpoint: p.note}}, nil
}
