package verify

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"civicledger/ledger/chain"
	"civicledger/ledger/roster"
	"civicledger/ledger/suite"
)

// snapshot is a log as its operator chooses to show it at a moment.
type snapshot struct {
	size    int
	entries [][]byte
	leaves  []chain.Hash
	note    []byte
}

func (l *testLog) snapshot() *snapshot {
	s := &snapshot{size: int(l.head.Size), leaves: append([]chain.Hash(nil), l.leaves...), note: l.checkpoint(int(l.head.Size))}
	for _, f := range l.frames {
		s.entries = append(s.entries, f.Entries...)
	}
	return s
}

// ServeHTTP shows a snapshot by the C2SP paths.
func (s *snapshot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == checkpointPath {
		_, _ = w.Write(s.note)
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
		for i := first; i < min(first+width, len(s.entries)); i++ {
			_, _ = w.Write(binary.BigEndian.AppendUint16(nil, uint16(len(s.entries[i]))))
			_, _ = w.Write(s.entries[i])
		}
		return
	}
	l, _ := strconv.Atoi(level)
	tree := chain.NewTree(suite.Default()).Grow(s.leaves)
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

// watched is a watcher and the server it watches, whose next moments are
// played one after the other.
type watched struct {
	*testLog
	w      *watcher
	now    atomic.Pointer[snapshot]
	down   atomic.Bool
	out    bytes.Buffer
	errs   bytes.Buffer
	pauses []time.Duration
}

func (l *testLog) watch(state string) *watched {
	l.Helper()
	x := &watched{testLog: l}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if x.down.Load() {
			http.Error(w, "down", http.StatusForbidden) // is not tried again at once
			return
		}
		x.now.Load().ServeHTTP(w, r)
	}))
	l.Cleanup(server.Close)
	x.w = &watcher{url: server.URL, interval: time.Second, stdout: &x.out, stderr: &x.errs, now: func() time.Time { return time.UnixMilli(testStart) }}
	x.w.key, x.w.state = l.vkey, state
	if err := x.w.prepare(); err != nil {
		l.Fatal(err)
	}
	return x
}

// play runs the watcher; each moment is what the server shows next.
func (x *watched) play(moments ...func()) int {
	x.w.wait = func(_ context.Context, pause time.Duration) bool {
		x.pauses = append(x.pauses, pause)
		if len(moments) == 0 {
			return false
		}
		moments[0]()
		moments = moments[1:]
		return true
	}
	if len(moments) == 0 {
		x.Fatal("nothing to play")
	}
	first := moments[0]
	moments = moments[1:]
	first()
	return x.w.run(context.Background())
}

// shows is a moment.
func (x *watched) shows(s *snapshot) func() { return func() { x.now.Store(s) } }

func (x *watched) mustSay(code, want int, texts ...string) {
	x.Helper()
	for _, text := range texts {
		if !strings.Contains(x.out.String()+x.errs.String(), text) {
			x.Errorf("nothing of %q", text)
		}
	}
	if code != want || x.Failed() {
		x.Fatalf("exit %d, want %d\n%s%s", code, want, x.out.String(), x.errs.String())
	}
}

func TestWatch_FollowsAGrowingLog(t *testing.T) {
	l := newLog(t)
	state := filepath.Join(t.TempDir(), "state")
	x := l.watch(state)
	moments := []func(){x.shows(l.snapshot())}
	for i, count := range []int{1, 250, 2} {
		l.say([]string{"chaoyang", "haidian"}[i%2], fmt.Sprint(i), count)
		moments = append(moments, x.shows(l.snapshot()), func() {})
	}
	l.operator(roster.AgencyKeyRevoked, "revoke", roster.KeyRevoked{Agency: "haidian", KeyID: chain.KeyID(l.s, public("haidian")), Reason: "lost"})
	l.say("chaoyang", "after", 301)
	moments = append(moments, x.shows(l.snapshot()))
	code := x.play(moments...)
	x.mustSay(code, 0, "sound: 3 entries, 3 new", "sound: 4 entries, 1 new", "sound: 254 entries, 250 new", "sound: 256 entries, 2 new", "sound: 558 entries, 302 new")
	if n := strings.Count(x.out.String(), "\n"); n != 5 {
		t.Errorf("%d lines for 5 checkpoints", n)
	}
	if mustRead(t, state) != string(l.checkpoint(558)) {
		t.Error("the newest checkpoint is not kept")
	}
	// Another watcher begins where that one ended.
	x = l.watch(state)
	l.say("chaoyang", "more", 5)
	x.w.once, x.w.json = true, true
	x.mustSay(x.play(x.shows(l.snapshot())), 0, `{"format":"civicledger watch v1","time":"2026-01-01T00:00:00.000Z","size":563,"new":563,`)
}

