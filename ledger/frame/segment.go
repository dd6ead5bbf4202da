package frame

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"strconv"
	"strings"

	"civicledger/ledger/chain"
)

// SegmentHeaderSize is the size in bytes of the header of a segment file.
const SegmentHeaderSize = 72

var segmentMagic = []byte("\x89CLS\r\n\x1a\n")

// SegmentHeader begins a segment file. It names the head that the segment
// extends and the file before it with its exact size: so a segment that is
// missing, cut or put in from elsewhere is noticed without reading it. A
// segment is begun only when everything before it is durable.
type SegmentHeader struct {
	Prev      chain.Head // what the segment's first frame extends
	PrevFirst uint64     // first index of the segment before; 0 if this is the first
	PrevSize  int64      // its file's size in bytes; 0 if this is the first
}

// Append appends the header's bytes to dst, or refuses with an error that
// wraps ErrFrame.
func (s *SegmentHeader) Append(dst []byte) ([]byte, error) {
	if err := s.check(); err != nil {
		return dst, err
	}
	start := len(dst)
	out := append(dst, segmentMagic...)
	out = binary.BigEndian.AppendUint32(out, Version)
	out = binary.BigEndian.AppendUint64(out, s.Prev.Size)
	out = append(out, s.Prev.Last[:]...)
	out = binary.BigEndian.AppendUint64(out, s.PrevFirst)
	out = binary.BigEndian.AppendUint64(out, uint64(s.PrevSize))
	return binary.BigEndian.AppendUint32(out, crc32.Checksum(out[start:], castagnoli)), nil
}

func (s *SegmentHeader) check() error {
	first := s.Prev.Size == 0
	switch {
	case s.Prev.Size > math.MaxInt64:
		return fmt.Errorf("%w: segment begins at %d", ErrFrame, s.Prev.Size)
	case first && (s.Prev.Last != chain.Hash{} || s.PrevFirst != 0 || s.PrevSize != 0):
		return fmt.Errorf("%w: the first segment names one before it", ErrFrame)
	case !first && (s.PrevFirst >= s.Prev.Size || s.PrevSize <= SegmentHeaderSize):
		return fmt.Errorf("%w: segment %d names no segment before it", ErrFrame, s.Prev.Size)
	}
	return nil
}

// ParseSegmentHeader reads the header at the beginning of data, which may be
// longer. Every error wraps ErrFrame.
func ParseSegmentHeader(data []byte) (SegmentHeader, error) {
	const end = SegmentHeaderSize
	if len(data) < end || !bytes.HasPrefix(data, segmentMagic) {
		return SegmentHeader{}, fmt.Errorf("%w: no segment begins here", ErrFrame)
	}
	if crc32.Checksum(data[:end-4], castagnoli) != binary.BigEndian.Uint32(data[end-4:]) {
		return SegmentHeader{}, fmt.Errorf("%w: checksum of the segment header", ErrFrame)
	}
	if v := binary.BigEndian.Uint32(data[8:]); v != Version {
		return SegmentHeader{}, fmt.Errorf("%w: format version %d is not known", ErrFrame, v)
	}
	var s SegmentHeader
	s.Prev.Size = binary.BigEndian.Uint64(data[12:])
	copy(s.Prev.Last[:], data[20:])
	s.PrevFirst = binary.BigEndian.Uint64(data[52:])
	s.PrevSize = int64(binary.BigEndian.Uint64(data[60:]))
	if err := s.check(); err != nil {
		return SegmentHeader{}, err
	}
	return s, nil
}

// ReadSegmentHeader reads the header of a segment file. An error that does not
// wrap ErrFrame is one of reading.
func ReadSegmentHeader(r io.ReaderAt) (SegmentHeader, error) {
	var buf [SegmentHeaderSize]byte
	n, err := r.ReadAt(buf[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return SegmentHeader{}, err
	}
	return ParseSegmentHeader(buf[:n])
}

const (
	segmentSuffix = ".seg"
	segmentDigits = 20
)

// SegmentName is the file name of the segment whose first entry has that index.
func SegmentName(first uint64) string {
	return fmt.Sprintf("%0*d%s", segmentDigits, first, segmentSuffix)
}

// ParseSegmentName returns the first index of a segment by its file name, and
// false for a name that SegmentName does not give.
func ParseSegmentName(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok || len(digits) != segmentDigits {
		return 0, false
	}
	first, err := strconv.ParseUint(digits, 10, 63)
	return first, err == nil && SegmentName(first) == name
}
