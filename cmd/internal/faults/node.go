package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"civicledger/cmd/internal/datadir"
	"civicledger/ledger"
	"civicledger/ledger/book"
	"civicledger/ledger/chain"
	"civicledger/ledger/index"
)

// gate lets a goroutine of the ledger through, or holds it. With it a schedule
// decides what is committed together and how far the index is behind.
type gate struct {
	mu      sync.Mutex
	changed *sync.Cond
	held    bool
	permits int  // how many more get through although it is held
	waiting bool // somebody stands before it
}

func newGate() *gate {
	g := &gate{}
	g.changed = sync.NewCond(&g.mu)
	return g
}

func (g *gate) pass() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = true
	for g.held && g.permits == 0 {
		g.changed.Wait()
	}
	if g.held {
		g.permits--
	}
	g.waiting = false
}

// one lets one through.
func (g *gate) one() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.permits = 1
	g.changed.Broadcast()
}

func (g *gate) hold(held bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held, g.permits = held, 0
	g.changed.Broadcast()
}

// blocks says whether somebody stands before the gate and does not get on.
func (g *gate) blocks() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.held && g.permits == 0 && g.waiting
}

// gatedStore is the book as the ledger sees it. The ledger syncs its checkpoint
// every second of the machine's clock; here the schedule says when that is.
type gatedStore struct {
	*book.Book
	gate    *gate
	running atomic.Bool // swallow the ledger's own syncs
}

func (s *gatedStore) Commit(c *ledger.Commit) error {
	s.gate.pass()
	return s.Book.Commit(c)
}

func (s *gatedStore) Sync() error {
	if s.running.Load() {
		return nil
	}
	return s.Book.Sync()
}

// gatedIndex is the index as the ledger sees it.
type gatedIndex struct {
	ledger.Index
	gate      *gate
	faults    *injector
	abandoned bool                                        // Close was made to fail: it holds the directory until the node is gone
	full      atomic.Int32                                // calls of Apply that find no room
	failed    atomic.Bool                                 // Apply gave an error that ends the ledger
	batch     func(*ledger.IndexBatch) *ledger.IndexBatch // what a broken index makes of a batch; nil: nothing
}

func (x *gatedIndex) Apply(b *ledger.IndexBatch) error {
	x.gate.pass()
	if x.full.Load() > 0 {
		x.full.Add(-1)
		return fmt.Errorf("%w: injected", ledger.ErrNoSpace)
	}
	if x.batch != nil {
		b = x.batch(b)
	}
	err := x.faults.around(stepApply, func() error { return x.Index.Apply(b) })
	if err != nil {
		x.failed.Store(true)
	}
	return err
}

func (x *gatedIndex) Lookup(keys []chain.EventKey) (found map[chain.EventKey]uint64, err error) {
	err = x.faults.around(stepLookup, func() (err error) { found, err = x.Index.Lookup(keys); return err })
	return found, err
}

func (x *gatedIndex) Timeline(subject string, from uint64, limit int) (at []uint64, err error) {
	err = x.faults.around(stepTimeline, func() (err error) { at, err = x.Index.Timeline(subject, from, limit); return err })
	return at, err
}

func (x *gatedIndex) Tile(level int, n uint64) (hashes []chain.Hash, err error) {
	err = x.faults.around(stepTile, func() (err error) { hashes, err = x.Index.Tile(level, n); return err })
	return hashes, err
}

func (x *gatedIndex) Sync() error { return x.faults.around(stepIndexSync, x.Index.Sync) }

func (x *gatedIndex) Close() error {
	closed := false
	err := x.faults.around(stepIndexClose, func() error { closed = true; return x.Index.Close() })
	x.abandoned = !closed
	return err
}

// node is an open ledger.
type node struct {
	dir      string
	ledger   *ledger.Ledger
	store    *gatedStore
	index    *gatedIndex
	replayed bool // Progress was called
	rebuilt  bool // the index was damaged, and removed
}

// opening says how a data directory is opened.
type opening struct {
	dir       string
	segment   int64
	readOnly  bool
	disk      *disk
	clock     ledger.Clock
	freeBytes func(string) (int64, error)
	minFree   int64 // of the index; 0: its own
	broken    broken
}

// errKeys is wrapped when a key file does not load.
var errKeys = errors.New("keys")

