package judge

import (
	"cmp"
	"fmt"
	"slices"

	"civicledger/ledger/chain"
	"civicledger/ledger/verify/verdict"
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
func (j *Judge) stated(hash chain.Hash) {
	if j.last == nil || (j.last.Raw != nil && j.last.Leaf == hash) {
		return
	}
	j.suspect(hash, true)
	if j.last.Err != nil || j.last.Header.Agency == chain.Operator {
		j.lost = true
	}
}

func (j *Judge) suspect(hash chain.Hash, isStated bool) {
	if j.last.suspect == 0 {
		s := suspect{index: j.next - 1, file: j.last.File, offset: j.last.Offset, tile: j.last.Tile}
		if j.last.Raw != nil {
			leaf := j.last.Leaf
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

// maxTrials bounds how many ways of damage are tried against the root.
const maxTrials = 512

// choose finds hashes for the suspects that make the signed root, beginning
// with the likeliest. It says whether it did: then every entry that is not
// damaged as chosen is exactly as signed.
func (j *Judge) choose() bool {
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
	if j.cp == nil || j.tree.size < j.cp.Size {
		return false
	}
	likeliest := make([]int, len(j.suspects))
	for i := range j.suspects {
		likeliest[i] = j.suspects[i].chosen
	}
	j.tree.close()
	for range maxTrials {
		other, ok := j.chosen(j.cp.Size)
		if !ok {
			return false
		}
		if j.tree.rootAt(j.cp.Size, other) == j.cp.Root {
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

// below returns the suspects below an index.
func (j *Judge) below(size uint64) []suspect {
	n, _ := slices.BinarySearchFunc(j.suspects, size, func(s suspect, size uint64) int { return cmp.Compare(s.index, size) })
	return j.suspects[:n]
}

// chosen returns the hashes of those as chosen; false if one has none.
func (j *Judge) chosen(size uint64) (map[uint64]chain.Hash, bool) {
	other := map[uint64]chain.Hash{}
	for _, s := range j.below(size) {
		c := s.candidates()
		if len(c) == 0 {
			return nil, false
		}
		other[s.index] = c[s.chosen]
	}
	return other, true
}

// nextTrial counts through the candidates, each relative to the likeliest.
func (j *Judge) nextTrial(likeliest []int) bool {
	below := j.below(j.cp.Size)
	for i := range below {
		s := &below[i]
		n := len(s.candidates())
		s.chosen = (s.chosen + 1) % n
		if s.chosen != likeliest[i]%n {
			return true
		}
	}
	return false
}

// Finish draws the conclusions and fills the report; complete says that the log
// was read to its end.
func (j *Judge) Finish(r *verdict.Report, complete bool) {
	j.jobs.Wait()
	if complete && j.cp != nil && j.next < j.cp.Size {
		end := j.cp.Size
		j.Defects.Add(verdict.Defect{Kind: verdict.KindMissing, First: j.next, Last: end - 1, Message: fmt.Sprintf("the log ends after %d entries, the checkpoint signs %d", j.next, end)})
		j.gaps = append(j.gaps, verdict.Standing{First: j.next, Last: end - 1})
		j.interrupt()
	}
	if complete && j.sub != nil {
		j.Defects.Add(j.sub.Cut(j.next))
	}
	exact := j.choose()
	if j.roster.Suite() != nil && !j.lost && j.roster.LogKey() != j.vkey {
		j.Defects.Add(verdict.Defect{Kind: verdict.KindGenesis, Message: fmt.Sprintf("the ledger's own log key is %s, not the trusted one", j.roster.LogKey())})
	}
	j.judgeRepeated()
	if complete && j.cp != nil && !exact && j.tree.size >= j.cp.Size {
		message := "the entries agree with each other, but the checkpoint signs another history (a fork, or rewritten and linked again)"
		if len(j.suspects) > 0 {
			message = "the checkpoint's root cannot be made from these entries and the hashes they state: which others are as signed is not proven"
		}
		j.Defects.Add(verdict.Defect{Kind: verdict.KindTreeRoot, First: 0, Last: max(j.cp.Size, 1) - 1, Message: message})
	}
	r.Known = j.known.Seen()
	r.Notes = append(r.Notes, j.judgeKnown(exact)...)
	j.nameDamage(exact)
	r.Counts = j.counts
	r.Counts.Entries, r.Counts.Bytes, r.Counts.Agencies = j.next, j.bytes, len(j.roster.Agencies())
	if j.cp != nil && j.next > j.cp.Size {
		r.Counts.Entries, r.Counts.Beyond = j.cp.Size, j.next-j.cp.Size
	}
	r.Suite = j.suite.Name()
	r.Stands = j.standing(exact)
	r.Settle(j.Defects.Kept, j.Defects.Total)
}

// judgeRepeated finds what was said twice: whole submissions first.
func (j *Judge) judgeRepeated() {
	replayed := map[uint64]bool{}
	j.digests.repeated(func(first, again uint64) {
		replayed[again] = true
		j.Defects.Add(verdict.Defect{Kind: verdict.KindRepeated, First: again, Last: again, Scope: verdict.Within(again, again), Message: fmt.Sprintf("the submission that begins at %d, said again (a replay)", first)})
	})
	j.keys.repeated(func(first, again uint64) {
		if !replayed[again] {
			j.Defects.Add(verdict.Defect{Kind: verdict.KindRepeated, First: again, Last: again, Scope: verdict.Within(again, again), Message: fmt.Sprintf("says again what entry %d says: same agency, source and id", first)})
		}
	})
}
