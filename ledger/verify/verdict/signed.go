package verdict

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/chain"
)

// Signed is a checkpoint with the note in which the ledger's key signed it.
// One that a verifier kept must be extended by every log that it judges later:
// otherwise the ledger has signed two histories, and the two notes prove it to
// anybody.
type Signed struct {
	chain.Checkpoint
	Note string
}

// Open checks the signature of a note.
func Open(msg []byte, verifier note.Verifier) (*Signed, error) {
	c, err := chain.OpenCheckpoint(msg, verifier)
	if err != nil {
		return nil, err
	}
	return &Signed{c, string(msg)}, nil
}

// Seen is how a report shows a checkpoint.
type Seen struct {
	Size uint64 `json:"size"`
	Root []byte `json:"root"`
	Note string `json:"note"`
}

// Seen returns it as a report shows it; nil for nil.
func (s *Signed) Seen() *Seen {
	if s == nil {
		return nil
	}
	return &Seen{Size: s.Size, Root: s.Root[:], Note: s.Note}
}

// LoadState reads what SaveState wrote and checks its signature; nil if there
// is no such file. The file is the signed note itself and nothing else.
func LoadState(file string, verifier note.Verifier) (*Signed, error) {
	msg, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	s, err := Open(msg, verifier)
	if err != nil {
		return nil, fmt.Errorf("state %s: %w", file, err)
	}
	return s, nil
}

// SaveState replaces the file in one step: after a crash it holds the old note
// or the new one.
func SaveState(file, note string) error {
	if err := replaceFile(file, note); err != nil {
		return fmt.Errorf("save state: %w", err)
	}
	return nil
}

func replaceFile(file, text string) error {
	f, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*.tmp")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// Contradiction is two notes with the ledger's signature that cannot both be
// of one history: evidence against whoever holds its key.
type Contradiction struct {
	Message string `json:"message"`
	Before  string `json:"before"` // signed note
	Now     string `json:"now"`    // signed note
}

// Contradicts compares a checkpoint with one that was kept, if one was: over
// the same number of entries there is one root. Whether a longer log extends a
// shorter one is not to be seen offline.
func (s *Signed) Contradicts(known *Signed) *Contradiction {
	if known == nil || known.Size != s.Size || known.Root == s.Root {
		return nil
	}
	return &Contradiction{
		Message: fmt.Sprintf("fork: the ledger signed two roots over %d entries (whether its log admits a cut is shown by civicverify --url or --data with --state)", s.Size),
		Before:  known.Note, Now: s.Note,
	}
}
