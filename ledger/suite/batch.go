package suite

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math"
	"slices"
	"sync"
)

// Batch computes the digests of many messages together, which takes less time
// than one after the other: SHA-256 waits for itself within a message, not
// between messages. Where the processor can (AVX-512) sixteen messages share
// its vector registers, elsewhere two take turns. A Batch has one owner and is
// used again and again.
//
// The digests are those of Digest; the tests hold it to that. It is for whoever
// compares them with what others computed, as a verifier does, not for whoever
// writes them: a fault must show as a difference and never stand on a log.
type Batch struct {
	suite *Suite
	wide  bool
	queue []message
	alone []message
	nodes []byte // the texts of inner nodes

	// wide: one message in each of sixteen lanes
	state [8][lanes]uint32
	left  [lanes]int // blocks to hash there; 0: idle
	lanes [lanes]lane
	tails [lanes][(unlike + 2) * blockSize]byte

	turns [2]turn // not wide
}

// places are where the next blocks of the lanes stand; of an idle lane, any.
type places = [lanes]*byte

// Stream is a message that is made while it is hashed.
type Stream interface {
	// Read fills buf; if with less than its length, the message ends there.
	Read(buf []byte) int
}

// message is data or, if that is nil, what a stream gives.
type message struct {
	data   []byte
	stream Stream
	size   int // about, of a stream
	digest *Hash
}

const (
	lanes      = 16
	fewest     = 6       // messages that are worth sixteen lanes
	unlike     = 4       // blocks by which messages may differ to be hashed in a group
	blockSize  = 64      // of SHA-256
	streamPart = 4 << 10 // bytes read of a stream at once
)

// NewBatch returns an empty batch.
func (s *Suite) NewBatch() *Batch { return &Batch{suite: s, wide: s.sha256 && wideWorks()} }

// wideWorks says whether the sixteen lanes can be used: the processor says that
// it has what they need, and gives each lane the digest of its own message.
var wideWorks = sync.OnceValue(func() bool {
	if !hasSixteen {
		return false
	}
	b := &Batch{suite: Default(), wide: true}
	var messages [lanes][3*blockSize + 1]byte
	var digests [lanes]Hash
	for i := range messages {
		for at := range messages[i] {
			messages[i][at] = byte(at*(2*i+1) + i)
		}
		b.Add(messages[i][:], &digests[i])
	}
	b.Sum()
	for i := range messages {
		if digests[i] != sha256.Sum256(messages[i][:]) {
			return false
		}
	}
	return true
})

// Add puts a message on the batch. Until Sum returns it must not change, and
// then digest has its digest. Messages of about the same size are best added
// one behind the other.
func (b *Batch) Add(data []byte, digest *Hash) {
	b.queue = append(b.queue, message{data: data, digest: digest})
}

// AddLeafInPlace puts the leaf hash of buf[1:] on the batch; it overwrites
// buf[0] with the prefix.
func (b *Batch) AddLeafInPlace(buf []byte, digest *Hash) {
	buf[0] = leafPrefix
	b.Add(buf, digest)
}

// AddNode puts the hash of the inner node above left and right on the batch;
// these may change at once.
func (b *Batch) AddNode(left, right *Hash, digest *Hash) {
	start := len(b.nodes)
	b.nodes = append(append(append(b.nodes, nodePrefix), left[:]...), right[:]...)
	b.Add(b.nodes[start:], digest)
}

// AddStream puts a message of about that size on the batch, which Sum reads.
func (b *Batch) AddStream(s Stream, size int, digest *Hash) {
	b.queue = append(b.queue, message{stream: s, size: size, digest: digest})
}

// Sum computes the digests of all messages of the batch and empties it.
func (b *Batch) Sum() {
	queue := b.queue
	if b.wide {
		queue = b.long(b.groups(queue))
		b.sixteen(queue)
		queue = b.alone
	}
	b.two(queue)
	b.forget()
}

