package bus

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"civicledger/events"
	"civicledger/ledger/chain"
	"civicledger/ledger/suite"
)

const testOrigin = "ledger.example/test"

// fakeLedger records in memory, with true receipts, and fails as told.
type fakeLedger struct {
	tb     testing.TB
	suite  *suite.Suite
	signer note.Signer
	vkey   string

	mu       sync.Mutex
	tree     *chain.Tree
	prev     chain.Hash
	lines    []string // "agency line", in the order of the log
	events   map[chain.EventKey]int
	receipts map[chain.Hash]*chain.Receipt
	orders   int // submissions seen, repeated ones too

	slow    time.Duration                     // before a receipt
	fault   func(sub *chain.Submission) error // of Submit
	late    func(sub *chain.Submission) error // of wait, after recording
	stopped chan struct{}
	err     error
}

func newFakeLedger(tb testing.TB) *fakeLedger {
	tb.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, testOrigin)
	if err != nil {
		tb.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		tb.Fatal(err)
	}
	s := suite.Default()
	return &fakeLedger{
		tb: tb, suite: s, signer: signer, vkey: vkey, tree: chain.NewTree(s),
		events: map[chain.EventKey]int{}, receipts: map[chain.Hash]*chain.Receipt{},
		stopped: make(chan struct{}),
	}
}

func (l *fakeLedger) Stopped() <-chan struct{} { return l.stopped }
func (l *fakeLedger) Err() error               { return l.err }

// stop makes the ledger take nothing any more.
func (l *fakeLedger) stop(err error) {
	l.err = err
	close(l.stopped)
}

