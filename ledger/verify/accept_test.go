package verify

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/chain"
	"civicledger/ledger/roster"
	"civicledger/ledger/verify/judge"
	"civicledger/ledger/verify/quick"
	"civicledger/ledger/verify/source"
	"civicledger/ledger/verify/verdict"
	"civicledger/ledger/verify/verifytest"
)

// newRandomLog has commits of one to three submissions of one to 600 events,
// and operator's events between them that change who may say what.
func newRandomLog(t testing.TB, r *rand.Rand) *testLedger {
	l := newLedger(t)
	said := 0
	for range 1 + r.IntN(8) {
		var subs []*chain.Submission
		for range 1 + r.IntN(3) {
			agency := []string{"chaoyang", "haidian"}[r.IntN(2)]
			var lines [][]byte
			for range []int{1, 1, 1 + r.IntN(9), 1 + r.IntN(200)}[r.IntN(4)] {
				lines = append(lines, randomLine(r, agency, said))
				said++
			}
			subs = append(subs, l.Sign(agency, lines...))
		}
		l.Commit(subs...)
		if r.IntN(4) == 0 {
			l.randomGrants(r, said)
		}
	}
	return l
}

func randomLine(r *rand.Rand, agency string, n int) []byte {
	e := verifytest.Line(agency, fmt.Sprintf("%s-%d", agency, n))
	for _, change := range [][2]string{
		{`"fund.opened.v1"`, `"subsidy.paid.v1"`},
		{`"110105"`, `"110106"`},
		{`"id":"`, `"id" : "\u0041`},
		{`"urn:` + agency + `"`, `"urn:` + agency + `/desk"`},
		{`xxxx`, `\"\\`},
	} {
		if r.IntN(4) == 0 {
			e = verifytest.Replace(change[0], change[1])(e)
		}
	}
	return e
}

// randomGrants enrols an agency again with the same rights, or gives it a key.
func (l *testLedger) randomGrants(r *rand.Rand, n int) {
	key := "chaoyang"
	if r.IntN(2) == 0 {
		key = fmt.Sprintf("spare key %d", n)
	}
	proof := ed25519.Sign(verifytest.Seeded(key), chain.EnrolmentText(l.S, verifytest.Origin, "chaoyang", verifytest.Public(key)))
	if key != "chaoyang" {
		l.Operator(roster.AgencyKeyAdded, key, roster.KeyAdded{Agency: "chaoyang", Key: verifytest.Public(key), Proof: proof})
		return
	}
	l.Operator(roster.AgencyEnrolled, fmt.Sprint("again ", n), roster.Enrolled{
		Agency: "chaoyang", Name: "chaoyang", Types: []string{"subsidy.*", "fund.*"}, Jurisdictions: []string{"110000"},
		Source: "urn:chaoyang", Key: verifytest.Public(key), Proof: proof,
	})
}

// forgeries are what a ledger's operator could put on its log; everything
// links, and the checkpoint signs it.
var forgeries = []func(l *testLedger, r *rand.Rand){
	func(l *testLedger, _ *rand.Rand) {
		sub := l.Sign("chaoyang", verifytest.Line("chaoyang", "x"), verifytest.Line("chaoyang", "y"))
		sub.Signature = ed25519.Sign(verifytest.Seeded("haidian"), sub.SignedText(l.S, verifytest.Origin))
		l.Commit(sub)
	},
	func(l *testLedger, _ *rand.Rand) { l.Commit(l.Sign("stranger", verifytest.Line("stranger", "x"))) },
	func(l *testLedger, r *rand.Rand) {
		lines := [][]byte{verifytest.Line("haidian", "p"), verifytest.Line("haidian", "q"), verifytest.Line("haidian", "r")}
		i := r.IntN(3)
		lines[i] = verifytest.Replace("fund.opened", "lottery.draw")(lines[i])
		l.Commit(l.Sign("haidian", lines...))
	},
	func(l *testLedger, _ *rand.Rand) {
		l.Operator(roster.AgencyKeyRevoked, "revoke", roster.KeyRevoked{Agency: "haidian", KeyID: chain.KeyID(l.S, verifytest.Public("haidian")), Reason: "lost"})
		l.Say("haidian", "late", 2)
	},
	func(l *testLedger, _ *rand.Rand) {
		l.Operator(roster.DayClosed, "day", roster.Closed{Day: "2030-01-01"})
	},
	func(l *testLedger, _ *rand.Rand) { l.Say("chaoyang", "twice", 2); l.Say("chaoyang", "twice", 2) },
	func(l *testLedger, _ *rand.Rand) { l.Say("chaoyang", "again", 2); l.Say("chaoyang", "again", 3) },
	func(l *testLedger, r *rand.Rand) {
		at := r.IntN(5)
		l.Keys = func(i int, key chain.EventKey) chain.EventKey {
			if i == at {
				key[15] ^= 1
			}
			return key
		}
		l.Say("haidian", "keys", 5)
	},
	func(l *testLedger, _ *rand.Rand) { l.Clock = verifytest.Start; l.Say("chaoyang", "back", 1) },
	func(l *testLedger, r *rand.Rand) { // honest by its links only
		index := r.Uint64N(l.Head.Size)
		l.Rewrite(index, verifytest.Replace([]string{"1", " 1 ", "/", "urn:", "=", "\n", "}"}[r.IntN(7)], "2"))
	},
	func(l *testLedger, _ *rand.Rand) {
		l.Signer, l.VKey = verifytest.MustLogKey(l, verifytest.Origin, "another log")
	},
}