// What an operator with the log's key can do to it is noticed at once.
func TestWatch_Attacks(t *testing.T) {
	grown := func(l *testLog) *snapshot { l.say("chaoyang", "b", 300); return l.snapshot() }
	change := func(l *testLog, index int, f func([]byte) []byte) *snapshot {
		s := grown(l)
		s.entries[index] = f(s.entries[index])
		return s
	}
	cases := map[string]struct {
		then func(l *testLog) *snapshot
		want []string
	}{
		"rewind": {func(l *testLog) *snapshot { s := *l.snapshot(); return cutTo(l, &s, 300) }, []string{"rewind", "signed before", "signed now"}},
		"fork of the same size": {func(l *testLog) *snapshot {
			other := newLog(t)
			other.say("chaoyang", "other", 400)
			return other.snapshot()
		}, []string{"fork", "signed before", "signed now"}},
		"fork that grew": {func(l *testLog) *snapshot {
			other := newLog(t)
			other.say("chaoyang", "other", 400)
			other.say("haidian", "more", 400)
			return other.snapshot()
		}, []string{"fork", "signed before", "signed now"}},
		"foreign checkpoint": {func(l *testLog) *snapshot {
			s := grown(l)
			l.signer, _ = mustLogKey(t, testOrigin, "mallory")
			s.note = l.checkpoint(s.size)
			return s
		}, []string{"checkpoint"}},
		"changed entry": {func(l *testLog) *snapshot { return change(l, 500, replace("110105", "110106")) }, []string{"leaf", "entry 500"}},
		"cut entry":     {func(l *testLog) *snapshot { return change(l, 500, func(e []byte) []byte { return e[:40] }) }, []string{"entry 500"}},
		"changed entry with its hash": {func(l *testLog) *snapshot {
			s := change(l, 500, replace("110105", "110106"))
			s.leaves[500] = l.s.Leaf(s.entries[500])
			return s
		}, []string{"NOT SOUND"}},
		"old entry changed with its hash": {func(l *testLog) *snapshot {
			s := change(l, 100, replace("110105", "110106"))
			s.leaves[100] = l.s.Leaf(s.entries[100])
			return s
		}, []string{"NOT SOUND"}},
		"missing entries": {func(l *testLog) *snapshot {
			s := grown(l)
			s.entries = s.entries[:500]
			return s
		}, []string{"missing"}},
		"wrong tile": {func(l *testLog) *snapshot {
			s := grown(l)
			s.leaves[600][0] ^= 1
			return s
		}, []string{"NOT SOUND"}},
		"foreign signature": {func(l *testLog) *snapshot {
			sub := l.sign("chaoyang", line("chaoyang", "x"), line("chaoyang", "y"))
			sub.Signature = ed25519.Sign(seeded("haidian"), sub.SignedText(l.s, testOrigin))
			l.commit(sub)
			return l.snapshot()
		}, []string{"signature", "entries 403 to 404"}},
		"stranger": {func(l *testLog) *snapshot { l.commit(l.sign("stranger", line("stranger", "x"))); return l.snapshot() }, []string{"rights", "entry 403"}},
		"not granted": {func(l *testLog) *snapshot {
			l.commit(l.sign("chaoyang", replace("110105", "310101")(line("chaoyang", "x"))))
			return l.snapshot()
		}, []string{"rights", "entry 403"}},
		"replay": {func(l *testLog) *snapshot { l.say("chaoyang", "a", 400); return l.snapshot() }, []string{"repeated", "entry 403", "a replay"}},
		"event said again": {func(l *testLog) *snapshot {
			l.commit(l.sign("chaoyang", line("chaoyang", "new"), line("chaoyang", "a-3")))
			return l.snapshot()
		}, []string{"repeated", "entry 404"}},
		"false event key": {func(l *testLog) *snapshot {
			l.keys = func(_ int, key chain.EventKey) chain.EventKey { key[0] ^= 1; return key }
			l.commit(l.sign("chaoyang", line("chaoyang", "a-3")))
			return l.snapshot()
		}, []string{"event-key", "entry 403"}},
		"clock set back": {func(l *testLog) *snapshot { l.clock = testStart; l.say("chaoyang", "x", 1); return l.snapshot() }, []string{"order", "entry 403"}},
		"false system event": {func(l *testLog) *snapshot {
			l.operator(roster.DayClosed, "day", roster.Closed{Day: "2030-01-01"})
			return l.snapshot()
		}, []string{"rights", "entry 403"}},
		"checkpoint within a submission": {func(l *testLog) *snapshot { s := grown(l); return cutTo(l, s, 500) }, []string{"submission"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			l := newLog(t)
			l.say("chaoyang", "a", 400)
			state := filepath.Join(t.TempDir(), "state")
			x := l.watch(state)
			sound := l.snapshot()
			bad := c.then(l)
			x.mustSay(x.play(x.shows(sound), func() {}, x.shows(bad), func() { t.Error("it goes on") }), 1, append(c.want, "sound: 403 entries", "NOT SOUND")...)
			if kept := mustRead(t, state); !strings.Contains(kept, "\n403\n") {
				t.Errorf("the state was replaced: %q", kept)
			}
			// Who comes later with that state notices as well.
			again := l.watch(state)
			again.w.once = true
			again.mustSay(again.play(again.shows(bad)), 1, c.want...)
		})
	}
}

