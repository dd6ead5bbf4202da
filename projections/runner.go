package projections

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/hashicorp/go-memdb"
)

// position is the one row that says how far the tables got.
type position struct{ AsOf }

var positions = NewTable("position", func(*position) string { return Key("position") }, nil)

// Runner folds a Log into the tables of its projections. Run is the only
// writer; View, Wait and Lag may be called by anybody at any time.
type Runner struct {
	log         Log
	projections []Projection
	tables      []Staged
	names       []string
	db          *memdb.MemDB
	batch       *Batch
	position    *Overlay[position]
	asOf        AsOf // owned by Run
	broken      error
	limit       int // entries of one batch

	movedMu sync.Mutex
	moved   chan struct{} // closed and replaced when the position moves
}

// DefaultBatch is the most entries folded into one memdb transaction, but for
// a last commit that is taken whole.
const DefaultBatch = 10_000

// New returns a Runner at the beginning of the log. The projections belong to
// it: they are not used with another one.
func New(log Log, projections ...Projection) (*Runner, error) {
	r := &Runner{
		log: log, projections: projections, limit: DefaultBatch,
		batch: newBatch(), position: NewOverlay(positions),
		moved: make(chan struct{}),
	}
	r.tables = []Staged{r.batch.anomalies, r.batch.corrections, r.batch.names.rows, r.batch.waiting.rows, r.position}
	for _, p := range projections {
		r.tables = append(r.tables, p.Tables()...)
	}
	schema := &memdb.DBSchema{Tables: map[string]*memdb.TableSchema{}}
	for _, t := range r.tables {
		s := t.schema()
		if schema.Tables[s.Name] != nil {
			return nil, fmt.Errorf("two tables are called %s", s.Name)
		}
		schema.Tables[s.Name] = s
		if s.Name != positions.name {
			r.names = append(r.names, s.Name)
		}
	}
	db, err := memdb.NewMemDB(schema)
	if err != nil {
		return nil, fmt.Errorf("projections: %w", err)
	}
	r.db = db
	return r, nil
}

// SetBatch sets how many entries are folded into one memdb transaction: more
// are faster and take more memory while catching up. The tables do not depend
// on it. It is called before Run.
func (r *Runner) SetBatch(entries int) { r.limit = max(1, entries) }

// View returns the tables as they are now.
func (r *Runner) View() *View {
	txn := r.db.Txn(false)
	v := &View{txn: txn, own: r.names}
	if p := positions.Row(v, Key("position")); p != nil {
		v.asOf = p.AsOf
	}
	return v
}

// Lag is how many entries of the log are not in the tables yet.
func (r *Runner) Lag() uint64 {
	have := r.View().asOf.Size
	return max(r.log.Head().Size, have) - have
}

// Wait returns once the entry with that index is in the tables, or with the
// context's error.
func (r *Runner) Wait(ctx context.Context, index uint64) error {
	for {
		r.movedMu.Lock()
		moved := r.moved
		r.movedMu.Unlock()
		if r.View().asOf.Size > index {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("wait for entry %d: %w", index, ctx.Err())
		}
	}
}

// Run follows the log until the context ends, which is no error. An error of
// the log ends it too: the tables stay as they are and may be read, and Run may
// be called again; it goes on unless the error was about an entry in the tables.
func (r *Runner) Run(ctx context.Context) error {
	for {
		select {
		case <-r.log.Grown(r.asOf.Size):
		case <-ctx.Done():
			return nil
		}
		if err := r.CatchUp(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

// CatchUp folds what is on the log now and returns. It is not called while Run
// runs.
func (r *Runner) CatchUp(ctx context.Context) error {
	in := intake{log: r.log}
	for c, err := range r.log.Commits(r.asOf.Size) {
		if err != nil {
			err = fmt.Errorf("read the log from %d: %w", max(in.size, r.asOf.Size), err)
			return errors.Join(r.fold(&in), err) // what stands before it is in the tables
		}
		in.take(c, r.asOf.Size)
		if len(in.raw) < r.limit {
			continue
		}
		if err := r.fold(&in); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return r.fold(&in)
}

// fold applies what was taken in, in one memdb transaction. Where an older
// entry cannot be read that has to be filed anew, the tables stay as they are for
// good: the Runner says so from then on.
func (r *Runner) fold(in *intake) error {
	if len(in.raw) == 0 || r.broken != nil {
		return r.broken
	}
	entries, err := in.read()
	if err != nil {
		return err
	}
	asOf := AsOf{Size: in.size, Index: in.size - 1, Recorded: in.recorded, Checkpoint: string(r.log.Checkpoint())}
	first := in.size - uint64(len(entries))
	in.reset()
	txn := r.db.Txn(true)
	defer txn.Abort()
	for _, t := range r.tables {
		t.begin(txn)
	}
	if r.broken = r.batch.fold(entries, first, r.projections, in.again(entries, first)); r.broken != nil {
		return r.broken
	}
	r.position.Put(&position{asOf})
	for _, t := range r.tables {
		if err := t.flush(); err != nil {
			// Only a schema that contradicts itself gets here.
			panic(fmt.Sprintf("projections: %v", err))
		}
	}
	txn.Commit()
	r.asOf = asOf
	r.announce()
	return nil
}

// announce wakes whoever waits for the position to move.
func (r *Runner) announce() {
	r.movedMu.Lock()
	defer r.movedMu.Unlock()
	close(r.moved)
	r.moved = make(chan struct{})
}
