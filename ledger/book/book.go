// Package book keeps the entries of a ledger in append-only files and knows
// exactly what is durable. It implements ledger.Store on one directory.
//
// One commit is one frame, one write and one fdatasync; there is no buffer
// between the two. It refuses to guess: a file that is not what was written is
// damage and is named, a write that was cut off by a crash is moved aside and
// reported, never deleted, and after a failed write or sync the book does
// nothing more until it is opened again. It knows nothing of what entries
// say, verifies no signature and computes no leaf hash; that is for the
// ledger and for ledger/verify.
//
// The files are described in ledger/frame/FORMAT.md, what is checked when and
// what a crash leaves behind in DESIGN.md beside this file.
package book

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/ledger/frame"
)

// Names in the data directory.
const (
	Dir      = "book" // the segments, the checkpoint slots and torn tails
	lockName = "lock"
)

// Errors about a directory that cannot be served as it is. Damage is reported
// by a *DamageError.
var (
	// ErrLocked is wrapped when another process serves the directory.
	ErrLocked = errors.New("another civicledger serves this directory")
	// ErrNoCheckpoint is wrapped when there are entries and no readable
	// checkpoint: nothing says how many there must be.
	ErrNoCheckpoint = errors.New("no readable checkpoint beside a book that is not empty")
	// ErrReadOnly is wrapped by what would write to a book opened read-only.
	ErrReadOnly = errors.New("the book is open read-only")
	// ErrStopped is wrapped by everything after a failed write or sync.
	ErrStopped = errors.New("the book stopped after a failed write; open it again")
)

// Options of Open.
type Options struct {
	// SegmentSize is how far a segment file grows before the next is begun;
	// frame.DefaultSegmentSize if 0. Opening reads the last segment whole.
	SegmentSize int64
	// ReadOnly takes no lock and writes nothing. The head is then that of the
	// newest readable checkpoint (of all whole frames, if there is none) at
	// the time of Open, so that a directory may be read while another process
	// writes to it; and damage does not keep the book from opening.
	ReadOnly bool
	// Known says what else knows how many entries were durable: the index. It is
	// called once, with the book as far as it stands, when the lock is held and
	// before anything is written; where more is known than stands, nothing is.
	Known func(*Book) []Witness
	// Check says whether a stored checkpoint is one that may be believed: signed
	// by the ledger's key. Nil: its form is enough.
	Check func(note []byte) error
	// FreeBytes says how much the disk of a directory still takes; Commit
	// refuses with ledger.ErrNoSpace, and stores nothing, where it would need
	// new space and leave less than MinFree. Nil: not asked.
	FreeBytes func(dir string) (int64, error)
	MinFree   int64
	// Around is for fault tests; nil: changes are made as they are.
	Around Around
}

// Book is a ledger.Store. Commit is for one caller at a time; everything else
// may be called at any time from any goroutine.
type Book struct {
	dir     string // the data directory
	options Options
	lock    *os.File // holds the flock; nil when read-only
	report  Report   // of Open, never changed
	noted   uint64   // size of the checkpoint that Open found
	damages []ledger.Damage

	view atomic.Pointer[view] // what readers may read; replaced by Commit
	stop atomic.Pointer[stop] // set once: closed, or failed
	tell atomic.Pointer[func(ledger.Damage)]

	write writer
	slots slots
}

// view is a durable state. It never changes.
type view struct {
	head     chain.Head
	segments []*segment
	end      int64 // in the last segment; nothing behind it is read
}

// segment is a file of the book. Only its marks change.
type segment struct {
	first  uint64
	header frame.SegmentHeader
	size   int64 // of the file; exact once another segment follows
	marks  *marks
}

type stop struct{ err error }

// writer is what Commit owns.
type writer struct {
	mu       sync.Mutex
	file     *os.File // the last segment; nil while there is none
	reserved int64    // its size on disk
	buf      []byte   // the frame being written
}

// Head implements ledger.Store.
func (b *Book) Head() chain.Head { return b.view.Load().head }

// Report says what Open found and did.
func (b *Book) Report() Report { return b.report }

// path of a file in the book's own directory.
func (b *Book) path(name string) string { return filepath.Join(b.dir, Dir, name) }

// relative is a file's name as damage reports it.
func relative(name string) string { return filepath.Join(Dir, name) }

// stopped returns the error of everything after Close or a failed write.
func (b *Book) stopped() error {
	if s := b.stop.Load(); s != nil {
		return s.err
	}
	return nil
}

// writable is asked by every method that writes.
func (b *Book) writable() error {
	if err := b.stopped(); err != nil {
		return err
	}
	if b.options.ReadOnly {
		return ErrReadOnly
	}
	return nil
}

// fail stops the book for good and returns err.
func (b *Book) fail(err error) error {
	b.stop.CompareAndSwap(nil, &stop{fmt.Errorf("%w: %w", ErrStopped, err)})
	return err
}

// Close implements ledger.Store. Readers that are under way may finish.
func (b *Book) Close() error {
	b.write.mu.Lock()
	defer b.write.mu.Unlock()
	b.slots.mu.Lock()
	defer b.slots.mu.Unlock()
	before := b.stop.Swap(&stop{ledger.ErrClosed})
	if before != nil && errors.Is(before.err, ledger.ErrClosed) {
		return nil
	}
	var err error
	if before == nil && !b.options.ReadOnly {
		err = errors.Join(b.slots.sync(), b.giveBack())
	}
	return errors.Join(err, b.release())
}

// release closes every file, the lock last.
func (b *Book) release() error {
	var err error
	for _, f := range []*os.File{b.write.file, b.slots.files[0], b.slots.files[1], b.lock} {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	return err
}
