// Package index keeps in Badger what can be rebuilt from the book: which event
// key stands where, the full hash tiles, and where each subject is named.
//
// It is for the ledger, which feeds it from durable commits and rebuilds it
// when it is gone. The package trusts Badger with nothing that it can check
// itself: tables are verified before they are opened, every step leaves a mark
// in a chain of steps, and the position is the end of that chain, so that what
// a crash or a flipped bit took out of Badger's write-ahead log shows as a
// lower position and never as a wrong answer. It refuses directories of
// another ledger or another format, and to write when the disk is nearly full,
// because Badger does not survive a full disk. It keeps no event and is no
// evidence.
//
// DESIGN.md beside this file has the keys, the traps and the measurements.
package index

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"

	"civicledger/ledger"
	"civicledger/ledger/chain"
)

// Errors of this package. All but ErrNoSpace come from Open.
var (
	// ErrCorrupt is wrapped when files are not as they were written. The cure
	// is to remove the index and let the ledger rebuild it.
	ErrCorrupt = ledger.ErrIndex
	// ErrFormat is wrapped when the index is this ledger's, in the format of
	// another version of this program. The cure is as for ErrCorrupt.
	ErrFormat = errors.New("the index is of another format")
	// ErrForeign is wrapped when the index belongs to another ledger.
	ErrForeign = errors.New("not the index of this ledger")
	// ErrLocked is wrapped when another process has the index open.
	ErrLocked = errors.New("the index is in use")
	// ErrUnclean is wrapped when an index that was not closed is opened
	// read-only: what stands in its write-ahead log needs an open for writing.
	ErrUnclean = errors.New("the index was not closed")
	// ErrReadOnly is returned by Apply on an Index that was opened read-only.
	ErrReadOnly = errors.New("the index is open for reading only")
	// ErrNoSpace is wrapped by Apply when the disk has less than
	// Options.MinFree left; nothing was written, and Apply may be tried again.
	ErrNoSpace = ledger.ErrNoSpace
)

// DefaultMinFree is what Options.MinFree is when it is zero.
const DefaultMinFree = 256 << 20

// Options says what an index is opened for.
type Options struct {
	// Ledger ties the index to one ledger: the leaf hash of its genesis entry.
	Ledger chain.Hash
	// Logger gets what Badger has to say; nil: only the default logger's
	// warnings and errors.
	Logger *slog.Logger
	// ReadOnly opens an index that exists and was closed, without changing a
	// byte of it. Several processes may do so at once.
	ReadOnly bool
	// MinFree is how many bytes the disk must have left for Apply to write: a
	// full disk kills the process (SIGBUS in Badger's memory maps).
	MinFree int64
}

// Index is a ledger.Index. Its methods may be called from any number of
// goroutines at once, Apply from one at a time.
type Index struct {
	dir      string
	readOnly bool
	minFree  int64
	logger   *slog.Logger
	db       *badger.DB

	// closing is held for reading while db is in use and for writing by Close.
	closing sync.RWMutex
	closed  bool

	position atomic.Uint64 // end of the last whole step; Apply moves it after its last transaction
	keys     *pages        // of events and submissions
	tiles    *pages        // tiles of level 0
	tail     atomic.Pointer[tail]
	table    *keyTable // keys of all entries before the position

	known     uint64 // the most entries that any mark speaks of, from Open on
	broken    bool   // the chain of marks has a gap; Apply's, as are the next ones
	journal   journal
	hashes    []byte // a tile on its way into a page
	lists     map[list][]byte
	settling  sync.Mutex
	unsettled atomic.Bool // a part of the table could not be settled
}

var _ ledger.Index = (*Index)(nil)

// Open opens the index in dir and makes it if there is none. It verifies every
// table and every page, so it takes a read of the whole index. The position may
// be lower than when the index was last written: the ledger applies again from
// there. When the error wraps ErrCorrupt or ErrFormat, Remove and open again.
func Open(dir string, opts Options) (*Index, error) {
	if opts.Ledger == (chain.Hash{}) {
		return nil, errors.New("open index: Options.Ledger is missing")
	}
	x := &Index{
		dir: dir, readOnly: opts.ReadOnly, minFree: cmp.Or(opts.MinFree, DefaultMinFree),
		logger: cmp.Or(opts.Logger, slog.Default()), lists: map[list][]byte{},
	}
	if err := x.open(opts); err != nil {
		return nil, fmt.Errorf("open index %s: %w", dir, err)
	}
	return x, nil
}

func (x *Index) open(opts Options) error {
	if x.readOnly {
		if _, err := os.Stat(filepath.Join(x.dir, badger.ManifestFilename)); err != nil {
			return err
		}
	} else {
		if err := os.MkdirAll(x.dir, 0o700); err != nil {
			return err
		}
		if err := x.checkSpace(); err != nil {
			return err
		}
	}
	db, err := openBadger(x.dir, opts)
	if err != nil {
		return err
	}
	x.db = db
	err = x.begin(opts.Ledger)
	if err == nil {
		err = x.openPages(opts.Ledger)
	}
	if err == nil {
		err = x.resume()
	}
	if err != nil {
		return errors.Join(err, x.release())
	}
	return nil
}

