package auditor

import (
	"slices"
	"testing"

	"civicledger/ledger/verify/offline"
)

func TestListLines(t *testing.T) {
	for want, lines := range map[string][]int{"": nil, "7": {7, 7}, "1,3-4,9-11": {10, 3, 1, 9, 4, 11, 3}} {
		if got := ListLines(lines); got != want {
			t.Errorf("%v: %q, want %q", lines, got, want)
		}
		ranges, err := parseLines(want)
		if err != nil {
			t.Error(err)
		}
		for _, line := range lines {
			if !slices.ContainsFunc(ranges, func(r offline.LineRange) bool { return r.First <= line && line <= r.Last }) {
				t.Errorf("%q does not hold line %d", want, line)
			}
		}
	}
}
