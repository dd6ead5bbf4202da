package tiles_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"civicledger/ledger/tiles"
)

// ask sends one request and returns the answer as it would be written: raw,
// without a client that unpacks it.
func ask(t *testing.T, h http.Handler, method, path string, fields http.Header) (*http.Response, []byte) {
	t.Helper()
	s := httptest.NewServer(h)
	defer s.Close()
	req, err := http.NewRequest(method, s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = fields
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
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

func accept(fields ...string) http.Header { return http.Header{"Accept-Encoding": fields} }

// What caches are told: the checkpoint is never shown unasked, what cannot
// change is kept, what is not there yet is not remembered.
func TestServer_CacheHeaders(t *testing.T) {
	l, _ := newLedger(t, 700)
	h := tiles.New(l, slog.New(slog.DiscardHandler))
	const bytes, text = "application/octet-stream", "text/plain; charset=utf-8"
	for path, want := range map[string]struct {
		status             int
		cache, kind, varyi string
	}{
		"/checkpoint":            {200, "no-cache", text, ""},
		"/tile/0/001":            {200, "public, max-age=31536000, immutable", bytes, ""},
		"/tile/entries/001":      {200, "public, max-age=31536000, immutable", bytes, "Accept-Encoding"},
		"/tile/0/002.p/188":      {200, "public, max-age=3600, immutable", bytes, ""},
		"/tile/1/000.p/2":        {200, "public, max-age=3600, immutable", bytes, ""},
		"/tile/entries/002.p/99": {200, "public, max-age=3600, immutable", bytes, "Accept-Encoding"},
		"/tile/0/002":            {404, "no-store", text, ""},
		"/tile/entries/002":      {404, "no-store", text, ""},
		"/tile/entries/x":        {404, "no-store", text, ""},
	} {
		resp, body := ask(t, h, http.MethodGet, path, nil)
		f := resp.Header
		if resp.StatusCode != want.status || f.Get("Cache-Control") != want.cache || f.Get("Content-Type") != want.kind || f.Get("Vary") != want.varyi {
			t.Errorf("%s: %s %v", path, resp.Status, f)
		}
		if resp.ContentLength != int64(len(body)) || len(body) == 0 {
			t.Errorf("%s: %d bytes, Content-Length %d", path, len(body), resp.ContentLength)
		}
	}
	resp, _ := ask(t, tiles.New(broken{l}, slog.New(slog.DiscardHandler)), http.MethodGet, "/tile/0/001", nil)
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("a failed read: %s %v", resp.Status, resp.Header)
	}
}

// Bundles are compressed for who asks for it and for nobody else; the bytes
// are the same.
func TestServer_Coding(t *testing.T) {
	l, _ := newLedger(t, 700)
	h := tiles.New(l, slog.New(slog.DiscardHandler))
	for _, path := range []string{"/tile/entries/000", "/tile/entries/002.p/188", "/tile/entries/002.p/20"} {
		plain, want := ask(t, h, http.MethodGet, path, accept("identity"))
		if plain.Header.Get("Content-Encoding") != "" {
			t.Fatalf("%s: compressed although only identity was accepted", path)
		}
		for range 2 { // the second comes from the shelf
			packed, body := ask(t, h, http.MethodGet, path, accept("gzip"))
			if packed.Header.Get("Content-Encoding") != "gzip" || packed.Header.Get("Content-Length") != strconv.Itoa(len(body)) || len(body) >= len(want) {
				t.Errorf("%s: %v, %d bytes of %d", path, packed.Header, len(body), len(want))
			}
			z, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(z); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: unpacked %d bytes, %v", path, len(got), err)
			}
			head, none := ask(t, h, http.MethodHead, path, accept("gzip"))
			if len(none) != 0 || head.StatusCode != 200 || head.ContentLength != int64(len(body)) || head.Header.Get("Content-Encoding") != "gzip" || head.Header.Get("Vary") != "Accept-Encoding" {
				t.Errorf("HEAD %s: %s %v, want length %d", path, head.Status, head.Header, len(body))
			}
		}
	}
	if resp, body := ask(t, h, http.MethodGet, "/tile/0/000", accept("gzip")); resp.Header.Get("Content-Encoding") != "" || len(body) != 8192 {
		t.Errorf("a hash tile is compressed: %v", resp.Header)
	}
}

func TestServer_Negotiation(t *testing.T) {
	l, _ := newLedger(t, 3)
	h := tiles.New(l, slog.New(slog.DiscardHandler))
	for _, c := range []struct {
		fields []string
		gzip   bool
	}{
		{nil, false},
		{[]string{""}, false},
		{[]string{"gzip"}, true},
		{[]string{"GZIP"}, true},
		{[]string{"x-gzip"}, true},
		{[]string{"br, gzip;q=0.5"}, true},
		{[]string{"br", "gzip"}, true},
		{[]string{"gzip;q=0"}, false},
		{[]string{"gzip; q=0.000"}, false},
		{[]string{"gzip;q=0, *"}, false},
		{[]string{"*"}, true},
		{[]string{"*;q=0"}, false},
		{[]string{"identity"}, false},
		{[]string{"identity;q=1, gzip;q=0.5"}, false},
		{[]string{"identity;q=0.5, gzip;q=1"}, true},
		{[]string{"gzip, identity"}, true},
		{[]string{"identity;q=0, gzip;q=0.1"}, true},
		{[]string{"deflate, br, zstd"}, false},
		{[]string{"gzip;q=2"}, false},
		{[]string{"gzip;q=NaN"}, false},
		{[]string{"gzip;q="}, false},
		{[]string{"gzip;v=1"}, false},
		{[]string{"gzipped"}, false},
	} {
		header := accept(c.fields...)
		rec := httptest.NewRecorder()
		req := httptest.NewRequest(http.MethodGet, "/tile/entries/000.p/3", nil)
		req.Header = header
		h.ServeHTTP(rec, req)
		if got := rec.Header().Get("Content-Encoding") == "gzip"; got != c.gzip || rec.Code != 200 {
			t.Errorf("%q: gzip %t, status %d", c.fields, got, rec.Code)
		}
	}
}

// Who has the checkpoint already gets no body; when it changes, he gets it.
func TestServer_CheckpointNotModified(t *testing.T) {
	r := newRig(t, memory(), memoryIndex())
	h := tiles.New(r.Ledger, slog.New(slog.DiscardHandler))
	resp, _ := ask(t, h, http.MethodGet, "/checkpoint", nil)
	tag := resp.Header.Get("ETag")
	for _, field := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
		resp, body := ask(t, h, http.MethodGet, "/checkpoint", http.Header{"If-None-Match": {field}})
		if resp.StatusCode != http.StatusNotModified || len(body) != 0 || resp.Header.Get("ETag") != tag || resp.Header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %s %v", field, resp.Status, resp.Header)
		}
	}
	if resp, body := ask(t, h, http.MethodGet, "/checkpoint", http.Header{"If-None-Match": {`"other"`}}); resp.StatusCode != 200 || len(body) == 0 {
		t.Errorf("other tag: %s", resp.Status)
	}
	r.grow(10, 10)
	if resp, body := ask(t, h, http.MethodGet, "/checkpoint", http.Header{"If-None-Match": {tag}}); resp.StatusCode != 200 || !bytes.Equal(body, r.Checkpoint()) {
		t.Errorf("after growth: %s", resp.Status)
	}
}
