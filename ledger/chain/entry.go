package chain

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"

	"civicledger/ledger/suite"
)

// Hash is a digest of the ledger's suite.
type Hash = suite.Hash

// Limits of the format, see FORMAT.md.
const (
	MaxLine       = 64_000    // bytes of one event line, without LF
	MaxLines      = 1_000     // event lines of one submission
	MaxSubmission = 900_000   // bytes of all lines of a submission, LFs included
	MaxFrame      = 1_000_000 // bytes of all entries of one commit, with 4 bytes of length each
	maxHeader     = 512       // bytes of a header line: no valid header is longer
)

// Operator is the agency name under which system entries stand.
const Operator = "operator"

// ErrEntry is wrapped by every error about bytes that are not an entry.
var ErrEntry = errors.New("not an entry")

// EventKey identifies what an agency said, for ever: see KeyOf.
type EventKey [16]byte

// Header is the first line of an entry: everything the ledger adds to an
// event line. No JSON parser is needed to read it.
type Header struct {
	Index     uint64   // place on the log, from 0
	Prev      Hash     // leaf hash of the entry before, zeros for entry 0
	Recorded  int64    // Unix milliseconds, one value for all entries of a commit
	Position  int      // place in its submission, from 1
	Count     int      // events in its submission
	Agency    string   // who said it
	KeyID     string   // with which key, see KeyID
	EventKey  EventKey // what was said, see KeyOf
	Signature []byte   // of the submission; on its first entry only, else nil
}

// First reports the index of the first entry of the submission.
func (h *Header) First() uint64 { return h.Index - uint64(h.Position-1) }

var b64 = base64.StdEncoding.Strict()

// Append appends the header line, LF included, to dst.
func (h *Header) Append(dst []byte) []byte {
	dst = append(dst, '1', ' ')
	dst = strconv.AppendUint(dst, h.Index, 10)
	dst = append(dst, ' ')
	dst = b64.AppendEncode(dst, h.Prev[:])
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, h.Recorded, 10)
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, int64(h.Position), 10)
	dst = append(dst, '/')
	dst = strconv.AppendInt(dst, int64(h.Count), 10)
	dst = append(dst, ' ')
	dst = append(dst, h.Agency...)
	dst = append(dst, ' ')
	dst = append(dst, h.KeyID...)
	dst = append(dst, ' ')
	dst = b64.AppendEncode(dst, h.EventKey[:])
	dst = append(dst, ' ')
	if len(h.Signature) == 0 {
		return append(dst, '-', '\n')
	}
	dst = b64.AppendEncode(dst, h.Signature)
	return append(dst, '\n')
}

// Headers writes the header lines of a submission's entries behind its first,
// one after the other: only what differs from the one before is written anew.
// It writes what Append writes, for a header that ParseEntry accepts. The zero
// value must begin with Begin.
type Headers struct {
	h        Header
	text     []byte
	index    int // where the index ends in text
	prev     int // where the previous hash begins
	position int // where the position ends
	key      int // where the event key begins
}

// Begin makes the entry of h the one before.
func (w *Headers) Begin(h *Header) {
	w.h = *h
	w.h.Signature = nil
	w.text = w.text[:0]
}

// Next returns the header line, LF included, of the next entry. It is valid
// until the next call.
func (w *Headers) Next(prev *Hash, key *EventKey) []byte {
	w.h.Index++
	w.h.Position++
	if len(w.text) == 0 || !count(w.text[:w.index]) || !count(w.text[:w.position]) {
		w.h.Prev, w.h.EventKey = *prev, *key
		w.text = w.h.Append(w.text[:0])
		w.index = len("1 ") + digits(w.h.Index)
		w.prev = w.index + 1
		w.position = w.prev + b64.EncodedLen(len(prev)) + len(" ") + digits(uint64(w.h.Recorded)) + len(" ") + digits(uint64(w.h.Position))
		w.key = len(w.text) - len(" -\n") - b64.EncodedLen(len(key))
		return w.text
	}
	b64.Encode(w.text[w.prev:], prev[:])
	b64.Encode(w.text[w.key:], key[:])
	return w.text
}

// count adds one to the number that text ends with; false if it then needs
// another digit.
func count(text []byte) bool {
	for i := len(text) - 1; text[i] >= '0'; i-- {
		if text[i]++; text[i] <= '9' {
			return true
		}
		text[i] = '0'
	}
	return false
}

// digits is the number of decimal digits of n.
func digits(n uint64) int {
	d := 1
	for ; n >= 10; n /= 10 {
		d++
	}
	return d
}

