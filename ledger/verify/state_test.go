package verify

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/chain"
)

func (l *testLog) command(dir, state string) (code int, stdout, stderr string) {
	l.Helper()
	var out, errs bytes.Buffer
	code = Command(context.Background(), Request{Data: dir, Key: l.vkey, State: state}, &out, &errs)
	return code, out.String(), errs.String()
}

func (l *testLog) known(size int) *Known {
	l.Helper()
	verifier, err := note.NewVerifier(l.vkey)
	if err != nil {
		l.Fatal(err)
	}
	msg := l.checkpoint(size)
	c, err := chain.OpenCheckpoint(msg, verifier)
	if err != nil {
		l.Fatal(err)
	}
	return &Known{c, string(msg)}
}

func mustRead(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Every size that was ever signed is extended by what came later.
func TestRun_ExtendsWhatWasKept(t *testing.T) {
	l := newLog(t)
	for i, count := range []int{508, 1, 1, 254, 1, 1, 3} { // 772 entries
		l.say("chaoyang", fmt.Sprint(i), count)
	}
	for _, size := range []int{3, 511, 512, 513, 767, 768, 769, 772} {
		dir := l.write(size, 1)
		for _, before := range []int{0, 1, 3, 255, 256, 257, 511, 512, 513, 767, 768, 772} {
			r := Run(context.Background(), Directory(dir), l.vkey, Options{Known: l.known(before)})
			if before <= size {
				l.must(r, Sound)
				continue
			}
			if r.Verdict != Unsound || len(r.Defects) != 1 || r.Defects[0].Kind != KindRewind || r.Defects[0].First != uint64(size) || r.Defects[0].Last != uint64(before-1) {
				t.Errorf("%d after %d: %+v", size, before, r.Defects)
			}
		}
	}
}

// An operator who writes another history can sign it, and cannot hide it from
// whoever kept a checkpoint.
func TestCommand_StateRewindAndFork(t *testing.T) {
	l := newLog(t)
	l.say("chaoyang", "a", 600)
	other := *l
	other.frames, other.leaves = other.frames[:len(other.frames):len(other.frames)], other.leaves[:len(other.leaves):len(other.leaves)]
	l.say("chaoyang", "b", 10)
	other.say("chaoyang", "c", 10)
	state := filepath.Join(t.TempDir(), "state")
	if code, out, errs := l.command(l.write(613, 2), state); code != 0 {
		t.Fatal(code, out, errs)
	}
	kept := mustRead(t, state)
	if kept != string(l.checkpoint(613)) {
		t.Fatalf("state is %q", kept)
	}
	same := other.write(613, 2)
	other.say("chaoyang", "d", 300)
	for name, c := range map[string]struct{ dir, kind string }{
		"rewind":                {l.write(603, 2), KindRewind},
		"fork of the same size": {same, KindFork},
		"fork that grew":        {other.write(913, 2), KindFork},
	} {
		code, out, _ := l.command(c.dir, state)
		if code != 1 || !strings.Contains(out, c.kind) || !strings.Contains(out, kept) || strings.Count(out, "— "+testOrigin) != 2 {
			t.Errorf("%s: %d %s", name, code, out)
		}
		if mustRead(t, state) != kept {
			t.Errorf("%s: the state was overwritten", name)
		}
	}
	l.say("chaoyang", "e", 1)
	if code, out, _ := l.command(l.write(614, 2), state); code != 0 || mustRead(t, state) == kept {
		t.Errorf("grown: %d %s", code, out)
	}
	if names, err := filepath.Glob(state + ".*"); err != nil || len(names) > 0 {
		t.Errorf("left behind: %v, %v", names, err)
	}
}

func TestCommand_StateOfAnotherKey(t *testing.T) {
	l := newLog(t)
	dir, state := l.write(3, 9), filepath.Join(t.TempDir(), "state")
	forged, _ := mustLogKey(t, testOrigin, "mallory")
	l.signer = forged
	if err := SaveState(state, string(l.checkpoint(3))); err != nil {
		t.Fatal(err)
	}
	before := mustRead(t, state)
	if code, _, errs := l.command(dir, state); code != 2 || !strings.Contains(errs, "state") || mustRead(t, state) != before {
		t.Errorf("%d %s", code, errs)
	}
}

// Damage does not hide that the undamaged rest is what was signed before.
func TestRun_KnownAndDamage(t *testing.T) {
	l := newLog(t)
	l.say("chaoyang", "a", 600)
	dir := l.write(603, 9)
	l.edit(dir, 0, func(data []byte) []byte {
		data[bytes.Index(data, []byte("a-77"))] ^= 1
		return data
	})
	r := Run(context.Background(), Directory(dir), l.vkey, Options{Known: l.known(500)})
	l.must(r, Unsound, "leaf 80-80")
}
