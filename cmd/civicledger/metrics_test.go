package main

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// METRICS.md names every metric of ours, and no other.
func TestMetrics_AreDocumented(t *testing.T) {
	text, err := os.ReadFile("METRICS.md")
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile("civicledger_[a-z_]+")
	documented := name.FindAllString(string(text), -1)
	shown := []string{"civicledger_http_requests_total", "civicledger_http_request_seconds"}
	all := make(chan *prometheus.Desc, 100)
	(&served{}).Describe(all)
	close(all)
	for d := range all {
		shown = append(shown, name.FindString(d.String()))
	}
	slices.Sort(documented)
	slices.Sort(shown)
	if documented = slices.Compact(documented); !slices.Equal(documented, shown) {
		t.Errorf("documented\n%s\nshown\n%s", strings.Join(documented, "\n"), strings.Join(shown, "\n"))
	}
}

// A series is made by a route, never by a path that somebody makes up.
func TestMetrics_RoutesNotPaths(t *testing.T) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "r"}, []string{"route", "code"}),
		seconds:  prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "s"}, []string{"route"}),
	}
	inner := http.NewServeMux()
	inner.HandleFunc("GET /v1/funds/{fund}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	inner.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusNotFound) })
	outer := http.NewServeMux()
	outer.Handle("/", inner)
	server := httptest.NewServer(m.count(outer))
	defer server.Close()
	for _, path := range []string{"/v1/funds/a", "/v1/funds/b", "/made/up", "/made/up/too"} {
		resp, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	m.registry = prometheus.NewRegistry()
	m.registry.MustRegister(m.requests)
	page := httptest.NewRecorder()
	m.page(slog.New(slog.DiscardHandler)).ServeHTTP(page, httptest.NewRequest("GET", "/metrics", nil))
	body, err := io.ReadAll(page.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`r{code="404",route="other"} 2`, `r{code="418",route="/v1/funds/{fund}"} 2`} {
		if !strings.Contains(string(body), want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
}
