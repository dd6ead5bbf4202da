package verify

import (
	"fmt"
	"slices"

	"civicledger/ledger/chain"
	"civicledger/ledger/suite"
)

// nameDamage turns what is suspect into one defect for each damaged entry and
// drops the defects that only follow from damage.
func (j *judge) nameDamage(exact bool) {
	var damaged []uint64
	for i := range j.suspects {
		if s := &j.suspects[i]; s.damaged() {
			damaged = append(damaged, s.index)
		}
	}
	named := map[uint64]bool{}
	kept := j.defects.kept[:0]
	for _, d := range j.defects.kept {
		if j.follows(&d, damaged, exact) {
			j.defects.total--
			continue
		}
		if d.First == d.Last && (d.Kind == KindHeader || d.Kind == KindMissing || (d.Kind == KindOrder && d.scope == [2]uint64{})) {
			named[d.First] = true
		}
		kept = append(kept, d)
	}
	j.defects.kept = kept
	for i := range j.suspects {
		s := &j.suspects[i]
		switch {
		case named[s.index]:
		case s.damaged():
			j.defects.add(s.defect(exact))
		case s.tile != "":
			j.defects.add(Defect{
				Kind: KindTile, First: s.index, Last: s.index, File: s.tile, Offset: int64(s.index % chain.TileWidth * suite.HashSize),
				Message: "the served hash is not that of the entry",
			})
		case !contains(damaged, s.index+1, s.index+1):
			j.defects.add(Defect{
				Kind: KindLink, First: s.index, Last: s.index, File: s.file, Offset: s.offset,
				Message: "the log states another hash for it than its bytes have",
			})
		}
	}
}

func (s *suspect) defect(exact bool) Defect {
	d := Defect{Kind: KindLeaf, First: s.index, Last: s.index, File: s.file, Offset: s.offset}
	d.Message = fmt.Sprintf("its bytes have the hash %x, but the log states %x", s.computed[:8], s.stated[0][:8])
	if exact {
		d.Message += ", and the checkpoint signs that: this entry was changed"
	}
	return d
}

// follows says whether a defect says nothing beyond the damage of entries that
// are named anyway.
func (j *judge) follows(d *Defect, damaged []uint64, exact bool) bool {
	if d.Kind == KindFrame {
		if exact && contains(damaged, d.First, d.Last) {
			return true
		}
		if exact {
			d.Message += "; the entries in it are as signed"
		}
		return false
	}
	if d.Kind == KindGenesis && d.First == 0 && contains(damaged, 0, 0) {
		return true
	}
	if d.scope == [2]uint64{} {
		return false
	}
	return contains(damaged, d.scope[0], d.scope[1]-1) || slices.ContainsFunc(j.gaps, func(g Standing) bool {
		return g.First < d.scope[1] && g.Last >= d.scope[0]
	})
}

// contains says whether a sorted list holds a number between two.
func contains(sorted []uint64, first, last uint64) bool {
	i, _ := slices.BinarySearch(sorted, first)
	return i < len(sorted) && sorted[i] <= last
}

// standing says what can be relied on.
func (j *judge) standing(exact bool) []Standing {
	stands := []Standing{}
	by, end := "links", j.next
	if exact {
		by = "tree"
	} else if len(j.gaps) > 0 {
		end = min(end, j.gaps[0].First)
	}
	from := uint64(0)
	for i := range j.suspects {
		s := &j.suspects[i]
		if !s.damaged() || s.index >= end {
			continue
		}
		if s.index > from {
			stands = append(stands, Standing{from, s.index - 1, by})
		}
		from = s.index + 1
		if !exact {
			return stands
		}
	}
	if from < end {
		stands = append(stands, Standing{from, end - 1, by})
	}
	return stands
}
