package tidy

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// module is the path in go.mod.
const module = "civicledger"

// file is one parsed Go file; path is slash-separated from the repository root.
type file struct {
	path string
	src  string
	fset *token.FileSet
	ast  *ast.File
}

// problem is one breach: where, what, and how to cure it.
type problem struct {
	where string // path or path:line
	what  string
}

func (p problem) String() string { return p.where + ": " + p.what }

// pkg is the import path of the file's directory below the module: "ledger/chain".
func (f *file) pkg() string { return path.Dir(f.path) }

// isTest says whether the file is only compiled for tests.
func (f *file) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }

// isSupport says whether the file belongs to a package that exists for tests, as ledger/ledgertest.
func (f *file) isSupport() bool {
	return strings.HasSuffix(f.pkg(), "test") && f.pkg() != "test"
}

func (f *file) line(pos token.Pos) int { return f.fset.Position(pos).Line }

func (f *file) problemf(pos token.Pos, format string, args ...any) problem {
	return problem{fmt.Sprintf("%s:%d", f.path, f.line(pos)), fmt.Sprintf(format, args...)}
}

// parse reads one file as it would stand at that path.
func parse(name, src string) (*file, error) {
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	return &file{path: name, src: src, fset: fset, ast: tree}, nil
}

// root is the directory of go.mod, upwards from where the test runs.
var root = sync.OnceValues(func() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no go.mod above the test's directory")
		}
		dir = filepath.Dir(dir)
	}
})

// paths lists the repository's files, without dot-directories and what building and running leave.
var paths = sync.OnceValues(func() ([]string, error) {
	top, err := root()
	if err != nil {
		return nil, err
	}
	var found []string
	err = filepath.WalkDir(top, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(top, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if !d.IsDir() {
			found = append(found, rel)
			return nil
		}
		if rel == "bin" || rel == "data" || rel != "." && strings.HasPrefix(path.Base(rel), ".") {
			return fs.SkipDir
		}
		return nil
	})
	return found, err
})

// nested says whether a file belongs to a module of its own below ours: what it
// imports never enters go.mod, and our import law does not reach it.
func nested(top, name string) bool {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if _, err := os.Stat(filepath.Join(top, filepath.FromSlash(dir), "go.mod")); err == nil {
			return true
		}
	}
	return false
}

// parsed is every Go file of the module, tests included, testdata and modules
// below it not.
var parsed = sync.OnceValues(func() ([]*file, error) {
	top, err := root()
	if err != nil {
		return nil, err
	}
	all, err := paths()
	if err != nil {
		return nil, err
	}
	var files []*file
	for _, name := range all {
		if !strings.HasSuffix(name, ".go") || slices.Contains(strings.Split(name, "/"), "testdata") || nested(top, name) {
			continue
		}
		src, err := os.ReadFile(filepath.Join(top, filepath.FromSlash(name)))
		if err != nil {
			return nil, err
		}
		f, err := parse(name, string(src))
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
})

func mustTree(t *testing.T) []*file {
	t.Helper()
	files, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no Go files found: the checks would pass on nothing")
	}
	return files
}

func report(t *testing.T, problems []problem) {
	t.Helper()
	for _, p := range problems {
		t.Error(p)
	}
}

// example is a small tree, by path, and what the check must say about it; want "" means nothing.
type example struct {
	name  string
	files map[string]string
	want  string
}

// tryExamples proves that a check can fail, and that it lets pass what it should.
func tryExamples(t *testing.T, check func([]*file) []problem, examples []example) {
	t.Helper()
	for _, ex := range examples {
		t.Run(ex.name, func(t *testing.T) {
			var files []*file
			for name, src := range ex.files {
				f, err := parse(name, src)
				if err != nil {
					t.Fatal(err)
				}
				files = append(files, f)
			}
			expect(t, check(files), ex.want)
		})
	}
}

func expect(t *testing.T, got []problem, want string) {
	t.Helper()
	if want == "" {
		report(t, got)
		return
	}
	for _, p := range got {
		if strings.Contains(p.String(), want) {
			return
		}
	}
	t.Errorf("want a problem with %q, got %v", want, got)
}
