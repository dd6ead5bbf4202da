package frame

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"civicledger/ledger/chain"
)

// newFrame returns a frame of count made-up entries of about size bytes.
func newFrame(prev chain.Head, count, size int) *Frame {
	f := &Frame{Prev: prev, Recorded: 1_790_000_000_000 + int64(prev.Size)}
	for i := range count {
		e := fmt.Appendf(nil, "1 %d synthetic\n{%*d}", prev.Size+uint64(i), size, i)
		f.Entries = append(f.Entries, e)
	}
	f.Head = chain.Head{Size: prev.Size + uint64(count)}
	copy(f.Head.Last[:], fmt.Sprintf("hash of entry %d", f.Head.Size-1))
	return f
}

func mustAppend(t testing.TB, f *Frame, dst []byte) []byte {
	t.Helper()
	out, err := f.Append(dst)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// newSegment returns the bytes of a segment with those numbers of entries in
// its frames, the offsets of the frames and the head behind the last.
func newSegment(t testing.TB, size int, counts ...int) (data []byte, offsets []int64, head chain.Head) {
	t.Helper()
	data, err := (&SegmentHeader{}).Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range counts {
		f := newFrame(head, n, size)
		offsets = append(offsets, int64(len(data)))
		data = mustAppend(t, f, data)
		head = f.Head
	}
	return data, offsets, head
}

func TestFrame_RoundTrip(t *testing.T) {
	for _, count := range []int{1, 2, 1000} {
		want := newFrame(chain.Head{Size: 7, Last: chain.Hash{1}}, count, 100)
		data := mustAppend(t, want, []byte("before"))[len("before"):]
		if len(data) != want.Size() {
			t.Errorf("%d bytes, Size says %d", len(data), want.Size())
		}
		var got Frame
		if err := got.Parse(data); err != nil {
			t.Fatal(err)
		}
		if got.Prev != want.Prev || got.Head != want.Head || got.Recorded != want.Recorded {
			t.Errorf("got %v, want %v", got, want)
		}
		for i := range want.Entries {
			if !bytes.Equal(got.Entries[i], want.Entries[i]) {
				t.Fatalf("entry %d differs", i)
			}
		}
	}
}

func TestFrame_EveryByteCounts(t *testing.T) {
	data := mustAppend(t, newFrame(chain.Head{}, 3, 20), nil)
	var f Frame
	for i := range data {
		for bit := range 8 {
			data[i] ^= 1 << bit
			if err := f.Parse(data); !errors.Is(err, ErrFrame) {
				t.Fatalf("byte %d bit %d flipped: %v", i, bit, err)
			}
			data[i] ^= 1 << bit
		}
		if err := f.Parse(data[:i]); !errors.Is(err, ErrFrame) {
			t.Fatalf("cut to %d bytes: %v", i, err)
		}
	}
	if err := f.Parse(append(data, 0)); !errors.Is(err, ErrFrame) {
		t.Fatalf("one byte more: %v", err)
	}
}

func TestScan_PartsCoverTheSegment(t *testing.T) {
	data, offsets, head := newSegment(t, 900, 1, 1000, 3, 700, 1)
	data = append(data, make([]byte, 3000)...)
	at, n := int64(SegmentHeaderSize), 0
	var last chain.Head
	for part, err := range Scan(bytes.NewReader(data), at, int64(len(data))) {
		if err != nil {
			t.Fatal(err)
		}
		if part.Offset != at {
			t.Fatalf("part at %d, the one before ended at %d", part.Offset, at)
		}
		at += part.Length
		if part.Reserved() {
			continue
		}
		if part.Err != nil || part.Offset != offsets[n] || part.Frame.Prev != last {
			t.Fatalf("part %d: %+v", n, part)
		}
		last, n = part.Frame.Head, n+1
	}
	if n != len(offsets) || at != int64(len(data)) || last != head {
		t.Fatalf("%d frames to %v, ended at %d", n, last, at)
	}
}
