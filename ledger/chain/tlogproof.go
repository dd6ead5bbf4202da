package chain

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/suite"
)

// LogProofFormat is the first line of every proof (C2SP tlog-proof).
const LogProofFormat = "c2sp.org/tlog-proof@v1"

// maxPath is the longest inclusion proof: sizes are below 2^63.
const maxPath = 63

// ErrLogProof is wrapped by every error about bytes that are not a proof in
// C2SP tlog-proof form. A proof that can be read and does not hold wraps
// ErrProof or ErrCheckpoint.
var ErrLogProof = errors.New("not a tlog-proof")

// LogProof is a proof that an entry is on the log, in the form of C2SP
// tlog-proof (file name extension .tlog-proof): with the entry's bytes and the
// ledger's verifier key it holds offline, for anybody.
type LogProof struct {
	Extra      []byte // opaque and authenticated by nothing; nil: none. This ledger writes none
	Index      uint64 // below 2^63
	Path       []Hash // RFC 6962 inclusion proof, from the leaf's sibling up
	Checkpoint string // signed note, verbatim
}

// Encode returns the text of the proof.
func (p *LogProof) Encode() []byte {
	text := append([]byte(LogProofFormat), '\n')
	if len(p.Extra) > 0 {
		text = append(text, "extra "...)
		text = append(b64.AppendEncode(text, p.Extra), '\n')
	}
	text = append(text, "index "...)
	text = append(strconv.AppendUint(text, p.Index, 10), '\n')
	for i := range p.Path {
		text = append(b64.AppendEncode(text, p.Path[i][:]), '\n')
	}
	text = append(text, '\n')
	return append(text, p.Checkpoint...)
}

// ParseLogProof reads what Encode writes and nothing else. That the checkpoint
// is one, and signed, is for Verify.
func ParseLogProof(text []byte) (*LogProof, error) {
	head, checkpoint, ok := bytes.Cut(text, []byte("\n\n"))
	if !ok || len(checkpoint) == 0 {
		return nil, fmt.Errorf("%w: no checkpoint behind an empty line", ErrLogProof)
	}
	lines := bytes.Split(head, []byte{'\n'})
	if string(lines[0]) != LogProofFormat {
		return nil, fmt.Errorf("%w: the first line is not %q", ErrLogProof, LogProofFormat)
	}
	p := &LogProof{Checkpoint: string(checkpoint)}
	lines = lines[1:]
	if len(lines) > 0 && bytes.HasPrefix(lines[0], []byte("extra ")) {
		extra, err := b64.AppendDecode(nil, lines[0][len("extra "):])
		if err != nil || len(extra) == 0 {
			return nil, fmt.Errorf("%w: extra is not base64 of at least one byte", ErrLogProof)
		}
		p.Extra, lines = extra, lines[1:]
	}
	if len(lines) == 0 || !bytes.HasPrefix(lines[0], []byte("index ")) {
		return nil, fmt.Errorf("%w: no index line", ErrLogProof)
	}
	f := fields{}
	p.Index = f.number("index", lines[0][len("index "):], 63)
	if len(lines)-1 > maxPath {
		return nil, fmt.Errorf("%w: a path of %d hashes, at most %d", ErrLogProof, len(lines)-1, maxPath)
	}
	p.Path = make([]Hash, len(lines)-1)
	for i := range p.Path {
		f.bytes(fmt.Sprintf("hash %d", i+1), lines[i+1], p.Path[i][:])
	}
	if f.err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLogProof, f.err)
	}
	if !bytes.Equal(p.Encode(), text) { // such as base64 with CR in it
		return nil, fmt.Errorf("%w: not written as a proof is written", ErrLogProof)
	}
	return p, nil
}

// Verify says whether entry is, byte for byte, the entry at the proof's index
// on the ledger whose checkpoints verifier verifies. It returns the entry's
// header and the checkpoint that proves it. The error wraps ErrCheckpoint where
// the checkpoint is not the ledger's, else ErrProof.
func (p *LogProof) Verify(s *suite.Suite, entry []byte, verifier note.Verifier) (Header, Checkpoint, error) {
	c, err := OpenCheckpoint([]byte(p.Checkpoint), verifier)
	if err != nil {
		return Header{}, Checkpoint{}, err
	}
	h, _, parsed := ParseEntry(entry)
	if parsed == nil && h.Index != p.Index {
		return h, c, fmt.Errorf("%w: it is for entry %d, and these are the bytes of entry %d", ErrProof, p.Index, h.Index)
	}
	if err := VerifyInclusion(s, p.Index, c.Size, s.Leaf(entry), p.Path, c.Root); err != nil {
		return h, c, fmt.Errorf("these bytes are not entry %d of the log as signed: %w", p.Index, err)
	}
	if parsed != nil { // signed, so it is the ledger that is wrong
		return h, c, fmt.Errorf("entry %d is on the log: %w: %w", p.Index, ErrProof, parsed)
	}
	return h, c, nil
}
