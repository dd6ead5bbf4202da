package tidy

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// The budgets. Taste is in the tail: medians are good everywhere.
const (
	functionLinesMax = 70
	functionLinesP90 = 40
	nestingMax       = 4
	fileLinesMax     = 800
	fileLinesP90     = 450
)

// exception lets one measured thing exceed its budget up to a limit, for a reason.
// It is a ratchet: it fails as soon as the thing fits its budget again.
type exception struct {
	atMost int
	reason string
}

// sizeExceptions by the name of the measure, as the failing check prints it:
// "ledger/seal.go seal lines", "ledger/seal.go seal nesting", "ledger/seal.go lines".
var sizeExceptions = map[string]exception{}

// measure is one number held against a budget.
type measure struct {
	name   string // key of the exceptions table
	where  string
	value  int
	budget int
	cure   string
}

// hold compares measures with budgets and exceptions, both ways.
func hold(measures []measure, exceptions map[string]exception) []problem {
	var problems []problem
	needed := map[string]bool{}
	for _, m := range measures {
		ex, excepted := exceptions[m.name]
		switch {
		case m.value <= m.budget:
		case !excepted:
			problems = append(problems, problem{m.where, fmt.Sprintf("%s: %d, budget %d: %s", m.name, m.value, m.budget, m.cure)})
		case m.value > ex.atMost:
			needed[m.name] = true
			problems = append(problems, problem{m.where, fmt.Sprintf("%s: %d, its exception allows %d: %s", m.name, m.value, ex.atMost, m.cure)})
		default:
			needed[m.name] = true
		}
	}
	return append(problems, idle(exceptions, needed)...)
}

// idle reports exceptions that are no longer needed, or give no reason.
func idle(exceptions map[string]exception, needed map[string]bool) []problem {
	var problems []problem
	for name, ex := range exceptions {
		if !needed[name] {
			problems = append(problems, problem{"cmd/internal/tidy", fmt.Sprintf("exception %q is no longer needed: remove it", name)})
		}
		if strings.TrimSpace(ex.reason) == "" {
			problems = append(problems, problem{"cmd/internal/tidy", fmt.Sprintf("exception %q gives no reason", name)})
		}
	}
	return problems
}

// measureSizes measures main code in full, and the files of tests by their length alone.
func measureSizes(files []*file) []measure {
	var all []measure
	var functions, lengths []int
	for _, f := range files {
		n := strings.Count(f.src, "\n")
		all = append(all, measure{f.path + " lines", f.path, n, fileLinesMax, "split it by duty"})
		if f.isTest() || f.isSupport() {
			continue
		}
		lengths = append(lengths, n)
		for _, fn := range functionsOf(f) {
			where := fmt.Sprintf("%s:%d", f.path, fn.line)
			functions = append(functions, fn.lines)
			all = append(
				all,
				measure{f.path + " " + fn.name + " lines", where, fn.lines, functionLinesMax, "give its steps names of their own"},
				measure{f.path + " " + fn.name + " nesting", where, fn.nesting, nestingMax, "return early or name the inner step"},
			)
		}
	}
	return append(
		all,
		measure{"function lines p90", "all main code", p90(functions), functionLinesP90, "shorten the longest tenth of functions"},
		measure{"file lines p90", "all main code", p90(lengths), fileLinesP90, "split the longest tenth of files"},
	)
}

// p90 by nearest rank: nine tenths of the values are not above it.
func p90(values []int) int {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)*9+9)/10-1]
}

// function is what is measured of one function.
type function struct {
	name    string
	line    int
	lines   int // from func to the closing brace
	nesting int
}

// functionsOf lists declared functions, and function literals that stand in package variables.
func functionsOf(f *file) []function {
	var found []function
	add := func(name string, n ast.Node, body *ast.BlockStmt) {
		first := f.line(n.Pos())
		found = append(found, function{name, first, f.line(body.Rbrace) - first + 1, nesting(body)})
	}
	for _, decl := range f.ast.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok {
			if fn.Body != nil {
				add(receiver(fn)+fn.Name.Name, funcKeyword{fn}, fn.Body)
			}
			continue
		}
		ast.Inspect(decl, func(n ast.Node) bool {
			lit, ok := n.(*ast.FuncLit)
			if ok {
				add(fmt.Sprintf("func@%d", f.line(lit.Pos())), lit, lit.Body)
			}
			return !ok
		})
	}
	return found
}

// receiver is "Log." for a method of Log or *Log.
func receiver(fn *ast.FuncDecl) string {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return ""
	}
	expr := fn.Recv.List[0].Type
	for {
		switch e := expr.(type) {
		case *ast.StarExpr:
			expr = e.X
		case *ast.IndexExpr:
			expr = e.X
		case *ast.IndexListExpr:
			expr = e.X
		case *ast.Ident:
			return e.Name + "."
		default:
			return "?."
		}
	}
}

