package chain

import (
	"bytes"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/suite"
)

// mustReceipt puts a submission of three lines between others on a log.
func mustReceipt(t testing.TB) (*Receipt, *Submission, note.Verifier) {
	t.Helper()
	s := suite.Default()
	signer, verifier, _ := mustLogKey(t, testOrigin, "log")
	var log testLog
	log.mustSeal(t, mustSubmission(t, "haidian-civil", "before", 5), 1767225600000)
	prev := log.head
	sub := mustSubmission(t, "chaoyang-civil", "mine", 3)
	log.mustSeal(t, sub, 1767225600123)
	signed, err := Checkpoint{Origin: testOrigin, Size: log.head.Size, Root: log.tree.Root()}.Sign(signer)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := log.growth.Inclusion(log.head.Size - 1)
	if err != nil {
		t.Fatal(err)
	}
	return &Receipt{
		Origin: testOrigin, Suite: s.Name(), Submission: sub.Digest(s, testOrigin), Agency: sub.Agency, KeyID: sub.KeyID,
		Signature: sub.Signature, First: prev.Size, Count: 3, Recorded: 1767225600123, Prev: prev.Last, Proof: proof, Checkpoint: string(signed),
	}, sub, verifier
}

func TestReceipt_Verify(t *testing.T) {
	r, sub, verifier := mustReceipt(t)
	parsed, err := ParseReceipt(r.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if err := parsed.Verify(sub.Lines, verifier); err != nil {
		t.Fatal(err)
	}
}

func TestReceipt_Verify_RefusesForgeries(t *testing.T) {
	_, foreign, _ := mustLogKey(t, testOrigin, "another log")
	forgeries := map[string]func(r *Receipt, sub *Submission){
		"other line":        func(_ *Receipt, sub *Submission) { sub.Lines[1] = eventLine("forged") },
		"line missing":      func(_ *Receipt, sub *Submission) { sub.Lines = sub.Lines[:2] },
		"lines swapped":     func(_ *Receipt, sub *Submission) { sub.Lines[0], sub.Lines[1] = sub.Lines[1], sub.Lines[0] },
		"line added":        func(r *Receipt, sub *Submission) { sub.Lines = append(sub.Lines, eventLine("more")); r.Count++ },
		"other agency":      func(r *Receipt, _ *Submission) { r.Agency = "haidian-civil" },
		"agency with LF":    func(r *Receipt, _ *Submission) { r.Agency = "a\nb" },
		"other key":         func(r *Receipt, _ *Submission) { r.KeyID = "0123456789abcdef" },
		"other signature":   func(r *Receipt, _ *Submission) { r.Signature[0] ^= 1 },
		"no signature":      func(r *Receipt, _ *Submission) { r.Signature = nil },
		"earlier recorded":  func(r *Receipt, _ *Submission) { r.Recorded-- },
		"negative recorded": func(r *Receipt, _ *Submission) { r.Recorded = -1 },
		"other place":       func(r *Receipt, _ *Submission) { r.First++ },
		"place wraps":       func(r *Receipt, _ *Submission) { r.First = math.MaxUint64 },
		"other link":        func(r *Receipt, _ *Submission) { r.Prev[31] ^= 1 },
		"other proof":       func(r *Receipt, _ *Submission) { r.Proof[0][0] ^= 1 },
		"no proof":          func(r *Receipt, _ *Submission) { r.Proof = nil },
		"other digest":      func(r *Receipt, _ *Submission) { r.Submission[0] ^= 1 },
		"other origin":      func(r *Receipt, _ *Submission) { r.Origin = "ledger.example.org/other" },
		"unknown suite":     func(r *Receipt, _ *Submission) { r.Suite = "md5-none" },
		"other checkpoint":  func(r *Receipt, _ *Submission) { r.Checkpoint = strings.Replace(r.Checkpoint, "\n8\n", "\n9\n", 1) },
		"no checkpoint":     func(r *Receipt, _ *Submission) { r.Checkpoint = "" },
	}
	for name, forge := range forgeries {
		r, sub, verifier := mustReceipt(t)
		forge(r, sub)
		if err := r.Verify(sub.Lines, verifier); !errors.Is(err, ErrReceipt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r, sub, _ := mustReceipt(t)
	if err := r.Verify(sub.Lines, foreign); !errors.Is(err, ErrReceipt) {
		t.Errorf("foreign log key: %v", err)
	}
}

func TestParseReceipt_RefusesOtherForms(t *testing.T) {
	r, _, _ := mustReceipt(t)
	line := string(r.Encode())
	for name, text := range map[string]string{
		"empty": "", "LF": line + "\n", "space": " " + line, "other format": strings.Replace(line, "receipt v1", "receipt v2", 1),
		"more members": strings.Replace(line, `{"format"`, `{"x":1,"format"`, 1), "first twice": strings.Replace(line, `"first"`, `"first":1,"first"`, 1),
		"upper-case name": strings.Replace(line, `"agency"`, `"Agency"`, 1), "short hash": strings.Replace(line, `"previous":"`, `"previous":"AAAA","x":"`, 1),
		"number written otherwise": strings.Replace(line, `"count":3`, `"count":3.0`, 1), "truncated": line[:len(line)-1],
	} {
		if _, err := ParseReceipt([]byte(text)); !errors.Is(err, ErrReceipt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseReceipt(f *testing.F) {
	r, sub, verifier := mustReceipt(f)
	good := r.Encode()
	f.Add(good)
	f.Add([]byte(`{"format":"civicledger receipt v1"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		got, err := ParseReceipt(line)
		if err != nil {
			return
		}
		if again := got.Encode(); !bytes.Equal(again, line) {
			t.Fatalf("parsed, but is written as %q", again)
		}
		if got.Verify(sub.Lines, verifier) == nil && !bytes.Equal(line, good) {
			// A note may carry further signatures; nothing else may differ.
			got.Checkpoint = r.Checkpoint
			if !bytes.Equal(got.Encode(), good) {
				t.Fatalf("another receipt proves the same lines: %q", line)
			}
		}
	})
}

func TestCheckpoint_RoundTrip(t *testing.T) {
	signer, verifier, _ := mustLogKey(t, testOrigin, "log")
	want := Checkpoint{Origin: testOrigin, Size: 7, Root: Hash{5}}
	signed, err := want.Sign(signer)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := OpenCheckpoint(signed, verifier); err != nil || got != want {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestOpenCheckpoint_Refuses(t *testing.T) {
	signer, verifier, _ := mustLogKey(t, testOrigin, "log")
	otherSigner, _, _ := mustLogKey(t, testOrigin, "another log")
	c := Checkpoint{Origin: testOrigin, Size: 7, Root: Hash{5}}
	sign := func(text string, by note.Signer) []byte {
		msg, err := note.Sign(&note.Note{Text: text}, by)
		if err != nil {
			t.Fatal(err)
		}
		return msg
	}
	good := sign(c.Text(), signer)
	foreignOrigin := c
	foreignOrigin.Origin = "ledger.example.org/other"
	for name, msg := range map[string][]byte{
		"foreign key": sign(c.Text(), otherSigner), "other origin under our key": sign(foreignOrigin.Text(), signer),
		"extension line": sign(c.Text()+"more\n", signer), "size with zero": sign(strings.Replace(c.Text(), "\n7\n", "\n07\n", 1), signer),
		"size flipped": bytes.Replace(good, []byte("\n7\n"), []byte("\n6\n"), 1), "truncated": good[:len(good)-10], "no signature": []byte(c.Text()), "empty": nil,
		"root short": sign(testOrigin+"\n7\nAAAA\n", signer), "two lines": sign(testOrigin+"\n7\n", signer),
	} {
		if got, err := OpenCheckpoint(msg, verifier); !errors.Is(err, ErrCheckpoint) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestCheckOrigin(t *testing.T) {
	for _, name := range []string{"", "a b", "a+b", "a\nb", "a\u2003b", "a\u2028b", "a\xffb", strings.Repeat("a", 256)} {
		if CheckOrigin(name) == nil {
			t.Errorf("%q accepted", name)
		}
	}
	if err := CheckOrigin("ledger.example.org/民政"); err != nil {
		t.Error(err)
	}
}

func FuzzParseCheckpoint(f *testing.F) {
	f.Add(Checkpoint{Origin: testOrigin, Size: 7, Root: Hash{5}}.Text())
	f.Add("a\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCheckpoint(text)
		if err == nil && c.Text() != text {
			t.Fatalf("%q parsed, but is written as %q", text, c.Text())
		}
	})
}

// The checkpoints and the tree of a log that Tessera wrote.
func TestOpenCheckpoint_TesseraLog(t *testing.T) {
	const vkey = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	var opened []uint64
	for _, file := range vectorFiles(t, "tessera_testlog/testdata/log/checkpoint*") {
		msg, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c, err := OpenCheckpoint(msg, verifier)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		leaves := readTile(t, c.Size)
		if got := NewTree(suite.Default()).Grow(leaves).Tree.Root(); got != c.Root {
			t.Errorf("%s: root of its leaf tile is %x", file, got)
		}
		opened = append(opened, c.Size)
	}
	slices.Sort(opened)
	if len(opened) != 17 || opened[16] != 15 {
		t.Errorf("opened %v", opened)
	}
}

func readTile(t *testing.T, size uint64) []Hash {
	if size == 0 {
		return nil
	}
	data, err := os.ReadFile(vectorFiles(t, "tessera_testlog/testdata/log/tile/0/000.p/15")[0])
	if err != nil {
		t.Fatal(err)
	}
	leaves := make([]Hash, size)
	for i := range leaves {
		leaves[i] = Hash(data[i*suite.HashSize:])
	}
	return leaves
}
