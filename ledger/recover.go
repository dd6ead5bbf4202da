package ledger

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/chain"
	"civicledger/ledger/roster"
	"civicledger/ledger/suite"
)

// recovery brings the sequencer's state up to what the store holds. It reads
// commits that the index lacks, or that are above the stored checkpoint, and
// checks them as a verifier would before anything is signed over them.
type recovery struct {
	l          *Ledger
	checkpoint chain.Checkpoint
	from       uint64 // first leaf that is hashed again, a multiple of TileWidth
	until      uint64 // the head to reach
	indexed    uint64 // entries the index has
	batch      *IndexBatch
	lagging    bool // what the index lacks goes to the lag, not to the index
	progress   func(done, total uint64)
}

// recover is what Open does before the sequencer runs.
func (l *Ledger) recover(ctx context.Context, cfg Config) error {
	head := l.store.Head()
	if head.Size == 0 {
		return ErrEmpty
	}
	verifier, err := note.NewVerifier(cfg.VerifierKey)
	if err != nil {
		return fmt.Errorf("verifier key: %w", err)
	}
	stored, checkpoint, err := l.storedCheckpoint(verifier, head)
	if err != nil {
		return err
	}
	r := &recovery{l: l, checkpoint: checkpoint, indexed: l.index.Position(), until: head.Size, lagging: l.readOnly, progress: cfg.Progress}
	if r.indexed > head.Size && !l.readOnly {
		return fmt.Errorf("the index holds %d entries, the book only %d: the book is not the one that was signed; put back the newest copy of it", r.indexed, head.Size)
	}
	if l.readOnly {
		r.until = checkpoint.Size
		l.lag.close() // it keeps all that the index lacks, without bound
	}
	if err := r.run(ctx); err != nil {
		return err
	}
	if l.readOnly {
		lost := l.seq.tree.Root() != checkpoint.Root
		l.current.Store(&view{head: l.seq.head, tree: l.seq.tree, roster: l.seq.roster, checkpoint: stored, lost: lost})
		return nil
	}
	if err := l.show(); err != nil {
		return err
	}
	if _, err := chain.OpenCheckpoint(l.Checkpoint(), verifier); err != nil {
		return fmt.Errorf("the log key is not the one of this ledger: %w", err)
	}
	l.seq.wall, l.seq.monotonic = l.clock()
	return l.store.Sync()
}

func (l *Ledger) storedCheckpoint(verifier note.Verifier, head chain.Head) ([]byte, chain.Checkpoint, error) {
	stored, err := l.store.Checkpoint()
	if err != nil {
		return nil, chain.Checkpoint{}, fmt.Errorf("stored checkpoint: %w", err)
	}
	if stored == nil {
		return nil, chain.Checkpoint{}, fmt.Errorf("%d entries and no checkpoint beside them: restore the checkpoint files, or begin again if init was cut short", head.Size)
	}
	c, err := chain.OpenCheckpoint(stored, verifier)
	if err != nil {
		return nil, chain.Checkpoint{}, fmt.Errorf("stored checkpoint: %w", err)
	}
	if c.Size > head.Size && !l.readOnly {
		return nil, chain.Checkpoint{}, fmt.Errorf("the checkpoint signs %d entries, the book holds %d: entries are missing; restore the book from a copy", c.Size, head.Size)
	}
	return stored, c, nil
}

func (r *recovery) run(ctx context.Context) error {
	l := r.l
	r.from = min(r.indexed, r.checkpoint.Size) &^ (chain.TileWidth - 1)
	if r.from == r.until && r.from > 0 {
		r.from -= chain.TileWidth // so that there is a commit to take the head from
	}
	if err := r.begin(); err != nil {
		return err
	}
	if l.readOnly {
		return r.around(ctx)
	}
	if err := r.takeFrom(ctx, r.from); err != nil {
		return err
	}
	if l.seq.head.Size != r.until {
		return fmt.Errorf("%w: it ends at %d, its head is %d", ErrDamaged, l.seq.head.Size, r.until)
	}
	return r.flush()
}

// takeFrom takes commits over, up to the last or one that is not as it must be.
func (r *recovery) takeFrom(ctx context.Context, from uint64) error {
	l := r.l
	for c, err := range l.store.Commits(from) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || l.seq.head.Size >= r.until {
			return err
		}
		if l.readOnly {
			r.pass(c.Prev)
		}
		if err := r.replay(c); err != nil {
			if l.readOnly {
				r.pass(c.Head)
			}
			return fmt.Errorf("replay commit at %d: %w", c.Prev.Size, err)
		}
		if r.progress != nil {
			r.progress(l.seq.head.Size, r.until)
		}
	}
	return nil
}

