package chain

import (
	"fmt"

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
		return fmt.Errorf("inclusion of %d in %d: %w: %w", index, size, ErrProof, err)
	}
	return nil
}

// VerifyConsistency says whether path proves that the tree of size2 and root2
// extends the tree of size1 and root1; the error wraps ErrProof.
func VerifyConsistency(s *suite.Suite, size1, size2 uint64, path []Hash, root1, root2 Hash) error {
	if err := proof.VerifyConsistency(logHasher{s}, size1, size2, slicesOf(path), root1[:], root2[:]); err != nil {
		return fmt.Errorf("consistency of %d with %d: %w: %w", size1, size2, ErrProof, err)
	}
	return nil
}
