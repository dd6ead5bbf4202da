package datadir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger"
	"civicledger/ledger/book"
	"civicledger/ledger/chain"
	"civicledger/ledger/index"
	"civicledger/ledger/keys"
	"civicledger/ledger/suite"
)

// Options are those of the parts. ReadOnly and Log count for all of them; what
// the ledger is made of is filled in by Open.
type Options struct {
	ReadOnly bool
	Log      *slog.Logger
	Book     book.Options
	Index    index.Options
	Ledger   ledger.Config
	// Store and Wrap, if set, make of the parts what the ledger sees in their
	// place. Wrap is told whether the index was damaged and made anew.
	Store func(*book.Book) ledger.Store
	Wrap  func(idx ledger.Index, rebuilt bool) ledger.Index
}

// Open opens the ledger in d, for writing or for reading only. Closing it closes
// the parts.
func (d Dir) Open(ctx context.Context, o Options) (*ledger.Ledger, error) {
	if ok, err := d.Exists(); err != nil || !ok {
		return nil, errors.Join(err, fmt.Errorf("%s holds no ledger: create one with civicledger init --data %s --origin NAME", d, d))
	}
	signer, verifier, err := d.LogKeys(o.ReadOnly)
	if err != nil {
		return nil, err
	}
	store, err := d.OpenBook(o)
	if err != nil {
		return nil, err
	}
	idx, rebuilt, err := d.openIndex(store, o)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	c := o.Ledger
	c.Store, c.Index, c.Signer, c.VerifierKey, c.ReadOnly, c.Log = store, idx, signer, verifier, o.ReadOnly, o.Log
	if o.Store != nil {
		c.Store = o.Store(store)
	}
	if o.Wrap != nil {
		c.Index = o.Wrap(idx, rebuilt)
	}
	l, err := ledger.Open(ctx, c)
	if err != nil {
		return nil, errors.Join(err, idx.Close(), store.Close())
	}
	return l, nil
}

// LogKeys are what signs checkpoints and what verifies them. Who only reads
// needs no private key: a copy of a ledger has none.
func (d Dir) LogKeys(readOnly bool) (note.Signer, string, error) {
	if readOnly {
		text, err := os.ReadFile(d.VerifierKey())
		return nil, strings.TrimSpace(string(text)), err
	}
	logKey, err := keys.LoadLog(d.LogKey())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("%w: without it %s can only be served with --read-only", err, d)
	}
	if err != nil {
		return nil, "", err
	}
	return logKey, logKey.VerifierKey(), nil
}

// Operator loads the two keys of a ledger.
func (d Dir) Operator() (*keys.Key, *keys.Log, error) {
	logKey, err := keys.LoadLog(d.LogKey())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%s holds no ledger: create one with civicledger init: %w", d, err)
	}
	if err != nil {
		return nil, nil, err
	}
	operator, err := keys.Load(d.OperatorKey())
	return operator, logKey, err
}

// Verifier reads the public key of the ledger's checkpoints.
func (d Dir) Verifier() (note.Verifier, error) {
	if ok, err := d.Exists(); err != nil || !ok {
		return nil, errors.Join(err, fmt.Errorf("%s holds no ledger: %s is missing", d, d.VerifierKey()))
	}
	text, err := os.ReadFile(d.VerifierKey())
	if err != nil {
		return nil, err
	}
	verifier, err := note.NewVerifier(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.VerifierKey(), err)
	}
	return verifier, nil
}

// DamageCure is said wherever damage ends something.
const DamageCure = "civicledger verify names all of it; civicledger repair puts it back from a backup; civicledger serve --read-only answers from what stands"

// OpenBook opens the book alone, and says what a crash left behind.
func (d Dir) OpenBook(o Options) (*book.Book, error) {
	b, log := o.Book, o.Log
	b.ReadOnly = o.ReadOnly
	if b.MinFree == 0 {
		b.FreeBytes, b.MinFree = index.FreeBytes, minFree
	}
	store, err := book.Open(string(d), b)
	if errors.Is(err, ledger.ErrDamaged) {
		return nil, fmt.Errorf("%w\n%s", err, DamageCure)
	}
	if err != nil {
		return nil, err
	}
	report := store.Report()
	for _, reason := range report.BadSlots {
		log.Warn("a checkpoint slot is not usable, the other one is", "reason", reason)
	}
	if o.ReadOnly { // what lies above the checkpoint may be a write under way
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
func (d Dir) openIndex(store ledger.Store, o Options) (idx ledger.Index, rebuilt bool, err error) {
	options := o.Index
	options.ReadOnly, options.Logger = o.ReadOnly, o.Log
	if options.Ledger, err = genesisHash(store); err != nil {
		return nil, false, err
	}
	made, err := index.Open(d.Index(), options)
	if o.ReadOnly && errors.Is(err, index.ErrUnclean) { // left so by a kill; nobody has it open
		options.ReadOnly = false
		if made, err = index.Open(d.Index(), options); err == nil {
			err = made.Close()
		}
		if options.ReadOnly = true; err == nil {
			made, err = index.Open(d.Index(), options)
		}
	}
	switch {
	case err == nil:
	case o.ReadOnly:
		o.Log.Warn("reading without the index", "cause", err)
		return ledger.NoIndex{}, false, nil
	case errors.Is(err, index.ErrCorrupt), errors.Is(err, index.ErrFormat):
		o.Log.Warn("the index will be rebuilt from the book", "cause", err)
		if err := index.Remove(d.Index()); err != nil {
			return nil, false, err
		}
		rebuilt = true
		made, err = index.Open(d.Index(), options)
	}
	if err != nil {
		return nil, false, err
	}
	return made, rebuilt, nil
}

// genesisHash is the hash of entry 0, which ties an index to its book.
func genesisHash(store ledger.Store) (chain.Hash, error) {
	for c, err := range store.Commits(0) {
		if err == nil {
			return suite.Default().Leaf(c.Entries[0]), nil
		}
		for c := range store.Commits(1) { // which carries it
			if c != nil && c.Prev.Size == 1 {
				return c.Prev.Last, nil
			}
			break
		}
		return chain.Hash{}, err
	}
	return chain.Hash{}, ledger.ErrEmpty
}

// Progress reports a replay every hundred thousand entries.
func Progress(log *slog.Logger) func(done, total uint64) {
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