func (x *Index) openPages(owner chain.Hash) (err error) {
	if x.keys, err = openPages(x.dir, keysFile, pairSize, owner, x.readOnly); err != nil {
		return err
	}
	x.tiles, err = openPages(x.dir, tilesFile, len(chain.Hash{}), owner, x.readOnly)
	return err
}

// release closes whatever is open.
func (x *Index) release() error {
	err := x.db.Close()
	if x.table != nil {
		err = errors.Join(err, x.table.unmap())
	}
	for _, p := range []*pages{x.keys, x.tiles} {
		if p == nil {
			continue
		}
		if !x.readOnly {
			err = errors.Join(err, p.sync())
		}
		err = errors.Join(err, p.close())
	}
	return err
}

// begin checks whose index this is, and of which format.
func (x *Index) begin(owner chain.Hash) error {
	want := append([]byte{formatVersion}, owner[:]...)
	found, err := x.format()
	if err != nil {
		return err
	}
	switch {
	case found == nil && x.readOnly:
		return damaged("it has no format mark")
	case found == nil:
		if err := x.write([]pair{{key: []byte{prefixFormat}, value: want}}); err != nil {
			return err
		}
	case found[0] != formatVersion && bytes.Equal(found[1:], owner[:]):
		return fmt.Errorf("%w: format %d, this program writes %d; %s", ErrFormat, found[0], formatVersion, cure)
	case !bytes.Equal(found, want):
		return fmt.Errorf("%w: its genesis is %x, the ledger's is %x", ErrForeign, found[1:], owner)
	}
	return nil
}

func (x *Index) format() ([]byte, error) {
	value, err := x.get([]byte{prefixFormat})
	switch {
	case errors.Is(err, badger.ErrKeyNotFound):
		return nil, nil
	case err == nil && len(value) == 0:
		err = damaged("its format mark is empty")
	}
	return value, err
}

// get returns a copy of what Badger has for a key.
func (x *Index) get(key []byte) (value []byte, err error) {
	err = x.db.View(func(txn *badger.Txn) error {
		item, err := txn.Get(key)
		if err == nil {
			value, err = item.ValueCopy(nil)
		}
		return err
	})
	return value, err
}

// Position is the number of entries whose batch is applied and readable.
func (x *Index) Position() uint64 { return x.position.Load() }

// Known is how many entries were durable in the book by what Open found in the
// journal: at least the position then, and more where the index lost something.
func (x *Index) Known() uint64 { return x.known }

// Sync makes everything applied durable.
//
// Badger's own Sync covers the write-ahead log in use; the one before it may
// still wait to be made a table, so all of them are synced here.
func (x *Index) Sync() error {
	if err := x.enter(); err != nil {
		return err
	}
	defer x.closing.RUnlock()
	if x.readOnly {
		return nil
	}
	if err := errors.Join(x.db.Sync(), x.keys.sync(), x.tiles.sync()); err != nil {
		return fmt.Errorf("sync index: %w", err)
	}
	logs, err := filepath.Glob(filepath.Join(x.dir, "*.mem"))
	if err != nil {
		return fmt.Errorf("sync index: %w", err)
	}
	for _, path := range append(logs, x.dir) {
		if err := syncFile(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("sync index: %w", err)
		}
	}
	return nil
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Verify reads every table and page and compares their checksums: what a disk
// changed in a table since Open, Badger would serve as it is. The error wraps
// ErrCorrupt. It may run beside everything else.
func (x *Index) Verify() error { return x.VerifyPaced(nil) }

// VerifyPaced is Verify for somebody who has time: after each table (some
// megabytes) it tells pace how many bytes were read, and it ends without an
// error when pace answers false. Close waits for it.
func (x *Index) VerifyPaced(pace func(size int64) bool) error {
	if err := x.enter(); err != nil {
		return err
	}
	defer x.closing.RUnlock()
	err := checkTables(x.dir, pace)
	if err == nil {
		err = x.checkPages(x.position.Load(), pace)
	}
	if err != nil {
		return fmt.Errorf("verify index: %w", err)
	}
	return nil
}

// checkPages verifies all pages that are full at a position; those are not
// written again.
func (x *Index) checkPages(position uint64, pace func(size int64) bool) error {
	full := position / chain.TileWidth
	for _, p := range []*pages{x.keys, x.tiles} {
		goesOn := true
		count, err := p.scan(0, full, func(n uint64, _ []byte) bool {
			if pace != nil && n%pacePages == pacePages-1 {
				goesOn = pace(int64(pacePages * p.pageSize()))
			}
			return goesOn
		})
		if err == nil && goesOn && count < full*chain.TileWidth {
			err = damaged("%s: page %d: %w", p.name, count/chain.TileWidth, errNoPage)
		}
		if err != nil || !goesOn {
			return err
		}
	}
	return nil
}

// pacePages is after how many pages pace is told.
const pacePages = 256

// Close makes everything durable and releases it; it may be called twice.
func (x *Index) Close() error {
	x.closing.Lock()
	defer x.closing.Unlock()
	if x.closed {
		return nil
	}
	x.closed = true
	if err := x.release(); err != nil {
		return fmt.Errorf("close index: %w", err)
	}
	return nil
}

// enter keeps Close waiting until the caller unlocks closing.
func (x *Index) enter() error {
	x.closing.RLock()
	if x.closed {
		x.closing.RUnlock()
		return ledger.ErrClosed
	}
	return nil
}
