package tidy

import (
	"fmt"
	"go/ast"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// machinePath finds an absolute path of somebody's machine; an address (host/home/...) is none.
var machinePath = regexp.MustCompile("(^|[\\s\"'`(=,:])/(work|home|Users|farm|root)/")

// noteToSelf finds what belongs into an issue.
var noteToSelf = regexp.MustCompile(`\b(TODO|FIXME|XXX)\b`)

// sleepExceptions names the test files that may sleep, with the reason why no clock or channel will do.
var sleepExceptions = map[string]exception{}

// checkPaths refuses machine paths in any text of the repository.
func checkPaths(name, text string) []problem {
	var problems []problem
	for i, line := range strings.Split(text, "\n") {
		if found := machinePath.FindString(line); found != "" {
			problems = append(problems, problem{
				fmt.Sprintf("%s:%d", name, i+1),
				fmt.Sprintf("path of one machine (%s): make it relative to the repository, or a flag", strings.TrimSpace(found)),
			})
		}
	}
	return problems
}

// checkNotes refuses notes to self in comments.
func checkNotes(files []*file) []problem {
	var problems []problem
	for _, f := range files {
		for _, group := range f.ast.Comments {
			for _, c := range group.List {
				if found := noteToSelf.FindString(c.Text); found != "" {
					problems = append(problems, f.problemf(c.Pos(), "%s: do it, or file an issue", found))
				}
			}
		}
	}
	return problems
}

// checkSleeps refuses time.Sleep in tests, unless the exceptions name the file.
// Inside testing/synctest sleeping is waiting for a fake clock, and welcome.
func checkSleeps(files []*file, exceptions map[string]exception) []problem {
	var problems []problem
	needed := map[string]bool{}
	for _, f := range files {
		if !f.isTest() && !f.isSupport() {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if calls(f, call, "testing/synctest", "Test") {
				return false
			}
			if !calls(f, call, "time", "Sleep") {
				return true
			}
			if _, ok := exceptions[f.path]; ok {
				needed[f.path] = true
			} else {
				problems = append(problems, f.problemf(call.Pos(), "time.Sleep in a test: inject the clock, use testing/synctest, or wait on a channel"))
			}
			return true
		})
	}
	return append(problems, idle(exceptions, needed)...)
}

// calls says whether a call is pkg.name, whatever the file calls the package.
func calls(f *file, call *ast.CallExpr, pkg, name string) bool {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != name {
		return false
	}
	x, ok := sel.X.(*ast.Ident)
	return ok && slices.ContainsFunc(f.ast.Imports, func(spec *ast.ImportSpec) bool {
		imported, err := strconv.Unquote(spec.Path.Value)
		local := path.Base(imported)
		if spec.Name != nil {
			local = spec.Name.Name
		}
		return err == nil && imported == pkg && x.Name == local
	})
}

func TestPaths(t *testing.T) {
	top, err := root()
	if err != nil {
		t.Fatal(err)
	}
	all, err := paths()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(all, ".ci/run") {
		full := filepath.Join(top, filepath.FromSlash(name))
		info, err := os.Stat(full)
		if err != nil || info.Size() > 1<<20 {
			continue // gone, or a data file
		}
		text, err := os.ReadFile(full)
		if err != nil {
			t.Fatal(err)
		}
		if utf8.Valid(text) {
			report(t, checkPaths(name, string(text)))
		}
	}
}

func TestNotes(t *testing.T) { report(t, checkNotes(mustTree(t))) }

func TestSleeps(t *testing.T) { report(t, checkSleeps(mustTree(t), sleepExceptions)) }

func TestPaths_Examples(t *testing.T) {
	slash := "/" // so that these examples are not findings themselves
	expect(t, checkPaths("x.go", "ok\nopen(\""+slash+"home/me/x\")"), "x.go:2: path of one machine")
	expect(t, checkPaths("README.md", slash+"work/main"), "README.md:1")
	expect(t, checkPaths("x.go", "https://example.org"+slash+"home/page and a/home/b"), "")
	expect(t, checkPaths("x.go", "../shared/data"), "")
}

func TestNotes_Examples(t *testing.T) {
	tryExamples(t, checkNotes, []example{
		{"in a comment", map[string]string{"a/x.go": "package a\n\n// TODO: later\n"}, "a/x.go:3: TODO"},
		{"in a block comment of a test", map[string]string{"a/x_test.go": "package a\n\n/* FIXME */\n"}, "FIXME"},
		{"a currency is not a note", map[string]string{"a/x.go": "package a\n\nconst none = \"XXX\"\n"}, ""},
	})
}

func TestSleeps_Examples(t *testing.T) {
	check := func(files []*file) []problem { return checkSleeps(files, nil) }
	src := func(imports, body string) string {
		return "package a\n\n" + imports + "\nfunc f() {\n" + body + "\n}\n"
	}
	plain := src("import \"time\"\n", "time.Sleep(1)")
	tryExamples(t, check, []example{
		{"in a test", map[string]string{"a/x_test.go": plain}, "a/x_test.go:6: time.Sleep in a test"},
		{"under another name", map[string]string{"a/x_test.go": src("import clock \"time\"\n", "clock.Sleep(1)")}, "time.Sleep"},
		{"in test support", map[string]string{"ledger/ledgertest/x.go": plain}, "time.Sleep"},
		{"in main code", map[string]string{"a/x.go": plain}, ""},
		{"somebody else's Sleep", map[string]string{"a/x_test.go": src("", "clock.Sleep(1)")}, ""},
		{"in a bubble", map[string]string{"a/x_test.go": src("import \"time\"\nimport \"testing/synctest\"\n", "synctest.Test(t, func(t *testing.T) { time.Sleep(1) })")}, ""},
	})
	f, err := parse("a/x_test.go", plain)
	if err != nil {
		t.Fatal(err)
	}
	excused := map[string]exception{"a/x_test.go": {reason: "a real process"}}
	expect(t, checkSleeps([]*file{f}, excused), "")
	expect(t, checkSleeps(nil, excused), "no longer needed")
}
