package book

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"civicledger/ledger/chain"
	"civicledger/ledger/frame"
)

// slots are the two stored checkpoints. Until a sync made the newer one
// durable, only its file is written again: so at any time one of the two is
// whole on the disk.
type slots struct {
	mu       sync.Mutex
	files    [2]*os.File
	sequence uint64
	size     uint64 // of the tree in the newest
	note     []byte // the newest; nil if there is none
	next     int    // the file to write: not the one that is durable
	dirty    bool   // files[next] is written and not synced
	buf      []byte
	around   Around
}

// noteSize returns the tree size that a signed checkpoint states. The
// signature is not looked at: a note that somebody else put there is found
// by the ledger, which has the key.
func noteSize(note []byte) (uint64, error) {
	end := bytes.Index(note, []byte("\n\n"))
	if end < 0 {
		return 0, fmt.Errorf("%w: no signature lines", chain.ErrCheckpoint)
	}
	c, err := chain.ParseCheckpoint(string(note[:end+1]))
	return c.Size, err
}

// load reads both files and keeps the newer valid one. Files that cannot be
// used are named in bad.
func (s *slots) load(path func(string) string) (bad []string, err error) {
	for i, name := range frame.SlotNames {
		data, err := os.ReadFile(path(name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if len(data) == 0 { // never written
			continue
		}
		slot, size, err := readSlot(data)
		if err != nil {
			bad = append(bad, fmt.Sprintf("%s: %v", relative(name), err))
			continue
		}
		if slot.Sequence > s.sequence {
			s.sequence, s.size, s.note, s.next = slot.Sequence, size, slot.Note, 1-i
		}
	}
	return bad, nil
}

func readSlot(data []byte) (frame.Slot, uint64, error) {
	slot, err := frame.ParseSlot(data)
	if err != nil {
		return frame.Slot{}, 0, err
	}
	size, err := noteSize(slot.Note)
	return slot, size, err
}

// open opens both files for writing, and makes sure that the one that was
// read is durable: a process that was killed may not have synced it, and what
// was read may be memory that a failed sync left marked as written when it is
// not. Therefore the same bytes are written once more: the other slot, which may
// be the only one on the disk, is the next to be written over.
func (s *slots) open(path func(string) string) error {
	for i, name := range frame.SlotNames {
		f, err := s.around.open(path(name), os.O_RDWR|os.O_CREATE)
		if err != nil {
			return err
		}
		s.files[i] = f
		if s.note != nil && i != s.next {
			slot := frame.Slot{Sequence: s.sequence, Note: s.note}
			buf, err := slot.Append(nil)
			if err != nil {
				return err
			}
			if err := s.around.write(f, buf, 0); err != nil {
				return err
			}
		}
		if err := s.around.sync(f); err != nil {
			return err
		}
	}
	return s.around.syncDir(path(frame.SlotNames[0]))
}

// save writes a note into the slot that is not the durable one.
func (s *slots) save(note []byte, size uint64) error {
	slot := frame.Slot{Sequence: s.sequence + 1, Note: note}
	buf, err := slot.Append(s.buf[:0])
	if err != nil {
		return err
	}
	s.buf = buf
	file := s.files[s.next]
	if err := s.around.write(file, buf, 0); err != nil {
		return err
	}
	if err := s.around.truncate(file, int64(len(buf))); err != nil {
		return err
	}
	s.sequence, s.size, s.note, s.dirty = slot.Sequence, size, bytes.Clone(note), true
	return nil
}

// sync makes the saved note durable and turns to the other slot.
func (s *slots) sync() error {
	if !s.dirty {
		return nil
	}
	if err := s.around.sync(s.files[s.next]); err != nil {
		return err
	}
	s.dirty, s.next = false, 1-s.next
	return nil
}

// Checkpoint implements ledger.Store.
func (b *Book) Checkpoint() ([]byte, error) {
	if err := b.stopped(); err != nil {
		return nil, err
	}
	b.slots.mu.Lock()
	defer b.slots.mu.Unlock()
	return bytes.Clone(b.slots.note), nil
}

// SaveCheckpoint implements ledger.Store. It refuses, without further
// consequence, what is not a checkpoint, one of more entries than are durable
// and one of fewer than the one it would replace.
func (b *Book) SaveCheckpoint(note []byte) error {
	b.slots.mu.Lock()
	defer b.slots.mu.Unlock()
	if err := b.writable(); err != nil {
		return err
	}
	size, err := noteSize(note)
	if err != nil {
		return fmt.Errorf("save checkpoint: %w", err)
	}
	if head := b.Head(); size > head.Size || size < b.slots.size || len(note) > frame.MaxNote {
		return fmt.Errorf("save checkpoint of %d entries in %d bytes: the book holds %d and a checkpoint of %d", size, len(note), head.Size, b.slots.size)
	}
	if err := b.slots.save(note, size); err != nil {
		return b.fail(fmt.Errorf("save checkpoint: %w", err))
	}
	return nil
}

// Sync implements ledger.Store.
func (b *Book) Sync() error {
	b.slots.mu.Lock()
	defer b.slots.mu.Unlock()
	if err := b.writable(); err != nil {
		return err
	}
	if err := b.slots.sync(); err != nil {
		return b.fail(fmt.Errorf("sync checkpoint: %w", err))
	}
	return nil
}
