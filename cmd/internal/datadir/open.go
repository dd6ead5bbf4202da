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
	idx := &opened{dir: d, options: o}
	store, err := d.openBook(o, verifier, idx)
	if err != nil {
		return nil, errors.Join(err, idx.close())
	}
	if err := idx.settle(store); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	c := o.Ledger
	c.Store, c.Index, c.Signer, c.VerifierKey, c.ReadOnly, c.Log = store, idx.index, signer, verifier, o.ReadOnly, o.Log
	if o.Store != nil {
		c.Store = o.Store(store)
	}
	if o.Wrap != nil {
		c.Index = o.Wrap(c.Index, idx.rebuilt)
	}
	l, err := ledger.Open(ctx, c)
	if err != nil {
		return nil, errors.Join(err, idx.close(), store.Close())
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

// DamageCure is said wherever damage ends something.
const DamageCure = "civicledger verify names all of it; civicledger repair puts it back from a backup; civicledger serve --read-only answers from what stands"

// damageCure is DamageCure and, where the book says how much of it stands, how
// the rest may be given up.
func (d Dir) damageCure(err error) string {
	var damage *book.DamageError
	if !errors.As(err, &damage) || damage.Standing == 0 {
		return DamageCure
	}
	return fmt.Sprintf("%s; where no copy has it, civicledger accept-loss --data %s --size %d goes on with what stands, and says so on the log", DamageCure, d, damage.Standing)
}

// bookOptions are those of the book, with who else knows how long it was. A
// stored checkpoint counts if the log's key signed it.
func (d Dir) bookOptions(o Options, verifier string, idx *opened) (book.Options, error) {
	b := o.Book
	b.ReadOnly = o.ReadOnly
	if b.MinFree == 0 {
		b.FreeBytes, b.MinFree = index.FreeBytes, minFree
	}
	key, err := note.NewVerifier(verifier)
	if err != nil {
		return b, fmt.Errorf("the log's key: %w", err)
	}
	b.Known = idx.known
	b.Check = func(note []byte) error {
		_, err := chain.OpenCheckpoint(note, key)
		return err
	}
	return b, nil
}

// ReadBook opens the book alone, to be read, and gives the key of its checkpoints.
func (d Dir) ReadBook(log *slog.Logger) (*book.Book, note.Verifier, error) {
	if ok, err := d.Exists(); err != nil || !ok {
		return nil, nil, errors.Join(err, fmt.Errorf("%s holds no ledger: %s is missing", d, d.VerifierKey()))
	}
	_, key, err := d.LogKeys(true)
	if err != nil {
		return nil, nil, err
	}
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", d.VerifierKey(), err)
	}
	o := Options{ReadOnly: true, Log: log}
	store, err := d.openBook(o, key, &opened{dir: d, options: o})
	return store, verifier, err
}

// openBook opens the book, and says what a crash left behind.
func (d Dir) openBook(o Options, verifier string, idx *opened) (*book.Book, error) {
	options, err := d.bookOptions(o, verifier, idx)
	if err != nil {
		return nil, err
	}
	store, err := book.Open(string(d), options)
	if errors.Is(err, ledger.ErrDamaged) {
		return nil, fmt.Errorf("%w\n%s", err, d.damageCure(err))
	}
	if err != nil {
		return nil, err
	}
	report := store.Report()
	for _, reason := range report.BadSlots {
		if o.ReadOnly {
			o.Log.Warn("a checkpoint slot is not usable", "reason", reason)
		} else {
			o.Log.Warn("a checkpoint slot was not usable, as a crash may leave one; its twin is, the book reaches it, and both are written again", "reason", reason)
		}
	}
	if o.ReadOnly { // what lies above the checkpoint may be a write under way
		return store, nil
	}
	if t := report.Torn; t != nil {
		o.Log.Warn("a write was cut off by a crash; nobody was told it had succeeded",
			"entry", t.First, "file", t.File, "bytes", t.Size, "moved to", t.MovedTo, "reason", t.Reason)
	}
	if report.Above > 0 {
		o.Log.Info("entries above the stored checkpoint will be checked and signed", "entries", report.Above)
	}
	return store, nil
}

// opened is the index while a directory is opened: before the book is settled,
// as a witness of how long it was, and afterwards, made anew if it is damaged.
type opened struct {
	dir     Dir
	options Options
	index   ledger.Index
	err     error // why it could not be opened
	rebuilt bool
}

func (x *opened) open(store ledger.Store) (*index.Index, error) {
	o := x.options.Index
	o.ReadOnly, o.Logger = x.options.ReadOnly, x.options.Log
	var err error
	if o.Ledger, err = genesisHash(store); err != nil {
		return nil, err
	}
	made, err := index.Open(x.dir.Index(), o)
	if errors.Is(err, index.ErrUnclean) { // read-only: a kill left it so, and nobody has it open
		o.ReadOnly = false
		if made, err = index.Open(x.dir.Index(), o); err == nil {
			err = made.Close()
		}
		if o.ReadOnly = true; err == nil {
			made, err = index.Open(x.dir.Index(), o)
		}
	}
	return made, err
}

// known is what the index knows of the book's length; nothing, where there is
// none or it cannot be opened.
func (x *opened) known(b *book.Book) []book.Witness {
	if _, err := os.Stat(x.dir.Index()); err != nil {
		return nil // it is made when the book is settled
	}
	made, err := x.open(b)
	if x.err = err; err != nil {
		return nil
	}
	x.index = made
	if made.Known() == 0 {
		return nil
	}
	return []book.Witness{{By: "the index", Size: made.Known()}}
}

// settle opens the index, or makes a new one in place of one that is damaged:
// it is no evidence, and the book has all of it.
func (x *opened) settle(store *book.Book) error {
	if x.index != nil {
		return nil
	}
	made, err := (*index.Index)(nil), x.err
	if err == nil { // it was not asked
		made, err = x.open(store)
	}
	switch {
	case err != nil && x.options.ReadOnly:
		x.options.Log.Warn("reading without the index", "cause", err)
		x.index = ledger.NoIndex{}
		return nil
	case errors.Is(err, index.ErrCorrupt), errors.Is(err, index.ErrFormat):
		x.options.Log.Warn("the index will be rebuilt from the book", "cause", err)
		if err := index.Remove(x.dir.Index()); err != nil {
			return err
		}
		x.rebuilt = true
		made, err = x.open(store)
	}
	if err == nil {
		x.index = made
	}
	return err
}

func (x *opened) close() error {
	if x.index == nil {
		return nil
	}
	return x.index.Close()
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