// forget empties the batch, and keeps nothing alive of what was hashed.
func (b *Batch) forget() {
	clear(b.queue)
	clear(b.alone)
	b.queue, b.alone, b.nodes = b.queue[:0], b.alone[:0], b.nodes[:0]
	for i := range b.lanes {
		l := &b.lanes[i]
		l.message, l.blocks, l.rest = nil, nil, nil
	}
	for i := range b.turns {
		b.turns[i].left = nil
	}
}

// long sorts messages, the longest first, and sets those aside that would go
// on in a lane of their own when all others have ended.
func (b *Batch) long(queue []message) []message {
	total := 0
	for i := range queue {
		m := &queue[i]
		if m.stream == nil {
			m.size = len(m.data)
		}
		total += m.size
	}
	slices.SortFunc(queue, func(a, b message) int { return cmp.Compare(b.size, a.size) })
	for len(queue) > 0 && queue[0].size > total/fewest {
		total -= queue[0].size
		b.alone = append(b.alone, queue[0])
		queue = queue[1:]
	}
	return queue
}

// lane is what one of sixteen lanes hashes.
type lane struct {
	*message
	blocks []byte // whole ones, of which some are left
	rest   []byte // of the message behind them, less than a block
	size   int    // bytes of the message so far
	padded bool   // blocks are the end of the message
	part
}

// part is a part of a stream.
type part struct{ buf []byte }

// read returns what comes next in a stream, and forgets it at its end.
func (p *part) read(m *message) []byte {
	if p.buf == nil {
		p.buf = make([]byte, streamPart)
	}
	n := m.stream.Read(p.buf)
	if n < len(p.buf) {
		m.stream = nil
	}
	return p.buf[:n]
}

// groups hashes the messages of which sixteen in a row are about as long, and
// returns the others.
func (b *Batch) groups(queue []message) []message {
	others := queue[:0]
	for group := range slices.Chunk(queue, lanes) {
		if !b.group(group) {
			others = append(others, group...)
		}
	}
	return others
}

// group hashes up to sixteen messages side by side; false if it is not worth it.
func (b *Batch) group(messages []message) bool {
	least, most := math.MaxInt, 0
	for i := range messages {
		if messages[i].stream != nil {
			return false
		}
		whole := len(messages[i].data) / blockSize
		least, most = min(least, whole), max(most, whole)
	}
	if most-least > unlike || len(messages) < fewest {
		return false
	}
	var at places // on the stack, where pointers cost nothing
	b.state = initialStates
	if least > 0 {
		for i := range at {
			at[i] = &messages[min(i, len(messages)-1)].data[0]
		}
		sixteenBlocks(&b.state, &at, least, &roundConstants)
	}
	most = 0
	for i := range messages {
		data := messages[i].data
		b.left[i] = pad(b.tails[i][:], data[least*blockSize:], len(data))
		most = max(most, b.left[i])
	}
	for done := range most {
		for i := range at {
			at[i] = &b.tails[i][done*blockSize]
		}
		sixteenBlocks(&b.state, &at, 1, &roundConstants)
		for i := range messages {
			if b.left[i] == done+1 {
				b.end(i, messages[i].digest)
			}
		}
	}
	clear(b.left[:])
	return true
}

// pad puts the rest of a message of that size and the padding of SHA-256
// behind it (one bit, zeros, the size in bits) into tail, and returns its blocks.
func pad(tail, rest []byte, size int) int {
	n := copy(tail, rest)
	blocks := (n + 1 + 8 + blockSize - 1) / blockSize
	end := blocks * blockSize
	tail[n] = 0x80
	clear(tail[n+1 : end])
	binary.BigEndian.PutUint64(tail[end-8:], 8*uint64(size))
	return blocks
}

// sixteen hashes in lanes. A lane that has ended its message takes the next.
func (b *Batch) sixteen(queue []message) {
	var at places
	begun, active := 0, 0
	for i := range min(lanes, len(queue)) {
		b.begin(i, &queue[begun])
		at[i] = b.next(i)
		begun++
		active++
	}
	for active > 0 {
		blocks := b.step(&at)
		sixteenBlocks(&b.state, &at, blocks, &roundConstants)
		for i := range lanes {
			if b.left[i] == 0 {
				continue
			}
			if b.left[i] -= blocks; b.left[i] == 0 && !b.refill(i) {
				b.end(i, b.lanes[i].digest)
				if begun == len(queue) {
					active--
					continue
				}
				b.begin(i, &queue[begun])
				begun++
			}
			at[i] = b.next(i)
		}
	}
}

