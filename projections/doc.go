// Package projections replays the ledger into go-memdb tables and says how far
// it got.
//
// It is for supervisors' questions: a Runner follows a Log, folds whole commits
// into the tables of all projections and writes them, with its position, in one
// memdb transaction, so that a View sees all of a batch or none of it. Catching
// up, rebuilding and normal running are the same code.
//
// Projections are total and deterministic: an entry that cannot be read or
// applied becomes an anomaly row and never a stop, sums never wrap, and nothing
// depends on a clock, on I/O, on map order or on how entries were cut into
// batches. The package refuses to judge: findings are the business of
// supervision/rules. See DESIGN.md beside this file.
package projections

import (
	"iter"

	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/ledger/suite"
)

// Log is what a Runner reads. *ledger.Ledger is one.
type Log interface {
	// Commits yields whole commits in order, beginning with the one that holds
	// the entry with index from, only what is durable and covered by
	// Checkpoint. The bytes are valid until the next iteration; it ends with
	// the first error.
	Commits(from uint64) iter.Seq2[*ledger.Commit, error]
	// Grown returns a channel that is closed once Head().Size is greater than
	// after.
	Grown(after uint64) <-chan struct{}
	// Head is the newest signed head.
	Head() chain.Head
	// Find returns the index of the event with that key; an event that is on
	// the log is always found.
	Find(key chain.EventKey) (index uint64, ok bool, err error)
	// Entry returns the bytes of one entry at or below Head.
	Entry(index uint64) ([]byte, error)
	// Checkpoint returns the newest signed checkpoint, not to be changed. It
	// covers everything that Commits yielded before.
	Checkpoint() []byte
	// Suite is the ledger's suite.
	Suite() *suite.Suite
}

var _ Log = (*ledger.Ledger)(nil)

// Projection folds entries into its tables. The Runner calls it from one
// goroutine. Its methods read no clock, do no I/O and depend on no map order.
type Projection interface {
	// Name is short and stable.
	Name() string
	// Tables are its overlays, always the same ones.
	Tables() []Staged
	// Change adds what an entry says, or takes back exactly that. It cannot refuse:
	// which entries count, and whether the money they move waits for its fund, is
	// decided before. What the tables say depends on which entries are applied,
	// never on their order.
	Change(c *Change)
	// Settle ends a batch: what is derived from more than one entry is brought
	// up to date. Its outcome may depend on the rows, never on the batch.
	Settle(b *Batch)
}

// Listener is a Projection that hears every entry once, in the order of the
// log, whether it counts or not.
type Listener interface {
	Hear(b *Batch, e *Entry)
}
