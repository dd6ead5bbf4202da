package ledger

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"civicledger/ledger/chain"
)

// Wait returns the receipt of a submission once it is durable and signed, or
// why there is none: *Refused, an error that wraps ErrStopped, one that wraps
// ErrNoSpace (nothing was recorded, try again later), or the error of ctx, after
// which the submission may still be recorded and may be waited for again.
type Wait = func(ctx context.Context) (*chain.Receipt, error)

// Submit checks what can be checked anywhere (shape, envelope, signature),
// takes a place in the pool and returns. It blocks while the pool is full.
// Submissions of one caller are recorded in the order of the calls. It may be
// called from many goroutines; the caller does not change sub afterwards.
//
// A submission that is on the log already, whole and with the same bytes,
// gets a receipt for the same place.
func (l *Ledger) Submit(ctx context.Context, sub *chain.Submission) (Wait, error) {
	wait, err := l.submit(ctx, sub)
	if err != nil {
		l.stats.turnedAway(err)
	}
	return wait, err
}

func (l *Ledger) submit(ctx context.Context, sub *chain.Submission) (Wait, error) {
	if l.readOnly {
		return nil, ErrReadOnly
	}
	p, err := l.examine(sub)
	if err != nil {
		return nil, err
	}
	if refusal := l.Roster().CheckText(sub, p.text); refusal != nil {
		return nil, refused(refusal.Line, refusal.Code, "%s", refusal.Message)
	}
	return l.enter(ctx, p)
}

func (l *Ledger) enter(ctx context.Context, p *pending) (Wait, error) {
	if err := l.full.refuses(); err != nil {
		return nil, err
	}
	p.entered, p.stats = time.Now(), &l.stats
	if err := l.pool.enter(ctx, p); err != nil {
		return nil, err
	}
	return p.wait, nil
}

// examine checks all but the signature.
func (l *Ledger) examine(sub *chain.Submission) (*pending, error) {
	if err := chain.CheckAgency(sub.Agency); err != nil {
		return nil, refused(0, CodeShape, "%v", err)
	}
	if err := chain.CheckLines(sub.Lines); err != nil {
		return nil, refused(0, CodeShape, "%v", err)
	}
	keys, envelopes, err := sub.EventKeys(l.suite)
	if err != nil {
		return nil, refused(0, CodeEnvelope, "%v", err)
	}
	if err := repeats(sub, keys); err != nil {
		return nil, err
	}
	size := 0
	for _, line := range sub.Lines {
		size += len(line) + 1
	}
	text := sub.SignedText(l.suite, l.origin)
	return &pending{
		sub: sub, text: text, digest: l.suite.Sum(text), keys: keys, envelopes: envelopes,
		named:  subjectsIn(sub),
		sealed: chain.SealedBound(len(sub.Lines), size),
		done:   make(chan struct{}),
	}, nil
}

// repeats refuses a submission that says the same event twice.
func repeats(sub *chain.Submission, keys []chain.EventKey) error {
	if len(keys) == 1 {
		return nil
	}
	seen := make(map[chain.EventKey]int, len(keys))
	var problems []Problem
	for i, key := range keys {
		first, again := seen[key]
		if !again {
			seen[key] = i
			continue
		}
		problems = append(problems, Problem{
			Line: i + 1, Code: CodeTwice,
			Message: fmt.Sprintf("source and id are those of line %d: an event is said once", first+1),
		})
	}
	if problems != nil {
		return &Refused{Problems: problems}
	}
	return nil
}

// judgeRepeated decides about a submission of which some event key is on the
// log: nil and the index of its first entry if all of it is, at one place and
// with the same bytes; otherwise a refusal that marks each such line.
func (l *Ledger) judgeRepeated(p *pending, known map[chain.EventKey]uint64) (uint64, error) {
	first, same := known[p.keys[0]], true
	var problems []Problem
	stored := reader{l: l}
	for i, key := range p.keys {
		index, ok := known[key]
		if !ok {
			same = false
			continue
		}
		h, line, err := stored.entry(index)
		if err != nil {
			return 0, err
		}
		mark := Problem{Line: i + 1, Index: &index, Code: CodeRecorded, Message: fmt.Sprintf("on the log at index %d, with the same bytes: leave it out", index)}
		if string(line) != string(p.sub.Lines[i]) {
			mark.Code = CodeConflict
			mark.Message = fmt.Sprintf("source and id are on the log at index %d with other bytes: say a correction under a new id", index)
			same = false
		}
		problems = append(problems, mark)
		same = same && h.Position == i+1 && h.Count == len(p.keys) && h.KeyID == p.sub.KeyID && index == first+uint64(i)
	}
	if same {
		return first, nil
	}
	return 0, &Refused{Problems: problems}
}

// reader reads durable entries, signed or not. It keeps the commit it read
// last: what was submitted together stands together.
type reader struct {
	l       *Ledger
	first   uint64
	entries [][]byte
}

func (r *reader) entry(index uint64) (chain.Header, []byte, error) {
	if index < r.first || index >= r.first+uint64(len(r.entries)) {
		if err := r.load(index); err != nil {
			return chain.Header{}, nil, fmt.Errorf("entry %d: %w", index, err)
		}
	}
	return chain.ParseEntry(r.entries[index-r.first])
}

func (r *reader) load(index uint64) error {
	for c, err := range r.l.Commits(index) {
		if err != nil {
			return err
		}
		r.first, r.entries = c.Prev.Size, make([][]byte, len(c.Entries))
		for i, e := range c.Entries {
			r.entries[i] = bytes.Clone(e)
		}
		return nil
	}
	return ErrNotThere
}
