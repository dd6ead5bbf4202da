package tiles

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/ledger/lock"
	"civicledger/ledger/suite"
)

// Export writes a log as static files, under the paths that New serves, so
// that any web server, or a disk in the post, can show it.
//
// It reads the entries, hashes them, and publishes a checkpoint only over the
// files whose root it computed itself. The directory holds a whole log at any
// time: what is there already stays as it is, the new checkpoint comes last,
// after everything that it signs is durable, and only then the partial tiles
// go whose full ones are there (C2SP tlog-tiles allows that). Stopped at any
// point it goes on at the next call.
type Export struct {
	Book       Entries
	Suite      *suite.Suite
	Verifier   note.Verifier // of the ledger's checkpoints
	Checkpoint []byte        // the signed note up to which the log is written
	Dir        string        // made if it is not there
	// Progress is told how many entries were written of how many; may be nil.
	Progress func(done, total uint64)

	step func(what, name string) error // before each change; tests stop there
}

// Entries is where an Export reads: a ledger.Store, also one that is open
// read-only.
type Entries interface {
	// Commits yields whole commits from the one that holds entry from; their
	// bytes are valid until the next iteration.
	Commits(from uint64) iter.Seq2[*ledger.Commit, error]
}

// Exported says what an Export did.
type Exported struct {
	Size   uint64 `json:"entries"`        // of the checkpoint that is there now
	Before uint64 `json:"before"`         // entries of the one that was there; 0 if there was none
	Files  int    `json:"files_written"`  // now, the checkpoint not counted
	Bytes  int64  `json:"bytes_written"`  // in them
	Kept   int    `json:"files_compared"` // that were looked at and are right
	Gone   int    `json:"files_removed"`  // partial tiles whose full ones are there
	// Replaced are the paths of files below the old checkpoint that were there
	// and had another size or content: somebody changed them.
	Replaced []string `json:"files_replaced"`
}

// RefusedError says that the directory holds what the log does not extend.
// Nothing in it was changed. Where the same key signed both heads, they prove
// to anybody that the ledger contradicts itself.
type RefusedError struct {
	Reason string
	There  string // the signed note in the directory
	Ours   string // the one that would have taken its place
}

func (e *RefusedError) Error() string { return e.Reason }

// ErrRoot says that the entries do not make the root that the checkpoint signs.
var ErrRoot = errors.New("the entries do not make the root that the checkpoint signs")

// checkpointName is the file of the checkpoint.
const checkpointName = "checkpoint"

// Run writes what is not there. It returns a *RefusedError where the directory
// holds another ledger, more entries than the checkpoint signs, or other ones.
func (e *Export) Run(ctx context.Context) (*Exported, error) {
	done, err := e.run(ctx)
	if err != nil {
		return nil, fmt.Errorf("export to %s: %w", e.Dir, err)
	}
	return done, nil
}

func (e *Export) run(ctx context.Context) (*Exported, error) {
	ours, err := chain.OpenCheckpoint(e.Checkpoint, e.Verifier)
	if err != nil {
		return nil, err
	}
	w := &files{dir: filepath.Clean(e.Dir), step: e.step}
	if err := w.makeDir(); err != nil {
		return nil, err
	}
	held, err := lock.Open(e.Dir, os.O_RDONLY, false) // without a file of ours among what is published
	if errors.Is(err, lock.ErrHeld) {
		err = errors.New("another export writes to it")
	}
	if err != nil {
		return nil, err
	}
	defer held.Close()
	there, msg, err := e.published(ours)
	if err != nil {
		return nil, err
	}
	w.published = there.Size
	from, err := e.begin(ctx, w, there, ours, msg)
	if err != nil {
		return nil, err
	}
	defer w.abandon()
	if err := e.write(ctx, w, from, ours); err != nil {
		return nil, err
	}
	// Until here the old checkpoint and all that it signs stand untouched.
	if err := w.sync(); err != nil {
		return nil, err
	}
	// Everything is durable. If we stop here, the next call finds it.
	if string(msg) != string(e.Checkpoint) {
		if err := w.replace(checkpointName, e.Checkpoint); err != nil {
			return nil, err
		}
	}
	// If we stop here, partial tiles that nobody needs are left to the next call.
	if err := w.removeSuperseded(); err != nil {
		return nil, err
	}
	return &Exported{Size: ours.Size, Before: there.Size, Files: w.written, Bytes: w.bytes, Kept: w.kept, Gone: w.gone, Replaced: w.replaced}, nil
}

// published reads the checkpoint that is in the directory, if any, and refuses
// what ours cannot extend by its numbers alone.
func (e *Export) published(ours chain.Checkpoint) (there chain.Checkpoint, msg []byte, err error) {
	msg, err = os.ReadFile(filepath.Join(e.Dir, checkpointName))
	if errors.Is(err, fs.ErrNotExist) {
		return there, nil, nil
	}
	if err != nil {
		return there, nil, err
	}
	there, err = chain.OpenCheckpoint(msg, e.Verifier)
	switch {
	case err != nil:
		return there, nil, e.refuse(msg, "it holds another ledger: its checkpoint is not one of %s (%v)", e.Verifier.Name(), err)
	case there.Size > ours.Size:
		return there, nil, e.refuse(msg, "it holds %d entries, this ledger's checkpoint signs %d: the ledger was put back, or this is an old copy of it", there.Size, ours.Size)
	case there.Size == ours.Size && there.Root != ours.Root:
		return there, nil, e.refuse(msg, "fork: the ledger signed two roots over %d entries", ours.Size)
	}
	return there, msg, nil
}

