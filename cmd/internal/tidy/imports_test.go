package tidy

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rule says what one package, or a tree of them ("x/..."), may import of ours.
type rule struct {
	of  string
	may []string
}

// formats are what business packages share with the ledger's pure side.
var formats = []string{"ledger/chain", "ledger/suite", "ledger/roster"}

// law is the import law; the first rule that fits a package counts.
// A package without a rule fails: it has no place in the life of an event yet.
var law = []rule{
	{"ledger/suite", nil},
	{"ledger/suite/...", []string{"ledger/suite"}}, // national cryptography, behind the same interface
	{"ledger/chain", []string{"ledger/suite"}},
	{"ledger/roster", []string{"ledger/chain", "ledger/suite"}},
	{"ledger/frame", []string{"ledger/chain"}},
	{"ledger/lock", nil}, // below all that keep files
	{"ledger/verify", judging("quick", "judge", "source", "verdict")},
	{"ledger/verify/verdict", judging()},
	{"ledger/verify/source", judging("verdict")},
	{"ledger/verify/judge", judging("source", "verdict")},
	{"ledger/verify/quick", judging("judge", "source", "verdict")},
	{"ledger/verify/follow", append(judging("source", "verdict"), "ledger/verify")},
	{"ledger/verify/offline", judging("verdict")},
	{"ledger/verify/*test", judging("verdict")}, // small logs, for tests only
	{"ledger", formats},
	{"ledger/book", []string{"ledger", "ledger/chain", "ledger/frame", "ledger/lock"}},
	{"ledger/backup", []string{"ledger", "ledger/book", "ledger/chain", "ledger/frame", "ledger/suite", "ledger/verify", "ledger/verify/source", "ledger/verify/verdict"}},
	{"ledger/index", []string{"ledger", "ledger/chain", "ledger/lock"}},
	{"ledger/tiles", []string{"ledger", "ledger/chain", "ledger/lock", "ledger/suite"}},
	{"ledger/keys", []string{"ledger/chain", "ledger/suite"}},
	{"ledger/*test", append([]string{"ledger", "ledger/keys"}, formats...)}, // conformance suites and small ledgers, for tests only: they sign

	{"events/bus/...", append([]string{"events/..."}, formats...)},
	{"events/sources/...", append([]string{"events/sources/..."}, business...)},
	{"events/...", business}, // nothing below asks the bus or a source

	// The pure formats are shared by all: projections fold the same roster as writer and verifier.
	{"projections", append([]string{"events/...", "ledger"}, formats...)},
	{"projections/*test", append([]string{"projections", "events/...", "ledger", "ledger/keys"}, formats...)}, // for tests only: it signs
	{"projections/...", append([]string{"projections", "events/..."}, formats...)},
	{"supervision/...", append([]string{"supervision/...", "projections/...", "events/...", "ledger"}, formats...)},
	{"cmd/...", []string{"..."}},
}

// judging is what a room of the verifier may use: the pure formats, and other rooms.
func judging(rooms ...string) []string {
	may := []string{"ledger/chain", "ledger/frame", "ledger/roster", "ledger/suite"}
	for _, room := range rooms {
		may = append(may, "ledger/verify/"+room)
	}
	return may
}

// business is what every package of events may use: the words, not the doors.
var business = append([]string{"events", "events/catalogue/...", "events/ident/...", "events/money/..."}, formats...)

// free modules may be imported wherever they are needed, except in std-only packages.
var free = []string{"github.com/go-json-experiment/json", "golang.org/x/mod/sumdb/note", "golang.org/x/text"}

// stdOnly packages import the standard library and ours, nothing else.
var stdOnly = []string{"ledger/suite"}