// begin loads the tree up to from and the roster up to the commit that holds
// from.
func (r *recovery) begin() error {
	l := r.l
	base := chain.Head{Size: r.from}
	for c, err := range l.store.Commits(r.from) {
		if err == nil {
			base = c.Prev
		} else if !l.readOnly {
			return err
		}
		break
	}
	l.seq.head, l.seq.roster = base, roster.New()
	l.suite, l.origin = suite.Default(), r.checkpoint.Origin // where entry 0 is gone
	if err := r.noted(0, r.genesis()); err != nil {
		return err
	}
	tree, err := chain.LoadTree(l.suite, r.from, l.index.Tile)
	if err != nil && l.readOnly && r.from > 0 {
		l.log.Warn("reading without the index", "cause", err)
		_ = l.index.Close()
		l.index, r.indexed, r.from = NoIndex{}, 0, 0
		return r.begin()
	}
	if err != nil {
		return fmt.Errorf("%w: delete the index directory to have it rebuilt", err)
	}
	l.seq.tree = tree
	if base.Size == 0 {
		return nil
	}
	return r.noted(base.Size, r.foldRoster(base.Size))
}

// genesis learns suite and origin from entry 0.
func (r *recovery) genesis() error {
	for c, err := range r.l.store.Commits(0) {
		if err != nil {
			return err
		}
		sub, _, err := submissionAt(c, 0)
		if err != nil {
			return err
		}
		first, refusal := roster.New().Judge(sub, nil, roster.At{Recorded: c.Recorded})
		if refusal != nil {
			return fmt.Errorf("entry 0: %w", refusal)
		}
		if first.Origin() != r.checkpoint.Origin {
			return fmt.Errorf("entry 0 opens %q, the checkpoint is of %q", first.Origin(), r.checkpoint.Origin)
		}
		r.l.suite, r.l.origin = first.Suite(), first.Origin()
		return nil
	}
	return ErrEmpty
}

// foldRoster folds the operator's entries before base, which the index lists.
func (r *recovery) foldRoster(base uint64) error {
	l := r.l
	for from := uint64(0); ; {
		at, err := l.index.Timeline(SystemSubject, from, 1000)
		if err != nil {
			return fmt.Errorf("list system entries: %w", err)
		}
		if len(at) == 0 {
			return nil
		}
		for _, index := range at {
			if index >= base {
				return nil
			}
			if err := r.foldEntry(index); err != nil {
				return fmt.Errorf("system entry %d: %w", index, err)
			}
		}
		from = at[len(at)-1] + 1
	}
}

func (r *recovery) foldEntry(index uint64) error {
	for c, err := range r.l.store.Commits(index) {
		if err != nil {
			return err
		}
		sub, position, err := submissionAt(c, int(index-c.Prev.Size))
		if err != nil || position > 1 {
			return err
		}
		return r.judge(sub, index, c.Recorded)
	}
	return ErrNotThere
}

func (r *recovery) judge(sub *chain.Submission, index uint64, recorded int64) error {
	var envelopes []chain.Envelope
	if index > 0 {
		_, e, err := sub.EventKeys(r.l.suite)
		if err != nil {
			return err
		}
		envelopes = e
	}
	next, refusal := r.l.seq.roster.Judge(sub, envelopes, roster.At{Index: index, Recorded: recorded})
	if refusal != nil {
		return refusal
	}
	r.l.seq.roster = next
	return nil
}

// submissionAt rebuilds the submission that begins at entry i of c. If the
// entry is not the first of its submission only its position is returned.
func submissionAt(c *Commit, i int) (*chain.Submission, int, error) {
	h, line, err := chain.ParseEntry(c.Entries[i])
	if err != nil || h.Position > 1 {
		return nil, h.Position, err
	}
	if i+h.Count > len(c.Entries) {
		return nil, 0, fmt.Errorf("submission of %d at %d reaches beyond its commit", h.Count, h.Index)
	}
	sub := &chain.Submission{Agency: h.Agency, KeyID: h.KeyID, Signature: h.Signature, Lines: [][]byte{line}}
	for n := 1; n < h.Count; n++ {
		next, line, err := chain.ParseEntry(c.Entries[i+n])
		if err != nil {
			return nil, 0, err
		}
		if next.Position != n+1 || next.Count != h.Count || next.Agency != h.Agency || next.KeyID != h.KeyID {
			return nil, 0, fmt.Errorf("entry %d is not %d/%d of the submission at %d", next.Index, n+1, h.Count, h.Index)
		}
		sub.Lines = append(sub.Lines, line)
	}
	return sub, 1, nil
}

var errLink = errors.New("does not link to the entry before it")

