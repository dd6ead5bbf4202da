package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/chain"
	"civicledger/ledger/roster"
	"civicledger/ledger/suite"
)

// Config is what a Ledger is made of. Store, Index and VerifierKey must be
// set; so must Signer unless ReadOnly.
type Config struct {
	Store       Store
	Index       Index
	Signer      note.Signer // of checkpoints; its name is the origin
	VerifierKey string      // C2SP key that verifies what Signer signs
	ReadOnly    bool        // serve reads up to the stored checkpoint, write nothing
	Clock       Clock       // nil: the machine's
	Log         *slog.Logger
	// QueueCount and QueueBytes bound the pool; 0 means 4,096 and 64 MB.
	QueueCount, QueueBytes int
	// Audit says how the ledger re-reads what it has written.
	Audit AuditConfig
	// IndexPause is how long a small batch for the index waits for more; 0 means
	// 50 ms, less than 0 that it does not wait.
	IndexPause time.Duration
	// Progress is told, during Open, how many entries were replayed of how many.
	Progress func(done, total uint64)
}

// Clock returns the wall clock's time and a time that nobody can set.
type Clock func() (wall time.Time, monotonic time.Duration)

var processStart = time.Now()

func machineClock() (time.Time, time.Duration) {
	now := time.Now()
	return now, now.Sub(processStart)
}

func (cfg *Config) clock() Clock {
	if cfg.Clock == nil {
		return machineClock
	}
	return cfg.Clock
}

// view is what readers see: the newest signed state. It never changes.
type view struct {
	head       chain.Head
	tree       *chain.Tree
	roster     *roster.Roster
	checkpoint []byte
	// lost is set by Open, read-only, where hashes went with damaged entries: then
	// tree is not the one that was signed.
	lost bool
}

// Ledger is the one history. All its methods may be called at once.
type Ledger struct {
	store    Store
	index    Index
	signer   note.Signer
	suite    *suite.Suite
	origin   string
	readOnly bool
	clock    Clock
	log      *slog.Logger

	// damaged is what is known of wrong bytes; replaced while noting is held.
	damaged atomic.Pointer[Damaged]
	noting  sync.Mutex
	// unindexed is set by Open, read-only, where entries are neither readable nor in
	// the index: what they say is not found.
	unindexed bool

	pool    *pool
	current atomic.Pointer[view]
	lag     *lag // what the index does not have yet
	full    full // whether the disk has room
	audit   audit
	stats   stats

	seq sequencer // owned by the sequencer's goroutine (by Open before it runs)

	grownMu sync.Mutex
	grown   chan struct{} // closed and replaced at each commit

	// signing is held while a checkpoint is signed and shown, and while stopped
	// is closed: so nothing is signed after that.
	signing  sync.Mutex
	stopOnce sync.Once
	stopErr  error         // set before stopped is closed
	stopped  chan struct{} // closed when nothing will be recorded any more
	quit     chan struct{} // closed by Close
	work     sync.WaitGroup
	// sequenced is closed when the sequencer's goroutine has ended.
	sequenced chan struct{}
	closed    sync.Once
	closeErr  error
}

// Create begins a ledger in an empty store: it records the genesis entry,
// which submission is, and signs the first checkpoint. A store in which
// Create was cut short does not open; begin again in an empty directory.
func Create(cfg Config, genesis *chain.Submission) error {
	if cfg.Store.Head().Size != 0 {
		return ErrNotEmpty
	}
	wall, _ := cfg.clock()()
	recorded := wall.UnixMilli()
	r, refusal := roster.New().Judge(genesis, nil, roster.At{Recorded: recorded})
	if refusal != nil {
		return fmt.Errorf("create: %w", refusal)
	}
	if r.LogKey() != cfg.VerifierKey || r.Origin() != cfg.Signer.Name() {
		return errors.New("create: the genesis entry names another origin or log key")
	}
	err := record(cfg, genesis, r, chain.NewTree(r.Suite()), chain.Head{}, recorded)
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	return nil
}

// record makes one submission durable behind head, where no sequencer runs, and
// signs the checkpoint over it; r is the roster with it.
func record(cfg Config, sub *chain.Submission, r *roster.Roster, tree *chain.Tree, head chain.Head, recorded int64) error {
	keys, _, err := sub.EventKeys(r.Suite())
	if err != nil {
		return err
	}
	c := &Commit{Prev: head, Recorded: recorded}
	var leaves []chain.Hash
	c.Head.Size = head.Size + uint64(len(sub.Lines))
	c.Head.Last = sub.Seal(r.Suite(), head.Size, head.Last, recorded, keys, func(entry []byte, leaf chain.Hash) {
		c.Entries = append(c.Entries, append([]byte(nil), entry...))
		leaves = append(leaves, leaf)
	})
	if err := cfg.Store.Commit(c); err != nil {
		return err
	}
	signed, err := chain.Checkpoint{Origin: r.Origin(), Size: c.Head.Size, Root: tree.Grow(leaves).Tree.Root()}.Sign(cfg.Signer)
	if err != nil {
		return err
	}
	if err := cfg.Store.SaveCheckpoint(signed); err != nil {
		return err
	}
	return cfg.Store.Sync()
}

