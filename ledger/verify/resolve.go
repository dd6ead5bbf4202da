package verify

import (
	"fmt"
	"math/bits"
	"slices"

	"civicledger/ledger/chain"
	"civicledger/ledger/suite"
)

// suspect is an entry about which the log contradicts itself: its bytes have
// one hash, and the log states another, or its bytes cannot be read.
type suspect struct {
	index    uint64
	computed *chain.Hash // nil: cannot be read
	stated   []chain.Hash
	chosen   int // into candidates, by choose
	file     string
	offset   int64
	tile     string
}

// candidates are the hashes the entry may have had, the computed one last.
func (s *suspect) candidates() []chain.Hash {
	if s.computed == nil {
		return s.stated
	}
	return append(slices.Clone(s.stated), *s.computed)
}

// damaged says whether, as chosen, the entry's bytes are not what was signed.
func (s *suspect) damaged() bool { return s.computed == nil || s.chosen < len(s.stated) }

// stated compares what the log states about the last entry with its bytes.
func (j *judge) stated(hash chain.Hash) {
	if j.last == nil || (j.last.raw != nil && j.last.leaf == hash) {
		return
	}
	j.suspect(hash, true)
	if j.last.err != nil || j.last.header.Agency == chain.Operator {
		j.lost = true
	}
}

func (j *judge) suspect(hash chain.Hash, isStated bool) {
	if j.last.suspect == 0 {
		s := suspect{index: j.next - 1, file: j.last.file, offset: j.last.offset, tile: j.last.tile}
		if j.last.raw != nil {
			leaf := j.last.leaf
			s.computed = &leaf
		}
		j.suspects = append(j.suspects, s)
		j.last.suspect = len(j.suspects)
		j.tree.keep()
	}
	s := &j.suspects[j.last.suspect-1]
	if isStated && !slices.Contains(s.stated, hash) {
		s.stated = append(s.stated, hash)
	}
}

// leaves keeps what is needed to try other hashes for single entries: the
// roots of all groups of 256 entries, and the hashes of those groups in which
// something is suspect. It is 1/8 byte for each entry of a sound log.
type leaves struct {
	suite   *suite.Suite
	batch   *suite.Batch // of the quick way, else nil
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
	if l.kept == nil {
		l.kept = map[uint64][]chain.Hash{}
	}
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
	if l.batch != nil {
		l.roots = append(l.roots, fold(l.batch, l.current)...)
	} else {
		l.roots = append(l.roots, mth(l.suite, l.current))
	}
	l.current = l.current[:0]
}

