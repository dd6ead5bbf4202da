// Command bench runs the benchmarks that the project has goals for and prints
// a table: the median of several runs beside the goal, most of them ratios to
// a bound that the same run measured. It judges nothing: machines are shared
// and noisy.
//
//	go run ./cmd/internal/bench            # five runs of each
//	go run ./cmd/internal/bench -large     # and ten million entries, once: 9 GB of disk, some minutes
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
)

// suite is one benchmark and what is read from its output.
type suite struct {
	pkg, bench, time string
	large            bool // run once, and only if asked for
	figures          []figure
}

// figure is a metric with its goal.
type figure struct {
	what, metric, goal string
}

var suites = []suite{
	{pkg: "./ledger", bench: "^BenchmarkSubmit$/events=1000$/callers=8$", time: "480x", figures: []figure{
		{"append, submissions of 1,000, 8 callers: of write+fdatasync", "of-bound", "≥ 0.15, aim 0.25"},
		{"  events a second", "events/s", ""},
		{"  CPU, µs an event", "cpu-us/event", ""},
	}},
	{pkg: "./ledger", bench: "^BenchmarkSubmit$/events=1$/callers=512$", time: "100000x", figures: []figure{
		{"append, single events, 512 callers: of write+fdatasync", "of-bound", "≥ 0.15"},
		{"  events a second", "events/s", ""},
	}},
	{pkg: "./ledger", bench: "^BenchmarkSubmit$/events=1$/callers=1$", time: "3000x", figures: []figure{
		{"acknowledgement, 1 caller, p50: times write+fdatasync", "p50/bound-p50", "≤ 1.5"},
		{"  p99, µs", "p99-us", ""},
	}},
	{pkg: "./ledger", bench: "^BenchmarkSubmit_Audited$/events=1000$/callers=8$", time: "480x", figures: []figure{
		{"append, submissions of 1,000, self-audit beside: of write+fdatasync", "of-bound", ""},
	}},
	{pkg: "./ledger/verify", bench: "^BenchmarkRun$", time: "3x", figures: []figure{
		{"full verify from files: of SHA-256 on all cores", "of-sha256", "≥ 0.4, aim 0.5"},
		{"  entries a second", "entries/s", ""},
	}},
	{pkg: "./ledger/chain", bench: "^BenchmarkProofs$", time: "1s", figures: []figure{
		{"inclusion proofs in bulk, a second", "proofs/s", "≥ 500,000"},
	}},
	{pkg: "./ledger/tiles", bench: "^BenchmarkWholeLog$/commit=1000$/plain$", time: "3x", figures: []figure{
		{"whole log served, bundles and leaf tiles: of SHA-256 on one core", "of-sha256", ""},
	}},
	{pkg: "./projections", bench: "^BenchmarkFold_Donations$", time: "1x", figures: []figure{
		{"fold of 1 million donations: of a JSON scanner on one core", "of-json", ""},
		{"  events a second", "events/s", ""},
	}},
	{pkg: "./projections", bench: "^BenchmarkFold_Payments$", time: "1x", figures: []figure{
		{"fold of 1 million payments: of a JSON scanner on one core", "of-json", ""},
		{"  events a second", "events/s", ""},
	}},
	{pkg: "./ledger", bench: "^BenchmarkLarge$", time: "1x", large: true, figures: []figure{
		{"append at 1 million entries: of write+fdatasync", "of-bound-at-1M", "as at 10 million"},
		{"append at 10 million entries: of write+fdatasync", "of-bound-at-10M", "as at 1 million"},
		{"  events a second at 1 million entries", "events/s-at-1M", "as at 10 million"},
		{"  events a second at 10 million entries", "events/s-at-10M", "as at 1 million"},
		{"  CPU at 1 million entries, µs an event", "cpu-us/event-at-1M", "as at 10 million"},
		{"  CPU at 10 million entries, µs an event", "cpu-us/event-at-10M", "as at 1 million"},
		{"anonymous memory at 1 million entries, MB", "anon-MB-at-1M", "≤ 450, flat"},
		{"anonymous memory at 10 million entries, MB", "anon-MB-at-10M", "≤ 450, flat"},
		{"disk beyond the events, bytes an entry", "extra-B/entry", "≤ 240"},
		{"checksum pass of the index, 10 million entries, s", "checksum-pass-s", ""},
		{"open after a clean stop beyond that, s", "open-beyond-pass-s", "≤ 1"},
	}},
}

func main() {
	runs := flag.Int("runs", 5, "how often each is run")
	large := flag.Bool("large", false, "also append ten million entries, once")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	if err := run(ctx, *runs, *large); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
}

func run(ctx context.Context, runs int, large bool) error {
	t := table.NewWriter()
	t.SetOutputMirror(os.Stdout)
	t.AppendHeader(table.Row{"what", "goal", "median", "least", "most", "runs"})
	for _, s := range suites {
		if s.large && !large {
			continue
		}
		count := runs
		if s.large {
			count = 1
		}
		values, err := s.measure(ctx, count)
		if err != nil {
			return fmt.Errorf("%s %s: %w", s.pkg, s.bench, err)
		}
		for _, f := range s.figures {
			all := values[f.metric]
			if len(all) == 0 {
				return fmt.Errorf("%s %s printed no %s", s.pkg, s.bench, f.metric)
			}
			slices.Sort(all)
			t.AppendRow(table.Row{f.what, f.goal, short(all[len(all)/2]), short(all[0]), short(all[len(all)-1]), len(all)})
		}
	}
	t.Render()
	return nil
}

// measure runs a benchmark and returns the values of each metric. What it
// prints is also progress.
func (s *suite) measure(ctx context.Context, count int) (map[string][]float64, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", s.bench, "-benchtime", s.time,
		"-count", strconv.Itoa(count), "-timeout", "60m", s.pkg)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	values := map[string][]float64{}
	scanner := bufio.NewScanner(io.TeeReader(out, os.Stderr))
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		collect(values, scanner.Text())
	}
	if err := scanner.Err(); err != nil {
		return nil, err
	}
	return values, cmd.Wait()
}

// collect reads a line such as "BenchmarkRun-2  3  68251 ns/op  0.27 of-sha256".
func collect(values map[string][]float64, line string) {
	fields := strings.Fields(line)
	if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
		return
	}
	if _, err := strconv.Atoi(fields[1]); err != nil {
		return
	}
	for i := 2; i+1 < len(fields); i += 2 {
		if v, err := strconv.ParseFloat(fields[i], 64); err == nil {
			values[fields[i+1]] = append(values[fields[i+1]], v)
		}
	}
}

// short prints a number with three digits that say something.
func short(v float64) string {
	switch {
	case v >= 1000:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strconv.FormatFloat(v, 'f', 3, 64)
	}
}
