package frame

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
)

const (
	slotHeaderSize = 24   // magic, version, sequence, length of the note
	slotAlign      = 4096 // a slot's file is padded to whole pages: no sector of it belongs to anything else, and it rarely changes its size

	// MaxNote bounds a stored checkpoint with all its signatures, in bytes.
	MaxNote = 64 << 10
)

var slotMagic = []byte("\x89CLC\r\n\x1a\n")

// SlotNames are the file names of the two checkpoint slots.
var SlotNames = [2]string{"checkpoint.0", "checkpoint.1"}

// Slot is a stored checkpoint. Of two slots the one with the greater sequence
// is the newer.
type Slot struct {
	Sequence uint64 // from 1
	Note     []byte // the signed note
}

// Append appends the slot's bytes to dst, or refuses with an error that wraps
// ErrFrame.
func (s *Slot) Append(dst []byte) ([]byte, error) {
	if s.Sequence < 1 || s.Sequence > math.MaxInt64 || len(s.Note) < 1 || len(s.Note) > MaxNote {
		return dst, fmt.Errorf("%w: slot %d with a note of %d bytes", ErrFrame, s.Sequence, len(s.Note))
	}
	start := len(dst)
	out := append(dst, slotMagic...)
	out = binary.BigEndian.AppendUint32(out, Version)
	out = binary.BigEndian.AppendUint64(out, s.Sequence)
	out = binary.BigEndian.AppendUint32(out, uint32(len(s.Note)))
	out = append(out, s.Note...)
	out = binary.BigEndian.AppendUint32(out, crc32.Checksum(out[start:], castagnoli))
	return append(out, make([]byte, slotPadding(len(out)-start))...), nil
}

func slotPadding(size int) int { return (slotAlign - size%slotAlign) % slotAlign }

// ParseSlot reads the content of a slot's file, which must be one slot and
// nothing else. The note is a part of data. Every error wraps ErrFrame.
func ParseSlot(data []byte) (Slot, error) {
	if len(data) < slotHeaderSize || !bytes.HasPrefix(data, slotMagic) {
		return Slot{}, fmt.Errorf("%w: no checkpoint slot", ErrFrame)
	}
	s := Slot{Sequence: binary.BigEndian.Uint64(data[12:])}
	length := int(binary.BigEndian.Uint32(data[20:]))
	end := slotHeaderSize + length + 4
	if length < 1 || length > MaxNote || len(data) != end+slotPadding(end) {
		return Slot{}, fmt.Errorf("%w: a slot of %d bytes with a note of %d", ErrFrame, len(data), length)
	}
	if crc32.Checksum(data[:end-4], castagnoli) != binary.BigEndian.Uint32(data[end-4:]) {
		return Slot{}, fmt.Errorf("%w: checksum of the slot", ErrFrame)
	}
	if v := binary.BigEndian.Uint32(data[8:]); v != Version {
		return Slot{}, fmt.Errorf("%w: format version %d is not known", ErrFrame, v)
	}
	if s.Sequence < 1 || s.Sequence > math.MaxInt64 || !isZero(data[end:]) {
		return Slot{}, fmt.Errorf("%w: slot with sequence %d or padding that is not zero", ErrFrame, s.Sequence)
	}
	s.Note = data[slotHeaderSize : end-4]
	return s, nil
}