// homes gives each third-party module, by prefix of the import path, the packages it may appear in.
var homes = []rule{
	{"github.com/ThreeDotsLabs/watermill", []string{"events/bus/..."}},
	{"github.com/nats-io", []string{"events/bus/..."}},
	{"github.com/dgraph-io/badger", []string{"ledger/index"}},
	{"github.com/hashicorp/go-memdb", []string{"projections/..."}},
	{"github.com/danielgtaylor/huma", []string{"supervision/httpapi"}},
	{"github.com/transparency-dev/merkle", []string{"ledger/chain"}},
	{"github.com/transparency-dev/formats", []string{"ledger/chain"}},
	{"github.com/google/uuid", []string{"events/...", "cmd/..."}},
	{"github.com/klauspost/compress", []string{"ledger/tiles"}},
	{"github.com/spf13/cobra", []string{"cmd/..."}},
	{"github.com/spf13/pflag", []string{"cmd/..."}},
	{"github.com/cheggaaa/pb", []string{"cmd/..."}},
	{"github.com/jedib0t/go-pretty", []string{"cmd/..."}},
	{"github.com/rogpeppe/go-internal", []string{"cmd/..."}},
	{"github.com/prometheus/client_golang", []string{"cmd/civicledger"}},
}

// within says whether a package fits a pattern: exact, "x/..." for x and all below, "x/*test" by name.
func within(pkg, pattern string) bool {
	if pattern == "..." {
		return true
	}
	if below, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == below || strings.HasPrefix(pkg, below+"/")
	}
	fits, err := path.Match(pattern, pkg)
	return err == nil && fits
}

func withinAny(pkg string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return within(pkg, p) })
}

func ruleOf(pkg string, rules []rule) (rule, bool) {
	i := slices.IndexFunc(rules, func(r rule) bool { return within(pkg, r.of) })
	if i < 0 {
		return rule{}, false
	}
	return rules[i], true
}

// local strips the module from an import path of ours.
func local(imported string) (string, bool) {
	if imported == module {
		return ".", true
	}
	return strings.CutPrefix(imported, module+"/")
}

// isStd: only the standard library has no dot in its first element.
func isStd(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

// eachImport calls say with every import of the files and reports what it answers.
func eachImport(files []*file, say func(f *file, imported string) string) []problem {
	var problems []problem
	for _, f := range files {
		for _, spec := range f.ast.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				problems = append(problems, f.problemf(spec.Pos(), "import path %s: %v", spec.Path.Value, err))
				continue
			}
			if what := say(f, imported); what != "" {
				problems = append(problems, f.problemf(spec.Pos(), "%s", what))
			}
		}
	}
	return problems
}

// checkImportLaw: main code follows the table; tests may see more, but nobody sees cmd.
func checkImportLaw(files []*file) []problem {
	return eachImport(files, func(f *file, imported string) string {
		target, ours := local(imported)
		if !ours {
			return ""
		}
		if within(target, "cmd/...") && !within(f.pkg(), "cmd/...") {
			return fmt.Sprintf("%s imports %s: nobody imports cmd; move what is shared down to the package it is about", f.pkg(), target)
		}
		if f.isTest() {
			return ""
		}
		if strings.HasSuffix(target, "test") && !f.isSupport() {
			return fmt.Sprintf("%s imports %s outside a test: test support stays in _test.go files", f.pkg(), target)
		}
		r, ok := ruleOf(f.pkg(), law)
		if !ok {
			return fmt.Sprintf("package %s has no rule in the import law: settle its place in the design, then add it to the table law", f.pkg())
		}
		if !withinAny(target, r.may) {
			return fmt.Sprintf("%s may not import %s (it may import: %s): take an interface or move the code to where it belongs",
				f.pkg(), target, orNone(r.may))
		}
		return ""
	})
}

// checkHomes: main code keeps each third-party module in its one home.
func checkHomes(files []*file) []problem {
	return eachImport(files, func(f *file, imported string) string {
		if _, ours := local(imported); ours || isStd(imported) || f.isTest() {
			return ""
		}
		if slices.Contains(stdOnly, f.pkg()) {
			return fmt.Sprintf("%s imports %s: this package is standard library only", f.pkg(), imported)
		}
		if slices.ContainsFunc(free, func(p string) bool { return within(imported, p+"/...") }) {
			return ""
		}
		i := slices.IndexFunc(homes, func(r rule) bool { return within(imported, r.of+"/...") })
		if i < 0 {
			return fmt.Sprintf("%s has no home yet: choose the one package that wraps it and add it to the table homes", imported)
		}
		if !withinAny(f.pkg(), homes[i].may) {
			return fmt.Sprintf("%s imports %s, whose home is %s: ask that package instead", f.pkg(), imported, orNone(homes[i].may))
		}
		return ""
	})
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "nothing of ours"
	}
	return strings.Join(list, ", ")
}

