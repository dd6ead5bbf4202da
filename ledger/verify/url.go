package verify

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/chain"
	"civicledger/ledger/suite"
)

func (s *Tiles) name() string { return s.base }

func (s *Tiles) checkpoint(ctx context.Context, verifier note.Verifier) (*signed, []Defect, error) {
	msg, err := s.Checkpoint(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("read checkpoint: %w", err)
	}
	c, err := chain.OpenCheckpoint(msg, verifier)
	if err != nil {
		return nil, []Defect{{Kind: KindCheckpoint, File: checkpointPath, Message: err.Error()}}, nil
	}
	return &signed{c, msg}, nil, nil
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

// hashes fetches a hash tile.
func (s *Tiles) hashes(ctx context.Context, level int, n uint64, width int) ([]chain.Hash, error) {
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

// fetched is a bundle under way.
type fetched struct {
	n     uint64
	width int
	data  []byte
	tile  []chain.Hash
	err   error // of the bundle
	tErr  error // of the tile
	done  chan struct{}
}

func (s *Tiles) read(ctx context.Context, size uint64, out *reader) error {
	if size == 1<<63 {
		return errors.New("without a checkpoint the size of the log is not known")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	queue := make(chan *fetched, inFlight)
	go func() {
		defer close(queue)
		for n := uint64(0); n*chain.TileWidth < size && ctx.Err() == nil; n++ {
			f := &fetched{n: n, width: int(min(chain.TileWidth, size-n*chain.TileWidth)), done: make(chan struct{})}
			go s.load(ctx, f)
			select {
			case queue <- f:
			case <-ctx.Done():
			}
		}
	}()
	var upper upperTiles
	for f := range queue {
		<-f.done
		if f.err != nil && !errors.Is(f.err, ErrAbsent) {
			return f.err
		}
		if f.tErr != nil && !errors.Is(f.tErr, ErrAbsent) {
			return f.tErr
		}
		b, err := s.put(f, out)
		if err != nil {
			return err
		}
		upper.torn = upper.torn || b == nil
		upper.add(out.suite, b, f.tile)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	upper.add(out.suite, nil, nil)
	return s.checkUpper(ctx, &upper, size, out)
}

func (s *Tiles) load(ctx context.Context, f *fetched) {
	defer close(f.done)
	f.data, f.err = s.tile(ctx, "entries", f.n, f.width, maxBundle)
	if f.err == nil || errors.Is(f.err, ErrAbsent) {
		f.tile, f.tErr = s.hashes(ctx, 0, f.n, f.width)
	}
}

// put makes a batch of a bundle: each entry with the hash that the tile states.
func (s *Tiles) put(f *fetched, out *reader) (*batch, error) {
	first := f.n * chain.TileWidth
	last := first + uint64(f.width) - 1
	path := tilePath("entries", f.n, f.width)
	if f.tErr != nil {
		out.defects.add(Defect{Kind: KindTile, First: first, Last: last, File: tilePath("0", f.n, f.width), Message: f.tErr.Error()})
	}
	if f.err != nil {
		return nil, nil // the judge finds the gap
	}
	items := make([]item, f.width)
	at := 0
	for i := range items {
		items[i] = item{file: path, offset: int64(at)}
		if f.tile != nil {
			items[i].after, items[i].tile = &f.tile[i], tilePath("0", f.n, f.width)
		}
		if at+2 > len(f.data) {
			continue
		}
		stop := at + 2 + int(binary.BigEndian.Uint16(f.data[at:]))
		if stop > len(f.data) {
			at = len(f.data)
			continue
		}
		items[i].raw = f.data[at+2 : stop : stop]
		at = stop
	}
	b := &batch{first: first, items: items}
	return b, out.put(b)
}

// upperTiles collects what the full groups of leaves make: as the entries
// hash and as the leaf tiles state. A tile above is right if it agrees with
// either; where the two differ, the judge says which is wrong.
type upperTiles struct {
	groups []group
	torn   bool // something is missing: what is above cannot be compared
	last   *batch
	tile   []chain.Hash // of last
}

type group struct{ computed, stated chain.Hash }

// add adds the batch that was put before, which has been judged meanwhile.
func (u *upperTiles) add(s *suite.Suite, b *batch, tile []chain.Hash) {
	if u.last != nil && !u.torn {
		<-u.last.done
		if items := u.last.items; len(items) == chain.TileWidth {
			leaves := make([]chain.Hash, len(items))
			for i := range items {
				leaves[i] = items[i].leaf
			}
			g := group{computed: mth(s, leaves)}
			g.stated = g.computed
			if u.tile != nil {
				g.stated = mth(s, u.tile)
			}
			u.groups = append(u.groups, g)
		}
	}
	u.last, u.tile = b, tile
}

// checkUpper compares the served tiles above the leaves with those that the
// leaves make.
func (s *Tiles) checkUpper(ctx context.Context, u *upperTiles, size uint64, out *reader) error {
	row := u.groups
	for level := 1; len(row) > 0 && !u.torn; level++ {
		var above []group
		for n := 0; n*chain.TileWidth < len(row); n++ {
			want := row[n*chain.TileWidth : min(len(row), (n+1)*chain.TileWidth)]
			got, err := s.hashes(ctx, level, uint64(n), len(want))
			if err != nil && !errors.Is(err, ErrAbsent) {
				return err
			}
			s.compare(level, n, want, got, err, size, out)
			if len(want) == chain.TileWidth {
				above = append(above, parent(out.suite, want))
			}
		}
		row = above
	}
	return nil
}

func parent(s *suite.Suite, groups []group) group {
	computed, stated := make([]chain.Hash, len(groups)), make([]chain.Hash, len(groups))
	for i, g := range groups {
		computed[i], stated[i] = g.computed, g.stated
	}
	return group{mth(s, computed), mth(s, stated)}
}

func (s *Tiles) compare(level, n int, want []group, got []chain.Hash, err error, size uint64, out *reader) {
	span := uint64(1) << (8 * level)
	file := tilePath(fmt.Sprint(level), uint64(n), len(want))
	if err != nil {
		first := uint64(n) * chain.TileWidth * span
		out.defects.add(Defect{Kind: KindTile, First: first, Last: min(size, first+uint64(len(want))*span) - 1, File: file, Message: err.Error()})
		return
	}
	for i := range want {
		if got[i] != want[i].computed && got[i] != want[i].stated {
			first := (uint64(n)*chain.TileWidth + uint64(i)) * span
			out.defects.add(Defect{
				Kind: KindTile, First: first, Last: first + span - 1, File: file, Offset: int64(i * suite.HashSize),
				Message: "the served hash is not that of what lies below it",
			})
		}
	}
}
