package main

import (
	"maps"
	"os"
	"path/filepath"
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
// renamed, or a metric.
func TestSuites_Exist(t *testing.T) {
	function := regexp.MustCompile(`^\^?(Benchmark\w+)\$`)
	for _, s := range suites {
		files, err := filepath.Glob(filepath.Join("../../..", s.pkg, "*_test.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no tests, %v", s.pkg, err)
		}
		var source strings.Builder
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			source.Write(text)
		}
		if name := function.FindStringSubmatch(s.bench)[1]; !strings.Contains(source.String(), "func "+name+"(b *testing.B)") {
			t.Errorf("%s has no %s", s.pkg, name)
		}
		for _, f := range s.figures {
			if !strings.Contains(source.String(), `"`+f.metric+`"`) {
				t.Errorf("%s reports no %s", s.pkg, f.metric)
			}
		}
	}
}
