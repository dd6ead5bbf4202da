package bus

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"civicledger/events"
	"civicledger/ledger/chain"
)

// source yields lines as a file does.
func source(lines ...[]byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, line := range lines {
			if !yield(line, nil) {
				return
			}
		}
	}
}

func testLines(from, to int) [][]byte {
	var lines [][]byte
	for i := from; i < to; i++ {
		lines = append(lines, testLine(i, ""))
	}
	return lines
}

// served is a broker, a fake ledger, an intake and a client on it.
func served(t *testing.T) (*Server, *fakeLedger, *Client) {
	t.Helper()
	s := mustServe(t, ServerConfig{})
	ledger := newFakeLedger(t)
	startIntake(t, mustConnect(t, s), ledger)
	return s, ledger, mustDial(t, s, ClientConfig{})
}

func TestDeliver_TwiceSaysNothingNew(t *testing.T) {
	_, ledger, c := served(t)
	d := Delivery{Agency: "alpha", Signer: newTestSigner(t), MaxLines: 100}
	lines := testLines(0, 950)
	receipts := 0
	d.Receipt = func(*chain.Receipt, [][]byte) { receipts++ }
	counts, err := c.Deliver(t.Context(), source(lines...), d)
	if err != nil || counts != (Counts{Accepted: 950}) || receipts != 10 {
		t.Fatalf("first: %+v, %d receipts, %v", counts, receipts, err)
	}
	// Cut otherwise, so that every submission is another one.
	d.MaxLines = 333
	more := append(lines[:len(lines):len(lines)], testLines(950, 1000)...)
	counts, err = c.Deliver(t.Context(), source(more...), d)
	if err != nil || counts != (Counts{Accepted: 50, Recorded: 950}) {
		t.Fatalf("second: %+v, %v", counts, err)
	}
	if got := len(ledger.linesOf("alpha")); got != 1000 {
		t.Fatalf("%d lines on the log, want 1000", got)
	}
}

