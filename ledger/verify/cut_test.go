package verify

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"civicledger/ledger/roster"
	"civicledger/ledger/verify/source"
	"civicledger/ledger/verify/verdict"
	"civicledger/ledger/verify/verifytest"
)

// admit cuts a ledger and says so on it, as the operator does who accepts a loss.
func (l *testLedger) admit(size uint64, reason string) {
	l.Helper()
	l.Cut(size)
	l.Operator(roster.CutAccepted, "cut at "+reason, roster.Cut{
		Size: size, Known: []roster.Known{{By: "checkpoint.0", Size: 23}, {By: "checkpoint.1"}}, Reason: reason,
	})
}

// A log that goes on behind a loss that its operator admits is no unexplained
// fork to whoever holds a later head, wherever the log is read; every other
// contradiction stays what it is.
func TestRun_CutAdmitted(t *testing.T) {
	for name, c := range map[string]struct {
		do    func(l *testLedger)
		known int
		want  []string
	}{
		"shorter":          {func(l *testLedger) { l.admit(13, "disk") }, 23, []string{"cut 13-22"}},
		"grown":            {func(l *testLedger) { l.admit(13, "disk"); l.Say("haidian", "n", 30) }, 23, []string{"cut 13-22"}},
		"of the same size": {func(l *testLedger) { l.admit(18, "disk"); l.Say("haidian", "n", 4) }, 23, []string{"cut 18-22"}},
		"twice, the lower": {func(l *testLedger) {
			l.admit(13, "disk")
			l.Say("haidian", "n", 1)
			l.admit(15, "disk again")
			l.Say("haidian", "m", 30)
		}, 23, []string{"cut 13-22"}},
		"the kept head is before": {func(l *testLedger) { l.admit(13, "disk") }, 13, nil},
		"one entry is lost":       {func(l *testLedger) { l.admit(13, "disk") }, 18, []string{"cut 13-17"}},
		"it stands above":         {func(l *testLedger) { l.Cut(13); l.Say("haidian", "other", 10); l.admit(23, "later") }, 23, []string{"fork 0-22"}},
		"it says another size": {func(l *testLedger) {
			l.Cut(13)
			l.Operator(roster.CutAccepted, "cut", roster.Cut{Size: 12, Known: []roster.Known{{By: "index", Size: 23}}, Reason: "x"})
		}, 23, []string{"rights 13-13", "rewind 14-22"}},
		"the log is damaged": {func(l *testLedger) {
			l.admit(13, "disk")
			l.Commit(l.Sign("stranger", verifytest.Line("stranger", "x")))
		}, 23, []string{"rights 14-14", "rewind 15-22"}},
		"nothing is said": {func(l *testLedger) { l.Cut(13); l.Say("haidian", "other", 1) }, 23, []string{"rewind 14-22"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newSmallLedger(t)
			known := l.Known(c.known)
			c.do(l)
			server := httptest.NewServer(l.Snapshot())
			defer server.Close()
			for _, src := range []source.Source{source.Directory(l.Write(int(l.Head.Size), 3)), source.Server(server.URL)} {
				r := Run(context.Background(), src, l.VKey, Options{Known: known})
				want := verdict.Sound
				if len(c.want) > 0 {
					want = verdict.Unsound
				}
				l.must(r, want, c.want...)
				if len(c.want) == 0 || !strings.HasPrefix(c.want[0], "cut") {
					continue
				}
				if m := r.Defects[0].Message; !strings.Contains(m, "because: disk") || !strings.Contains(m, "checkpoint.0 23, checkpoint.1 unreadable") {
					t.Errorf("it does not say why: %s", m)
				}
				if r.Known == nil || r.Known.Note != known.Note || r.Checkpoint.Note != string(l.Checkpoint(int(l.Head.Size))) {
					t.Errorf("it does not show both heads: %+v", r)
				}
			}
		})
	}
}
