package judge

import (
	"slices"

	"civicledger/ledger/chain"
	"civicledger/ledger/suite"
)

// leaves keeps what is needed to try other hashes for single entries: the
// roots of all groups of 256 entries, and the hashes of those groups in which
// something is suspect. It is 1/8 byte for each entry of a sound log.
type leaves struct {
	suite   *suite.Suite
	fold    func(group []chain.Hash) chain.Hash // of the quick way, else nil
	size    uint64
	roots   []chain.Hash            // of the groups before current
	current []chain.Hash            // 1 to 256, unless the log is empty
	kept    map[uint64][]chain.Hash // by group; nil while the group is current
	holes   bool                    // entries are missing: no root can be computed
}

func (l *leaves) add(leaf chain.Hash) {
	if l.holes {
		return
	}
	if len(l.current) == chain.TileWidth {
		l.next()
	}
	l.current = append(l.current, leaf)
	l.size++
}

// keep keeps the hashes of the current group, which holds the entry that was
// just added.
func (l *leaves) keep() {
	l.kept[uint64(len(l.roots))] = nil
}

// close saves the current group if something in it is suspect.
func (l *leaves) close() {
	if _, ok := l.kept[uint64(len(l.roots))]; ok {
		l.kept[uint64(len(l.roots))] = slices.Clone(l.current)
	}
}

// next puts the root of the current group, which is whole, to those before.
func (l *leaves) next() {
	l.close()
	root := l.fold
	if root == nil {
		root = func(group []chain.Hash) chain.Hash { return mth(l.suite, group) }
	}
	l.roots = append(l.roots, root(l.current))
	l.current = l.current[:0]
}

// mth is the RFC 6962 tree hash over hashes of equal, full subtrees, of which
// the last may be smaller.
func mth(s *suite.Suite, hashes []chain.Hash) chain.Hash {
	return chain.NewTree(s).Grow(hashes).Tree.Root()
}

// addGroups adds leaves; roots are those of the whole groups of 256 in them.
func (l *leaves) addGroups(hashes, roots []chain.Hash, fold func([]chain.Hash) chain.Hash) {
	l.fold = fold
	for len(hashes) > 0 {
		group := l.size / chain.TileWidth
		_, keep := l.kept[group]
		if l.size%chain.TileWidth != 0 || len(hashes) < chain.TileWidth {
			l.add(hashes[0])
			hashes = hashes[1:]
			continue
		}
		if keep {
			for _, hash := range hashes[:chain.TileWidth] {
				l.add(hash)
			}
		} else {
			if len(l.current) > 0 { // the group before
				l.next()
			}
			l.roots = append(l.roots, roots[0])
			l.size += chain.TileWidth
		}
		hashes, roots = hashes[chain.TileWidth:], roots[1:]
	}
}

// rootAt returns the root over the first size leaves, with other hashes for
// some; the group in which they end was kept.
func (l *leaves) rootAt(size uint64, other map[uint64]chain.Hash) chain.Hash {
	roots := append(slices.Clone(l.roots), mth(l.suite, l.current))[:(size+chain.TileWidth-1)/chain.TileWidth]
	changed := map[uint64][]chain.Hash{}
	whole, rest := size/chain.TileWidth, size%chain.TileWidth
	if rest > 0 {
		changed[whole] = slices.Clone(l.kept[whole][:rest])
	}
	for index, hash := range other {
		group := index / chain.TileWidth
		if index >= size {
			continue
		}
		if changed[group] == nil {
			changed[group] = slices.Clone(l.kept[group])
		}
		changed[group][index%chain.TileWidth] = hash
	}
	for group, hashes := range changed {
		roots[group] = mth(l.suite, hashes)
	}
	return mth(l.suite, roots)
}
