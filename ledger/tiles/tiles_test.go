package tiles_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/ledger/keys"
	"civicledger/ledger/ledgertest"
	"civicledger/ledger/roster"
	"civicledger/ledger/suite"
	"civicledger/ledger/tiles"
	"civicledger/ledger/verify"
)

const origin = "ledger.example.org/test"

// newLedger opens a ledger over memory with an agency and size entries.
func newLedger(t *testing.T, size int) (*ledger.Ledger, string) {
	t.Helper()
	log, err := keys.CreateLog(t.TempDir()+"/log.key", origin)
	if err != nil {
		t.Fatal(err)
	}
	operator, agency := mustKey(t), mustKey(t)
	cfg := ledger.Config{Store: ledgertest.NewMemory(), Index: ledgertest.NewMemoryIndex(), Signer: log, VerifierKey: log.VerifierKey()}
	genesis := mustSay(t, operator, roster.LedgerOpened, roster.Opened{
		Origin: origin, Suite: suite.SHA256Ed25519, LogKey: log.VerifierKey(), OperatorKey: operator.Public(), Timezone: "Asia/Shanghai",
	})
	if err := ledger.Create(cfg, genesis); err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	proof, err := agency.ProveEnrolment(origin, "haidian")
	if err != nil {
		t.Fatal(err)
	}
	mustSubmit(t, l, mustSay(t, operator, roster.AgencyEnrolled, roster.Enrolled{
		Agency: "haidian", Name: "haidian", Types: []string{"fund.*"}, Jurisdictions: []string{"110108"},
		Source: "urn:haidian", Key: agency.Public(), Proof: proof,
	}))
	for n := 2; n < size; {
		var lines [][]byte
		for ; n < size && len(lines) < 700; n++ {
			lines = append(lines, fmt.Appendf(nil, `{"id":"%d","source":"urn:haidian","type":"fund.opened.v1","jurisdiction":"110108"}`, n))
		}
		sub, err := agency.SignSubmission(origin, "haidian", lines)
		if err != nil {
			t.Fatal(err)
		}
		mustSubmit(t, l, sub)
	}
	return l, log.VerifierKey()
}

func mustKey(t *testing.T) *keys.Key {
	t.Helper()
	k, err := keys.Generate(suite.Default())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func mustSay(t *testing.T, operator *keys.Key, eventType string, data any) *chain.Submission {
	t.Helper()
	line, err := roster.Line(origin, eventType, eventType, time.Now(), data)
	if err != nil {
		t.Fatal(err)
	}
	sub, err := operator.SignSubmission(origin, chain.Operator, [][]byte{line})
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

func mustSubmit(t *testing.T, l *ledger.Ledger, sub *chain.Submission) {
	t.Helper()
	wait, err := l.Submit(context.Background(), sub)
	if err == nil {
		_, err = wait(context.Background())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func serve(t *testing.T, l tiles.Log, tamper func(path string, body []byte) []byte) string {
	t.Helper()
	real := tiles.New(l, slog.New(slog.DiscardHandler))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if tamper == nil {
			real.ServeHTTP(w, r)
			return
		}
		rec := httptest.NewRecorder()
		real.ServeHTTP(rec, r)
		w.WriteHeader(rec.Code)
		_, _ = w.Write(tamper(r.URL.Path, rec.Body.Bytes()))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func get(t *testing.T, url string) (*http.Response, []byte) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, body
}

func TestServer_VerifiedOverURL(t *testing.T) {
	for _, size := range []int{1, 2, 255, 256, 257, 512, 3000} {
		l, vkey := newLedger(t, size)
		r := verify.Run(context.Background(), verify.Server(serve(t, l, nil)), vkey, verify.Options{})
		if want := max(size, 2); r.Verdict != verify.Sound || r.Counts.Entries != uint64(want) {
			t.Errorf("size %d: %+v", size, r)
		}
	}
}

// Whatever a server or somebody between changes is named.
func TestServer_Tampered(t *testing.T) {
	l, vkey := newLedger(t, 3000)
	flip := func(at string, offset int) func(string, []byte) []byte {
		return func(path string, body []byte) []byte {
			if strings.HasPrefix(path, at) {
				body[len(body)-offset] ^= 1
			}
			return body
		}
	}
	for name, c := range map[string]struct {
		tamper func(string, []byte) []byte
		kind   string
		first  uint64
		last   uint64
	}{
		"entry":          {flip("/tile/entries/003", 10), verify.KindLeaf, 1023, 1023},
		"last entry":     {flip("/tile/entries/011.p/184", 10), verify.KindLeaf, 2999, 2999},
		"leaf tile":      {flip("/tile/0/003", 1), verify.KindTile, 1023, 1023},
		"last leaf hash": {flip("/tile/0/011.p/184", 1), verify.KindTile, 2999, 2999},
		"checkpoint":     {flip("/checkpoint", 30), verify.KindCheckpoint, 0, 0},
		"upper tile":     {flip("/tile/1/000.p/11", 1), verify.KindTile, 2560, 2815},
	} {
		t.Run(name, func(t *testing.T) {
			r := verify.Run(context.Background(), verify.Server(serve(t, l, c.tamper)), vkey, verify.Options{})
			if r.Verdict != verify.Unsound || len(r.Defects) == 0 {
				t.Fatalf("%+v", r)
			}
			if d := r.Defects[0]; len(r.Defects) != 1 || d.Kind != c.kind || d.First != c.first || d.Last != c.last {
				t.Errorf("%+v", r.Defects)
			}
		})
	}
}

// gone is a server that lost what it should have; unreachable cannot be asked.
func TestServer_GoneAndUnreachable(t *testing.T) {
	l, vkey := newLedger(t, 1000)
	whole := tiles.New(l, slog.New(slog.DiscardHandler))
	gone := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/tile/entries/001") {
			http.NotFound(w, r)
			return
		}
		whole.ServeHTTP(w, r)
	}))
	t.Cleanup(gone.Close)
	r := verify.Run(context.Background(), verify.Server(gone.URL), vkey, verify.Options{})
	if r.Verdict != verify.Unsound || r.DefectCount != 1 || r.Defects[0].Kind != verify.KindMissing || r.Defects[0].First != 256 || r.Defects[0].Last != 511 {
		t.Errorf("%+v", r)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	gone.Close()
	if r := verify.Run(ctx, verify.Server(gone.URL), vkey, verify.Options{}); r.ExitCode() != 2 {
		t.Errorf("unreachable: %+v", r)
	}
}

func TestServer_Forms(t *testing.T) {
	l, vkey := newLedger(t, 700)
	url := serve(t, l, nil)
	resp, body := get(t, url+"/checkpoint")
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := chain.OpenCheckpoint(body, verifier); err != nil || c.Size != 700 {
		t.Errorf("checkpoint %+v, %v", c, err)
	}
	if resp.Header.Get("Content-Type") != "text/plain; charset=utf-8" || resp.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("checkpoint headers %v", resp.Header)
	}
	resp, body = get(t, url+"/tile/0/001")
	if len(body) != 8192 || resp.Header.Get("Content-Type") != "application/octet-stream" || !strings.Contains(resp.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("tile of %d bytes, headers %v", len(body), resp.Header)
	}
	_, bundle := get(t, url+"/tile/entries/002.p/3")
	entry, err := l.Entry(512)
	if err != nil {
		t.Fatal(err)
	}
	if want := append([]byte{byte(len(entry) >> 8), byte(len(entry))}, entry...); !bytes.HasPrefix(bundle, want) {
		t.Error("the bundle does not begin with entry 512 behind its length")
	}
}

