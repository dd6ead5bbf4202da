package book

import (
	"bytes"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// limitVariable holds the size in bytes that no file of a child may exceed.
const limitVariable = "CIVICLEDGER_BOOK_TEST_LIMIT"

// limitFiles applies the limit of this process, if it has one.
func limitFiles() error {
	text := os.Getenv(limitVariable)
	if text == "" {
		return nil
	}
	limit, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return err
	}
	signal.Ignore(syscall.SIGXFSZ)
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit})
}

// limited runs a child until the limit stops it, and returns the last size it
// acknowledged and its last words.
func limited(t *testing.T, dir string) (acknowledged uint64, stderr string) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childVariable+"="+dir, limitVariable+"=150000")
	var out, words bytes.Buffer
	child.Stdout, child.Stderr = &out, &words
	if err := child.Run(); err == nil {
		t.Fatal("the child met no limit")
	}
	lines := strings.Fields(out.String())
	if len(lines) == 0 {
		t.Fatalf("the child acknowledged nothing: %s", words.String())
	}
	acknowledged, err := strconv.ParseUint(lines[len(lines)-1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return acknowledged, words.String()
}
