package ledger_test

import (
	"fmt"
	"testing"

	"civicledger/ledger"
)

// auditOfRigs is changed by benchmarks alone.
var auditOfRigs ledger.AuditConfig

// BenchmarkSubmit_Audited is BenchmarkSubmit as serve appends: with both walks
// beside it.
func BenchmarkSubmit_Audited(b *testing.B) {
	auditOfRigs = ledger.AuditConfig{Distance: ledger.DefaultAuditDistance, Rate: ledger.DefaultAuditRate}
	defer func() { auditOfRigs = ledger.AuditConfig{} }()
	b.Run("events=1000/callers=8", func(b *testing.B) { benchSubmit(b, 8, 1000) })
	b.Run("events=1/callers=512", func(b *testing.B) { benchSubmit(b, 512, 1) })
}

// BenchmarkAudit re-reads a real book, without a pace, and gives the time of one
// entry.
func BenchmarkAudit(b *testing.B) {
	r, _, _ := newDiskRig(b)
	for i := range 100 {
		ids := make([]string, 500)
		for j := range ids {
			ids[j] = fmt.Sprintf("b-%d-%d", i, j)
		}
		r.mustSubmit(r.says(ids...))
	}
	r.awaitIndex()
	for b.Loop() {
		r.ledger.AuditRound()
	}
	if err := r.ledger.Err(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(r.ledger.Head().Size), "ns/entry")
}
