package frame

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"civicledger/ledger/chain"
)

var update = flag.Bool("update", false, "write the test vectors anew: a change of the format")

// vectors returns what must be encoded to the bytes in testdata.
func vectors(t testing.TB) map[string][]byte {
	t.Helper()
	header, err := (&SegmentHeader{
		Prev:      chain.Head{Size: 1234, Last: chain.Hash{0xaa, 0xbb}},
		PrevFirst: 1000, PrevSize: 67_108_000,
	}).Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	slot, err := (&Slot{Sequence: 3, Note: []byte("ledger.example.org\n0\n\n— synthetic AAAA\n")}).Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	segment, _, _ := newSegment(t, 20, 1, 2)
	return map[string][]byte{
		"frame":   mustAppend(t, newFrame(chain.Head{Size: 7, Last: chain.Hash{1, 2, 3}}, 3, 20), nil),
		"segment": append(segment, make([]byte, 64)...),
		"header":  header,
		"slot":    slot,
	}
}

func TestVectors(t *testing.T) {
	for name, want := range vectors(t) {
		path := filepath.Join("testdata", name+".hex")
		if *update {
			writeVector(t, path, want)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := hex.DecodeString(strings.ReplaceAll(string(text), "\n", ""))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: the encoder writes other bytes than the vector", name)
		}
		if again := decodeAndEncode(t, name, got); !bytes.Equal(again, got) {
			t.Errorf("%s: decoded and encoded again it is other bytes", name)
		}
	}
}

func writeVector(t *testing.T, path string, data []byte) {
	t.Helper()
	var text strings.Builder
	for len(data) > 0 {
		n := min(len(data), 32)
		text.WriteString(hex.EncodeToString(data[:n]) + "\n")
		data = data[n:]
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func decodeAndEncode(t *testing.T, name string, data []byte) []byte {
	t.Helper()
	switch name {
	case "frame":
		var f Frame
		if err := f.Parse(data); err != nil {
			t.Fatal(err)
		}
		return mustAppend(t, &f, nil)
	case "header":
		return segmentHeaderAgain(t, data)
	case "slot":
		s, err := ParseSlot(data)
		if err != nil {
			t.Fatal(err)
		}
		out, err := s.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	out := segmentHeaderAgain(t, data)
	for part, err := range Scan(bytes.NewReader(data), SegmentHeaderSize, int64(len(data))) {
		switch {
		case err != nil || part.Err != nil:
			t.Fatalf("%s at %d: %v, %v", name, part.Offset, err, part.Err)
		case part.Reserved():
			out = append(out, make([]byte, part.Length)...)
		default:
			out = mustAppend(t, part.Frame, out)
		}
	}
	return out
}

func segmentHeaderAgain(t *testing.T, data []byte) []byte {
	t.Helper()
	s, err := ReadSegmentHeader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// FuzzFrame: what parses is encoded to the same bytes.
func FuzzFrame(f *testing.F) {
	v := vectors(f)
	f.Add(v["frame"])
	f.Add(v["segment"][SegmentHeaderSize:])
	f.Fuzz(func(t *testing.T, data []byte) {
		resum(data)
		var fr Frame
		if fr.Parse(data) != nil {
			return
		}
		if got := mustAppend(t, &fr, nil); !bytes.Equal(got, data) {
			t.Fatalf("parsed %x, encoded %x", data, got)
		}
	})
}

// FuzzSegmentHeader: what parses is encoded to the same bytes.
func FuzzSegmentHeader(f *testing.F) {
	v := vectors(f)
	f.Add(v["header"])
	f.Add(v["segment"][:SegmentHeaderSize])
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) >= SegmentHeaderSize {
			putSum(data[:SegmentHeaderSize-4], data[SegmentHeaderSize-4:])
		}
		s, err := ParseSegmentHeader(data)
		if err != nil {
			return
		}
		if got, err := s.Append(nil); err != nil || !bytes.Equal(got, data[:SegmentHeaderSize]) {
			t.Fatalf("parsed %x, encoded %x, %v", data, got, err)
		}
	})
}

// FuzzSlot: what parses is encoded to the same bytes.
func FuzzSlot(f *testing.F) {
	f.Add(vectors(f)["slot"])
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) >= slotHeaderSize {
			end := slotHeaderSize + int(data[22])<<8 + int(data[23])
			if end+4 <= len(data) {
				putSum(data[:end], data[end:])
			}
		}
		s, err := ParseSlot(data)
		if err != nil {
			return
		}
		if got, err := s.Append(nil); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("parsed %x, encoded %x, %v", data, got, err)
		}
	})
}

// FuzzScan: the parts cover the bytes without gaps, and every frame that is
// reported is whole.
func FuzzScan(f *testing.F) {
	v := vectors(f)
	f.Add(v["segment"])
	f.Add(append(append(bytes.Clone(v["frame"]), frameMagic...), v["frame"]...))
	f.Fuzz(func(t *testing.T, data []byte) {
		at := int64(0)
		for part, err := range Scan(bytes.NewReader(data), 0, int64(len(data))) {
			if err != nil || part.Offset != at || part.Length <= 0 {
				t.Fatalf("at %d: %+v, %v", at, part, err)
			}
			stretch := data[at : at+part.Length]
			at += part.Length
			switch {
			case part.Frame != nil && !bytes.Equal(mustAppend(t, part.Frame, nil), stretch):
				t.Fatalf("frame at %d is not what stands there", part.Offset)
			case part.Reserved() && (!isZero(stretch) || at != int64(len(data))):
				t.Fatalf("reserved at %d: %x", part.Offset, stretch)
			}
		}
		if at != int64(len(data)) {
			t.Fatalf("the parts end at %d of %d", at, len(data))
		}
	})
}
