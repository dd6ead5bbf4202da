package judge

import (
	"fmt"
	"slices"

	"civicledger/ledger/chain"
	"civicledger/ledger/suite"
	"civicledger/ledger/verify/verdict"
)

// nameDamage turns what is suspect into one defect for each damaged entry and
// drops the defects that only follow from damage.
func (j *Judge) nameDamage(exact bool) {
	var damaged []uint64
	for i := range j.suspects {
		if s := &j.suspects[i]; s.damaged() {
			damaged = append(damaged, s.index)
		}
	}
	named := map[uint64]bool{}
	kept := j.Defects.Kept[:0]
	for _, d := range j.Defects.Kept {
		if j.follows(&d, damaged, exact) {
			j.Defects.Total--
			continue
		}
		if d.First == d.Last && (d.Kind == verdict.KindHeader || d.Kind == verdict.KindMissing || (d.Kind == verdict.KindOrder && d.Scope == [2]uint64{})) {
			named[d.First] = true
		}
		kept = append(kept, d)
	}
	j.Defects.Kept = kept
	for i := range j.suspects {
		s := &j.suspects[i]
		d := verdict.Defect{First: s.index, Last: s.index, File: s.file, Offset: s.offset}
		switch {
		case named[s.index]:
			continue
		case s.damaged():
			d.Kind, d.Message = verdict.KindLeaf, fmt.Sprintf("its bytes have the hash %x, but the log states %x", s.computed[:8], s.stated[0][:8])
			if exact && s.index < j.cp.Size {
				d.Message += ", and the checkpoint signs that: this entry was changed"
			}
		case s.tile != "":
			d.Kind, d.Message = verdict.KindTile, "the served hash is not that of the entry"
			d.File, d.Offset = s.tile, int64(s.index%chain.TileWidth*suite.HashSize)
		case !contains(damaged, s.index+1, s.index+1):
			d.Kind, d.Message = verdict.KindLink, "the log states another hash for it than its bytes have"
		default:
			continue
		}
		j.Defects.Add(d)
	}
}

// follows says whether a defect says nothing beyond the damage of entries that
// are named anyway.
func (j *Judge) follows(d *verdict.Defect, damaged []uint64, exact bool) bool {
	if d.Kind == verdict.KindFrame {
		if exact && contains(damaged, d.First, d.Last) {
			return true
		}
		if exact && d.Last < j.cp.Size {
			d.Message += "; the entries in it are as signed"
		}
		return false
	}
	if d.Kind == verdict.KindGenesis && d.First == 0 && contains(damaged, 0, 0) {
		return true
	}
	if d.Scope == [2]uint64{} {
		return false
	}
	return contains(damaged, d.Scope[0], d.Scope[1]-1) || slices.ContainsFunc(j.gaps, func(g verdict.Standing) bool {
		return g.First < d.Scope[1] && g.Last >= d.Scope[0]
	})
}

// contains says whether a sorted list holds a number between two.
func contains(sorted []uint64, first, last uint64) bool {
	i, _ := slices.BinarySearch(sorted, first)
	return i < len(sorted) && sorted[i] <= last
}

// standing says what can be relied on.
func (j *Judge) standing(exact bool) []verdict.Standing {
	stands := []verdict.Standing{}
	by, end := verdict.ByLinks, j.next
	if exact {
		by, end = verdict.ByTree, j.cp.Size
	} else if len(j.gaps) > 0 {
		end = min(end, j.gaps[0].First)
	}
	add := func(from, end uint64, by string) {
		if from < end {
			stands = append(stands, verdict.Standing{First: from, Last: end - 1, By: by})
		}
	}
	from := uint64(0)
	for i := range j.suspects {
		s := &j.suspects[i]
		if !s.damaged() || s.index >= end {
			continue
		}
		add(from, s.index, by)
		from = s.index + 1
		if !exact {
			return stands
		}
	}
	add(from, end, by)
	if exact {
		add(end, j.wellTo(), verdict.ByChecks)
	}
	return stands
}

// wellTo is the first entry above the checkpoint of which something is wrong.
func (j *Judge) wellTo() uint64 {
	end := j.next
	for i := range j.Defects.Kept {
		if d := &j.Defects.Kept[i]; d.Last >= j.cp.Size {
			end = min(end, max(d.First, j.cp.Size))
		}
	}
	return end
}