// cutTo makes of a snapshot what the log was at a size, signed.
func cutTo(l *testLog, s *snapshot, size int) *snapshot {
	return &snapshot{size: size, entries: s.entries[:size], leaves: s.leaves[:size], note: l.checkpoint(size)}
}

// A log that begins with another ledger is not the one that the key is for.
func TestWatch_ForeignGenesis(t *testing.T) {
	l := newLog(t)
	l.signer, l.vkey = mustLogKey(t, testOrigin, "another log")
	x := l.watch("")
	x.mustSay(x.play(x.shows(l.snapshot())), 1, "genesis")
}

// A server that does not answer is waited for, longer each time; nothing of the
// state is lost by it.
func TestWatch_ServerAway(t *testing.T) {
	l := newLog(t)
	x := l.watch("")
	first := l.snapshot()
	l.say("chaoyang", "a", 600)
	code := x.play(
		x.shows(first), func() { x.down.Store(true) }, func() {}, func() {},
		func() { x.down.Store(false); x.now.Store(l.snapshot()) },
	)
	x.mustSay(code, 0, "sound: 603 entries, 600 new", "trying again in 2s", "trying again in 4s", "trying again in 8s")
	if want := "[1s 2s 4s 8s 1s]"; fmt.Sprint(x.pauses) != want {
		t.Errorf("pauses %v, want %v", x.pauses, want)
	}
	x.w.once = true
	x.mustSay(x.play(func() { x.down.Store(true) }), 2, "403 Forbidden")
}

// A state that cannot be written ends the watch: it would notice nothing later.
func TestWatch_StateCannotBeKept(t *testing.T) {
	l := newLog(t)
	x := l.watch(filepath.Join(t.TempDir(), "none", "state"))
	x.mustSay(x.play(x.shows(l.snapshot())), 2, "save state")
}

func TestWatch_WrongCalls(t *testing.T) {
	l := newLog(t)
	state := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(state, []byte("not a note"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"no url": {"--key", l.vkey}, "no key": {"--url", "http://127.0.0.1:1"}, "bad interval": {"--url", "http://127.0.0.1:1", "--key", l.vkey, "--interval", "0s"},
		"argument": {"--url", "http://127.0.0.1:1", "--key", l.vkey, "more"}, "bad state": {"--url", "http://127.0.0.1:1", "--key", l.vkey, "--state", state},
		"bad key": {"--url", "http://127.0.0.1:1", "--key", "a+b+c"},
	} {
		var out, errs bytes.Buffer
		if code := Main(context.Background(), append([]string{"watch"}, args...), &out, &errs); code != 2 || errs.Len() == 0 {
			t.Errorf("%s: %d %s", name, code, errs.String())
		}
	}
}

// The follower and the judge, written apart, agree on every attack: see
// TestRun_DishonestOperator for the judge. Here: both find a sound log sound
// whatever the sizes at which it is looked at.
func TestFollower_AnySteps(t *testing.T) {
	l := newLog(t)
	var marks []*snapshot
	for i := range 40 {
		l.say("chaoyang", fmt.Sprint(i), 1+i*7%61)
		marks = append(marks, l.snapshot())
	}
	for step := 1; step <= 40; step += 6 {
		x := l.watch("")
		f := x.w.follower
		for i := step - 1; i < len(marks); i += step {
			x.now.Store(marks[i])
			cp, _, err := f.log.checkpoint(context.Background(), f.verifier)
			if err != nil {
				t.Fatal(err)
			}
			if err := f.advance(context.Background(), cp); err != nil {
				t.Fatalf("step %d at %d: %v", step, i, err)
			}
			if f.tree.Size() != cp.Size || f.known.Root != cp.Root {
				t.Fatalf("step %d at %d: %d entries", step, i, f.tree.Size())
			}
		}
	}
}

// It goes on behind what it has when reading was interrupted.
func TestFollower_InterruptedRead(t *testing.T) {
	l := newLog(t)
	l.say("chaoyang", "a", 1000)
	l.say("chaoyang", "b", 1000)
	s := l.snapshot()
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := requests.Add(1); n > 4 && n < 30 {
			http.Error(w, "away", http.StatusForbidden)
			return
		}
		s.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	x := l.watch("")
	f := newFollower(Server(server.URL), x.w.vkey, x.w.Verifier, nil, func(uint64, uint64) {})
	cp, _, err := f.log.checkpoint(context.Background(), f.verifier)
	if err != nil {
		t.Fatal(err)
	}
	for tries := 0; ; tries++ {
		err := f.advance(context.Background(), cp)
		var defect *defectError
		if errors.As(err, &defect) || tries > 30 {
			t.Fatalf("after %d tries: %v", tries, err)
		}
		if err == nil {
			break
		}
	}
	if f.tree.Size() != 2003 || f.known.Root != cp.Root {
		t.Errorf("%d entries", f.tree.Size())
	}
}
