package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/book"
	"civicledger/ledger/chain"
	"civicledger/ledger/verify/source"
)

// Source is another copy of the log, from which Repair takes entries by their
// hashes. It is not trusted.
type Source struct {
	name string
	// checkpoint is its newest, signed by the key; nil if it has none.
	checkpoint func(ctx context.Context, verifier note.Verifier) (*stored, error)
	// entries yields entries [from, to) in order, as far as it has them; begins
	// says that a commit begins with the entry, where the source knows.
	entries func(ctx context.Context, from, to uint64, yield func(entry []byte, begins bool)) error
	// firsts are the first indexes of its files; nil if it has none.
	firsts []uint64
}

// OpenSource takes a data directory or a copy of one, a directory of a server's
// paths as static files, or the URL of a server.
func OpenSource(where string) (*Source, error) {
	if strings.HasPrefix(where, "http://") || strings.HasPrefix(where, "https://") {
		return tilesSource(where, source.Server(where)), nil
	}
	if _, err := os.Stat(bookPath(where, "")); err == nil {
		return bookSource(where)
	}
	if _, err := os.Stat(filepath.Join(where, "checkpoint")); err == nil {
		return tilesSource(where, source.Static(where)), nil
	}
	return nil, fmt.Errorf("%s is neither a data directory (%s/) nor an export of a log (checkpoint, tile/)", where, book.Dir)
}

func bookSource(dir string) (*Source, error) {
	b, err := book.Open(dir, book.Options{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	segments, err := readSegments(dir)
	if err != nil {
		return nil, err
	}
	s := &Source{name: dir, entries: func(ctx context.Context, from, to uint64, yield func([]byte, bool)) error {
		return bookEntries(ctx, b, from, to, yield)
	}}
	for _, seg := range segments {
		s.firsts = append(s.firsts, seg.first)
	}
	s.checkpoint = func(_ context.Context, verifier note.Verifier) (*stored, error) {
		cp, _, err := readCheckpoint(dir, verifier)
		return cp, err
	}
	return s, nil
}

func bookEntries(ctx context.Context, b *book.Book, from, to uint64, yield func([]byte, bool)) error {
	for c, err := range b.Commits(from) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		for i, entry := range c.Entries {
			if index := c.Prev.Size + uint64(i); index >= from && index < to {
				yield(entry, i == 0)
			}
		}
		if c.Head.Size >= to {
			break
		}
	}
	return nil
}

func tilesSource(name string, tiles *source.Tiles) *Source {
	var size uint64
	s := &Source{name: name}
	s.checkpoint = func(ctx context.Context, verifier note.Verifier) (*stored, error) {
		msg, err := tiles.Checkpoint(ctx)
		if err != nil {
			return nil, err
		}
		cp, err := chain.OpenCheckpoint(msg, verifier)
		if err != nil {
			return nil, err
		}
		size = cp.Size
		return &stored{Checkpoint: cp, note: string(msg)}, nil
	}
	s.entries = func(ctx context.Context, from, to uint64, yield func([]byte, bool)) error {
		to = min(to, size)
		for n := from / chain.TileWidth; n*chain.TileWidth < to; n++ {
			first := n * chain.TileWidth
			entries, err := tiles.Entries(ctx, n, int(min(chain.TileWidth, size-first)))
			if err != nil {
				return err
			}
			for i, entry := range entries {
				if index := first + uint64(i); index >= from && index < to {
					yield(entry, false)
				}
			}
		}
		return nil
	}
	return s
}

// open returns the checkpoint of a source, which must be of this ledger.
func (s *Source) open(ctx context.Context, verifier note.Verifier) (*stored, error) {
	cp, err := s.checkpoint(ctx, verifier)
	if errors.Is(err, chain.ErrCheckpoint) || (err == nil && cp == nil) {
		return nil, &Refused{Reason: fmt.Sprintf("%s has no checkpoint that %s signed: it is of another ledger, or no copy of this one", s.name, verifier.Name())}
	}
	if err != nil {
		return nil, fmt.Errorf("read checkpoint of %s: %w", s.name, err)
	}
	return cp, nil
}
