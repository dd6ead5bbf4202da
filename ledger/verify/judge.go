package verify

import (
	"fmt"
	"runtime"
	"slices"
	"sync"

	"civicledger/ledger/chain"
	"civicledger/ledger/roster"
	"civicledger/ledger/suite"
)

// judge is the part that goes through the log in order. One goroutine owns it;
// what needs no order (signatures, rights of agencies) it hands to the cores.
type judge struct {
	suite    *suite.Suite
	vkey     string
	cp       *signed
	known    *Known // nil: there is none
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
	gaps     []Standing            // entries that could not be read

	sub      *assembly // the submission that is not complete yet
	skipping bool      // up to the next submission, because of damage

	keys, digests seen
	defects       defectList
	bytes         uint64

	jobs     chan judgement
	jobsWait sync.WaitGroup
	mu       sync.Mutex // guards counts and digests while jobs run
	counts   Counts
}

type lastEntry struct {
	*item
	suspect int // position in suspects + 1
}

// assembly is a submission whose entries come in.
type assembly struct {
	header    chain.Header // of its first entry
	lines     [][]byte
	envelopes []chain.Envelope
	unread    bool // an envelope cannot be read
}

// judgement is a submission to be judged on any core.
type judgement struct {
	*assembly
	roster *roster.Roster // before it
	lost   bool
	rights bool // judge them, not only the signature
}

func newJudge(vkey string, cp *signed, progress func(done, total uint64)) *judge {
	j := &judge{vkey: vkey, cp: cp, progress: progress, roster: roster.New(), suite: suite.Default(), jobs: make(chan judgement, 16)}
	j.tree.suite = j.suite // for a log without entries
	for range runtime.GOMAXPROCS(0) {
		j.jobsWait.Go(func() {
			for job := range j.jobs {
				j.judgeSubmission(job)
			}
		})
	}
	return j
}

func (j *judge) batch(b *batch) {
	j.tree.suite = j.suite
	if b.first > j.next {
		j.gap(b.first)
	}
	for i := range b.items {
		j.entry(&b.items[i])
	}
	if j.last != nil { // outlives the batch
		it := *j.last.item
		j.last.item = &it
	}
	if j.progress != nil {
		total := j.next
		if j.cp != nil {
			total = j.cp.Size
		}
		j.progress(j.next, total)
	}
}

// gap notes that the entries before an index cannot be read.
func (j *judge) gap(to uint64) {
	j.defects.add(Defect{Kind: KindMissing, First: j.next, Last: to - 1, Message: "cannot be read"})
	j.gaps = append(j.gaps, Standing{First: j.next, Last: to - 1})
	j.tree.holes = true
	j.next, j.last, j.lost = to, nil, true
	j.interrupt()
}

// interrupt gives up the submission that is not complete: damage cut it.
func (j *judge) interrupt() {
	if j.sub != nil {
		j.unjudged()
	}
	j.sub, j.skipping = nil, true
}

func (j *judge) unjudged() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.counts.Unjudged++
}

// entry judges the next entry. What is stated about the one before comes
// first: it is what finds damage.
func (j *judge) entry(it *item) {
	i := j.next
	if it.before != nil {
		j.stated(*it.before)
	}
	if it.raw != nil && it.err == nil && it.header.Index == i && i > 0 {
		j.stated(it.header.Prev)
	}
	j.next++
	j.buffer = lastEntry{item: it}
	j.last = &j.buffer
	j.bytes += uint64(len(it.raw))
	j.tree.add(it.leaf)
	switch {
	case it.raw == nil:
		j.defects.add(Defect{Kind: KindMissing, First: i, Last: i, File: it.file, Offset: it.offset, Message: "cannot be read"})
		j.suspect(chain.Hash{}, false)
		j.lost = true
		j.interrupt()
	case it.err != nil:
		j.defects.add(Defect{Kind: KindHeader, First: i, Last: i, File: it.file, Offset: it.offset, Message: it.err.Error()})
		j.lost = true
		j.interrupt()
	default:
		j.parsed(i, it)
	}
	if it.after != nil {
		j.stated(*it.after)
	}
}

// parsed judges an entry whose header can be read.
func (j *judge) parsed(i uint64, it *item) {
	h := &it.header
	if h.Index != i {
		j.defects.add(Defect{Kind: KindOrder, First: i, Last: i, File: it.file, Offset: it.offset, Message: fmt.Sprintf("here stands the entry whose header says index %d", h.Index)})
		j.suspect(chain.Hash{}, false)
		if j.moved == nil {
			j.moved = map[uint64]chain.Hash{}
		}
		if len(j.moved) < maxKept {
			j.moved[h.Index] = it.leaf
		}
		j.lost = true
		j.interrupt()
		return
	}
	if h.Recorded < j.recorded {
		j.defects.add(Defect{Kind: KindOrder, First: i, Last: i, scope: scope(max(i, 1)-1, i), Message: fmt.Sprintf("recorded at %d, before the entry before it (%d)", h.Recorded, j.recorded)})
	} else if it.recorded != nil && *it.recorded != h.Recorded {
		j.defects.add(Defect{Kind: KindOrder, First: i, Last: i, scope: scope(i, i), Message: fmt.Sprintf("recorded at %d, its frame at %d", h.Recorded, *it.recorded)})
	}
	j.recorded = h.Recorded
	j.keys.add(it.key, i)
	switch {
	case it.envErr != nil:
		j.defects.add(Defect{Kind: KindEnvelope, First: i, Last: i, scope: scope(i, i), Message: it.envErr.Error()})
	case it.key != h.EventKey:
		j.defects.add(Defect{Kind: KindEventKey, First: i, Last: i, scope: scope(i, i), Message: fmt.Sprintf("the header's event key is not that of %s, source %q, id %q", h.Agency, it.envelope.Source, it.envelope.ID)})
	}
	j.assemble(i, it)
}

