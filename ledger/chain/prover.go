package chain

import (
	"fmt"
	"math/bits"

	"civicledger/ledger/suite"
)

// Prover makes inclusion proofs in one tree, many of them fast. It keeps one
// tile of each tile level with all inner nodes under it, so that neighbours
// share them: asked in ascending order, a tile is read and hashed once, which
// is 255 nodes for 256 leaves, and the path above a leaf tile is made once for
// all its leaves. Any other order gives the same proofs, more slowly.
//
// A Prover is for one goroutine; several may prove parts of one range.
type Prover struct {
	suite *suite.Suite
	size  uint64
	node  ReadNode
	read  ReadWidth
	tiles []nodeTile // by tile level
	edge  []Hash     // edge[l]: root of the incomplete subtree that ends the tree under level l
	upper upperPath
}

// ReadWidth returns at least the first width hashes of a tile; see NodeOfTiles.
type ReadWidth func(level int, n uint64, width int) ([]Hash, error)

// nodeTile is a tile with its inner nodes: rows[b] begins at rowAt(b).
type nodeTile struct {
	n      uint64
	loaded bool
	nodes  [2*TileWidth - 1]Hash
}

// rowAt is where the nodes b levels above a tile's own begin.
func rowAt(b int) int { return 2*TileWidth - TileWidth>>b<<1 }

// upperPath is what all proofs of one leaf tile end with.
type upperPath struct {
	n    uint64 // the leaf tile
	made bool
	path []Hash
}

// NewProver returns a Prover for the tree of that size, whose tiles read reads.
func NewProver(s *suite.Suite, size uint64, read ReadWidth) *Prover {
	return &Prover{
		suite: s, size: size, read: read, node: NodeOfTiles(s, read),
		tiles: make([]nodeTile, (bits.Len64(size)+tileBits-1)/tileBits),
	}
}

// Append appends the RFC 6962 inclusion proof of a leaf to dst.
func (p *Prover) Append(dst []Hash, index uint64) ([]Hash, error) {
	if index >= p.size {
		return nil, fmt.Errorf("inclusion of %d in %d: %w", index, p.size, ErrProof)
	}
	if p.edge == nil {
		if err := p.findEdge(); err != nil {
			return nil, fmt.Errorf("inclusion of %d in %d: %w", index, p.size, err)
		}
	}
	dst, err := p.within(dst, index, 0)
	if err != nil {
		return nil, fmt.Errorf("inclusion of %d in %d: %w", index, p.size, err)
	}
	if n := index / TileWidth; !p.upper.made || p.upper.n != n {
		p.upper = upperPath{n: n, path: p.upper.path[:0]}
		for level := 1; level < len(p.tiles); level++ {
			if p.upper.path, err = p.within(p.upper.path, index, level); err != nil {
				return nil, fmt.Errorf("inclusion of %d in %d: %w", index, p.size, err)
			}
		}
		p.upper.made = true
	}
	return append(dst, p.upper.path...), nil
}

// findEdge computes, for every level, what the set bits of size below it make
// together.
func (p *Prover) findEdge() error {
	levels := bits.Len64(p.size)
	edge := make([]Hash, levels+1)
	started := false
	for l := range levels {
		edge[l+1] = edge[l]
		if p.size>>l&1 == 0 {
			continue
		}
		n, err := p.node(l, p.size>>l-1)
		if err != nil {
			return err
		}
		if started {
			n = p.suite.Node(n, edge[l])
		}
		edge[l+1], started = n, true
	}
	p.edge = edge
	return nil
}

// within appends the part of a proof that lies in one tile level. It is the
// walk of InclusionPath.
func (p *Prover) within(dst []Hash, index uint64, level int) ([]Hash, error) {
	t, err := p.tile(level, index>>(tileBits*(level+1)))
	if err != nil {
		return nil, err
	}
	last := p.size - 1
	for b := range tileBits {
		l := tileBits*level + b
		i := index >> l
		at := rowAt(b) + int(i&(TileWidth>>b-1))
		switch {
		case i&1 == 1:
			dst = append(dst, t.nodes[at-1])
		case (i+2)<<l <= p.size:
			dst = append(dst, t.nodes[at+1])
		case i < last>>l:
			dst = append(dst, p.edge[l])
		}
	}
	return dst, nil
}

// tile reads a tile and makes the whole nodes over it, unless it has them.
func (p *Prover) tile(level int, n uint64) (*nodeTile, error) {
	t := &p.tiles[level]
	if t.loaded && t.n == n {
		return t, nil
	}
	t.loaded = false
	width := int(min(TileWidth, p.size>>(tileBits*level)-n*TileWidth))
	if width > 0 {
		hashes, err := p.read(level, n, width)
		if err != nil {
			return nil, err
		}
		if len(hashes) < width {
			return nil, fmt.Errorf("tile %d/%d holds %d hashes", level, n, len(hashes))
		}
		copy(t.nodes[:], hashes[:width])
	}
	for b := 1; b < tileBits; b++ {
		below, row := t.nodes[rowAt(b-1):], t.nodes[rowAt(b):]
		for i := range width >> b {
			row[i] = p.suite.Node(below[2*i], below[2*i+1])
		}
	}
	t.n, t.loaded = n, true
	return t, nil
}
