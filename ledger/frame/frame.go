// Package frame encodes and decodes the files of the book: frames (one commit
// each), the segment files they stand in, and the two checkpoint slots.
//
// It is for the book that writes them and for the verifier that judges them
// without the book. It is pure: no clock, no file is opened here, and Scan
// reads through the io.ReaderAt it is given. There is one encoder and one
// decoder for each format; a decoder refuses what its encoder would not write.
// It does not look inside entries and computes no leaf hash: CRC-32C finds
// accidents, and only the hash chain (ledger/chain) finds liars.
//
// FORMAT.md beside this file has the byte tables; testdata has vectors.
package frame

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"

	"civicledger/ledger/chain"
)

// Version is the format version that stands in every file.
const Version = 1

// HeaderSize is the size of a frame header in bytes, MaxSize that of the
// largest frame, LengthSize that of the length before each entry.
// DefaultSegmentSize is how far a segment file grows.
const (
	HeaderSize         = 108
	MaxSize            = HeaderSize + chain.MaxFrame
	LengthSize         = 4
	DefaultSegmentSize = 64 << 20
)

// frameMagic begins every frame. It holds a CR, which no entry may hold, so
// that no agency can write something into an event that a scan for the next
// frame takes for one.
var frameMagic = []byte("\x89CLF\r\n\x1a\n")

// ErrFrame is wrapped by every error about bytes that are not a whole frame,
// segment header or slot as this package writes them.
var ErrFrame = errors.New("not a whole frame")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Frame is one commit: entries made durable together, the head they extend
// and the head they make.
type Frame struct {
	Prev     chain.Head
	Head     chain.Head // Head.Size is Prev.Size plus the number of entries
	Recorded int64      // Unix milliseconds, of every entry in it
	Entries  [][]byte   // header line, LF, event line; not looked into
}

// Header is the fixed part of a frame; it can be checked without the body.
type Header struct {
	Prev      chain.Head
	Head      chain.Head
	Recorded  int64
	BodySize  int    // bytes of all entries with their lengths
	BodyCheck uint32 // CRC-32C of the body
}

// Count is the number of entries in the frame.
func (h *Header) Count() uint64 { return h.Head.Size - h.Prev.Size }

// Size is the size of the whole frame in bytes.
func (h *Header) Size() int { return HeaderSize + h.BodySize }

// Size returns the number of bytes that Append appends.
func (f *Frame) Size() int {
	n := HeaderSize
	for _, e := range f.Entries {
		n += LengthSize + len(e)
	}
	return n
}

// Append appends the frame's bytes to dst. It refuses, with an error that
// wraps ErrFrame, what the format cannot hold; dst is then returned as it was.
func (f *Frame) Append(dst []byte) ([]byte, error) {
	h := Header{Prev: f.Prev, Head: f.Head, Recorded: f.Recorded, BodySize: f.Size() - HeaderSize}
	if f.Head.Size-f.Prev.Size != uint64(len(f.Entries)) {
		return dst, fmt.Errorf("%w: %d entries from size %d to %d", ErrFrame, len(f.Entries), f.Prev.Size, f.Head.Size)
	}
	if err := h.check(); err != nil {
		return dst, err
	}
	start := len(dst)
	out := append(dst, make([]byte, HeaderSize)...)
	for i, e := range f.Entries {
		if len(e) == 0 {
			return dst, fmt.Errorf("%w: entry %d is empty", ErrFrame, f.Prev.Size+uint64(i))
		}
		out = binary.BigEndian.AppendUint32(out, uint32(len(e)))
		out = append(out, e...)
	}
	h.BodyCheck = crc32.Checksum(out[start+HeaderSize:], castagnoli)
	h.put(out[start : start+HeaderSize])
	return out, nil
}

func (h *Header) put(b []byte) {
	copy(b, frameMagic)
	binary.BigEndian.PutUint32(b[8:], Version)
	binary.BigEndian.PutUint32(b[12:], uint32(h.BodySize))
	binary.BigEndian.PutUint32(b[16:], uint32(h.Count()))
	binary.BigEndian.PutUint32(b[20:], h.BodyCheck)
	binary.BigEndian.PutUint64(b[24:], h.Prev.Size)
	binary.BigEndian.PutUint64(b[32:], uint64(h.Recorded))
	copy(b[40:], h.Prev.Last[:])
	copy(b[72:], h.Head.Last[:])
	binary.BigEndian.PutUint32(b[104:], crc32.Checksum(b[:104], castagnoli))
}