func TestImportLaw(t *testing.T) { report(t, checkImportLaw(mustTree(t))) }

func TestHomes(t *testing.T) { report(t, checkHomes(mustTree(t))) }

func TestImportLaw_Examples(t *testing.T) {
	imports := func(what string) string { return "package x\n\nimport _ \"" + what + "\"\n" }
	tryExamples(t, checkImportLaw, []example{
		{"evidence on business words", map[string]string{"ledger/seal.go": imports("civicledger/events")}, "ledger/seal.go:3: ledger may not import events"},
		{"format on writer", map[string]string{"ledger/chain/x.go": imports("civicledger/ledger")}, "ledger/chain may not import ledger"},
		{"suite on chain", map[string]string{"ledger/suite/x.go": imports("civicledger/ledger/chain")}, "nothing of ours"},
		{"verifier on store", map[string]string{"ledger/verify/x.go": imports("civicledger/ledger/book")}, "may not import ledger/book"},
		{"judge on quick way", map[string]string{"ledger/verify/judge/x.go": imports("civicledger/ledger/verify/quick")}, "may not import ledger/verify/quick"},
		{"verifier on commands", map[string]string{"ledger/verify/x.go": imports("civicledger/cmd/internal/auditor")}, "nobody imports cmd"},
		{"catalogue on bus", map[string]string{"events/catalogue/x.go": imports("civicledger/events/bus")}, "may not import events/bus"},
		{"projection on projection", map[string]string{"projections/funds/x.go": imports("civicledger/projections/credit")}, "may not import projections/credit"},
		{"supervision on bus is allowed", map[string]string{"supervision/x.go": imports("civicledger/events/bus")}, ""},
		{"supervision on book", map[string]string{"supervision/x.go": imports("civicledger/ledger/book")}, "may not import ledger/book"},
		{"anybody on cmd", map[string]string{"projections/x.go": imports("civicledger/cmd/internal/y")}, "nobody imports cmd"},
		{"a test on cmd", map[string]string{"events/x_test.go": imports("civicledger/cmd/civicledger")}, "nobody imports cmd"},
		{"a package from nowhere", map[string]string{"ledger/attic/x.go": imports("civicledger/ledger")}, "no rule in the import law"},
		{"test support in main code", map[string]string{"ledger/book/x.go": imports("civicledger/ledger/ledgertest")}, "test support stays"},
		{"test support itself", map[string]string{"ledger/ledgertest/x.go": imports("civicledger/ledger/roster")}, ""},
		{"a test sees more", map[string]string{"ledger/x_test.go": imports("civicledger/ledger/book")}, ""},
		{"cmd sees all", map[string]string{"cmd/civicledger/x.go": imports("civicledger/events/bus")}, ""},
	})
}

func TestHomes_Examples(t *testing.T) {
	imports := func(what string) string { return "package x\n\nimport _ \"" + what + "\"\n" }
	tryExamples(t, checkHomes, []example{
		{"badger leaks", map[string]string{"ledger/x.go": imports("github.com/dgraph-io/badger/v4")}, "ledger/x.go:3: ledger imports github.com/dgraph-io/badger/v4, whose home is ledger/index"},
		{"badger at home", map[string]string{"ledger/index/x.go": imports("github.com/dgraph-io/badger/v4")}, ""},
		{"nats leaks", map[string]string{"cmd/civicledger/x.go": imports("github.com/nats-io/nats.go")}, "whose home is events/bus"},
		{"memdb in a read model", map[string]string{"projections/funds/x.go": imports("github.com/hashicorp/go-memdb")}, ""},
		{"a module without home", map[string]string{"events/x.go": imports("github.com/pkg/errors")}, "has no home yet"},
		{"suite takes nothing", map[string]string{"ledger/suite/x.go": imports("github.com/go-json-experiment/json")}, "standard library only"},
		{"json is free", map[string]string{"ledger/roster/x.go": imports("github.com/go-json-experiment/json/jsontext")}, ""},
		{"note is free, its neighbours are not", map[string]string{"ledger/x.go": imports("golang.org/x/mod/sumdb/tlog")}, "has no home yet"},
		{"tests are exempt", map[string]string{"events/x_test.go": imports("pgregory.net/rapid")}, ""},
	})
}
