// Package judge goes through a log in order, entry by entry, and keeps going
// behind damage: it keeps what the log states about each entry, and in the end
// names every defect and what stands in spite of it. This is the careful way;
// ledger/verify/quick hands it what was judged elsewhere.
package judge

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"civicledger/ledger/chain"
	"civicledger/ledger/roster"
	"civicledger/ledger/suite"
	"civicledger/ledger/verify/source"
	"civicledger/ledger/verify/verdict"
)

// Judge judges one log. One goroutine owns it; what needs no order (signatures,
// rights of agencies) it hands to the cores.
type Judge struct {
	suite    *suite.Suite
	vkey     string
	cp       *verdict.Signed
	known    *verdict.Signed // nil: there is none
	progress func(done, total uint64)

	roster *roster.Roster
	lost   bool // an operator's entry may be missing from the roster

	next     uint64
	last     *lastEntry // entry next-1; nil if it is not known
	buffer   lastEntry  // where last points
	recorded int64
	tree     leaves
	suspects []suspect
	moved    map[uint64]chain.Hash // entries at a wrong place, by the index in their header
	gaps     []verdict.Standing    // entries that could not be read
	cuts     []cut                 // that the operator admits

	sub      *source.Assembly // the submission that is not complete yet
	skipping bool             // up to the next submission, because of damage

	keys, digests seen
	Defects       verdict.Defects
	bytes         uint64

	cores  chan struct{} // one for each job under way
	jobs   sync.WaitGroup
	mu     sync.Mutex // guards counts and digests while jobs run
	counts verdict.Counts
}

// maxMoved bounds what is kept of a log that is all out of order.
const maxMoved = 100_000

type lastEntry struct {
	*source.Item
	suspect int // position in suspects + 1
}

// judgement is a submission to be judged on any core.
type judgement struct {
	*source.Assembly
	roster *roster.Roster // before it
	lost   bool
	rights bool // judge them, not only the signature
}

// New returns a judge before entry 0. The log's checkpoint and one that was kept
// may be nil; what was wrong before an entry was read is in defects.
func New(vkey string, cp, known *verdict.Signed, progress func(done, total uint64), defects ...verdict.Defect) *Judge {
	j := &Judge{vkey: vkey, cp: cp, known: known, progress: progress, roster: roster.New(), suite: suite.Default(), cores: make(chan struct{}, runtime.GOMAXPROCS(0))}
	j.tree.suite = j.suite // for a log without entries
	j.Defects.Add(defects...)
	j.moved, j.tree.kept = map[uint64]chain.Hash{}, map[uint64][]chain.Hash{}
	for _, signed := range []*verdict.Signed{cp, known} { // what it takes to compute the root there
		if signed != nil {
			j.tree.kept[signed.Size/chain.TileWidth] = nil
		}
	}
	return j
}

// Run judges what a source has and fills the report; the error is one of reading.
func (j *Judge) Run(ctx context.Context, src source.Source, r *verdict.Report) error {
	in := source.NewReader(ctx, &j.Defects)
	size := source.NoSize
	if j.cp != nil {
		size = j.cp.Size
	}
	err := in.Read(src, size, func(b *source.Batch) {
		j.suite = in.Suite
		j.batch(b)
	})
	j.Finish(r, err == nil)
	r.Notes = append(r.Notes, in.Notes...)
	return err
}

func (j *Judge) batch(b *source.Batch) {
	j.tree.suite = j.suite
	if b.First > j.next {
		j.gap(b.First)
	}
	for i := range b.Items {
		j.entry(&b.Items[i])
	}
	if j.last != nil { // outlives the batch
		it := *j.last.Item
		j.last.Item = &it
	}
	j.tell()
}

func (j *Judge) tell() {
	if j.progress == nil {
		return
	}
	total := j.next
	if j.cp != nil {
		total = max(total, j.cp.Size)
	}
	j.progress(j.next, total)
}

// Roster is what the entries so far make.
func (j *Judge) Roster() *roster.Roster { return j.roster }

