package tiles_test

import (
	"bytes"
	"context"
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
	"civicledger/ledger/tiles"
	"civicledger/ledger/verify"
	"civicledger/ledger/verify/source"
	"civicledger/ledger/verify/verdict"
)

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
		r := verify.Run(context.Background(), source.Server(serve(t, l, nil)), vkey, verify.Options{})
		if want := max(size, 2); r.Verdict != verdict.Sound || r.Counts.Entries != uint64(want) {
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
		"entry":          {flip("/tile/entries/003", 10), verdict.KindLeaf, 1023, 1023},
		"last entry":     {flip("/tile/entries/011.p/184", 10), verdict.KindLeaf, 2999, 2999},
		"leaf tile":      {flip("/tile/0/003", 1), verdict.KindTile, 1023, 1023},
		"last leaf hash": {flip("/tile/0/011.p/184", 1), verdict.KindTile, 2999, 2999},
		"checkpoint":     {flip("/checkpoint", 30), verdict.KindCheckpoint, 0, 0},
		"upper tile":     {flip("/tile/1/000.p/11", 1), verdict.KindTile, 2560, 2815},
	} {
		t.Run(name, func(t *testing.T) {
			r := verify.Run(context.Background(), source.Server(serve(t, l, c.tamper)), vkey, verify.Options{})
			if r.Verdict != verdict.Unsound || len(r.Defects) == 0 {
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
	r := verify.Run(context.Background(), source.Server(gone.URL), vkey, verify.Options{})
	if r.Verdict != verdict.Unsound || r.DefectCount != 1 || r.Defects[0].Kind != verdict.KindMissing || r.Defects[0].First != 256 || r.Defects[0].Last != 511 {
		t.Errorf("%+v", r)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	gone.Close()
	if r := verify.Run(ctx, source.Server(gone.URL), vkey, verify.Options{}); r.ExitCode() != 2 {
		t.Errorf("unreachable: %+v", r)
	}
}

func TestServer_Forms(t *testing.T) {
	l, vkey := newLedger(t, 700)
	url := serve(t, l, nil)
	_, body := get(t, url+"/checkpoint")
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := chain.OpenCheckpoint(body, verifier); err != nil || c.Size != 700 {
		t.Errorf("checkpoint %+v, %v", c, err)
	}
	if _, body := get(t, url+"/tile/0/001"); len(body) != 8192 {
		t.Errorf("tile of %d bytes", len(body))
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
	if resp, _ := get(t, serve(t, broken{l}, nil)+"/tile/0/000.p/3"); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %s", resp.Status)
	}
}
