package verify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/chain"
	"civicledger/ledger/suite"
)

// ProofFormat is the first member of the report on a proof; see FORMAT.md.
const ProofFormat = "civicledger proof report v1"

const proofUsage = `Check, offline, that an entry is on the log: its bytes, at its place, under a
checkpoint that the ledger signed.

  civicverify proof PROOF --entry ENTRY --key VERIFIER-KEY [--state FILE] [--json]

  PROOF         a C2SP tlog-proof: civicledger prove, GET /v1/entries/INDEX/proof
  --entry FILE  the entry's bytes: civicledger prove --entries, GET /v1/entries/INDEX/raw
  --key KEY     the ledger's verifier key, or a file that holds it. Take it from
                somewhere else than from the log.
  --state FILE  a checkpoint kept from before: one that contradicts the proof's is
                shown with it. Where there is none yet, the proof's is kept.
  --json        report as JSON (format "` + ProofFormat + `")

Exit status: 0 proven, 1 not proven, 2 could not be checked.

Example:
  civicverify proof 1234.tlog-proof --entry 1234.entry --key ./log.pub
`

// ProofReport is what a proof shows.
type ProofReport struct {
	Format        string          `json:"format"`
	Verdict       string          `json:"verdict"`
	Proof         string          `json:"proof"` // file
	Entry         string          `json:"entry"` // file
	Key           string          `json:"key"`
	Origin        string          `json:"origin"`
	Index         uint64          `json:"index"` // that the proof is for
	Agency        string          `json:"agency,omitempty"`
	KeyID         string          `json:"keyId,omitempty"`
	Recorded      string          `json:"recorded,omitempty"`
	Position      int             `json:"position,omitempty"`
	Count         int             `json:"count,omitempty"`
	Checkpoint    *CheckpointSeen `json:"checkpoint"`
	Known         *CheckpointSeen `json:"known,omitempty"`
	Contradiction *Contradiction  `json:"contradiction,omitempty"`
	Notes         []string        `json:"notes"`
	Problem       string          `json:"problem,omitempty"`
}

// CheckProof says what the text of a tlog-proof and an entry's bytes prove to
// whoever trusts the verifier and kept known (which may be nil). The error says
// that the text is no proof at all.
func CheckProof(text, entry []byte, verifier note.Verifier, known *Known) (*ProofReport, error) {
	p, err := chain.ParseLogProof(text)
	if err != nil {
		return nil, err
	}
	r := &ProofReport{Format: ProofFormat, Verdict: NotProven, Origin: verifier.Name(), Index: p.Index, Notes: []string{}}
	if known != nil {
		r.Known = checkpointSeen(known.Checkpoint, known.Note)
	}
	// C2SP proofs are SHA-256, whatever the suite of the signatures is.
	h, c, err := p.Verify(suite.Default(), entry, verifier)
	if !errors.Is(err, chain.ErrCheckpoint) {
		r.Checkpoint = checkpointSeen(c, p.Checkpoint)
		r.Contradiction = contradiction(known, c, p.Checkpoint)
		if r.Contradiction != nil {
			r.Notes = append(r.Notes, r.Contradiction.Message)
		}
		r.Notes = append(r.Notes, unrelated(known, c.Size)...)
	}
	switch {
	case err != nil:
		r.Problem = err.Error()
	case r.Contradiction != nil:
		r.Problem = r.Contradiction.Message
	default:
		r.Verdict = Proven
	}
	if err == nil {
		r.Agency, r.KeyID, r.Recorded = h.Agency, h.KeyID, stamp(h.Recorded)
		r.Position, r.Count = h.Position, h.Count
	}
	return r, nil
}

func proofCommand(_ context.Context, c *cli) int {
	var t trust
	var entryFile string
	var asJSON bool
	flags := flag.NewFlagSet("proof", flag.ContinueOnError)
	t.flags(flags)
	flags.StringVar(&entryFile, "entry", "", "")
	flags.BoolVar(&asJSON, "json", false, "")
	args, code, ok := c.parse(flags, 1, proofUsage)
	if !ok {
		return code
	}
	r, err := t.proof(args[0], entryFile)
	if err != nil {
		return c.fail(err)
	}
	write := r.WriteWords
	if asJSON {
		write = r.WriteJSON
	}
	if err := write(c.stdout); err != nil {
		return c.fail(fmt.Errorf("write report: %w", err))
	}
	if r.Verdict != Proven {
		return 1
	}
	return 0
}

// proof checks the files. A first checkpoint is kept; one that is kept already
// is never replaced: offline nothing shows that the new one extends it.
func (t *trust) proof(proofFile, entryFile string) (*ProofReport, error) {
	if entryFile == "" {
		return nil, errors.New("give the file with the entry's bytes with --entry")
	}
	if err := t.load(); err != nil {
		return nil, err
	}
	text, err := readSmall(proofFile, maxCheckpoint)
	if err != nil {
		return nil, err
	}
	entry, err := readSmall(entryFile, chain.MaxFrame)
	if err != nil {
		return nil, err
	}
	// No entry ends with LF; a file that an editor or a shell wrote does.
	r, err := CheckProof(text, bytes.TrimSuffix(entry, []byte{'\n'}), t, t.known)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", proofFile, err)
	}
	r.Proof, r.Entry, r.Key = proofFile, entryFile, t.vkey
	if t.state != "" && t.known == nil && r.Verdict == Proven {
		err = SaveState(t.state, r.Checkpoint.Note)
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

// WriteJSON writes the report as indented JSON.
func (r *ProofReport) WriteJSON(w io.Writer) error { return writeJSON(w, r) }

func writeJSON(w io.Writer, report any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(report)
}

// WriteWords writes the report for people.
func (r *ProofReport) WriteWords(w io.Writer) error {
	var b strings.Builder
	if r.Verdict == Proven {
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
	_, err := io.WriteString(w, b.String())
	return err
}
