// Package follow verifies a log as it grows, for years: what is new, once. It is
// strict and stops at the first defect; to explain defects is for verify.Run,
// which judges the whole. It shares with that how entries are parsed and put
// together to submissions, and no judging, so that each is a check of the other.
package follow

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/chain"
	"civicledger/ledger/roster"
	"civicledger/ledger/suite"
	"civicledger/ledger/verify"
	"civicledger/ledger/verify/source"
	"civicledger/ledger/verify/verdict"
)

// Follower follows one log. It reads from entry 0: a checkpoint that was kept
// says what the log was, not which key might say what in it.
//
// Between rounds it keeps the right edge of the tree, the roster and all event
// keys: some 40 bytes for each entry.
type Follower struct {
	Known    *verdict.Signed // newest checkpoint that was found sound, or was kept
	Recorded int64           // of the newest entry, Unix milliseconds

	log      *source.Tiles
	verifier note.Verifier
	vkey     string
	progress func(done, total uint64)

	suite  *suite.Suite
	roster *roster.Roster
	tree   *chain.Tree
	last   chain.Hash // leaf hash of the newest entry
	keys   map[chain.EventKey]struct{}
	open   *source.Assembly // begun, not complete
}

// New returns a follower before entry 0.
func New(log *source.Tiles, vkey string, verifier note.Verifier, known *verdict.Signed, progress func(done, total uint64)) *Follower {
	s := suite.Default() // C2SP tiles are SHA-256
	return &Follower{
		Known: known, log: log, vkey: vkey, verifier: verifier, progress: progress,
		suite: s, roster: roster.New(), tree: chain.NewTree(s), keys: map[chain.EventKey]struct{}{},
	}
}

// Found is a defect that a follower found. Every other error of it means that
// the log could not be read.
type Found struct{ verdict.Defect }

func (e *Found) Error() string { return e.Kind + ": " + e.Message }

func found(kind string, first, last uint64, format string, args ...any) error {
	return &Found{verdict.Defect{Kind: kind, First: first, Last: last, Message: fmt.Sprintf(format, args...)}}
}

// orAbsent makes of a log that lacks what it signed a defect.
func orAbsent(err error, kind string, first, last uint64) error {
	if errors.Is(err, source.ErrAbsent) {
		return found(kind, first, last, "%v", err)
	}
	return err
}

// Advance verifies everything up to a checkpoint that the key signed, and
// remembers it. After an error that is no *Found it may be called again.
func (f *Follower) Advance(ctx context.Context, cp *verdict.Signed) error {
	if err := f.extends(ctx, cp); err != nil {
		return err
	}
	size := cp.Size
	err := f.log.Bundles(ctx, f.tree.Size()/chain.TileWidth, size, func(b *source.Bundle) error {
		if err := f.take(ctx, b); err != nil {
			return err
		}
		f.progress(f.tree.Size(), size)
		return nil
	})
	if err != nil {
		return err
	}
	switch {
	case f.open != nil:
		return found(verdict.KindSubmission, f.open.Header.Index, size-1, "the log ends at %d within a submission of %d events", size, f.open.Header.Count)
	case f.tree.Root() != cp.Root:
		return found(verdict.KindTreeRoot, 0, max(size, 1)-1, "the first %d entries as they were read do not make the root that the checkpoint signs", size)
	}
	f.Known = cp
	return nil
}