// Fold sets the roster that an operator's submission makes. The first is that
// of the genesis entry.
func (j *Judge) Fold(next *roster.Roster) {
	first := j.roster.Suite() == nil
	j.roster = next
	if first && j.cp != nil && next.Origin() != j.cp.Origin {
		j.Defects.Add(verdict.Defect{Kind: verdict.KindGenesis, Message: fmt.Sprintf("the ledger's origin is %q, the checkpoint's %q", next.Origin(), j.cp.Origin)})
	}
}

// Accept takes the next entries, whole submissions in which all is well; roots
// are those of the groups of 256 that lie among the leaves as a whole, and fold
// computes that of another.
func (j *Judge) Accept(leaves, roots []chain.Hash, fold func(group []chain.Hash) chain.Hash, bytes, submissions uint64) {
	j.tree.addGroups(leaves, roots, fold)
	j.next += uint64(len(leaves))
	j.bytes += bytes
	j.counts.Submissions += submissions
	j.counts.Signatures += submissions
	j.tell()
}

// gap notes that the entries before an index cannot be read.
func (j *Judge) gap(to uint64) {
	j.Defects.Add(verdict.Defect{Kind: verdict.KindMissing, First: j.next, Last: to - 1, Message: "cannot be read"})
	j.gaps = append(j.gaps, verdict.Standing{First: j.next, Last: to - 1})
	j.tree.holes = true
	j.next, j.last, j.lost = to, nil, true
	j.interrupt()
}

// interrupt gives up the submission that is not complete: damage cut it.
func (j *Judge) interrupt() {
	if j.sub != nil {
		j.unjudged()
	}
	j.sub, j.skipping = nil, true
}

func (j *Judge) unjudged() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.counts.Unjudged++
}

// entry judges the next entry. What is stated about the one before comes
// first: it is what finds damage.
func (j *Judge) entry(it *source.Item) {
	i := j.next
	if it.Before != nil {
		j.stated(*it.Before)
	}
	if it.Raw != nil && it.Err == nil && it.Header.Index == i && i > 0 {
		j.stated(it.Header.Prev)
	}
	j.next++
	j.buffer = lastEntry{Item: it}
	j.last = &j.buffer
	j.bytes += uint64(len(it.Raw))
	j.tree.add(it.Leaf)
	switch {
	case it.Raw == nil:
		j.Defects.Add(verdict.Defect{Kind: verdict.KindMissing, First: i, Last: i, File: it.File, Offset: it.Offset, Message: "cannot be read"})
		j.suspect(chain.Hash{}, false)
		j.lost = true
		j.interrupt()
	case it.Err != nil:
		j.Defects.Add(verdict.Defect{Kind: verdict.KindHeader, First: i, Last: i, File: it.File, Offset: it.Offset, Message: it.Err.Error()})
		j.lost = true
		j.interrupt()
	default:
		j.parsed(i, it)
	}
	if it.After != nil {
		j.stated(*it.After)
	}
}

// parsed judges an entry whose header can be read.
func (j *Judge) parsed(i uint64, it *source.Item) {
	h := &it.Header
	if h.Index != i {
		j.Defects.Add(verdict.Defect{Kind: verdict.KindOrder, First: i, Last: i, File: it.File, Offset: it.Offset, Message: fmt.Sprintf("here stands the entry whose header says index %d", h.Index)})
		j.suspect(chain.Hash{}, false)
		if len(j.moved) < maxMoved {
			j.moved[h.Index] = it.Leaf
		}
		j.lost = true
		j.interrupt()
		return
	}
	if h.Recorded < j.recorded {
		j.Defects.Add(verdict.Defect{Kind: verdict.KindOrder, First: i, Last: i, Scope: verdict.Within(max(i, 1)-1, i), Message: fmt.Sprintf("recorded at %d, before the entry before it (%d)", h.Recorded, j.recorded)})
	} else if it.Recorded != nil && *it.Recorded != h.Recorded {
		j.Defects.Add(verdict.Defect{Kind: verdict.KindOrder, First: i, Last: i, Scope: verdict.Within(i, i), Message: fmt.Sprintf("recorded at %d, its frame at %d", h.Recorded, *it.Recorded)})
	}
	j.recorded = h.Recorded
	j.keys.add(it.Key, i)
	switch {
	case it.EnvErr != nil:
		j.Defects.Add(verdict.Defect{Kind: verdict.KindEnvelope, First: i, Last: i, Scope: verdict.Within(i, i), Message: it.EnvErr.Error()})
	case it.Key != h.EventKey:
		j.Defects.Add(verdict.Defect{Kind: verdict.KindEventKey, First: i, Last: i, Scope: verdict.Within(i, i), Message: fmt.Sprintf("the header's event key is not that of %s, source %q, id %q", h.Agency, it.Envelope.Source, it.Envelope.ID)})
	}
	j.assemble(i, it)
}

