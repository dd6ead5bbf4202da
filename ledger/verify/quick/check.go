package quick

import (
	"bytes"
	"io"
	"slices"

	"civicledger/ledger/chain"
	"civicledger/ledger/frame"
	"civicledger/ledger/roster"
	"civicledger/ledger/suite"
)

// stretch is a run of whole frames and what one core finds out about them. All
// its memory is used again.
type stretch struct {
	sequence int
	data     []byte // the core's, until it has judged the stretch
	first    uint64 // index of its first entry
	count    int    // entries

	prev                   chain.Hash // stated for the entry before it
	recorded, lastRecorded int64      // of its first and its last frame
	frames                 []framed
	entries                []spot
	leaves                 []chain.Hash
	roots                  []chain.Hash // of the groups of 256 that lie in it as a whole
	said                   []said
	bytes                  uint64 // of entries
}

// framed is what a frame says of its entries.
type framed struct {
	prev, head chain.Head
	recorded   int64
}

// spot says where an entry and its event line stand in the data.
type spot struct{ at, line, end int }

// said is a submission, complete in one frame.
type said struct {
	header chain.Header // of its first entry
	lines  [][]byte     // the operator's only
	claims []chain.Envelope
	text   text       // its lines
	sum    chain.Hash // of the text
	valid  bool       // the signature was verified
	digest chain.Hash // of the signed text, once valid
}

func (s *said) submission() *chain.Submission {
	return &chain.Submission{Agency: s.header.Agency, KeyID: s.header.KeyID, Signature: s.header.Signature, Lines: s.lines}
}

// text is the lines of a submission as its signature signs them.
type text struct {
	data []byte
	left []spot
	at   int // in the line of the first that is left
}

// Read implements suite.Stream.
func (t *text) Read(buf []byte) int {
	n := 0
	for n < len(buf) && len(t.left) > 0 {
		p := t.left[0]
		line := t.data[p.line:p.end]
		if t.at < len(line) {
			copied := copy(buf[n:], line[t.at:])
			n, t.at = n+copied, t.at+copied
			continue
		}
		buf[n] = '\n'
		n++
		t.left, t.at = t.left[1:], 0
	}
	return n
}

// size is how long the text is about: exactly, but for what its headers took.
func (t *text) size() int {
	if len(t.left) == 0 {
		return 0
	}
	return t.left[len(t.left)-1].end - t.left[0].at
}

// verify checks the signature if the roster knows the key. A key belongs to
// one agency for ever, so any roster of the log that knows it will do.
func (s *said) verify(su *suite.Suite, r *roster.Roster) bool {
	k, known := r.Key(s.header.Agency, s.header.KeyID)
	if !known {
		return false
	}
	text := chain.SignedText(su, r.Origin(), s.header.Agency, s.header.KeyID, s.header.Count, s.sum)
	s.digest = su.Digest(text)
	s.valid = su.Verify(k.Public, text, s.header.Signature)
	return s.valid
}

func (st *stretch) reset(sequence int, first uint64, data []byte) {
	st.sequence, st.first, st.data, st.count, st.bytes = sequence, first, data[:0], 0, 0
	st.frames, st.entries, st.leaves, st.roots, st.said = st.frames[:0], st.entries[:0], st.leaves[:0], st.roots[:0], st.said[:0]
}

// read makes data the n bytes at an offset, at most those of the largest
// frame; what is there already is not read again.
func (st *stretch) read(f io.ReaderAt, at int64, n int) bool {
	have := len(st.data)
	st.data = st.data[:n]
	got, _ := f.ReadAt(st.data[have:], at+int64(have))
	return got == n-have
}

// checker judges stretches by themselves: one for each core. It goes over a
// stretch three times: it reads what stands there, has everything hashed at
// once, and compares.
type checker struct {
	suite   *suite.Suite
	names   *names
	leaves  *suite.Batch
	others  *suite.Batch
	texts   []byte       // of event keys
	keys    []chain.Hash // whose first half is an event key
	level   []chain.Hash // of the tree
	headers chain.Headers
	frame   frame.Frame
}

func newChecker(s *suite.Suite, n *names) *checker {
	return &checker{suite: s, names: n, leaves: s.NewBatch(), others: s.NewBatch()}
}

// check judges all that a stretch says by itself, but for signatures.
func (c *checker) check(st *stretch) bool {
	st.leaves = slices.Grow(st.leaves, st.count)[:st.count]
	st.entries = slices.Grow(st.entries, st.count)
	c.keys = slices.Grow(c.keys[:0], st.count)[:st.count]
	c.texts = c.texts[:0]
	sound := c.readFrames(st) && len(st.entries) == st.count
	c.leaves.Sum()
	c.others.Sum()
	if !sound || !c.compare(st) {
		return false
	}
	c.fold(st)
	return true
}

// readFrames reads the frames of a stretch and puts their entries on the batches.
func (c *checker) readFrames(st *stretch) bool {
	f := &c.frame
	for at := 0; at < len(st.data); {
		h, err := frame.ParseHeader(st.data[at:])
		if err != nil || f.Parse(st.data[at:at+h.Size()]) != nil || len(st.entries)+len(f.Entries) > st.count {
			return false
		}
		st.frames = append(st.frames, framed{f.Prev, f.Head, f.Recorded})
		if !c.readEntries(st, at+frame.HeaderSize) {
			return false
		}
		at += h.Size()
	}
	return true
}

