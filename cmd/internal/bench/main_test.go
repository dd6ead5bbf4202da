package main

import (
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestCollect(t *testing.T) {
	values := map[string][]float64{}
	for _, line := range []string{
		"goos: linux",
		"BenchmarkRun-2 \t 3\t 682512581 ns/op\t 178.72 MB/s\t 0.06588 of-sha256",
		"    bench_test.go:12: Benchmark of nothing at all",
		"BenchmarkRun",
		"BenchmarkRun-2 \t 3\t 582512581 ns/op\t 0.27 of-sha256",
		"PASS",
	} {
		collect(values, line)
	}
	if got := values["of-sha256"]; !slices.Equal(got, []float64{0.06588, 0.27}) {
		t.Errorf("of-sha256: %v", got)
	}
	if got := slices.Sorted(maps.Keys(values)); !slices.Equal(got, []string{"MB/s", "ns/op", "of-sha256"}) {
		t.Errorf("metrics %v", got)
	}
}

// The table names benchmarks of other packages: it must notice when one is
// renamed.
func TestSuites_Exist(t *testing.T) {
	function := regexp.MustCompile(`^\^?(Benchmark\w+)\$?`)
	for _, s := range suites {
		name := function.FindStringSubmatch(s.bench)[1]
		cmd := exec.Command("go", "test", "-list", "^"+name+"$", s.pkg)
		cmd.Dir = "../../.."
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), name+"\n") {
			t.Errorf("%s has no %s: %v\n%s", s.pkg, name, err, out)
		}
	}
}
