package backup

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"civicledger/ledger/chain"
	"civicledger/ledger/frame"
)

// unit is a submission in a gap: no commit divides it.
type unit struct {
	entries  [][]byte
	first    uint64
	recorded int64
	at, size int64 // in the body of the gap: all entries with their lengths
	class    int   // submissions of one class may share a commit
}

// maxChoices bounds the memory of bestCuts, in bytes.
const maxChoices = 256 << 20

// cutting divides the entries of a gap into commits as they were.
type cutting struct {
	prev  chain.Head
	units []unit
	body  []byte
}

// newCutting reads the headers of proven entries. A commit must end where the
// checkpoint stands.
func newCutting(prev chain.Head, entries [][]byte, checkpoint uint64) (*cutting, error) {
	c := &cutting{prev: prev}
	for i, entry := range entries {
		h, _, err := chain.ParseEntry(entry)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", prev.Size+uint64(i), err)
		}
		if h.Position == 1 || len(c.units) == 0 {
			u := unit{first: h.Index, recorded: h.Recorded, at: int64(len(c.body))}
			if n := len(c.units); n > 0 {
				u.class = c.units[n-1].class
				if c.units[n-1].recorded != h.Recorded || h.Index == checkpoint {
					u.class++
				}
			}
			c.units = append(c.units, u)
		}
		u := &c.units[len(c.units)-1]
		u.entries = append(u.entries, entry)
		u.size += 4 + int64(len(entry))
		c.body = binary.BigEndian.AppendUint32(c.body, uint32(len(entry)))
		c.body = append(c.body, entry...)
	}
	return c, nil
}

// classes is the least number of commits.
func (c *cutting) classes() int { return c.units[len(c.units)-1].class + 1 }

// exact returns the frames of a gap of that many bytes, of which old were found
// there, or nil if no frames of these entries are so large. Each frame costs the
// same, so the size says how many there are; if it is as many as there are
// times of recording, that settles it. If not, the bytes that are still where
// they were show where frames began.
func (c *cutting) exact(size int64, old []byte) []frame.Frame {
	rest := size - int64(len(c.body))
	if rest < 0 || rest%frame.HeaderSize != 0 {
		return nil
	}
	extra := int(rest/frame.HeaderSize) - c.classes()
	if extra < 0 || extra > len(c.units)-c.classes() || len(c.units)*(extra+1) > maxChoices {
		return nil
	}
	return c.frames(c.bestCuts(extra, old))
}

// hinted returns the frames as a source has them, nil if they do not fit.
func (c *cutting) hinted(begins []bool) []frame.Frame {
	cuts := make([]bool, len(c.units))
	total := 0
	for i, u := range c.units {
		cuts[i] = begins[u.first-c.prev.Size]
		if cuts[i] {
			total++
		}
		if i > 0 && u.class != c.units[i-1].class && !cuts[i] {
			return nil
		}
	}
	for _, b := range begins {
		if b {
			total--
		}
	}
	if !cuts[0] || total != 0 { // a commit would begin inside a submission
		return nil
	}
	return c.frames(cuts)
}

// likely returns a frame for each time of recording, or more where one would be
// too large.
func (c *cutting) likely() []frame.Frame {
	cuts := make([]bool, len(c.units))
	var size int64
	for i, u := range c.units {
		cuts[i] = i == 0 || u.class != c.units[i-1].class || size+u.size > chain.MaxFrame
		if cuts[i] {
			size = 0
		}
		size += u.size
	}
	return c.frames(cuts)
}

// frames makes a frame of the units from each cut to the next; nil if one
// would be larger than a frame can be.
func (c *cutting) frames(cuts []bool) []frame.Frame {
	var frames []frame.Frame
	head := c.prev
	var size int64
	for i, u := range c.units {
		if cuts[i] {
			frames = append(frames, frame.Frame{Prev: head, Recorded: u.recorded})
			size = 0
		}
		if size += u.size; size > chain.MaxFrame {
			return nil
		}
		f := &frames[len(frames)-1]
		f.Entries = append(f.Entries, u.entries...)
		head = chain.Head{Size: head.Size + uint64(len(u.entries)), Last: hashes.Leaf(u.entries[len(u.entries)-1])}
		f.Head = head
	}
	return frames
}

// bestCuts says before which units frames begin: at each new class, and at as
// many further units as are given, chosen so that as many bytes as possible are
// those that were found in their places (dynamic programming over units and
// the number of further frames begun so far).
func (c *cutting) bestCuts(extra int, old []byte) []bool {
	n := len(c.units)
	width := extra + 1
	began := make([]bool, n*width) // the best way to unit i with e extra frames begins one there
	score := make([]int, width)
	for i := range c.units {
		forced := i == 0 || c.units[i].class != c.units[i-1].class
		for e := extra; e >= 0; e-- { // downwards: score[e-1] is still that of the unit before
			stay, begin := -1, -1
			if forced {
				begin = c.reach(score, i, e)
			} else {
				stay = c.reach(score, i, e)
				if e > 0 {
					begin = c.reach(score, i, e-1)
				}
			}
			if begin >= 0 {
				begin += c.matchHeader(i, e, old)
			}
			began[i*width+e] = begin > stay
			score[e] = max(stay, begin)
			if score[e] >= 0 {
				score[e] += matching(old, c.body[c.units[i].at:c.units[i].at+c.units[i].size], c.offset(i, e))
			}
		}
	}
	cuts := make([]bool, n)
	for i, e := n-1, extra; i >= 0; i-- {
		cuts[i] = began[i*width+e]
		if forced := i == 0 || c.units[i].class != c.units[i-1].class; cuts[i] && !forced {
			e--
		}
	}
	return cuts
}

// reach is the score before unit i with e extra frames begun, -1 where that
// cannot be: before the first unit none has begun.
func (c *cutting) reach(score []int, i, e int) int {
	if i == 0 && e > 0 {
		return -1
	}
	return score[e]
}

// offset is where unit i stands in the gap with e extra frames begun.
func (c *cutting) offset(i, e int) int64 {
	return c.units[i].at + int64(c.units[i].class+1+e)*frame.HeaderSize
}

// matchHeader counts what was found of the header of a frame that begins with
// unit i: of the fields that do not depend on where it ends.
func (c *cutting) matchHeader(i, e int, old []byte) int {
	u := &c.units[i]
	h, _, err := chain.ParseEntry(u.entries[0])
	if err != nil {
		return 0
	}
	f := frame.Frame{
		Prev: chain.Head{Size: u.first, Last: h.Prev}, Head: chain.Head{Size: u.first + uint64(len(u.entries))},
		Recorded: u.recorded, Entries: u.entries,
	}
	data, err := f.Append(nil)
	if err != nil {
		return 0
	}
	at := c.offset(i, e) - frame.HeaderSize
	return matching(old, data[:12], at) + matching(old, data[24:72], at+24)
}

// matching counts the bytes of want that are found in old at an offset.
func matching(old, want []byte, at int64) (n int) {
	if at < 0 || at >= int64(len(old)) {
		return 0
	}
	old = old[at:]
	if len(old) >= len(want) && bytes.Equal(old[:len(want)], want) {
		return len(want)
	}
	for i := range min(len(old), len(want)) {
		if old[i] == want[i] {
			n++
		}
	}
	return n
}
