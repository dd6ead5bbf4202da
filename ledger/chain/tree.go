package chain

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"civicledger/ledger/suite"
)

// TileWidth is the number of hashes in a full tile (C2SP tlog-tiles).
const TileWidth = 256

// tileBits is the number of tree levels that one tile level spans.
const tileBits = 8

// Tile is a full tile: the hashes at tree level 8*Level with the indexes
// N*TileWidth and following.
type Tile struct {
	Level  int
	N      uint64
	Hashes []Hash
}

// Tree is the right edge of the RFC 6962 tree over the entries: what is needed
// to grow it and to serve its partial tiles. A Tree never changes; Grow makes
// a new one, so that a commit that did not happen leaves nothing behind.
type Tree struct {
	suite   *suite.Suite
	size    uint64
	nodes   []Hash   // nodes[l]: root of the perfect subtree at level l, if bit l of size is set
	partial [][]Hash // partial[L]: the hashes of the last, not full, tile of tile level L
}

// NewTree returns the tree without leaves.
func NewTree(s *suite.Suite) *Tree { return &Tree{suite: s} }

// ReadTile returns the hashes of a full tile; see LoadTree.
type ReadTile func(level int, n uint64) ([]Hash, error)

// LoadTree returns the tree of the first size leaves from full tiles; size is
// a multiple of TileWidth, so that no partial leaf tile is needed.
func LoadTree(s *suite.Suite, size uint64, read ReadTile) (*Tree, error) {
	if size%TileWidth != 0 {
		return nil, fmt.Errorf("load tree of %d leaves: not a multiple of %d", size, TileWidth)
	}
	t := &Tree{suite: s, size: size}
	for level, width := 0, size; width > 0; level, width = level+1, width>>tileBits {
		if err := t.loadLevel(level, width, read); err != nil {
			return nil, fmt.Errorf("load tree of %d leaves: %w", size, err)
		}
	}
	t.nodes = make([]Hash, bits.Len64(size))
	for level := range t.partial {
		t.loadNodes(level)
	}
	return t, nil
}

// loadLevel makes the partial tile of one tile level out of the roots of the
// tiles below it.
func (t *Tree) loadLevel(level int, width uint64, read ReadTile) error {
	t.partial = append(t.partial, nil)
	if level == 0 {
		return nil
	}
	for n := width &^ (TileWidth - 1); n < width; n++ {
		hashes, err := read(level-1, n)
		if err != nil {
			return err
		}
		if len(hashes) != TileWidth {
			return fmt.Errorf("tile %d/%d holds %d hashes", level-1, n, len(hashes))
		}
		t.partial[level] = append(t.partial[level], fold(t.suite, hashes))
	}
	return nil
}

// loadNodes takes the perfect subtrees of one tile level from its partial tile.
func (t *Tree) loadNodes(level int) {
	rest := t.partial[level]
	for b := tileBits - 1; b >= 0; b-- {
		l := level*tileBits + b
		if t.size>>l&1 == 1 {
			t.nodes[l] = fold(t.suite, rest[:1<<b])
			rest = rest[1<<b:]
		}
	}
}

// fold returns the root of the perfect tree over hashes, a power of two.
func fold(s *suite.Suite, hashes []Hash) Hash {
	level := slices.Clone(hashes)
	for len(level) > 1 {
		for i := 0; i < len(level)/2; i++ {
			level[i] = s.Node(level[2*i], level[2*i+1])
		}
		level = level[:len(level)/2]
	}
	return level[0]
}

// Size returns the number of leaves.
func (t *Tree) Size() uint64 { return t.size }

// Root returns the root hash (RFC 6962 section 2.1).
func (t *Tree) Root() Hash {
	if t.size == 0 {
		return t.suite.EmptyRoot()
	}
	return t.below(bits.Len64(t.size))
}

// below returns the root of the incomplete subtree that ends the tree under
// level l: what the set bits of size below l make together.
func (t *Tree) below(l int) Hash {
	var acc Hash
	started := false
	for i := 0; i < l && i < len(t.nodes); i++ {
		if t.size>>i&1 == 0 {
			continue
		}
		if !started {
			acc, started = t.nodes[i], true
		} else {
			acc = t.suite.Node(t.nodes[i], acc)
		}
	}
	return acc
}

// Partial returns the hashes of the last, not full, tile of a tile level; the
// caller does not change them.
func (t *Tree) Partial(level int) []Hash {
	if level < len(t.partial) {
		return t.partial[level]
	}
	return nil
}

// Growth is a tree grown by some leaves: the new tree, the tiles that became
// full, and the nodes from which proofs for the new leaves are made.
type Growth struct {
	Tree   *Tree
	Full   []Tile
	from   uint64
	levels [][]Hash // levels[l][i]: node with index base(l)+i
}

// Grow returns the tree with leaves added. It may be called on one tree more
// than once, but of the results only one may be grown further.
func (t *Tree) Grow(leaves []Hash) *Growth {
	size := t.size + uint64(len(leaves))
	g := &Growth{from: t.size, Tree: &Tree{
		suite: t.suite, size: size,
		nodes:   make([]Hash, bits.Len64(size)),
		partial: slices.Clone(t.partial),
	}}
	nodes := leaves
	for l := 0; size>>l > 0; l++ {
		if l%tileBits == 0 {
			g.fill(l/tileBits, t.size>>l, nodes)
		}
		row := nodes
		if t.size>>l&1 == 1 {
			row = append(make([]Hash, 0, len(nodes)+1), t.nodes[l])
			row = append(row, nodes...)
		}
		g.levels = append(g.levels, row)
		if size>>l&1 == 1 {
			g.Tree.nodes[l] = row[len(row)-1]
		}
		nodes = make([]Hash, len(row)/2)
		for i := range nodes {
			nodes[i] = t.suite.Node(row[2*i], row[2*i+1])
		}
	}
	return g
}

// fill adds new nodes to a tile level; first is the index of the first.
func (g *Growth) fill(level int, first uint64, nodes []Hash) {
	p := &g.Tree.partial
	for len(*p) <= level {
		*p = append(*p, nil)
	}
	tile := slices.Clone((*p)[level])
	n := first / TileWidth
	for _, node := range nodes {
		tile = append(tile, node)
		if len(tile) == TileWidth {
			g.Full = append(g.Full, Tile{Level: level, N: n, Hashes: tile})
			tile = make([]Hash, 0, TileWidth)
			n++
		}
	}
	(*p)[level] = tile
}

// ErrProof is wrapped by every error about a proof that does not prove.
var ErrProof = errors.New("proof does not hold")

// Inclusion returns the RFC 6962 inclusion proof of one of the new leaves in
// the new tree.
func (g *Growth) Inclusion(index uint64) ([]Hash, error) {
	if index < g.from || index >= g.Tree.size {
		return nil, fmt.Errorf("inclusion of %d in %d: not a new leaf", index, g.Tree.size)
	}
	last := g.Tree.size - 1
	path := make([]Hash, 0, bits.Len64(last))
	for l := 0; last>>l > 0; l++ {
		i := index >> l
		switch {
		case i&1 == 1:
			path = append(path, g.node(l, i-1))
		case (i+2)<<l <= g.Tree.size:
			path = append(path, g.node(l, i+1))
		case i < last>>l:
			path = append(path, g.Tree.below(l))
		}
	}
	return path, nil
}

func (g *Growth) node(l int, index uint64) Hash {
	base := (g.from >> l) &^ 1
	return g.levels[l][index-base]
}
