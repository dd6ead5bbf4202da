// Package verifytest makes small ledgers for tests, by the pure formats alone:
// sound ones, and what an attacker with the operator's machine and keys could
// make of them.
package verifytest

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/chain"
	"civicledger/ledger/frame"
	"civicledger/ledger/roster"
	"civicledger/ledger/suite"
	"civicledger/ledger/verify/verdict"
)

// Of all these ledgers.
const (
	Origin  = "ledger.example.org/test"
	Start   = 1767225600000 // Unix milliseconds of the genesis entry
	BookDir = "book"
)

// Seeded is the key of a name, always the same.
func Seeded(name string) ed25519.PrivateKey {
	seed := suite.Default().Sum([]byte("synthetic key of "), []byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// Public is the public part of Seeded.
func Public(name string) []byte { return Seeded(name).Public().(ed25519.PublicKey) }

// MustLogKey returns a log's key by name: the signer and its verifier key.
func MustLogKey(t testing.TB, origin, name string) (note.Signer, string) {
	t.Helper()
	vkey, err := note.NewEd25519VerifierKey(origin, Public(name))
	if err != nil {
		t.Fatal(err)
	}
	hash := strings.Split(strings.TrimPrefix(vkey, origin+"+"), "+")[0]
	signer, err := note.NewSigner(fmt.Sprintf("PRIVATE+KEY+%s+%s+%s", origin, hash,
		base64.StdEncoding.EncodeToString(append([]byte{1}, Seeded(name).Seed()...))))
	if err != nil {
		t.Fatal(err)
	}
	return signer, vkey
}

// Ledger builds a ledger by the pure formats alone; its methods are also what
// an attacker with the operator's machine could do.
type Ledger struct {
	testing.TB
	S      *suite.Suite
	VKey   string
	Signer note.Signer
	Frames []*frame.Frame
	Head   chain.Head
	Clock  int64
	Leaves []chain.Hash
	Keys   func(i int, key chain.EventKey) chain.EventKey // forges event keys
}

// NewLedger returns a log with a genesis entry and the agencies chaoyang and
// haidian: 3 entries.
func NewLedger(t testing.TB) *Ledger {
	t.Helper()
	l := &Ledger{TB: t, S: suite.Default(), Clock: Start}
	l.Signer, l.VKey = MustLogKey(t, Origin, "log")
	l.Operator(roster.LedgerOpened, "genesis", roster.Opened{
		Origin: Origin, Suite: l.S.Name(), LogKey: l.VKey, OperatorKey: Public("operator"), Timezone: "Asia/Shanghai",
	})
	for _, agency := range []string{"chaoyang", "haidian"} {
		proof := ed25519.Sign(Seeded(agency), chain.EnrolmentText(l.S, Origin, agency, Public(agency)))
		l.Operator(roster.AgencyEnrolled, "enrol-"+agency, roster.Enrolled{
			Agency: agency, Name: agency, Types: []string{"fund.*", "subsidy.*"}, Jurisdictions: []string{"110000"},
			Source: "urn:" + agency, Key: Public(agency), Proof: proof,
		})
	}
	return l
}

// Operator commits an event that the operator says.
func (l *Ledger) Operator(eventType, id string, data any) {
	l.Helper()
	Line, err := roster.Line(Origin, eventType, id, time.UnixMilli(l.Clock), data)
	if err != nil {
		l.Fatal(err)
	}
	l.Commit(l.Sign("operator", Line))
}

// Fork is another ledger with the same history so far and the same keys.
func (l *Ledger) Fork() *Ledger {
	other := *l
	other.Frames, other.Leaves = slices.Clone(l.Frames), slices.Clone(l.Leaves)
	return &other
}

// Cut drops what stands behind a size, which must be the end of a frame.
func (l *Ledger) Cut(size uint64) {
	l.Frames = slices.DeleteFunc(l.Frames, func(f *frame.Frame) bool { return f.Head.Size > size })
	l.Leaves, l.Head = l.Leaves[:size], l.Frames[len(l.Frames)-1].Head
}

// Sign returns a submission of an agency, signed with its key.
func (l *Ledger) Sign(agency string, lines ...[]byte) *chain.Submission {
	sub := &chain.Submission{Agency: agency, KeyID: chain.KeyID(l.S, Public(agency)), Lines: lines}
	sub.Signature = ed25519.Sign(Seeded(agency), sub.SignedText(l.S, Origin))
	return sub
}

// Line is an event line of an agency.
func Line(agency, id string) []byte {
	return fmt.Appendf(nil, `{"specversion":"1.0","id":%q,"source":"urn:%s","type":"fund.opened.v1","jurisdiction":"110105","data":{"pad":"%s"}}`,
		id, agency, strings.Repeat("x", 200))
}

// Say commits a submission of count good events.
func (l *Ledger) Say(agency, name string, count int) {
	l.Helper()
	var lines [][]byte
	for i := range count {
		lines = append(lines, Line(agency, fmt.Sprintf("%s-%d", name, i)))
	}
	l.Commit(l.Sign(agency, lines...))
}

// Commit puts submissions on the log in one frame, right or wrong.
func (l *Ledger) Commit(subs ...*chain.Submission) {
	l.Helper()
	l.Clock += 10
	f := &frame.Frame{Prev: l.Head, Recorded: l.Clock}
	for _, sub := range subs {
		keys, _, err := sub.EventKeys(l.S)
		if err != nil {
			l.Fatal(err)
		}
		if l.Keys != nil {
			for i := range keys {
				keys[i] = l.Keys(i, keys[i])
			}
		}
		l.Head.Last = sub.Seal(l.S, l.Head.Size, l.Head.Last, l.Clock, keys, func(entry []byte, leaf chain.Hash) {
			f.Entries = append(f.Entries, bytes.Clone(entry))
			l.Leaves = append(l.Leaves, leaf)
		})
		l.Head.Size += uint64(len(sub.Lines))
	}
	f.Head = l.Head
	l.Frames = append(l.Frames, f)
}

// Checkpoint signs the log at a size.
func (l *Ledger) Checkpoint(size int) []byte {
	l.Helper()
	root := chain.NewTree(l.S).Grow(l.Leaves[:size]).Tree.Root()
	signed, err := chain.Checkpoint{Origin: Origin, Size: uint64(size), Root: root}.Sign(l.Signer)
	if err != nil {
		l.Fatal(err)
	}
	return signed
}

// Write writes the data directory with a checkpoint over the first size
// entries and a new segment after each perSegment frames.
func (l *Ledger) Write(size, perSegment int) string {
	l.Helper()
	dir := l.TempDir()
	if err := os.Mkdir(filepath.Join(dir, BookDir), 0o755); err != nil {
		l.Fatal(err)
	}
	var before frame.SegmentHeader
	for from := 0; from < len(l.Frames); from += perSegment {
		frames := l.Frames[from:min(len(l.Frames), from+perSegment)]
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
		l.WriteFile(dir, frame.SegmentName(h.Prev.Size), data)
	}
	l.WriteSlots(dir, 1, l.Checkpoint(size))
	return dir
}

// WriteSlots writes a checkpoint as a ledger does, into both its files.
func (l *Ledger) WriteSlots(dir string, sequence uint64, msg []byte) {
	l.Helper()
	for i := range frame.SlotNames {
		l.WriteSlot(dir, i, sequence, msg)
	}
}

// WriteSlot writes a checkpoint into one of its files.
func (l *Ledger) WriteSlot(dir string, i int, sequence uint64, msg []byte) {
	l.Helper()
	data, err := (&frame.Slot{Sequence: sequence, Note: msg}).Append(nil)
	if err != nil {
		l.Fatal(err)
	}
	l.WriteFile(dir, frame.SlotNames[i], data)
}

// WriteFile writes a file of the book.
func (l *Ledger) WriteFile(dir, name string, data []byte) {
	l.Helper()
	if err := os.WriteFile(filepath.Join(dir, BookDir, name), data, 0o644); err != nil {
		l.Fatal(err)
	}
}

// Edit changes a file of the book.
func (l *Ledger) Edit(dir string, first uint64, change func(data []byte) []byte) {
	l.Helper()
	name := frame.SegmentName(first)
	data, err := os.ReadFile(filepath.Join(dir, BookDir, name))
	if err != nil {
		l.Fatal(err)
	}
	l.WriteFile(dir, name, change(data))
}

// NewSmallLedger has 3 + 4×5 entries in 7 frames: chaoyang's a at 3-7, haidian's b
// at 8-12, chaoyang's c at 13-17, haidian's d at 18-22.
func NewSmallLedger(t testing.TB) *Ledger {
	l := NewLedger(t)
	for i, name := range []string{"a", "b", "c", "d"} {
		l.Say([]string{"chaoyang", "haidian"}[i%2], name, 5)
	}
	return l
}

// Rewrite changes an entry and gives its frame new checksums, as an attacker
// would.
func (l *Ledger) Rewrite(index uint64, change func(entry []byte) []byte) {
	for _, f := range l.Frames {
		if index >= f.Prev.Size && index < f.Head.Size {
			i := index - f.Prev.Size
			f.Entries[i] = change(f.Entries[i])
		}
	}
}

// Replace returns a change of bytes.
func Replace(old, with string) func([]byte) []byte {
	return func(e []byte) []byte { return bytes.Replace(e, []byte(old), []byte(with), 1) }
}

// Known is a checkpoint of the log at a size, as a verifier keeps it.
func (l *Ledger) Known(size int) *verdict.Signed {
	l.Helper()
	verifier, err := note.NewVerifier(l.VKey)
	if err != nil {
		l.Fatal(err)
	}
	msg := l.Checkpoint(size)
	c, err := chain.OpenCheckpoint(msg, verifier)
	if err != nil {
		l.Fatal(err)
	}
	return &verdict.Signed{Checkpoint: c, Note: string(msg)}
}

// Relink makes everything fit again after entries were changed, as an operator
// does who forges his whole log: links, heads of frames, leaves, so that no hash
// tells. The links at the indexes in as are left as they are.
func (l *Ledger) Relink(as ...uint64) {
	var prev chain.Hash
	size := uint64(0)
	l.Leaves = nil
	for _, f := range l.Frames {
		f.Prev = chain.Head{Size: size, Last: prev}
		for i := range f.Entries {
			if size > 0 && !slices.Contains(as, size) {
				f.Entries[i] = SetLink(f.Entries[i], prev)
			}
			prev = l.S.Leaf(f.Entries[i])
			l.Leaves = append(l.Leaves, prev)
			size++
		}
		f.Head = chain.Head{Size: size, Last: prev}
	}
	l.Head = chain.Head{Size: size, Last: prev}
}

// SetLink writes a hash as what stands before an entry, if it has a header of
// the usual shape.
func SetLink(entry []byte, prev chain.Hash) []byte {
	fields := bytes.SplitN(entry, []byte(" "), 4)
	h := chain.Header{Prev: prev}
	link := bytes.Fields(h.Append(nil))[2]
	if len(fields) < 4 || len(fields[2]) != len(link) {
		return entry
	}
	fields[2] = link
	return bytes.Join(fields, []byte(" "))
}

// Snapshot is a log as its operator chooses to show it at a moment.
type Snapshot struct {
	Size    int
	Entries [][]byte
	Leaves  []chain.Hash
	Note    []byte
}

// Snapshot is the log as it is.
func (l *Ledger) Snapshot() *Snapshot {
	s := &Snapshot{Size: int(l.Head.Size), Leaves: append([]chain.Hash(nil), l.Leaves...), Note: l.Checkpoint(int(l.Head.Size))}
	for _, f := range l.Frames {
		s.Entries = append(s.Entries, f.Entries...)
	}
	return s
}

// ServeHTTP shows a Snapshot by the C2SP paths.
func (s *Snapshot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/checkpoint" {
		_, _ = w.Write(s.Note)
		return
	}
	var level string
	var n, width int
	path := strings.TrimPrefix(r.URL.Path, "/tile/")
	level, path, _ = strings.Cut(path, "/")
	number, partial, cut := strings.Cut(path, ".p/")
	n, _ = strconv.Atoi(number)
	width = chain.TileWidth
	if cut {
		width, _ = strconv.Atoi(partial)
	}
	first := n * chain.TileWidth
	if level == "entries" {
		for i := first; i < min(first+width, len(s.Entries)); i++ {
			_, _ = w.Write(binary.BigEndian.AppendUint16(nil, uint16(len(s.Entries[i]))))
			_, _ = w.Write(s.Entries[i])
		}
		return
	}
	l, _ := strconv.Atoi(level)
	tree := chain.NewTree(suite.Default()).Grow(s.Leaves)
	hashes := tree.Tree.Partial(l)
	for _, full := range tree.Full {
		if full.Level == l && full.N == uint64(n) {
			hashes = full.Hashes
		}
	}
	if len(hashes) < width {
		http.NotFound(w, r)
		return
	}
	for i := range hashes[:width] {
		_, _ = w.Write(hashes[i][:])
	}
}
