// Package datadir is a ledger's directory: what lies where in it, how it is made,
// and how book, index and keys are opened together. The server opens it, and so
// does the fault harness, with faults put in between.
package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"civicledger/events"
	"civicledger/ledger"
	"civicledger/ledger/book"
	"civicledger/ledger/chain"
	"civicledger/ledger/index"
	"civicledger/ledger/keys"
	"civicledger/ledger/roster"
	"civicledger/ledger/suite"
)

// minFree is where commits are refused for want of room: before the index is,
// which does not survive a full disk.
const minFree = index.DefaultMinFree + 64<<20

// Dir is a ledger's directory and what lies where in it.
type Dir string

// The paths of what is in it.
func (d Dir) LogKey() string      { return filepath.Join(string(d), "keys", "log.key") }
func (d Dir) OperatorKey() string { return filepath.Join(string(d), "keys", "operator.key") }
func (d Dir) VerifierKey() string { return filepath.Join(string(d), "log.pub") }
func (d Dir) Index() string       { return filepath.Join(string(d), "index") }
func (d Dir) Bus() string         { return filepath.Join(string(d), "bus") }

// Exists says whether there is a ledger in d.
func (d Dir) Exists() (bool, error) {
	_, err := os.Stat(d.VerifierKey())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Create makes a ledger in d, which may be an empty directory: keys, genesis entry,
// first checkpoint, and last the public key file, which says that everything before
// it is there. It is made whole in a directory of its own within d; where that
// fails nothing of it is left, nor d if it was not there.
func (d Dir) Create(origin, zone string, s *suite.Suite) (verifier string, err error) {
	if err := chain.CheckOrigin(origin); err != nil {
		return "", err
	}
	if ok, err := d.Exists(); ok || err != nil {
		return "", errors.Join(err, fmt.Errorf("%s holds a ledger already: choose another directory", d))
	}
	unmake, err := d.vacant()
	if err != nil {
		return "", err
	}
	made, err := os.MkdirTemp(string(d), beingMade)
	if err == nil {
		verifier, err = Dir(made).fill(origin, zone, s)
	}
	if err == nil {
		err = d.take(Dir(made))
	}
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(made), unmake())
	}
	return verifier, os.Remove(made)
}

// beingMade names what a creation that was killed leaves in the directory.
const beingMade = ".init-*"

// vacant makes d unless it is there and empty, and returns how to undo that.
func (d Dir) vacant() (unmake func() error, err error) {
	first := "" // what is not there
	for path := filepath.Clean(string(d)); ; path = filepath.Dir(path) {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		first = path
	}
	if first != "" {
		return func() error { return os.RemoveAll(first) }, os.MkdirAll(string(d), 0o700)
	}
	entries, err := os.ReadDir(string(d))
	for _, e := range entries {
		if left, _ := filepath.Match(beingMade, e.Name()); !left {
			return nil, fmt.Errorf("%s is not empty, it holds %s: choose another directory", d, e.Name())
		}
	}
	return func() error { return nil }, err
}

// take moves what was made in another directory to d, the public key last. If we
// stop in between, there is no ledger in d, and nobody was told its key.
func (d Dir) take(made Dir) error {
	entries, err := os.ReadDir(string(made))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if from := filepath.Join(string(made), e.Name()); from != made.VerifierKey() {
			if err := os.Rename(from, filepath.Join(string(d), e.Name())); err != nil {
				return err
			}
		}
	}
	text, err := os.ReadFile(made.VerifierKey())
	if err != nil {
		return err
	}
	if err := WriteFile(d.VerifierKey(), string(text)); err != nil {
		return err
	}
	return os.Remove(made.VerifierKey())
}

func (d Dir) fill(origin, zone string, s *suite.Suite) (verifier string, err error) {
	if err := os.MkdirAll(filepath.Dir(d.LogKey()), 0o700); err != nil {
		return "", err
	}
	logKey, err := keys.CreateLog(d.LogKey(), origin)
	if err != nil {
		return "", err
	}
	operator, err := keys.Create(d.OperatorKey(), s)
	if err != nil {
		return "", err
	}
	genesis, err := genesisOf(origin, zone, logKey, operator)
	if err != nil {
		return "", err
	}
	if err := book.Create(string(d)); err != nil {
		return "", err
	}
	store, err := book.Open(string(d), book.Options{})
	if err != nil {
		return "", err
	}
	err = ledger.Create(ledger.Config{Store: store, Signer: logKey, VerifierKey: logKey.VerifierKey()}, genesis)
	if err := errors.Join(err, store.Close()); err != nil {
		return "", err
	}
	return logKey.VerifierKey(), WriteFile(d.VerifierKey(), logKey.VerifierKey()+"\n")
}

func genesisOf(origin, zone string, logKey *keys.Log, operator *keys.Key) (*chain.Submission, error) {
	line, err := SystemLine(origin, roster.LedgerOpened, roster.Opened{
		Origin: origin, Suite: operator.Suite().Name(), LogKey: logKey.VerifierKey(),
		OperatorKey: operator.Public(), Timezone: zone,
	})
	if err != nil {
		return nil, err
	}
	if _, problems := events.Parse(line); len(problems) > 0 { // as the intake reads each enrolment
		return nil, fmt.Errorf("under the origin %q nobody could be enrolled: %w", origin, problems)
	}
	return operator.SignSubmission(origin, chain.Operator, [][]byte{line})
}

// SystemLine writes a system event that happens now.
func SystemLine(origin, eventType string, data any) ([]byte, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	return roster.Line(origin, eventType, id.String(), time.Now(), data)
}

// WriteFile writes a small file that survives a power cut whole.
func WriteFile(path, text string) error {
	temporary := path + ".new"
	f, err := os.OpenFile(temporary, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
