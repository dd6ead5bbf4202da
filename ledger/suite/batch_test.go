package suite

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"weak"
)

type reader struct{ bytes.Reader }

func (r *reader) Read(buf []byte) int {
	n, _ := r.Reader.Read(buf)
	return n
}

func newReader(data []byte) *reader {
	r := new(reader)
	r.Reset(data)
	return r
}

// batches returns one of each kind that this machine has.
func batches(t testing.TB) map[string]*Batch {
	two := Default().NewBatch()
	two.wide = false
	all := map[string]*Batch{"two": two}
	if hasSixteen {
		all["sixteen"] = Default().NewBatch()
		if !all["sixteen"].wide {
			t.Error("AVX-512 is there and does not work")
		}
	} else {
		t.Log("no AVX-512: the sixteen lanes are not tested")
	}
	return all
}

// Whatever the number of messages, their sizes and their kinds, the digests
// are those of crypto/sha256.
func TestBatch_AgreesWithDigest(t *testing.T) {
	s := Default()
	r := rand.New(rand.NewPCG(1, 7))
	text := make([]byte, 40<<10)
	for i := range text {
		text[i] = byte(r.Uint32())
	}
	for kind, b := range batches(t) {
		for range 3000 {
			most := []int{2, 70, 200, 1300, 30 << 10}[r.IntN(5)]
			messages := make([][]byte, r.IntN(60))
			digests := make([]Hash, len(messages))
			for i := range messages {
				n := r.IntN(most)
				if r.IntN(8) == 0 {
					n = streamPart * r.IntN(3)
				}
				start := r.IntN(len(text) - n + 1)
				messages[i] = text[start : start+n : start+n]
				if r.IntN(3) == 0 {
					b.AddStream(newReader(messages[i]), n, &digests[i])
				} else {
					b.Add(messages[i], &digests[i])
				}
			}
			b.Sum()
			for i := range messages {
				if want := s.Digest(messages[i]); digests[i] != want {
					t.Fatalf("%s: message %d of %d, %d bytes: %x, want %x", kind, i, len(messages), len(messages[i]), digests[i], want)
				}
			}
		}
	}
}

// Leaves and nodes are those of the suite.
func TestBatch_Tree(t *testing.T) {
	s := Default()
	for kind, b := range batches(t) {
		text := make([]byte, 3000)
		var leaves, level [100]Hash
		for i := range leaves {
			leaves[i] = s.Leaf(text[1 : 20*i+2])
			b.AddLeafInPlace(text[:20*i+2], &level[i])
		}
		b.Sum()
		if leaves != level {
			t.Fatalf("%s: leaves differ", kind)
		}
		for i := range 50 {
			b.AddNode(&level[2*i], &level[2*i+1], &level[i])
		}
		b.Sum()
		for i := range 50 {
			if level[i] != s.Node(leaves[2*i], leaves[2*i+1]) {
				t.Fatalf("%s: node %d differs", kind, i)
			}
		}
	}
}

// Each bit of a message counts, in each lane and at each place of a block.
func TestBatch_EveryBit(t *testing.T) {
	for kind, b := range batches(t) {
		for lane := range lanes {
			var messages [lanes][130]byte
			var clean, changed [lanes]Hash
			for bit := range 8 * len(messages[0]) {
				flip := func() { messages[lane][bit/8] ^= 1 << (bit % 8) }
				digest := func(into *[lanes]Hash) {
					for i := range messages {
						b.Add(messages[i][:], &into[i])
					}
					b.Sum()
				}
				digest(&clean)
				flip()
				digest(&changed)
				flip()
				for i := range clean {
					if (clean[i] == changed[i]) == (i == lane) {
						t.Fatalf("%s: bit %d of lane %d, digest of lane %d", kind, bit, lane, i)
					}
				}
			}
		}
	}
}

// A batch that is kept does not keep what it hashed.
func TestBatch_KeepsNothing(t *testing.T) {
	for kind, b := range batches(t) {
		var kept []weak.Pointer[[3000]byte]
		var digests [2 * lanes]Hash
		for i := range digests {
			message := new([3000]byte)
			kept = append(kept, weak.Make(message))
			if i%2 == 0 {
				b.Add(message[:100*(i+1)%3000], &digests[i])
			} else {
				b.AddStream(newReader(message[:]), len(message), &digests[i])
			}
		}
		b.Sum()
		runtime.GC()
		runtime.GC()
		for i := range kept {
			if kept[i].Value() != nil {
				t.Errorf("%s: message %d is kept", kind, i)
			}
		}
		runtime.KeepAlive(b)
	}
}

func TestBatch_DoesNotAllocate(t *testing.T) {
	for kind, b := range batches(t) {
		data := make([]byte, 9000)
		r := newReader(data)
		digests := make([]Hash, 40)
		n := testing.AllocsPerRun(10, func() {
			r.Reset(data)
			b.AddStream(r, len(data), &digests[0])
			for i := range digests[1:] {
				b.Add(data[:i*20], &digests[i])
			}
			b.Sum()
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", kind, n)
		}
	}
}

// BenchmarkBatch hashes entries of about 645 bytes, and nodes of a tree.
func BenchmarkBatch(b *testing.B) {
	for kind, batch := range batches(b) {
		for _, size := range []int{65, 645} {
			b.Run(fmt.Sprintf("%s/%d", kind, size), func(b *testing.B) {
				data := make([]byte, 800*size)
				digests := make([]Hash, 800)
				b.SetBytes(int64(len(data)))
				for b.Loop() {
					for i := range digests {
						batch.Add(data[i*size:(i+1)*size-i%9], &digests[i])
					}
					batch.Sum()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(digests)), "ns/message")
			})
		}
	}
}