// extends compares two checkpoints before anything is read under the new one.
func (f *Follower) extends(ctx context.Context, cp *verdict.Signed) error {
	k := f.Known
	if k == nil {
		return nil
	}
	switch {
	case cp.Size < k.Size:
		return found(verdict.KindRewind, cp.Size, k.Size-1, "the log ends at %d entries; the ledger signed %d before: it was put back, or this is an old copy", cp.Size, k.Size)
	case cp.Size == k.Size && cp.Root != k.Root:
		return found(verdict.KindFork, 0, max(k.Size, 1)-1, "the ledger signed two roots over the same number of entries")
	}
	node := chain.NodeOfTiles(f.suite, func(level int, n uint64, _ int) ([]chain.Hash, error) {
		// As wide as the tree has it: the same tile is asked for again.
		return f.log.Hashes(ctx, level, n, int(min(chain.TileWidth, cp.Size>>(8*level)-n*chain.TileWidth)))
	})
	path, err := chain.ConsistencyPath(f.suite, k.Size, cp.Size, node)
	if err != nil {
		return orAbsent(err, verdict.KindTile, 0, cp.Size-1)
	}
	if err := chain.VerifyConsistency(f.suite, k.Size, cp.Size, path, k.Root, cp.Root); err != nil {
		return found(verdict.KindFork, 0, max(k.Size, 1)-1, "what the ledger signs over %d entries does not extend what it signed over %d: %v", cp.Size, k.Size, err)
	}
	return nil
}

// take judges the entries of a bundle that are new, in order, and grows the
// tree by them.
func (f *Follower) take(ctx context.Context, b *source.Bundle) error {
	for _, err := range []error{b.Err, b.Short, b.TileErr} {
		if err != nil {
			return orAbsent(err, verdict.KindMissing, b.First, b.First+chain.TileWidth-1)
		}
	}
	items := make([]source.Item, len(b.Entries))
	source.OnCores(len(items), func(i int) {
		items[i].Raw = b.Entries[i]
		items[i].Parse(f.suite)
	})
	var leaves []chain.Hash
	var jobs []rightsJob
	for i := range items {
		index := b.First + uint64(i)
		if index < f.tree.Size() {
			continue
		}
		it := &items[i]
		if it.Leaf != b.Stated[i] {
			return found(verdict.KindLeaf, index, index, "its bytes do not have the hash that the leaf tile states")
		}
		if err := f.entry(index, it); err != nil {
			return err
		}
		job, err := f.assemble(it)
		if err != nil {
			return err
		}
		if job != nil {
			jobs = append(jobs, *job)
		}
		leaves = append(leaves, it.Leaf)
	}
	errs := make([]error, len(jobs))
	source.OnCores(len(jobs), func(i int) { errs[i] = jobs[i].judge() })
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return errs[i]
	}
	growth := f.tree.Grow(leaves)
	f.tree = growth.Tree
	return f.checkTiles(ctx, growth.Full)
}

// entry judges what an entry says about its place, and whether it was said
// before.
func (f *Follower) entry(index uint64, it *source.Item) error {
	h := &it.Header
	switch {
	case it.Err != nil:
		return found(verdict.KindHeader, index, index, "%v", it.Err)
	case h.Index != index:
		return found(verdict.KindOrder, index, index, "here stands the entry whose header says index %d", h.Index)
	case h.Prev != f.last:
		return found(verdict.KindLink, max(index, 1)-1, index, "the entry states another hash for the one before it")
	case h.Recorded < f.Recorded:
		return found(verdict.KindOrder, index, index, "recorded at %d, before the entry before it (%d)", h.Recorded, f.Recorded)
	case it.EnvErr != nil:
		return found(verdict.KindEnvelope, index, index, "%v", it.EnvErr)
	case it.Key != h.EventKey:
		return found(verdict.KindEventKey, index, index, "the header's event key is not that of %s, source %q, id %q", h.Agency, it.Envelope.Source, it.Envelope.ID)
	}
	if _, again := f.keys[it.Key]; again {
		return found(verdict.KindRepeated, index, index, "says again what an earlier entry says: same agency, source and id")
	}
	f.keys[it.Key] = struct{}{}
	f.last, f.Recorded = it.Leaf, h.Recorded
	return nil
}

