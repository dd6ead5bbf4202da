// Package projectionstest is a ledger in memory for tests of read models: real
// entries, sealed and signed as the ledger seals them, under the same head,
// without disk, sequencer or clock.
//
// It refuses to check rights: tests may say what no agency would be allowed to.
package projectionstest

import (
	"fmt"
	"iter"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"civicledger/events"
	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/ledger/roster"
	"civicledger/ledger/suite"
)

// Origin of the ledger in memory.
const Origin = "ledger.test.example"

// Recorded is when the first commit is recorded, Unix milliseconds; each
// further one is a second later.
const Recorded = 1_767_225_600_000 // 2026-01-01 00:00 UTC

// Log is a ledger in memory. It begins with its genesis entry. All methods may
// be called at once, those that write by one goroutine.
type Log struct {
	tb     testing.TB
	signer note.Signer

	mu         sync.Mutex
	commits    []*ledger.Commit
	known      map[chain.EventKey]uint64
	tree       *chain.Tree
	checkpoint []byte
	grown      chan struct{}
	// Visible, where not 0, hides what is at or above it: a log as it was
	// earlier. It is set before readers run.
	visible uint64
}

// New returns a log with its genesis entry, which names the operator's key.
func New(tb testing.TB, operator Signer) *Log {
	tb.Helper()
	skey, vkey, err := note.GenerateKey(zeros{}, Origin)
	must(tb, err)
	signer, err := note.NewSigner(skey)
	must(tb, err)
	l := &Log{
		tb: tb, signer: signer, known: map[chain.EventKey]uint64{},
		tree: chain.NewTree(suite.Default()), grown: make(chan struct{}),
	}
	line, err := roster.Line(Origin, roster.LedgerOpened, "genesis", time.UnixMilli(Recorded), roster.Opened{
		Origin: Origin, Suite: suite.Default().Name(), LogKey: vkey, OperatorKey: operator.Public(), Timezone: "Asia/Shanghai",
	})
	must(tb, err)
	sub, err := operator.SignSubmission(Origin, chain.Operator, [][]byte{line})
	must(tb, err)
	l.Commit(sub)
	return l
}

// Signer signs submissions; *keys.Key is one.
type Signer interface {
	ID() string
	Public() []byte
	SignSubmission(origin, agency string, lines [][]byte) (*chain.Submission, error)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// Commit puts submissions on the log as one commit and returns the index of
// the first entry.
func (l *Log) Commit(subs ...*chain.Submission) uint64 {
	l.tb.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	s := suite.Default()
	c := &ledger.Commit{Prev: l.head(), Head: l.head(), Recorded: Recorded + int64(len(l.commits))*1000}
	var leaves []chain.Hash
	for _, sub := range subs {
		keys, _, err := sub.EventKeys(s)
		must(l.tb, err)
		for i, key := range keys {
			if at, twice := l.known[key]; twice {
				l.tb.Fatalf("line %d of %s is on the log already, at %d", i+1, sub.Agency, at)
			}
			l.known[key] = c.Head.Size + uint64(i)
		}
		c.Head.Last = sub.Seal(s, c.Head.Size, c.Head.Last, c.Recorded, keys, func(entry []byte, leaf chain.Hash) {
			c.Entries = append(c.Entries, append([]byte(nil), entry...))
			leaves = append(leaves, leaf)
		})
		c.Head.Size += uint64(len(sub.Lines))
	}
	l.tree = l.tree.Grow(leaves).Tree
	checkpoint, err := chain.Checkpoint{Origin: Origin, Size: c.Head.Size, Root: l.tree.Root()}.Sign(l.signer)
	must(l.tb, err)
	l.commits, l.checkpoint = append(l.commits, c), checkpoint
	close(l.grown)
	l.grown = make(chan struct{})
	return c.Prev.Size
}

// Say commits event lines of an agency as one submission, with a signature
// that nobody checks, and returns the index of the first entry.
func (l *Log) Say(agency string, lines ...[]byte) uint64 {
	l.tb.Helper()
	return l.Commit(&chain.Submission{
		Agency: agency, KeyID: "0123456789abcdef", Signature: make([]byte, 64), Lines: lines,
	})
}

func (l *Log) head() chain.Head {
	if len(l.commits) == 0 {
		return chain.Head{}
	}
	return l.commits[len(l.commits)-1].Head
}

// Head implements projections.Log.
func (l *Log) Head() chain.Head {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.head()
}

// Commits implements projections.Log. What it yields is overwritten as soon as
// the caller goes on, as a file's buffer may be.
func (l *Log) Commits(from uint64) iter.Seq2[*ledger.Commit, error] {
	l.mu.Lock()
	commits := l.commits
	l.mu.Unlock()
	return func(yield func(*ledger.Commit, error) bool) {
		for _, c := range commits {
			if c.Head.Size <= from || l.visible > 0 && c.Head.Size > l.visible {
				continue
			}
			lent := *c
			lent.Entries = make([][]byte, len(c.Entries))
			for i, e := range c.Entries {
				lent.Entries[i] = append([]byte(nil), e...)
			}
			if !yield(&lent, nil) {
				return
			}
			for _, e := range lent.Entries {
				clear(e)
			}
		}
	}
}

// Grown implements projections.Log.
func (l *Log) Grown(after uint64) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.head().Size > after {
		closed := make(chan struct{})
		close(closed)
		return closed
	}
	return l.grown
}

// Find implements projections.Log.
func (l *Log) Find(key chain.EventKey) (uint64, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, ok := l.known[key]
	return at, ok, nil
}

// Entry implements projections.Log.
func (l *Log) Entry(index uint64) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.commits {
		if index < c.Head.Size {
			return c.Entries[index-c.Prev.Size], nil
		}
	}
	return nil, fmt.Errorf("entry %d: %w", index, ledger.ErrNotThere)
}

// Checkpoint implements projections.Log.
func (l *Log) Checkpoint() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.checkpoint
}

// Suite implements projections.Log.
func (l *Log) Suite() *suite.Suite { return suite.Default() }

// Show hides every commit that reaches beyond size, 0 hides nothing. It is
// called while no reader runs.
func (l *Log) Show(size uint64) { l.visible = size }

// Line is an event line of an agency, with the id under the agency's source.
// Corrects is the id of the event that it replaces, "" for none.
func Line(tb testing.TB, agency, eventType, id, corrects string, data any) []byte {
	tb.Helper()
	return LineIn(tb, agency, eventType, "110105", id, corrects, data)
}

// LineIn is Line in another jurisdiction.
func LineIn(tb testing.TB, agency, eventType, jurisdiction, id, corrects string, data any) []byte {
	tb.Helper()
	e := &events.Event{
		ID: id, Source: Source(agency), Type: eventType, Jurisdiction: jurisdiction,
		Time: time.UnixMilli(Recorded).UTC(),
	}
	if corrects != "" {
		e.Corrects = &events.Ref{Source: e.Source, ID: corrects}
	}
	line, err := events.Encode(e, data)
	must(tb, err)
	return line
}

// Source is the source URI of an agency in tests.
func Source(agency string) string { return "urn:test:" + agency }
