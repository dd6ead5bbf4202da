package chain

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/quick"

	"civicledger/ledger/suite"
)

func goodHeader() Header {
	return Header{
		Index: 12, Prev: Hash{1, 2, 3}, Recorded: 1767225600000, Position: 1, Count: 2,
		Agency: "chaoyang-civil", KeyID: "0123456789abcdef", EventKey: EventKey{9}, Signature: bytes.Repeat([]byte{7}, 64),
	}
}

func TestParseEntry_RoundTrip(t *testing.T) {
	later := goodHeader()
	later.Position, later.Signature = 2, nil
	longest := Header{
		Index: math.MaxInt64, Prev: Hash{0: 255, 31: 255}, Recorded: math.MaxInt64, Position: 1, Count: MaxLines,
		Agency: strings.Repeat("z", 63), KeyID: "ffffffffffffffff", Signature: bytes.Repeat([]byte{255}, 64),
	}
	genesis := goodHeader()
	genesis.Index, genesis.Prev = 0, Hash{}
	for name, h := range map[string]Header{"first of two": goodHeader(), "second of two": later, "longest": longest, "genesis": genesis} {
		data := append(h.Append(nil), `{"a":1}`...)
		got, line, err := ParseEntry(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if again := append(got.Append(nil), line...); !bytes.Equal(again, data) {
			t.Errorf("%s: re-encoded as %q, was %q", name, again, data)
		}
	}
}

// An attacker who may rewrite a header must not find a second way to write it.
func TestParseEntry_RefusesWhatAppendWouldNotWrite(t *testing.T) {
	h := goodHeader()
	head := strings.TrimSuffix(string(h.Append(nil)), "\n")
	f := strings.Split(head, " ")
	with := func(i int, field string) string {
		g := append([]string(nil), f...)
		g[i] = field
		return strings.Join(g, " ") + "\n{}"
	}
	if _, _, err := ParseEntry([]byte(with(0, "1"))); err != nil {
		t.Fatalf("the header that the cases are made of: %v", err)
	}
	for name, data := range map[string]string{
		"empty": "", "no line": head, "empty line": head + "\n", "line with LF": head + "\n{\n}", "line with CR": head + "\n{\r}",
		"line not an object": head + "\n[]", "line too long": head + "\n{" + strings.Repeat(" ", MaxLine-1) + "}",
		"version 2": with(0, "2"), "version 01": with(0, "01"), "version empty": with(0, ""),
		"index with zero": with(1, "012"), "index with plus": with(1, "+12"), "index negative": with(1, "-1"),
		"index hex": with(1, "0xc"), "index beyond int64": with(1, "9223372036854775808"), "index underscore": with(1, "1_2"),
		"link short": with(2, f[2][:43]), "link unpadded": with(2, f[2][:43]+"A"), "link url alphabet": with(2, "_"+f[2][1:]),
		"link loose bits": with(2, strings.Replace(f[2], "A=", "B=", 1)), "link to something at 0": with(1, "0"),
		"recorded negative": with(3, "-5"), "recorded empty": with(3, ""),
		"position 0": with(4, "0/2"), "position beyond count": with(4, "3/2"), "count beyond bound": with(4, "1/1001"),
		"position alone": with(4, "1"), "position with zero": with(4, "01/2"), "three positions": with(4, "1/2/3"),
		"agency upper case": with(5, "Chaoyang"), "agency begins with dash": with(5, "-a"), "agency too long": with(5, strings.Repeat("a", 64)),
		"agency not ascii": with(5, "朝阳"), "key id short": with(6, "0123"), "key id upper case": with(6, "0123456789ABCDEF"),
		"event key of a hash": with(7, f[2]), "event key short": with(7, "AAAA"),
		"signature missing": with(8, "-"), "signature empty": with(8, ""), "signature unpadded": with(8, strings.TrimRight(f[8], "=")),
		"signature with CR": with(8, f[8][:4]+"\r"+f[8][4:]), "signature with CR at its end": with(8, f[8]+"\r"),
		"second of two signed": with(4, "2/2"), "submission before the log": strings.Replace(with(1, "1"), " 1/2 ", " 3/3 ", 1),
		"tenth field": head + " x\n{}", "space at end": head + " \n{}", "two spaces": strings.Replace(head, " ", "  ", 1) + "\n{}",
		"tab": strings.Replace(head, " ", "\t", 1) + "\n{}", "CR before LF": head + "\r\n{}", "header too long": head + strings.Repeat("A", 600) + "\n{}",
	} {
		if got, _, err := ParseEntry([]byte(data)); !errors.Is(err, ErrEntry) {
			t.Errorf("%s: accepted as %+v, %v", name, got, err)
		}
	}
}

func FuzzParseEntry(f *testing.F) {
	h := goodHeader()
	f.Add(append(h.Append(nil), `{"id":"1"}`...))
	h.Position, h.Signature = 2, nil
	f.Add(append(h.Append(nil), "{}"...))
	f.Add([]byte("1 0 - - - - - - -\n{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, line, err := ParseEntry(data)
		if err != nil {
			return
		}
		if again := append(h.Append(nil), line...); !bytes.Equal(again, data) {
			t.Fatalf("parsed, but is written as %q, was %q", again, data)
		}
	})
}

func TestSplitLines(t *testing.T) {
	for body, want := range map[string]int{`{}`: 1, "{}\n": 1, "{}\n{}": 2, "{}\n{}\n": 2} {
		lines, err := SplitLines([]byte(body))
		if err != nil || len(lines) != want {
			t.Errorf("%q: %d lines, %v", body, len(lines), err)
		}
	}
	for name, body := range map[string]string{
		"nothing": "", "LF alone": "\n", "empty line": "{}\n\n{}", "two LF at end": "{}\n\n", "CRLF": "{}\r\n",
		"too many": strings.Repeat("{}\n", MaxLines+1), "too large": "{" + strings.Repeat(" ", MaxSubmission) + "}",
		"line too long": "{" + strings.Repeat(" ", MaxLine) + "}",
	} {
		if _, err := SplitLines([]byte(body)); !errors.Is(err, ErrSubmission) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever CheckLines accepts fits into a frame once sealed, at any place.
func TestSealedBound_Holds(t *testing.T) {
	s := suite.Default()
	fits := func(count uint16, width uint16) bool {
		n, w := int(count)%MaxLines+1, int(width)%900
		sub := mustSubmission(t, strings.Repeat("a", 63), "x", 1)
		line := append([]byte(`{"id":"1","source":"s","type":"t","pad":"`), bytes.Repeat([]byte{'p'}, w)...)
		line = append(line, `"}`...)
		sub.Lines = nil
		for range n {
			sub.Lines = append(sub.Lines, line)
		}
		if CheckLines(sub.Lines) != nil {
			return true
		}
		sealed := 0
		sub.Seal(s, math.MaxInt64-MaxLines, Hash{255}, 999_999_999_999_999, make([]EventKey, n), func(entry []byte, _ Hash) {
			sealed += len(entry) + 4
		})
		return sealed <= SealedBound(n, n*(len(line)+1)) && sealed <= MaxFrame
	}
	if err := quick.Check(fits, &quick.Config{MaxCount: 60}); err != nil {
		t.Error(err)
	}
}

// Headers writes what Append writes, also where numbers get another digit.
func TestHeaders_AgreeWithAppend(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 5))
	var w Headers
	for range 200 {
		first := []uint64{0, 1, 8, 95, 998, 99_998, 123_456_789, 1<<62 - 1}[r.IntN(8)]
		h := Header{
			Index: first, Recorded: r.Int64N(1 << 45), Position: 1, Count: 1 + r.IntN(MaxLines),
			Agency: "chaoyang", KeyID: "0123456789abcdef", Signature: make([]byte, 64),
		}
		if r.IntN(2) == 0 {
			h.Position = 1 + r.IntN(h.Count)
		}
		w.Begin(&h)
		h.Signature = nil
		for range h.Count - h.Position {
			h.Index++
			h.Position++
			for i := range h.Prev {
				h.Prev[i] = byte(r.Uint32())
			}
			for i := range h.EventKey {
				h.EventKey[i] = byte(r.Uint32())
			}
			if got, want := w.Next(&h.Prev, &h.EventKey), h.Append(nil); !bytes.Equal(got, want) {
				t.Fatalf("%q, Append writes %q", got, want)
			}
		}
	}
}
