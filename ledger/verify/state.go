package verify

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/chain"
)

// Known is a checkpoint that the verifier saw and kept. A log that is judged
// later must extend it: otherwise the ledger has signed two histories, and the
// two notes prove it to anybody.
type Known struct {
	chain.Checkpoint
	Note string // signed
}

// LoadState reads what SaveState wrote and checks its signature; nil if there
// is no such file. The file is the signed note itself and nothing else.
func LoadState(file string, verifier note.Verifier) (*Known, error) {
	msg, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	c, err := chain.OpenCheckpoint(msg, verifier)
	if err != nil {
		return nil, fmt.Errorf("state %s: %w", file, err)
	}
	return &Known{c, string(msg)}, nil
}

// SaveState replaces the file in one step: after a crash it holds the old note
// or the new one.
func SaveState(file, note string) error {
	err := replaceFile(file, note)
	if err != nil {
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

func loadState(file, key string) (*Known, error) {
	if file == "" {
		return nil, nil
	}
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return nil, fmt.Errorf("the key is not a verifier key: %w", err)
	}
	return LoadState(file, verifier)
}

// remember makes the tree keep what it takes to compute the root at the size
// of a known checkpoint.
func (j *judge) remember(known *Known, r *Report) {
	if known == nil {
		return
	}
	j.known = known
	r.Known = &CheckpointSeen{Size: known.Size, Root: known.Root[:], Note: known.Note}
	j.tree.kept = map[uint64][]chain.Hash{known.Size / chain.TileWidth: nil}
}

// judgeKnown compares the log with the known checkpoint; what cannot be
// compared is a note.
func (j *judge) judgeKnown(exact bool) (notes []string) {
	k := j.known
	if k == nil || j.cp == nil {
		return nil
	}
	switch {
	case j.cp.Size < k.Size:
		j.defects.add(Defect{Kind: KindRewind, First: j.cp.Size, Last: k.Size - 1, Message: fmt.Sprintf(
			"the log ends at %d entries; the ledger signed %d before: it was put back, or this is an old copy", j.cp.Size, k.Size)})
		return nil
	case j.cp.Size == k.Size && j.cp.Root != k.Root:
		j.fork("the ledger signed two roots over the same number of entries")
		return nil
	case j.tree.holes || j.tree.size < k.Size:
		return []string{fmt.Sprintf("whether the log extends the checkpoint of %d entries that was kept cannot be said: entries are missing", k.Size)}
	}
	other, ok := j.chosen()
	if !ok || !exact {
		other = nil // only the entries as read can be compared
	}
	j.tree.close()
	same := j.tree.rootAt(k.Size, other) == k.Root
	switch {
	case exact && !same:
		j.fork(fmt.Sprintf("the first %d entries are not those that the ledger signed before", k.Size))
	case !exact && same:
		notes = append(notes, fmt.Sprintf("the first %d entries are exactly those of the checkpoint that was kept", k.Size))
	case !exact:
		notes = append(notes, fmt.Sprintf("the first %d entries as read do not make the root of the checkpoint that was kept either", k.Size))
	}
	return notes
}

func (j *judge) fork(message string) {
	j.defects.add(Defect{Kind: KindFork, First: 0, Last: max(j.known.Size, 1) - 1, Message: message})
}

// rootAt returns the root over the first size leaves, with other hashes for
// some; the group in which they end was kept.
func (l *leaves) rootAt(size uint64, other map[uint64]chain.Hash) chain.Hash {
	whole := size / chain.TileWidth
	part := leaves{suite: l.suite, kept: l.kept}
	if whole > uint64(len(l.roots)) { // the current group is full
		part.roots = append(append(part.roots, l.roots...), mth(l.suite, l.current))
	} else {
		part.roots = append(part.roots, l.roots[:whole]...)
	}
	if rest := size % chain.TileWidth; rest > 0 {
		part.current = append(part.current, l.kept[whole][:rest]...)
	}
	below := map[uint64]chain.Hash{}
	for index, hash := range other {
		switch {
		case index >= size:
		case index/chain.TileWidth == whole:
			part.current[index%chain.TileWidth] = hash
		default:
			below[index] = hash
		}
	}
	return part.root(below)
}

// writeEvidence prints the two heads of a ledger that contradicts itself.
func (r *Report) writeEvidence(b *strings.Builder) {
	if r.Known == nil || r.Checkpoint == nil {
		return
	}
	for i := range r.Defects {
		if kind := r.Defects[i].Kind; kind == KindRewind || kind == KindFork {
			writeHeads(b, r.Known.Note, r.Checkpoint.Note)
			return
		}
	}
}

// writeHeads prints two signed notes as they are, each behind a line that says
// what it is.
func writeHeads(b *strings.Builder, before, now string) {
	fmt.Fprintf(b, "  signed before:\n\n%s\n  signed now:\n\n%s\n", before, now)
}
