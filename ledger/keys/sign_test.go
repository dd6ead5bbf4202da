package keys

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/chain"
	"civicledger/ledger/suite"
)

func TestSignSubmission_BindsEverything(t *testing.T) {
	k, _ := mustCreate(t)
	s := suite.Default()
	lines := [][]byte{[]byte(`{"id":"1"}`), []byte(`{"id":"2"}`)}
	sub, err := k.SignSubmission(origin, "synthetic-bureau", lines)
	if err != nil {
		t.Fatal(err)
	}
	valid := func(sub *chain.Submission, origin string) bool {
		return s.Verify(k.Public(), sub.SignedText(s, origin), sub.Signature)
	}
	if !valid(sub, origin) {
		t.Fatal("the signature does not verify")
	}
	if sub.KeyID != k.ID() {
		t.Errorf("key id %s, want %s", sub.KeyID, k.ID())
	}
	if valid(sub, origin+"2") {
		t.Error("valid on another ledger")
	}
	for name, change := range map[string]func(*chain.Submission){
		"agency":  func(s *chain.Submission) { s.Agency = "other-bureau" },
		"key id":  func(s *chain.Submission) { s.KeyID = "0000000000000000" },
		"line":    func(s *chain.Submission) { s.Lines = [][]byte{lines[0], []byte(`{"id":"3"}`)} },
		"order":   func(s *chain.Submission) { s.Lines = [][]byte{lines[1], lines[0]} },
		"missing": func(s *chain.Submission) { s.Lines = lines[:1] },
	} {
		changed := *sub
		change(&changed)
		if valid(&changed, origin) {
			t.Errorf("still valid with another %s", name)
		}
	}
}

func TestSignSubmission_Refuses(t *testing.T) {
	k, _ := mustCreate(t)
	line := [][]byte{[]byte(`{}`)}
	if _, err := k.SignSubmission(origin, "bureau", nil); !errors.Is(err, chain.ErrSubmission) {
		t.Errorf("no lines: %v, want ErrSubmission", err)
	}
	if _, err := k.SignSubmission(origin, "bureau", [][]byte{[]byte("{}\n{}")}); !errors.Is(err, chain.ErrSubmission) {
		t.Errorf("two lines in one: %v, want ErrSubmission", err)
	}
	if _, err := k.SignSubmission(origin, "bureau\nother", line); err == nil {
		t.Error("an agency name with a line feed was signed")
	}
	if _, err := k.SignSubmission(origin+"\nbureau", "x", line); err == nil {
		t.Error("an origin with a line feed was signed")
	}
	if _, err := k.ProveEnrolment(origin, "Bureau"); err == nil {
		t.Error("a proof for an impossible agency name was signed")
	}
}

func TestProveEnrolment_IsForOneAgencyOnOneLedger(t *testing.T) {
	k, _ := mustCreate(t)
	s := suite.Default()
	proof, err := k.ProveEnrolment(origin, "synthetic-bureau")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		origin, agency string
		want           bool
	}{{origin, "synthetic-bureau", true}, {origin, "other", false}, {origin + "2", "synthetic-bureau", false}} {
		if got := s.Verify(k.Public(), chain.EnrolmentText(s, c.origin, c.agency, k.Public()), proof); got != c.want {
			t.Errorf("proof verifies for %s on %s: %v, want %v", c.agency, c.origin, got, c.want)
		}
	}
}

func mustCreateLog(t testing.TB) (*Log, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log.key")
	l, err := CreateLog(path, origin)
	if err != nil {
		t.Fatal(err)
	}
	return l, path
}

func TestLog_SignsCheckpoints(t *testing.T) {
	created, path := mustCreateLog(t)
	l, err := LoadLog(path)
	if err != nil {
		t.Fatal(err)
	}
	if l.VerifierKey() != created.VerifierKey() || l.Name() != origin {
		t.Fatalf("loaded %s, created %s", l.VerifierKey(), created.VerifierKey())
	}
	v, err := note.NewVerifier(l.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	want := chain.Checkpoint{Origin: origin, Size: 7, Root: chain.Hash{1}}
	signed, err := want.Sign(l)
	if err != nil {
		t.Fatal(err)
	}
	got, err := chain.OpenCheckpoint(signed, v)
	if err != nil || got != want {
		t.Errorf("opened %+v, %v, want %+v", got, err, want)
	}
	other, _ := mustCreateLog(t)
	if _, err := chain.OpenCheckpoint(signed, other.Verifier()); !errors.Is(err, chain.ErrCheckpoint) {
		t.Errorf("opened with another log's key: %v, want ErrCheckpoint", err)
	}
}

func TestCreateLog_RefusesOrigin(t *testing.T) {
	for _, name := range []string{"", "a b", "a+b", "a\nb"} {
		path := filepath.Join(t.TempDir(), "log.key")
		if _, err := CreateLog(path, name); err == nil {
			t.Errorf("origin %q was accepted", name)
		}
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("origin %q: a file was left", name)
		}
	}
}

func TestLoadLog_Attacks(t *testing.T) {
	_, path := mustCreateLog(t)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	good := string(data)
	parts := strings.SplitN(strings.TrimSuffix(good, "\n"), "+", 5)
	_, otherPath := mustCreateLog(t)
	otherData, err := os.ReadFile(otherPath)
	if err != nil {
		t.Fatal(err)
	}
	foreign := strings.SplitN(strings.TrimSuffix(string(otherData), "\n"), "+", 5)
	for name, text := range map[string]string{
		"empty":           "",
		"no line feed":    strings.TrimSuffix(good, "\n"),
		"two keys":        good + good,
		"cut":             good[:len(good)-8] + "\n",
		"foreign private": strings.Replace(good, parts[4], foreign[4], 1),
		"other origin":    strings.Replace(good, origin, origin+"2", 1),
		"upper-case hash": strings.Replace(good, "+"+parts[3]+"+", "+"+strings.ToUpper(fmt.Sprintf("%8s", "abcdefab"))+"+", 1),
		"verifier key":    strings.TrimPrefix(good, skeyTag),
		"agency key":      vector,
		"spaces":          " " + good,
	} {
		if text == good {
			t.Fatalf("%s: the attack changed nothing", name)
		}
		_, err := LoadLog(mustWrite(t, text, 0o600))
		if !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v, want ErrFormat", name, err)
		}
		if err != nil && strings.Contains(err.Error(), parts[4][:20]) {
			t.Errorf("%s: the error shows the private key: %v", name, err)
		}
	}
}

func TestLog_NeverPrinted(t *testing.T) {
	l, path := mustCreateLog(t)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.SplitN(strings.TrimSuffix(string(data), "\n"), "+", 5)[4]
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x"} {
		if got := fmt.Sprintf(verb, l); strings.Contains(got, secret) || !strings.Contains(got, l.VerifierKey()) {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}
