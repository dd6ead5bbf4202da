package judge

import (
	"fmt"

	"civicledger/ledger/verify/verdict"
)

// judgeKnown compares the log with the known checkpoint; what cannot be
// compared is a note.
func (j *Judge) judgeKnown(exact bool) (notes []string) {
	k := j.known
	if k == nil || j.cp == nil {
		return nil
	}
	switch {
	case j.cp.Size < k.Size:
		j.Defects.Add(verdict.Defect{Kind: verdict.KindRewind, First: j.cp.Size, Last: k.Size - 1, Message: fmt.Sprintf(
			"the log ends at %d entries; the ledger signed %d before: it was put back, or this is an old copy", j.cp.Size, k.Size)})
		return nil
	case j.cp.Size == k.Size && j.cp.Root != k.Root:
		j.fork("the ledger signed two roots over the same number of entries")
		return nil
	case j.tree.holes || j.tree.size < k.Size:
		return []string{fmt.Sprintf("whether the log extends the checkpoint of %d entries that was kept cannot be said: entries are missing", k.Size)}
	}
	other, ok := j.chosen()
	if !ok || !exact {
		other = nil // only the entries as read can be compared
	}
	j.tree.close()
	same := j.tree.rootAt(k.Size, other) == k.Root
	switch {
	case exact && !same:
		j.fork(fmt.Sprintf("the first %d entries are not those that the ledger signed before", k.Size))
	case !exact && same:
		notes = append(notes, fmt.Sprintf("the first %d entries are exactly those of the checkpoint that was kept", k.Size))
	case !exact:
		notes = append(notes, fmt.Sprintf("the first %d entries as read do not make the root of the checkpoint that was kept either", k.Size))
	}
	return notes
}

func (j *Judge) fork(message string) {
	j.Defects.Add(verdict.Defect{Kind: verdict.KindFork, First: 0, Last: max(j.known.Size, 1) - 1, Message: message})
}
