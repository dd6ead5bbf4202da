package ledger

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"civicledger/ledger/chain"
)

// How far the index may be behind before the sequencer waits for it, and how
// much it is given at once. What it lacks is looked up in memory and is
// replayed after a crash, so it is given much at once, which costs it less: a
// step is as dear for one entry as for hundreds.
const (
	maxLag        = 200_000               // entries
	minIndexBatch = 32_768                // entries, unless the pause is over
	maxIndexBatch = 65_536                // entries, while the book is replayed
	indexPause    = 50 * time.Millisecond // by default
)

// SystemSubject is the name under which an Index lists the operator's entries.
const SystemSubject = "system"

// lag is what is durable and not yet in the index. Look-ups go here first.
type lag struct {
	mu       sync.Mutex
	changed  *sync.Cond
	gathered part
	applying part // given to the index
	tiles    map[tileID][]chain.Hash
	closed   bool
	pause    time.Duration
	due      bool        // pause is over since gathered was empty
	timer    *time.Timer // sets due
}

// part is a run of commits in the lag; its memory is used again.
type part struct {
	IndexBatch
	index map[chain.EventKey]uint64
}

type tileID struct {
	level int
	n     uint64
}

func newLag(pause time.Duration) *lag {
	g := &lag{tiles: map[tileID][]chain.Hash{}, pause: cmp.Or(pause, indexPause)}
	g.gathered.index, g.applying.index = map[chain.EventKey]uint64{}, map[chain.EventKey]uint64{}
	g.changed = sync.NewCond(&g.mu)
	g.timer = time.AfterFunc(time.Hour, g.isDue)
	g.timer.Stop()
	return g
}

func (g *lag) isDue() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.due = true
	g.changed.Broadcast()
}

// waiting returns how many entries the index does not have yet.
func (g *lag) waiting() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.gathered.Keys) + len(g.applying.Keys)
}

// add copies a commit for the index; it waits while the index is too far
// behind.
func (g *lag) add(b *IndexBatch) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.gathered.Keys)+len(g.applying.Keys) > maxLag && !g.closed {
		g.changed.Wait()
	}
	if len(g.gathered.Keys) == 0 {
		if g.due = g.pause < 0; !g.due {
			g.timer.Reset(g.pause)
		}
	}
	g.gathered.take(b)
	for _, t := range b.Tiles {
		g.tiles[tileID{t.Level, t.N}] = t.Hashes
	}
	if len(g.gathered.Keys) >= minIndexBatch || g.due {
		g.changed.Broadcast()
	}
}

// take adds a commit to a part.
func (p *part) take(b *IndexBatch) {
	if len(p.Keys) == 0 {
		p.From = b.From
	}
	p.merge(b)
	for i, key := range b.Keys {
		p.index[key] = b.From + uint64(i)
	}
	for _, s := range b.Begun {
		p.index[s.Key] = s.Index
	}
}

// merge adds the batch that follows.
func (b *IndexBatch) merge(next *IndexBatch) {
	b.To = next.To
	b.Keys = append(b.Keys, next.Keys...)
	b.Begun = append(b.Begun, next.Begun...)
	b.Tiles = append(b.Tiles, next.Tiles...)
	b.Subjects = append(b.Subjects, next.Subjects...)
}

// forget empties a part and keeps its memory.
func (p *part) forget() {
	clear(p.index)
	clear(p.Tiles)
	clear(p.Subjects)
	p.Keys, p.Begun, p.Tiles, p.Subjects = p.Keys[:0], p.Begun[:0], p.Tiles[:0], p.Subjects[:0]
}

// next waits until there is enough to index, or something for long enough, and
// returns it; nil after close, when all is done. It is valid until done.
func (g *lag) next() *IndexBatch {
	g.mu.Lock()
	defer g.mu.Unlock()
	for n := 0; ; g.changed.Wait() {
		n = len(g.gathered.Keys)
		if n >= minIndexBatch || (n > 0 && (g.due || g.closed)) {
			break
		}
		if n == 0 && g.closed {
			return nil
		}
	}
	g.gathered, g.applying = g.applying, g.gathered
	g.due = false
	return &g.applying.IndexBatch
}

// done forgets what the index has now.
func (g *lag) done() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, t := range g.applying.Tiles {
		delete(g.tiles, tileID{t.Level, t.N})
	}
	g.applying.forget()
	g.changed.Broadcast()
}

func (g *lag) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	g.changed.Broadcast()
}

// find adds the keys that it knows to known, and returns the others in place of
// all.
func (g *lag) find(keys []chain.EventKey, known map[chain.EventKey]uint64) []chain.EventKey {
	g.mu.Lock()
	defer g.mu.Unlock()
	rest := keys[:0]
	for _, key := range keys {
		index, ok := g.gathered.index[key]
		if !ok {
			index, ok = g.applying.index[key]
		}
		if ok {
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
	for _, p := range []*part{&g.applying, &g.gathered} {
		for _, n := range p.Subjects {
			if n.Index >= from && n.Subject == subject {
				at = append(at, n.Index)
			}
		}
	}
	return at
}

// lookup finds the event keys of submissions: first in what the index lacks,
// then in the index. A key that moves from one to the other meanwhile is found
// in the index. It is the sequencer's.
func (l *Ledger) lookup(group []*pending) (map[chain.EventKey]uint64, error) {
	keys := l.seq.asked[:0]
	for _, p := range group {
		keys = append(keys, p.keys...)
	}
	l.seq.asked = keys
	return l.find(keys)
}

// find does that for any keys; it overwrites them.
func (l *Ledger) find(keys []chain.EventKey) (map[chain.EventKey]uint64, error) {
	known := map[chain.EventKey]uint64{}
	rest := l.lag.find(keys, known)
	if len(rest) == 0 {
		return known, nil
	}
	found, err := l.index.Lookup(rest)
	if err != nil {
		return nil, l.met(0, err)
	}
	maps.Copy(known, found)
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
		l.lag.done()
	}
}

var tokenMark = []byte(`"st1.`)

// subjects appends the subject tokens of an entry or a line: JSON strings that
// begin with st1. anywhere in it, each once; and SystemSubject if the operator said
// it.
func subjects(named []Naming, text []byte, index uint64, operators bool) []Naming {
	if operators {
		named = append(named, Naming{SystemSubject, index})
	}
	first := len(named)
	for rest := text; ; {
		at := bytes.Index(rest, tokenMark)
		if at < 0 {
			return named
		}
		rest = rest[at+1:]
		end := bytes.IndexByte(rest, '"')
		if end < 0 {
			return named
		}
		token := rest[:end]
		again := func(n Naming) bool { return n.Subject == string(token) }
		if end <= maxToken && !slices.ContainsFunc(named[first:], again) {
			named = append(named, Naming{string(token), index})
		}
		rest = rest[end:]
	}
}

// subjectsOf returns what the entries of a commit name.
func subjectsOf(c *Commit) []Naming {
	var named []Naming
	for i, entry := range c.Entries {
		named = subjects(named, entry, c.Prev.Size+uint64(i), isOperators(entry))
	}
	return named
}

// subjectsIn does the same for a submission, by index in it.
func subjectsIn(sub *chain.Submission) []Naming {
	var named []Naming
	for i, line := range sub.Lines {
		named = subjects(named, line, uint64(i), sub.Agency == chain.Operator)
	}
	return named
}

// maxToken bounds the length of a subject token in bytes.
const maxToken = 64

var operatorField = []byte(" " + chain.Operator + " ")

func isOperators(entry []byte) bool {
	head, _, _ := bytes.Cut(entry, []byte{'\n'})
	return bytes.Contains(head, operatorField)
}
