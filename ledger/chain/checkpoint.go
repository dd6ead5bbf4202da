package chain

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
)

// Head is what a commit extends: how many entries there are and the leaf hash
// of the last (zeros when there is none).
type Head struct {
	Size uint64
	Last Hash
}

// Checkpoint is the body of a C2SP tlog-checkpoint without extension lines: a
// head as others see it, by its tree.
type Checkpoint struct {
	Origin string
	Size   uint64
	Root   Hash
}

// ErrCheckpoint is wrapped by every error about a checkpoint that is not one,
// or not signed by the key in question.
var ErrCheckpoint = errors.New("not a checkpoint of this ledger")

// CheckOrigin says whether name can be a ledger's origin, which is also the
// name of its checkpoint key: a schema-less URL by convention (C2SP
// tlog-checkpoint), no spaces and no plus.
func CheckOrigin(name string) error {
	if name == "" || len(name) > 255 || strings.ContainsAny(name, "+\n") || strings.ContainsFunc(name, isSpaceOrControl) {
		return fmt.Errorf("origin %q: want 1 to 255 characters without spaces and +, such as ledger.example.org/2026", name)
	}
	return nil
}

func isSpaceOrControl(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || r == utf8.RuneError
}

// Text is the note text that gets signed.
func (c Checkpoint) Text() string {
	return c.Origin + "\n" + strconv.FormatUint(c.Size, 10) + "\n" + b64.EncodeToString(c.Root[:]) + "\n"
}

// Sign returns the signed note.
func (c Checkpoint) Sign(signer note.Signer) ([]byte, error) {
	msg, err := note.Sign(&note.Note{Text: c.Text()}, signer)
	if err != nil {
		return nil, fmt.Errorf("sign checkpoint of %d: %w", c.Size, err)
	}
	return msg, nil
}

// ParseCheckpoint reads the note text of a checkpoint. It refuses what Text
// would not have written.
func ParseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return Checkpoint{}, fmt.Errorf("%w: %d lines, want 3", ErrCheckpoint, len(lines)-1)
	}
	c := Checkpoint{Origin: lines[0]}
	if err := CheckOrigin(c.Origin); err != nil {
		return Checkpoint{}, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	f := fields{}
	c.Size = f.number("size", []byte(lines[1]), 63)
	f.bytes("root hash", []byte(lines[2]), c.Root[:])
	if f.err != nil {
		return Checkpoint{}, fmt.Errorf("%w: %w", ErrCheckpoint, f.err)
	}
	return c, nil
}

// OpenCheckpoint verifies a signed checkpoint. Its origin must be the
// verifier's name: one key, one log.
func OpenCheckpoint(msg []byte, verifier note.Verifier) (Checkpoint, error) {
	n, err := note.Open(msg, note.VerifierList(verifier))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	c, err := ParseCheckpoint(n.Text)
	if err != nil {
		return Checkpoint{}, err
	}
	if c.Origin != verifier.Name() {
		return Checkpoint{}, fmt.Errorf("%w: origin %q under the key of %q", ErrCheckpoint, c.Origin, verifier.Name())
	}
	return c, nil
}