// replay checks one commit and takes it over.
func (r *recovery) replay(c *Commit) error {
	l := r.l
	if c.Prev != l.seq.head {
		return fmt.Errorf("%w: it extends %d entries, not the %d before it", ErrDamaged, c.Prev.Size, l.seq.head.Size)
	}
	keys, leaves, err := r.entries(c)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if c.Head.Size != c.Prev.Size+uint64(len(c.Entries)) || c.Head.Last != leaves[len(leaves)-1] || c.Recorded < l.seq.recorded {
		return fmt.Errorf("%w: its head is not that of its entries", ErrDamaged)
	}
	begun, err := r.submissions(c)
	if err != nil && !r.holed() {
		return err
	}
	skip := min(max(l.seq.tree.Size(), c.Prev.Size)-c.Prev.Size, uint64(len(leaves)))
	growth := l.seq.tree.Grow(leaves[skip:])
	l.seq.head, l.seq.tree, l.seq.recorded = c.Head, growth.Tree, c.Recorded
	if c.Head.Size == r.checkpoint.Size && growth.Tree.Root() != r.checkpoint.Root && !r.holed() {
		return fmt.Errorf("%w: the first %d entries are not those that the checkpoint signs", ErrDamaged, r.checkpoint.Size)
	}
	return r.toIndex(c, keys, begun, growth.Full)
}

// entries parses and hashes the entries of a commit and follows their links.
func (r *recovery) entries(c *Commit) ([]chain.EventKey, []chain.Hash, error) {
	keys := make([]chain.EventKey, len(c.Entries))
	leaves := make([]chain.Hash, len(c.Entries))
	prev := c.Prev.Last
	for i, entry := range c.Entries {
		h, _, err := chain.ParseEntry(entry)
		if err != nil {
			return nil, nil, fmt.Errorf("entry %d: %w", c.Prev.Size+uint64(i), err)
		}
		if h.Index != c.Prev.Size+uint64(i) || h.Prev != prev || h.Recorded != c.Recorded {
			return nil, nil, fmt.Errorf("entry %d: %w", c.Prev.Size+uint64(i), errLink)
		}
		keys[i], leaves[i] = h.EventKey, r.l.suite.Leaf(entry)
		prev = leaves[i]
	}
	return keys, leaves, nil
}

// submissions judges those of a commit that matter now: the operator's always,
// the others where nothing was signed over them yet. It returns where they begin,
// if the index lacks them.
func (r *recovery) submissions(c *Commit) (begun []Begun, err error) {
	signed := c.Head.Size <= r.checkpoint.Size
	for i := 0; i < len(c.Entries); {
		index := c.Prev.Size + uint64(i)
		judged := !signed || index == 0 || isOperators(c.Entries[i])
		if !judged && c.Head.Size <= r.indexed {
			i++
			continue
		}
		sub, position, err := submissionAt(c, i)
		if err == nil && position > 1 {
			err = fmt.Errorf("a commit begins with position %d", position)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		if !signed && index > 0 {
			if refusal := r.l.seq.roster.CheckSignature(sub); refusal != nil {
				return nil, fmt.Errorf("%w: submission at %d: %w", ErrDamaged, index, refusal)
			}
		}
		if judged {
			if err := r.judge(sub, index, c.Recorded); err != nil {
				return nil, fmt.Errorf("submission at %d: %w", index, err)
			}
		}
		begun = append(begun, Begun{chain.SubmissionKey(sub.Digest(r.l.suite, r.l.origin)), index})
		i += len(sub.Lines)
	}
	return begun, nil
}

// toIndex adds what the index lacks of a commit.
func (r *recovery) toIndex(c *Commit, keys []chain.EventKey, begun []Begun, full []chain.Tile) error {
	if c.Head.Size <= r.indexed {
		return nil
	}
	b := &IndexBatch{From: c.Prev.Size, To: c.Head.Size, Keys: keys, Begun: begun, Tiles: full, Subjects: subjectsOf(c)}
	if r.lagging {
		r.l.lag.add(b)
		r.l.audit.wrote(c)
		return nil
	}
	if r.batch == nil {
		r.batch = b
	} else {
		r.batch.merge(b)
	}
	if len(r.batch.Keys) >= maxIndexBatch-chain.MaxLines {
		return r.flush()
	}
	return nil
}

func (r *recovery) flush() error {
	if r.batch == nil {
		return nil
	}
	if err := r.l.index.Apply(r.batch); err != nil {
		return fmt.Errorf("index entries %d to %d: %w", r.batch.From, r.batch.To, err)
	}
	r.indexed, r.batch = r.batch.To, nil
	return nil
}

// catchUp takes over commits that somebody else made durable after the one
// this sequencer knows: what ErrStale asks for.
func (l *Ledger) catchUp() error {
	if l.store.Head() == l.seq.head {
		return fmt.Errorf("the store refuses a commit on its own head: %w", ErrStale)
	}
	// Whatever is above our head is judged in full, as after a crash.
	size := l.seq.head.Size
	r := &recovery{l: l, checkpoint: chain.Checkpoint{Origin: l.origin, Size: size}, indexed: size, lagging: true}
	for c, err := range l.store.Commits(size) {
		if err != nil {
			return err
		}
		if err := r.replay(c); err != nil {
			return fmt.Errorf("take over commit at %d: %w", c.Prev.Size, err)
		}
	}
	return l.show()
}