func (e *Export) refuse(there []byte, format string, args ...any) error {
	return &RefusedError{Reason: fmt.Sprintf(format, args...), There: string(there), Ours: string(e.Checkpoint)}
}

// begin returns the bundle at which writing begins: the first of which
// something is not there. Where a checkpoint is there, ours must extend it,
// which is settled before anything is changed: the tree that its files make
// must grow, by the entries in the book, to the root that ours signs.
func (e *Export) begin(ctx context.Context, w *files, there, ours chain.Checkpoint, msg []byte) (uint64, error) {
	if msg == nil {
		return 0, nil
	}
	from, err := w.complete(ctx)
	if err != nil {
		return 0, err
	}
	tree, err := chain.LoadTree(e.Suite, from*chain.TileWidth, w.tile)
	if err == nil {
		was, is, err := e.roots(ctx, tree, there.Size, ours.Size)
		if err != nil {
			return 0, err
		}
		if was == there.Root && is == ours.Root {
			return from, nil
		}
	}
	// The files, the book, or the ledger's word: the whole book tells which.
	was, is, err := e.roots(ctx, chain.NewTree(e.Suite), there.Size, ours.Size)
	switch {
	case err != nil:
		return 0, err
	case is != ours.Root:
		return 0, ErrRoot
	case was != there.Root:
		return 0, e.refuse(msg, "fork: its first %d entries are not those of this ledger, and both heads are signed", there.Size)
	}
	w.suspect = true // the files are not what their checkpoint signs: compare each
	return 0, nil
}

// roots returns the roots at two sizes of a tree grown by the book's entries.
func (e *Export) roots(ctx context.Context, tree *chain.Tree, first, second uint64) (a, b chain.Hash, err error) {
	tree, err = e.grow(ctx, tree, first, nil)
	if err != nil {
		return a, b, err
	}
	a = tree.Root()
	tree, err = e.grow(ctx, tree, second, nil)
	if err != nil {
		return a, b, err
	}
	return a, tree.Root(), nil
}

// grow adds entries of the book to a tree until it has a size; each gets the
// entries and tiles on the way, if it is not nil.
func (e *Export) grow(ctx context.Context, tree *chain.Tree, until uint64, each *sheets) (*chain.Tree, error) {
	var leaves []chain.Hash
	for c, err := range e.Book.Commits(tree.Size()) {
		if tree.Size() >= until {
			break
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return nil, err
		}
		leaves = leaves[:0]
		for at := tree.Size(); at < min(c.Head.Size, until); at++ {
			entry := c.Entries[at-c.Prev.Size]
			leaves = append(leaves, e.Suite.Leaf(entry))
			if err := each.entry(at, entry); err != nil {
				return nil, err
			}
		}
		grown := tree.Grow(leaves)
		tree = grown.Tree
		if err := each.tiles(grown.Full); err != nil {
			return nil, err
		}
		if each != nil && e.Progress != nil {
			e.Progress(tree.Size(), until)
		}
	}
	if tree.Size() < until {
		return nil, fmt.Errorf("entry %d: %w the checkpoint's %d", tree.Size(), ErrShort, until)
	}
	return tree, nil
}

// write writes bundles and tiles from a bundle on, and the right edge.
func (e *Export) write(ctx context.Context, w *files, from uint64, ours chain.Checkpoint) error {
	tree, err := chain.LoadTree(e.Suite, from*chain.TileWidth, w.tile)
	if err != nil {
		return err
	}
	out := &sheets{w: w}
	if tree, err = e.grow(ctx, tree, ours.Size, out); err != nil {
		return err
	}
	if tree.Root() != ours.Root {
		return ErrRoot
	}
	if err := out.edge(tree); err != nil {
		return err
	}
	return w.flush()
}

// sheets cuts entries and hashes into files. A nil one takes them and does
// nothing.
type sheets struct {
	w      *files
	bundle []byte // of the entries since the last full one
}

func (s *sheets) entry(at uint64, entry []byte) error {
	if s == nil {
		return nil
	}
	if len(entry) > 0xffff {
		return fmt.Errorf("entry %d of %d bytes does not fit into a bundle", at, len(entry))
	}
	s.bundle = binary.BigEndian.AppendUint16(s.bundle, uint16(len(entry)))
	s.bundle = append(s.bundle, entry...)
	if (at+1)%chain.TileWidth > 0 {
		return nil
	}
	defer func() { s.bundle = s.bundle[:0] }()
	return s.w.put(place{entriesLevel, at / chain.TileWidth, chain.TileWidth}, s.bundle)
}

func (s *sheets) tiles(full []chain.Tile) error {
	if s == nil {
		return nil
	}
	for i := range full {
		if err := s.w.put(place{full[i].Level, full[i].N, chain.TileWidth}, hashBytes(full[i].Hashes)); err != nil {
			return err
		}
	}
	return nil
}

// edge writes the partial bundle and tiles of a tree.
func (s *sheets) edge(tree *chain.Tree) error {
	for level := 0; tree.Size()>>(8*level) > 0; level++ {
		hashes := tree.Partial(level)
		if len(hashes) == 0 {
			continue
		}
		n := tree.Size() >> (8 * level) / chain.TileWidth
		if err := s.w.put(place{level, n, len(hashes)}, hashBytes(hashes)); err != nil {
			return err
		}
		if level == 0 {
			if err := s.w.put(place{entriesLevel, n, len(hashes)}, s.bundle); err != nil {
				return err
			}
		}
	}
	return nil
}

// hashBytes is the form of a hash tile.
func hashBytes(hashes []chain.Hash) []byte {
	data := make([]byte, 0, len(hashes)*len(chain.Hash{}))
	for i := range hashes {
		data = append(data, hashes[i][:]...)
	}
	return data
}
