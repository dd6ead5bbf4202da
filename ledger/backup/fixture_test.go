package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"civicledger/ledger"
	"civicledger/ledger/book"
	"civicledger/ledger/chain"
	"civicledger/ledger/frame"
	"civicledger/ledger/keys"
	"civicledger/ledger/ledgertest"
	"civicledger/ledger/suite"
	"civicledger/ledger/verify"
	"civicledger/ledger/verify/source"
	"civicledger/ledger/verify/verdict"
)

const (
	testOrigin  = "ledger.example.org/test"
	testStart   = 1767225600000
	testSegment = 8 << 10
)

// rig is a ledger with real signatures, sealed commit by commit, so that a
// test decides what shares a commit and a time of recording.
type rig struct {
	testing.TB
	dir    string
	log    *keys.Log
	agency *keys.Key
	store  *book.Book
	head   chain.Head
	tree   *chain.Tree
	clock  int64
	said   int
}

// newRig makes a ledger with a genesis entry and one agency.
func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{TB: t, dir: filepath.Join(t.TempDir(), "d"), tree: chain.NewTree(suite.Default()), clock: testStart}
	f := ledgertest.NewFounding(t, testOrigin, time.UnixMilli(testStart))
	r.log, r.agency = f.Log, f.Agency
	if err := book.Create(r.dir); err != nil {
		t.Fatal(err)
	}
	r.put(keyFile, []byte(r.log.VerifierKey()+"\n"))
	r.open()
	r.commit(1, f.Genesis)
	r.commit(1, f.Enrolment)
	r.sign()
	return r
}

func (r *rig) put(name string, data []byte) {
	r.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), data, 0o644); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) open() {
	r.Helper()
	var err error
	if r.store, err = book.Open(r.dir, book.Options{SegmentSize: testSegment}); err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { r.store.Close() })
}

func (r *rig) close() {
	r.Helper()
	if err := r.store.Close(); err != nil {
		r.Fatal(err)
	}
}

// events returns a submission of count events.
func (r *rig) events(count int) *chain.Submission {
	r.Helper()
	var lines [][]byte
	for range count {
		r.said++
		lines = append(lines, fmt.Appendf(nil, `{"specversion":"1.0","id":"e%d","source":"urn:haidian","type":"fund.opened.v1","jurisdiction":"110105","data":{"pad":"%s"}}`,
			r.said, strings.Repeat("x", 50+r.said%90)))
	}
	sub, err := r.agency.SignSubmission(testOrigin, "haidian", lines)
	if err != nil {
		r.Fatal(err)
	}
	return sub
}

// commit records submissions together, so many milliseconds after the last.
func (r *rig) commit(later int64, subs ...*chain.Submission) {
	r.Helper()
	r.clock += later
	c := &ledger.Commit{Prev: r.head, Recorded: r.clock}
	var leaves []chain.Hash
	for _, sub := range subs {
		eventKeys, _, err := sub.EventKeys(suite.Default())
		if err != nil {
			r.Fatal(err)
		}
		r.head.Last = sub.Seal(suite.Default(), r.head.Size, r.head.Last, r.clock, eventKeys, func(entry []byte, leaf chain.Hash) {
			c.Entries = append(c.Entries, bytes.Clone(entry))
			leaves = append(leaves, leaf)
		})
		r.head.Size += uint64(len(sub.Lines))
	}
	c.Head = r.head
	if err := r.store.Commit(c); err != nil {
		r.Fatal(err)
	}
	r.tree = r.tree.Grow(leaves).Tree
}

// sign stores a checkpoint over all there is and returns it.
func (r *rig) sign() []byte {
	r.Helper()
	note, err := chain.Checkpoint{Origin: testOrigin, Size: r.head.Size, Root: r.tree.Root()}.Sign(r.log)
	if err != nil {
		r.Fatal(err)
	}
	if err := errors.Join(r.store.SaveCheckpoint(note), r.store.Sync()); err != nil {
		r.Fatal(err)
	}
	return note
}

// grow records commits of various shapes, some of them in one millisecond, and
// signs them.
func (r *rig) grow(commits int) {
	r.Helper()
	rnd := rand.New(rand.NewPCG(uint64(r.head.Size), 1))
	for range commits {
		var subs []*chain.Submission
		for range 1 + rnd.IntN(3) {
			subs = append(subs, r.events(1+rnd.IntN(3)))
		}
		r.commit(int64(rnd.IntN(3)), subs...)
	}
	r.sign()
}

func (r *rig) known() *verdict.Signed {
	r.Helper()
	cp, _, err := readCheckpoint(r.dir, r.log.Verifier())
	if err != nil || cp == nil {
		r.Fatalf("checkpoint: %v, %v", cp, err)
	}
	return &verdict.Signed{Checkpoint: cp.Checkpoint, Note: cp.note}
}

func (r *rig) copyTo(dir string) (*Copied, error) {
	return Copy(context.Background(), r.dir, dir, r.log.VerifierKey(), Options{})
}

func (r *rig) mustCopy(dir string) *Copied {
	r.Helper()
	done, err := r.copyTo(dir)
	if err != nil {
		r.Fatal(err)
	}
	return done
}

// mustBeSound verifies a directory and returns the size of its checkpoint.
func (r *rig) mustBeSound(dir string) uint64 {
	r.Helper()
	report := verify.Run(context.Background(), source.Directory(dir), r.log.VerifierKey(), verify.Options{})
	if report.Verdict != verdict.Sound {
		r.Fatalf("%+v", report)
	}
	return report.Checkpoint.Size
}

// contents returns the files of a book by name.
func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	names, err := os.ReadDir(bookPath(dir, ""))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, n := range names {
		data, err := os.ReadFile(bookPath(dir, n.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[n.Name()] = string(data)
	}
	return all
}

// sameSegments checks that the segments of a directory are byte for byte these.
func sameSegments(t testing.TB, dir string, want map[string]string) {
	t.Helper()
	got := contents(t, dir)
	for _, name := range segmentNames(got, want) {
		if got[name] != want[name] {
			t.Errorf("%s: %d bytes, want %d, first difference at %d", name, len(got[name]), len(want[name]), differsAt(got[name], want[name]))
		}
	}
}

func segmentNames(books ...map[string]string) (names []string) {
	for _, b := range books {
		for name := range b {
			if _, ok := frame.ParseSegmentName(name); ok {
				names = append(names, name)
			}
		}
	}
	return names
}

func differsAt(a, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// clone copies a whole data directory, as an attacker or an operator would.
func clone(t testing.TB, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "clone")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

func mustRefuse(t testing.TB, err error, words ...string) *Refused {
	t.Helper()
	var refused *Refused
	if !errors.As(err, &refused) {
		t.Fatalf("error %v, want a refusal", err)
	}
	for _, w := range words {
		if !strings.Contains(refused.Reason, w) {
			t.Errorf("reason %q says nothing of %q", refused.Reason, w)
		}
	}
	return refused
}

type hash = chain.Hash

func newTree(leaves []hash) *chain.Tree { return chain.NewTree(suite.Default()).Grow(leaves).Tree }
