package auditor

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"civicledger/ledger/chain"
	"civicledger/ledger/roster"
	"civicledger/ledger/verify/verifytest"
)

// watched is a watcher and the server it watches, whose next moments are
// played one after the other.
type watched struct {
	*testLedger
	w      *watcher
	now    atomic.Pointer[verifytest.Snapshot]
	down   atomic.Bool
	out    bytes.Buffer
	errs   bytes.Buffer
	pauses []time.Duration
}

func (l *testLedger) watch(state string) *watched {
	l.Helper()
	x := &watched{testLedger: l}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if x.down.Load() {
			http.Error(w, "down", http.StatusForbidden) // is not tried again at once
			return
		}
		x.now.Load().ServeHTTP(w, r)
	}))
	l.Cleanup(server.Close)
	x.w = &watcher{url: server.URL, interval: time.Second, stdout: &x.out, stderr: &x.errs, now: func() time.Time { return time.UnixMilli(verifytest.Start) }}
	x.w.key, x.w.state = l.VKey, state
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
func (x *watched) shows(s *verifytest.Snapshot) func() { return func() { x.now.Store(s) } }

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
	l := newLedger(t)
	state := filepath.Join(t.TempDir(), "state")
	x := l.watch(state)
	moments := []func(){x.shows(l.Snapshot())}
	for i, count := range []int{1, 250, 2} {
		l.Say([]string{"chaoyang", "haidian"}[i%2], fmt.Sprint(i), count)
		moments = append(moments, x.shows(l.Snapshot()), func() {})
	}
	l.Operator(roster.AgencyKeyRevoked, "revoke", roster.KeyRevoked{Agency: "haidian", KeyID: chain.KeyID(l.S, verifytest.Public("haidian")), Reason: "lost"})
	l.Say("chaoyang", "after", 301)
	moments = append(moments, x.shows(l.Snapshot()))
	code := x.play(moments...)
	x.mustSay(code, 0, "sound: 3 entries, 3 new", "sound: 4 entries, 1 new", "sound: 254 entries, 250 new", "sound: 256 entries, 2 new", "sound: 558 entries, 302 new")
	if n := strings.Count(x.out.String(), "\n"); n != 5 {
		t.Errorf("%d lines for 5 checkpoints", n)
	}
	if mustRead(t, state) != string(l.Checkpoint(558)) {
		t.Error("the newest checkpoint is not kept")
	}
	// Another watcher begins where that one ended.
	x = l.watch(state)
	l.Say("chaoyang", "more", 5)
	x.w.once, x.w.json = true, true
	x.mustSay(x.play(x.shows(l.Snapshot())), 0, `{"format":"civicledger watch v1","time":"2026-01-01T00:00:00.000Z","size":563,"new":563,`)
}

