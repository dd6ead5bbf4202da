package source

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/chain"
	"civicledger/ledger/suite"
	"civicledger/ledger/verify/verdict"
)

// Name implements Source.
func (s *Tiles) Name() string { return s.base }

// Signed implements Source.
func (s *Tiles) Signed(ctx context.Context, verifier note.Verifier) (*verdict.Signed, []verdict.Defect, error) {
	msg, err := s.Checkpoint(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("read checkpoint: %w", err)
	}
	signed, err := verdict.Open(msg, verifier)
	if err != nil {
		return nil, []verdict.Defect{{Kind: verdict.KindCheckpoint, File: checkpointPath, Message: err.Error()}}, nil
	}
	return signed, nil, nil
}

// tilePath is the path of a tile or bundle: N in groups of three digits, all
// but the last beginning with x; width below 256 makes it a partial one.
func tilePath(level string, n uint64, width int) string {
	path := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		path = fmt.Sprintf("x%03d/%s", n%1000, path)
	}
	path = "/tile/" + level + "/" + path
	if width < chain.TileWidth {
		path += fmt.Sprintf(".p/%d", width)
	}
	return path
}

// tile fetches a tile of a width: where the server has dropped the partial
// one, the full one serves.
func (s *Tiles) tile(ctx context.Context, level string, n uint64, width int, limit int64) ([]byte, error) {
	data, err := s.fetch(ctx, tilePath(level, n, width), limit)
	if errors.Is(err, ErrAbsent) && width < chain.TileWidth {
		return s.fetch(ctx, tilePath(level, n, chain.TileWidth), limit)
	}
	return data, err
}

// Hashes returns the first width hashes of a tile, not verified. The error
// wraps ErrAbsent where the log does not have them.
func (s *Tiles) Hashes(ctx context.Context, level int, n uint64, width int) ([]chain.Hash, error) {
	data, err := s.tile(ctx, fmt.Sprint(level), n, width, chain.TileWidth*suite.HashSize)
	if err != nil {
		return nil, err
	}
	if len(data) < width*suite.HashSize {
		return nil, fmt.Errorf("%s: %d bytes: %w", tilePath(fmt.Sprint(level), n, width), len(data), ErrAbsent)
	}
	hashes := make([]chain.Hash, width)
	for i := range hashes {
		hashes[i] = chain.Hash(data[i*suite.HashSize:])
	}
	return hashes, nil
}

// Entries returns the first width entries of a bundle, not verified: those from
// 256n on. The error wraps ErrAbsent where the log does not have them; where a
// bundle ends too early, those it has are returned with it, the others nil.
func (s *Tiles) Entries(ctx context.Context, n uint64, width int) ([][]byte, error) {
	data, err := s.tile(ctx, "entries", n, width, maxBundle)
	if err != nil {
		return nil, err
	}
	entries := make([][]byte, width)
	for i := range entries {
		if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
			return entries, fmt.Errorf("%s ends after %d entries of %d: %w", tilePath("entries", n, width), i, width, ErrAbsent)
		}
		end := 2 + int(binary.BigEndian.Uint16(data))
		entries[i], data = data[2:end:end], data[end:]
	}
	return entries, nil
}

// Bundle is up to 256 entries and what the leaf tile states of them.
type Bundle struct {
	First   uint64   // index
	Entries [][]byte // nil: not there
	Stated  []chain.Hash
	Err     error // of the entries
	Short   error // not all of them are there
	TileErr error // of the tile

	n     uint64
	width int
	done  chan struct{}
}

