package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"civicledger/events"
	"civicledger/events/catalogue"
	"civicledger/ledger/chain"
)

// sendMany sends count submissions of one line each for each agency, all
// agencies at once, and waits for all receipts. It returns the lines of each.
func sendMany(t *testing.T, c *Client, agencies []string, count int) map[string][]string {
	t.Helper()
	signer := newTestSigner(t)
	said := map[string][]string{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, agency := range agencies {
		all.Go(func() {
			var pending []*Pending
			var lines []string
			for i := range count {
				line := testLine(i, "")
				p, err := c.Send(t.Context(), signer.sign(t, agency, line))
				if err != nil {
					t.Errorf("%s %d: %v", agency, i, err)
					return
				}
				pending, lines = append(pending, p), append(lines, string(line))
			}
			for i, p := range pending {
				if _, err := p.Wait(t.Context()); err != nil {
					t.Errorf("%s %d: %v", agency, i, err)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			said[agency] = lines
		})
	}
	all.Wait()
	return said
}

// checkLog compares what is on the log of each agency with what it said.
func checkLog(t *testing.T, l *fakeLedger, said map[string][]string) {
	t.Helper()
	for agency, lines := range said {
		if got := l.linesOf(agency); !slices.Equal(got, lines) {
			t.Errorf("%s: %d lines on the log, %d said, or not in this order", agency, len(got), len(lines))
		}
	}
}

var threeAgencies = []string{"alpha", "beta", "gamma"}

func TestIntake_EndToEnd(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s, err := StartServer(t.Context(), ServerConfig{StoreDir: t.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Shutdown()
	conn, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ledger := newFakeLedger(t)
	intake := startIntake(t, conn, ledger)
	c := mustDial(t, s, ClientConfig{Origin: testOrigin, VerifierKey: ledger.vkey})
	said := sendMany(t, c, threeAgencies, 40)
	checkLog(t, ledger, said)
	if err := intake.end(t); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if got := intake.Stats(); got.Accepted != 120 || got.Events != 120 || got.Refused != 0 {
		t.Errorf("stats %+v, want 120 accepted", got)
	}
	if left := queued(t, conn); left != 0 {
		t.Errorf("%d messages are left on the queue", left)
	}
}

func queued(t *testing.T, c *Conn) uint64 {
	t.Helper()
	stream, err := c.js.Stream(t.Context(), submissionsStream)
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().State.Msgs
}

// TestIntake_TransientFaults: what fails is tried again, before what follows
// it; other agencies do not notice.
func TestIntake_TransientFaults(t *testing.T) {
	s := mustServe(t, ServerConfig{})
	ledger := newFakeLedger(t)
	tries := map[string]int{}
	ledger.fault = func(sub *chain.Submission) error {
		id := sub.Agency + string(sub.Lines[0])
		tries[id]++
		if sub.Agency != "gamma" && sub.Lines[0][11]%3 == 0 && tries[id] <= 2 {
			return errTest
		}
		return nil
	}
	intake := startIntake(t, mustConnect(t, s), ledger)
	c := mustDial(t, s, ClientConfig{})
	checkLog(t, ledger, sendMany(t, c, threeAgencies, 30))
	if intake.Stats().HandedBack == 0 {
		t.Error("nothing was handed back: the test does not test")
	}
}

// TestIntake_LateFault: the ledger recorded a submission and failed to say so;
// it is submitted again and gets the place it has.
func TestIntake_LateFault(t *testing.T) {
	s := mustServe(t, ServerConfig{})
	ledger := newFakeLedger(t)
	failed := 0
	ledger.late = func(*chain.Submission) error {
		if failed++; failed%4 == 1 {
			return errTest
		}
		return nil
	}
	startIntake(t, mustConnect(t, s), ledger)
	c := mustDial(t, s, ClientConfig{})
	checkLog(t, ledger, sendMany(t, c, []string{"alpha"}, 30))
}

func TestIntake_RestartsLoseNothing(t *testing.T) {
	s := mustServe(t, ServerConfig{})
	ledger := newFakeLedger(t)
	ledger.slow = time.Millisecond
	stop := make(chan struct{})
	restarted := make(chan int, 1)
	// Without grace, almost as if killed: receipts are on the bus of which the
	// intake does not know.
	abrupt := func(cfg *IntakeConfig) { cfg.Grace, cfg.MaxInFlight = time.Millisecond, 16 }
	intake := startIntake(t, mustConnect(t, s), ledger, abrupt)
	c := mustDial(t, s, ClientConfig{Window: 32})
	go func() {
		n := 0
		defer func() { restarted <- n }()
		for {
			select {
			case <-stop:
				return
			case <-time.After(60 * time.Millisecond):
			}
			intake.end(t)
			intake = startIntake(t, mustConnect(t, s), ledger, abrupt)
			n++
		}
	}()
	said := sendMany(t, c, threeAgencies, 150)
	close(stop)
	if n := <-restarted; n == 0 {
		t.Error("the intake was not restarted: the test does not test")
	}
	checkLog(t, ledger, said)
}

func TestBroker_RestartLosesNothing(t *testing.T) {
	dir := t.TempDir()
	s := mustServe(t, ServerConfig{StoreDir: dir})
	address := s.ns.Addr().String()
	ledger := newFakeLedger(t)
	secret := s.secret
	startIntake(t, mustConnect(t, s), ledger)
	c := mustDial(t, s, ClientConfig{Window: 32})
	restarts := make(chan struct{})
	due := make(chan struct{}, 3)
	seen := 0
	ledger.mu.Lock()
	ledger.fault = func(*chain.Submission) error {
		if seen++; seen == 100 || seen == 250 || seen == 400 {
			due <- struct{}{}
		}
		return nil
	}
	ledger.mu.Unlock()
	go func() {
		defer close(restarts)
		for range 3 {
			<-due
			s.Shutdown()
			s = mustRestart(t, dir, address, secret)
		}
	}()
	said := sendMany(t, c, threeAgencies, 200)
	<-restarts
	more := sendMany(t, c, []string{"delta"}, 5)
	checkLog(t, ledger, said)
	checkLog(t, ledger, more)
}

// mustRestart starts the broker at the same place with the same secret, as if
// only the network had failed for those who are connected.
func mustRestart(t *testing.T, dir, address, secret string) *Server {
	t.Helper()
	s, err := startServer(t.Context(), ServerConfig{StoreDir: dir, Listen: address}, secret)
	if err != nil {
		t.Error(err)
		return nil
	}
	t.Cleanup(s.Shutdown)
	return s
}

func TestIntake_LedgerStopped(t *testing.T) {
	s := mustServe(t, ServerConfig{})
	conn := mustConnect(t, s)
	ledger := newFakeLedger(t)
	var once sync.Once
	ledger.fault = func(sub *chain.Submission) error {
		once.Do(func() { ledger.stop(errTest) })
		return errTest
	}
	intake := startIntake(t, conn, ledger)
	c := mustDial(t, s, ClientConfig{})
	p, err := c.Send(t.Context(), newTestSigner(t).sign(t, "alpha", testLine(1, "")))
	if err != nil {
		t.Fatal(err)
	}
	if err := intake.await(t); !errors.Is(err, errTest) {
		t.Fatalf("Run returned %v, want the ledger's error", err)
	}
	if queued(t, conn) != 1 {
		t.Fatal("the submission left the queue")
	}
	reopened := newFakeLedger(t)
	reopened.signer, reopened.vkey = ledger.signer, ledger.vkey
	startIntake(t, conn, reopened)
	if _, err := p.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestIntake_SayStopped: senders learn that a ledger is out of order, and lose
// nothing by it.
func TestIntake_SayStopped(t *testing.T) {
	s := mustServe(t, ServerConfig{})
	conn := mustConnect(t, s)
	ledger := newFakeLedger(t)
	var once sync.Once
	ledger.fault = func(*chain.Submission) error {
		once.Do(func() { ledger.stop(errTest) })
		return errTest
	}
	intake := startIntake(t, conn, ledger)
	c := mustDial(t, s, ClientConfig{})
	sub := newTestSigner(t).sign(t, "alpha", testLine(1, ""))
	p, err := c.Send(t.Context(), sub)
	if err != nil {
		t.Fatal(err)
	}
	if err := intake.await(t); !errors.Is(err, errTest) {
		t.Fatalf("Run returned %v, want the ledger's error", err)
	}
	if err := intake.SayStopped(t.Context(), errors.New("entry 4 is not what was signed")); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(t.Context()); !errors.Is(err, ErrStopped) || !strings.Contains(err.Error(), "entry 4") {
		t.Errorf("who waits hears %v", err)
	}
	if _, err := c.Send(t.Context(), sub); !errors.Is(err, ErrStopped) {
		t.Errorf("who sends hears %v", err)
	}
	if _, err := Dial(t.Context(), s.ClientURL(), ClientConfig{}); !errors.Is(err, ErrStopped) || !strings.Contains(err.Error(), "entry 4") {
		t.Errorf("who comes hears %v", err)
	}
	if queued(t, conn) != 1 {
		t.Fatal("the submission left the queue")
	}
	reopened := newFakeLedger(t)
	reopened.signer, reopened.vkey = ledger.signer, ledger.vkey
	startIntake(t, conn, reopened)
	again := mustDial(t, s, ClientConfig{})
	if _, err := again.Submit(t.Context(), sub); err != nil {
		t.Fatal(err)
	}
	if got := reopened.linesOf("alpha"); len(got) != 1 {
		t.Errorf("%d lines on the log, want the one of the queue", len(got))
	}
}

func TestIntake_NewerTakesOver(t *testing.T) {
	s := mustServe(t, ServerConfig{})
	ledger := newFakeLedger(t)
	first := startIntake(t, mustConnect(t, s), ledger)
	c := mustDial(t, s, ClientConfig{})
	sendMany(t, c, []string{"alpha"}, 3)
	startIntake(t, mustConnect(t, s), ledger)
	if err := first.await(t); !errors.Is(err, ErrReplaced) {
		t.Fatalf("Run returned %v, want %v", err, ErrReplaced)
	}
	sendMany(t, c, []string{"beta"}, 3)
}

// mustRefuse publishes a message as a foreign client does and returns the
// refusal of it.
func mustRefuse(t *testing.T, s *Server, agency string, body []byte, metadata map[string]string) *Refusal {
	t.Helper()
	nc, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	answers, err := nc.SubscribeSync(RefusalsOf(agency))
	if err != nil {
		t.Fatal(err)
	}
	msg := nats.NewMsg(SubmissionsOf(agency))
	msg.Data = body
	for name, value := range metadata {
		msg.Header[name] = []string{value}
	}
	if err := nc.PublishMsg(msg); err != nil {
		t.Fatal(err)
	}
	answer, err := answers.NextMsg(10 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	refusal, err := ParseRefusal(answer.Data)
	if err != nil {
		t.Fatal(err)
	}
	return refusal
}

func TestIntake_RefusesWhatIsNoSubmission(t *testing.T) {
	s := mustServe(t, ServerConfig{})
	startIntake(t, mustConnect(t, s), newFakeLedger(t))
	good := map[string]string{MetaKey: "0123456789abcdef", MetaSignature: "c2ln"}
	for name, c := range map[string]struct {
		agency   string
		body     string
		metadata map[string]string
		code     string
	}{
		"agency name out of grammar": {"Alpha", string(testLine(1, "")), good, codeSubject},
		"no metadata":                {"alpha", string(testLine(1, "")), nil, codeMetadata},
		"key id out of form":         {"alpha", string(testLine(1, "")), map[string]string{MetaKey: "K", MetaSignature: "c2ln"}, codeMetadata},
		"signature not base64":       {"alpha", string(testLine(1, "")), map[string]string{MetaKey: good[MetaKey], MetaSignature: "?"}, codeMetadata},
		"empty":                      {"alpha", "", good, codeShape},
		"not an object":              {"alpha", "hello\n", good, codeShape},
		"carriage return":            {"alpha", "{}\r\n", good, codeShape},
		"no envelope":                {"alpha", "{}\n", good, "envelope"},
	} {
		t.Run(name, func(t *testing.T) {
			refusal := mustRefuse(t, s, c.agency, []byte(c.body), c.metadata)
			if refusal.Agency != c.agency || len(refusal.Problems) != 1 || refusal.Problems[0].Code != c.code {
				t.Fatalf("refused with %+v, want one problem of code %s", refusal, c.code)
			}
		})
	}
}

// TestIntake_ChecksTheCatalogue runs the real check: each reason names line and
// place.
func TestIntake_ChecksTheCatalogue(t *testing.T) {
	s := mustServe(t, ServerConfig{})
	ledger := newFakeLedger(t)
	startIntake(t, mustConnect(t, s), ledger, func(cfg *IntakeConfig) { cfg.Check = nil })
	c := mustDial(t, s, ClientConfig{})
	signer := newTestSigner(t)
	example := mustExample(t, "subsidy.paid.v1")
	if _, err := c.Submit(t.Context(), signer.sign(t, "alpha", example)); err != nil {
		t.Fatal(err)
	}
	_, err := c.Submit(t.Context(), signer.sign(t, "alpha", example, testLine(2, "")))
	var refusal *Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("got %v, want a refusal", err)
	}
	for _, p := range refusal.Problems {
		if p.Line != 2 || p.Message == "" {
			t.Errorf("problem %+v is not about line 2", p)
		}
	}
	if len(ledger.lines) != 1 {
		t.Errorf("%d lines on the log, want 1", len(ledger.lines))
	}
}

func mustExample(tb testing.TB, name string) []byte {
	tb.Helper()
	typ, ok := catalogue.Lookup(name)
	if !ok {
		tb.Fatalf("no type %s", name)
	}
	return typ.Example()
}

func TestCheck_FutureAndUnknown(t *testing.T) {
	example := mustExample(t, "subsidy.paid.v1")
	e, problems := events.Parse(example)
	if problems != nil {
		t.Fatal(problems)
	}
	if problems := Check([][]byte{example}, e.Time); problems != nil {
		t.Fatalf("an example is refused: %v", problems)
	}
	if problems := Check([][]byte{example}, e.Time.Add(-48*time.Hour)); len(problems) != 1 || problems[0].Line != 1 {
		t.Fatalf("an event from the future: %v", problems)
	}
}

func TestRefusal_ListsAHundredAndAllRecorded(t *testing.T) {
	var reasons []Reason
	for line := 1; line <= 500; line++ {
		code := CodeRecorded
		if line%100 == 0 {
			code = CodeConflict
		}
		reasons = append(reasons, Reason{Problem: events.Problem{Line: line, Code: code}})
	}
	r, err := ParseRefusal(newRefusal("alpha", nil, reasons).encode())
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Problems) != 100 || r.More != 400 {
		t.Errorf("%d problems and %d more, want 100 and 400", len(r.Problems), r.More)
	}
	for i := range 5 {
		if r.Problems[i].Code != CodeConflict {
			t.Errorf("problem %d is %s: conflicts come first", i, r.Problems[i].Code)
		}
	}
	for line := 0; line <= 501; line++ {
		if want := line >= 1 && line < 500 && line%100 != 0; r.IsRecorded(line) != want {
			t.Errorf("line %d recorded: %v", line, !want)
		}
	}
}

// TestSubscriber_CloseHandsBack: what was not acknowledged is handed out again
// by the next subscription, at once and in order.
func TestSubscriber_CloseHandsBack(t *testing.T) {
	s := mustServe(t, ServerConfig{})
	conn := mustConnect(t, s)
	pub := NewPublisher(conn)
	for i := range 20 {
		if err := pub.Publish("submissions.alpha", message.NewMessage(fmt.Sprint(i), nil)); err != nil {
			t.Fatal(err)
		}
	}
	sub := NewSubscriber(conn, SubscriberConfig{})
	messages, err := sub.Subscribe(context.Background(), SubmissionsTopic)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		m := <-messages
		if i < 5 {
			m.Ack()
		}
	}
	if err := sub.Close(); err != nil {
		t.Fatal(err)
	}
	next := NewSubscriber(conn, SubscriberConfig{})
	defer next.Close()
	start := time.Now()
	messages, err = next.Subscribe(context.Background(), SubmissionsTopic)
	if err != nil {
		t.Fatal(err)
	}
	for i := 5; i < 20; i++ {
		m := <-messages
		if m.UUID != fmt.Sprint(i) {
			t.Fatalf("got message %s, want %d", m.UUID, i)
		}
		m.Ack()
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("handed out again after %v", took)
	}
}