// step returns how many blocks all active lanes have at least, and lets the
// idle ones read with another.
func (b *Batch) step(at *places) int {
	least, of := 0, 0
	for i, n := range b.left {
		if n > 0 && (least == 0 || n < least) {
			least, of = n, i
		}
	}
	for i, n := range b.left {
		if n == 0 {
			at[i] = at[of]
		}
	}
	return least
}

func (b *Batch) begin(i int, m *message) {
	l := &b.lanes[i]
	l.message, l.size, l.padded, l.rest = m, 0, false, nil
	for word, value := range initialState {
		b.state[word][i] = value
	}
	if m.stream != nil || !b.take(i, m.data) {
		b.refill(i)
	}
}

// next is where the blocks stand that a lane has left.
func (b *Batch) next(i int) *byte {
	blocks := b.lanes[i].blocks
	return &blocks[len(blocks)-b.left[i]*blockSize]
}

// end writes the digest of a lane.
func (b *Batch) end(i int, digest *Hash) {
	for word := range b.state {
		binary.BigEndian.PutUint32(digest[4*word:], b.state[word][i])
	}
}

// take makes data what a lane hashes next; false if that is no whole block.
func (b *Batch) take(i int, data []byte) bool {
	l := &b.lanes[i]
	l.size += len(data)
	whole := len(data) / blockSize
	l.blocks, l.rest = data[:whole*blockSize], data[whole*blockSize:]
	b.left[i] = whole
	return whole > 0
}

// refill gives a lane with nothing left more of its message, or its end; false
// if that, too, was hashed.
func (b *Batch) refill(i int) bool {
	l := &b.lanes[i]
	if l.padded {
		return false
	}
	if l.stream != nil && b.take(i, l.read(l.message)) {
		return true
	}
	l.padded = true
	b.left[i] = pad(b.tails[i][:], l.rest, l.size)
	l.blocks = b.tails[i][:b.left[i]*blockSize]
	return true
}

// turn is one of two messages that take turns.
type turn struct {
	*message
	left []byte
	hash hash.Hash
	part
}

// two hashes two messages by turns, a little of each: a processor computes the
// one while it waits for the other.
func (b *Batch) two(queue []message) {
	const little = 2 * blockSize
	for active := true; active; {
		active = false
		for i := range b.turns {
			t := &b.turns[i]
			if t.message == nil {
				if queue = t.begin(b.suite, queue); t.message == nil {
					continue
				}
			}
			active = true
			n := min(little, len(t.left))
			t.hash.Write(t.left[:n])
			if t.left = t.left[n:]; len(t.left) == 0 && !t.more() {
				t.hash.Sum(t.digest[:0])
				t.message = nil
			}
		}
	}
}

// begin takes a message off the queue. A short one is hashed at once.
func (t *turn) begin(s *Suite, queue []message) []message {
	for len(queue) > 0 && queue[0].stream == nil && len(queue[0].data) < 2*blockSize {
		*queue[0].digest = s.Digest(queue[0].data)
		queue = queue[1:]
	}
	if len(queue) == 0 {
		return queue
	}
	if t.hash == nil {
		t.hash = s.NewHash()
	}
	t.hash.Reset()
	t.message = &queue[0]
	if t.left = t.data; t.stream != nil {
		t.more()
	}
	return queue[1:]
}

// more reads on in a stream.
func (t *turn) more() bool {
	if t.stream == nil {
		return false
	}
	t.left = t.read(t.message)
	return len(t.left) > 0
}

// The constants of SHA-256, FIPS 180-4 sections 5.3.3 and 4.2.2.
var initialState = [8]uint32{
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
}

// initialStates is initialState in all lanes.
var initialStates = func() (all [8][lanes]uint32) {
	for word, value := range initialState {
		for i := range all[word] {
			all[word][i] = value
		}
	}
	return all
}()

var roundConstants = [64]uint32{
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
}