// TestDeliver_SameCutGetsSameReceipts: a delivery repeated as it was, as after
// a crash of the sender, is answered with the receipts of the first.
func TestDeliver_SameCutGetsSameReceipts(t *testing.T) {
	_, ledger, c := served(t)
	d := Delivery{Agency: "alpha", Signer: newTestSigner(t), MaxLines: 50}
	var firsts [2][]uint64
	for i := range firsts {
		d.Receipt = func(r *chain.Receipt, _ [][]byte) { firsts[i] = append(firsts[i], r.First) }
		if _, err := c.Deliver(t.Context(), source(testLines(0, 400)...), d); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(firsts[0], firsts[1]) || len(ledger.lines) != 400 {
		t.Fatalf("first places %v, then %v, %d lines on the log", firsts[0], firsts[1], len(ledger.lines))
	}
}

func TestDeliver_BadLines(t *testing.T) {
	lines := testLines(0, 300)
	recorded := lines[10:20:20]
	lines[150] = testLine(150, "changed")
	lines[200] = []byte("no event")
	lines[201] = []byte(`{"id":"x"}`)
	for name, c := range map[string]struct {
		skip    bool
		want    Counts
		wantErr bool
		bad     []int
	}{
		"stop at them": {false, Counts{Accepted: 90, Recorded: 10, Conflict: 1}, true, []int{151}},
		"skip them":    {true, Counts{Accepted: 287, Recorded: 10, Conflict: 1, Refused: 2}, false, []int{151, 201, 202}},
	} {
		t.Run(name, func(t *testing.T) {
			s, ledger, _ := served(t)
			// A ledger refuses an envelope for its line.
			ledger.fault = func(sub *chain.Submission) error {
				for i, line := range sub.Lines {
					if _, err := chain.ReadEnvelope(line); err != nil {
						return fakeRefusal{{Problem: events.Problem{Line: i + 1, Code: "envelope", Message: err.Error()}}}
					}
				}
				return nil
			}
			client := mustDial(t, s, ClientConfig{Window: 1})
			signer := newTestSigner(t)
			first := append(slices.Clone(recorded), testLine(150, ""))
			for _, line := range first {
				if _, err := client.Submit(t.Context(), signer.sign(t, "alpha", line)); err != nil {
					t.Fatal(err)
				}
			}
			var bad []int
			d := Delivery{Agency: "alpha", Signer: signer, SkipBad: c.skip, MaxLines: 100, Bad: func(line int, _ Reason) { bad = append(bad, line) }}
			counts, err := client.Deliver(t.Context(), source(lines...), d)
			var refusal *Refusal
			if c.wantErr != (err != nil) || (err != nil && !errors.As(err, &refusal)) {
				t.Fatalf("got %v", err)
			}
			if c.skip && (counts != c.want || !slices.Equal(bad, c.bad)) {
				t.Errorf("counts %+v, bad lines %v", counts, bad)
			}
			if !c.skip && (counts.Conflict != 1 || counts.Recorded != 10 || bad[0] != 151 || counts.Accepted > 189) {
				t.Errorf("counts %+v, bad lines %v", counts, bad)
			}
		})
	}
}

// TestDeliver_WholeRefused: what is not about single lines ends a delivery.
func TestDeliver_WholeRefused(t *testing.T) {
	_, ledger, c := served(t)
	ledger.fault = func(*chain.Submission) error {
		return fakeRefusal{{Problem: events.Problem{Code: "key-unknown", Message: "no such key"}}}
	}
	d := Delivery{Agency: "alpha", Signer: newTestSigner(t), SkipBad: true, MaxLines: 10}
	counts, err := c.Deliver(t.Context(), source(testLines(0, 100)...), d)
	var refusal *Refusal
	if !errors.As(err, &refusal) || refusal.Problems[0].Code != "key-unknown" || counts != (Counts{}) {
		t.Fatalf("got %+v, %v", counts, err)
	}
}

func TestDeliver_SourceFails(t *testing.T) {
	_, _, c := served(t)
	d := Delivery{Agency: "alpha", Signer: newTestSigner(t), MaxLines: 10}
	counts, err := c.Deliver(t.Context(), func(yield func([]byte, error) bool) {
		for _, line := range testLines(0, 25) {
			yield(line, nil)
		}
		yield(nil, errTest)
	}, d)
	if !errors.Is(err, errTest) || counts.Accepted != 25 {
		t.Fatalf("got %+v, %v", counts, err)
	}
}

func TestDial_PinsTheLedger(t *testing.T) {
	s, ledger, _ := served(t)
	if _, err := Dial(t.Context(), s.ClientURL(), ClientConfig{Origin: "other.example"}); err == nil {
		t.Error("another origin is accepted")
	}
	if _, err := Dial(t.Context(), s.ClientURL(), ClientConfig{VerifierKey: newFakeLedger(t).vkey}); err == nil {
		t.Error("another key is accepted")
	}
	c := mustDial(t, s, ClientConfig{Origin: testOrigin, VerifierKey: ledger.vkey})
	if a := c.About(); a.Origin != testOrigin || a.Suite != ledger.suite.Name() {
		t.Errorf("about %+v", a)
	}
}

// TestClient_ForgedReceipt: an answer that does not prove what it says is no
// receipt, whoever put it on the bus.
func TestClient_ForgedReceipt(t *testing.T) {
	s := mustServe(t, ServerConfig{})
	honest, forger := newFakeLedger(t), newFakeLedger(t)
	startIntake(t, mustConnect(t, s), forger, func(cfg *IntakeConfig) { cfg.VerifierKey = honest.vkey })
	c := mustDial(t, s, ClientConfig{VerifierKey: honest.vkey})
	_, err := c.Submit(t.Context(), newTestSigner(t).sign(t, "alpha", testLine(1, "")))
	if !errors.Is(err, chain.ErrReceipt) {
		t.Fatalf("got %v, want %v", err, chain.ErrReceipt)
	}
}

func TestClient_CloseEndsWaits(t *testing.T) {
	s := mustServe(t, ServerConfig{})
	ledger := newFakeLedger(t)
	intake := startIntake(t, mustConnect(t, s), ledger)
	c := mustDial(t, s, ClientConfig{})
	intake.end(t)
	p, err := c.Send(t.Context(), newTestSigner(t).sign(t, "alpha", testLine(1, "")))
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(20*time.Millisecond, func() { c.Close() })
	if _, err := p.Wait(t.Context()); !errors.Is(err, ErrClosed) {
		t.Fatalf("got %v, want %v", err, ErrClosed)
	}
	if _, err := c.Send(t.Context(), p.sub); !errors.Is(err, ErrClosed) {
		t.Fatalf("got %v, want %v", err, ErrClosed)
	}
}

func TestCut_Properties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		maxLines := rapid.IntRange(0, 30).Draw(t, "lines")
		maxBytes := rapid.IntRange(0, 3000).Draw(t, "bytes")
		var lines [][]byte
		for _, n := range rapid.SliceOfN(rapid.IntRange(2, 2000), 0, 100).Draw(t, "sizes") {
			lines = append(lines, fmt.Appendf(nil, "{%*s", n-1, "}"))
		}
		var joined [][]byte
		for batch, err := range Cut(source(lines...), maxLines, maxBytes) {
			if err != nil || len(batch) == 0 {
				t.Fatalf("batch %v, %v", batch, err)
			}
			size := len(chain.JoinLines(batch))
			if len(batch) > 1 && ((maxBytes > 0 && size > maxBytes) || (maxLines > 0 && len(batch) > maxLines)) {
				t.Fatalf("batch of %d lines, %d bytes", len(batch), size)
			}
			joined = append(joined, batch...)
		}
		if !slices.EqualFunc(joined, lines, slices.Equal[[]byte]) {
			t.Fatal("cut lines are not the lines")
		}
	})
}

// TestCut_FitsTheFormat: whatever is cut with the format's own limits can be
// one submission.
func TestCut_FitsTheFormat(t *testing.T) {
	for _, size := range []int{2, 200, 700, 900, 5_000, 63_000} {
		lines := make([][]byte, 3000)
		for i := range lines {
			lines[i] = fmt.Appendf(nil, "{%*s", size-1, "}")
		}
		for batch := range Cut(source(lines...), 0, 0) {
			if err := chain.CheckLines(batch); err != nil {
				t.Fatalf("lines of %d bytes: %v", size, err)
			}
		}
	}
}