// root returns the root with other hashes for some entries.
func (l *leaves) root(other map[uint64]chain.Hash) chain.Hash {
	roots := slices.Clone(l.roots)
	if len(l.current) > 0 {
		roots = append(roots, mth(l.suite, l.current))
	}
	changed := map[uint64][]chain.Hash{}
	for index, hash := range other {
		group := index / chain.TileWidth
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

// mth is the RFC 6962 tree hash over hashes of equal, full subtrees, of which
// the last may be smaller.
func mth(s *suite.Suite, hashes []chain.Hash) chain.Hash {
	switch len(hashes) {
	case 0:
		return s.EmptyRoot()
	case 1:
		return hashes[0]
	}
	split := 1 << (bits.Len(uint(len(hashes)-1)) - 1)
	return s.Node(mth(s, hashes[:split]), mth(s, hashes[split:]))
}

// maxTrials bounds how many ways of damage are tried against the root.
const maxTrials = 512

// choose finds hashes for the suspects that make the signed root, beginning
// with the likeliest. It says whether it did: then every entry that is not
// damaged as chosen is exactly as signed.
func (j *judge) choose() bool {
	for i := range j.suspects {
		s := &j.suspects[i]
		if hash, ok := j.moved[s.index]; ok && !slices.Contains(s.stated, hash) {
			s.stated = append(s.stated, hash)
		}
		// A header that is damaged itself states nothing reliable about the entry before.
		nextToo := i+1 < len(j.suspects) && j.suspects[i+1].index == s.index+1
		if s.computed != nil && nextToo && len(s.stated) == 1 {
			s.chosen = len(s.stated)
		}
	}
	if j.cp == nil || j.tree.holes || j.tree.size != j.cp.Size {
		return false
	}
	likeliest := make([]int, len(j.suspects))
	for i := range j.suspects {
		likeliest[i] = j.suspects[i].chosen
	}
	j.tree.close()
	for range maxTrials {
		other, ok := j.chosen()
		if !ok {
			return false
		}
		if j.tree.root(other) == j.cp.Root {
			return true
		}
		if !j.nextTrial(likeliest) {
			break
		}
	}
	for i := range j.suspects {
		j.suspects[i].chosen = likeliest[i]
	}
	return false
}

// chosen returns the hashes of the suspects as chosen; false if one has none.
func (j *judge) chosen() (map[uint64]chain.Hash, bool) {
	other := map[uint64]chain.Hash{}
	for i := range j.suspects {
		s := &j.suspects[i]
		c := s.candidates()
		if len(c) == 0 {
			return nil, false
		}
		other[s.index] = c[s.chosen]
	}
	return other, true
}

// nextTrial counts through the candidates, each relative to the likeliest.
func (j *judge) nextTrial(likeliest []int) bool {
	for i := range j.suspects {
		s := &j.suspects[i]
		n := len(s.candidates())
		s.chosen = (s.chosen + 1) % n
		if s.chosen != likeliest[i]%n {
			return true
		}
	}
	return false
}

// stop waits for the cores.
func (j *judge) stop() {
	close(j.jobs)
	j.jobsWait.Wait()
}

// finish draws the conclusions and fills the report.
func (j *judge) finish(r *Report, size uint64, complete bool) {
	j.stop()
	if complete && j.cp != nil && j.next < size {
		j.defects.add(Defect{Kind: KindMissing, First: j.next, Last: size - 1, Message: fmt.Sprintf("the log ends after %d entries, the checkpoint signs %d", j.next, size)})
		j.gaps = append(j.gaps, Standing{First: j.next, Last: size - 1})
		j.tree.holes = true
		j.interrupt()
	}
	if complete && j.sub != nil {
		j.cutSubmission(j.next)
	}
	exact := j.choose()
	j.judgeRoster()
	j.judgeRepeated()
	if complete && j.cp != nil && !exact && !j.tree.holes {
		j.defects.add(Defect{Kind: KindTreeRoot, First: 0, Last: max(size, 1) - 1, Message: j.rootMessage()})
	}
	r.Notes = append(r.Notes, j.judgeKnown(exact)...)
	j.nameDamage(exact)
	r.Counts = j.counts
	r.Counts.Entries, r.Counts.Bytes, r.Counts.Agencies = j.next, j.bytes, len(j.roster.Agencies())
	r.Suite = j.suite.Name()
	r.Stands = j.standing(exact)
	r.settle(j.defects.kept, j.defects.total)
}

func (j *judge) rootMessage() string {
	if len(j.suspects) == 0 {
		return "the entries agree with each other, but the checkpoint signs another history (a fork, or rewritten and linked again)"
	}
	return "the checkpoint's root cannot be made from these entries and the hashes they state: which others are as signed is not proven"
}

func (j *judge) judgeRoster() {
	if j.roster.Suite() != nil && !j.lost && j.roster.LogKey() != j.vkey {
		j.defects.add(Defect{Kind: KindGenesis, Message: fmt.Sprintf("the ledger's own log key is %s, not the trusted one", j.roster.LogKey())})
	}
}

// judgeRepeated finds what was said twice: whole submissions first.
func (j *judge) judgeRepeated() {
	replayed := map[uint64]bool{}
	j.digests.repeated(func(first, again uint64) {
		replayed[again] = true
		j.defects.add(Defect{Kind: KindRepeated, First: again, Last: again, scope: scope(again, again), Message: fmt.Sprintf("the submission that begins at %d, said again (a replay)", first)})
	})
	j.keys.repeated(func(first, again uint64) {
		if !replayed[again] {
			j.defects.add(Defect{Kind: KindRepeated, First: again, Last: again, scope: scope(again, again), Message: fmt.Sprintf("says again what entry %d says: same agency, source and id", first)})
		}
	})
}