// Open checks what a crash may have left, signs what is durable, and starts
// the sequencer. The Ledger owns Store and Index from then on; if Open fails
// they are the caller's to close.
func Open(ctx context.Context, cfg Config) (*Ledger, error) {
	l := &Ledger{
		store: cfg.Store, index: cfg.Index, signer: cfg.Signer, readOnly: cfg.ReadOnly,
		clock: cfg.clock(), log: cmp.Or(cfg.Log, slog.New(slog.DiscardHandler)),
		pool:    newPool(cmp.Or(cfg.QueueCount, 4096), cmp.Or(cfg.QueueBytes, 64_000_000)),
		lag:     newLag(cfg.IndexPause),
		grown:   make(chan struct{}),
		seq:     sequencer{stored: make(chan error, 1)},
		stopped: make(chan struct{}), quit: make(chan struct{}), sequenced: make(chan struct{}),
	}
	if err := l.recover(ctx, cfg); err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	if s, ok := l.store.(interface{ OnDamage(func(Damage)) }); ok {
		s.OnDamage(func(d Damage) { _ = l.condemn(&Mismatch{Found: byReader, Damage: d}) })
	}
	if l.Damaged() != nil || (l.readOnly && cfg.Audit.Rate > 0) {
		go l.survey()
	}
	if l.readOnly {
		close(l.sequenced)
		return l, nil
	}
	l.audit.begin(l, cfg.Audit)
	l.audit.start()
	l.work.Add(2)
	go l.sequence()
	go l.followIndex()
	go l.syncCheckpoints()
	return l, nil
}

// Threads is how many threads (GOMAXPROCS) a process that serves a ledger should
// have: at least four. The writer comes back from the disk some hundred times
// a second and must not wait until another goroutine has used up its turn; with
// two threads on two cores it did, and a fifth to a third of the rate was lost.
func Threads() int { return max(4, runtime.NumCPU()) }

// Origin returns the ledger's origin.
func (l *Ledger) Origin() string { return l.origin }

// Suite returns the ledger's suite.
func (l *Ledger) Suite() *suite.Suite { return l.suite }

// Head returns the newest signed head.
func (l *Ledger) Head() chain.Head { return l.current.Load().head }

// Roster returns the roster as of Head.
func (l *Ledger) Roster() *roster.Roster { return l.current.Load().roster }

// Checkpoint returns the newest signed checkpoint; the caller does not change
// it.
func (l *Ledger) Checkpoint() []byte { return l.current.Load().checkpoint }

// ReadOnly says whether the ledger was opened for reading.
func (l *Ledger) ReadOnly() bool { return l.readOnly }

// Stopped is closed when the ledger records nothing more; Err says why.
func (l *Ledger) Stopped() <-chan struct{} { return l.stopped }

// Err returns why the ledger stopped by itself, nil while it runs and after
// Close.
func (l *Ledger) Err() error {
	select {
	case <-l.stopped:
		return l.stopErr
	default:
		return nil
	}
}

// stop ends recording: state unknown, so nobody gets a receipt any more. Wrong
// bytes become part of the record, whoever met them.
func (l *Ledger) stop(cause error) {
	if errors.Is(cause, ErrDamaged) {
		m := mismatchOf(byWriter, l.Head().Size, cause)
		l.note(m)
		cause = m
	}
	l.stopOnce.Do(func() {
		err := ErrStopped
		if cause != nil {
			l.stopErr = cause
			err = fmt.Errorf("%w: %w", ErrStopped, cause)
			l.log.Error("ledger stopped", "cause", cause)
		}
		// Before anybody hears of it: who gets ErrStopped may ask Err why.
		l.signing.Lock()
		close(l.stopped)
		l.signing.Unlock()
		for _, p := range l.pool.shut(err) {
			p.settle(nil, err)
		}
	})
}

// Close lets the commit in hand end, refuses what is queued with ErrStopped,
// writes what the index lacks, and closes Store and Index.
func (l *Ledger) Close() error {
	l.closed.Do(func() {
		close(l.quit)
		<-l.sequenced
		l.stop(nil)
		l.lag.close()
		l.work.Wait()
		l.closeErr = l.index.Close()
		if !l.readOnly {
			l.closeErr = errors.Join(l.closeErr, l.store.Sync())
		}
		l.closeErr = errors.Join(l.closeErr, l.store.Close())
	})
	return l.closeErr
}

// syncCheckpoints makes the saved checkpoint durable every second.
func (l *Ledger) syncCheckpoints() {
	defer l.work.Done()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	synced := l.Head().Size
	for {
		select {
		case <-tick.C:
			size := l.Head().Size
			if size == synced {
				continue
			}
			if err := l.store.Sync(); err != nil {
				l.stop(fmt.Errorf("sync checkpoint: %w", err))
				return
			}
			synced = size
		case <-l.quit:
			return
		}
	}
}
