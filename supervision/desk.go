package supervision

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync/atomic"
	"time"

	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/projections"
)

// Log is the reading side of the ledger. *ledger.Ledger is one.
type Log interface {
	// Head is the newest signed head.
	Head() chain.Head
	// Checkpoint is the newest signed checkpoint, not to be changed; it covers
	// every Head seen before.
	Checkpoint() []byte
	// Commits yields whole commits in order, beginning with the one that holds
	// the entry with index from. The bytes are valid until the next iteration.
	Commits(from uint64) iter.Seq2[*ledger.Commit, error]
	// Timeline returns up to limit indexes of entries that name the subject
	// token, ascending, beginning at from.
	Timeline(subject string, from uint64, limit int) ([]uint64, error)
	// Prove returns an entry with its proof for the newest checkpoint; the error
	// wraps ledger.ErrNotThere where there is none.
	Prove(index uint64) (*ledger.Proven, error)
	// Receipt makes the receipt of a recorded submission again; the error wraps
	// ledger.ErrNotThere where there is none.
	Receipt(digest chain.Hash) (*chain.Receipt, error)
	// Err is why the ledger stopped by itself, nil while it runs.
	Err() error
	// Damaged is what of the log is known not to be what was signed; nil if nothing
	// is.
	Damaged() *ledger.Damaged
	// ReadOnly says whether the ledger was opened for reading.
	ReadOnly() bool
	// Full is why nothing is taken in for want of room on the disk, nil while there
	// is room.
	Full() error
}

// Tables is the reading side of the projections. *projections.Runner is one.
type Tables interface {
	// View returns all tables as of one position.
	View() *projections.View
	// Wait returns once the entry with that index is in the tables, or with the
	// context's error.
	Wait(ctx context.Context, index uint64) error
}

var (
	_ Log    = (*ledger.Ledger)(nil)
	_ Tables = (*projections.Runner)(nil)
)

// Desk answers questions. All its methods may be called at once; none writes.
type Desk struct {
	log    Log
	tables Tables
	began  uint64 // entries that were on the log when the Desk opened
	newest atomic.Pointer[newest]
}

// newest remembers when the last entry of a head was recorded: reading it from
// the log takes a look at a whole commit.
type newest struct {
	size     uint64
	recorded int64
}

// New opens a Desk on a log and the tables that follow it.
func New(log Log, tables Tables) *Desk {
	return &Desk{log: log, tables: tables, began: log.Head().Size}
}

// Await returns once the entry with that index is in the tables. It gives up
// after the patience with *Behind, or with the context's error.
func (d *Desk) Await(ctx context.Context, index uint64, patience time.Duration) error {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := d.tables.Wait(waiting, index)
	if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	asOf := d.asOf(d.tables.View())
	if err := asOf.whole(); err != nil && index < d.log.Head().Size {
		return err
	}
	return &Behind{Want: index, Have: asOf.Size, Head: d.log.Head().Size}
}

// Health returns why the ledger does not do what it should, nil while it does.
// A full disk is no such reason: nothing is lost and it goes on by itself.
func (d *Desk) Health() error {
	if err := d.log.Err(); err != nil {
		return fmt.Errorf("the ledger has stopped: %w", err)
	}
	if known := d.log.Damaged(); known != nil {
		return fmt.Errorf("the ledger is damaged: %w", known)
	}
	return nil
}

// Ready says whether answers rest on at least what was on the log when the
// Desk opened, and the ledger runs. A log that is only read may be damaged: they
// rest on what stands before. The note says what restricts a Desk that is ready.
func (d *Desk) Ready() (note string, err error) {
	if err := d.log.Err(); err != nil {
		return "", d.Health()
	}
	have, want := d.tables.View().AsOf().Size, d.began
	note = d.Restricted()
	if known := d.log.Damaged(); known != nil {
		if first, _, count := known.Entries(); count > 0 {
			want = min(want, first)
		}
		note = fmt.Sprintf("answers rest on the first %d entries: %v", have, known)
	}
	if have < want {
		return "", fmt.Errorf("the tables are being built: %d of %d entries are applied", have, want)
	}
	return note, nil
}

// Restricted says what a healthy ledger does not do for now, or nothing.
func (d *Desk) Restricted() string {
	if err := d.log.Full(); err != nil {
		return fmt.Sprintf("reading only, nothing is taken in: %v", err)
	}
	return ""
}

// asOf is what an answer from the tables rests on.
func (d *Desk) asOf(v *projections.View) AsOf {
	at := v.AsOf()
	if at.Size == 0 {
		return AsOf{Checkpoint: string(d.log.Checkpoint()), Damaged: d.damaged(0)}
	}
	return AsOf{Index: at.Index, Size: at.Size, Recorded: stamp(at.Recorded), Checkpoint: at.Checkpoint, Damaged: d.damaged(at.Size)}
}

// Damaged says what is damaged, as answers from the tables do now; nil if nothing
// is.
func (d *Desk) Damaged() *Damaged { return d.damaged(d.tables.View().AsOf().Size) }

// damaged says what is damaged in an answer that rests on so many entries.
func (d *Desk) damaged(rests uint64) *Damaged {
	known := d.log.Damaged()
	if known == nil {
		return nil
	}
	size := d.log.Head().Size
	first, last, count := known.Entries()
	out := &Damaged{Standing: size - min(count, size), Incomplete: rests < size, Cause: known.Error()}
	if count > 0 {
		out.First, out.Last = &first, &last
	}
	return out
}

// asOfLog is what an answer from the log itself rests on. Where the newest
// entry cannot be read, others may still be: then only its time is absent.
func (d *Desk) asOfLog() AsOf {
	size := d.log.Head().Size
	at := AsOf{Size: size, Checkpoint: string(d.log.Checkpoint()), Damaged: d.damaged(size)}
	if size == 0 {
		return at
	}
	at.Index = size - 1
	n := d.newest.Load()
	if n == nil || n.size != size {
		n = &newest{size: size}
		for c, err := range d.log.Commits(size - 1) {
			if err != nil {
				return at
			}
			n.recorded = c.Recorded
			break
		}
		d.newest.Store(n)
	}
	at.Recorded = stamp(n.recorded)
	return at
}
