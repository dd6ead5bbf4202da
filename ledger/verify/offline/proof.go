package offline

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/chain"
	"civicledger/ledger/suite"
	"civicledger/ledger/verify/verdict"
)

// ProofFormat is the first member of the report on a proof; see FORMAT.md.
const ProofFormat = "civicledger proof report v1"

// Verdicts of what is checked offline.
const (
	Proven    = "proven"
	NotProven = "not proven"
)

// ProofReport is what a proof shows.
type ProofReport struct {
	Format        string                 `json:"format"`
	Verdict       string                 `json:"verdict"`
	Proof         string                 `json:"proof"` // file
	Entry         string                 `json:"entry"` // file
	Key           string                 `json:"key"`
	Origin        string                 `json:"origin"`
	Index         uint64                 `json:"index"` // that the proof is for
	Agency        string                 `json:"agency,omitempty"`
	KeyID         string                 `json:"keyId,omitempty"`
	Recorded      string                 `json:"recorded,omitempty"`
	Position      int                    `json:"position,omitempty"`
	Count         int                    `json:"count,omitempty"`
	Checkpoint    *verdict.Seen          `json:"checkpoint"`
	Known         *verdict.Seen          `json:"known,omitempty"`
	Contradiction *verdict.Contradiction `json:"contradiction,omitempty"`
	Notes         []string               `json:"notes"`
	Problem       string                 `json:"problem,omitempty"`
}

// CheckProof says what the text of a tlog-proof and an entry's bytes prove to
// whoever trusts the verifier and kept known (which may be nil). The error says
// that the text is no proof at all.
func CheckProof(text, entry []byte, verifier note.Verifier, known *verdict.Signed) (*ProofReport, error) {
	p, err := chain.ParseLogProof(text)
	if err != nil {
		return nil, err
	}
	r := &ProofReport{Format: ProofFormat, Verdict: NotProven, Origin: verifier.Name(), Index: p.Index, Known: known.Seen(), Notes: []string{}}
	// C2SP proofs are SHA-256, whatever the suite of the signatures is.
	h, c, err := p.Verify(suite.Default(), entry, verifier)
	if !errors.Is(err, chain.ErrCheckpoint) {
		signed := &verdict.Signed{Checkpoint: c, Note: p.Checkpoint}
		r.Checkpoint, r.Contradiction = signed.Seen(), signed.Contradicts(known)
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
		r.Agency, r.KeyID, r.Recorded = h.Agency, h.KeyID, verdict.Stamp(h.Recorded)
		r.Position, r.Count = h.Position, h.Count
	}
	return r, nil
}

// unrelated says what a kept checkpoint of another size does not show.
func unrelated(known *verdict.Signed, size uint64) []string {
	if known == nil || known.Size == size {
		return nil
	}
	return []string{fmt.Sprintf("the checkpoint that was kept is over %d entries, this one over %d: that one log has both is shown by civicverify --url or --data with --state",
		known.Size, size)}
}
