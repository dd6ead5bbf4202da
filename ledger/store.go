package ledger

import (
	"errors"
	"iter"

	"civicledger/ledger/chain"
)

// Errors that a Store or an Index gives; everything else means "outcome
// unknown" where it comes from a commit, and "try again later" where it comes
// from a read.
var (
	// ErrStale is returned by Commit when the head it names is not the
	// store's: the commit is certainly not stored.
	ErrStale = errors.New("commit extends a head that is not the store's")
	// ErrDamaged is wrapped by errors about stored bytes that are not what was
	// written. They carry a *Damage.
	ErrDamaged = errors.New("the book is damaged")
	// ErrNoSpace is wrapped by Commit and Apply where the disk is nearly full:
	// certainly nothing was stored, and the same may be tried again.
	ErrNoSpace = errors.New("the disk is nearly full")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("closed")
)

// ErrIndex is wrapped by errors of an Index whose files are not what was
// written. It is one of ErrDamaged; no entry is wrong.
var ErrIndex error = indexDamaged{}

type indexDamaged struct{}

func (indexDamaged) Error() string { return "the index is damaged" }
func (indexDamaged) Unwrap() error { return ErrDamaged }

// Damage names entries that can no longer be read as written.
type Damage struct {
	First, Last uint64 // indexes; Last is the best known bound
	File        string // relative to the data directory
	Offset      int64  // in bytes, where the bad bytes begin
	Reason      string
}

// Commit is the entries made durable together. It names the head it extends.
type Commit struct {
	Prev     chain.Head
	Head     chain.Head // after it
	Recorded int64      // Unix milliseconds, of every entry in it
	Entries  [][]byte   // header line, LF, event line
}

// Store keeps the entries. There is one writer; readers may be many, at any
// time.
type Store interface {
	// Head returns the head up to which everything is durable and readable.
	Head() chain.Head
	// Commit makes c durable: when it returns nil, c survives a power cut. All
	// of c is stored or nothing. ErrStale says that c.Prev is not the head and
	// nothing was stored, ErrNoSpace that nothing was and that it may be tried
	// again; after any other error the outcome is unknown and the
	// Store refuses everything but Close until it is opened again. The caller
	// must not change c.Entries until Commit returned; the Store keeps no
	// reference afterwards.
	Commit(c *Commit) error
	// Commits yields whole commits in order, beginning with the one that holds
	// the entry with index from, up to the head at the time of the call. The
	// bytes are valid until the next iteration. Every checksum is checked; the
	// iteration ends with the first error, which wraps ErrDamaged where bytes
	// are wrong. Damage that lies before from is passed; a Store with
	// OnDamage(func(Damage)) tells of it.
	Commits(from uint64) iter.Seq2[*Commit, error]
	// Checkpoint returns the newest stored checkpoint, nil if there is none.
	Checkpoint() ([]byte, error)
	// SaveCheckpoint stores a signed checkpoint in place of the older of the
	// two that are kept; it is durable when Sync or Close returned.
	SaveCheckpoint(note []byte) error
	// Sync makes the saved checkpoint durable.
	Sync() error
	// Close syncs and releases everything; it may be called twice.
	Close() error
}

// IndexBatch is what one or more whole commits add to an Index, in order.
type IndexBatch struct {
	From, To uint64           // entries [From, To); From is the Index's position
	Keys     []chain.EventKey // one for each entry
	Begun    []Begun          // where submissions begin, by ascending index
	Subjects []Naming         // by ascending index; of one entry each subject once
	Tiles    []chain.Tile     // that became full; of level 0 all that the entries fill, in order
}

// Naming says that an entry names a subject.
type Naming struct {
	Subject string
	Index   uint64
}

// Begun says that a submission begins at an entry.
type Begun struct {
	Key   chain.EventKey // see chain.SubmissionKey
	Index uint64
}

// Index keeps what can be rebuilt from the Store. Its methods may be called
// at once, Apply by one caller only.
type Index interface {
	// Position is the number of entries whose batch is applied and readable.
	Position() uint64
	// Lookup returns the index of the entry for each key that is known: of an
	// event, or of the submission that begins there.
	Lookup(keys []chain.EventKey) (map[chain.EventKey]uint64, error)
	// Timeline returns up to limit indexes of entries that name the subject,
	// ascending, beginning at from.
	Timeline(subject string, from uint64, limit int) ([]uint64, error)
	// Tile returns the hashes of a full tile; an error that wraps fs.ErrNotExist
	// if it has none.
	Tile(level int, n uint64) ([]chain.Hash, error)
	// Apply adds a batch and moves the position, in one step: after a crash all
	// of it is there or none. It is durable after Sync at the latest.
	Apply(b *IndexBatch) error
	// Sync makes everything applied durable.
	Sync() error
	// Close syncs and releases everything; it may be called twice.
	Close() error
}
