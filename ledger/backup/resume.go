package backup

import (
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"strings"

	"civicledger/ledger"
	"civicledger/ledger/frame"
)

// checksum is a CRC-32C over what passes.
type checksum uint32

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (s *checksum) add(data []byte) {
	*s = checksum(crc32.Update(uint32(*s), castagnoli, data))
}

func (s *checksum) read(r io.ReaderAt, from, to int64) error {
	buf := make([]byte, 1<<20)
	for from < to {
		n := int(min(int64(len(buf)), to-from))
		if _, err := r.ReadAt(buf[:n], from); err != nil {
			return err
		}
		s.add(buf[:n])
		from += int64(n)
	}
	return nil
}

// resume finds where the copy ends. What another segment follows was durable
// before that one was begun; of the last segment only what the copy's
// checkpoint signs is taken as durable, the rest is written again.
func (c *copier) resume() error {
	if err := c.removeUnnamed(); err != nil {
		return err
	}
	var bad []string
	var err error
	if c.held, bad, err = readCheckpoint(c.to, c.verifier); err != nil {
		return err
	}
	if c.held == nil && len(bad) > 0 {
		return &Refused{Reason: fmt.Sprintf("no checkpoint in %s is signed by %s %s: it is of another ledger, or damaged; "+
			"if it is damaged, civicledger repair --data %s --from %s", c.to, c.verifier.Name(), inParens(bad), c.to, c.from)}
	}
	if c.have, err = readSegments(c.to); err != nil {
		return err
	}
	if err := c.continues(); err != nil {
		return err
	}
	if c.held != nil {
		c.done.Before, c.done.Note = c.held.Size, c.held.note
		if !c.held.twice { // a Copy was cut off between the two files: mend that before the book grows
			if err := c.putSlots(c.held.note, c.held.sequence); err != nil {
				return err
			}
		}
	}
	if len(c.have) == 0 {
		if c.held != nil {
			return c.spoiled(0, c.held.Size-1, "", 0, "there is a checkpoint and no segment")
		}
		return nil
	}
	return c.findEnd(&c.have[len(c.have)-1])
}

