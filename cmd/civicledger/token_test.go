package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"civicledger/events/ident"
)

func newCityKey(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "city.key")
	if _, _, err := runCommand(newTokenCommand(), "", "--key", path, "--new-epoch", "4"); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTokenCommand_AnswersLineByLine(t *testing.T) {
	path := newCityKey(t)
	// The first two are the example of GB 11643-1999 and its 15-digit twin.
	in := "11010519491231002x\n110105491231002\n\n11010519491231002Y\n 110105 19491231 002X \n"
	out, warn, err := runCommand(newTokenCommand(), in, "--key", path)
	lines := strings.Split(out, "\n")
	if err == nil || len(lines) != 6 || lines[0] != lines[1] || lines[0] != lines[4] || lines[2] != "-" || lines[3] != "-" {
		t.Fatalf("%q, %v", lines, err)
	}
	if !ident.IsToken([]byte(lines[0])) || !strings.HasPrefix(lines[0], "st1.4.") {
		t.Errorf("no token: %s", lines[0])
	}
	if !strings.Contains(warn, "line 3:") || !strings.Contains(warn, "line 4:") || strings.Contains(warn, "19491231") {
		t.Errorf("warnings %q", warn)
	}
	out, _, err = runCommand(newTokenCommand(), "H-1\n", "--key", path, "--kind", "household")
	if err != nil || !ident.IsToken([]byte(strings.TrimSpace(out))) {
		t.Errorf("household: %q, %v", out, err)
	}
	if _, _, err = runCommand(newTokenCommand(), "1\n", "--key", path, "--kind", "House Hold"); err == nil {
		t.Error("took a kind of two words")
	}
}

func TestTokenCommand_GuardsItsKey(t *testing.T) {
	path := newCityKey(t)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, _, err := runCommand(newTokenCommand(), "", "--key", path, "--new-epoch", "5"); err == nil {
		t.Error("wrote over a key")
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("the key changed")
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, _, err := runCommand(newTokenCommand(), "1\n", "--key", path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("read a key that others can read: %v", err)
	}
	if _, _, err := runCommand(newTokenCommand(), "1\n", "--key", path+".none"); err == nil {
		t.Error("made tokens without a key")
	}
}
