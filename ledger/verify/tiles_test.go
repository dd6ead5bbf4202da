package verify

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A server that keeps connections is asked for much at once, one that closes
// them for little.
func TestServer_RequestsAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		keeps bool
		most  int32
	}{"keeps connections": {true, maxRequests}, "closes connections": {false, fewRequests}} {
		var now, most atomic.Int32
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n := now.Add(1)
			defer now.Add(-1)
			for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			time.Sleep(time.Millisecond)
			w.Write([]byte(r.URL.Path))
		}))
		server.Config.SetKeepAlivesEnabled(c.keeps)
		server.Start()
		defer server.Close()
		s := Server(server.URL)
		if _, err := s.Checkpoint(context.Background()); err != nil {
			t.Fatal(err)
		}
		var wait sync.WaitGroup
		for range 5 * maxRequests {
			wait.Go(func() {
				if data, err := s.fetch(context.Background(), "/x", 10); err != nil || string(data) != "/x" {
					t.Errorf("%s: %q, %v", name, data, err)
				}
			})
		}
		wait.Wait()
		if most.Load() > c.most {
			t.Errorf("%s: %d requests at once, at most %d", name, most.Load(), c.most)
		}
		if c.keeps && most.Load() <= fewRequests {
			t.Errorf("%s: only %d requests at once", name, most.Load())
		}
	}
}