// removeUnnamed removes what a Copy that was cut off had not given its name.
func (c *copier) removeUnnamed() error {
	names, err := os.ReadDir(bookPath(c.to, ""))
	if err != nil {
		return err
	}
	for _, n := range names {
		name, unnamed := strings.CutSuffix(n.Name(), newSuffix)
		_, isSegment := frame.ParseSegmentName(name)
		if unnamed && (isSegment || name == frame.SlotNames[0] || name == frame.SlotNames[1]) {
			if err := c.files.remove(bookPath(c.to, n.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// continues checks that each segment of the copy follows the one before it.
func (c *copier) continues() error {
	before := segment{}
	for _, s := range c.have {
		switch {
		case s.bad != nil:
			return c.spoiled(s.first, s.first, s.name, 0, s.bad.Error())
		case s.header.PrevFirst != before.first || s.header.PrevSize != before.size:
			return c.spoiled(before.first, max(s.first, 1)-1, s.name, 0, fmt.Sprintf("it follows a file of %d bytes from entry %d, and one of %d bytes from entry %d is there",
				s.header.PrevSize, s.header.PrevFirst, before.size, before.first))
		}
		before = s
	}
	return nil
}

// findEnd reads the copy's last segment up to its checkpoint.
func (c *copier) findEnd(last *segment) error {
	c.head, c.at = last.header.Prev, frame.SegmentHeaderSize
	if c.held != nil && c.held.Size > last.first {
		file, err := os.Open(bookPath(c.to, last.name))
		if err != nil {
			return err
		}
		defer file.Close()
		for part, err := range frame.Scan(file, c.at, last.size) {
			if err != nil {
				return err
			}
			f := part.Frame
			if f == nil || f.Prev != c.head {
				return c.spoiled(c.head.Size, c.held.Size-1, last.name, part.Offset, misplaced(&part, c.head).reason)
			}
			if bad := sealed(f); bad != nil {
				return c.spoiled(bad.index, bad.index, last.name, part.Offset, bad.reason)
			}
			c.head, c.at = f.Head, part.Offset+part.Length
			if c.head.Size >= c.held.Size {
				break
			}
		}
		if c.head.Size != c.held.Size {
			return c.spoiled(c.head.Size, c.held.Size-1, last.name, c.at, "it ends before the copy's checkpoint")
		}
	}
	c.done.Unproven = last.size - c.at
	return nil
}

// spoiled is damage in the copy itself, below its checkpoint.
func (c *copier) spoiled(first, last uint64, name string, offset int64, reason string) error {
	d := damageAt(first, last, name, offset, reason)
	return &Refused{
		Reason: fmt.Sprintf("the copy %s is damaged: entries %d to %d, %s at byte %d: %s; nothing was written: civicledger repair --data %s --from %s, or copy into another directory",
			c.to, d.First, d.Last, d.File, d.Offset, d.Reason, c.to, c.from),
		Damages: []ledger.Damage{d},
	}
}

// extends says whether the ledger has more than the copy. A copy that is not
// the beginning of the ledger is refused.
func (c *copier) extends() (bool, error) {
	if c.held != nil && c.held.Size == c.cp.Size && c.held.Root != c.cp.Root {
		return false, c.forked("two checkpoints over the same number of entries differ")
	}
	for i, s := range c.have {
		switch {
		case i >= len(c.source) || c.source[i].first != s.first:
			return false, c.lacks(&s)
		case c.source[i].bad != nil:
			return false, c.damaged(s.first, s.first, s.name, 0, c.source[i].bad.Error())
		case c.source[i].header != s.header:
			return false, c.forked(s.name + " begins differently")
		}
	}
	for i, s := range c.have[:max(len(c.have), 1)-1] {
		if ours := c.source[i].size; ours != s.size {
			return false, c.damaged(s.first, c.have[i+1].first-1, s.name, min(s.size, ours), fmt.Sprintf("%d bytes, the copy has %d", ours, s.size))
		}
	}
	if len(c.have) > 0 {
		if err := c.meets(); err != nil {
			return false, err
		}
	}
	if c.held != nil && c.held.Size > c.cp.Size {
		// After a power cut the stored checkpoint may be a second old: the
		// entries are there and will be signed when the ledger is opened.
		c.done.Size, c.done.Behind = c.held.Size, c.held.Size-c.cp.Size
		return false, nil
	}
	return true, nil
}

// lacks says what it means that the ledger has no such segment.
func (c *copier) lacks(s *segment) error {
	last := c.source[len(c.source)-1].first
	switch {
	case c.cp.Size <= s.first || (c.held != nil && c.held.Size > c.cp.Size):
		return c.rewound(c.cp.Size)
	case last < s.first || slices.ContainsFunc(c.source, func(other segment) bool {
		return other.bad == nil && other.header.PrevFirst == s.first && other.header.PrevSize == s.size
	}):
		return c.damaged(s.first, s.first, s.name, 0, "the segment is missing; the copy has it")
	}
	return c.forked("it has no segment that begins at " + fmt.Sprint(s.first))
}

// meets checks that the ledger has the copy's last entry at the same place.
func (c *copier) meets() error {
	s := &c.source[len(c.have)-1]
	file, err := os.Open(bookPath(c.from, s.name))
	if err != nil {
		return err
	}
	defer file.Close()
	head, at := s.header.Prev, int64(frame.SegmentHeaderSize)
	if c.at == at {
		return nil // the headers are the same, and with them the head
	}
	var next [frame.HeaderSize]byte
	if _, err := file.ReadAt(next[:], c.at); err == nil {
		if h, err := frame.ParseHeader(next[:]); err == nil && h.Prev == c.head {
			return nil // a frame begins here that extends the copy
		}
	}
	for part, err := range frame.Scan(file, at, s.size) {
		if err != nil {
			return err
		}
		f := part.Frame
		if f == nil || f.Prev != head {
			if c.held != nil && c.held.Size > c.cp.Size && part.Reserved() {
				break
			}
			return c.damaged(head.Size, c.head.Size-1, s.name, part.Offset, misplaced(&part, head).reason)
		}
		head, at = f.Head, part.Offset+part.Length
		if head.Size >= c.head.Size {
			break
		}
	}
	switch {
	case head.Size < c.head.Size && c.cp.Size <= head.Size:
		return c.rewound(head.Size)
	case head.Size < c.head.Size:
		return c.damaged(head.Size, c.cp.Size-1, s.name, at, "the segment ends before the checkpoint")
	case head != c.head:
		return c.forked(fmt.Sprintf("entry %d is another one here and there", c.head.Size-1))
	case at != c.at:
		return &Refused{Reason: fmt.Sprintf("%s holds the same entries in other places than %s: it is no copy of these files", c.to, c.from)}
	}
	return nil
}

func (c *copier) rewound(size uint64) error {
	return c.contradicted(fmt.Sprintf("%s ends at %d entries, and the copy %s holds %d: the ledger was put back, or is an old copy; keep both, and let nothing be signed here",
		c.from, size, c.to, max(c.head.Size, c.done.Before)))
}

func (c *copier) forked(what string) error {
	return c.contradicted(fmt.Sprintf("%s does not extend the copy %s: %s: these are two histories; keep both", c.from, c.to, what))
}

func (c *copier) contradicted(reason string) error {
	r := &Refused{Reason: reason, Now: c.cp.note}
	if c.held != nil {
		r.Before = c.held.note
	}
	return r
}
