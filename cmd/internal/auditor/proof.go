package auditor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"civicledger/ledger/chain"
	"civicledger/ledger/verify/offline"
	"civicledger/ledger/verify/source"
)

const proofUsage = `Check, offline, that an entry is on the log: its bytes, at its place, under a
checkpoint that the ledger signed.

  civicverify proof PROOF --entry ENTRY --key VERIFIER-KEY [--state FILE] [--json]

  PROOF         a C2SP tlog-proof: civicledger prove, GET /v1/entries/INDEX/proof
  --entry FILE  the entry's bytes: civicledger prove --entries, GET /v1/entries/INDEX/raw
  --key KEY     the ledger's verifier key, or a file that holds it. Take it from
                somewhere else than from the log.
  --state FILE  a checkpoint kept from before: one that contradicts the proof's is
                shown with it. Where there is none yet, the proof's is kept.
  --json        report as JSON (format "` + offline.ProofFormat + `")

Exit status: 0 proven, 1 not proven, 2 could not be checked.

Example:
  civicverify proof 1234.tlog-proof --entry 1234.entry --key ./log.pub
`

func proofCommand(_ context.Context, c *cli) int {
	var t trust
	var entryFile string
	flags := newFlags(&t.key, &t.state, &t.json)
	flags.StringVar(&entryFile, "entry", "", "")
	args, code, ok := c.parse(flags, 1, proofUsage)
	if !ok {
		return code
	}
	r, err := t.proof(args[0], entryFile)
	if err != nil {
		return fail(c.stderr, err)
	}
	return c.show(r, t.json, proofWords(r), exitCode(r.Verdict))
}

// proof checks the files.
func (t *trust) proof(proofFile, entryFile string) (*offline.ProofReport, error) {
	if entryFile == "" {
		return nil, errors.New("give the file with the entry's bytes with --entry")
	}
	if err := t.load(); err != nil {
		return nil, err
	}
	text, err := readSmall(proofFile, source.MaxCheckpoint)
	if err != nil {
		return nil, err
	}
	entry, err := readSmall(entryFile, chain.MaxFrame)
	if err != nil {
		return nil, err
	}
	// No entry ends with LF; a file that an editor or a shell wrote does.
	r, err := offline.CheckProof(text, bytes.TrimSuffix(entry, []byte{'\n'}), t, t.known)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", proofFile, err)
	}
	r.Proof, r.Entry, r.Key = proofFile, entryFile, t.vkey
	if r.Verdict == offline.Proven {
		err = t.keepFirst(r.Checkpoint)
	}
	return r, err
}

// readSmall reads a whole file of bounded size.
func readSmall(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s is longer than %d bytes", name, limit)
	}
	return data, err
}

func proofWords(r *offline.ProofReport) string {
	var b strings.Builder
	if r.Verdict == offline.Proven {
		fmt.Fprintf(&b, "%s: PROVEN, entry %d is on the log\n", r.Entry, r.Index)
	} else {
		fmt.Fprintf(&b, "%s: NOT PROVEN\n  %s\n", r.Entry, r.Problem)
	}
	if c := r.Checkpoint; c != nil {
		fmt.Fprintf(&b, "  ledger      %s\n  checkpoint  %d entries, root %x\n", r.Origin, c.Size, c.Root)
	}
	if r.Agency != "" {
		fmt.Fprintf(&b, "  said by     %s, key %s, event %d of %d of its submission\n  recorded    %s\n", r.Agency, r.KeyID, r.Position, r.Count, r.Recorded)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "  note        %s\n", n)
	}
	if c := r.Contradiction; c != nil {
		writeHeads(&b, c.Before, c.Now)
	}
	return b.String()
}
