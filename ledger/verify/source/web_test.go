package source

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
)

// A server that keeps connections is asked for much at once, one that closes
// them for little.
func TestServer_RequestsAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		keeps bool
		most  int32
	}{"keeps connections": {true, maxRequests}, "closes connections": {false, fewRequests}} {
		const all = 5 * maxRequests
		var now, most atomic.Int32
		arrived, goOn := make(chan struct{}, all), make(chan struct{})
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == checkpointPath {
				return
			}
			n := now.Add(1)
			for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			arrived <- struct{}{}
			<-goOn
			now.Add(-1)
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
		for range all {
			wait.Go(func() {
				if data, err := s.fetch(context.Background(), "/x", 10); err != nil || string(data) != "/x" {
					t.Errorf("%s: %q, %v", name, data, err)
				}
			})
		}
		for range c.most {
			<-arrived // so many do come at once
		}
		for range all {
			goOn <- struct{}{}
		}
		wait.Wait()
		if most.Load() != c.most {
			t.Errorf("%s: %d requests at once, not %d", name, most.Load(), c.most)
		}
	}
}
