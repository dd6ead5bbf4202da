package tidy

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// auditorLinks is all that the auditor's binary is made of beside the standard library: our packages
// and whole third-party modules. Whoever lengthens it makes every auditor read more; say why in the commit.
var auditorLinks = []string{
	"civicledger/cmd/civicverify",
	"civicledger/cmd/internal/auditor",
	"civicledger/ledger/chain",
	"civicledger/ledger/frame",
	"civicledger/ledger/roster",
	"civicledger/ledger/suite",
	"civicledger/ledger/verify",
	"civicledger/ledger/verify/follow",
	"civicledger/ledger/verify/judge",
	"civicledger/ledger/verify/offline",
	"civicledger/ledger/verify/quick",
	"civicledger/ledger/verify/source",
	"civicledger/ledger/verify/verdict",
	"module github.com/go-json-experiment/json",
	"module github.com/transparency-dev/merkle",
	"module golang.org/x/mod",
}

// linkedFormat prints a package of ours, or the module of somebody else's.
const linkedFormat = `{{if .Module}}{{if .Module.Main}}{{.ImportPath}}{{else}}module {{.Module.Path}}{{end}}{{end}}`

// linked lists what a package is made of, sorted, each once.
func linked(top, pkg string) ([]string, error) {
	cmd := exec.Command("go", "list", "-deps", "-f", linkedFormat, pkg)
	cmd.Dir = top
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list %s: %w\n%s", pkg, err, stderr.Bytes())
	}
	lines := strings.Fields(strings.ReplaceAll(string(out), "module ", "module\x00"))
	for i := range lines {
		lines[i] = strings.ReplaceAll(lines[i], "\x00", " ")
	}
	slices.Sort(lines)
	return slices.Compact(lines), nil
}

// checkLinked compares what is linked with what is pinned and, where they differ, prints the list to pin.
func checkLinked(actual, pinned []string) []problem {
	const where = "cmd/civicverify"
	var problems []problem
	for _, name := range actual {
		if !slices.Contains(pinned, name) {
			problems = append(problems, problem{where, "links " + name + ", which auditors did not have to read before: drop the import"})
		}
	}
	for _, name := range pinned {
		if !slices.Contains(actual, name) {
			problems = append(problems, problem{where, "no longer links " + name + ": remove it from auditorLinks"})
		}
	}
	if len(problems) > 0 {
		list := fmt.Sprintf("%q", actual)
		list = strings.ReplaceAll(strings.Trim(list, "[]"), `" "`, "\",\n\t\"")
		problems = append(problems, problem{where, "if this is meant, auditorLinks is:\n\t" + list + ","})
	}
	return problems
}

func TestAuditorLinks(t *testing.T) {
	mustTree(t) // reading every file tells the test cache what go list depends on
	top, err := root()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(top, "cmd", "civicverify")); os.IsNotExist(err) {
		t.Skip("cmd/civicverify does not exist yet")
	}
	actual, err := linked(top, "./cmd/civicverify")
	if err != nil {
		t.Fatal(err)
	}
	report(t, checkLinked(actual, auditorLinks))
}

func TestAuditorLinks_Examples(t *testing.T) {
	expect(t, checkLinked([]string{"a", "module b"}, []string{"a", "module b"}), "")
	expect(t, checkLinked([]string{"a", "module b"}, []string{"a"}), "links module b")
	expect(t, checkLinked([]string{"a"}, []string{"a", "module b"}), "no longer links module b")
	expect(t, checkLinked([]string{"a", "module b"}, nil), "\"a\",\n\t\"module b\",")
}

func TestLinked_NamesPackagesAndModules(t *testing.T) {
	top, err := root()
	if err != nil {
		t.Fatal(err)
	}
	got, err := linked(top, "./ledger/chain")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"civicledger/ledger/chain", "civicledger/ledger/suite", "module golang.org/x/mod"} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is missing in %q", want, got)
		}
	}
}