// assemble adds an entry to its submission and hands that over once complete.
func (j *judge) assemble(i uint64, it *item) {
	h := &it.header
	switch {
	case h.Position == 1:
		if j.sub != nil {
			j.cutSubmission(i)
		}
		j.sub, j.skipping = &assembly{header: *h, lines: make([][]byte, 0, h.Count), envelopes: make([]chain.Envelope, 0, h.Count)}, false
	case j.skipping:
		return
	case j.sub == nil || !j.sub.continues(h):
		j.defects.add(Defect{Kind: KindSubmission, First: i, Last: i, scope: scope(max(i, 1)-1, i), Message: fmt.Sprintf("says it is event %d of %d of a submission of %s, which the entry before does not continue into", h.Position, h.Count, h.Agency)})
		j.interrupt()
		return
	}
	j.sub.lines = append(j.sub.lines, it.line)
	j.sub.envelopes = append(j.sub.envelopes, it.envelope)
	j.sub.unread = j.sub.unread || it.envErr != nil
	if h.Position == h.Count {
		sub := j.sub
		j.sub = nil
		j.submission(sub)
	}
}

func (j *judge) cutSubmission(next uint64) {
	first := j.sub.header.Index
	j.defects.add(Defect{
		Kind: KindSubmission, First: first, Last: next - 1, scope: scope(first, next),
		Message: fmt.Sprintf("a submission of %d events ends after %d", j.sub.header.Count, len(j.sub.lines)),
	})
}

func (a *assembly) continues(h *chain.Header) bool {
	f := &a.header
	return h.Position == len(a.lines)+1 && h.Count == f.Count && h.Agency == f.Agency && h.KeyID == f.KeyID && h.Recorded == f.Recorded
}

func (a *assembly) submission() *chain.Submission {
	return &chain.Submission{Agency: a.header.Agency, KeyID: a.header.KeyID, Signature: a.header.Signature, Lines: a.lines}
}

func (a *assembly) at() roster.At {
	return roster.At{Index: a.header.Index, Recorded: a.header.Recorded}
}

// submission judges the operator's lines at once, since the roster changes with
// them, and leaves the rest to the cores: a roster never changes.
func (j *judge) submission(a *assembly) {
	before := j.roster
	switch {
	case before.Suite() == nil && a.header.Index == 0:
		next, refusal := before.Judge(a.submission(), nil, a.at())
		if refusal != nil {
			j.defects.add(a.refused(refusal))
			return
		}
		j.roster = next
		j.judgeGenesis(next)
		j.jobs <- judgement{assembly: a, roster: next}
	case before.Suite() == nil:
		j.unjudged()
	case a.header.Agency == chain.Operator:
		next, refusal := before.Judge(a.submission(), a.envelopes, a.at())
		if refusal != nil {
			j.refuse(a, refusal, j.lost)
			j.lost = true
		} else {
			j.roster = next
		}
		j.jobs <- judgement{assembly: a, roster: before, lost: j.lost}
	default:
		j.jobs <- judgement{assembly: a, roster: before, lost: j.lost, rights: !a.unread}
	}
}

// judgeGenesis compares what the ledger says of itself with the trusted key.
func (j *judge) judgeGenesis(r *roster.Roster) {
	if j.cp != nil && r.Origin() != j.cp.Origin {
		j.defects.add(Defect{Kind: KindGenesis, Message: fmt.Sprintf("the ledger's origin is %q, the checkpoint's %q", r.Origin(), j.cp.Origin)})
	}
}

// judgeSubmission runs on any core.
func (j *judge) judgeSubmission(job judgement) {
	sub := job.submission()
	s := job.roster.Suite()
	text := sub.SignedText(s, job.roster.Origin())
	k, known := job.roster.Key(sub.Agency, sub.KeyID)
	valid := known && s.Verify(k.Public, text, sub.Signature)
	if known && !valid {
		j.defects.add(job.defect(KindSignature, fmt.Sprintf("is not that of key %s of %s for these lines", sub.KeyID, sub.Agency)))
	}
	if job.rights {
		if _, refusal := job.roster.Judge(sub, job.envelopes, job.at()); refusal != nil {
			j.refuse(job.assembly, refusal, job.lost)
		}
	}
	digest := s.Sum(text)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.counts.Submissions++
	if valid {
		j.counts.Signatures++
	}
	j.digests.add(chain.EventKey(digest[:16]), job.header.Index)
}

// refuse notes a refusal, unless it may come from a roster that damage made
// incomplete.
func (j *judge) refuse(a *assembly, refusal *roster.Refusal, lost bool) {
	fromRoster := []string{roster.CodeKeyUnknown, roster.CodeKeyRevoked, roster.CodeNotGranted, roster.CodeSystem}
	if lost && slices.Contains(fromRoster, refusal.Code) {
		j.unjudged()
		return
	}
	j.defects.add(a.refused(refusal))
}

func (a *assembly) refused(refusal *roster.Refusal) Defect {
	kinds := map[string]string{roster.CodeGenesis: KindGenesis, roster.CodeSignature: KindSignature}
	kind, ok := kinds[refusal.Code]
	if !ok {
		kind = KindRights
	}
	d := a.defect(kind, refusal.Code+": "+refusal.Message)
	if refusal.Line > 0 {
		d.First = a.header.Index + uint64(refusal.Line-1)
		d.Last = d.First
	}
	return d
}

// defect concerns the whole submission.
func (a *assembly) defect(kind, message string) Defect {
	first, last := a.header.Index, a.header.Index+uint64(len(a.lines)-1)
	return Defect{Kind: kind, First: first, Last: last, scope: scope(first, last), Message: message}
}
