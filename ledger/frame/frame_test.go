package frame

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
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

// putSum writes the checksum that fits data.
func putSum(data, sum []byte) {
	binary.BigEndian.PutUint32(sum, crc32.Checksum(data, castagnoli))
}

// resum gives a frame the checksums that fit it, so that a test reaches the
// checks behind them.
func resum(data []byte) {
	if len(data) < HeaderSize {
		return
	}
	putSum(data[HeaderSize:], data[20:24])
	putSum(data[:104], data[104:108])
}

// TestFrame_RefusesWhatIsNotWritten changes a frame and gives it the right
// checksums again.
func TestFrame_RefusesWhatIsNotWritten(t *testing.T) {
	good := mustAppend(t, newFrame(chain.Head{Size: 7, Last: chain.Hash{1}}, 3, 20), nil)
	second := HeaderSize + 4 + int(binary.BigEndian.Uint32(good[HeaderSize:]))
	for name, spoil := range map[string]func([]byte) []byte{
		"another version":            func(b []byte) []byte { b[11] = 2; return b },
		"a body one byte shorter":    func(b []byte) []byte { b[15]--; return b[:len(b)-1] },
		"one entry more":             func(b []byte) []byte { b[19]++; return b },
		"one entry less":             func(b []byte) []byte { b[19]--; return b },
		"no entry":                   func(b []byte) []byte { b[19] = 0; return b },
		"more entries than fit":      func(b []byte) []byte { b[16] = 1; return b },
		"an index beyond 2^63":       func(b []byte) []byte { b[24] = 0x80; return b },
		"an index that wraps":        func(b []byte) []byte { copy(b[24:], bytes.Repeat([]byte{0xff}, 8)); return b },
		"a negative time":            func(b []byte) []byte { b[32] = 0x80; return b },
		"a hash before entry 0":      func(b []byte) []byte { clear(b[24:32]); return b },
		"an empty entry":             func(b []byte) []byte { clear(b[HeaderSize : HeaderSize+4]); return b },
		"an entry longer than there": func(b []byte) []byte { b[second+1] = 1; return b },
		"a byte behind the entries":  func(b []byte) []byte { b[15]++; return append(b, 'x') },
	} {
		t.Run(name, func(t *testing.T) {
			data := spoil(bytes.Clone(good))
			resum(data)
			var f Frame
			if err := f.Parse(data); !errors.Is(err, ErrFrame) {
				t.Errorf("parse: %v", err)
			} else if strings.Contains(err.Error(), "checksum") {
				t.Errorf("the case is stopped by a checksum: %v", err)
			}
		})
	}
}

