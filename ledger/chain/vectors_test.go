package chain

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"civicledger/ledger/suite"
)

var update = flag.Bool("update", false, "write testdata again (only for a new format version: the old bytes are on logs)")

// vectors pin every byte that is hashed or signed. Byte strings are base64,
// texts stand as they are.
type vectors struct {
	Comment    string
	Suite      string
	Origin     string
	KeySeed    []byte // of the agency's key, synthetic
	PublicKey  []byte
	KeyID      string
	EventKeys  []keyVector
	Enrolment  string
	SignedText string
	Digest     []byte
	Signature  []byte
	Entries    []entryVector
	Root       []byte
	LogKey     string
	Checkpoint string
	Receipt    json.RawMessage
}

type keyVector struct {
	Agency, Source, ID string
	Key                []byte
}

type entryVector struct {
	Entry string
	Leaf  []byte
}

func mustVectors(t *testing.T) vectors {
	s, agency := suite.Default(), "chaoyang-civil"
	key := seeded(agency)
	public := []byte(key.Public().(ed25519.PublicKey))
	sub := mustSubmission(t, agency, "vector", 3)
	_, verifier, vkey := mustLogKey(t, testOrigin, "log")
	r, mine, _ := mustReceipt(t)
	if err := r.Verify(mine.Lines, verifier); err != nil {
		t.Fatal(err)
	}
	digest := sub.Digest(s, testOrigin)
	v := vectors{
		Comment: "pinned by TestVectors; synthetic keys and events; see FORMAT.md",
		Suite:   s.Name(), Origin: testOrigin, KeySeed: key.Seed(), PublicKey: public, KeyID: KeyID(s, public),
		Enrolment:  string(EnrolmentText(s, testOrigin, agency, public)),
		SignedText: string(sub.SignedText(s, testOrigin)), Digest: digest[:], Signature: sub.Signature,
		LogKey: vkey, Checkpoint: r.Checkpoint, Receipt: r.Encode(),
	}
	for _, k := range []keyVector{{Agency: agency, Source: "urn:example:office", ID: "1"}, {Agency: "operator", Source: "urn:civicledger:" + testOrigin, ID: "民-1"}} {
		sum := KeyOf(s, k.Agency, k.Source, k.ID)
		k.Key = sum[:]
		v.EventKeys = append(v.EventKeys, k)
	}
	var log testLog
	log.mustSeal(t, sub, 1767225600123)
	for _, e := range log.entries {
		leaf := s.Leaf(e)
		v.Entries = append(v.Entries, entryVector{Entry: string(e), Leaf: leaf[:]})
	}
	root := log.tree.Root()
	v.Root = root[:]
	return v
}

// A change of any byte here is a new format version, not an update.
func TestVectors(t *testing.T) {
	file := filepath.Join("testdata", "vectors-v1.json")
	var got bytes.Buffer
	enc := json.NewEncoder(&got)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(mustVectors(t)); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("the bytes of the format changed:\n%s\nwant\n%s", got.Bytes(), want)
	}
}

// Nothing is signed for one ledger, agency, suite or purpose that could stand
// for another: every text begins with its own tag and names its origin.
func TestTexts_AreSeparate(t *testing.T) {
	s := suite.Default()
	base := mustSubmission(t, "a", "x", 2)
	other := *base
	other.Agency = "b"
	otherKey := *base
	otherKey.KeyID = "0123456789abcdef"
	fewer := *base
	fewer.Lines = base.Lines[:1]
	seen := map[string]string{}
	for name, text := range map[string][]byte{
		"submission": base.SignedText(s, testOrigin), "other origin": base.SignedText(s, "o"), "other agency": other.SignedText(s, testOrigin),
		"other key": otherKey.SignedText(s, testOrigin), "fewer lines": fewer.SignedText(s, testOrigin), "enrolment": EnrolmentText(s, testOrigin, "a", seeded("a").Public().(ed25519.PublicKey)),
	} {
		if twin, ok := seen[string(text)]; ok {
			t.Errorf("%s and %s sign the same text", name, twin)
		}
		seen[string(text)] = name
	}
	if KeyOf(s, "a", "b", "c") == KeyOf(s, "a", "bc", "") || KeyOf(s, "ab", "", "c") == KeyOf(s, "a", "b", "c") {
		t.Error("two names make one event key")
	}
}
