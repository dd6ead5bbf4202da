package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// patience is how long one run may take before it is taken for hanging; a run
// takes about a second.
const patience = 3 * time.Minute

// fleet runs seeds, each in a process of its own: what kills the process is a
// finding like any other.
type fleet struct {
	flags    *flags
	stop     <-chan os.Signal
	progress io.Writer
}

// summary is what all runs came to, versioned for programs.
type summary struct {
	Format   string         `json:"format"`
	Seed     uint64         `json:"seed"`
	Runs     int            `json:"runs"`
	Lives    int            `json:"lives"`
	Openings int            `json:"openings"`
	Entries  uint64         `json:"entries"`
	Faults   map[string]int `json:"faults"`
	Refusals map[string]int `json:"refusals"`
	Findings []result       `json:"findings"`
	Seconds  float64        `json:"seconds"`

	traces []result
}

// job is one run.
type job struct {
	seed  uint64
	group int // part of the pairs, from 1; 0: none
}

// jobs are the runs and, each round with other seeds, all parts of the pairs.
func (f fleet) jobs() []job {
	var all []job
	for round := range f.flags.pairs {
		for group := range (len(pairs()) + pairsInRun - 1) / pairsInRun {
			all = append(all, job{f.flags.seed + uint64(round), group + 1})
		}
	}
	for i := range f.flags.runs {
		all = append(all, job{f.flags.seed + uint64(i), 0})
	}
	return all
}

func (f fleet) run() *summary {
	start, all := time.Now(), f.jobs()
	total := &summary{
		Format: "civicledger faults v1", Seed: f.flags.seed,
		Faults: map[string]int{}, Refusals: map[string]int{}, Findings: []result{},
	}
	jobs := make(chan job)
	results := make(chan result)
	var workers sync.WaitGroup
	for range f.flags.workers {
		workers.Go(func() {
			for j := range jobs {
				results <- f.runOne(j)
			}
		})
	}
	go func() {
		defer close(jobs)
		for _, j := range all {
			select {
			case jobs <- j:
			case <-f.stop: // what is under way ends, and is counted
				return
			}
		}
	}()
	go func() { workers.Wait(); close(results) }()
	told := start
	for r := range results {
		total.add(r, f.flags.trace)
		if now := time.Now(); now.Sub(told) > 10*time.Second {
			told = now
			fmt.Fprintf(f.progress, "%d of %d runs, %d findings\n", total.Runs, len(all), len(total.Findings))
		}
	}
	total.Seconds = time.Since(start).Seconds()
	return total
}

// runOne runs one seed in a process of its own.
func (f fleet) runOne(j job) result {
	bad := func(err error, text string) result {
		return result{Seed: j.seed, Group: j.group, Finding: fmt.Sprintf("the run's process ended with %v: %.4000s", err, text)}
	}
	cmd, err := self("-one", "-seed", strconv.FormatUint(j.seed, 10), "-group", strconv.Itoa(j.group))
	if err != nil {
		return bad(err, "")
	}
	scratch, err := os.MkdirTemp("", "faults-run-") // removed here, however the run ends
	if err != nil {
		return bad(err, "")
	}
	defer os.RemoveAll(scratch)
	var out, text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &text
	cmd.Env = append(os.Environ(), "TMPDIR="+scratch)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C ends the fleet, not a run in the middle
	if err := cmd.Start(); err != nil {
		return bad(err, "")
	}
	hangs := time.AfterFunc(patience, func() { _ = cmd.Process.Signal(syscall.SIGQUIT) }) // prints where it hangs
	defer hangs.Stop()
	if err := cmd.Wait(); err != nil {
		return bad(err, text.String())
	}
	var r result
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		return bad(err, out.String())
	}
	return r
}

func (t *summary) add(r result, keep bool) {
	t.Runs++
	t.Lives += r.Lives
	t.Openings += r.Openings
	t.Entries += r.Entries
	for k, n := range r.Faults {
		t.Faults[k] += n
	}
	for k, n := range r.Refusals {
		t.Refusals[k] += n
	}
	if r.Finding != "" {
		t.Findings = append(t.Findings, r)
	}
	if keep {
		t.traces = append(t.traces, r)
	}
}

func (t *summary) exitCode() int {
	if len(t.Findings) > 0 {
		return 1
	}
	return 0
}

func (t *summary) writeJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(t)
}

func (t *summary) writeWords(w io.Writer) error {
	var b strings.Builder
	for _, r := range t.traces {
		fmt.Fprintf(&b, "seed %d:\n  %s\n", r.Seed, strings.Join(r.Trace, "\n  "))
	}
	injected := 0
	for _, n := range t.Faults {
		injected += n
	}
	fmt.Fprintf(&b, "%d runs from seed %d, %d lives, %d openings, %d entries, %d faults in %.0f s\n",
		t.Runs, t.Seed, t.Lives, t.Openings, t.Entries, injected, t.Seconds)
	table(&b, "faults", t.Faults)
	table(&b, "not opened, as it must be, for", t.Refusals)
	fmt.Fprintf(&b, "findings: %d\n", len(t.Findings))
	for _, r := range t.Findings {
		again := fmt.Sprintf("-runs 1 -seed %d -trace", r.Seed)
		if r.Group > 0 {
			again = fmt.Sprintf("-one -seed %d -group %d", r.Seed, r.Group)
		}
		fmt.Fprintf(&b, "\nseed %d: %s\n  again: go run ./cmd/internal/faults %s\n", r.Seed, r.Finding, again)
		if !slices.ContainsFunc(t.traces, func(o result) bool { return o.Seed == r.Seed && o.Group == r.Group }) {
			fmt.Fprintf(&b, "  %s\n", strings.Join(r.Trace, "\n  "))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func table(b *strings.Builder, title string, counts map[string]int) {
	fmt.Fprintf(b, "%s:\n", title)
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(b, "  %7d  %s\n", counts[k], k)
	}
}