// readEntries reads the submissions of c.frame, whose entries stand from at on.
func (c *checker) readEntries(st *stretch, at int) bool {
	for entries := c.frame.Entries; len(entries) > 0; {
		h, _, err := chain.ParseEntry(entries[0])
		if err != nil || h.Position != 1 || h.Count > len(entries) {
			return false
		}
		st.said = append(st.said, said{header: h})
		s := &st.said[len(st.said)-1]
		first := len(st.entries)
		for _, entry := range entries[:h.Count] {
			if !c.readEntry(st, s, entry, at) {
				return false
			}
			at += frame.LengthSize + len(entry)
		}
		s.text = text{data: st.data, left: st.entries[first:]}
		entries = entries[h.Count:]
	}
	return true
}

// readEntry reads an entry that stands, behind its length, at a place.
func (c *checker) readEntry(st *stretch, s *said, entry []byte, at int) bool {
	head := bytes.IndexByte(entry, '\n') + 1
	line := entry[head:]
	var env chain.EnvelopeText
	if head == 0 || env.Read(line) != nil {
		return false
	}
	at += frame.LengthSize
	i := len(st.entries)
	st.entries = append(st.entries, spot{at, at + head, at + len(entry)})
	st.bytes += uint64(len(entry))
	s.claim(&env, line)
	start := len(c.texts)
	c.texts = env.AppendKeyText(c.texts, s.header.Agency)
	c.others.Add(c.texts[start:], &c.keys[i])
	c.leaves.AddLeafInPlace(st.data[at-1:at+len(entry)], &st.leaves[i])
	return true
}

// compare judges the headers by what was hashed. That of a submission's first
// entry was parsed; every other one must be what an honest ledger writes behind
// the entry before it.
func (c *checker) compare(st *stretch) bool {
	prev := st.frames[0].prev.Last
	st.prev, st.recorded, st.lastRecorded = prev, st.frames[0].recorded, st.frames[0].recorded
	i, saids := 0, st.said
	for _, f := range st.frames {
		if f.prev.Last != prev || f.recorded < st.lastRecorded {
			return false
		}
		st.lastRecorded = f.recorded
		for end := i + int(f.head.Size-f.prev.Size); i < end; saids = saids[1:] {
			h := &saids[0].header
			if h.Index != st.first+uint64(i) || h.Prev != prev || h.Recorded != f.recorded {
				return false
			}
			if !c.compareHeaders(st, h, i) {
				return false
			}
			i += h.Count
			prev = st.leaves[i-1]
		}
		if prev != f.head.Last {
			return false
		}
	}
	return true
}

// compareHeaders judges those of a submission from entry i on by its first.
func (c *checker) compareHeaders(st *stretch, first *chain.Header, i int) bool {
	key := (*chain.EventKey)(c.keys[i][:])
	if *key != first.EventKey {
		return false
	}
	c.names.add(key[:])
	c.headers.Begin(first)
	for range first.Count - 1 {
		i++
		key = (*chain.EventKey)(c.keys[i][:])
		p := &st.entries[i]
		if !bytes.Equal(c.headers.Next(&st.leaves[i-1], key), st.data[p.at:p.line]) {
			return false
		}
		c.names.add(key[:])
	}
	return true
}

// signatures judges those of stretches. The roster is one from before them; a
// signature whose key it does not know yet is left for later.
func (c *checker) signatures(group []*stretch, r *roster.Roster) bool {
	for _, st := range group {
		for i := range st.said {
			s := &st.said[i]
			c.others.AddStream(&s.text, s.text.size(), &s.sum)
		}
	}
	c.others.Sum()
	if r.Suite() == nil {
		return true
	}
	for _, st := range group {
		for i := range st.said {
			s := &st.said[i]
			if _, known := r.Key(s.header.Agency, s.header.KeyID); known && !s.verify(c.suite, r) {
				return false
			}
		}
	}
	return true
}

// claim notes what of a line its rights depend on, once for equal lines.
func (s *said) claim(e *chain.EnvelopeText, line []byte) {
	if s.header.Agency == chain.Operator {
		s.lines = append(s.lines, bytes.Clone(line)) // the roster may keep it
		return
	}
	const compared = 8
	for i := range s.claims[:min(len(s.claims), compared)] {
		if k := &s.claims[i]; k.Type == string(e.Type) && k.Jurisdiction == string(e.Jurisdiction) && k.Source == string(e.Source) {
			return
		}
	}
	s.claims = append(s.claims, e.Envelope())
}

// fold computes the roots of whole groups.
func (c *checker) fold(st *stretch) {
	from := int(-st.first % chain.TileWidth)
	if from >= len(st.leaves) {
		return
	}
	groups := (len(st.leaves) - from) / chain.TileWidth
	c.level = append(c.level[:0], st.leaves[from:from+groups*chain.TileWidth]...)
	st.roots = append(st.roots, fold(c.others, c.level)...)
}

// fold returns the roots of whole groups of 256 leaves, which it overwrites.
func fold(b *suite.Batch, level []chain.Hash) []chain.Hash {
	for groups := len(level) / chain.TileWidth; len(level) > groups; level = level[:len(level)/2] {
		for i := range len(level) / 2 {
			b.AddNode(&level[2*i], &level[2*i+1], &level[i])
		}
		b.Sum()
	}
	return level
}