func TestServer_Paths(t *testing.T) {
	l, _ := newLedger(t, 700)
	url := serve(t, l, nil)
	for path, want := range map[string]int{
		"/tile/0/000": 200, "/tile/0/002.p/188": 200, "/tile/0/002.p/1": 200, "/tile/0/000.p/5": 200, "/tile/1/000.p/2": 200, "/tile/entries/000": 200,
		"/tile/0/002": 404, "/tile/0/002.p/189": 404, "/tile/1/000": 404, "/tile/1/000.p/3": 404, "/tile/2/000.p/1": 404,
		"/tile/0/003.p/1": 404, "/tile/entries/002.p/0": 404, "/tile/entries/002.p/256": 404, "/tile/entries/002.p/01": 404, "/tile/entries/002.p/": 404,
		"/tile/0/0": 404, "/tile/0/0000": 404, "/tile/0/x000/000": 404, "/tile/0/x001/000": 404, "/tile/0/000/000": 404, "/tile/00/000": 404, "/tile/-1/000": 404,
		"/tile/64/000": 404, "/tile/8/000": 404, "/tile/0/+00": 404, "/tile/0/000.p/+5": 404, "/tile/0/%30%30%30": 404, "/tile/0": 404, "/tile/": 404, "/tile/entries": 404,
		"/tile/0/000.p/5/": 404, "/tile/0/000/": 404, "/tile/data/000": 404, "/other": 404, "/tile/0/x999/x999/x999/x999/x999/999": 404,
	} {
		if resp, body := get(t, url+path); resp.StatusCode != want {
			t.Errorf("%s: %s %q", path, resp.Status, body[:min(len(body), 40)])
		}
	}
	if resp, err := http.Post(url+"/checkpoint", "", nil); err != nil || resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %v, %v", resp, err)
	}
}

// broken fails to read what it should have.
type broken struct{ *ledger.Ledger }

func (broken) Tile(int, uint64, int) ([]chain.Hash, error) { return nil, ledger.ErrDamaged }

func TestServer_SaysWhenItCannotRead(t *testing.T) {
	l, _ := newLedger(t, 3)
	if resp, _ := get(t, serve(t, broken{l}, nil)+"/tile/0/000.p/3"); resp.StatusCode != http.StatusInternalServerError {
		t.Errorf("status %s", resp.Status)
	}
}
