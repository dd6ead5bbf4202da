package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"civicledger/events/sources/sample"
)

// TestReadme runs the commands of README.md in their order, on free ports and
// with a file of events. What it cannot run it must know: see scriptLine.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	script := []string{"serve demo --data ./data"} // what make run runs
	ran := 0
	for _, line := range readmeCommands(string(text)) {
		steps, ok := scriptLine(line)
		if !ok {
			t.Errorf("README.md: %q: this test does not know how to run it", line)
		}
		script = append(script, steps...)
		ran++
	}
	if ran < 12 {
		t.Errorf("only %d commands found in README.md", ran)
	}
	script = append(script, "halt", "-- events.jsonl --", haidianEvents(t))
	file := filepath.Join(t.TempDir(), "readme.txt")
	if err := os.WriteFile(file, []byte(strings.Join(script, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	params := scriptParams()
	params.Files = []string{file}
	testscript.Run(t, params)
}

// readmeCommands returns the lines of all fenced parts, without comments.
func readmeCommands(text string) []string {
	var lines []string
	fenced := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "```"):
			fenced = !fenced
		case fenced && line != "":
			line, _, _ = strings.Cut(line, " #")
			lines = append(lines, strings.Join(strings.Fields(line), " "))
		}
	}
	return lines
}

// scriptLine turns a line for a terminal into one for testscript.
func scriptLine(line string) (steps []string, ok bool) {
	line = strings.ReplaceAll(line, `"$(cat mine/log.pub)"`, "mine/log.pub")
	line = strings.ReplaceAll(line, "nats://"+defaultBus, "$BUS")
	line = strings.ReplaceAll(line, "http://"+defaultListen, "$HTTP")
	command, args, _ := strings.Cut(line, " ")
	sub, _, _ := strings.Cut(args, " ")
	switch {
	case command == "make":
		return nil, true // CI and `serve demo` above run them
	case command == "curl":
		return []string{"fetch " + args[strings.LastIndex(args, " ")+1:]}, true
	case command == "bin/civicverify" && sub == "watch":
		return []string{"exec civicverify " + args + " --once"}, true // it would not end
	case command == "bin/civicverify":
		return []string{"exec civicverify " + args}, true
	case command != "bin/civicledger":
		return nil, false
	case sub == "serve":
		return []string{"halt", "serve " + args}, true
	case sub == "accept-loss": // refused: the ledger is served
		return []string{"! exec civicledger " + strings.ReplaceAll(args, `"`, "'"), "stderr 'serves this directory'"}, true
	case sub == "enrol":
		args += " --bus $BUS"
	case sub == "query" || sub == "prove":
		args += " --server $HTTP"
	}
	return []string{"exec civicledger " + args}, true
}

// haidianEvents is what haidian-mzj could say: the sample's lines under its
// own source.
func haidianEvents(t *testing.T) string {
	t.Helper()
	var own, other string
	for _, a := range sample.Agencies() {
		if a.Name == "haidian-mzj-sample" {
			other, own = a.Source, "urn:civicledger:agency:haidian-mzj"
		}
	}
	var b strings.Builder
	for _, line := range sample.Events("haidian-mzj-sample") {
		b.WriteString(strings.ReplaceAll(string(line), `"source":"`+other, `"source":"`+own) + "\n")
	}
	if !strings.Contains(b.String(), own) {
		t.Fatal("the sample has no lines of haidian")
	}
	return strings.TrimSuffix(b.String(), "\n")
}