// assemble adds an entry to its submission; once that is complete, what is to
// be judged of it comes back.
func (f *Follower) assemble(it *source.Item) (*rightsJob, error) {
	h := &it.Header
	switch {
	case h.Position == 1 && f.open != nil:
		return nil, &Found{f.open.Cut(h.Index)}
	case h.Position == 1:
		f.open = source.Assemble(h)
	case !f.open.Continues(h):
		return nil, &Found{source.Stray(h)}
	}
	if !f.open.Add(it) {
		return nil, nil
	}
	job := &rightsJob{Assembly: f.open, roster: f.roster}
	f.open = nil
	if h.Agency != chain.Operator {
		return job, nil
	}
	return job, f.system(job)
}

// system judges what the operator says at once: the roster changes with it.
func (f *Follower) system(job *rightsJob) error {
	next, refusal := f.roster.Judge(job.Submission(), job.Envelopes, job.At())
	if refusal != nil {
		return &Found{job.Refused(refusal)}
	}
	if f.roster.Suite() == nil { // the genesis entry names its own key
		job.roster = next
		switch {
		case next.Suite() != f.suite:
			return found(verdict.KindGenesis, 0, 0, "a ledger of suite %s has no C2SP log", next.Suite().Name())
		case next.Origin() != f.verifier.Name() || next.LogKey() != f.vkey:
			return found(verdict.KindGenesis, 0, 0, "the ledger says it is %q with the log key %s, not the trusted one", next.Origin(), next.LogKey())
		}
	}
	job.judged = true
	f.roster = next
	return nil
}

// checkTiles compares the served tiles above the leaves, once they are full,
// with those that the entries make.
func (f *Follower) checkTiles(ctx context.Context, full []chain.Tile) error {
	for _, tile := range full {
		if tile.Level == 0 {
			continue // compared entry by entry
		}
		first := tile.N * chain.TileWidth << (8 * tile.Level)
		last := first + chain.TileWidth<<(8*tile.Level) - 1
		served, err := f.log.Hashes(ctx, tile.Level, tile.N, chain.TileWidth)
		if err != nil {
			return orAbsent(err, verdict.KindTile, first, last)
		}
		for i := range served {
			if served[i] != tile.Hashes[i] {
				return found(verdict.KindTile, first, last, "hash %d of the served tile %d/%d is not that of what lies below it", i, tile.Level, tile.N)
			}
		}
	}
	return nil
}

// rightsJob is a submission to be judged on any core: a roster never changes.
type rightsJob struct {
	*source.Assembly
	roster *roster.Roster // before it
	judged bool           // its rights are; the signature is not
}

func (j *rightsJob) judge() error {
	sub := j.Submission()
	if !j.judged {
		if j.roster.Suite() == nil {
			return found(verdict.KindGenesis, j.Header.Index, j.Header.Index, "the log does not begin with its operator's entry")
		}
		if _, refusal := j.roster.Judge(sub, j.Envelopes, j.At()); refusal != nil {
			return &Found{j.Refused(refusal)}
		}
	}
	if refusal := j.roster.CheckSignature(sub); refusal != nil {
		return &Found{j.Refused(refusal)}
	}
	return nil
}

// Explain reports a defect under the newest checkpoint that the log showed. The
// whole log is judged, which names each defect, what still stands, and what the
// operator admits of a loss. What it cannot find again (the server shows
// something else by now) is reported as the follower found it.
func (f *Follower) Explain(ctx context.Context, d *Found, newest *verdict.Signed) *verdict.Report {
	r := &verdict.Report{
		Format: verdict.Format, Source: f.log.Name(), Key: f.vkey, Origin: f.verifier.Name(), Suite: f.suite.Name(),
		Checkpoint: newest.Seen(), Known: f.Known.Seen(), Stands: []verdict.Standing{}, Notes: []string{},
	}
	r.Counts.Entries, r.Counts.Agencies = f.tree.Size(), len(f.roster.Agencies())
	r.Settle([]verdict.Defect{d.Defect}, 1)
	whole := verify.Run(ctx, f.log, f.vkey, verify.Options{Progress: f.progress, Known: f.Known})
	if whole.Verdict == verdict.Unsound {
		return whole
	}
	r.Notes = append(r.Notes, "read again as a whole it is "+whole.Verdict+": the server did not show the same twice")
	return r
}
