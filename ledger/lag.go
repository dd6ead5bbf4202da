package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"time"

	"civicledger/ledger/chain"
)

// How far the index may be behind before the sequencer waits for it, and how
// much it is given at once. What it lacks is looked up in memory and is
// replayed after a crash, so it is given much at once, which costs it less: a
// step is as dear for one entry as for hundreds.
const (
	maxLag        = 200_000 // entries
	minIndexBatch = 32_768  // entries, unless indexPause is over
	maxIndexBatch = 65_536  // entries
	indexPause    = 50 * time.Millisecond
)

// SystemSubject is the name under which an Index lists the operator's entries.
const SystemSubject = "system"

// lag is what is durable and not yet in the index. Look-ups go here first.
type lag struct {
	mu      sync.Mutex
	changed *sync.Cond
	queue   []*IndexBatch
	keys    map[chain.EventKey]uint64
	tiles   map[tileID][]chain.Hash
	entries int
	closed  bool
	due     bool        // indexPause is over since the queue was empty
	pause   *time.Timer // sets due
}

type tileID struct {
	level int
	n     uint64
}

func newLag() *lag {
	g := &lag{keys: map[chain.EventKey]uint64{}, tiles: map[tileID][]chain.Hash{}}
	g.changed = sync.NewCond(&g.mu)
	g.pause = time.AfterFunc(time.Hour, g.isDue)
	g.pause.Stop()
	return g
}

func (g *lag) isDue() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.due = true
	g.changed.Broadcast()
}

// add queues a commit for the index; it waits while the index is too far
// behind.
func (g *lag) add(c *Commit, keys []chain.EventKey, full []chain.Tile) {
	b := &IndexBatch{From: c.Prev.Size, To: c.Head.Size, Keys: keys, Tiles: full, Subjects: subjects(c)}
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.entries > maxLag && !g.closed {
		g.changed.Wait()
	}
	for i, key := range keys {
		g.keys[key] = c.Prev.Size + uint64(i)
	}
	for _, t := range full {
		g.tiles[tileID{t.Level, t.N}] = t.Hashes
	}
	if len(g.queue) == 0 {
		g.due = false
		g.pause.Reset(indexPause)
	}
	g.queue = append(g.queue, b)
	g.entries += len(keys)
	if g.entries >= minIndexBatch {
		g.changed.Broadcast()
	}
}

// next waits until there is enough to index, or something for long enough, and
// merges what is queued, up to a bound; nil after close, when all is done.
func (g *lag) next() *IndexBatch {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.queue) == 0 || (g.entries < minIndexBatch && !g.due && !g.closed) {
		if len(g.queue) == 0 && g.closed {
			return nil
		}
		g.changed.Wait()
	}
	merged := *g.queue[0]
	n := 1
	for n < len(g.queue) && len(merged.Keys)+len(g.queue[n].Keys) <= maxIndexBatch {
		if n == 1 {
			merged.Keys = append([]chain.EventKey(nil), merged.Keys...)
			merged.Tiles = append([]chain.Tile(nil), merged.Tiles...)
			merged.Subjects = cloneSubjects(merged.Subjects)
		}
		merged.merge(g.queue[n])
		n++
	}
	return &merged
}

func cloneSubjects(m map[string][]uint64) map[string][]uint64 {
	out := make(map[string][]uint64, len(m))
	for s, at := range m {
		out[s] = append([]uint64(nil), at...)
	}
	return out
}

func (b *IndexBatch) merge(c *IndexBatch) {
	b.To = c.To
	b.Keys = append(b.Keys, c.Keys...)
	b.Tiles = append(b.Tiles, c.Tiles...)
	for s, at := range c.Subjects {
		b.Subjects[s] = append(b.Subjects[s], at...)
	}
}

// done forgets what the index has now.
func (g *lag) done(b *IndexBatch) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.queue) > 0 && g.queue[0].To <= b.To {
		g.queue = g.queue[1:]
	}
	for _, key := range b.Keys {
		delete(g.keys, key)
	}
	for _, t := range b.Tiles {
		delete(g.tiles, tileID{t.Level, t.N})
	}
	g.entries -= len(b.Keys)
	g.due = false
	if len(g.queue) > 0 {
		g.pause.Reset(indexPause)
	}
	g.changed.Broadcast()
}

func (g *lag) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	g.changed.Broadcast()
}

// find moves the keys that it knows to known and returns the others.
func (g *lag) find(keys []chain.EventKey, known map[chain.EventKey]uint64) []chain.EventKey {
	g.mu.Lock()
	defer g.mu.Unlock()
	rest := make([]chain.EventKey, 0, len(keys))
	for _, key := range keys {
		if index, ok := g.keys[key]; ok {
			known[key] = index
		} else {
			rest = append(rest, key)
		}
	}
	return rest
}

func (g *lag) tile(level int, n uint64) []chain.Hash {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.tiles[tileID{level, n}]
}

// timeline returns the indexes of a subject that the index does not have yet.
func (g *lag) timeline(subject string, from uint64) []uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	var at []uint64
	for _, b := range g.queue {
		for _, index := range b.Subjects[subject] {
			if index >= from {
				at = append(at, index)
			}
		}
	}
	return at
}

// lookup finds event keys: first in what the index lacks, then in the index.
// A key that moves from one to the other meanwhile is found in the index.
func (l *Ledger) lookup(keys []chain.EventKey) (map[chain.EventKey]uint64, error) {
	known := map[chain.EventKey]uint64{}
	rest := l.lag.find(keys, known)
	if len(rest) == 0 {
		return known, nil
	}
	found, err := l.index.Lookup(rest)
	if err != nil {
		return nil, err
	}
	for key, index := range found {
		known[key] = index
	}
	return known, nil
}

// followIndex gives the index what it lacks, in the background. An index that
// fails stops the ledger: without it repetitions cannot be seen. One that has no
// room is tried again, and until it has, nothing is taken in.
func (l *Ledger) followIndex() {
	defer l.work.Done()
	for {
		b := l.lag.next()
		if b == nil {
			return
		}
		if err := l.applyWithRoom(b); err != nil {
			l.lag.close()
			if errors.Is(err, ErrNoSpace) { // asked to close; the next Open replays it
				return
			}
			l.stop(fmt.Errorf("index entries %d to %d: %w", b.From, b.To, err))
			return
		}
		l.lag.done(b)
	}
}

var tokenMark = []byte(`"st1.`)

// subjects finds the subject tokens of a commit: JSON strings that begin with
// st1. anywhere in a line, and the operator's entries under SystemSubject.
func subjects(c *Commit) map[string][]uint64 {
	found := map[string][]uint64{}
	for i, entry := range c.Entries {
		index := c.Prev.Size + uint64(i)
		note := func(subject string) {
			if at := found[subject]; len(at) == 0 || at[len(at)-1] != index {
				found[subject] = append(at, index)
			}
		}
		if isOperators(entry) {
			note(SystemSubject)
		}
		for rest := entry; ; {
			at := bytes.Index(rest, tokenMark)
			if at < 0 {
				break
			}
			rest = rest[at+1:]
			end := bytes.IndexByte(rest, '"')
			if end < 0 {
				break
			}
			if end <= maxToken {
				note(string(rest[:end]))
			}
			rest = rest[end:]
		}
	}
	return found
}

// maxToken bounds the length of a subject token in bytes.
const maxToken = 64

var operatorField = []byte(" " + chain.Operator + " ")

func isOperators(entry []byte) bool {
	head, _, _ := bytes.Cut(entry, []byte{'\n'})
	return bytes.Contains(head, operatorField)
}
