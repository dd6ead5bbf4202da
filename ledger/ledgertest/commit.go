package ledgertest

import (
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/ledger/suite"
)

// Origin is the origin of the made-up checkpoints.
const Origin = "ledger.example.org/test"

// NewCommit returns a commit of made-up entries behind prev: entries that
// parse, link and carry the right hashes, from an agency that does not exist,
// signed by nobody. Each event line has about size bytes.
func NewCommit(prev chain.Head, count, size int) *ledger.Commit {
	s := suite.Default()
	c := &ledger.Commit{Prev: prev, Head: prev, Recorded: 1_790_000_000_000 + int64(prev.Size)}
	filler := strings.Repeat("x", max(size-40, 0))
	for i := range count {
		index := prev.Size + uint64(i)
		h := chain.Header{
			Index: index, Prev: c.Head.Last, Recorded: c.Recorded, Position: 1, Count: 1,
			Agency: "synthetic", KeyID: strings.Repeat("0", 16), EventKey: EventKey(index), Signature: []byte("nobody"),
		}
		entry := fmt.Appendf(h.Append(nil), `{"synthetic":%d,"filler":"%s"}`, index, filler)
		c.Entries = append(c.Entries, entry)
		c.Head = chain.Head{Size: index + 1, Last: s.Leaf(entry)}
	}
	return c
}

// NewNote returns a signed checkpoint of a made-up tree of that size, with a
// key that is the same in every test.
func NewNote(t testing.TB, size uint64) []byte {
	t.Helper()
	key, _, err := note.GenerateKey(strings.NewReader(strings.Repeat("s", ed25519.SeedSize)), Origin)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	root := suite.Default().Sum([]byte(fmt.Sprint(size)))
	msg, err := chain.Checkpoint{Origin: Origin, Size: size, Root: root}.Sign(signer)
	if err != nil {
		t.Fatal(err)
	}
	return msg
}
