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

// slots are the two files of the newest checkpoint. Each save writes both, one
// after the other, and each sync makes both durable, one after the other: so a
// crash leaves at most one of them half written, and its twin is the same
// checkpoint or the one before.
type slots struct {
	mu       sync.Mutex
	files    [2]*os.File
	length   [2]int64 // of the files
	sequence uint64
	size     uint64 // of the tree in the newest
	note     []byte // the newest; nil if there is none
	dirty    bool   // written and not synced
	buf      []byte
	around   Around
}

// noteSize returns the tree size that a signed checkpoint states. The
// signature is not looked at: see Options.Check.
func noteSize(note []byte) (uint64, error) {
	end := bytes.Index(note, []byte("\n\n"))
	if end < 0 {
		return 0, fmt.Errorf("%w: no signature lines", chain.ErrCheckpoint)
	}
	c, err := chain.ParseCheckpoint(string(note[:end+1]))
	return c.Size, err
}

// load reads both files and keeps the checkpoint of more entries, which is the
// newer. Files that cannot be used are named in bad, an empty or missing one,
// too: absent counts those.
func (s *slots) load(path func(string) string, check func(note []byte) error) (bad []string, absent int, err error) {
	for _, name := range frame.SlotNames {
		var slot frame.Slot
		var size uint64
		data, err := os.ReadFile(path(name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			absent, err = absent+1, errors.New("it is missing")
		case err != nil:
			return nil, 0, err
		case len(data) == 0:
			absent, err = absent+1, errors.New("it is empty")
		default:
			slot, size, err = readSlot(data, check)
		}
		if err != nil {
			bad = append(bad, fmt.Sprintf("%s cannot be used: %v", relative(name), err))
			continue
		}
		if s.note == nil || size > s.size || (size == s.size && slot.Sequence > s.sequence) {
			s.size, s.note = size, slot.Note
		}
		s.sequence = max(s.sequence, slot.Sequence)
	}
	return bad, absent, nil
}

func readSlot(data []byte, check func(note []byte) error) (frame.Slot, uint64, error) {
	slot, err := frame.ParseSlot(data)
	if err != nil {
		return frame.Slot{}, 0, err
	}
	size, err := noteSize(slot.Note)
	if err == nil && check != nil {
		err = check(slot.Note)
	}
	return slot, size, err
}

// open opens both files for writing, writes the newest checkpoint into both
// and makes each durable before the next is touched: a process that was killed
// may not have synced them, a crash may have left one half written, and what
// was read may be memory that a failed sync left marked as written when it is not.
func (s *slots) open(path func(string) string) error {
	for i, name := range frame.SlotNames {
		f, err := s.around.open(path(name), os.O_RDWR|os.O_CREATE)
		if err != nil {
			return err
		}
		s.files[i] = f
		info, err := f.Stat()
		if err != nil {
			return err
		}
		s.length[i] = info.Size()
	}
	if s.note != nil {
		if err := s.encode(frame.Slot{Sequence: max(s.sequence, 1), Note: s.note}); err != nil {
			return err
		}
		for i := range s.files {
			if err := errors.Join(s.write(i), s.around.sync(s.files[i])); err != nil {
				return err
			}
		}
	}
	return s.around.syncDir(path(frame.SlotNames[0]))
}

func (s *slots) encode(slot frame.Slot) (err error) {
	s.buf, err = slot.Append(s.buf[:0])
	return err
}

// write puts the encoded slot into one of the files.
func (s *slots) write(i int) error {
	if err := s.around.write(s.files[i], s.buf, 0); err != nil {
		return err
	}
	if s.length[i] > int64(len(s.buf)) {
		if err := s.around.truncate(s.files[i], int64(len(s.buf))); err != nil {
			return err
		}
	}
	s.length[i] = int64(len(s.buf))
	return nil
}

// save writes a note into both files. If we stop in between, the twin holds the
// checkpoint before, and nobody was told of what this one covers.
func (s *slots) save(note []byte, size uint64) error {
	if err := s.encode(frame.Slot{Sequence: s.sequence + 1, Note: note}); err != nil {
		return err
	}
	for i := range s.files {
		if err := s.write(i); err != nil {
			return err
		}
	}
	s.sequence, s.size, s.note, s.dirty = s.sequence+1, size, bytes.Clone(note), true
	return nil
}

// sync makes the saved note durable in both files.
func (s *slots) sync() error {
	if !s.dirty {
		return nil
	}
	for _, f := range s.files {
		if err := s.around.do(ChangeSync, f.Name(), func() error { return datasync(f) }); err != nil {
			return err
		}
	}
	s.dirty = false
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
