package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/note"

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

// dataDir is a ledger's directory and what lies where in it.
type dataDir string

func (d dataDir) logKey() string      { return filepath.Join(string(d), "keys", "log.key") }
func (d dataDir) operatorKey() string { return filepath.Join(string(d), "keys", "operator.key") }
func (d dataDir) verifierKey() string { return filepath.Join(string(d), "log.pub") }
func (d dataDir) index() string       { return filepath.Join(string(d), "index") }
func (d dataDir) bus() string         { return filepath.Join(string(d), "bus") }

// exists says whether there is a ledger in d.
func (d dataDir) exists() (bool, error) {
	_, err := os.Stat(d.verifierKey())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// create makes a ledger in d: keys, genesis entry, first checkpoint, and last
// the public key file, which says that everything before it is there.
func (d dataDir) create(origin, zone string, s *suite.Suite) (verifier string, err error) {
	if err := chain.CheckOrigin(origin); err != nil {
		return "", err
	}
	if ok, err := d.exists(); ok || err != nil {
		return "", errors.Join(err, fmt.Errorf("%s holds a ledger already: choose another directory", d))
	}
	if err := os.MkdirAll(filepath.Dir(d.logKey()), 0o700); err != nil {
		return "", err
	}
	logKey, err := keys.CreateLog(d.logKey(), origin)
	if err != nil {
		return "", err
	}
	operator, err := keys.Create(d.operatorKey(), s)
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
	return logKey.VerifierKey(), writeFileDurably(d.verifierKey(), logKey.VerifierKey()+"\n")
}

func genesisOf(origin, zone string, logKey *keys.Log, operator *keys.Key) (*chain.Submission, error) {
	line, err := systemLine(origin, roster.LedgerOpened, roster.Opened{
		Origin: origin, Suite: operator.Suite().Name(), LogKey: logKey.VerifierKey(),
		OperatorKey: operator.Public(), Timezone: zone,
	})
	if err != nil {
		return nil, err
	}
	return operator.SignSubmission(origin, chain.Operator, [][]byte{line})
}

// systemLine writes a system event that happens now.
func systemLine(origin, eventType string, data any) ([]byte, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	return roster.Line(origin, eventType, id.String(), now(), data)
}

// writeFileDurably writes a small file that survives a power cut whole.
func writeFileDurably(path, text string) error {
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

// openForReading opens the ledger in d, served or not, to be read only.
func (d dataDir) openForReading(ctx context.Context, log *slog.Logger) (*ledger.Ledger, error) {
	return d.openLedger(ctx, true, ledger.AuditConfig{}, log)
}

// openLedger opens the ledger in d, for writing or for reading only.
func (d dataDir) openLedger(ctx context.Context, readOnly bool, audit ledger.AuditConfig, log *slog.Logger) (*ledger.Ledger, error) {
	if ok, err := d.exists(); err != nil || !ok {
		return nil, errors.Join(err, fmt.Errorf("%s holds no ledger: create one with civicledger init --data %s --origin NAME", d, d))
	}
	signer, verifier, err := d.logKeys(readOnly)
	if err != nil {
		return nil, err
	}
	store, err := d.openBook(readOnly, log)
	if err != nil {
		return nil, err
	}
	idx, err := d.openIndex(store, readOnly, log)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	l, err := ledger.Open(ctx, ledger.Config{
		Store: store, Index: idx, Signer: signer, VerifierKey: verifier,
		ReadOnly: readOnly, Audit: audit, Log: log, Progress: replayProgress(log),
	})
	if err != nil {
		return nil, errors.Join(err, idx.Close(), store.Close())
	}
	return l, nil
}

// logKeys are what signs checkpoints and what verifies them. Who only reads
// needs no private key: a copy of a ledger has none.
func (d dataDir) logKeys(readOnly bool) (note.Signer, string, error) {
	if readOnly {
		text, err := os.ReadFile(d.verifierKey())
		return nil, strings.TrimSpace(string(text)), err
	}
	logKey, err := keys.LoadLog(d.logKey())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("%w: without it %s can only be served with --read-only", err, d)
	}
	if err != nil {
		return nil, "", err
	}
	return logKey, logKey.VerifierKey(), nil
}

// damageCure is said wherever damage ends something.
const damageCure = "civicledger verify names all of it; civicledger repair puts it back from a backup; civicledger serve --read-only answers from what stands before it"

// openBook opens the book and says what a crash left behind.
func (d dataDir) openBook(readOnly bool, log *slog.Logger) (*book.Book, error) {
	store, err := book.Open(string(d), book.Options{ReadOnly: readOnly, FreeBytes: index.FreeBytes, MinFree: minFree})
	if errors.Is(err, ledger.ErrDamaged) {
		return nil, fmt.Errorf("%w\n%s", err, damageCure)
	}
	if err != nil {
		return nil, err
	}
	report := store.Report()
	for _, reason := range report.BadSlots {
		log.Warn("a checkpoint slot is not usable, the other one is", "reason", reason)
	}
	if readOnly { // what lies above the checkpoint may be a write under way
		return store, nil
	}
	if t := report.Torn; t != nil {
		log.Warn("a write was cut off by a crash; nobody was told it had succeeded",
			"entry", t.First, "file", t.File, "bytes", t.Size, "moved to", t.MovedTo, "reason", t.Reason)
	}
	if report.Above > 0 {
		log.Info("entries above the stored checkpoint will be checked and signed", "entries", report.Above)
	}
	return store, nil
}

// openIndex opens the index, or makes a new one in place of one that is
// damaged: it is no evidence, and the book has all of it.
func (d dataDir) openIndex(store ledger.Store, readOnly bool, log *slog.Logger) (ledger.Index, error) {
	genesis, err := genesisHash(store)
	if err != nil {
		return nil, err
	}
	options := index.Options{Ledger: genesis, ReadOnly: readOnly, Logger: log}
	idx, err := index.Open(d.index(), options)
	switch {
	case err == nil:
		return idx, nil
	case readOnly:
		log.Warn("reading without the index", "cause", err)
		return ledger.NoIndex{}, nil
	case errors.Is(err, index.ErrCorrupt), errors.Is(err, index.ErrFormat):
		log.Warn("the index will be rebuilt from the book", "cause", err)
		if err := index.Remove(d.index()); err != nil {
			return nil, err
		}
		return index.Open(d.index(), options)
	}
	return nil, err
}

// genesisHash is the hash of entry 0, which ties an index to its book.
func genesisHash(store ledger.Store) (chain.Hash, error) {
	for c, err := range store.Commits(0) {
		if err != nil {
			return chain.Hash{}, err
		}
		return suite.Default().Leaf(c.Entries[0]), nil
	}
	return chain.Hash{}, ledger.ErrEmpty
}

// replayProgress reports every hundred thousand entries.
func replayProgress(log *slog.Logger) func(done, total uint64) {
	const step = 100_000
	var next uint64
	return func(done, total uint64) {
		if next == 0 {
			next = done + step
		}
		if done >= next {
			next = done + step
			log.Info("replaying the book", "entries", done, "of", total)
		}
	}
}
