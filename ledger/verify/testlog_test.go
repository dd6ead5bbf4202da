package verify

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"civicledger/ledger/verify/source"
	"civicledger/ledger/verify/verdict"
	"civicledger/ledger/verify/verifytest"
)

// testLedger is a small log, and what the judge says of it.
type testLedger struct{ *verifytest.Ledger }

func newLedger(t testing.TB) *testLedger { return &testLedger{verifytest.NewLedger(t)} }

func newSmallLedger(t testing.TB) *testLedger { return &testLedger{verifytest.NewSmallLedger(t)} }

func (l *testLedger) verify(dir string) *verdict.Report {
	return Run(context.Background(), source.Directory(dir), l.VKey, Options{})
}

// must checks a verdict's defects, each written "kind first-last".
func (l *testLedger) must(r *verdict.Report, want string, defects ...string) {
	l.Helper()
	var got []string
	for _, d := range r.Defects {
		got = append(got, fmt.Sprintf("%s %d-%d", d.Kind, d.First, d.Last))
	}
	if r.Verdict != want || strings.Join(got, ", ") != strings.Join(defects, ", ") || r.DefectCount != len(defects) {
		l.Errorf("verdict %s with %v (%d)\nwant %s with %v\n%+v", r.Verdict, got, r.DefectCount, want, defects, r)
	}
}

// mustStand checks what stands, each written "first-last by".
func (l *testLedger) mustStand(r *verdict.Report, want ...string) {
	l.Helper()
	var got []string
	for _, s := range r.Stands {
		got = append(got, fmt.Sprintf("%d-%d %s", s.First, s.Last, s.By))
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		l.Errorf("stands %v, want %v", got, want)
	}
}
