package chain

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/suite"
)

// mustLogProof proves one entry of the log of mustReceipt.
func mustLogProof(t testing.TB, index uint64) (p *LogProof, entries [][]byte, verifier note.Verifier) {
	t.Helper()
	signer, verifier, _ := mustLogKey(t, testOrigin, "log")
	var log testLog
	for i, agency := range []string{"haidian-civil", "chaoyang-civil"} {
		log.mustSeal(t, mustSubmission(t, agency, []string{"before", "mine"}[i], 5-2*i), 1767225600000+123*int64(i))
	}
	signed, err := Checkpoint{Origin: testOrigin, Size: log.head.Size, Root: log.tree.Root()}.Sign(signer)
	if err != nil {
		t.Fatal(err)
	}
	leaves := make([]Hash, len(log.entries))
	for i, e := range log.entries {
		leaves[i] = suite.Default().Leaf(e)
	}
	path, err := NewTree(suite.Default()).Grow(leaves).Inclusion(index)
	if err != nil {
		t.Fatal(err)
	}
	return &LogProof{Index: index, Path: path, Checkpoint: string(signed)}, log.entries, verifier
}

// The bytes of a proof and of its entry are pinned: they lie in people's files.
func TestLogProof_Vector(t *testing.T) {
	p, entries, verifier := mustLogProof(t, 6)
	for name, got := range map[string][]byte{"entry-6.tlog-proof": p.Encode(), "entry-6.entry": entries[6]} {
		file := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is written as\n%s\nwant\n%s", name, got, want)
		}
	}
	h, c, err := p.Verify(suite.Default(), entries[6], verifier)
	if err != nil || h.Index != 6 || h.Agency != "chaoyang-civil" || c.Size != 8 {
		t.Errorf("%+v %+v %v", h, c, err)
	}
}

