// Faults runs ledgers from seeds and breaks everything around them, to find what
// is lost, changed unnoticed, or does not start again.
//
// One run is one ledger on a real book and a real index, lived through by
// several lives: each opens the directory, lets several callers say things, and
// ends by a close, a kill or a power cut, with a fault at any change of a file or
// any operation of the index. Between lives files are damaged, removed, or put
// back from an earlier moment. After each opening everything is held against a
// model in memory and against what an auditor finds in the files. DESIGN.md
// beside this file lists faults and what must be true after each.
//
// It is for developers and for CI; it is no part of the product.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
)

const usage = `Run ledgers from seeds, break everything around them, and check that nothing
acknowledged is lost and nothing changed goes unnoticed.

  go run ./cmd/internal/faults [-runs N] [-pairs N] [-seed S] [-workers W] [-json] [-trace]

Each run prints nothing; at the end comes a summary. A finding is printed with the
seed, the command that repeats it, and what was injected.

Exit status: 0 nothing found, 1 findings, 2 it could not run.

Example: one run again, with all that happens in it
  go run ./cmd/internal/faults -runs 1 -seed 4711 -trace

`

// flags are the command line.
type flags struct {
	runs    int
	seed    uint64
	workers int
	json    bool
	trace   bool
	one     bool   // run one seed here; what the runs' own processes are given
	pairs   int    // how often every pair of kinds of faults is run
	group   int    // with one: a part of the pairs, in place of an ordinary run
	serve   string // serve a ledger until killed
}

func parseFlags(args []string, stderr io.Writer) (*flags, error) {
	f := &flags{}
	set := flag.NewFlagSet("faults", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.IntVar(&f.runs, "runs", 100, "how many runs")
	set.Uint64Var(&f.seed, "seed", 1, "seed of the first run; the others count up from it")
	set.IntVar(&f.workers, "workers", runtime.GOMAXPROCS(0), "runs at the same time")
	set.BoolVar(&f.json, "json", false, "print the summary as JSON")
	set.BoolVar(&f.trace, "trace", false, "print what happened in every run")
	set.BoolVar(&f.one, "one", false, "internal: run the seed in this process, print its result as JSON")
	set.IntVar(&f.pairs, "pairs", 0, "how many times every pair of kinds of faults is run, too")
	set.IntVar(&f.group, "group", 0, "internal: with -one, the part of the pairs to run")
	set.StringVar(&f.serve, "serve", "", "internal: serve a ledger until killed")
	set.Usage = func() {
		fmt.Fprint(stderr, usage)
		set.PrintDefaults()
	}
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	if set.NArg() > 0 || f.runs < 0 || f.pairs < 0 || f.runs+f.pairs < 1 || f.workers < 1 {
		return nil, fmt.Errorf("faults: %d runs on %d workers, %d arguments left: see -help", f.runs, f.workers, set.NArg())
	}
	return f, nil
}

func main() {
	os.Exit(command(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func command(args []string, in io.Reader, out, stderr io.Writer) int {
	f, err := parseFlags(args, stderr)
	switch {
	case err == flag.ErrHelp:
		return 0
	case err != nil:
		fmt.Fprintln(stderr, err)
		return 2
	}
	switch {
	case f.serve != "":
		var s service
		if err = json.Unmarshal([]byte(f.serve), &s); err == nil {
			err = serve(s, in, out)
		}
	case f.one:
		err = json.NewEncoder(out).Encode(oneRun(f.seed, f.group, broken{}))
	default:
		return summarise(f, out, stderr)
	}
	if err != nil {
		fmt.Fprintln(stderr, "faults:", err)
		return 2
	}
	return 0
}

// summarise runs all seeds and prints what came of it.
func summarise(f *flags, out, stderr io.Writer) int {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	total := fleet{flags: f, stop: stop, progress: stderr}.run()
	write := total.writeWords
	if f.json {
		write = total.writeJSON
	}
	if err := write(out); err != nil {
		fmt.Fprintln(stderr, "faults:", err)
		return 2
	}
	return total.exitCode()
}

// self is this program again.
func self(args ...string) (*exec.Cmd, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return exec.Command(path, args...), nil
}

// oneRun is one run in this process, in a directory that it removes: lives with
// random faults or, with a group, a part of the pairs.
func oneRun(seed uint64, group int, b broken) result {
	base, err := os.MkdirTemp("", "faults-")
	if err != nil {
		return result{Seed: seed, Group: group, Finding: err.Error()}
	}
	defer os.RemoveAll(base)
	r, err := newRun(base, seed, b)
	r.result.Group = group
	switch {
	case err != nil:
	case group > 0:
		err = r.pairRun(group - 1)
	default:
		err = r.all()
	}
	if err != nil {
		r.hits()
		r.result.Finding = err.Error()
	}
	return r.result
}
