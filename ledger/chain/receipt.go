package chain

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/suite"
)

// ReceiptFormat is the first member of every receipt.
const ReceiptFormat = "civicledger receipt v1"

// ErrReceipt is wrapped by every error about a receipt that is not one or does
// not prove what it says.
var ErrReceipt = errors.New("receipt does not hold")

// Receipt is what an agency gets for a submission. With the lines that were
// submitted and the ledger's verifier key it proves, offline, that they are on
// the log, all of them, byte for byte: see Verify.
type Receipt struct {
	Origin     string // of the ledger
	Suite      string
	Submission Hash // digest
	Agency     string
	KeyID      string
	Signature  []byte
	First      uint64 // index of the first entry
	Count      int
	Recorded   int64  // Unix milliseconds
	Prev       Hash   // leaf hash of the entry before the first
	Proof      []Hash // inclusion of the last entry in the checkpoint
	Checkpoint string // signed note
}

// receiptJSON fixes the order and the names of the members.
type receiptJSON struct {
	Format     string   `json:"format"`
	Origin     string   `json:"origin"`
	Suite      string   `json:"suite"`
	Submission []byte   `json:"submission"`
	Agency     string   `json:"agency"`
	KeyID      string   `json:"keyId"`
	Signature  []byte   `json:"signature"`
	First      uint64   `json:"first"`
	Count      int      `json:"count"`
	Recorded   int64    `json:"recorded"`
	Prev       []byte   `json:"previous"`
	Proof      [][]byte `json:"proof"`
	Checkpoint string   `json:"checkpoint"`
}

// Encode returns the receipt as one line of JSON, without LF.
func (r *Receipt) Encode() []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(receiptJSON{
		Format: ReceiptFormat, Origin: r.Origin, Suite: r.Suite, Submission: r.Submission[:],
		Agency: r.Agency, KeyID: r.KeyID, Signature: r.Signature,
		First: r.First, Count: r.Count, Recorded: r.Recorded,
		Prev: r.Prev[:], Proof: slicesOf(r.Proof), Checkpoint: r.Checkpoint,
	})
	if err != nil {
		panic("chain: a receipt of strings and numbers does not encode: " + err.Error())
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte{'\n'})
}

// ParseReceipt reads what Encode writes and nothing else.
func ParseReceipt(line []byte) (*Receipt, error) {
	var j receiptJSON
	if err := json.Unmarshal(line, &j); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrReceipt, err)
	}
	if j.Format != ReceiptFormat {
		return nil, fmt.Errorf("%w: format %q is not %q", ErrReceipt, j.Format, ReceiptFormat)
	}
	r := &Receipt{
		Origin: j.Origin, Suite: j.Suite, Agency: j.Agency, KeyID: j.KeyID, Signature: j.Signature,
		First: j.First, Count: j.Count, Recorded: j.Recorded, Checkpoint: j.Checkpoint,
	}
	if len(j.Submission) != len(r.Submission) || len(j.Prev) != len(r.Prev) {
		return nil, fmt.Errorf("%w: a hash is not %d bytes", ErrReceipt, suite.HashSize)
	}
	r.Submission, r.Prev = Hash(j.Submission), Hash(j.Prev)
	for _, p := range j.Proof {
		if len(p) != suite.HashSize {
			return nil, fmt.Errorf("%w: a hash is not %d bytes", ErrReceipt, suite.HashSize)
		}
		r.Proof = append(r.Proof, Hash(p))
	}
	if !bytes.Equal(r.Encode(), line) {
		return nil, fmt.Errorf("%w: not written as a receipt is written", ErrReceipt)
	}
	return r, nil
}

// Verify says whether the receipt proves that lines are on the ledger whose
// checkpoints verifier verifies. It rebuilds every header from the receipt and
// the lines, walks the chain to the last entry and checks its inclusion.
func (r *Receipt) Verify(lines [][]byte, verifier note.Verifier) error {
	s, err := suite.Lookup(r.Suite)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrReceipt, err)
	}
	if r.Count != len(lines) {
		return fmt.Errorf("%w: it is for %d events, not for %d", ErrReceipt, r.Count, len(lines))
	}
	if err := errors.Join(CheckLines(lines), r.checkHeader()); err != nil {
		return fmt.Errorf("%w: %w", ErrReceipt, err)
	}
	c, err := OpenCheckpoint([]byte(r.Checkpoint), verifier)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrReceipt, err)
	}
	if c.Origin != r.Origin {
		return fmt.Errorf("%w: origin %q, checkpoint of %q", ErrReceipt, r.Origin, c.Origin)
	}
	sub := &Submission{Agency: r.Agency, KeyID: r.KeyID, Signature: r.Signature, Lines: lines}
	if sub.Digest(s, r.Origin) != r.Submission {
		return fmt.Errorf("%w: these are not the lines it was given for", ErrReceipt)
	}
	keys, _, err := sub.EventKeys(s)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrReceipt, err)
	}
	last := sub.Seal(s, r.First, r.Prev, r.Recorded, keys, func([]byte, Hash) {})
	if err := VerifyInclusion(s, r.First+uint64(r.Count)-1, c.Size, last, r.Proof, c.Root); err != nil {
		return fmt.Errorf("%w: %w", ErrReceipt, err)
	}
	return nil
}

// checkHeader refuses what could not stand in the headers that Verify rebuilds:
// no entry was written with it.
func (r *Receipt) checkHeader() error {
	switch {
	case r.First > math.MaxInt64-uint64(MaxLines) || r.Recorded < 0:
		return errors.New("first or recorded is out of range")
	case len(r.Signature) == 0:
		return errors.New("it has no signature")
	}
	return errors.Join(CheckAgency(r.Agency), CheckKeyID(r.KeyID))
}
