package httpapi_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"civicledger/events"
	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/ledger/keys"
	"civicledger/ledger/ledgertest"
	"civicledger/ledger/roster"
	"civicledger/ledger/suite"
	"civicledger/projections"
	"civicledger/projections/agencies"
	"civicledger/projections/charity"
	"civicledger/projections/credit"
	"civicledger/projections/funds"
	"civicledger/projections/lottery"
	"civicledger/supervision"
	"civicledger/supervision/httpapi"
)

const (
	origin = "ledger.example.org/test"
	bureau = "bureau" // the agency that says everything in these tests
)

// rig is a real ledger over memory with real tables and the real handler in
// front of them. The tables follow only when told to.
type rig struct {
	t      testing.TB
	ledger *ledger.Ledger
	tables *projections.Runner
	key    *keys.Key
	server *httptest.Server
	desk   *supervision.Desk
	wall   time.Time
	ids    int
	before func() // is called before each answer
	cfg    ledger.Config
	store  *rottenStore
	index  *rottenIndex
	api    httpapi.Config
	sent   []*chain.Submission // by says
}

func newRig(t testing.TB) *rig {
	t.Helper()
	return newRigWith(t, httpapi.Config{Wait: 50 * time.Millisecond})
}

func newRigWith(t testing.TB, api httpapi.Config) *rig {
	t.Helper()
	r := &rig{t: t, wall: time.Date(2026, 8, 3, 1, 2, 3, 456e6, time.UTC)}
	log, err := keys.CreateLog(t.TempDir()+"/log.key", origin)
	r.must(err)
	operator, err := keys.Generate(suite.Default())
	r.must(err)
	r.key, err = keys.Generate(suite.Default())
	r.must(err)
	r.store, r.index = &rottenStore{Memory: ledgertest.NewMemory()}, &rottenIndex{MemoryIndex: ledgertest.NewMemoryIndex()}
	cfg := ledger.Config{
		Store: r.store, Index: r.index, Signer: log, VerifierKey: log.VerifierKey(), Audit: ledger.AuditConfig{Distance: 1 << 20},
		Clock: func() (time.Time, time.Duration) { return r.wall, 0 },
	}
	system := func(eventType, id string, data any) *chain.Submission {
		line, err := roster.Line(origin, eventType, id, r.wall, data)
		r.must(err)
		sub, err := operator.SignSubmission(origin, chain.Operator, [][]byte{line})
		r.must(err)
		return sub
	}
	r.must(ledger.Create(cfg, system(roster.LedgerOpened, "opened", roster.Opened{
		Origin: origin, Suite: suite.SHA256Ed25519, LogKey: log.VerifierKey(),
		OperatorKey: operator.Public(), Timezone: "Asia/Shanghai",
	})))
	r.ledger, err = ledger.Open(context.Background(), cfg)
	r.must(err)
	t.Cleanup(func() { r.ledger.Close() })
	proof, err := r.key.ProveEnrolment(origin, bureau)
	r.must(err)
	r.submit(system(roster.AgencyEnrolled, "enrol", roster.Enrolled{
		Agency: bureau, Name: "示例市民政局", Types: []string{"*"}, Jurisdictions: []string{"*"},
		Source: "urn:example:bureau", Key: r.key.Public(), Proof: proof,
	}))
	r.cfg, r.api = cfg, api
	r.serve()
	return r
}

// serve puts new tables and a new server in front of the ledger.
func (r *rig) serve() {
	var err error
	r.tables, err = projections.New(r.ledger, allProjections()...)
	r.must(err)
	r.desk = supervision.New(r.ledger, r.tables)
	r.api.Desk, r.api.Version = r.desk, "test"
	handler := httpapi.New(r.api)
	r.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if r.before != nil {
			r.before()
		}
		handler.ServeHTTP(w, request)
	}))
	r.t.Cleanup(r.server.Close)
}

func allProjections() []projections.Projection {
	return []projections.Projection{agencies.New(), funds.New(), charity.New(), credit.New(), lottery.New()}
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) submit(sub *chain.Submission) *chain.Receipt {
	r.t.Helper()
	wait, err := r.ledger.Submit(context.Background(), sub)
	r.must(err)
	receipt, err := wait(context.Background())
	r.must(err)
	return receipt
}

// said is one event for says.
type said struct {
	eventType, jurisdiction string
	data                    any
	corrects                *events.Ref
	id                      string
}

// says puts events on the log in one submission, and returns the index of the
// first. The tables do not follow.
func (r *rig) says(all ...said) uint64 {
	r.t.Helper()
	sub := r.sub(all...)
	r.sent = append(r.sent, sub)
	return r.submit(sub).First
}

// sub signs a submission.
func (r *rig) sub(all ...said) *chain.Submission {
	r.t.Helper()
	lines := make([][]byte, len(all))
	for i, one := range all {
		r.ids++
		id := one.id
		if id == "" {
			id = "e" + strconv.Itoa(r.ids)
		}
		if one.jurisdiction == "" {
			one.jurisdiction = "110108"
		}
		line, err := events.Encode(&events.Event{
			ID: id, Source: "urn:example:bureau", Type: one.eventType, Time: r.wall,
			Jurisdiction: one.jurisdiction, Corrects: one.corrects,
		}, one.data)
		r.must(err)
		lines[i] = line
	}
	sub, err := r.key.SignSubmission(origin, bureau, lines)
	r.must(err)
	return sub
}

// verifier is of the ledger's checkpoints.
func (r *rig) verifier() note.Verifier {
	r.t.Helper()
	verifier, err := note.NewVerifier(r.cfg.VerifierKey)
	r.must(err)
	return verifier
}

// follow brings the tables up to the log.
func (r *rig) follow() {
	r.t.Helper()
	r.must(r.tables.CatchUp(context.Background()))
}

// get asks and returns status, headers and body.
func (r *rig) get(path string) (int, http.Header, []byte) {
	r.t.Helper()
	response, err := http.Get(r.server.URL + path)
	r.must(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	r.must(err)
	return response.StatusCode, response.Header, body
}

// ask decodes an answer that must be one.
func ask[T any](r *rig, path string) T {
	r.t.Helper()
	status, _, body := r.get(path)
	if status != http.StatusOK {
		r.t.Fatalf("GET %s: %d %s", path, status, body)
	}
	var into T
	if err := json.Unmarshal(body, &into); err != nil {
		r.t.Fatalf("GET %s: %v in %s", path, err, body)
	}
	return into
}

// refused decodes a problem and checks its form.
func (r *rig) refused(path string, want int) httpapi.Problem {
	r.t.Helper()
	status, header, body := r.get(path)
	var p httpapi.Problem
	if err := json.Unmarshal(body, &p); err != nil {
		r.t.Fatalf("GET %s: %v in %s", path, err, body)
	}
	if status != want || p.Status != want || p.Title != http.StatusText(want) || p.Detail == "" ||
		header.Get("Content-Type") != "application/problem+json" {
		r.t.Fatalf("GET %s: want a problem with status %d, got %d %s %s", path, want, status, header.Get("Content-Type"), body)
	}
	return p
}
