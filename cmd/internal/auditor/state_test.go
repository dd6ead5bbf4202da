package auditor

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"civicledger/ledger/verify/verdict"
	"civicledger/ledger/verify/verifytest"
)

// testLedger is a small ledger that an auditor looks at.
type testLedger struct{ *verifytest.Ledger }

func newLedger(t testing.TB) *testLedger { return &testLedger{verifytest.NewLedger(t)} }

func (l *testLedger) command(dir, state string) (code int, stdout, stderr string) {
	l.Helper()
	var out, errs bytes.Buffer
	code = Command(context.Background(), Request{Data: dir, Key: l.VKey, State: state}, &out, &errs)
	return code, out.String(), errs.String()
}

func mustRead(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// An operator who writes another history can sign it, and cannot hide it from
// whoever kept a checkpoint.
func TestCommand_StateRewindAndFork(t *testing.T) {
	l := newLedger(t)
	l.Say("chaoyang", "a", 600)
	other := l.Fork()
	l.Say("chaoyang", "b", 10)
	other.Say("chaoyang", "c", 10)
	state := filepath.Join(t.TempDir(), "state")
	if code, out, errs := l.command(l.Write(613, 2), state); code != 0 {
		t.Fatal(code, out, errs)
	}
	kept := mustRead(t, state)
	if kept != string(l.Checkpoint(613)) {
		t.Fatalf("state is %q", kept)
	}
	same := other.Write(613, 2)
	old := l.Fork()
	old.Cut(603)
	other.Say("chaoyang", "d", 300)
	for name, c := range map[string]struct{ dir, kind string }{
		"rewind":                {old.Write(603, 2), verdict.KindRewind},
		"fork of the same size": {same, verdict.KindFork},
		"fork that grew":        {other.Write(913, 2), verdict.KindFork},
	} {
		code, out, _ := l.command(c.dir, state)
		if code != 1 || !strings.Contains(out, c.kind) || !strings.Contains(out, kept) || strings.Count(out, "— "+verifytest.Origin) != 2 {
			t.Errorf("%s: %d %s", name, code, out)
		}
		if mustRead(t, state) != kept {
			t.Errorf("%s: the state was overwritten", name)
		}
	}
	l.Say("chaoyang", "e", 1)
	if code, out, _ := l.command(l.Write(614, 2), state); code != 0 || mustRead(t, state) == kept {
		t.Errorf("grown: %d %s", code, out)
	}
	if names, err := filepath.Glob(state + ".*"); err != nil || len(names) > 0 {
		t.Errorf("left behind: %v, %v", names, err)
	}
}

func TestCommand_StateOfAnotherKey(t *testing.T) {
	l := newLedger(t)
	dir, state := l.Write(3, 9), filepath.Join(t.TempDir(), "state")
	forged, _ := verifytest.MustLogKey(t, verifytest.Origin, "mallory")
	l.Signer = forged
	if err := verdict.SaveState(state, string(l.Checkpoint(3))); err != nil {
		t.Fatal(err)
	}
	before := mustRead(t, state)
	if code, _, errs := l.command(dir, state); code != 2 || !strings.Contains(errs, "state") || mustRead(t, state) != before {
		t.Errorf("%d %s", code, errs)
	}
}
