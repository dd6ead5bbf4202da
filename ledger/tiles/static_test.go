package tiles_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"civicledger/ledger/tiles"
	"civicledger/ledger/verify"
	"civicledger/ledger/verify/source"
	"civicledger/ledger/verify/verdict"
)

// mirror keeps every path that a verifier asks a server for as a file, as a
// copying tool would.
func mirror(t *testing.T, l tiles.Log, dir string) string {
	t.Helper()
	real := tiles.New(l, slog.New(slog.DiscardHandler))
	var mu sync.Mutex
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		real.ServeHTTP(rec, r)
		name := filepath.Join(dir, filepath.FromSlash(r.URL.Path))
		mu.Lock()
		defer mu.Unlock()
		if rec.Code == http.StatusOK {
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				t.Error(err)
			}
			if err := os.WriteFile(name, rec.Body.Bytes(), 0o644); err != nil {
				t.Error(err)
			}
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// A log copied file by file is verified without a server, and what is missing
// or changed in the copy is named.
func TestStatic_VerifiedFromFiles(t *testing.T) {
	l, vkey := newLedger(t, 700)
	dir := t.TempDir()
	run := func(src source.Source) *verdict.Report {
		return verify.Run(context.Background(), src, vkey, verify.Options{})
	}
	if r := run(source.Server(mirror(t, l, dir))); r.Verdict != verdict.Sound {
		t.Fatalf("server: %+v", r)
	}
	if r := run(source.Static(dir)); r.Verdict != verdict.Sound || r.Counts.Entries != 700 {
		t.Fatalf("files: %+v", r)
	}
	bundle := filepath.Join(dir, "tile", "entries", "001")
	data, err := os.ReadFile(bundle)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-3] ^= 1 // in the last entry of the bundle
	if err := os.WriteFile(bundle, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if r := run(source.Static(dir)); r.Verdict != verdict.Unsound || len(r.Defects) != 1 || r.Defects[0].First != 511 || r.Defects[0].Last != 511 {
		t.Errorf("flipped: %+v", r.Defects)
	}
	if err := os.Remove(bundle); err != nil {
		t.Fatal(err)
	}
	if r := run(source.Static(dir)); r.Verdict != verdict.Unsound || r.Defects[0].Kind != verdict.KindMissing || r.Defects[0].First != 256 {
		t.Errorf("missing: %+v", r.Defects)
	}
	if r := run(source.Static(filepath.Join(dir, "nowhere"))); r.ExitCode() != 2 {
		t.Errorf("nothing there: exit %d", r.ExitCode())
	}
}
