package tiles_test

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"civicledger/ledger/book"
	"civicledger/ledger/chain"
	"civicledger/ledger/index"
	"civicledger/ledger/tiles"
)

// benchSize entries of about 500 bytes: a book of 30 MB in one segment.
const benchSize = 60_000

func newDiskRig(b *testing.B, each int) *rig {
	b.Helper()
	dir := b.TempDir()
	if err := book.Create(dir); err != nil {
		b.Fatal(err)
	}
	store, err := book.Open(dir, book.Options{})
	if err != nil {
		b.Fatal(err)
	}
	idx, err := index.Open(filepath.Join(dir, "index"), index.Options{Ledger: chain.Hash{1}})
	if err != nil {
		b.Fatal(err)
	}
	r := newRig(b, store, idx)
	for i := range 22 {
		r.pad += fmt.Sprintf("%d,%x;", i*i, sha256.Sum256([]byte{byte(i)}))[:16] // neither zeros nor noise
	}
	r.grow(benchSize, each)
	return r
}

// sink counts what a reader would get.
type sink struct {
	header http.Header
	code   int
	bytes  int64
}

func (s *sink) Header() http.Header  { return s.header }
func (s *sink) WriteHeader(code int) { s.code = code }
func (s *sink) Write(p []byte) (int, error) {
	s.bytes += int64(len(p))
	return len(p), nil
}

// readAll asks for every bundle and leaf tile in order.
func readAll(b *testing.B, h http.Handler, coding string) (sent int64) {
	for n := range (benchSize + chain.TileWidth - 1) / chain.TileWidth {
		for _, kind := range []string{"entries", "0"} {
			path := fmt.Sprintf("/tile/%s/%03d", kind, n)
			if rest := benchSize - n*chain.TileWidth; rest < chain.TileWidth {
				path += fmt.Sprintf(".p/%d", rest)
			}
			req := httptest.NewRequest(http.MethodGet, path, nil)
			if coding != "" {
				req.Header.Set("Accept-Encoding", coding)
			}
			s := sink{header: http.Header{}}
			h.ServeHTTP(&s, req)
			if s.code > http.StatusOK {
				b.Fatalf("%s: %d", path, s.code)
			}
			sent += s.bytes
		}
	}
	return sent
}

// BenchmarkWholeLog reads a whole log through what serves it and reports the
// rate as a ratio to two bounds over the same entries in the same run: a plain
// sequential read of the book, all checksums checked, and SHA-256 on one core.
func BenchmarkWholeLog(b *testing.B) {
	for _, each := range []int{1, 100, 1000} {
		r := newDiskRig(b, each)
		for _, coding := range []string{"", "gzip"} {
			b.Run(fmt.Sprintf("commit=%d/%s", each, cmp.Or(coding, "plain")), func(b *testing.B) { benchWholeLog(b, r, coding) })
		}
	}
}

func benchWholeLog(b *testing.B, r *rig, coding string) {
	var plain, sum, served time.Duration
	var total, sent int64
	buf := make([]byte, 0, 1<<20)
	for b.Loop() {
		total = 0
		start := time.Now()
		for c, err := range r.store.Commits(0) {
			if err != nil {
				b.Fatal(err)
			}
			for _, e := range c.Entries {
				total += int64(len(e))
			}
		}
		plain += time.Since(start)
		start = time.Now()
		for n := int64(0); n < total; n += int64(cap(buf)) {
			sha256.Sum256(buf[:cap(buf)])
		}
		sum += time.Since(start)
		h := tiles.New(r.Ledger, slog.New(slog.DiscardHandler)) // nothing cached yet
		start = time.Now()
		sent = readAll(b, h, coding)
		served += time.Since(start)
	}
	b.SetBytes(total)
	b.ReportMetric(plain.Seconds()/served.Seconds(), "of-book-read")
	b.ReportMetric(sum.Seconds()/served.Seconds(), "of-sha256")
	b.ReportMetric(float64(sent)/float64(total), "sent/stored")
}