// check says whether the fields make sense together; writer and reader ask it.
func (h *Header) check() error {
	smallest := LengthSize + 1 // an entry of one byte
	switch {
	case h.Head.Size <= h.Prev.Size || h.Head.Size > math.MaxInt64:
		return fmt.Errorf("%w: extends size %d to %d", ErrFrame, h.Prev.Size, h.Head.Size)
	case h.BodySize > chain.MaxFrame:
		return fmt.Errorf("%w: body of %d bytes, the limit is %d", ErrFrame, h.BodySize, chain.MaxFrame)
	case h.Count() > uint64(h.BodySize/smallest):
		return fmt.Errorf("%w: %d entries in a body of %d bytes", ErrFrame, h.Count(), h.BodySize)
	case h.Recorded < 0:
		return fmt.Errorf("%w: recorded before 1970", ErrFrame)
	case h.Prev.Size == 0 && h.Prev.Last != chain.Hash{}:
		return fmt.Errorf("%w: the first frame extends a hash", ErrFrame)
	}
	return nil
}

// ParseHeader reads the header at the beginning of data, which may be longer.
// Every error wraps ErrFrame.
func ParseHeader(data []byte) (Header, error) {
	if len(data) < HeaderSize {
		return Header{}, fmt.Errorf("%w: %d bytes are no header", ErrFrame, len(data))
	}
	if !bytes.HasPrefix(data, frameMagic) {
		return Header{}, fmt.Errorf("%w: no frame begins here", ErrFrame)
	}
	if crc32.Checksum(data[:104], castagnoli) != binary.BigEndian.Uint32(data[104:]) {
		return Header{}, fmt.Errorf("%w: checksum of the header", ErrFrame)
	}
	if v := binary.BigEndian.Uint32(data[8:]); v != Version {
		return Header{}, fmt.Errorf("%w: format version %d is not known", ErrFrame, v)
	}
	h := Header{
		BodySize:  int(binary.BigEndian.Uint32(data[12:])),
		BodyCheck: binary.BigEndian.Uint32(data[20:]),
		Recorded:  int64(binary.BigEndian.Uint64(data[32:])),
	}
	h.Prev.Size = binary.BigEndian.Uint64(data[24:])
	h.Head.Size = h.Prev.Size + uint64(binary.BigEndian.Uint32(data[16:]))
	copy(h.Prev.Last[:], data[40:])
	copy(h.Head.Last[:], data[72:])
	if err := h.check(); err != nil {
		return Header{}, err
	}
	return h, nil
}

// Parse reads data, which must be one whole frame and nothing else, into f.
// Entries are parts of data, not copies; f.Entries is reused. Every error
// wraps ErrFrame, and f then holds nothing of use.
func (f *Frame) Parse(data []byte) error {
	h, err := ParseHeader(data)
	if err != nil {
		return err
	}
	if len(data) != h.Size() {
		return fmt.Errorf("%w: %d bytes of %d", ErrFrame, len(data), h.Size())
	}
	body := data[HeaderSize:]
	if crc32.Checksum(body, castagnoli) != h.BodyCheck {
		return fmt.Errorf("%w: checksum of the entries", ErrFrame)
	}
	f.Prev, f.Head, f.Recorded, f.Entries = h.Prev, h.Head, h.Recorded, f.Entries[:0]
	for i := range h.Count() {
		if len(body) < LengthSize {
			return fmt.Errorf("%w: entry %d is missing", ErrFrame, h.Prev.Size+i)
		}
		n := binary.BigEndian.Uint32(body)
		body = body[LengthSize:]
		if n == 0 || uint64(n) > uint64(len(body)) {
			return fmt.Errorf("%w: entry %d of %d bytes", ErrFrame, h.Prev.Size+i, n)
		}
		f.Entries = append(f.Entries, body[:n:n])
		body = body[n:]
	}
	if len(body) > 0 {
		return fmt.Errorf("%w: %d bytes behind the last entry", ErrFrame, len(body))
	}
	return nil
}
