package projections_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"civicledger/events/catalogue"
	"civicledger/events/ident"
	"civicledger/ledger/chain"
	"civicledger/projections"
	"civicledger/projections/projectionstest"
)

// history puts n events of the makers on a log in full submissions.
func history(b *testing.B, n int, makers map[string]func(*rand.Rand) any) *projectionstest.Log {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	log := newLog(b)
	var lines [][]byte
	for _, s := range projectionstest.Random(r, n, makers) {
		s.Agency, s.Corrects = "charity", "" // corrections are rare
		lines = append(lines, s.Line(b))
		if len(lines) == 500 {
			log.Say("charity", lines...)
			lines = nil
		}
	}
	if len(lines) > 0 {
		log.Say("charity", lines...)
	}
	return log
}

func benchmark(b *testing.B, batch int, makers map[string]func(*rand.Rand) any) {
	const n = 20_000
	log := history(b, n, makers)
	b.ReportAllocs()
	for b.Loop() {
		catchUp(b, newRunner(b, log, batch))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/event")
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// What catching up costs, with events of all families and with donations
// alone.
func BenchmarkCatchUp_Everything(b *testing.B) { benchmark(b, 10_000, everything()) }

func BenchmarkCatchUp_Donations(b *testing.B) {
	const t = "charity.donation.received.v1"
	benchmark(b, 10_000, map[string]func(*rand.Rand) any{t: projectionstest.Donations[t]})
}

// What one commit of 500 entries costs while following.
func BenchmarkFollow_Donations(b *testing.B) {
	const t = "charity.donation.received.v1"
	benchmark(b, 1, map[string]func(*rand.Rand) any{t: projectionstest.Donations[t]})
}

// million is a log of a million plausible events of one type, in full
// submissions. It is made once, however often its benchmark is repeated.
type million struct {
	eventType string
	data      func(r *rand.Rand, i int) any
	log       *projectionstest.Log
}

func (m *million) made(b *testing.B) *projectionstest.Log {
	b.Helper()
	if m.log != nil {
		return m.log
	}
	r := rand.New(rand.NewPCG(3, 4))
	m.log = newLog(b)
	m.log.Say("bureau", projectionstest.Line(b, "bureau", "fund.opened.v1", "f", "", &catalogue.FundOpened{
		Fund: "f", Name: "synthetic", Currency: "CNY", Holder: ident.OrgRef{Name: "民政局"},
	}))
	lines := make([][]byte, 500)
	for i := 0; i < 1_000_000; i += len(lines) {
		for j := range lines {
			id := fmt.Sprintf("n%d", i+j)
			lines[j] = projectionstest.Line(b, "bureau", m.eventType, id, "", m.data(r, i+j))
		}
		m.log.Say("bureau", lines...)
	}
	return m.log
}

// fold folds the whole log, and holds the time against that of a JSON
// scanner on the same lines.
func (m *million) fold(b *testing.B) {
	log := m.made(b)
	began := time.Now()
	for c, err := range log.Commits(0) {
		if err != nil {
			b.Fatal(err)
		}
		for _, entry := range c.Entries {
			_, line, err := chain.ParseEntry(entry)
			if err != nil || !jsontext.Value(line).IsValid() {
				b.Fatalf("%q: %v", line, err)
			}
		}
	}
	bound := time.Since(began)
	for b.Loop() {
		catchUp(b, newRunner(b, log, projections.DefaultBatch))
	}
	fold := b.Elapsed() / time.Duration(b.N)
	b.ReportMetric(bound.Seconds()/fold.Seconds(), "of-json")
	b.ReportMetric(float64(log.Head().Size)/fold.Seconds(), "events/s")
}

var donations = million{eventType: "charity.donation.received.v1", data: func(r *rand.Rand, i int) any {
	amount := 1 + r.Int64N(1_000_00)
	return &catalogue.DonationReceived{
		Donation: fmt.Sprint("d", i), Organisation: ident.OrgRef{Name: fmt.Sprint("基金会", r.IntN(40))}, Campaign: fmt.Sprint("c", r.IntN(3)),
		Donor: catalogue.Donor{Kind: "anonymous"}, Amount: &amount, Currency: "CNY", Channel: "qr", Account: "a1",
		Date: fmt.Sprintf("2025-%02d-%02d", 1+r.IntN(12), 1+r.IntN(28)),
	}
}}

var subsidies = million{eventType: "subsidy.paid.v1", data: func(r *rand.Rand, i int) any {
	month := fmt.Sprintf("2025-%02d", 1+r.IntN(12))
	return &catalogue.SubsidyPaid{
		Payment: fmt.Sprint("p", i), Fund: "f", Payer: ident.OrgRef{Name: fmt.Sprint("街道办", r.IntN(40))},
		Beneficiary: fmt.Sprintf("st1.1.aaaaaaaaaaaaaaaaaaaaaa%04d", r.IntN(5000)), Kind: "dibao", Period: month,
		Amount: 1 + r.Int64N(1_000_00), Currency: "CNY", Date: month + "-15",
	}
}}

// What a million gifts and a million payments cost.
func BenchmarkFold_Donations(b *testing.B) { donations.fold(b) }

func BenchmarkFold_Payments(b *testing.B) { subsidies.fold(b) }