func TestFrame_RefusesToWrite(t *testing.T) {
	for name, spoil := range map[string]func(*Frame){
		"no entries":            func(f *Frame) { f.Entries, f.Head = nil, f.Prev },
		"an empty entry":        func(f *Frame) { f.Entries[1] = nil },
		"a size that is wrong":  func(f *Frame) { f.Head.Size++ },
		"a negative time":       func(f *Frame) { f.Recorded = -1 },
		"more than fits":        func(f *Frame) { f.Entries[1] = make([]byte, chain.MaxFrame) },
		"a hash before entry 0": func(f *Frame) { f.Prev.Size, f.Head.Size = 0, 3 },
	} {
		f := newFrame(chain.Head{Size: 7, Last: chain.Hash{1}}, 3, 20)
		spoil(f)
		if got, err := f.Append([]byte("kept")); !errors.Is(err, ErrFrame) || string(got) != "kept" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestSlot_EveryByteCounts(t *testing.T) {
	for _, size := range []int{1, 480, 484, 485, MaxNote} {
		data, err := (&Slot{Sequence: 9, Note: bytes.Repeat([]byte("n"), size)}).Append(nil)
		if err != nil || len(data)%slotAlign != 0 {
			t.Fatalf("note of %d: %d bytes, %v", size, len(data), err)
		}
		if s, err := ParseSlot(data); err != nil || s.Sequence != 9 || len(s.Note) != size {
			t.Fatalf("note of %d: %v", size, err)
		}
		for i := 0; i < len(data); i += 1 + len(data)/2000 {
			data[i] ^= 1
			if _, err := ParseSlot(data); !errors.Is(err, ErrFrame) {
				t.Fatalf("note of %d, byte %d flipped: %v", size, i, err)
			}
			data[i] ^= 1
			if _, err := ParseSlot(data[:i]); !errors.Is(err, ErrFrame) {
				t.Fatalf("note of %d, cut to %d: %v", size, i, err)
			}
		}
	}
	for _, s := range []Slot{{Sequence: 0, Note: []byte("n")}, {Sequence: 1}, {Sequence: 1, Note: make([]byte, MaxNote+1)}} {
		if _, err := s.Append(nil); !errors.Is(err, ErrFrame) {
			t.Errorf("slot %d with a note of %d bytes: %v", s.Sequence, len(s.Note), err)
		}
	}
}

func TestSegmentName(t *testing.T) {
	for _, first := range []uint64{0, 7, 1<<63 - 1} {
		if got, ok := ParseSegmentName(SegmentName(first)); !ok || got != first {
			t.Errorf("%s: %d, %v", SegmentName(first), got, ok)
		}
	}
	for _, name := range []string{"", "1.seg", "00000000000000000001.seg.new", "0000000000000000000x.seg", "+0000000000000000001.seg", "99999999999999999999.seg", "checkpoint.0"} {
		if _, ok := ParseSegmentName(name); ok {
			t.Errorf("%q is taken for a segment", name)
		}
	}
}

// TestScan_GoesOnBehindDamage spoils each byte of the middle frame in turn.
func TestScan_GoesOnBehindDamage(t *testing.T) {
	data, offsets, _ := newSegment(t, 30, 2, 2, 2)
	for at := offsets[1]; at < offsets[2]; at++ {
		data[at] ^= 4
		var found []string
		for part, err := range Scan(bytes.NewReader(data), SegmentHeaderSize, int64(len(data))) {
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, fmt.Sprintf("%d:%v", part.Offset, part.Err != nil))
		}
		want := fmt.Sprintf("[%d:false %d:true %d:false]", offsets[0], offsets[1], offsets[2])
		if fmt.Sprint(found) != want {
			t.Fatalf("byte %d: %v, want %v", at, found, want)
		}
		data[at] ^= 4
	}
}

// TestScan_FarAway: more than a read of junk lies between two frames, with
// magics in it that begin no frame and one across the border of two reads.
func TestScan_FarAway(t *testing.T) {
	data, _, head := newSegment(t, 30, 2)
	from := int64(len(data))
	junk := bytes.Repeat([]byte("junk"), 3*fullRead/4)
	copy(junk[1000:], frameMagic)
	for _, border := range []int{firstRead, 3 * firstRead, fullRead, 2 * fullRead} {
		copy(junk[border-4:], frameMagic)
	}
	for shift := range 9 {
		all := append(bytes.Clone(data), junk[shift:]...)
		want := int64(len(all))
		all = mustAppend(t, newFrame(head, 1, 10), all)
		var at []int64
		for part, err := range Scan(bytes.NewReader(all), SegmentHeaderSize, int64(len(all))) {
			if err != nil {
				t.Fatal(err)
			}
			at = append(at, part.Offset)
		}
		if len(at) != 3 || at[1] != from || at[2] != want {
			t.Fatalf("shift %d: parts at %v, want the last at %d", shift, at, want)
		}
	}
}

// failingReader fails behind a point, as a bad sector does.
type failingReader struct {
	data []byte
	good int64
}

var errSector = errors.New("bad sector")

func (r failingReader) ReadAt(p []byte, at int64) (int, error) {
	if at+int64(len(p)) > r.good {
		return 0, errSector
	}
	return copy(p, r.data[at:]), nil
}

func TestScan_ReadError(t *testing.T) {
	data, offsets, _ := newSegment(t, 30_000, 2, 2, 2)
	n := 0
	var got error
	for part, err := range Scan(failingReader{data, offsets[2]}, SegmentHeaderSize, int64(len(data))) {
		if got = err; err == nil && part.Frame != nil {
			n++
		}
	}
	if !errors.Is(got, errSector) {
		t.Fatalf("%d frames, then %v", n, got)
	}
	for _, err := range Scan(bytes.NewReader(data), SegmentHeaderSize, int64(len(data))+1) {
		got = err
	}
	if !errors.Is(got, io.ErrUnexpectedEOF) {
		t.Fatalf("a file shorter than was said: %v", got)
	}
}

func TestSegmentHeader_Refuses(t *testing.T) {
	hash := chain.Hash{1}
	for name, h := range map[string]SegmentHeader{
		"beyond 2^63":                {Prev: chain.Head{Size: 1 << 63, Last: hash}, PrevFirst: 1, PrevSize: 1000},
		"the first with a hash":      {Prev: chain.Head{Last: hash}},
		"the first behind another":   {PrevSize: 1000},
		"another without one before": {Prev: chain.Head{Size: 5, Last: hash}},
		"behind a later one":         {Prev: chain.Head{Size: 5, Last: hash}, PrevFirst: 5, PrevSize: 1000},
		"behind an empty one":        {Prev: chain.Head{Size: 5, Last: hash}, PrevFirst: 4, PrevSize: SegmentHeaderSize},
	} {
		if got, err := h.Append([]byte("kept")); !errors.Is(err, ErrFrame) || string(got) != "kept" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	good, err := (&SegmentHeader{Prev: chain.Head{Size: 5, Last: hash}, PrevFirst: 4, PrevSize: 1000}).Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, at := range map[string]int{"another version": 11, "an index of 0": 19, "another one before": 52} {
		bad := bytes.Clone(good)
		bad[at] ^= 5
		putSum(bad[:SegmentHeaderSize-4], bad[SegmentHeaderSize-4:])
		if _, err := ParseSegmentHeader(bad); !errors.Is(err, ErrFrame) || strings.Contains(err.Error(), "checksum") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range good {
		good[i] ^= 1
		if _, err := ParseSegmentHeader(good); !errors.Is(err, ErrFrame) {
			t.Errorf("byte %d flipped: %v", i, err)
		}
		good[i] ^= 1
	}
}
