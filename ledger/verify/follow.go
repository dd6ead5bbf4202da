package verify

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/chain"
	"civicledger/ledger/roster"
	"civicledger/ledger/suite"
)

// follower verifies a log as it grows: what is new, once. It is strict and
// stops at the first defect; to explain defects is for Run, which judges the
// whole. So it shares with Run the pure formats only, and each is a check of
// the other. It reads from entry 0: a checkpoint that was kept says what the log
// was, not which key might say what in it.
//
// Between rounds it keeps the right edge of the tree, the roster and all event
// keys: some 40 bytes for each entry.
type follower struct {
	log      *Tiles
	verifier note.Verifier
	vkey     string
	known    *Known // newest checkpoint that was found sound, or was kept
	progress func(done, total uint64)

	suite    *suite.Suite
	roster   *roster.Roster
	tree     *chain.Tree
	last     chain.Hash // leaf hash of the newest entry
	recorded int64
	keys     map[chain.EventKey]struct{}
	open     *chain.Submission // begun, not complete
	openHead chain.Header      // of its first entry
	openEnv  []chain.Envelope
}

// newFollower returns a follower before entry 0.
func newFollower(log *Tiles, vkey string, verifier note.Verifier, known *Known, progress func(done, total uint64)) *follower {
	s := suite.Default() // C2SP tiles are SHA-256
	return &follower{
		log: log, vkey: vkey, verifier: verifier, known: known, progress: progress,
		suite: s, roster: roster.New(), tree: chain.NewTree(s), keys: map[chain.EventKey]struct{}{},
	}
}

// defectError is a defect that a follower found. Every other error of it means
// that the log could not be read.
type defectError struct{ Defect }

func (e *defectError) Error() string { return e.Kind + ": " + e.Message }

func found(kind string, first, last uint64, format string, args ...any) error {
	return &defectError{Defect{Kind: kind, First: first, Last: last, Message: fmt.Sprintf(format, args...)}}
}

// orAbsent makes of a log that lacks what it signed a defect.
func orAbsent(err error, kind string, first, last uint64) error {
	if errors.Is(err, ErrAbsent) {
		return found(kind, first, last, "%v", err)
	}
	return err
}

// advance verifies everything up to a checkpoint that the key signed, and
// remembers it. After an error that is no *defectError it may be called again.
func (f *follower) advance(ctx context.Context, cp *signed) error {
	if err := f.extends(ctx, cp); err != nil {
		return err
	}
	if err := f.read(ctx, cp.Size); err != nil {
		return err
	}
	size := cp.Size
	switch {
	case f.open != nil:
		return found(KindSubmission, f.openHead.Index, size-1, "the log ends at %d within a submission of %d events", size, f.openHead.Count)
	case f.tree.Root() != cp.Root:
		return found(KindTreeRoot, 0, max(size, 1)-1, "the first %d entries as they were read do not make the root that the checkpoint signs", size)
	}
	f.known = &Known{cp.Checkpoint, string(cp.note)}
	return nil
}

// extends compares two checkpoints before anything is read under the new one.
func (f *follower) extends(ctx context.Context, cp *signed) error {
	k := f.known
	if k == nil {
		return nil
	}
	switch {
	case cp.Size < k.Size:
		return found(KindRewind, cp.Size, k.Size-1, "the log ends at %d entries; the ledger signed %d before: it was put back, or this is an old copy", cp.Size, k.Size)
	case cp.Size == k.Size && cp.Root != k.Root:
		return found(KindFork, 0, max(k.Size, 1)-1, "the ledger signed two roots over the same number of entries")
	}
	node := chain.NodeOfTiles(f.suite, func(level int, n uint64, _ int) ([]chain.Hash, error) {
		// As wide as the tree has it: the same tile is asked for again.
		return f.log.Hashes(ctx, level, n, int(min(chain.TileWidth, cp.Size>>(8*level)-n*chain.TileWidth)))
	})
	path, err := chain.ConsistencyPath(f.suite, k.Size, cp.Size, node)
	if err != nil {
		return orAbsent(err, KindTile, 0, cp.Size-1)
	}
	if err := chain.VerifyConsistency(f.suite, k.Size, cp.Size, path, k.Root, cp.Root); err != nil {
		return found(KindFork, 0, max(k.Size, 1)-1, "what the ledger signs over %d entries does not extend what it signed over %d: %v", cp.Size, k.Size, err)
	}
	return nil
}

// incoming is a bundle under way, with each entry judged by itself.
type incoming struct {
	first   uint64
	items   []incomingEntry
	stated  []chain.Hash // by the leaf tile
	err     error
	arrived chan struct{}
}

