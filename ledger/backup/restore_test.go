package backup

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"civicledger/ledger/chain"
	"civicledger/ledger/verify/verdict"
)

func (r *rig) restore(from, data string, known *verdict.Signed) (*Restored, error) {
	return Restore(context.Background(), Restoring{From: from, Data: data, Key: r.log.VerifierKey(), Known: known}, Options{})
}

func TestRestore_ProvesItself(t *testing.T) {
	r := newRig(t)
	r.grow(10)
	known := r.known()
	r.grow(60)
	to := filepath.Join(t.TempDir(), "copy")
	r.mustCopy(to)
	r.close()
	data := filepath.Join(t.TempDir(), "new")
	if _, err := r.restore(to, data, known); err != nil {
		t.Fatal(err)
	}
	sameSegments(t, data, contents(t, r.dir))
	if size := r.mustBeSound(data); size != r.head.Size {
		t.Errorf("restored %d, want %d", size, r.head.Size)
	}
	if _, err := r.restore(to, data, known); !errors.Is(err, fs.ErrExist) {
		t.Errorf("restored over a directory that is not empty: %v", err)
	}
	if _, err := r.restore(to, filepath.Join(t.TempDir(), "other"), nil); !errors.Is(err, ErrNoProof) {
		t.Errorf("restored without proof: %v", err)
	}
}

// mustNotRestore checks that nothing is left where the directory was to be.
func (r *rig) mustNotRestore(from string, known *verdict.Signed, words ...string) *Refused {
	r.Helper()
	beside := r.TempDir()
	_, err := r.restore(from, filepath.Join(beside, "new"), known)
	refused := mustRefuse(r, err, words...)
	if names, err := os.ReadDir(beside); err != nil || len(names) > 0 {
		r.Errorf("%v is left", names)
	}
	return refused
}

func TestRestore_RefusesAnOldCopy(t *testing.T) {
	r := newRig(t)
	r.grow(10)
	to := filepath.Join(t.TempDir(), "copy")
	r.mustCopy(to)
	r.grow(1)
	refused := r.mustNotRestore(to, r.known(), "lacks", "entries")
	if refused.Before == "" || refused.Now == "" {
		t.Error("the two heads are not shown")
	}
}

func TestRestore_RefusesAFork(t *testing.T) {
	r := newRig(t)
	r.grow(10)
	other := clone(t, r.dir)
	r.grow(5)
	known := r.known()
	r.close()
	r.dir = other
	r.rewindTo(other)
	r.said += 1000
	r.grow(60)
	refused := r.mustNotRestore(other, known, "fork")
	if refused.Before == "" || refused.Now == "" {
		t.Error("the two heads are not shown")
	}
}

// A copy that was changed is refused, be it by its checksums, by its hashes, or
// by the root alone.
func TestRestore_RefusesATamperedCopy(t *testing.T) {
	r := newRig(t)
	r.grow(70)
	r.close()
	for _, d := range damages {
		r.mustNotRestore(spoil(t, r.dir, d), r.known())
	}
}

func TestReadKnown_TakesNotesAndReceipts(t *testing.T) {
	r := newRig(t)
	file := filepath.Join(t.TempDir(), "seen")
	older, newer := r.sign(), []byte(nil)
	r.grow(3)
	newer = r.sign()
	write := func(data []byte) {
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	receipt := func(note []byte) []byte {
		rc := chain.Receipt{Origin: testOrigin, Suite: "sha256-ed25519", Agency: "haidian", KeyID: r.agency.ID(), Signature: []byte("s"), Count: 1, Checkpoint: string(note)}
		return append(rc.Encode(), '\n')
	}
	for name, data := range map[string][]byte{
		"note": newer, "receipts": append(receipt(newer), receipt(older)...),
	} {
		write(data)
		known, err := ReadKnown(file, r.log.VerifierKey())
		if err != nil || known.Size != r.head.Size {
			t.Errorf("%s: %+v, %v; want %d entries", name, known, err, r.head.Size)
		}
	}
	write(newRig(t).sign())
	if _, err := ReadKnown(file, r.log.VerifierKey()); !errors.Is(err, chain.ErrCheckpoint) {
		t.Errorf("a note by another key: %v", err)
	}
}