func (l *fakeLedger) Submit(ctx context.Context, sub *chain.Submission) (func(context.Context) (*chain.Receipt, error), error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.orders++
	if l.fault != nil {
		if err := l.fault(sub); err != nil {
			return nil, err
		}
	}
	receipt, err := l.record(sub)
	late := l.late
	return func(ctx context.Context) (*chain.Receipt, error) {
		select {
		case <-time.After(l.slow):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if late != nil {
			l.mu.Lock()
			defer l.mu.Unlock()
			if err := late(sub); err != nil {
				return nil, err
			}
		}
		return receipt, err
	}, nil
}

// fakeRefusal is shaped as the ledger's refusals are.
type fakeRefusal []Reason

func (r fakeRefusal) Error() string { return "refused" }
func (r fakeRefusal) Each(f func(int, string, string, *uint64)) {
	for _, p := range r {
		f(p.Line, p.Code, p.Message, p.Index)
	}
}

func (l *fakeLedger) record(sub *chain.Submission) (*chain.Receipt, error) {
	digest := sub.Digest(l.suite, testOrigin)
	if r := l.receipts[digest]; r != nil {
		return r, nil
	}
	keys, _, err := sub.EventKeys(l.suite)
	if err != nil {
		return nil, fakeRefusal{{Problem: events.Problem{Code: "envelope", Message: err.Error()}}}
	}
	var refusal fakeRefusal
	for i, key := range keys {
		at, known := l.events[key]
		if !known {
			continue
		}
		index, code := uint64(at), CodeRecorded
		if l.lines[at] != sub.Agency+" "+string(sub.Lines[i]) {
			code = CodeConflict
		}
		refusal = append(refusal, Reason{Problem: events.Problem{Line: i + 1, Code: code, Message: code}, Index: &index})
	}
	if refusal != nil {
		return nil, refusal
	}
	return l.seal(sub, digest, keys), nil
}

func (l *fakeLedger) seal(sub *chain.Submission, digest chain.Hash, keys []chain.EventKey) *chain.Receipt {
	first, recorded := l.tree.Size(), time.Now().UnixMilli()
	r := &chain.Receipt{
		Origin: testOrigin, Suite: l.suite.Name(), Submission: digest, Agency: sub.Agency, KeyID: sub.KeyID,
		Signature: sub.Signature, First: first, Count: len(sub.Lines), Recorded: recorded, Prev: l.prev,
	}
	var leaves []chain.Hash
	l.prev = sub.Seal(l.suite, first, l.prev, recorded, keys, func(_ []byte, leaf chain.Hash) { leaves = append(leaves, leaf) })
	for i, key := range keys {
		l.events[key] = len(l.lines)
		l.lines = append(l.lines, sub.Agency+" "+string(sub.Lines[i]))
	}
	growth := l.tree.Grow(leaves)
	proof, err := growth.Inclusion(first + uint64(len(leaves)) - 1)
	if err != nil {
		l.tb.Error(err)
	}
	l.tree = growth.Tree
	r.Proof = proof
	signed, err := chain.Checkpoint{Origin: testOrigin, Size: l.tree.Size(), Root: l.tree.Root()}.Sign(l.signer)
	if err != nil {
		l.tb.Error(err)
	}
	r.Checkpoint = string(signed)
	l.receipts[digest] = r
	return r
}

// linesOf returns what agency has on the log, in the order of the log.
func (l *fakeLedger) linesOf(agency string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var own []string
	for _, line := range l.lines {
		if rest, ok := strings.CutPrefix(line, agency+" "); ok {
			own = append(own, rest)
		}
	}
	return own
}

// testSigner signs as ledger/keys does.
type testSigner struct {
	suite *suite.Suite
	key   ed25519.PrivateKey
	id    string
}

func newTestSigner(tb testing.TB) *testSigner {
	tb.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return &testSigner{suite: suite.Default(), key: private, id: chain.KeyID(suite.Default(), public)}
}

func (s *testSigner) SignSubmission(origin, agency string, lines [][]byte) (*chain.Submission, error) {
	sub := &chain.Submission{Agency: agency, KeyID: s.id, Lines: lines}
	sub.Signature = ed25519.Sign(s.key, sub.SignedText(s.suite, origin))
	return sub, nil
}

func (s *testSigner) sign(tb testing.TB, agency string, lines ...[]byte) *chain.Submission {
	tb.Helper()
	sub, err := s.SignSubmission(testOrigin, agency, lines)
	if err != nil {
		tb.Fatal(err)
	}
	return sub
}

// testLine is a line that the fake ledger can record.
func testLine(id int, more string) []byte {
	return fmt.Appendf(nil, `{"id":"%05d","source":"urn:test","type":"test.said.v1","x":"%s"}`, id, more)
}

// unchecked lets every line pass to the ledger.
func unchecked([][]byte, time.Time) events.Problems { return nil }

// runningIntake is an intake on a goroutine.
type runningIntake struct {
	*Intake
	cancel context.CancelFunc
	ended  chan error
}

func startIntake(tb testing.TB, c *Conn, l *fakeLedger, change ...func(*IntakeConfig)) *runningIntake {
	tb.Helper()
	cfg := IntakeConfig{
		Conn: c, Ledger: l, Origin: testOrigin, Suite: l.suite, VerifierKey: l.vkey,
		Pause: 5 * time.Millisecond, Check: unchecked,
	}
	for _, f := range change {
		f(&cfg)
	}
	// Run says it too, but a test may dial before it gets there.
	about := About{Origin: cfg.Origin, Suite: cfg.Suite.Name(), VerifierKey: cfg.VerifierKey}
	if err := about.say(context.Background(), c); err != nil {
		tb.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &runningIntake{Intake: NewIntake(cfg), cancel: cancel, ended: make(chan error, 1)}
	go func() { r.ended <- r.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		select {
		case <-r.ended:
		case <-time.After(20 * time.Second):
			tb.Error("intake does not end")
		}
	})
	return r
}

// end stops the intake and returns what Run returned.
func (r *runningIntake) end(tb testing.TB) error {
	tb.Helper()
	r.cancel()
	return r.await(tb)
}

func (r *runningIntake) await(tb testing.TB) error {
	tb.Helper()
	select {
	case err := <-r.ended:
		r.ended <- err // for Cleanup
		return err
	case <-time.After(20 * time.Second):
		tb.Fatal("intake does not end")
		return nil
	}
}

func mustDial(tb testing.TB, s *Server, cfg ClientConfig) *Client {
	tb.Helper()
	c, err := Dial(tb.Context(), s.ClientURL(), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close() })
	return c
}

var errTest = errors.New("not now")