type incomingEntry struct {
	header   chain.Header
	line     []byte
	leaf     chain.Hash
	envelope chain.Envelope
	key      chain.EventKey
	err      error // of the entry
	envErr   error
}

// read verifies the entries up to size, of which several bundles are fetched
// and hashed at a time.
func (f *follower) read(ctx context.Context, size uint64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	queue := make(chan *incoming, inFlight)
	go func() {
		defer close(queue)
		for n := f.tree.Size() / chain.TileWidth; n*chain.TileWidth < size; n++ {
			in := &incoming{first: n * chain.TileWidth, arrived: make(chan struct{})}
			go f.load(ctx, in, n, int(min(chain.TileWidth, size-in.first)))
			select {
			case queue <- in:
			case <-ctx.Done():
				return
			}
		}
	}()
	for in := range queue {
		<-in.arrived
		if in.err != nil {
			return orAbsent(in.err, KindMissing, in.first, in.first+chain.TileWidth-1)
		}
		if err := f.take(ctx, in); err != nil {
			return err
		}
		f.progress(f.tree.Size(), size)
	}
	return ctx.Err()
}

// load fetches a bundle and its leaf tile and does what needs no other entry.
// It runs beside take, of which it reads nothing.
func (f *follower) load(ctx context.Context, in *incoming, n uint64, width int) {
	defer close(in.arrived)
	var entries [][]byte
	if entries, in.err = f.log.Entries(ctx, n, width); in.err != nil {
		return
	}
	if in.stated, in.err = f.log.Hashes(ctx, 0, n, width); in.err != nil {
		return
	}
	in.items = make([]incomingEntry, width)
	for i, raw := range entries {
		it := &in.items[i]
		it.leaf = f.suite.Leaf(raw)
		if it.header, it.line, it.err = chain.ParseEntry(raw); it.err != nil {
			continue
		}
		if it.envelope, it.envErr = chain.ReadEnvelope(it.line); it.envErr == nil {
			it.key = chain.KeyOf(f.suite, it.header.Agency, it.envelope.Source, it.envelope.ID)
		}
	}
}

