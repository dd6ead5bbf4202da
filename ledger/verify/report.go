package verify

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Format is the first member of every report; see FORMAT.md.
const Format = "civicledger verification v1"

// Verdicts of a report.
const (
	Sound     = "sound"     // every check passed
	Unsound   = "unsound"   // at least one did not
	Unchecked = "unchecked" // the log could not be read to its end, or the key not be used
)

// Kinds of defects; they are stable.
const (
	KindCheckpoint = "checkpoint" // there is none that the key signed
	KindGenesis    = "genesis"    // the log begins with another ledger, or not as a ledger begins
	KindLeaf       = "leaf"       // the bytes of an entry do not have the hash that the log states
	KindHeader     = "header"     // the header of an entry cannot be read
	KindOrder      = "order"      // an entry stands at another place than its own, or out of time
	KindLink       = "link"       // the chain states two hashes for one entry
	KindTreeRoot   = "tree-root"  // all entries together are not what the checkpoint signs
	KindMissing    = "missing"    // entries are not there
	KindFrame      = "frame-checksum"
	KindSegment    = "segment" // a file of the book does not continue the one before
	KindTile       = "tile"    // a served hash tile is not that of the entries
	KindSubmission = "submission"
	KindSignature  = "signature"
	KindRights     = "rights"
	KindEventKey   = "event-key"
	KindEnvelope   = "envelope"
	KindRepeated   = "repeated"
	KindRewind     = "rewind" // the log is shorter than a checkpoint of it that was kept
	KindFork       = "fork"   // the log does not extend a checkpoint of it that was kept
)

// MaxDefects bounds the defects listed in a report; all are counted.
const MaxDefects = 1000

// Defect is one thing that is not as it must be.
type Defect struct {
	Kind    string `json:"kind"`
	First   uint64 `json:"first"` // entries [First, Last] are concerned
	Last    uint64 `json:"last"`
	File    string `json:"file,omitempty"` // relative to the data directory, or a path on the server
	Offset  int64  `json:"offset,omitempty"`
	Message string `json:"message"`

	scope [2]uint64 // entries [0], up to and without [1], whose damage explains it; zeros: none does
}

func scope(first, last uint64) [2]uint64 { return [2]uint64{first, last + 1} }

// Standing is a range of entries that stands in spite of defects elsewhere.
type Standing struct {
	First uint64 `json:"first"` // entries [First, Last]
	Last  uint64 `json:"last"`
	By    string `json:"by"` // "tree": exactly as the checkpoint signs; "links": chained to the genesis entry only
}

// Counts says how much was judged.
type Counts struct {
	Entries     uint64 `json:"entries"` // up to the checkpoint
	Bytes       uint64 `json:"bytes"`
	Submissions uint64 `json:"submissions"`
	Signatures  uint64 `json:"signatures"` // valid ones
	Agencies    int    `json:"agencies"`
	Beyond      uint64 `json:"beyond"`   // entries after the checkpoint: not judged
	Unjudged    uint64 `json:"unjudged"` // submissions whose rights rest on damaged entries
}

// CheckpointSeen is the checkpoint against which the log was judged.
type CheckpointSeen struct {
	Size uint64 `json:"size"`
	Root []byte `json:"root"`
	Note string `json:"note"`
}

// Report is the outcome. Its JSON form is versioned by Format.
type Report struct {
	Format      string          `json:"format"`
	Verdict     string          `json:"verdict"`
	Source      string          `json:"source"`
	Key         string          `json:"key"`
	Origin      string          `json:"origin"`
	Suite       string          `json:"suite"`
	Checkpoint  *CheckpointSeen `json:"checkpoint"`
	Known       *CheckpointSeen `json:"known,omitempty"` // kept from before: see Options
	Counts      Counts          `json:"counts"`
	DefectCount int             `json:"defectCount"`
	Defects     []Defect        `json:"defects"`
	Stands      []Standing      `json:"stands"`
	Notes       []string        `json:"notes"`
	Problem     string          `json:"problem,omitempty"` // why it could not be checked
}

// ExitCode is 0 for sound, 1 for unsound, 2 for unchecked.
func (r *Report) ExitCode() int {
	switch r.Verdict {
	case Sound:
		return 0
	case Unsound:
		return 1
	}
	return 2
}

// settle orders and bounds the defects and gives the verdict.
func (r *Report) settle(defects []Defect, total int) {
	slices.SortStableFunc(defects, func(a, b Defect) int {
		return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.Last, b.Last), strings.Compare(a.Kind, b.Kind))
	})
	r.DefectCount = total
	r.Defects = append([]Defect{}, defects[:min(len(defects), MaxDefects)]...)
	switch {
	case total > 0:
		r.Verdict = Unsound
	case r.Problem != "":
		r.Verdict = Unchecked
	default:
		r.Verdict = Sound
	}
}

// WriteJSON writes the report as indented JSON.
func (r *Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// WriteWords writes the report for people.
func (r *Report) WriteWords(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", r.Source, map[string]string{Sound: "SOUND", Unsound: "NOT SOUND", Unchecked: "COULD NOT BE CHECKED"}[r.Verdict])
	if r.Problem != "" {
		fmt.Fprintf(&b, "  %s\n", r.Problem)
	}
	if c := r.Checkpoint; c != nil {
		fmt.Fprintf(&b, "  ledger      %s (%s)\n  checkpoint  %d entries, root %x\n", r.Origin, r.Suite, c.Size, c.Root)
	}
	if r.Verdict != Unchecked {
		c := r.Counts
		fmt.Fprintf(&b, "  judged      %d entries (%d bytes), %d submissions, %d valid signatures, %d agencies\n",
			c.Entries, c.Bytes, c.Submissions, c.Signatures, c.Agencies)
	}
	if n := r.Counts.Beyond; n > 0 {
		fmt.Fprintf(&b, "  beyond      %d entries lie after the checkpoint: not signed yet, not judged\n", n)
	}
	if n := r.Counts.Unjudged; n > 0 {
		fmt.Fprintf(&b, "  not judged  rights of %d submissions, because operator's entries before them are damaged\n", n)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "  note        %s\n", n)
	}
	r.writeDefects(&b)
	r.writeEvidence(&b)
	for _, s := range r.Stands {
		by := "exactly as the checkpoint signs them"
		if s.By != "tree" {
			by = "linked to the genesis entry without a gap; not proven by the checkpoint"
		}
		fmt.Fprintf(&b, "  stands      %s: %s\n", entries(s.First, s.Last), by)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) writeDefects(b *strings.Builder) {
	if r.DefectCount > 0 {
		fmt.Fprintf(b, "  defects     %d\n", r.DefectCount)
	}
	for _, d := range r.Defects {
		fmt.Fprintf(b, "    %-14s %s: %s", d.Kind, entries(d.First, d.Last), d.Message)
		if d.File != "" {
			fmt.Fprintf(b, " (%s at byte %d)", d.File, d.Offset)
		}
		b.WriteByte('\n')
	}
	if more := r.DefectCount - len(r.Defects); more > 0 {
		fmt.Fprintf(b, "    and %d more\n", more)
	}
}

func entries(first, last uint64) string {
	if first == last {
		return fmt.Sprintf("entry %d", first)
	}
	return fmt.Sprintf("entries %d to %d", first, last)
}
