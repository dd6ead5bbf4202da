package keys

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/chain"
)

// skeyTag begins a C2SP note signer key: PRIVATE+KEY+name+hash+base64.
const skeyTag = "PRIVATE+KEY+"

// Log is the key that signs a ledger's checkpoints, and nothing else. It is a
// note.Signer whose name is the origin; its methods may be called from any
// number of goroutines at once.
type Log struct {
	note.Signer
	verifier string
}

var _ note.Signer = (*Log)(nil)

// CreateLog makes the log key of a new ledger and the file that holds it, with
// the promises of Create.
func CreateLog(path, origin string) (*Log, error) {
	if err := chain.CheckOrigin(origin); err != nil {
		return nil, fmt.Errorf("create log key: %w", err)
	}
	skey, _, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return nil, fmt.Errorf("create log key: %w", err)
	}
	line := []byte(skey + "\n")
	l, err := decodeLog(line)
	if err != nil {
		return nil, fmt.Errorf("create log key: %w", err)
	}
	if err := WriteNew(path, line); err != nil {
		return nil, fmt.Errorf("create log key file: %w", err)
	}
	return l, nil
}

// LoadLog reads a log key, with the errors of Load.
func LoadLog(path string) (*Log, error) {
	data, err := readPrivate(path)
	if err != nil {
		return nil, fmt.Errorf("load log key: %w", err)
	}
	l, err := decodeLog(data)
	if err != nil {
		return nil, fmt.Errorf("load log key %s: %w", path, err)
	}
	return l, nil
}

// decodeLog reads one line; note.NewSigner checks the hash, which covers the
// name and the public key that belongs to the private one.
func decodeLog(data []byte) (*Log, error) {
	skey, ok := strings.CutSuffix(string(data), "\n")
	if !ok {
		return nil, fmt.Errorf("%w: not one whole line (is it cut short?)", ErrFormat)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		return nil, fmt.Errorf("%w: not a note signer key, or its hash is not that of its name and key", ErrFormat)
	}
	if err := chain.CheckOrigin(signer.Name()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	seed, err := noteSeed(skey)
	if err != nil {
		return nil, err
	}
	public := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	vkey, err := note.NewEd25519VerifierKey(signer.Name(), public)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	l := &Log{Signer: signer, verifier: vkey}
	want := fmt.Sprintf("%s%s+%08x+%s\n", skeyTag, l.Name(), l.KeyHash(), b64.EncodeToString(append([]byte{noteEd25519}, seed...)))
	if !bytes.Equal([]byte(want), data) {
		return nil, fmt.Errorf("%w: not written as a note signer key is written", ErrFormat)
	}
	return l, nil
}

// noteEd25519 is the C2SP signature type that begins the key bytes.
const noteEd25519 = 1

// noteSeed takes the private key out of a note signer key that note accepts.
func noteSeed(skey string) ([]byte, error) {
	parts := strings.SplitN(strings.TrimPrefix(skey, skeyTag), "+", 3) // base64 may hold a plus, name and hash cannot
	raw, err := b64.DecodeString(parts[len(parts)-1])
	if err != nil || len(raw) != 1+ed25519.SeedSize || raw[0] != noteEd25519 {
		return nil, fmt.Errorf("%w: not an Ed25519 note signer key", ErrFormat)
	}
	return raw[1:], nil
}

// VerifierKey returns the C2SP verifier key: what is published, what an auditor
// is given, what the genesis entry names.
func (l *Log) VerifierKey() string { return l.verifier }

// Verifier returns what checks the log's signatures.
func (l *Log) Verifier() note.Verifier {
	v, err := note.NewVerifier(l.verifier)
	if err != nil {
		panic("keys: a verifier key made by note does not parse: " + err.Error())
	}
	return v
}

// Format prints the verifier key, whatever the verb.
func (l *Log) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "log key %s", l.verifier) }