// What an operator with the log's key can do to it is noticed at once.
func TestWatch_Attacks(t *testing.T) {
	grown := func(l *testLedger) *verifytest.Snapshot { l.Say("chaoyang", "b", 300); return l.Snapshot() }
	change := func(l *testLedger, index int, f func([]byte) []byte) *verifytest.Snapshot {
		s := grown(l)
		s.Entries[index] = f(s.Entries[index])
		return s
	}
	cases := map[string]struct {
		then func(l *testLedger) *verifytest.Snapshot
		want []string
	}{
		"rewind": {func(l *testLedger) *verifytest.Snapshot { s := *l.Snapshot(); return cutTo(l, &s, 300) }, []string{"rewind", "signed before", "signed now"}},
		"cut that is admitted": {func(l *testLedger) *verifytest.Snapshot {
			l.Cut(3)
			l.Operator(roster.CutAccepted, "cut", roster.Cut{Size: 3, Known: []roster.Known{{By: "checkpoint.0", Size: 403}}, Reason: "disk"})
			return l.Snapshot()
		}, []string{"cut admitted at 3", "because: disk", "signed before", "signed now"}},
		"fork of the same size": {func(l *testLedger) *verifytest.Snapshot {
			other := newLedger(t)
			other.Say("chaoyang", "other", 400)
			return other.Snapshot()
		}, []string{"fork", "signed before", "signed now"}},
		"fork that grew": {func(l *testLedger) *verifytest.Snapshot {
			other := newLedger(t)
			other.Say("chaoyang", "other", 400)
			other.Say("haidian", "more", 400)
			return other.Snapshot()
		}, []string{"fork", "signed before", "signed now"}},
		"foreign checkpoint": {func(l *testLedger) *verifytest.Snapshot {
			s := grown(l)
			l.Signer, _ = verifytest.MustLogKey(t, verifytest.Origin, "mallory")
			s.Note = l.Checkpoint(s.Size)
			return s
		}, []string{"checkpoint"}},
		"changed entry": {func(l *testLedger) *verifytest.Snapshot {
			return change(l, 500, verifytest.Replace("110105", "110106"))
		}, []string{"leaf", "entry 500"}},
		"cut entry": {func(l *testLedger) *verifytest.Snapshot {
			return change(l, 500, func(e []byte) []byte { return e[:40] })
		}, []string{"entry 500"}},
		"changed entry with its hash": {func(l *testLedger) *verifytest.Snapshot {
			s := change(l, 500, verifytest.Replace("110105", "110106"))
			s.Leaves[500] = l.S.Leaf(s.Entries[500])
			return s
		}, []string{"NOT SOUND"}},
		"old entry changed with its hash": {func(l *testLedger) *verifytest.Snapshot {
			s := change(l, 100, verifytest.Replace("110105", "110106"))
			s.Leaves[100] = l.S.Leaf(s.Entries[100])
			return s
		}, []string{"NOT SOUND"}},
		"missing entries": {func(l *testLedger) *verifytest.Snapshot {
			s := grown(l)
			s.Entries = s.Entries[:500]
			return s
		}, []string{"missing"}},
		"wrong tile": {func(l *testLedger) *verifytest.Snapshot {
			s := grown(l)
			s.Leaves[600][0] ^= 1
			return s
		}, []string{"NOT SOUND"}},
		"foreign signature": {func(l *testLedger) *verifytest.Snapshot {
			sub := l.Sign("chaoyang", verifytest.Line("chaoyang", "x"), verifytest.Line("chaoyang", "y"))
			sub.Signature = ed25519.Sign(verifytest.Seeded("haidian"), sub.SignedText(l.S, verifytest.Origin))
			l.Commit(sub)
			return l.Snapshot()
		}, []string{"signature", "entries 403 to 404"}},
		"stranger": {func(l *testLedger) *verifytest.Snapshot {
			l.Commit(l.Sign("stranger", verifytest.Line("stranger", "x")))
			return l.Snapshot()
		}, []string{"rights", "entry 403"}},
		"not granted": {func(l *testLedger) *verifytest.Snapshot {
			l.Commit(l.Sign("chaoyang", verifytest.Replace("110105", "310101")(verifytest.Line("chaoyang", "x"))))
			return l.Snapshot()
		}, []string{"rights", "entry 403"}},
		"replay": {func(l *testLedger) *verifytest.Snapshot { l.Say("chaoyang", "a", 400); return l.Snapshot() }, []string{"repeated", "entry 403", "a replay"}},
		"event said again": {func(l *testLedger) *verifytest.Snapshot {
			l.Commit(l.Sign("chaoyang", verifytest.Line("chaoyang", "new"), verifytest.Line("chaoyang", "a-3")))
			return l.Snapshot()
		}, []string{"repeated", "entry 404"}},
		"false event key": {func(l *testLedger) *verifytest.Snapshot {
			l.Keys = func(_ int, key chain.EventKey) chain.EventKey { key[0] ^= 1; return key }
			l.Commit(l.Sign("chaoyang", verifytest.Line("chaoyang", "a-3")))
			return l.Snapshot()
		}, []string{"event-key", "entry 403"}},
		"clock set back": {func(l *testLedger) *verifytest.Snapshot {
			l.Clock = verifytest.Start
			l.Say("chaoyang", "x", 1)
			return l.Snapshot()
		}, []string{"order", "entry 403"}},
		"false system event": {func(l *testLedger) *verifytest.Snapshot {
			l.Operator(roster.DayClosed, "day", roster.Closed{Day: "2030-01-01"})
			return l.Snapshot()
		}, []string{"rights", "entry 403"}},
		"checkpoint within a submission": {func(l *testLedger) *verifytest.Snapshot { s := grown(l); return cutTo(l, s, 500) }, []string{"submission"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			l := newLedger(t)
			l.Say("chaoyang", "a", 400)
			state := filepath.Join(t.TempDir(), "state")
			x := l.watch(state)
			sound := l.Snapshot()
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
func cutTo(l *testLedger, s *verifytest.Snapshot, size int) *verifytest.Snapshot {
	return &verifytest.Snapshot{Size: size, Entries: s.Entries[:size], Leaves: s.Leaves[:size], Note: l.Checkpoint(size)}
}

// A log that begins with another ledger is not the one that the key is for.
func TestWatch_ForeignGenesis(t *testing.T) {
	l := newLedger(t)
	l.Signer, l.VKey = verifytest.MustLogKey(t, verifytest.Origin, "another log")
	x := l.watch("")
	x.mustSay(x.play(x.shows(l.Snapshot())), 1, "genesis")
}

// A server that does not answer is waited for, longer each time; nothing of the
// state is lost by it.
func TestWatch_ServerAway(t *testing.T) {
	l := newLedger(t)
	x := l.watch("")
	first := l.Snapshot()
	l.Say("chaoyang", "a", 600)
	code := x.play(
		x.shows(first), func() { x.down.Store(true) }, func() {}, func() {},
		func() { x.down.Store(false); x.now.Store(l.Snapshot()) },
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
	l := newLedger(t)
	x := l.watch(filepath.Join(t.TempDir(), "none", "state"))
	x.mustSay(x.play(x.shows(l.Snapshot())), 2, "save state")
}

func TestWatch_WrongCalls(t *testing.T) {
	l := newLedger(t)
	state := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(state, []byte("not a note"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"no url": {"--key", l.VKey}, "no key": {"--url", "http://127.0.0.1:1"}, "bad interval": {"--url", "http://127.0.0.1:1", "--key", l.VKey, "--interval", "0s"},
		"argument": {"--url", "http://127.0.0.1:1", "--key", l.VKey, "more"}, "bad state": {"--url", "http://127.0.0.1:1", "--key", l.VKey, "--state", state},
		"bad key": {"--url", "http://127.0.0.1:1", "--key", "a+b+c"},
	} {
		var out, errs bytes.Buffer
		if code := Main(context.Background(), append([]string{"watch"}, args...), &out, &errs); code != 2 || errs.Len() == 0 {
			t.Errorf("%s: %d %s", name, code, errs.String())
		}
	}
}
