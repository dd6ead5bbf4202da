package verify

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/chain"
	"civicledger/ledger/frame"
	"civicledger/ledger/roster"
	"civicledger/ledger/suite"
)

const (
	testOrigin = "ledger.example.org/test"
	testStart  = 1767225600000
)

func seeded(name string) ed25519.PrivateKey {
	seed := suite.Default().Sum([]byte("synthetic key of "), []byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func public(name string) []byte { return seeded(name).Public().(ed25519.PublicKey) }

func mustLogKey(t testing.TB, origin, name string) (note.Signer, string) {
	t.Helper()
	vkey, err := note.NewEd25519VerifierKey(origin, public(name))
	if err != nil {
		t.Fatal(err)
	}
	hash := strings.Split(strings.TrimPrefix(vkey, origin+"+"), "+")[0]
	signer, err := note.NewSigner(fmt.Sprintf("PRIVATE+KEY+%s+%s+%s", origin, hash,
		base64.StdEncoding.EncodeToString(append([]byte{1}, seeded(name).Seed()...))))
	if err != nil {
		t.Fatal(err)
	}
	return signer, vkey
}

// testLog builds a ledger by the pure formats alone; its methods are also what
// an attacker with the operator's machine could do.
type testLog struct {
	testing.TB
	s      *suite.Suite
	vkey   string
	signer note.Signer
	frames []*frame.Frame
	head   chain.Head
	clock  int64
	leaves []chain.Hash
	keys   func(i int, key chain.EventKey) chain.EventKey // forges event keys
}

// newLog returns a log with a genesis entry and the agencies chaoyang and
// haidian: 3 entries.
func newLog(t testing.TB) *testLog {
	t.Helper()
	l := &testLog{TB: t, s: suite.Default(), clock: testStart}
	l.signer, l.vkey = mustLogKey(t, testOrigin, "log")
	l.operator(roster.LedgerOpened, "genesis", roster.Opened{
		Origin: testOrigin, Suite: l.s.Name(), LogKey: l.vkey, OperatorKey: public("operator"), Timezone: "Asia/Shanghai",
	})
	for _, agency := range []string{"chaoyang", "haidian"} {
		proof := ed25519.Sign(seeded(agency), chain.EnrolmentText(l.s, testOrigin, agency, public(agency)))
		l.operator(roster.AgencyEnrolled, "enrol-"+agency, roster.Enrolled{
			Agency: agency, Name: agency, Types: []string{"fund.*", "subsidy.*"}, Jurisdictions: []string{"110000"},
			Source: "urn:" + agency, Key: public(agency), Proof: proof,
		})
	}
	return l
}

func (l *testLog) operator(eventType, id string, data any) {
	l.Helper()
	line, err := roster.Line(testOrigin, eventType, id, time.UnixMilli(l.clock), data)
	if err != nil {
		l.Fatal(err)
	}
	l.commit(l.sign("operator", line))
}

// sign returns a submission of an agency, signed with its key.
func (l *testLog) sign(agency string, lines ...[]byte) *chain.Submission {
	sub := &chain.Submission{Agency: agency, KeyID: chain.KeyID(l.s, public(agency)), Lines: lines}
	sub.Signature = ed25519.Sign(seeded(agency), sub.SignedText(l.s, testOrigin))
	return sub
}

func line(agency, id string) []byte {
	return fmt.Appendf(nil, `{"specversion":"1.0","id":%q,"source":"urn:%s","type":"fund.opened.v1","jurisdiction":"110105","data":{"pad":"%s"}}`,
		id, agency, strings.Repeat("x", 200))
}

// say commits a submission of count good events.
func (l *testLog) say(agency, name string, count int) {
	l.Helper()
	var lines [][]byte
	for i := range count {
		lines = append(lines, line(agency, fmt.Sprintf("%s-%d", name, i)))
	}
	l.commit(l.sign(agency, lines...))
}

// commit puts submissions on the log in one frame, right or wrong.
func (l *testLog) commit(subs ...*chain.Submission) {
	l.Helper()
	l.clock += 10
	f := &frame.Frame{Prev: l.head, Recorded: l.clock}
	for _, sub := range subs {
		keys, _, err := sub.EventKeys(l.s)
		if err != nil {
			l.Fatal(err)
		}
		if l.keys != nil {
			for i := range keys {
				keys[i] = l.keys(i, keys[i])
			}
		}
		l.head.Last = sub.Seal(l.s, l.head.Size, l.head.Last, l.clock, keys, func(entry []byte, leaf chain.Hash) {
			f.Entries = append(f.Entries, bytes.Clone(entry))
			l.leaves = append(l.leaves, leaf)
		})
		l.head.Size += uint64(len(sub.Lines))
	}
	f.Head = l.head
	l.frames = append(l.frames, f)
}

func (l *testLog) checkpoint(size int) []byte {
	l.Helper()
	root := chain.NewTree(l.s).Grow(l.leaves[:size]).Tree.Root()
	signed, err := chain.Checkpoint{Origin: testOrigin, Size: uint64(size), Root: root}.Sign(l.signer)
	if err != nil {
		l.Fatal(err)
	}
	return signed
}

// write writes the data directory with a checkpoint over the first size
// entries and a new segment after each perSegment frames.
func (l *testLog) write(size, perSegment int) string {
	l.Helper()
	dir := l.TempDir()
	if err := os.Mkdir(filepath.Join(dir, bookDir), 0o755); err != nil {
		l.Fatal(err)
	}
	var before frame.SegmentHeader
	for from := 0; from < len(l.frames); from += perSegment {
		frames := l.frames[from:min(len(l.frames), from+perSegment)]
		h := frame.SegmentHeader{Prev: frames[0].Prev, PrevFirst: before.PrevFirst, PrevSize: before.PrevSize}
		data, err := h.Append(nil)
		for _, f := range frames {
			if err == nil {
				data, err = f.Append(data)
			}
		}
		if err != nil {
			l.Fatal(err)
		}
		before = frame.SegmentHeader{PrevFirst: h.Prev.Size, PrevSize: int64(len(data))}
		l.writeFile(dir, frame.SegmentName(h.Prev.Size), data)
	}
	l.writeSlot(dir, 1, l.checkpoint(size))
	return dir
}

func (l *testLog) writeSlot(dir string, sequence uint64, msg []byte) {
	l.Helper()
	data, err := (&frame.Slot{Sequence: sequence, Note: msg}).Append(nil)
	if err != nil {
		l.Fatal(err)
	}
	l.writeFile(dir, frame.SlotNames[sequence%2], data)
}

func (l *testLog) writeFile(dir, name string, data []byte) {
	l.Helper()
	if err := os.WriteFile(filepath.Join(dir, bookDir, name), data, 0o644); err != nil {
		l.Fatal(err)
	}
}

// edit changes a file of the book.
func (l *testLog) edit(dir string, first uint64, change func(data []byte) []byte) {
	l.Helper()
	name := frame.SegmentName(first)
	data, err := os.ReadFile(filepath.Join(dir, bookDir, name))
	if err != nil {
		l.Fatal(err)
	}
	l.writeFile(dir, name, change(data))
}

func (l *testLog) verify(dir string) *Report {
	return Run(context.Background(), Directory(dir), l.vkey, Options{})
}

// must checks a verdict's defects, each written "kind first-last".
func (l *testLog) must(r *Report, verdict string, defects ...string) {
	l.Helper()
	var got []string
	for _, d := range r.Defects {
		got = append(got, fmt.Sprintf("%s %d-%d", d.Kind, d.First, d.Last))
	}
	if r.Verdict != verdict || strings.Join(got, ", ") != strings.Join(defects, ", ") || r.DefectCount != len(defects) {
		var words strings.Builder
		_ = r.WriteWords(&words)
		l.Errorf("verdict %s with %v (%d)\nwant %s with %v\n%s", r.Verdict, got, r.DefectCount, verdict, defects, words.String())
	}
}

// mustStand checks what stands, each written "first-last by".
func (l *testLog) mustStand(r *Report, want ...string) {
	l.Helper()
	var got []string
	for _, s := range r.Stands {
		got = append(got, fmt.Sprintf("%d-%d %s", s.First, s.Last, s.By))
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		l.Errorf("stands %v, want %v", got, want)
	}
}
