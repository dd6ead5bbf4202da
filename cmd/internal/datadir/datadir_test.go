package datadir

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"civicledger/ledger/suite"
)

// What cannot be a ledger leaves nothing behind: no directory that was not there,
// nothing in one that was.
func TestCreate_LeavesNothing(t *testing.T) {
	for _, c := range []struct{ origin, zone, says string }{
		{"ledger.example.org/中文", "Asia/Shanghai", "nobody could be enrolled"},
		{"ledger.example.org/" + strings.Repeat("a", 230) + "\"", "Asia/Shanghai", "nobody could be enrolled"},
		{"ledger.example.org/a b", "Asia/Shanghai", "without spaces"},
		{"ledger.example.org/x", "Asia/Beijing", "Asia/Beijing"},
	} {
		top := t.TempDir()
		empty := filepath.Join(top, "empty")
		if err := os.Mkdir(empty, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, dir := range []string{filepath.Join(top, "new"), filepath.Join(top, "some", "where"), empty} {
			if _, err := Dir(dir).Create(c.origin, c.zone, suite.Default()); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s %s in %s: %v", c.origin, c.zone, dir, err)
			}
		}
		left, _ := filepath.Glob(filepath.Join(top, "*", "*"))
		if all, err := os.ReadDir(top); err != nil || len(all) != 1 || len(left) > 0 {
			t.Errorf("%s %s: left %v %v", c.origin, c.zone, all, left)
		}
	}
}

// A directory that holds anything is not touched; what a killed creation left is
// nothing.
func TestCreate_OnlyWhereThereIsNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Dir(dir).Create("ledger.example.org/x", "Asia/Shanghai", suite.Default()); err == nil || !strings.Contains(err.Error(), "notes.txt") {
		t.Errorf("%v", err)
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != 1 {
		t.Errorf("%v %v", all, err)
	}
	if err := os.Rename(path, filepath.Join(dir, ".init-123")); err != nil {
		t.Fatal(err)
	}
	verifier, err := Dir(dir).Create("ledger.example.org/x", "Asia/Shanghai", suite.Default())
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(Dir(dir).VerifierKey())
	if err != nil || string(text) != verifier+"\n" {
		t.Errorf("%q %v", text, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, beingMade)); len(left) != 1 {
		t.Errorf("%v", left)
	}
}
