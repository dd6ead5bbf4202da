package main

import (
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"civicledger/events/bus"
	"civicledger/ledger"
	"civicledger/ledger/index"
	"civicledger/projections"
)

// metrics is what /metrics shows. Everything is asked for when somebody reads
// it, so that nothing is counted twice and a commit pays for nothing; HTTP
// alone is counted as it happens. METRICS.md beside this file has the table.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newMetrics(of *served) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "civicledger_http_requests_total", Help: "HTTP requests that were answered, by route and status.",
		}, []string{"route", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "civicledger_http_request_seconds", Help: "Time until an answer was written, by route; routes with min wait on purpose.",
			Buckets: []float64{0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10},
		}, []string{"route"}),
	}
	m.registry.MustRegister(
		m.requests, m.seconds, of,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

func (m *metrics) page(log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError,
	})
}

// count wraps all routes. The route is the pattern that matched, never the
// path, so that nobody makes series by asking.
func (m *metrics) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		said := &saidStatus{ResponseWriter: w, code: http.StatusOK}
		next.ServeHTTP(said, r)
		route := r.Pattern
		if _, path, ok := strings.Cut(route, " "); ok {
			route = path
		}
		if route == "" || route == "/" {
			route = "other"
		}
		m.requests.WithLabelValues(route, strconv.Itoa(said.code)).Inc()
		m.seconds.WithLabelValues(route).Observe(time.Since(began).Seconds())
	})
}

// saidStatus remembers the status of an answer.
type saidStatus struct {
	http.ResponseWriter
	code int
	said bool
}

func (s *saidStatus) WriteHeader(code int) {
	if !s.said {
		s.code, s.said = code, true
	}
	s.ResponseWriter.WriteHeader(code)
}

func (s *saidStatus) Write(p []byte) (int, error) {
	s.said = true
	return s.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController through.
func (s *saidStatus) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// served is what a node knows of itself, as a prometheus.Collector.
type served struct {
	ledger *ledger.Ledger
	tables *projections.Runner
	intake *bus.Intake // nil when read-only
	data   string      // whose disk is asked for room
	log    *slog.Logger
}

// measure is one metric of a served ledger.
type measure struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*snapshot) float64
}

// snapshot is what one reading rests on.
type snapshot struct {
	ledger      ledger.Stats
	audited     ledger.Audited
	applied     uint64 // entries in the tables
	intake      bus.IntakeStats
	stopped     error
	damaged     *ledger.Damaged
	first, lost uint64 // of the damaged entries, and how many
	full        error
	free        int64
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("civicledger_"+name, help, labels, nil)
}

func gauge(name, help string, value func(*snapshot) float64) measure {
	return measure{describe(name, help), prometheus.GaugeValue, value}
}

