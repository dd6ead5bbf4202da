package chain

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/suite"
)

const testOrigin = "ledger.example.org/test"

// seeded returns a key that is the same in every run; nothing real is signed
// with it.
func seeded(name string) ed25519.PrivateKey {
	seed := suite.Default().Sum([]byte("synthetic key of "), []byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// mustLogKey returns the checkpoint signer and verifier of a test log.
func mustLogKey(t testing.TB, origin, keyName string) (note.Signer, note.Verifier, string) {
	t.Helper()
	key := seeded(keyName)
	vkey, err := note.NewEd25519VerifierKey(origin, key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	hash := strings.Split(strings.TrimPrefix(vkey, origin+"+"), "+")[0]
	skey := fmt.Sprintf("PRIVATE+KEY+%s+%s+%s", origin, hash,
		base64.StdEncoding.EncodeToString(append([]byte{1}, key.Seed()...)))
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	return signer, verifier, vkey
}

func eventLine(id string) []byte {
	return fmt.Appendf(nil, `{"specversion":"1.0","id":%q,"source":"urn:example:office","type":"fund.opened.v1","jurisdiction":"110105"}`, id)
}

// mustSubmission returns a signed submission of n lines.
func mustSubmission(t testing.TB, agency, name string, n int) *Submission {
	t.Helper()
	s, key := suite.Default(), seeded(agency)
	sub := &Submission{Agency: agency, KeyID: KeyID(s, key.Public().(ed25519.PublicKey))}
	for i := range n {
		sub.Lines = append(sub.Lines, eventLine(fmt.Sprintf("%s-%d", name, i)))
	}
	sub.Signature = ed25519.Sign(key, sub.SignedText(s, testOrigin))
	return sub
}

// testLog is a chain with its tree, sealed submission by submission.
type testLog struct {
	tree    *Tree
	growth  *Growth
	head    Head
	entries [][]byte
}

func (l *testLog) mustSeal(t testing.TB, sub *Submission, recorded int64) {
	t.Helper()
	s := suite.Default()
	keys, _, err := sub.EventKeys(s)
	if err != nil {
		t.Fatal(err)
	}
	if l.tree == nil {
		l.tree = NewTree(s)
	}
	var leaves []Hash
	l.head.Last = sub.Seal(s, l.head.Size, l.head.Last, recorded, keys, func(entry []byte, leaf Hash) {
		l.entries = append(l.entries, bytes.Clone(entry))
		leaves = append(leaves, leaf)
	})
	l.growth = l.tree.Grow(leaves)
	l.tree = l.growth.Tree
	l.head.Size = l.tree.Size()
}

// vectorFiles finds shared vectors; they lie beside a checkout of this
// repository and are not part of it.
func vectorFiles(t *testing.T, pattern string) []string {
	t.Helper()
	root := filepath.Join("..", "..", "..", "shared", "vectors")
	if _, err := os.Stat(root); err != nil {
		t.Skip("no ../shared/vectors beside the repository")
	}
	files, err := filepath.Glob(filepath.Join(root, pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors at %s: %v", pattern, err)
	}
	return files
}
