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
)

// newRandomLog has commits of one to three submissions of one to 600 events,
// and operator's events between them that change who may say what.
func newRandomLog(t testing.TB, r *rand.Rand) *testLog {
	l := newLog(t)
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
			subs = append(subs, l.sign(agency, lines...))
		}
		l.commit(subs...)
		if r.IntN(4) == 0 {
			l.randomGrants(r, said)
		}
	}
	return l
}

func randomLine(r *rand.Rand, agency string, n int) []byte {
	e := line(agency, fmt.Sprintf("%s-%d", agency, n))
	for _, change := range [][2]string{
		{`"fund.opened.v1"`, `"subsidy.paid.v1"`},
		{`"110105"`, `"110106"`},
		{`"id":"`, `"id" : "\u0041`},
		{`"urn:` + agency + `"`, `"urn:` + agency + `/desk"`},
		{`xxxx`, `\"\\`},
	} {
		if r.IntN(4) == 0 {
			e = replace(change[0], change[1])(e)
		}
	}
	return e
}

// randomGrants enrols an agency again with the same rights, or gives it a key.
func (l *testLog) randomGrants(r *rand.Rand, n int) {
	key := "chaoyang"
	if r.IntN(2) == 0 {
		key = fmt.Sprintf("spare key %d", n)
	}
	proof := ed25519.Sign(seeded(key), chain.EnrolmentText(l.s, testOrigin, "chaoyang", public(key)))
	if key != "chaoyang" {
		l.operator(roster.AgencyKeyAdded, key, roster.KeyAdded{Agency: "chaoyang", Key: public(key), Proof: proof})
		return
	}
	l.operator(roster.AgencyEnrolled, fmt.Sprint("again ", n), roster.Enrolled{
		Agency: "chaoyang", Name: "chaoyang", Types: []string{"subsidy.*", "fund.*"}, Jurisdictions: []string{"110000"},
		Source: "urn:chaoyang", Key: public(key), Proof: proof,
	})
}

// forgeries are what a ledger's operator could put on its log; everything
// links, and the checkpoint signs it.
var forgeries = []func(l *testLog, r *rand.Rand){
	func(l *testLog, _ *rand.Rand) {
		sub := l.sign("chaoyang", line("chaoyang", "x"), line("chaoyang", "y"))
		sub.Signature = ed25519.Sign(seeded("haidian"), sub.SignedText(l.s, testOrigin))
		l.commit(sub)
	},
	func(l *testLog, _ *rand.Rand) { l.commit(l.sign("stranger", line("stranger", "x"))) },
	func(l *testLog, r *rand.Rand) {
		lines := [][]byte{line("haidian", "p"), line("haidian", "q"), line("haidian", "r")}
		i := r.IntN(3)
		lines[i] = replace("fund.opened", "lottery.draw")(lines[i])
		l.commit(l.sign("haidian", lines...))
	},
	func(l *testLog, _ *rand.Rand) {
		l.operator(roster.AgencyKeyRevoked, "revoke", roster.KeyRevoked{Agency: "haidian", KeyID: chain.KeyID(l.s, public("haidian")), Reason: "lost"})
		l.say("haidian", "late", 2)
	},
	func(l *testLog, _ *rand.Rand) { l.operator(roster.DayClosed, "day", roster.Closed{Day: "2030-01-01"}) },
	func(l *testLog, _ *rand.Rand) { l.say("chaoyang", "twice", 2); l.say("chaoyang", "twice", 2) },
	func(l *testLog, _ *rand.Rand) { l.say("chaoyang", "again", 2); l.say("chaoyang", "again", 3) },
	func(l *testLog, r *rand.Rand) {
		at := r.IntN(5)
		l.keys = func(i int, key chain.EventKey) chain.EventKey {
			if i == at {
				key[15] ^= 1
			}
			return key
		}
		l.say("haidian", "keys", 5)
	},
	func(l *testLog, _ *rand.Rand) { l.clock = testStart; l.say("chaoyang", "back", 1) },
	func(l *testLog, r *rand.Rand) { // honest by its links only
		index := r.Uint64N(l.head.Size)
		l.rewrite(index, replace([]string{"1", " 1 ", "/", "urn:", "=", "\n", "}"}[r.IntN(7)], "2"))
	},
	func(l *testLog, _ *rand.Rand) { l.signer, l.vkey = mustLogKey(l, testOrigin, "another log") },
}

