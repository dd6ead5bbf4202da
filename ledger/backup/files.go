package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger"
	"civicledger/ledger/book"
	"civicledger/ledger/chain"
	"civicledger/ledger/frame"
	"civicledger/ledger/verify/verdict"
)

// keyFile in a data directory says, last of all, that a ledger is there.
const keyFile = "log.pub"

// segment is a file of a book and what its header says.
type segment struct {
	first  uint64
	name   string
	size   int64
	header frame.SegmentHeader
	bad    error // the header cannot be used; wraps frame.ErrFrame
}

func bookPath(dir, name string) string { return filepath.Join(dir, book.Dir, name) }

func inBook(name string) string { return filepath.Join(book.Dir, name) }

// readSegments returns the segments of a book in order; none if there is no
// book.
func readSegments(dir string) ([]segment, error) {
	names, err := os.ReadDir(bookPath(dir, ""))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var segments []segment
	for _, n := range names {
		first, ok := frame.ParseSegmentName(n.Name())
		if !ok {
			continue
		}
		s := segment{first: first, name: n.Name()}
		if err := s.read(bookPath(dir, s.name)); err != nil {
			return nil, err
		}
		segments = append(segments, s)
	}
	return segments, nil
}

func (s *segment) read(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	s.size = info.Size()
	s.header, err = frame.ReadSegmentHeader(file)
	if err == nil && s.header.Prev.Size != s.first {
		err = fmt.Errorf("%w: its header says that it begins at %d", frame.ErrFrame, s.header.Prev.Size)
	}
	if errors.Is(err, frame.ErrFrame) {
		s.bad, err = err, nil
	}
	return err
}

// stored is a signed checkpoint in a slot.
type stored struct {
	chain.Checkpoint
	note     string
	sequence uint64 // the greatest of both
	twice    bool   // both slots hold it
}

// readCheckpoint returns the newest checkpoint in the slots that the key
// signed, nil if there is none. What is in a slot and cannot be used is named
// in bad. While the ledger is served a slot may be seen half written: it is
// read again.
func readCheckpoint(dir string, verifier note.Verifier) (newest *stored, bad []string, err error) {
	for range 20 {
		if newest, bad, err = readSlots(dir, verifier); err != nil || len(bad) == 0 {
			break
		}
		time.Sleep(2 * time.Millisecond)
	}
	return newest, bad, err
}

func readSlots(dir string, verifier note.Verifier) (newest *stored, bad []string, err error) {
	for _, name := range frame.SlotNames {
		data, err := os.ReadFile(bookPath(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, err
		}
		if len(data) == 0 { // never written
			continue
		}
		slot, err := frame.ParseSlot(data)
		var c chain.Checkpoint
		if err == nil {
			c, err = chain.OpenCheckpoint(slot.Note, verifier)
		}
		if err != nil {
			bad = append(bad, fmt.Sprintf("%s: %v", inBook(name), err))
			continue
		}
		next := &stored{Checkpoint: c, note: string(slot.Note), sequence: slot.Sequence}
		if newest != nil {
			next.sequence = max(next.sequence, newest.sequence)
			if next.twice = next.note == newest.note; next.Size < newest.Size {
				newest.sequence = next.sequence
				continue
			}
		}
		newest = next
	}
	return newest, bad, nil
}

// fault is an entry that contradicts what the log states about it.
type fault struct {
	index  uint64
	reason string
}

// sealed follows the links through the entries of a whole frame: it returns
// nil if each has the hash that the next, or the frame, states for it.
func sealed(f *frame.Frame) *fault {
	prev := f.Prev.Last
	for i, entry := range f.Entries {
		index := f.Prev.Size + uint64(i)
		h, _, err := chain.ParseEntry(entry)
		switch {
		case err != nil:
			return &fault{index, err.Error()}
		case h.Index != index:
			return &fault{index, fmt.Sprintf("here stands the entry whose header says index %d", h.Index)}
		case h.Prev != prev:
			return &fault{max(index, f.Prev.Size+1) - 1, "its bytes do not have the hash that the next entry states for it"}
		case h.Recorded != f.Recorded:
			return &fault{index, fmt.Sprintf("recorded at %d, its frame at %d", h.Recorded, f.Recorded)}
		}
		prev = hashes.Leaf(entry)
	}
	if prev != f.Head.Last {
		return &fault{f.Head.Size - 1, "its bytes do not have the hash that its frame states for it"}
	}
	return nil
}

// damageAt names entries of a segment that are not as written.
func damageAt(first, last uint64, name string, offset int64, reason string) ledger.Damage {
	return ledger.Damage{First: first, Last: max(first, last), File: inBook(name), Offset: offset, Reason: reason}
}

func damageOf(d *verdict.Defect) ledger.Damage {
	return ledger.Damage{First: d.First, Last: d.Last, File: d.File, Offset: d.Offset, Reason: d.Kind + ": " + d.Message}
}