// assemble adds an entry to its submission and hands that over once complete.
func (j *Judge) assemble(i uint64, it *source.Item) {
	h := &it.Header
	if j.sub != nil && h.Position != 1 && j.cp != nil && i == j.cp.Size { // it ends within a submission
		j.Defects.Add(j.sub.Cut(i))
	}
	switch {
	case h.Position == 1:
		if j.sub != nil {
			j.Defects.Add(j.sub.Cut(i))
		}
		j.sub, j.skipping = source.Assemble(h), false
	case j.skipping:
		return
	case !j.sub.Continues(h):
		j.Defects.Add(source.Stray(h))
		j.interrupt()
		return
	}
	if sub := j.sub; sub.Add(it) {
		j.sub = nil
		j.submission(sub)
	}
}

// submission judges the operator's lines at once, since the roster changes with
// them, and leaves the rest to the cores: a roster never changes.
func (j *Judge) submission(a *source.Assembly) {
	before := j.roster
	switch {
	case before.Suite() == nil && a.Header.Index == 0:
		next, refusal := before.Judge(a.Submission(), nil, a.At())
		if refusal != nil {
			j.Defects.Add(a.Refused(refusal))
			return
		}
		j.Fold(next)
		j.onACore(judgement{Assembly: a, roster: next})
	case before.Suite() == nil:
		j.unjudged()
	case a.Header.Agency == chain.Operator:
		next, refusal := before.Judge(a.Submission(), a.Envelopes, a.At())
		if refusal != nil {
			j.refuse(a, refusal, j.lost)
			j.lost = true
		} else {
			j.Fold(next)
			j.admits(a)
		}
		j.onACore(judgement{Assembly: a, roster: before, lost: j.lost})
	default:
		j.onACore(judgement{Assembly: a, roster: before, lost: j.lost, rights: !a.Unread})
	}
}

// admits notes that a submission of the operator says of a loss.
func (j *Judge) admits(a *source.Assembly) {
	for i := range a.Envelopes {
		if a.Envelopes[i].Type == roster.CutAccepted {
			j.cuts = append(j.cuts, cut{a.Header.Index + uint64(i), a.Lines[i]})
		}
	}
}

// onACore judges a submission while the next entries are gone through.
func (j *Judge) onACore(job judgement) {
	j.cores <- struct{}{}
	j.jobs.Go(func() {
		j.judgeSubmission(job)
		<-j.cores
	})
}

func (j *Judge) judgeSubmission(job judgement) {
	sub := job.Submission()
	s := job.roster.Suite()
	text := sub.SignedText(s, job.roster.Origin())
	k, known := job.roster.Key(sub.Agency, sub.KeyID)
	valid := known && s.Verify(k.Public, text, sub.Signature)
	if known && !valid {
		j.Defects.Add(job.Defect(verdict.KindSignature, fmt.Sprintf("is not that of key %s of %s for these lines", sub.KeyID, sub.Agency)))
	}
	if job.rights {
		if _, refusal := job.roster.Judge(sub, job.Envelopes, job.At()); refusal != nil {
			j.refuse(job.Assembly, refusal, job.lost)
		}
	}
	digest := s.Sum(text)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.counts.Submissions++
	if valid {
		j.counts.Signatures++
	}
	j.digests.add(chain.EventKey(digest[:16]), job.Header.Index)
}

// refuse notes a refusal, unless it may come from a roster that damage made
// incomplete.
func (j *Judge) refuse(a *source.Assembly, refusal *roster.Refusal, lost bool) {
	fromRoster := []string{roster.CodeKeyUnknown, roster.CodeKeyRevoked, roster.CodeNotGranted, roster.CodeSystem}
	if lost && slices.Contains(fromRoster, refusal.Code) {
		j.unjudged()
		return
	}
	j.Defects.Add(a.Refused(refusal))
}