// open opens a data directory as cmd/civicledger does, with gates and faults
// around its parts.
func (o *opening) open() (n *node, err error) {
	if err := loadKeys(o.dir); err != nil {
		return nil, err
	}
	o.disk.setOpening(true)
	defer o.disk.setOpening(false)
	n = &node{dir: o.dir}
	n.ledger, err = datadir.Dir(o.dir).Open(context.Background(), datadir.Options{
		ReadOnly: o.readOnly, Log: quiet,
		Book:   book.Options{SegmentSize: o.segment, Around: o.disk.around, FreeBytes: o.freeBytes, MinFree: minFree},
		Index:  index.Options{MinFree: o.minFree},
		Ledger: ledger.Config{Clock: o.clock, IndexPause: -1, Progress: func(_, _ uint64) { n.replayed = true }},
		Store: func(b *book.Book) ledger.Store {
			n.store = &gatedStore{Book: b, gate: newGate()}
			return n.store
		},
		Wrap: func(idx ledger.Index, rebuilt bool) ledger.Index {
			n.rebuilt = rebuilt
			n.index = o.gated(idx)
			return n.index
		},
	})
	if err != nil {
		return nil, err
	}
	n.store.running.Store(true)
	return n, nil
}

// acceptLoss is the command accept-loss, said again with the size that it names.
func (o *opening) acceptLoss() (standing uint64, err error) {
	accept := func() error {
		return datadir.Dir(o.dir).AcceptLoss(context.Background(), datadir.Options{
			Log:    quiet,
			Book:   book.Options{SegmentSize: o.segment},
			Ledger: ledger.Config{Clock: o.clock},
		}, standing, "synthetic", func(*book.DamageError) error { return nil })
	}
	var damage *book.DamageError
	if err := accept(); !errors.As(err, &damage) || damage.Standing == 0 {
		return 0, err
	}
	standing = damage.Standing
	return standing, accept()
}

func (o *opening) gated(idx ledger.Index) *gatedIndex {
	if _, none := idx.(ledger.NoIndex); !none && o.broken.index != nil {
		idx = o.broken.index(idx)
	}
	return &gatedIndex{Index: idx, gate: newGate(), faults: o.disk.faults, batch: o.broken.batch}
}

// minFree is what the book wants left on its disk.
const minFree = 1 << 20

// loadKeys says first whether a key file is damaged, by errKeys.
func loadKeys(dir string) error {
	d := datadir.Dir(dir)
	_, err := os.Stat(d.VerifierKey())
	if err == nil {
		_, _, err = d.Operator()
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errKeys, err)
	}
	return nil
}

var quiet = slog.New(slog.DiscardHandler)

// stopped says whether the ledger records nothing more.
func (n *node) stopped() bool {
	select {
	case <-n.ledger.Stopped():
		return true
	default:
		return false
	}
}

// settle waits until the follower of the index can do no more: all is applied,
// it stands before its gate, or it has ended.
func (n *node) settle() {
	await(func() bool {
		return n.index.gate.blocks() || n.index.failed.Load() && n.stopped() || n.index.Position() >= n.ledger.Head().Size
	})
}

// await waits until something is so, or the ledger has stopped.
func (n *node) await(so func() bool) {
	await(func() bool { return so() || n.stopped() })
}

func await(so func() bool) {
	tick := time.NewTicker(50 * time.Microsecond)
	defer tick.Stop()
	for !so() {
		<-tick.C
	}
}

// letThrough lets commits through one by one, each with what it gives the index,
// until all that was sent has its answer.
func (n *node) letThrough(list []ledger.Wait) {
	all := func() bool {
		for len(list) > 0 && (list[0] == nil || answered(list[0])) {
			list = list[1:]
		}
		return len(list) == 0
	}
	for !all() && !n.stopped() {
		n.await(func() bool { return n.store.gate.blocks() || all() })
		n.settle()
		n.store.gate.one()
		n.await(func() bool { return n.store.gate.blocks() || all() })
	}
	n.store.gate.hold(false)
}

// answered says whether the answer is there; sometimes it has to be asked again.
func answered(wait ledger.Wait) bool {
	ended, end := context.WithCancel(context.Background())
	end()
	_, err := wait(ended)
	return !errors.Is(err, context.Canceled)
}

// release lets everything through.
func (n *node) release() {
	n.store.gate.hold(false)
	n.index.gate.hold(false)
	n.store.running.Store(false)
}

// close ends the node in order. What was made to fail is in the error.
func (n *node) close() error {
	n.release()
	return n.ledger.Close()
}

// sweep closes what a Close that was made to fail left open.
func (n *node) sweep() {
	if n.index.abandoned {
		_ = n.index.Index.Close()
	}
}