// take judges the entries of a bundle that are new, in order, and grows the
// tree by them.
func (f *follower) take(ctx context.Context, in *incoming) error {
	var leaves []chain.Hash
	var jobs []rightsJob
	for i := range in.items {
		index := in.first + uint64(i)
		if index < f.tree.Size() {
			continue
		}
		it := &in.items[i]
		if it.leaf != in.stated[i] {
			return found(KindLeaf, index, index, "its bytes do not have the hash that the leaf tile states")
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
		leaves = append(leaves, it.leaf)
	}
	if err := judgeAll(jobs); err != nil {
		return err
	}
	growth := f.tree.Grow(leaves)
	f.tree = growth.Tree
	return f.checkTiles(ctx, growth.Full)
}

// entry judges what an entry says about its place, and whether it was said
// before.
func (f *follower) entry(index uint64, it *incomingEntry) error {
	h := &it.header
	switch {
	case it.err != nil:
		return found(KindHeader, index, index, "%v", it.err)
	case h.Index != index:
		return found(KindOrder, index, index, "here stands the entry whose header says index %d", h.Index)
	case h.Prev != f.last:
		return found(KindLink, max(index, 1)-1, index, "the entry states another hash for the one before it")
	case h.Recorded < f.recorded:
		return found(KindOrder, index, index, "recorded at %d, before the entry before it (%d)", h.Recorded, f.recorded)
	case it.envErr != nil:
		return found(KindEnvelope, index, index, "%v", it.envErr)
	case it.key != h.EventKey:
		return found(KindEventKey, index, index, "the header's event key is not that of %s, source %q, id %q", h.Agency, it.envelope.Source, it.envelope.ID)
	}
	if _, again := f.keys[it.key]; again {
		return found(KindRepeated, index, index, "says again what an earlier entry says: same agency, source and id")
	}
	f.keys[it.key] = struct{}{}
	f.last, f.recorded = it.leaf, h.Recorded
	return nil
}

// assemble adds an entry to its submission; once that is complete, what is to
// be judged of it comes back.
func (f *follower) assemble(it *incomingEntry) (*rightsJob, error) {
	h := &it.header
	switch {
	case h.Position == 1 && f.open != nil:
		return nil, found(KindSubmission, f.openHead.Index, h.Index-1, "a submission of %d events ends after %d", f.openHead.Count, len(f.open.Lines))
	case h.Position == 1:
		f.openHead, f.openEnv = *h, nil
		f.open = &chain.Submission{Agency: h.Agency, KeyID: h.KeyID, Signature: h.Signature}
	case f.open == nil || h.Position != len(f.open.Lines)+1 || h.Count != f.openHead.Count ||
		h.Agency != f.open.Agency || h.KeyID != f.open.KeyID || h.Recorded != f.openHead.Recorded:
		return nil, found(KindSubmission, h.Index, h.Index, "says it is event %d of %d of a submission of %s, which the entry before does not continue into", h.Position, h.Count, h.Agency)
	}
	f.open.Lines = append(f.open.Lines, it.line)
	f.openEnv = append(f.openEnv, it.envelope)
	if h.Position < h.Count {
		return nil, nil
	}
	job := &rightsJob{sub: f.open, envelopes: f.openEnv, roster: f.roster, at: roster.At{Index: f.openHead.Index, Recorded: f.openHead.Recorded}}
	f.open, f.openEnv = nil, nil
	if job.sub.Agency != chain.Operator {
		return job, nil
	}
	return job, f.system(job)
}

// system judges what the operator says at once: the roster changes with it.
func (f *follower) system(job *rightsJob) error {
	next, refusal := f.roster.Judge(job.sub, job.envelopes, job.at)
	if refusal != nil {
		return job.refused(refusal)
	}
	if f.roster.Suite() == nil { // the genesis entry names its own key
		job.roster = next
		switch {
		case next.Suite() != f.suite:
			return found(KindGenesis, 0, 0, "a ledger of suite %s has no C2SP log", next.Suite().Name())
		case next.Origin() != f.verifier.Name() || next.LogKey() != f.vkey:
			return found(KindGenesis, 0, 0, "the ledger says it is %q with the log key %s, not the trusted one", next.Origin(), next.LogKey())
		}
	}
	job.judged = true
	f.roster = next
	return nil
}

// checkTiles compares the served tiles above the leaves, once they are full,
// with those that the entries make.
func (f *follower) checkTiles(ctx context.Context, full []chain.Tile) error {
	for _, tile := range full {
		if tile.Level == 0 {
			continue // compared entry by entry
		}
		first := tile.N * chain.TileWidth << (8 * tile.Level)
		last := first + chain.TileWidth<<(8*tile.Level) - 1
		served, err := f.log.Hashes(ctx, tile.Level, tile.N, chain.TileWidth)
		if err != nil {
			return orAbsent(err, KindTile, first, last)
		}
		for i := range served {
			if served[i] != tile.Hashes[i] {
				return found(KindTile, first, last, "hash %d of the served tile %d/%d is not that of what lies below it", i, tile.Level, tile.N)
			}
		}
	}
	return nil
}

// rightsJob is a submission to be judged on any core: a roster never changes.
type rightsJob struct {
	sub       *chain.Submission
	envelopes []chain.Envelope
	roster    *roster.Roster // before it
	at        roster.At
	judged    bool // its rights are; the signature is not
}

func (j *rightsJob) judge() error {
	if !j.judged {
		if j.roster.Suite() == nil {
			return found(KindGenesis, j.at.Index, j.at.Index, "the log does not begin with its operator's entry")
		}
		if _, refusal := j.roster.Judge(j.sub, j.envelopes, j.at); refusal != nil {
			return j.refused(refusal)
		}
	}
	if refusal := j.roster.CheckSignature(j.sub); refusal != nil {
		return j.refused(refusal)
	}
	return nil
}

func (j *rightsJob) refused(refusal *roster.Refusal) error {
	kind := KindRights
	switch refusal.Code {
	case roster.CodeGenesis:
		kind = KindGenesis
	case roster.CodeSignature:
		kind = KindSignature
	}
	first, last := j.at.Index, j.at.Index+uint64(len(j.sub.Lines))-1
	if refusal.Line > 0 {
		first = j.at.Index + uint64(refusal.Line) - 1
		last = first
	}
	return found(kind, first, last, "%s: %s", refusal.Code, refusal.Message)
}

// judgeAll judges on all cores and returns what is wrong with the first.
func judgeAll(jobs []rightsJob) error {
	errs := make([]error, len(jobs))
	var cores sync.WaitGroup
	next := make(chan int, len(jobs))
	for i := range jobs {
		next <- i
	}
	close(next)
	for range min(runtime.GOMAXPROCS(0), len(jobs)) {
		cores.Go(func() {
			for i := range next {
				errs[i] = jobs[i].judge()
			}
		})
	}
	cores.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
