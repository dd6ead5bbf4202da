// Package verdict holds what a verifier answers and what it remembers: the
// report on a log with its defects, and a checkpoint that the ledger signed.
// Every room of ledger/verify speaks in these words; FORMAT.md has their form.
package verdict

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"
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
	KindCut        = "cut"    // nor does this one, and an entry of it admits that entries were lost
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

	Scope [2]uint64 `json:"-"` // entries [0], up to and without [1], whose damage explains it; zeros: none does
}

// Contradicts says that the log does not extend the checkpoint that was kept:
// the notes of both are evidence.
func (d *Defect) Contradicts() bool {
	return d.Kind == KindRewind || d.Kind == KindFork || d.Kind == KindCut
}

// Within is the scope of a defect that damage from first to last explains.
func Within(first, last uint64) [2]uint64 { return [2]uint64{first, last + 1} }

// Defects collects defects of all goroutines; beyond a bound it only counts.
type Defects struct {
	mu    sync.Mutex
	Kept  []Defect
	Total int
}

const maxKept = 100_000

// Add adds defects.
func (l *Defects) Add(defects ...Defect) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Total += len(defects)
	l.Kept = append(l.Kept, defects[:min(len(defects), maxKept-len(l.Kept))]...)
}

// Standing is a range of entries that stands in spite of defects elsewhere.
type Standing struct {
	First uint64 `json:"first"` // entries [First, Last]
	Last  uint64 `json:"last"`
	By    string `json:"by"`
}

// What a range stands by.
const (
	ByTree   = "tree"   // exactly as the checkpoint signs
	ByLinks  = "links"  // chained to the genesis entry only
	ByChecks = "checks" // above the checkpoint: every check holds, nothing signed covers it yet
)

// Counts says how much was judged.
type Counts struct {
	Entries     uint64 `json:"entries"` // up to the checkpoint
	Bytes       uint64 `json:"bytes"`
	Submissions uint64 `json:"submissions"`
	Signatures  uint64 `json:"signatures"` // valid ones
	Agencies    int    `json:"agencies"`
	Beyond      uint64 `json:"beyond"`   // entries after the checkpoint, judged too
	Unjudged    uint64 `json:"unjudged"` // submissions whose rights rest on damaged entries
}

// Report is the outcome. Its JSON form is versioned by Format.
type Report struct {
	Format      string     `json:"format"`
	Verdict     string     `json:"verdict"`
	Source      string     `json:"source"`
	Key         string     `json:"key"`
	Origin      string     `json:"origin"`
	Suite       string     `json:"suite"`
	Checkpoint  *Seen      `json:"checkpoint"`
	Known       *Seen      `json:"known,omitempty"` // kept from before
	Counts      Counts     `json:"counts"`
	DefectCount int        `json:"defectCount"`
	Defects     []Defect   `json:"defects"`
	Stands      []Standing `json:"stands"`
	Notes       []string   `json:"notes"`
	Problem     string     `json:"problem,omitempty"` // why it could not be checked
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

// Stamp is Unix milliseconds for people and programs.
func Stamp(millis int64) string {
	return time.UnixMilli(millis).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}

// Settle orders and bounds the defects and gives the verdict.
func (r *Report) Settle(defects []Defect, total int) {
	slices.SortStableFunc(defects, func(a, b Defect) int {
		return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.Last, b.Last), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Message, b.Message))
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
