package auditor

import (
	"fmt"
	"strings"
	"testing"

	"civicledger/ledger/verify/verdict"
)

func TestReport_BoundsDefects(t *testing.T) {
	var many []verdict.Defect
	for i := range 3 * verdict.MaxDefects {
		many = append(many, verdict.Defect{Kind: verdict.KindLeaf, First: uint64(i), Last: uint64(i)})
	}
	var r verdict.Report
	r.Settle(many, 5*verdict.MaxDefects)
	if len(r.Defects) != verdict.MaxDefects || r.DefectCount != 5*verdict.MaxDefects || r.Verdict != verdict.Unsound {
		t.Errorf("%d listed, %d counted, %s", len(r.Defects), r.DefectCount, r.Verdict)
	}
	if !strings.Contains(Words(&r), fmt.Sprintf("and %d more", 4*verdict.MaxDefects)) {
		t.Error("words do not count what is not listed")
	}
}
