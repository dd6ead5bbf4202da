package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"civicledger/ledger"
	"civicledger/ledger/chain"
)

// variable makes the test binary the program itself, so that runs and children
// have processes of their own.
const variable = "CIVICLEDGER_FAULTS_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(variable) != "" {
		os.Exit(command(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	if err := os.Setenv(variable, "1"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// A few seeds, as make test has time for; make faults runs more.
func TestFaults(t *testing.T) {
	var out, stderr bytes.Buffer
	if code := command([]string{"-runs", "6", "-seed", "1", "-json"}, nil, &out, &stderr); code != 0 {
		t.Fatalf("exit %d: %s%s", code, &out, &stderr)
	}
	var s summary
	if err := json.Unmarshal(out.Bytes(), &s); err != nil {
		t.Fatal(err)
	}
	if s.Format != "civicledger faults v1" || s.Runs != 6 || s.Lives < 12 || len(s.Faults) < 5 || s.Entries < 100 {
		t.Errorf("the runs came to little: %+v", s)
	}
}

// The same seed is the same run.
func TestFaults_Repeat(t *testing.T) {
	for _, seed := range []uint64{3, 11} {
		first, again := oneRun(seed, 0, broken{}), oneRun(seed, 0, broken{})
		if first.Finding != "" || len(first.Trace) == 0 {
			t.Fatalf("seed %d: %s", seed, first.Finding)
		}
		a, b := strings.Join(first.Trace, "\n"), strings.Join(again.Trace, "\n")
		if clean(a) != clean(b) || first.Entries != again.Entries {
			t.Errorf("seed %d went\n%s\nand then\n%s", seed, a, b)
		}
	}
}

var (
	ownDirectory = regexp.MustCompile(regexp.QuoteMeta(os.TempDir()) + `/?[^/\s]*`)
	inBadgersLog = regexp.MustCompile(`\d+( of \d+\.mem)`)
	inTheIndex   = regexp.MustCompile(`(?m)^(index [^:]+):.*$`)
)

// clean takes out of a trace what a seed does not decide: the names of temporary
// directories, how long Badger's own log was, and which files of the index there
// are, which say in how many steps its follower gave it the same.
func clean(trace string) string {
	trace = inTheIndex.ReplaceAllString(trace, "$1")
	return inBadgersLog.ReplaceAllString(ownDirectory.ReplaceAllString(trace, ""), "$1")
}

// wrongIndex answers look-ups as if nothing were on the log.
type wrongIndex struct{ ledger.Index }

func (wrongIndex) Lookup([]chain.EventKey) (map[chain.EventKey]uint64, error) { return nil, nil }

// What is built in as broken is found, within fewer runs than make faults does.
func TestFaults_FindWhatIsBroken(t *testing.T) {
	within := 60
	for name, c := range map[string]struct {
		broken broken
		says   []string // one of them
	}{
		"acknowledged before it is durable": {
			broken{lyingSyncs: true},
			[]string{"not on the log", "entries are missing", "the book ends here", "the index holds", "is not what it was", "does not open", "has a receipt"},
		},
		"an index that loses the subjects of a batch": {
			broken{batch: func(b *ledger.IndexBatch) *ledger.IndexBatch {
				lost := *b
				lost.Subjects = nil
				return &lost
			}},
			[]string{"timeline of"},
		},
		"an index that loses tiles": {
			broken{batch: func(b *ledger.IndexBatch) *ledger.IndexBatch {
				lost := *b
				lost.Tiles = nil
				return &lost
			}},
			[]string{"tile 0/0", "delete the index directory"},
		},
		"an index that forgets what was said": {
			broken{index: func(x ledger.Index) ledger.Index { return wrongIndex{x} }},
			[]string{"event key", "has a receipt", "now a receipt for", "the index finds"},
		},
		"a start that does not mind that the book is too short": {
			broken{careless: true},
			[]string{"it starts, with"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(within) {
				finding := oneRun(seed+1, 0, c.broken).Finding
				if finding == "" {
					continue
				}
				for _, s := range c.says {
					if strings.Contains(finding, s) {
						t.Logf("seed %d: %.300s", seed+1, finding)
						return
					}
				}
				t.Fatalf("seed %d: another finding: %s", seed+1, finding)
			}
			t.Errorf("not found in %d runs", within)
		})
	}
}

func TestCommand_Usage(t *testing.T) {
	for args, want := range map[string]int{"-help": 0, "-runs 0": 2, "-seed x": 2, "one more": 2} {
		var out, stderr bytes.Buffer
		if code := command(strings.Fields(args), nil, &out, &stderr); code != want || out.Len() > 0 || stderr.Len() == 0 {
			t.Errorf("%s: exit %d, want %d: %s", args, code, want, &stderr)
		}
	}
}

// A finding is told with the command that repeats it.
func TestSummary_Words(t *testing.T) {
	s := &summary{Seed: 5, Faults: map[string]int{}, Refusals: map[string]int{}}
	s.add(result{Seed: 6, Lives: 2, Faults: map[string]int{"kill": 1}, Finding: "entry 3 is gone", Trace: []string{"killed at 4"}}, false)
	var out bytes.Buffer
	if err := s.writeWords(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"seed 6: entry 3 is gone", "go run ./cmd/internal/faults -runs 1 -seed 6 -trace", "killed at 4", fmt.Sprintf("%7d  kill", 1)} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, &out)
		}
	}
	if s.exitCode() != 1 {
		t.Errorf("exit %d", s.exitCode())
	}
}
