package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"civicledger/cmd/internal/auditor"
	"civicledger/ledger"
	"civicledger/ledger/book"
	"civicledger/ledger/ledgertest"
	"civicledger/ledger/tiles"
	"civicledger/ledger/verify/verdict"
)

const origin = "ledger.example.org/test"

// newLedger writes a data directory with the real book: the genesis entry and
// an enrolment; it stays open.
func newLedger(t *testing.T) (*ledger.Ledger, string, string) {
	t.Helper()
	dir := t.TempDir()
	if err := book.Create(dir); err != nil {
		t.Fatal(err)
	}
	store, err := book.Open(dir, book.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f := ledgertest.NewFounding(t, origin, time.Now())
	return f.Open(t, store, ledgertest.NewMemoryIndex()), dir, f.Log.VerifierKey()
}

func civicverify(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = auditor.Main(context.Background(), args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestRun_LiveDirectoryAndURL(t *testing.T) {
	l, dir, key := newLedger(t)
	keyFile := filepath.Join(t.TempDir(), "log.pub")
	if err := os.WriteFile(keyFile, []byte(key+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(tiles.New(l, slog.New(slog.DiscardHandler)))
	t.Cleanup(server.Close)
	for _, args := range [][]string{{"--data", dir, "--key", key}, {"--url", server.URL, "--key", key}, {"--url", server.URL + "/", "--key", keyFile}} {
		code, out, errs := civicverify(args...)
		if code != 0 || !strings.Contains(out, "SOUND") || errs != "" {
			t.Errorf("%v: %d %s%s", args, code, out, errs)
		}
	}
}

func TestRun_StoppedAndDamaged(t *testing.T) {
	l, dir, key := newLedger(t)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	code, out, _ := civicverify("--data", dir, "--key", key, "--json")
	var r verdict.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 0 || r.Verdict != verdict.Sound || r.Format != verdict.Format || r.Counts.Entries != 2 || r.Counts.Agencies != 1 {
		t.Fatalf("%d %v %s", code, err, out)
	}
	names, err := filepath.Glob(filepath.Join(dir, "book", "*.seg"))
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	data, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(data, []byte("urn:haidian"))
	data[at] ^= 1
	if err := os.WriteFile(names[0], data, 0o644); err != nil {
		t.Fatal(err)
	}
	code, out, _ = civicverify("--data", dir, "--key", key)
	if code != 1 || !strings.Contains(out, "NOT SOUND") || !strings.Contains(out, "entry 1: its bytes") || !strings.Contains(out, "entry 0: exactly as the checkpoint signs") {
		t.Errorf("%d %s", code, out)
	}
}

func TestRun_CouldNotCheck(t *testing.T) {
	_, dir, key := newLedger(t)
	for name, args := range map[string][]string{
		"no arguments": nil, "no key": {"--data", dir}, "no source": {"--key", key}, "both sources": {"--data", dir, "--url", "http://localhost", "--key", key},
		"no such directory": {"--data", dir + "/none", "--key", key}, "not a key": {"--data", dir, "--key", "a+b+c"}, "no such key file": {"--data", dir, "--key", dir + "/none"},
		"unknown flag": {"--date", dir}, "more arguments": {"--data", dir, "--key", key, "more"},
	} {
		if code, out, errs := civicverify(args...); code != 2 || out+errs == "" {
			t.Errorf("%s: %d %s%s", name, code, out, errs)
		}
	}
	if code, out, _ := civicverify("--help"); code != 0 || !strings.Contains(out, "Example:") {
		t.Errorf("help: %d %s", code, out)
	}
}