func counter(name, help string, value func(*snapshot) float64) measure {
	return measure{describe(name, help), prometheus.CounterValue, value}
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// since1970 is a time in seconds, 0 for never.
func since1970(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

var measures = []measure{
	gauge("entries", "Entries that are durable and signed.", func(s *snapshot) float64 { return float64(s.ledger.Size) }),
	gauge("checkpoint_entries", "Entries that the newest checkpoint signs.", func(s *snapshot) float64 { return float64(s.ledger.CheckpointSize) }),
	gauge("checkpoint_timestamp_seconds", "When the newest checkpoint was signed, since 1970.", func(s *snapshot) float64 { return since1970(s.ledger.CheckpointTime) }),
	gauge("ledger_stopped", "1 once the ledger records and signs nothing more until it is started again.", func(s *snapshot) float64 { return truth(s.stopped != nil) }),
	counter("commits_total", "Commits that became durable.", func(s *snapshot) float64 { return float64(s.ledger.Commits) }),
	counter("committed_entries_total", "Entries in those commits.", func(s *snapshot) float64 { return float64(s.ledger.Entries) }),
	counter("committed_bytes_total", "Bytes of those entries.", func(s *snapshot) float64 { return float64(s.ledger.Bytes) }),
	counter("submissions_accepted_total", "Submissions with a receipt, repeated ones too.", func(s *snapshot) float64 { return float64(s.ledger.Accepted) }),
	counter("submissions_failed_total", "Submissions that were neither accepted nor refused: no room, or stopped. They come again.", func(s *snapshot) float64 { return float64(s.ledger.Failed) }),
	gauge("queue_submissions", "Submissions that wait for the sequencer.", func(s *snapshot) float64 { return float64(s.ledger.QueueCount) }),
	gauge("queue_bytes", "Bound of the bytes of those submissions once they are entries.", func(s *snapshot) float64 { return float64(s.ledger.QueueBytes) }),
	gauge("index_lag_entries", "Entries that the index does not have yet.", func(s *snapshot) float64 { return float64(s.ledger.IndexLag) }),
	gauge("projections_lag_entries", "Entries that the tables do not have yet.", func(s *snapshot) float64 { return float64(s.ledger.Size) - float64(s.applied) }),
	gauge("audit_near_lag_entries", "Entries that the self-audit has not re-read since they were written.", func(s *snapshot) float64 { return float64(s.ledger.Size) - float64(s.audited.Near) }),
	gauge("audit_near_lag_bytes", "Bytes of those entries.", func(s *snapshot) float64 { return float64(s.audited.Behind) }),
	gauge("audit_far_entries", "Entries that the self-audit has passed in its present round.", func(s *snapshot) float64 { return float64(s.audited.Far) }),
	counter("audit_rounds_total", "Rounds of the self-audit through the whole book that found nothing wrong.", func(s *snapshot) float64 { return float64(s.audited.Rounds) }),
	gauge("audit_round_end_timestamp_seconds", "When the last such round ended, since 1970; 0 before the first.", func(s *snapshot) float64 { return since1970(s.audited.RoundEnd) }),
	gauge("audit_round_seconds", "What the last such round took.", func(s *snapshot) float64 { return s.audited.Took.Seconds() }),
	gauge("audit_mismatch", "1 once stored bytes were found that are not what was signed.", func(s *snapshot) float64 { return truth(s.damaged != nil) }),
	gauge("damaged_entries", "Entries that are known not to be what was signed.", func(s *snapshot) float64 { return float64(s.lost) }),
	gauge("disk_free_bytes", "Bytes left on the disk of the data directory; -1 if it cannot be asked.", func(s *snapshot) float64 { return float64(s.free) }),
	gauge("disk_full", "1 while nothing is taken in because the disk is nearly full.", func(s *snapshot) float64 { return truth(s.full != nil) }),
}

// ofIntake are shown where there is an intake.
var ofIntake = []measure{
	counter("bus_received_total", "Messages taken from the queue of the bus, repeated ones each time.", func(s *snapshot) float64 { return float64(s.intake.Received) }),
	counter("bus_accepted_total", "Submissions from the bus with a receipt.", func(s *snapshot) float64 { return float64(s.intake.Accepted) }),
	counter("bus_events_total", "Events in them.", func(s *snapshot) float64 { return float64(s.intake.Events) }),
	counter("bus_refused_total", "Submissions from the bus with a refusal.", func(s *snapshot) float64 { return float64(s.intake.Refused) }),
	counter("bus_handed_back_total", "Submissions put back into the queue to be tried again.", func(s *snapshot) float64 { return float64(s.intake.HandedBack) }),
}

// spread is a distribution of a ledger.
type spread struct {
	desc *prometheus.Desc
	of   func(*snapshot) ledger.Distribution
}

var spreads = []spread{
	{describe("commit_seconds", "Time to write a commit and sync it to the disk."), func(s *snapshot) ledger.Distribution { return s.ledger.CommitSeconds }},
	{describe("commit_entries", "Entries in a commit."), func(s *snapshot) ledger.Distribution { return s.ledger.CommitEntries }},
	{describe("receipt_seconds", "Time of a submission from asking for a place in the queue to its receipt."), func(s *snapshot) ledger.Distribution { return s.ledger.ReceiptSeconds }},
}

var (
	refusedDesc  = describe("submissions_refused_total", "Submissions refused by the ledger, by the code of the first reason.", "code")
	mismatchDesc = describe("audit_mismatch_entry", "The first entry that is not what was signed; absent until one is found.")
)

// Describe implements prometheus.Collector.
func (s *served) Describe(to chan<- *prometheus.Desc) {
	for _, m := range slices.Concat(measures, ofIntake) {
		to <- m.desc
	}
	for _, d := range spreads {
		to <- d.desc
	}
	to <- refusedDesc
	to <- mismatchDesc
}

// Collect implements prometheus.Collector.
func (s *served) Collect(to chan<- prometheus.Metric) {
	now := s.snapshot()
	all := measures
	if s.intake != nil {
		all = slices.Concat(measures, ofIntake)
	}
	for _, m := range all {
		to <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(now))
	}
	for _, d := range spreads {
		to <- histogram(d.desc, d.of(now))
	}
	for code, n := range now.ledger.Refused {
		to <- prometheus.MustNewConstMetric(refusedDesc, prometheus.CounterValue, float64(n), code)
	}
	if now.lost > 0 {
		to <- prometheus.MustNewConstMetric(mismatchDesc, prometheus.GaugeValue, float64(now.first))
	}
}

func (s *served) snapshot() *snapshot {
	now := &snapshot{audited: s.ledger.Audited(), applied: s.tables.View().AsOf().Size, stopped: s.ledger.Err(), full: s.ledger.Full(), damaged: s.ledger.Damaged()}
	if now.damaged != nil {
		now.first, _, now.lost = now.damaged.Entries()
	}
	now.ledger = s.ledger.Stats() // last: it is never behind what follows it
	if s.intake != nil {
		now.intake = s.intake.Stats()
	}
	var err error
	if now.free, err = index.FreeBytes(s.data); err != nil {
		s.log.Warn("ask for the room on the disk", "cause", err)
		now.free = -1
	}
	return now
}

func histogram(desc *prometheus.Desc, d ledger.Distribution) prometheus.Metric {
	buckets := make(map[float64]uint64, len(d.Bounds))
	var count uint64
	for i, n := range d.Counts {
		count += n
		if i < len(d.Bounds) {
			buckets[d.Bounds[i]] = count
		}
	}
	return prometheus.MustNewConstHistogram(desc, count, d.Sum, buckets)
}
