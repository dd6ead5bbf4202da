package chain

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"civicledger/ledger/suite"
)

// ErrSubmission is wrapped by every error about a submission that cannot be
// one: too large, too many lines, a line out of shape.
var ErrSubmission = errors.New("not a submission")

// Submission is what an agency says at once: 1 to MaxLines event lines under
// one signature, recorded all or not at all. Its identity is its digest; there
// is no client-chosen id.
type Submission struct {
	Agency    string
	KeyID     string
	Signature []byte
	Lines     [][]byte // without LF
}

// SplitLines cuts the body of a submission message into its lines. Each is
// followed by LF; the LF of the last may be missing, so that a single
// CloudEvent from any SDK is a submission of one line.
func SplitLines(body []byte) ([][]byte, error) {
	if len(body) > MaxSubmission {
		return nil, fmt.Errorf("%w: %d bytes, at most %d: cut it", ErrSubmission, len(body), MaxSubmission)
	}
	lines := bytes.Split(body, []byte{'\n'})
	if len(lines[len(lines)-1]) == 0 {
		lines = lines[:len(lines)-1]
	}
	if err := CheckLines(lines); err != nil {
		return nil, err
	}
	return lines, nil
}

// JoinLines is the body that SplitLines reads.
func JoinLines(lines [][]byte) []byte {
	var body []byte
	for _, line := range lines {
		body = append(append(body, line...), '\n')
	}
	return body
}

// CheckLines says whether these lines can be one submission. The name of the
// agency counts for its size once sealed, so it is taken at its longest.
func CheckLines(lines [][]byte) error {
	if len(lines) == 0 {
		return fmt.Errorf("%w: no line", ErrSubmission)
	}
	if len(lines) > MaxLines {
		return fmt.Errorf("%w: %d lines, at most %d: cut it", ErrSubmission, len(lines), MaxLines)
	}
	size := 0
	for i, line := range lines {
		if err := CheckLine(line); err != nil {
			return fmt.Errorf("%w: line %d: %w", ErrSubmission, i+1, err)
		}
		size += len(line) + 1
	}
	if size > MaxSubmission {
		return fmt.Errorf("%w: %d bytes, at most %d: cut it", ErrSubmission, size, MaxSubmission)
	}
	if sealed := SealedBound(len(lines), size); sealed > MaxFrame {
		return fmt.Errorf("%w: %d bytes once on the log, at most %d: cut it", ErrSubmission, sealed, MaxFrame)
	}
	return nil
}

// SealedBound is the most bytes that lines of that count and size (LFs
// included) can take in a frame, whoever says them. Senders cut by it.
func SealedBound(count, size int) int {
	// Version, index, previous hash, recorded, position, agency, key id, event
	// key, no signature, nine spaces, LF; the frame's length; one signature.
	const perEntry = 1 + 19 + 44 + 15 + 9 + 63 + 16 + 24 + 1 + 9 + 1 + 4
	return size + count*perEntry + 128
}

// LinesDigest is the digest of the lines, each followed by LF.
func LinesDigest(s *suite.Suite, lines [][]byte) Hash {
	h := s.NewHash()
	for _, line := range lines {
		h.Write(line)
		h.Write([]byte{'\n'})
	}
	return Hash(h.Sum(nil))
}

// SignedText is what the agency signs: domain tag, suite, origin, agency, key
// id, count and digest of the lines, one per line. Nothing replays on another
// ledger, under another name or in another suite.
func SignedText(s *suite.Suite, origin, agency, keyID string, count int, digest Hash) []byte {
	text := make([]byte, 0, 256)
	text = append(text, tagSubmission...)
	text = append(append(text, s.Name()...), '\n')
	text = append(append(text, origin...), '\n')
	text = append(append(text, agency...), '\n')
	text = append(append(text, keyID...), '\n')
	text = append(strconv.AppendInt(text, int64(count), 10), '\n')
	return append(b64.AppendEncode(text, digest[:]), '\n')
}

// SignedText is the text that the submission's signature must sign on the
// ledger of that origin.
func (sub *Submission) SignedText(s *suite.Suite, origin string) []byte {
	return SignedText(s, origin, sub.Agency, sub.KeyID, len(sub.Lines), LinesDigest(s, sub.Lines))
}

// Digest is the submission's identity: the digest of its signed text.
func (sub *Submission) Digest(s *suite.Suite, origin string) Hash {
	return s.Sum(sub.SignedText(s, origin))
}

// ParseDigest reads the digest of a submission as people copy it: base64 as in a
// receipt, with the alphabet of URLs or without padding too, or 64 hex digits.
func ParseDigest(text string) (digest Hash, err error) {
	raw, err := hex.DecodeString(text)
	if len(text) != 2*len(digest) {
		plain := strings.NewReplacer("-", "+", "_", "/", "=", "").Replace(text)
		raw, err = base64.RawStdEncoding.Strict().DecodeString(plain)
	}
	if err != nil || len(raw) != len(digest) {
		return digest, fmt.Errorf("not the digest of a submission: want 64 hex digits, or base64 of %d bytes as in a receipt's member submission", len(digest))
	}
	return Hash(raw), nil
}

// SubmissionKey is what an index knows a submission by: the first bytes of its
// digest. No event key is one: the texts digested begin with another tag.
func SubmissionKey(digest Hash) EventKey { return EventKey(digest[:]) }

// EventKeys returns the key of each line, in order.
func (sub *Submission) EventKeys(s *suite.Suite) ([]EventKey, []Envelope, error) {
	keys := make([]EventKey, len(sub.Lines))
	envelopes := make([]Envelope, len(sub.Lines))
	for i, line := range sub.Lines {
		var e EnvelopeText
		if err := e.Read(line); err != nil {
			return nil, nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		envelopes[i], keys[i] = e.Envelope(), e.Key(s, sub.Agency)
	}
	return keys, envelopes, nil
}

// Seal gives each line of the submission its place behind prev and calls take
// with the entry's bytes, valid only during the call, and its leaf hash. It
// returns the last leaf hash.
func (sub *Submission) Seal(s *suite.Suite, first uint64, prev Hash, recorded int64, keys []EventKey, take func(entry []byte, leaf Hash)) Hash {
	var buf []byte
	for i, line := range sub.Lines {
		h := Header{
			Index: first + uint64(i), Prev: prev, Recorded: recorded,
			Position: i + 1, Count: len(sub.Lines),
			Agency: sub.Agency, KeyID: sub.KeyID, EventKey: keys[i],
		}
		if i == 0 {
			h.Signature = sub.Signature
		}
		buf = append(h.Append(append(buf[:0], 0)), line...) // 0: room for the leaf's prefix
		prev = s.LeafInPlace(buf)
		take(buf[1:], prev)
	}
	return prev
}
