package tidy

import (
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// topLevel is everything the repository's root may and must hold, beside dot-files.
var topLevel = []string{"Makefile", "README.md", "cmd", "events", "go.mod", "go.sum", "ledger", "projections", "supervision"}

// forbiddenPackages say nothing about what they hold.
var forbiddenPackages = []string{
	"util", "utils", "common", "helper", "helpers", "type", "types", "misc",
	"model", "models", "service", "services", "manager", "managers",
}

// forbiddenWords are refused as a word of an exported name.
var forbiddenWords = []string{"Manager", "Managers", "Processor", "Processors", "Util", "Utils"}

// checkTopLevel compares the root's names with topLevel.
func checkTopLevel(names []string) []problem {
	var problems []problem
	for _, name := range names {
		if !strings.HasPrefix(name, ".") && !slices.Contains(topLevel, name) {
			problems = append(problems, problem{name, "does not belong at the top level: put it beside the code it explains or serves"})
		}
	}
	for _, name := range topLevel {
		if !slices.Contains(names, name) {
			problems = append(problems, problem{name, "is missing at the top level"})
		}
	}
	return problems
}

// topNames asks git what is tracked; without a checkout it lists the directory, less what make leaves.
func topNames(top string) ([]string, error) {
	cmd := exec.Command("git", "ls-files", "-z")
	cmd.Dir = top
	_, err := os.Stat(filepath.Join(top, ".git", "index")) // also tells the test cache what we depend on
	if err == nil {
		var out []byte
		if out, err = cmd.Output(); err == nil && len(out) > 0 {
			return firstElements(strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")), nil
		}
	}
	entries, err := os.ReadDir(top)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.Name() != "bin" && e.Name() != "data" {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func firstElements(paths []string) []string {
	var names []string
	for _, p := range paths {
		first, _, _ := strings.Cut(p, "/")
		names = append(names, first)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// checkPackageComments wants one comment in every package that says what it is.
func checkPackageComments(files []*file) []problem {
	commented := map[string]bool{}
	first := map[string]*file{}
	var problems []problem
	for _, f := range files {
		if f.isTest() {
			continue
		}
		if first[f.pkg()] == nil || f.path < first[f.pkg()].path {
			first[f.pkg()] = f
		}
		if f.ast.Doc == nil {
			continue
		}
		commented[f.pkg()] = true
		opening, name := f.ast.Doc.Text(), f.ast.Name.Name
		if name != "main" && !strings.HasPrefix(opening, "Package "+name+" ") {
			problems = append(problems, f.problemf(f.ast.Package, "package comment does not begin with %q", "Package "+name+" "))
		}
	}
	for pkg, f := range first {
		if !commented[pkg] {
			problems = append(problems, f.problemf(f.ast.Package,
				"package %s has no package comment: say what it is, for whom, what it refuses and which spec it follows", pkg))
		}
	}
	return problems
}

// checkWords refuses names that could mean anything.
func checkWords(files []*file) []problem {
	var problems []problem
	for _, f := range files {
		if f.isTest() {
			continue
		}
		if name := f.ast.Name.Name; slices.Contains(forbiddenPackages, strings.TrimSuffix(name, "test")) {
			problems = append(problems, f.problemf(f.ast.Name.Pos(), "package name %s says nothing: name it after what it holds", name))
		}
		for _, id := range exported(f.ast) {
			if word := forbiddenWord(id.Name); word != "" {
				problems = append(problems, f.problemf(id.Pos(), "%s contains %s: use a noun for the thing or a verb for the effect", id.Name, word))
			}
		}
	}
	return problems
}

// exported lists the exported names a file declares: top level, methods, fields.
func exported(tree *ast.File) []*ast.Ident {
	var found []*ast.Ident
	keep := func(ids ...*ast.Ident) {
		for _, id := range ids {
			if id.IsExported() {
				found = append(found, id)
			}
		}
	}
	for _, decl := range tree.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			keep(d.Name)
		case *ast.GenDecl:
			if d.Tok != token.IMPORT {
				keep(declared(d)...)
			}
		}
	}
	return found
}

// declared lists the names of a const, var or type declaration, fields and interface methods included.
func declared(d *ast.GenDecl) []*ast.Ident {
	var ids []*ast.Ident
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ValueSpec:
			ids = append(ids, n.Names...)
			return false
		case *ast.TypeSpec:
			ids = append(ids, n.Name)
		case *ast.FuncType:
			return false // parameters are not fields
		case *ast.Field:
			ids = append(ids, n.Names...)
		}
		return true
	})
	return ids
}

// forbiddenWord finds a forbidden word in a camel-case name; Utilisation is a word of its own.
func forbiddenWord(name string) string {
	for _, word := range forbiddenWords {
		for at := 0; ; {
			i := strings.Index(name[at:], word)
			if i < 0 {
				break
			}
			at += i + len(word)
			if at == len(name) || !unicode.IsLower(rune(name[at])) {
				return word
			}
		}
	}
	return ""
}

func TestTopLevel(t *testing.T) {
	top, err := root()
	if err != nil {
		t.Fatal(err)
	}
	names, err := topNames(top)
	if err != nil {
		t.Fatal(err)
	}
	report(t, checkTopLevel(names))
}

func TestPackageComments(t *testing.T) { report(t, checkPackageComments(mustTree(t))) }

func TestWords(t *testing.T) { report(t, checkWords(mustTree(t))) }

func TestTopLevel_Examples(t *testing.T) {
	expect(t, checkTopLevel(append([]string{".gitignore", ".ci"}, topLevel...)), "")
	expect(t, checkTopLevel(append([]string{"docs"}, topLevel...)), "docs: does not belong")
	expect(t, checkTopLevel(topLevel[1:]), "Makefile: is missing")
	got := fmt.Sprint(firstElements([]string{"cmd/a/b.go", ".gitignore", "cmd/c.go", "go.mod"}))
	if want := "[.gitignore cmd go.mod]"; got != want {
		t.Errorf("first elements %s, want %s", got, want)
	}
}

func TestTopNames_WithoutCheckout(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"bin", "data", "cmd"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	names, err := topNames(dir)
	if err != nil || fmt.Sprint(names) != "[cmd]" {
		t.Errorf("names %v, %v; want [cmd]", names, err)
	}
}

func TestPackageComments_Examples(t *testing.T) {
	tryExamples(t, checkPackageComments, []example{
		{"none", map[string]string{"a/x.go": "package a\n", "a/x_test.go": "// Package a is.\npackage a\n"}, "a/x.go:1: package a has no package comment"},
		{"in one of two files", map[string]string{"a/x.go": "package a\n", "a/y.go": "// Package a is.\npackage a\n"}, ""},
		{"about something else", map[string]string{"a/x.go": "// Copyright.\npackage a\n"}, `does not begin with "Package a "`},
		{"a command without", map[string]string{"cmd/a/x.go": "package main\n"}, "no package comment"},
		{"a command with", map[string]string{"cmd/a/x.go": "// A does it.\npackage main\n"}, ""},
	})
}

func TestWords_Examples(t *testing.T) {
	tryExamples(t, checkWords, []example{
		{"package", map[string]string{"a/x.go": "package helpers\n"}, "a/x.go:1: package name helpers"},
		{"package for tests of nothing", map[string]string{"a/x.go": "package utiltest\n"}, "package name utiltest"},
		{"type", map[string]string{"a/x.go": "package a\n\ntype EventManager struct{}\n"}, "a/x.go:3: EventManager contains Manager"},
		{"method", map[string]string{"a/x.go": "package a\n\nfunc (t) ProcessorFor() {}\n"}, "contains Processor"},
		{"field", map[string]string{"a/x.go": "package a\n\ntype t struct{ LogUtil int }\n"}, "contains Util"},
		{"interface method", map[string]string{"a/x.go": "package a\n\ntype t interface{ Manager(X int) }\n"}, "contains Manager"},
		{"constant", map[string]string{"a/x.go": "package a\n\nconst URLUtils = 1\n"}, "contains Utils"},
		{"a longer word", map[string]string{"a/x.go": "package a\n\nvar Utilisation, Management int\n"}, ""},
		{"unexported and local", map[string]string{"a/x.go": "package a\n\nvar theManager = func(Manager int) {}\n"}, ""},
	})
}
