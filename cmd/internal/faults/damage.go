package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"civicledger/ledger/frame"
)

// The kinds of damage to a file at rest.
const (
	flipped    = "flipped bit"
	zeroed     = "zeroed page"
	zeroedTail = "zeroed tail"
	cut        = "cut"
	emptied    = "emptied"
	removed    = "removed"
	noise      = "noise"
	grown      = "bytes behind the end"
)

var damageKinds = []string{flipped, flipped, flipped, zeroed, zeroedTail, cut, emptied, removed, noise, grown}

// damage is what happens to one file.
type damage struct {
	kind string
	path string
	at   int64
}

func (d *damage) String() string {
	return fmt.Sprintf("%s at %d of %s", d.kind, d.at, filepath.Base(d.path))
}

// do damages the file and says whether that changed it.
func (d *damage) do(rng *rand.Rand) (changed bool, err error) {
	info, err := os.Stat(d.path)
	if err != nil {
		return false, err
	}
	before, err := readContent(d.path)
	if err != nil {
		return false, err
	}
	used := int64(len(before.data))
	after := &content{data: bytes.Clone(before.data), size: before.size}
	if used > 0 {
		d.at = rng.Int64N(used)
		if rng.IntN(4) == 0 { // ends hold lengths and checksums
			d.at = used - 1 - rng.Int64N(min(used, 40))
		}
	}
	switch rest := after.data[d.at:]; d.kind {
	case flipped:
		if used > 0 {
			rest[0] ^= 1 << rng.IntN(8)
		}
	case zeroed:
		clear(rest[:min(len(rest), 1+rng.IntN(4096))])
	case zeroedTail:
		clear(rest)
	case cut:
		after.size, after.data = d.at, after.data[:d.at]
	case emptied:
		after = &content{}
	case noise:
		for range 1 + rng.IntN(20) {
			if used > 0 {
				after.data[rng.Int64N(used)] ^= byte(1 + rng.IntN(255))
			}
		}
	case grown:
		d.at = before.size
		after.data = append(after.data, make([]byte, before.size-used)...)
		for range 1 + rng.IntN(300) {
			after.data = append(after.data, byte(rng.IntN(256)))
		}
		after.size = int64(len(after.data))
	case removed:
		return true, os.Remove(d.path)
	}
	if after.size == before.size && bytes.Equal(bytes.TrimRight(after.data, "\x00"), before.data) {
		return false, nil
	}
	return true, errors.Join(os.Remove(d.path), after.write(d.path), os.Chmod(d.path, info.Mode().Perm()))
}

// placed is where an entry stands in the book.
type placed struct {
	file     string // name
	offset   int64  // of its bytes
	size     int64
	frameAt  int64 // of the frame that holds it
	frameEnd int64
}

// layout says where each entry stands in a sound book.
func layout(dir string) ([]placed, error) {
	paths, err := filepath.Glob(bookPath(dir, "*.seg"))
	if err != nil {
		return nil, err
	}
	var all []placed
	for _, path := range paths {
		if all, err = layoutOf(path, all); err != nil {
			return nil, fmt.Errorf("layout of %s: %w", filepath.Base(path), err)
		}
	}
	return all, nil
}

func layoutOf(path string, all []placed) ([]placed, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	for part, err := range frame.Scan(f, frame.SegmentHeaderSize, info.Size()) {
		if err != nil || part.Err != nil {
			return nil, errors.Join(err, part.Err)
		}
		if part.Frame == nil {
			continue
		}
		at := part.Offset + frame.HeaderSize
		for _, e := range part.Frame.Entries {
			at += 4
			all = append(all, placed{filepath.Base(path), at, int64(len(e)), part.Offset, part.Offset + part.Length})
			at += int64(len(e))
		}
	}
	return all, nil
}

// changes are the entries that a damaged file no longer holds at their place,
// and the bounds of the bytes that changed.
type changes struct {
	entries     []uint64 // ascending
	frames      []uint64 // entries of all frames of which any byte changed
	first, last int64    // offsets of changed bytes
	header      bool     // of the segment
	length      bool     // the file has another size, or is not there
	idle        bool     // all entries stand, and none follows: nothing that is signed is concerned
}

func changesOf(before, after *content, name string, where []placed) changes {
	c := changes{first: -1, length: after.size != before.size}
	differs := func(from, to int64) bool {
		if to > after.size {
			return true
		}
		for n := from; n < to; n++ {
			if before.byteAt(n) != after.byteAt(n) {
				return true
			}
		}
		return false
	}
	c.header = differs(0, frame.SegmentHeaderSize)
	behind := len(where) > 0 && where[len(where)-1].file <= name // no entry stands in a later file
	for i, p := range where {
		if p.file != name {
			continue
		}
		if differs(p.offset, p.offset+p.size) {
			c.entries = append(c.entries, uint64(i))
		}
		if differs(p.frameAt, p.frameEnd) {
			c.frames = append(c.frames, uint64(i))
			if c.first < 0 {
				c.first = p.frameAt
			}
			c.last = p.frameEnd
		}
	}
	c.idle = behind && len(c.frames) == 0 && (!c.header || empty(where, name))
	return c
}

func (c *content) byteAt(n int64) byte {
	if n < int64(len(c.data)) {
		return c.data[n]
	}
	return 0
}

func contains(list []uint64, n uint64) bool {
	_, ok := slices.BinarySearch(list, n)
	return ok
}
