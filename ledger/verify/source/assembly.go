package source

import (
	"fmt"

	"civicledger/ledger/chain"
	"civicledger/ledger/roster"
	"civicledger/ledger/verify/verdict"
)

// Assembly is a submission whose entries come in.
type Assembly struct {
	Header    chain.Header // of its first entry
	Lines     [][]byte
	Envelopes []chain.Envelope
	Unread    bool // an envelope cannot be read
}

// Assemble begins a submission with the header of its first entry.
func Assemble(h *chain.Header) *Assembly {
	return &Assembly{Header: *h, Lines: make([][]byte, 0, h.Count), Envelopes: make([]chain.Envelope, 0, h.Count)}
}

// Continues says whether an entry is the next one of it; of none it never is.
func (a *Assembly) Continues(h *chain.Header) bool {
	if a == nil {
		return false
	}
	f := &a.Header
	return h.Position == len(a.Lines)+1 && h.Count == f.Count && h.Agency == f.Agency && h.KeyID == f.KeyID && h.Recorded == f.Recorded
}

// Add adds its next entry and says whether it is complete.
func (a *Assembly) Add(it *Item) bool {
	a.Lines, a.Envelopes = append(a.Lines, it.Line), append(a.Envelopes, it.Envelope)
	a.Unread = a.Unread || it.EnvErr != nil
	return len(a.Lines) == a.Header.Count
}

// Submission is what the agency signed.
func (a *Assembly) Submission() *chain.Submission {
	return &chain.Submission{Agency: a.Header.Agency, KeyID: a.Header.KeyID, Signature: a.Header.Signature, Lines: a.Lines}
}

// At is its place.
func (a *Assembly) At() roster.At {
	return roster.At{Index: a.Header.Index, Recorded: a.Header.Recorded}
}

// Defect concerns the whole submission.
func (a *Assembly) Defect(kind, message string) verdict.Defect {
	first, last := a.Header.Index, a.Header.Index+uint64(len(a.Lines)-1)
	return verdict.Defect{Kind: kind, First: first, Last: last, Scope: verdict.Within(first, last), Message: message}
}

// Cut says that it ends before it is complete.
func (a *Assembly) Cut(next uint64) verdict.Defect {
	d := a.Defect(verdict.KindSubmission, fmt.Sprintf("a submission of %d events ends after %d", a.Header.Count, len(a.Lines)))
	d.Last, d.Scope = next-1, verdict.Within(d.First, next)
	return d
}

// Stray says of an entry that it continues nothing.
func Stray(h *chain.Header) verdict.Defect {
	return verdict.Defect{
		Kind: verdict.KindSubmission, First: h.Index, Last: h.Index, Scope: verdict.Within(max(h.Index, 1)-1, h.Index),
		Message: fmt.Sprintf("says it is event %d of %d of a submission of %s, which the entry before does not continue into", h.Position, h.Count, h.Agency),
	}
}

// Refused says why the roster refuses it.
func (a *Assembly) Refused(refusal *roster.Refusal) verdict.Defect {
	kind := verdict.KindRights
	switch refusal.Code {
	case roster.CodeGenesis:
		kind = verdict.KindGenesis
	case roster.CodeSignature:
		kind = verdict.KindSignature
	}
	d := a.Defect(kind, refusal.Code+": "+refusal.Message)
	if refusal.Line > 0 {
		d.First = a.Header.Index + uint64(refusal.Line-1)
		d.Last = d.First
	}
	return d
}
