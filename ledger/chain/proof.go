package chain

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/transparency-dev/merkle/proof"

	"civicledger/ledger/suite"
)

// logHasher lends a suite to the merkle library.
type logHasher struct{ *suite.Suite }

func (h logHasher) EmptyRoot() []byte { r := h.Suite.EmptyRoot(); return r[:] }
func (h logHasher) Size() int         { return suite.HashSize }
func (h logHasher) HashLeaf(leaf []byte) []byte {
	r := h.Leaf(leaf)
	return r[:]
}

func (h logHasher) HashChildren(l, r []byte) []byte {
	n := h.Node(Hash(l), Hash(r))
	return n[:]
}

func slicesOf(hashes []Hash) [][]byte {
	out := make([][]byte, len(hashes))
	for i := range hashes {
		out[i] = hashes[i][:]
	}
	return out
}

// VerifyInclusion says whether path proves that leaf is the leaf at index of
// the tree of that size and root; the error wraps ErrProof.
func VerifyInclusion(s *suite.Suite, index, size uint64, leaf Hash, path []Hash, root Hash) error {
	if err := proof.VerifyInclusion(logHasher{s}, index, size, leaf[:], slicesOf(path), root[:]); err != nil {
		return fmt.Errorf("inclusion of %d in %d: %w: %w", index, size, ErrProof, inHex(err))
	}
	return nil
}

// inHex says of a wrong root what the merkle library says in decimal bytes.
func inHex(err error) error {
	var wrong proof.RootMismatchError
	if errors.As(err, &wrong) {
		return fmt.Errorf("it gives the root %x, not %x", wrong.CalculatedRoot, wrong.ExpectedRoot)
	}
	return err
}

// VerifyConsistency says whether path proves that the tree of size2 and root2
// extends the tree of size1 and root1; the error wraps ErrProof.
func VerifyConsistency(s *suite.Suite, size1, size2 uint64, path []Hash, root1, root2 Hash) error {
	if err := proof.VerifyConsistency(logHasher{s}, size1, size2, slicesOf(path), root1[:], root2[:]); err != nil {
		return fmt.Errorf("consistency of %d with %d: %w: %w", size1, size2, ErrProof, inHex(err))
	}
	return nil
}

// ReadNode returns the root of a perfect subtree; see InclusionPath.
type ReadNode func(level int, index uint64) (Hash, error)

// InclusionPath returns the RFC 6962 inclusion proof of a leaf in the tree of
// that size from perfect subtrees, all of which the tree has.
func InclusionPath(s *suite.Suite, index, size uint64, node ReadNode) ([]Hash, error) {
	if index >= size {
		return nil, fmt.Errorf("inclusion of %d in %d: %w", index, size, ErrProof)
	}
	var path []Hash
	last := size - 1
	for l := 0; last>>l > 0; l++ {
		i := index >> l
		var sibling Hash
		var err error
		switch {
		case i&1 == 1:
			sibling, err = node(l, i-1)
		case (i+2)<<l <= size:
			sibling, err = node(l, i+1)
		case i < last>>l:
			sibling, err = ragged(s, l, size, node)
		default:
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("inclusion of %d in %d: %w", index, size, err)
		}
		path = append(path, sibling)
	}
	return path, nil
}

// ragged returns the root of the incomplete subtree that ends the tree of that
// size under level.
func ragged(s *suite.Suite, level int, size uint64, node ReadNode) (Hash, error) {
	var acc Hash
	started := false
	for l := 0; l < level; l++ {
		if size>>l&1 == 0 {
			continue
		}
		n, err := node(l, size>>l-1)
		if err != nil {
			return Hash{}, err
		}
		if started {
			n = s.Node(n, acc)
		}
		acc, started = n, true
	}
	return acc, nil
}

// ConsistencyPath returns the RFC 6962 consistency proof between the trees of
// size1 and size2 leaves, from perfect subtrees, all of which the larger has.
func ConsistencyPath(s *suite.Suite, size1, size2 uint64, node ReadNode) ([]Hash, error) {
	if size1 > size2 {
		return nil, fmt.Errorf("consistency of %d with %d: %w: the log does not shrink", size1, size2, ErrProof)
	}
	if size1 == 0 || size1 == size2 {
		return nil, nil // the verifier has both roots
	}
	var path []Hash
	add := func(lo, hi uint64) error {
		level := bits.Len64(hi - lo - 1)
		read := func() (Hash, error) { return node(level, lo>>level) }
		if hi-lo < 1<<level { // only what ends the larger tree is incomplete
			read = func() (Hash, error) { return ragged(s, level, size2, node) }
		}
		hash, err := read()
		path = append(path, hash)
		return err
	}
	// SUBPROOF of section 2.1.2, from the root down to where the smaller tree
	// ends; the verifier has the part that is left unless something stands
	// before it.
	var err error
	lo, hi := uint64(0), size2
	for size1 != hi && err == nil {
		half := uint64(1) << (bits.Len64(hi-lo-1) - 1)
		if size1-lo <= half {
			err = add(lo+half, hi)
			hi = lo + half
		} else {
			err = add(lo, lo+half)
			lo += half
		}
	}
	if lo > 0 && err == nil {
		err = add(lo, hi)
	}
	if err != nil {
		return nil, fmt.Errorf("consistency of %d with %d: %w", size1, size2, err)
	}
	slices.Reverse(path)
	return path, nil
}

// NodeOfTiles returns a ReadNode over tiles: read must return at least the
// first width hashes of a tile.
func NodeOfTiles(s *suite.Suite, read ReadWidth) ReadNode {
	return func(level int, index uint64) (Hash, error) {
		high := level % tileBits
		first := index << high // in the tile level's own numbering
		n, at := first/TileWidth, int(first%TileWidth)
		hashes, err := read(level/tileBits, n, at+1<<high)
		if err != nil {
			return Hash{}, err
		}
		if len(hashes) < at+1<<high {
			return Hash{}, fmt.Errorf("tile %d/%d holds %d hashes", level/tileBits, n, len(hashes))
		}
		return fold(s, hashes[at:at+1<<high]), nil
	}
}