func TestLogProof_Verify_RefusesForgeries(t *testing.T) {
	_, foreign, _ := mustLogKey(t, testOrigin, "another log")
	_, elsewhere, _ := mustLogKey(t, "ledger.example.org/other", "log")
	_, entries, good := mustLogProof(t, 6)
	for name, c := range map[string]struct {
		forge    func(p *LogProof)
		entry    []byte
		verifier note.Verifier
		want     error
		says     string
	}{
		"another entry":    {entry: entries[5], want: ErrProof, says: "it is for entry 6, and these are the bytes of entry 5"},
		"changed entry":    {entry: bytes.Replace(entries[6], []byte("mine"), []byte("mIne"), 1), want: ErrProof, says: "not entry 6"},
		"cut entry":        {entry: entries[6][:len(entries[6])-1], want: ErrProof},
		"no entry":         {entry: []byte{}, want: ErrProof},
		"garbage":          {entry: []byte("garbage"), want: ErrProof},
		"foreign log key":  {verifier: foreign, want: ErrCheckpoint},
		"other origin":     {verifier: elsewhere, want: ErrCheckpoint},
		"other index":      {forge: func(p *LogProof) { p.Index = 5 }, entry: entries[6], want: ErrProof, says: "entry 5"},
		"index of garbage": {forge: func(p *LogProof) { p.Index = 1 << 62 }, entry: []byte("garbage"), want: ErrProof},
		"swapped hashes":   {forge: func(p *LogProof) { p.Path[0], p.Path[1] = p.Path[1], p.Path[0] }, want: ErrProof},
		"flipped hash":     {forge: func(p *LogProof) { p.Path[2][31] ^= 1 }, want: ErrProof},
		"truncated path":   {forge: func(p *LogProof) { p.Path = p.Path[:2] }, want: ErrProof},
		"longer path":      {forge: func(p *LogProof) { p.Path = append(p.Path, Hash{}) }, want: ErrProof},
		"other size":       {forge: func(p *LogProof) { p.Checkpoint = strings.Replace(p.Checkpoint, "\n8\n", "\n9\n", 1) }, want: ErrCheckpoint},
		"no checkpoint":    {forge: func(p *LogProof) { p.Checkpoint = "x" }, want: ErrCheckpoint},
	} {
		t.Run(name, func(t *testing.T) {
			p, entries, _ := mustLogProof(t, 6)
			if c.forge != nil {
				c.forge(p)
			}
			entry, verifier := entries[6], good
			if c.entry != nil {
				entry = c.entry
			}
			if c.verifier != nil {
				verifier = c.verifier
			}
			if _, _, err := p.Verify(suite.Default(), entry, verifier); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestParseLogProof_RefusesOtherForms(t *testing.T) {
	p, _, _ := mustLogProof(t, 6)
	text := string(p.Encode())
	lines := strings.Split(text, "\n")
	hash := lines[2]
	for name, text := range map[string]string{
		"empty": "", "other version": strings.Replace(text, "@v1", "@v2", 1), "space before": " " + text,
		"truncated in the path": text[:120], "no checkpoint": text[:strings.Index(text, "\n\n")+2],
		"no index": strings.Replace(text, lines[1]+"\n", "", 1), "index with zero": strings.Replace(text, "index 6", "index 06", 1),
		"index with sign": strings.Replace(text, "index 6", "index +6", 1), "index of 64 bits": strings.Replace(text, "index 6", "index 9223372036854775808", 1),
		"CR LF": strings.ReplaceAll(text, "\n", "\r\n"), "CR in a hash": strings.Replace(text, hash, hash[:9]+"\r"+hash[9:], 1),
		"short hash": strings.Replace(text, hash, "AAAA", 1), "hash without padding": strings.Replace(text, hash, hash[:43], 1),
		"empty extra": strings.Replace(text, "index", "extra \nindex", 1), "extra twice": strings.Replace(text, "index", "extra AA==\nextra AA==\nindex", 1),
		"extra not strict": strings.Replace(text, "index", "extra AB==\nindex", 1), "extra behind index": strings.Replace(text, "index 6\n", "index 6\nextra AA==\n", 1),
		"path too long": strings.Replace(text, hash, strings.TrimSpace(strings.Repeat(hash+"\n", 64)), 1),
	} {
		if _, err := ParseLogProof([]byte(text)); !errors.Is(err, ErrLogProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What we write others read, and what others write with extra data we read.
func TestLogProof_AgreesWithTheOtherCodec(t *testing.T) {
	for _, extra := range [][]byte{nil, {0}, []byte("context")} {
		for index := range uint64(8) {
			p, entries, verifier := mustLogProof(t, index)
			p.Extra = extra
			var other proof.TLogProof
			if err := other.Unmarshal(p.Encode()); err != nil {
				t.Fatal(err)
			}
			same := slices.EqualFunc(p.Path, other.Hashes, func(a Hash, b [32]byte) bool { return a == Hash(b) })
			if !same || other.Index != index || string(other.Checkpoint) != p.Checkpoint || !bytes.Equal(other.ExtraData, extra) {
				t.Fatalf("read by others as %+v", other)
			}
			if !bytes.Equal(other.Marshal(), p.Encode()) {
				t.Fatalf("others write %q", other.Marshal())
			}
			back, err := ParseLogProof(other.Marshal())
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := back.Verify(suite.Default(), entries[index], verifier); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// What parses is written again as it was, and the other codec reads the same.
func FuzzParseLogProof(f *testing.F) {
	p, _, _ := mustLogProof(f, 6)
	f.Add(p.Encode())
	p.Extra = []byte("extra")
	f.Add(p.Encode())
	f.Add([]byte(LogProofFormat + "\nindex 0\n\nx\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := ParseLogProof(text)
		if err != nil {
			return
		}
		if again := got.Encode(); !bytes.Equal(again, text) {
			t.Fatalf("%q parsed, but is written as %q", text, again)
		}
		var other proof.TLogProof
		if err := other.Unmarshal(text); err == nil && (other.Index != got.Index || len(other.Hashes) != len(got.Path)) {
			t.Fatalf("another codec reads %+v, we %+v", other, got)
		}
	})
}