// randomBook writes a random log, and damages it or not.
func randomBook(t *testing.T, r *rand.Rand) (*testLog, string, Options) {
	l := newRandomLog(t, r)
	var opts Options
	if r.IntN(3) == 0 {
		opts.Known = l.known(r.IntN(int(l.head.Size) + 1))
	}
	kind := r.IntN(4)
	if kind == 1 {
		forgeries[r.IntN(len(forgeries))](l, r)
	}
	if r.IntN(20) == 0 && opts.Known != nil {
		opts.Known.Root[3] ^= 1
	}
	size := int(l.frames[len(l.frames)-1-r.IntN(2)].Head.Size)
	if r.IntN(20) == 0 {
		size = r.IntN(int(l.head.Size) + 1)
	}
	dir := l.write(size, 1+r.IntN(5))
	names, err := filepath.Glob(filepath.Join(dir, bookDir, "*.seg"))
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
func (l *testLog) agree(seed uint64, dir string, opts Options) bool {
	l.Helper()
	quick := Run(context.Background(), Directory(dir), l.vkey, opts)
	accepted := l.accepts(dir, opts)
	opts.Careful = true
	careful := Run(context.Background(), Directory(dir), l.vkey, opts)
	a, b := mustJSON(l, quick), mustJSON(l, careful)
	if a != b {
		l.Fatalf("seed %d: the quick way says\n%s\nthe careful way\n%s", seed, a, b)
	}
	if accepted != (careful.Verdict == Sound) {
		l.Fatalf("seed %d: accepted %v, but %s\n%s", seed, accepted, careful.Verdict, b)
	}
	return accepted
}

// accepts asks the quick way alone.
func (l *testLog) accepts(dir string, opts Options) bool {
	l.Helper()
	verifier, err := note.NewVerifier(l.vkey)
	if err != nil {
		l.Fatal(err)
	}
	d := &directory{dir: dir}
	cp, defects, err := d.checkpoint(context.Background(), verifier)
	if err != nil {
		l.Fatal(err)
	}
	return cp != nil && len(defects) == 0 && d.accept(context.Background(), &Report{Key: l.vkey}, cp, opts)
}

func mustJSON(t testing.TB, r *Report) string {
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
	l := newSmallLog(t)
	if !l.accepts(l.write(23, 100), Options{}) {
		t.Fatal("a sound log is not accepted")
	}
	f := l.frames[4]
	clean := f.Entries
	for i := range clean {
		for at := i; at < len(clean[i]); at += 5 {
			f.Entries = slices.Clone(clean)
			f.Entries[i] = bytes.Clone(clean[i])
			f.Entries[i][at] ^= 1 << (at % 7)
			if l.accepts(l.write(23, 100), Options{}) {
				t.Fatalf("entry %d, byte %d: accepted", 8+i, at)
			}
		}
	}
}

// A submission that goes on in the next frame is for the careful way, which
// says what it always said.
func TestRun_SubmissionOverTwoFrames(t *testing.T) {
	l := newSmallLog(t)
	f := l.frames[5]
	second := *f
	second.Prev = chain.Head{Size: f.Prev.Size + 2, Last: l.leaves[f.Prev.Size+1]}
	second.Entries = f.Entries[2:]
	f.Entries, f.Head = f.Entries[:2], second.Prev
	l.frames = slices.Insert(l.frames, 6, &second)
	dir := l.write(23, 3)
	l.must(l.verify(dir), Sound)
	if l.accepts(dir, Options{}) {
		t.Error("accepted the quick way")
	}
}

func TestRun_CheckpointOfNothing(t *testing.T) {
	l := newSmallLog(t)
	dir := l.write(0, 3)
	for _, careful := range []bool{false, true} {
		r := Run(context.Background(), Directory(dir), l.vkey, Options{Careful: careful})
		l.must(r, Sound)
		if r.Counts.Entries != 0 || r.Counts.Beyond != 23 {
			t.Errorf("careful %v: counts %+v", careful, r.Counts)
		}
	}
}

func TestRun_Interrupted(t *testing.T) {
	l := newSmallLog(t)
	dir := l.write(23, 3)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if r := Run(ctx, Directory(dir), l.vkey, Options{}); r.Verdict != Unchecked || r.Problem != "interrupted" {
		t.Errorf("%s: %s", r.Verdict, r.Problem)
	}
}

func TestNames_Repeats(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	all := make([]names, 3)
	var one []byte
	for i := range 200_000 {
		name := binaryName(r.Uint64())
		if i == 777 {
			one = name
		}
		all[i%3].add(name)
	}
	if repeats(all) {
		t.Fatal("found what is not there")
	}
	all[2].add(one)
	if !repeats(all) {
		t.Error("not found across owners")
	}
	var zeros names
	zeros.add(make([]byte, 8))
	if !repeats([]names{zeros}) {
		t.Error("a name of zeros is no proof of anything: it must count as repeated")
	}
}

func binaryName(n uint64) []byte {
	return []byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24), byte(n >> 32), byte(n >> 40), byte(n >> 48), byte(n >> 56)}
}