// nesting is the deepest block of a body: each if, for, switch, select and function literal is one level;
// else and else-if stand beside their if, and a case counts with its switch.
func nesting(body *ast.BlockStmt) int {
	deepest := 0
	var walk func(n ast.Node, depth int)
	children := func(n ast.Node, depth int) {
		ast.Inspect(n, func(c ast.Node) bool {
			if c == nil || c == n {
				return c != nil
			}
			walk(c, depth)
			return false
		})
	}
	walk = func(n ast.Node, depth int) {
		deepest = max(deepest, depth)
		switch n := n.(type) {
		case *ast.IfStmt:
			walkIf(n, depth, walk)
		case *ast.ForStmt, *ast.RangeStmt, *ast.SwitchStmt, *ast.TypeSwitchStmt, *ast.SelectStmt, *ast.FuncLit:
			deepest = max(deepest, depth+1)
			children(n, depth+1)
		default:
			children(n, depth)
		}
	}
	walk(body, 0)
	return deepest
}

// walkIf visits an if and the chain of its else branches, all on one level.
func walkIf(n *ast.IfStmt, depth int, walk func(ast.Node, int)) {
	if n.Init != nil {
		walk(n.Init, depth)
	}
	walk(n.Cond, depth)
	walk(n.Body, depth+1)
	switch other := n.Else.(type) {
	case *ast.IfStmt:
		walkIf(other, depth, walk)
	case *ast.BlockStmt:
		walk(other, depth+1)
	}
}

// funcKeyword places a declaration at its func keyword, without its comment.
type funcKeyword struct{ *ast.FuncDecl }

func checkSizes(files []*file) []problem { return hold(measureSizes(files), nil) }

func TestSizes(t *testing.T) { report(t, hold(measureSizes(mustTree(t)), sizeExceptions)) }

func TestSizes_Examples(t *testing.T) {
	fn := func(lines int) string { return "func f() {\n" + strings.Repeat("\n", lines-2) + "}\n" }
	deep := func(open string, levels int) string {
		return "package a\n\nfunc (l *Log[T]) f() {\n" + strings.Repeat(open+" {\n", levels) + strings.Repeat("}\n", levels) + "}\n"
	}
	elseIf := "package a\n\nfunc f() {\nif a {\n}" + strings.Repeat(" else if a {\n}", 9) + "\n}\n"
	cases := "package a\n\nfunc f() {\nfor {\nfor {\nfor {\nswitch {\ncase a:\ng()\ndefault:\ng()\n}\n}\n}\n}\n}\n"
	tryExamples(t, checkSizes, []example{
		{"longest function", map[string]string{"a/x.go": "package a\n\n" + fn(71)}, "a/x.go:3: a/x.go f lines: 71, budget 70"},
		{"a tenth too long", map[string]string{"a/x.go": "package a\n\n" + fn(41)}, "function lines p90: 41"},
		{"within", map[string]string{"a/x.go": "package a\n\n// f has a comment,\n// not counted.\n" + fn(40)}, ""},
		{"in a variable", map[string]string{"a/x.go": "package a\n\nvar x = func() {\n" + strings.Repeat("\n", 70) + "}\n"}, "func@3 lines: 72"},
		{"long test function", map[string]string{"a/x_test.go": "package a\n\n" + fn(200)}, ""},
		{"long conformance test", map[string]string{"ledger/ledgertest/x.go": "package a\n\n" + fn(200)}, ""},
		{"long test file", map[string]string{"a/x_test.go": "package a\n" + strings.Repeat("\n", 800)}, "a/x_test.go lines: 801"},
		{"long file", map[string]string{"a/x.go": "package a\n" + strings.Repeat("\n", 450)}, "file lines p90: 451"},
		{"nested for", map[string]string{"a/x.go": deep("for", 5)}, "Log.f nesting: 5, budget 4"},
		{"nested if", map[string]string{"a/x.go": deep("if a", 5)}, "nesting: 5"},
		{"nested as allowed", map[string]string{"a/x.go": deep("if a", 4)}, ""},
		{"function literals count", map[string]string{"a/x.go": "package a\n\nfunc f() {\nif g(func() { for { select { default: if a {\n} } } }) {\n}\n}\n"}, ""},
		{"function literals deepen", map[string]string{"a/x.go": "package a\n\nfunc f() {\nfor { g(func() { for { select { default: if a {\n} } } }) }\n}\n"}, "nesting: 5"},
		{"else-if chains stay", map[string]string{"a/x.go": elseIf}, ""},
		{"cases count with their switch", map[string]string{"a/x.go": cases}, ""},
	})
}

func TestHold_Ratchet(t *testing.T) {
	over := []measure{{name: "a f lines", where: "a:1", value: 80, budget: 70}}
	under := []measure{{name: "a f lines", where: "a:1", value: 70, budget: 70}}
	excused := map[string]exception{"a f lines": {80, "a table"}}
	expect(t, hold(over, nil), "80, budget 70")
	expect(t, hold(over, excused), "")
	expect(t, hold(over, map[string]exception{"a f lines": {79, "a table"}}), "its exception allows 79")
	expect(t, hold(under, excused), "no longer needed")
	expect(t, hold(nil, excused), "no longer needed")
	expect(t, hold(over, map[string]exception{"a f lines": {80, " "}}), "gives no reason")
}

func TestP90(t *testing.T) {
	for _, c := range []struct{ n, want int }{{0, 0}, {1, 1}, {9, 9}, {10, 9}, {11, 10}, {100, 90}} {
		var values []int
		for i := c.n; i > 0; i-- {
			values = append(values, i)
		}
		if got := p90(values); got != c.want {
			t.Errorf("p90 of 1..%d = %d, want %d", c.n, got, c.want)
		}
	}
}
