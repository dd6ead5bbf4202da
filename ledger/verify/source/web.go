package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"civicledger/ledger/chain"
)

// Tiles is a log in C2SP tlog-tiles form, a Source. Its methods may be called
// at once.
type Tiles struct {
	base string
	// fetch reads a path; only an error that wraps ErrAbsent is the log's word,
	// every other means that it could not be asked.
	fetch func(ctx context.Context, path string, limit int64) ([]byte, error)
}

// ErrAbsent says that the log does not have what its checkpoint signs.
var ErrAbsent = errors.New("it is not there")

// Server is what a server shows under a base URL. Entry bundles and hash tiles
// are fetched several at a time and tried again when the network fails.
func Server(base string) *Tiles {
	base = strings.TrimRight(base, "/")
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 2 * inFlight
	transport.DisableCompression = isLoopback(base) // costs more than it saves
	w := &web{base: base, client: &http.Client{Timeout: time.Minute, Transport: transport}, turns: make(chan struct{}, maxRequests)}
	return &Tiles{base: base, fetch: w.get}
}

// Static is a log as static files under a directory, with the same paths as a
// server has: what any copying tool makes of one.
func Static(dir string) *Tiles {
	return &Tiles{base: dir, fetch: func(ctx context.Context, path string, limit int64) ([]byte, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return readFile(filepath.Join(dir, filepath.FromSlash(path)), path, limit)
	}}
}

func readFile(name, path string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) && path != checkpointPath {
		return nil, fmt.Errorf("%s: %w", path, ErrAbsent)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, fmt.Errorf("%s: more than %d bytes: %w", path, limit, ErrAbsent)
	}
	return data, err
}

func isLoopback(base string) bool {
	u, err := url.Parse(base)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || (ip != nil && ip.IsLoopback())
}

const (
	inFlight    = 8 // bundles, each with its tile
	maxRequests = 2 * inFlight
	fewRequests = 4
	attempts    = 4
	maxBundle   = chain.TileWidth * (2 + 0xffff)
)

const checkpointPath = "/checkpoint"

// MaxCheckpoint bounds a signed note with many witnesses.
const MaxCheckpoint = 1 << 20

// Checkpoint returns the newest checkpoint, not verified.
func (s *Tiles) Checkpoint(ctx context.Context) ([]byte, error) {
	return s.fetch(ctx, checkpointPath, MaxCheckpoint)
}

// web reads by HTTP.
type web struct {
	base   string
	client *http.Client
	turns  chan struct{} // one for each request under way
	few    sync.Once
}

// fewer leaves fewRequests at once. A server that closes each connection is a
// simple one, and many of those queue five connections: the system drops the
// sixth, and trying again takes it a second.
func (w *web) fewer() {
	w.few.Do(func() {
		go func() { // as the requests under way end
			for range maxRequests - fewRequests {
				w.turns <- struct{}{} // it is never given back
			}
		}()
	})
}

// get tries again what may pass.
func (w *web) get(ctx context.Context, path string, limit int64) ([]byte, error) {
	var last error
	for n := range attempts {
		if n > 0 {
			select {
			case <-time.After(time.Duration(n*n) * 200 * time.Millisecond):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		data, again, err := w.getOnce(ctx, path, limit)
		if err == nil || !again {
			return data, err
		}
		last = err
	}
	return nil, last
}

func (w *web) getOnce(ctx context.Context, path string, limit int64) (data []byte, again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.base+path, nil)
	if err != nil {
		return nil, false, err
	}
	select {
	case w.turns <- struct{}{}:
		defer func() { <-w.turns }()
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return nil, ctx.Err() == nil, err
	}
	defer resp.Body.Close()
	if resp.Close {
		w.fewer()
	}
	switch {
	case resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone:
		return nil, false, fmt.Errorf("get %s: %w", path, ErrAbsent)
	case resp.StatusCode != http.StatusOK:
		again = resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests
		return nil, again, fmt.Errorf("get %s: %s", path, resp.Status)
	}
	data, err = io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, false, fmt.Errorf("get %s: more than %d bytes", path, limit)
	}
	return data, true, err
}