// Bundles calls take with the bundles from one on up to a size, in order, of
// which several are fetched at a time, and stops at the first error.
func (s *Tiles) Bundles(ctx context.Context, n, size uint64, take func(*Bundle) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	queue := make(chan *Bundle, inFlight)
	go func() {
		defer close(queue)
		for ; n*chain.TileWidth < size && ctx.Err() == nil; n++ {
			b := &Bundle{First: n * chain.TileWidth, n: n, width: int(min(chain.TileWidth, size-n*chain.TileWidth)), done: make(chan struct{})}
			go s.load(ctx, b)
			select {
			case queue <- b:
			case <-ctx.Done():
			}
		}
	}()
	for b := range queue {
		<-b.done
		for _, err := range []error{b.Err, b.TileErr} {
			if err != nil && !errors.Is(err, ErrAbsent) {
				return err
			}
		}
		if err := take(b); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (s *Tiles) load(ctx context.Context, b *Bundle) {
	defer close(b.done)
	b.Entries, b.Short = s.Entries(ctx, b.n, b.width)
	if b.Entries == nil {
		b.Err, b.Short = b.Short, nil
	}
	if b.Err == nil || errors.Is(b.Err, ErrAbsent) {
		b.Stated, b.TileErr = s.Hashes(ctx, 0, b.n, b.width)
	}
}

func (s *Tiles) read(ctx context.Context, size uint64, out *Reader) error {
	if size == NoSize {
		return errors.New("without a checkpoint the size of the log is not known")
	}
	u := &upper{log: s, size: size, out: out}
	err := s.Bundles(ctx, 0, size, func(b *Bundle) error {
		if err := u.grow(ctx); err != nil {
			return err
		}
		var err error
		u.last, err = s.put(b, out)
		u.tile, u.torn = b.Stated, u.torn || u.last == nil
		return err
	})
	if err != nil {
		return err
	}
	return u.end(ctx)
}

// put makes a batch of a bundle: each entry with the hash that the tile states.
func (s *Tiles) put(b *Bundle, out *Reader) (*Batch, error) {
	path, tile := tilePath("entries", b.n, b.width), tilePath("0", b.n, b.width)
	if b.TileErr != nil {
		out.Defects.Add(verdict.Defect{Kind: verdict.KindTile, First: b.First, Last: b.First + uint64(b.width) - 1, File: tile, Message: b.TileErr.Error()})
	}
	if b.Err != nil {
		return nil, nil // the judge finds the gap
	}
	items := make([]Item, b.width)
	at := int64(0)
	for i, raw := range b.Entries {
		items[i] = Item{Raw: raw, File: path, Offset: at}
		if b.Stated != nil {
			items[i].After, items[i].Tile = &b.Stated[i], tile
		}
		if raw != nil {
			at += 2 + int64(len(raw))
		}
	}
	batch := &Batch{First: b.First, Items: items}
	return batch, out.put(batch)
}

// upper compares the served tiles above the leaves with what lies below them:
// as the entries hash, and as the leaf tiles state. One is right if it agrees
// with either; where the two differ, the judge says which is wrong.
type upper struct {
	log  *Tiles
	size uint64
	out  *Reader

	computed, stated *chain.Tree
	torn             bool   // something is missing: what is above cannot be compared
	last             *Batch // that was put, and is judged by itself meanwhile
	tile             []chain.Hash
}

// grow adds the last batch and compares the tiles that are full with it.
func (u *upper) grow(ctx context.Context) error {
	if u.last == nil || u.torn {
		return nil
	}
	<-u.last.done
	var leaves []chain.Hash
	for i := range u.last.Items {
		leaves = append(leaves, u.last.Items[i].Leaf)
	}
	if u.tile == nil {
		u.tile = leaves
	}
	if u.computed == nil {
		u.computed, u.stated = chain.NewTree(u.out.Suite), chain.NewTree(u.out.Suite)
	}
	computed, stated := u.computed.Grow(leaves), u.stated.Grow(u.tile)
	u.computed, u.stated = computed.Tree, stated.Tree
	for i, t := range computed.Full {
		if err := u.compare(ctx, t.Level, t.N, t.Hashes, stated.Full[i].Hashes); err != nil {
			return err
		}
	}
	return nil
}

// end compares the tiles that are not full.
func (u *upper) end(ctx context.Context) error {
	err := u.grow(ctx)
	for level := 1; err == nil && !u.torn && u.size>>(8*level) > 0; level++ {
		err = u.compare(ctx, level, u.size>>(8*level+8), u.computed.Partial(level), u.stated.Partial(level))
	}
	return err
}

func (u *upper) compare(ctx context.Context, level int, n uint64, computed, stated []chain.Hash) error {
	if level == 0 || len(computed) == 0 {
		return nil
	}
	got, err := u.log.Hashes(ctx, level, n, len(computed))
	span := uint64(1) << (8 * level)
	first, file := n*chain.TileWidth*span, tilePath(fmt.Sprint(level), n, len(computed))
	if err != nil {
		if errors.Is(err, ErrAbsent) {
			u.out.Defects.Add(verdict.Defect{Kind: verdict.KindTile, First: first, Last: min(u.size, first+uint64(len(computed))*span) - 1, File: file, Message: err.Error()})
			err = nil
		}
		return err
	}
	for i := range got {
		if got[i] != computed[i] && got[i] != stated[i] {
			u.out.Defects.Add(verdict.Defect{
				Kind: verdict.KindTile, First: first + uint64(i)*span, Last: first + uint64(i+1)*span - 1, File: file, Offset: int64(i * suite.HashSize),
				Message: "the served hash is not that of what lies below it",
			})
		}
	}
	return nil
}