// randomBook writes a random log, and damages it or not.
func randomBook(t *testing.T, r *rand.Rand) (*testLedger, string, Options) {
	l := newRandomLog(t, r)
	var opts Options
	if r.IntN(3) == 0 {
		opts.Known = l.Known(r.IntN(int(l.Head.Size) + 1))
	}
	kind := r.IntN(4)
	if kind == 1 {
		forgeries[r.IntN(len(forgeries))](l, r)
	}
	if r.IntN(20) == 0 && opts.Known != nil {
		opts.Known.Root[3] ^= 1
	}
	size := int(l.Frames[len(l.Frames)-1-r.IntN(2)].Head.Size)
	if r.IntN(20) == 0 {
		size = r.IntN(int(l.Head.Size) + 1)
	}
	dir := l.Write(size, 1+r.IntN(5))
	names, err := filepath.Glob(filepath.Join(dir, verifytest.BookDir, "*.seg"))
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case kind == 2:
		changeFile(t, names[r.IntN(len(names))], func(data []byte) []byte {
			name := slices.Sorted(maps.Keys(damages))[r.IntN(len(damages))]
			return damages[name](r, data)
		})
	case r.IntN(3) == 0: // what a writer leaves that was stopped
		changeFile(t, names[len(names)-1], func(data []byte) []byte {
			return append(data, [][]byte{make([]byte, 5000), []byte("\x89CLF torn")}[r.IntN(2)]...)
		})
	}
	return l, dir, opts
}

func changeFile(t *testing.T, name string, change func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err == nil {
		err = os.WriteFile(name, change(data), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Whatever is in the book, the report is that of the careful way; and the quick
// way accepts what is sound, so that it is not quick for nothing.
func TestRun_QuickAndCarefulAgree(t *testing.T) {
	sound, unsound := 0, 0
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 3))
		l, dir, opts := randomBook(t, r)
		accepted := l.agree(seed, dir, opts)
		if accepted {
			sound++
		} else {
			unsound++
		}
	}
	if sound < 100 || unsound < 100 {
		t.Errorf("%d sound and %d unsound logs are no fair sample", sound, unsound)
	}
}

// agree holds the two ways together, and says whether the quick one accepted.
func (l *testLedger) agree(seed uint64, dir string, opts Options) bool {
	l.Helper()
	quick := Run(context.Background(), source.Directory(dir), l.VKey, opts)
	accepted := l.accepts(dir, opts)
	opts.Careful = true
	careful := Run(context.Background(), source.Directory(dir), l.VKey, opts)
	a, b := mustJSON(l, quick), mustJSON(l, careful)
	if a != b {
		l.Fatalf("seed %d: the quick way says\n%s\nthe careful way\n%s", seed, a, b)
	}
	if accepted != (careful.Verdict == verdict.Sound) {
		l.Fatalf("seed %d: accepted %v, but %s\n%s", seed, accepted, careful.Verdict, b)
	}
	return accepted
}

// accepts asks the quick way alone.
func (l *testLedger) accepts(dir string, opts Options) bool {
	l.Helper()
	verifier, err := note.NewVerifier(l.VKey)
	if err != nil {
		l.Fatal(err)
	}
	d := source.Directory(dir)
	cp, defects, err := d.Signed(context.Background(), verifier)
	if err != nil {
		l.Fatal(err)
	}
	return cp != nil && len(defects) == 0 && quick.Accept(context.Background(), d, cp.Size, judge.New(l.VKey, cp, opts.Known, nil), new(verdict.Report), opts.stretch)
}

func mustJSON(t testing.TB, r *verdict.Report) string {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Every byte of a frame (each fifth is tried) matters to the quick way itself,
// whatever the checksums say: it must not lean on them.
func TestAccept_EveryFlippedByte(t *testing.T) {
	l := newSmallLedger(t)
	if !l.accepts(l.Write(23, 100), Options{}) {
		t.Fatal("a sound log is not accepted")
	}
	f := l.Frames[4]
	clean := f.Entries
	for i := range clean {
		for at := i; at < len(clean[i]); at += 5 {
			f.Entries = slices.Clone(clean)
			f.Entries[i] = bytes.Clone(clean[i])
			f.Entries[i][at] ^= 1 << (at % 7)
			if l.accepts(l.Write(23, 100), Options{}) {
				t.Fatalf("entry %d, byte %d: accepted", 8+i, at)
			}
		}
	}
}

// A submission that goes on in the next frame is for the careful way, which
// says what it always said.
func TestRun_SubmissionOverTwoFrames(t *testing.T) {
	l := newSmallLedger(t)
	f := l.Frames[5]
	second := *f
	second.Prev = chain.Head{Size: f.Prev.Size + 2, Last: l.Leaves[f.Prev.Size+1]}
	second.Entries = f.Entries[2:]
	f.Entries, f.Head = f.Entries[:2], second.Prev
	l.Frames = slices.Insert(l.Frames, 6, &second)
	dir := l.Write(23, 3)
	l.must(l.verify(dir), verdict.Sound)
	if l.accepts(dir, Options{}) {
		t.Error("accepted the quick way")
	}
}

func TestRun_CheckpointOfNothing(t *testing.T) {
	l := newSmallLedger(t)
	dir := l.Write(0, 3)
	for _, careful := range []bool{false, true} {
		r := Run(context.Background(), source.Directory(dir), l.VKey, Options{Careful: careful})
		l.must(r, verdict.Sound)
		if r.Counts.Entries != 0 || r.Counts.Beyond != 23 {
			t.Errorf("careful %v: counts %+v", careful, r.Counts)
		}
	}
}

func TestRun_Interrupted(t *testing.T) {
	l := newSmallLedger(t)
	dir := l.Write(23, 3)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if r := Run(ctx, source.Directory(dir), l.VKey, Options{}); r.Verdict != verdict.Unchecked || r.Problem != "interrupted" {
		t.Errorf("%s: %s", r.Verdict, r.Problem)
	}
}
