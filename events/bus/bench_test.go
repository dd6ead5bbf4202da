package bus

import (
	"fmt"
	"strings"
	"testing"

	"civicledger/ledger/chain"
)

// BenchmarkIntake_Submissions moves submissions of 1,000 lines (of about 280
// bytes) from a client through broker and intake to a ledger in memory and
// back as receipts, with the real check.
func BenchmarkIntake_Submissions(b *testing.B) {
	s := mustServe(b, ServerConfig{})
	ledger := newFakeLedger(b)
	startIntake(b, mustConnect(b, s), ledger, func(cfg *IntakeConfig) { cfg.Check = nil })
	c := mustDial(b, s, ClientConfig{})
	signer := newTestSigner(b)
	example := string(mustExample(b, "subsidy.paid.v1"))
	id := example[strings.Index(example, `"id":"`)+6:]
	id = id[:strings.IndexByte(id, '"')]
	next := 0
	subs := make([]*chain.Submission, b.N)
	for i := range subs {
		lines := make([][]byte, chain.MaxLines)
		for j := range lines {
			next++
			lines[j] = []byte(strings.Replace(example, `"id":"`+id, fmt.Sprintf(`"id":"%s-%d`, id, next), 1))
		}
		subs[i] = signer.sign(b, "alpha", lines...)
		b.SetBytes(int64(len(chain.JoinLines(lines))))
	}
	b.ResetTimer()
	var pending []*Pending
	for _, sub := range subs {
		p, err := c.Send(b.Context(), sub)
		if err != nil {
			b.Fatal(err)
		}
		pending = append(pending, p)
	}
	for _, p := range pending {
		if _, err := p.Wait(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*chain.MaxLines)/b.Elapsed().Seconds(), "events/s")
}
