package judge

import (
	"encoding/json"
	"fmt"
	"strings"

	"civicledger/ledger/roster"
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
	case j.cp.Size < k.Size && j.next < k.Size:
		j.contradicts(verdict.KindRewind, j.cp.Size, fmt.Sprintf("the log ends at %d entries; the ledger signed %d before: it was put back, or this is an old copy", j.next, k.Size))
		return nil
	case j.cp.Size == k.Size && j.cp.Root != k.Root:
		j.contradicts(verdict.KindFork, 0, "the ledger signed two roots over the same number of entries")
		return nil
	case j.tree.size < k.Size:
		return []string{fmt.Sprintf("whether the log extends the checkpoint of %d entries that was kept cannot be said: entries are missing", k.Size)}
	}
	other, ok := j.chosen(k.Size)
	if !ok || !exact {
		other = nil // only the entries as read can be compared
	}
	j.tree.close()
	same := j.tree.rootAt(k.Size, other) == k.Root
	switch {
	case exact && !same:
		j.contradicts(verdict.KindFork, 0, fmt.Sprintf("the first %d entries are not those that the ledger signed before", k.Size))
	case exact && j.cp.Size < k.Size:
		notes = append(notes, fmt.Sprintf("the stored checkpoint lags: the entries above it, up to %d, are those of the checkpoint that was kept", k.Size))
	case !exact && same:
		notes = append(notes, fmt.Sprintf("the first %d entries are exactly those of the checkpoint that was kept", k.Size))
	case !exact:
		notes = append(notes, fmt.Sprintf("the first %d entries as read do not make the root of the checkpoint that was kept either", k.Size))
	}
	return notes
}

// contradicts notes that the log does not extend the known checkpoint. Where it
// is sound and the operator says on it, at an index that the known one covers,
// that entries were lost there, this is what explains it.
func (j *Judge) contradicts(kind string, first uint64, message string) {
	last := max(j.known.Size, 1) - 1
	if len(j.cuts) > 0 && j.cuts[0].index <= last && j.Defects.Total == 0 && len(j.suspects) == 0 {
		kind, first, message = verdict.KindCut, j.cuts[0].index, j.cuts[0].words()
	}
	j.Defects.Add(verdict.Defect{Kind: kind, First: first, Last: last, Message: message})
}

// cut is an entry that says that those which stood there, and behind, are lost.
type cut struct {
	index uint64
	line  []byte
}

func (c *cut) words() string {
	var said struct {
		Data roster.Cut `json:"data"`
	}
	if err := json.Unmarshal(c.line, &said); err != nil {
		return fmt.Sprintf("cut admitted at %d, by a line that cannot be read: %v", c.index, err) // the roster read it
	}
	var known []string
	for _, k := range said.Data.Known {
		if k.Size == 0 {
			known = append(known, k.By+" unreadable")
		} else {
			known = append(known, fmt.Sprintf("%s %d", k.By, k.Size))
		}
	}
	return fmt.Sprintf("cut admitted at %d: the operator says in entry %d that what stood from there on is lost (known of entries: %s), because: %s",
		c.index, c.index, strings.Join(known, ", "), said.Data.Reason)
}
