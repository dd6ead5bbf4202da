package verify

import (
	"fmt"
	"strings"

	"civicledger/ledger/chain"
)

// Verdicts of what is checked offline.
const (
	Proven    = "proven"
	NotProven = "not proven"
)

// Contradiction is two notes with the ledger's signature that cannot both be
// of one history: evidence against whoever holds its key.
type Contradiction struct {
	Message string `json:"message"`
	Before  string `json:"before"` // signed note
	Now     string `json:"now"`    // signed note
}

// contradiction compares a checkpoint with one that was kept: over the same
// number of entries there is one root. Whether a longer log extends a shorter
// one is not to be seen offline.
func contradiction(known *Known, c chain.Checkpoint, note string) *Contradiction {
	if known == nil || known.Size != c.Size || known.Root == c.Root {
		return nil
	}
	return &Contradiction{
		Message: fmt.Sprintf("fork: the ledger signed two roots over %d entries", c.Size),
		Before:  known.Note, Now: note,
	}
}

func (c *Contradiction) write(b *strings.Builder) {
	fmt.Fprintf(b, "  %s\n", c.Message)
	writeHeads(b, c.Before, c.Now)
}

func checkpointSeen(c chain.Checkpoint, note string) *CheckpointSeen {
	return &CheckpointSeen{Size: c.Size, Root: c.Root[:], Note: note}
}

// unrelated says what a kept checkpoint of another size does not show.
func unrelated(known *Known, size uint64) []string {
	if known == nil || known.Size == size {
		return nil
	}
	return []string{fmt.Sprintf("the checkpoint that was kept is over %d entries, this one over %d: that one log has both is shown by civicverify --url or --data with --state",
		known.Size, size)}
}
