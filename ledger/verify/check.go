package verify

import (
	"bytes"
	"hash"
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
	data     []byte
	first    uint64 // index of its first entry

	prev                   chain.Hash // stated for the entry before it
	recorded, lastRecorded int64      // of its first and its last frame
	leaves                 []chain.Hash
	roots                  []chain.Hash // of the groups of 256 that lie in it as a whole
	said                   []said
	bytes                  uint64 // of entries
}

// said is a submission, complete in one frame.
type said struct {
	header chain.Header // of its first entry
	lines  [][]byte     // the operator's only
	claims []chain.Envelope
	sum    chain.Hash // of its lines
	valid  bool       // the signature was verified
	digest chain.Hash // of the signed text, once valid
}

func (s *said) submission() *chain.Submission {
	return &chain.Submission{Agency: s.header.Agency, KeyID: s.header.KeyID, Signature: s.header.Signature, Lines: s.lines}
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

func (st *stretch) reset(sequence int, first uint64) {
	st.sequence, st.first, st.bytes = sequence, first, 0
	st.data, st.leaves, st.roots, st.said = st.data[:0], st.leaves[:0], st.roots[:0], st.said[:0]
}

// read makes data the n bytes at an offset, at most those of the largest
// frame; what is there already is not read again.
func (st *stretch) read(f io.ReaderAt, at int64, n int) bool {
	have := len(st.data)
	st.data = st.data[:n]
	got, _ := f.ReadAt(st.data[have:], at+int64(have))
	return got == n-have
}

// checker judges stretches by themselves: one for each core.
type checker struct {
	suite       *suite.Suite
	keys        *names
	leaf, lines hash.Hash
	staged      []byte // of lines, not hashed yet: less than a hash's block between entries
	head        []byte
	frame       frame.Frame
}

func newChecker(s *suite.Suite, keys *names) *checker {
	return &checker{suite: s, keys: keys, leaf: s.NewHash(), lines: s.NewHash()}
}

// check judges all that a stretch says by itself. The roster is one from
// before the stretch; a signature whose key it does not know yet is left for
// later.
func (c *checker) check(st *stretch, r *roster.Roster) bool {
	f := &c.frame
	for at := 0; at < len(st.data); {
		h, err := frame.ParseHeader(st.data[at:])
		if err != nil || f.Parse(st.data[at:at+h.Size()]) != nil {
			return false
		}
		switch n := len(st.leaves); {
		case n == 0:
			st.prev, st.recorded = f.Prev.Last, f.Recorded
		case st.leaves[n-1] != f.Prev.Last || f.Recorded < st.lastRecorded:
			return false
		}
		st.lastRecorded = f.Recorded
		if !c.checkFrame(st, st.data[at:]) {
			return false
		}
		at += h.Size()
	}
	for i := range st.said {
		if s := &st.said[i]; r.Suite() != nil {
			if _, known := r.Key(s.header.Agency, s.header.KeyID); known && !s.verify(c.suite, r) {
				return false
			}
		}
	}
	c.fold(st)
	return true
}

// checkFrame judges the entries of c.frame, whose bytes begin data.
func (c *checker) checkFrame(st *stretch, data []byte) bool {
	f := &c.frame
	st.leaves = slices.Grow(st.leaves, len(f.Entries))
	prev := f.Prev.Last
	at := frame.HeaderSize
	for i := 0; i < len(f.Entries); {
		h, _, err := chain.ParseEntry(f.Entries[i])
		switch {
		case err != nil || h.Position != 1 || h.Count > len(f.Entries)-i:
			return false
		case h.Index != f.Prev.Size+uint64(i) || h.Prev != prev || h.Recorded != f.Recorded:
			return false
		}
		size, ok := c.submission(st, &h, f.Entries[i:i+h.Count], data[at:])
		if !ok {
			return false
		}
		at += size
		i += h.Count
		prev = st.leaves[len(st.leaves)-1]
	}
	return prev == f.Head.Last
}

// submission judges the entries of a submission, which begin data with 4 bytes
// of length each. The header of the first was parsed; every other one must be
// what an honest ledger writes behind the entry before it.
func (c *checker) submission(st *stretch, first *chain.Header, entries [][]byte, data []byte) (size int, ok bool) {
	st.said = append(st.said, said{header: *first})
	s := &st.said[len(st.said)-1]
	next := *first
	var env chain.EnvelopeText
	c.lines.Reset()
	c.staged = c.staged[:0]
	for i, entry := range entries {
		head := bytes.IndexByte(entry, '\n') + 1
		line := entry[head:]
		if head == 0 || env.Read(line) != nil {
			return 0, false
		}
		key := env.Key(c.suite, first.Agency)
		if i == 0 && key != first.EventKey {
			return 0, false
		}
		if i > 0 {
			next.Index++
			next.Position++
			next.Prev, next.EventKey, next.Signature = st.leaves[len(st.leaves)-1], key, nil
			if c.head = next.Append(c.head[:0]); !bytes.Equal(c.head, entry[:head]) {
				return 0, false
			}
		}
		c.keys.add(key[:])
		s.claim(&env, line)
		st.leaves = st.leaves[:len(st.leaves)+1]
		c.hash(data[size+3:size+4+len(entry)], line, &st.leaves[len(st.leaves)-1])
		size += 4 + len(entry)
		st.bytes += uint64(len(entry))
	}
	c.lines.Write(c.staged)
	c.lines.Sum(s.sum[:0])
	return size, true
}

// hash computes the leaf hash of spare[1:], overwriting spare[0], and hashes
// on the lines. The two go by turns: a core computes the one while it waits
// for the other, which takes a fifth less time than one after the other.
func (c *checker) hash(spare, line []byte, leaf *chain.Hash) {
	const piece = 128 // two blocks of the hash
	c.staged = append(append(c.staged, line...), '\n')
	lines := c.staged[:len(c.staged)/c.lines.BlockSize()*c.lines.BlockSize()]
	rest := c.staged[len(lines):]
	spare[0] = 0 // the prefix of a leaf, RFC 6962
	c.leaf.Reset()
	for len(spare) >= piece && len(lines) >= piece {
		c.leaf.Write(spare[:piece])
		c.lines.Write(lines[:piece])
		spare, lines = spare[piece:], lines[piece:]
	}
	c.leaf.Write(spare)
	c.lines.Write(lines)
	c.leaf.Sum(leaf[:0])
	c.staged = c.staged[:copy(c.staged, rest)]
}

// claim notes what of a line its rights depend on, once for equal lines.
func (s *said) claim(e *chain.EnvelopeText, line []byte) {
	if s.header.Agency == chain.Operator {
		s.lines = append(s.lines, line)
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
	for ; from+chain.TileWidth <= len(st.leaves); from += chain.TileWidth {
		st.roots = append(st.roots, mth(c.suite, st.leaves[from:from+chain.TileWidth]))
	}
}