// ParseEntry splits an entry into its header and its event line, which is a
// part of data and not a copy. It refuses every header that Append would not
// have written, with an error that wraps ErrEntry.
func ParseEntry(data []byte) (Header, []byte, error) {
	head, line, ok := bytes.Cut(data, []byte{'\n'})
	if !ok || len(head) > maxHeader {
		return Header{}, nil, fmt.Errorf("%w: no header line", ErrEntry)
	}
	h, err := parseHeader(head)
	if err != nil {
		return Header{}, nil, fmt.Errorf("%w: header: %w", ErrEntry, err)
	}
	if err := CheckLine(line); err != nil {
		return Header{}, nil, fmt.Errorf("%w: event line: %w", ErrEntry, err)
	}
	return h, line, nil
}

// ByteOrderMark is what some programs begin a file of UTF-8 with. It belongs to
// the file: a line that begins with it is no event.
const ByteOrderMark = "\ufeff"

// CheckLine says whether line has the outer shape of an event line: at most
// MaxLine bytes, from { to }, no CR or LF.
func CheckLine(line []byte) error {
	switch {
	case len(line) > MaxLine:
		return fmt.Errorf("longer than %d bytes", MaxLine)
	case bytes.HasPrefix(line, []byte(ByteOrderMark)):
		return errors.New("begins with a byte order mark: leave it out")
	case len(line) < 2 || line[0] != '{' || line[len(line)-1] != '}':
		return errors.New("does not begin with { and end with }")
	case bytes.IndexByte(line, '\n') >= 0 || bytes.IndexByte(line, '\r') >= 0:
		return errors.New("holds a CR or LF")
	}
	return nil
}

// fields cuts the next space-separated field off a header line.
type fields struct {
	rest []byte
	err  error
}

func (f *fields) next(name string) []byte {
	i := bytes.IndexByte(f.rest, ' ')
	if i < 0 {
		i = len(f.rest)
	}
	field := f.rest[:i]
	f.rest = f.rest[min(i+1, len(f.rest)):]
	if len(field) == 0 && f.err == nil {
		f.err = fmt.Errorf("%s is missing", name)
	}
	return field
}

func (f *fields) number(name string, text []byte, bits int) uint64 {
	n, err := strconv.ParseUint(string(text), 10, bits)
	if (err != nil || (len(text) > 1 && text[0] == '0')) && f.err == nil {
		f.err = fmt.Errorf("%s is not a plain number", name)
	}
	return n
}

func (f *fields) bytes(name string, text, dst []byte) {
	n := base64.StdEncoding.EncodedLen(len(dst))
	var buf [96]byte
	if len(text) != n || n > len(buf) {
		f.fail("%s is not %d bytes of base64", name, len(dst))
		return
	}
	if m, err := b64.Decode(buf[:], text); err != nil || m != len(dst) {
		f.fail("%s is not %d bytes of base64", name, len(dst))
		return
	}
	copy(dst, buf[:])
}

func (f *fields) fail(format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf(format, args...)
	}
}

func parseHeader(text []byte) (Header, error) {
	f := fields{rest: text}
	var h Header
	if v := f.next("version"); string(v) != "1" {
		f.fail("version %q is not known", v)
	}
	h.Index = f.number("index", f.next("index"), 63)
	f.bytes("previous hash", f.next("previous hash"), h.Prev[:])
	h.Recorded = int64(f.number("recorded", f.next("recorded"), 63))
	position, count, _ := bytes.Cut(f.next("position"), []byte{'/'})
	h.Position = int(f.number("position", position, 31))
	h.Count = int(f.number("count", count, 31))
	h.Agency = string(f.next("agency"))
	h.KeyID = string(f.next("key id"))
	f.bytes("event key", f.next("event key"), h.EventKey[:])
	sig := f.next("signature")
	if f.err == nil && string(sig) != "-" {
		h.Signature = make([]byte, base64.StdEncoding.DecodedLen(len(sig)))
		n, err := b64.Decode(h.Signature, sig)
		// The decoder passes over CR: what it did not need was not written by Append.
		if err != nil || n == 0 || b64.EncodedLen(n) != len(sig) {
			f.fail("signature is not base64")
		}
		h.Signature = h.Signature[:n]
	}
	if len(f.rest) > 0 || (len(text) > 0 && text[len(text)-1] == ' ') {
		f.fail("more than nine fields")
	}
	if f.err != nil {
		return Header{}, f.err
	}
	return h, h.check()
}

func (h *Header) check() error {
	switch {
	case h.Position < 1 || h.Count > MaxLines || h.Position > h.Count:
		return fmt.Errorf("position %d/%d is impossible", h.Position, h.Count)
	case uint64(h.Position-1) > h.Index:
		return fmt.Errorf("position %d at index %d: the submission would begin before the log", h.Position, h.Index)
	case (h.Position == 1) != (len(h.Signature) > 0):
		return errors.New("the signature stands on the first entry of a submission and nowhere else")
	case h.Index == 0 && h.Prev != Hash{}:
		return errors.New("entry 0 links to something")
	}
	if err := CheckAgency(h.Agency); err != nil {
		return err
	}
	return CheckKeyID(h.KeyID)
}
