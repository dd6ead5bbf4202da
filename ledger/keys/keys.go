// Package keys holds private keys and signs, and nothing else.
//
// It is for whoever says something under a key of his own: an agency that
// submits, the operator, and the ledger itself, whose log key signs
// checkpoints. Keys live in files of one line that their owner alone can read;
// the package refuses files that others can read, files in which public and
// private key do not belong together, and to write over a file that exists. It
// never prints a private key. Judging signatures is the suite's work, and who
// may say what is the roster's.
//
// FORMAT.md beside this file describes both files; signatures are Ed25519 (RFC
// 8032), log keys are C2SP signed-note keys.
package keys

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"civicledger/ledger/chain"
	"civicledger/ledger/suite"
)

// Errors about key files; the cure stands in the text around them.
var (
	// ErrReadable is wrapped when others than its owner may read or write the
	// file.
	ErrReadable = errors.New("private key is open to others")
	// ErrFormat is wrapped when the file is not what Create or CreateLog wrote.
	ErrFormat = errors.New("not a private key file")
)

// fileTag begins a key file.
const fileTag = "civicledger private key v1"

// scheme is the private half of a suite: seeds and signatures.
type scheme struct {
	seed   int // bytes
	public func(seed []byte) []byte
	sign   func(seed, text []byte) []byte
}

// schemes has an entry for every suite whose keys can be held here.
var schemes = map[string]scheme{
	suite.SHA256Ed25519: {
		seed: ed25519.SeedSize,
		public: func(seed []byte) []byte {
			return ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
		},
		sign: func(seed, text []byte) []byte {
			return ed25519.Sign(ed25519.NewKeyFromSeed(seed), text)
		},
	},
}

func schemeOf(s *suite.Suite) (scheme, error) {
	sch, ok := schemes[s.Name()]
	if !ok {
		return scheme{}, fmt.Errorf("no private keys for suite %q: %w", s.Name(), suite.ErrUnknown)
	}
	return sch, nil
}

// Key is a private key of an agency or of the operator. It never changes; its
// methods may be called from any number of goroutines at once.
type Key struct {
	suite  *suite.Suite
	scheme scheme
	id     string
	public []byte
	seed   []byte // goes nowhere but into the key file and scheme.sign
}

// Generate makes a new key that is in no file.
func Generate(s *suite.Suite) (*Key, error) {
	sch, err := schemeOf(s)
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	seed := make([]byte, sch.seed)
	if _, err := rand.Read(seed); err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	return newKey(s, sch, seed), nil
}

func newKey(s *suite.Suite, sch scheme, seed []byte) *Key {
	public := sch.public(seed)
	return &Key{suite: s, scheme: sch, id: chain.KeyID(s, public), public: public, seed: seed}
}

// Create makes a new key and the file that holds it. When it returns nil the
// file survives a power cut; after a crash the whole file is there or none. It
// never writes over a file: then the error wraps fs.ErrExist.
func Create(path string, s *suite.Suite) (*Key, error) {
	k, err := Generate(s)
	if err != nil {
		return nil, err
	}
	if err := WriteNew(path, k.encode()); err != nil {
		return nil, fmt.Errorf("create key file: %w", err)
	}
	return k, nil
}

// Load reads the key of a file. The error wraps ErrReadable when others than
// the owner may read it, ErrFormat when its content is not a key, and
// suite.ErrUnknown when its suite is not known.
func Load(path string) (*Key, error) {
	data, err := readPrivate(path)
	if err != nil {
		return nil, fmt.Errorf("load key: %w", err)
	}
	k, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("load key %s: %w", path, err)
	}
	return k, nil
}

var b64 = base64.StdEncoding.Strict()

func (k *Key) encode() []byte {
	return []byte(fileTag + " " + k.suite.Name() + " " +
		b64.EncodeToString(k.public) + " " + b64.EncodeToString(k.seed) + "\n")
}

// decode reads what encode writes and nothing else. Its errors never hold
// bytes of the file: they end up in logs.
func decode(data []byte) (*Key, error) {
	text, ok := strings.CutPrefix(string(data), fileTag+" ")
	if !ok {
		return nil, fmt.Errorf("%w: does not begin with %q", ErrFormat, fileTag)
	}
	text, ok = strings.CutSuffix(text, "\n")
	fields := strings.Split(text, " ")
	if !ok || len(fields) != 3 {
		return nil, fmt.Errorf("%w: not one line of suite, public key and private key (is it cut short?)", ErrFormat)
	}
	s, err := suite.Lookup(fields[0])
	if err != nil {
		return nil, err
	}
	sch, err := schemeOf(s)
	if err != nil {
		return nil, err
	}
	seed, err := b64.DecodeString(fields[2])
	if err != nil || len(seed) != sch.seed {
		return nil, fmt.Errorf("%w: private key is not %d bytes of base64", ErrFormat, sch.seed)
	}
	k := newKey(s, sch, seed)
	if !bytes.Equal(k.encode(), data) {
		return nil, fmt.Errorf("%w: the public key is not that of the private key", ErrFormat)
	}
	return k, nil
}

// Suite returns the suite the key signs under.
func (k *Key) Suite() *suite.Suite { return k.suite }

// Public returns the public key, a copy.
func (k *Key) Public() []byte { return bytes.Clone(k.public) }

// ID returns the key id, as chain.KeyID gives it.
func (k *Key) ID() string { return k.id }

// Format prints the key id, whatever the verb: a private key must not get into
// a log by way of a struct that holds it.
func (k *Key) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "key %s", k.id) }

// Sign signs text as it is. Texts carry a domain tag on their first line, so
// that what is signed for one purpose serves no other: see package chain.
func (k *Key) Sign(text []byte) []byte { return k.scheme.sign(k.seed, text) }

// SignSubmission signs lines as the agency's submission to the ledger of that
// origin. It refuses what can be no submission: an error that wraps
// chain.ErrSubmission, or one about the names. The submission keeps lines.
func (k *Key) SignSubmission(origin, agency string, lines [][]byte) (*chain.Submission, error) {
	if err := checkNames(origin, agency); err != nil {
		return nil, fmt.Errorf("sign submission: %w", err)
	}
	if err := chain.CheckLines(lines); err != nil {
		return nil, fmt.Errorf("sign submission: %w", err)
	}
	sub := &chain.Submission{Agency: agency, KeyID: k.id, Lines: lines}
	sub.Signature = k.Sign(sub.SignedText(k.suite, origin))
	return sub, nil
}

// ProveEnrolment signs chain.EnrolmentText: the proof, asked for when the
// operator enrols the key for agency on the ledger of that origin, that the
// agency holds it.
func (k *Key) ProveEnrolment(origin, agency string) ([]byte, error) {
	if err := checkNames(origin, agency); err != nil {
		return nil, fmt.Errorf("prove enrolment: %w", err)
	}
	return k.Sign(chain.EnrolmentText(k.suite, origin, agency, k.public)), nil
}

// checkNames keeps line breaks out of the texts that get signed.
func checkNames(origin, agency string) error {
	if err := chain.CheckOrigin(origin); err != nil {
		return err
	}
	return chain.CheckAgency(agency)
}
