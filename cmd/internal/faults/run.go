package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"

	"golang.org/x/mod/sumdb/note"

	"civicledger/cmd/internal/datadir"
	"civicledger/ledger"
	"civicledger/ledger/book"
	"civicledger/ledger/chain"
	"civicledger/ledger/index"
	"civicledger/ledger/keys"
	"civicledger/ledger/roster"
	"civicledger/ledger/suite"
)

// result is what one run came to.
type result struct {
	Seed     uint64         `json:"seed"`
	Group    int            `json:"group,omitzero"` // part of the pairs, from 1; 0: none
	Lives    int            `json:"lives"`          // of the ledger, each from an open to its end
	Openings int            `json:"openings"`       // of a data directory, successful or refused
	Entries  uint64         `json:"entries"`
	Faults   map[string]int `json:"faults"`   // injected, by kind
	Refusals map[string]int `json:"refusals"` // to open, by reason
	Finding  string         `json:"finding,omitempty"`
	Trace    []string       `json:"trace,omitempty"` // of a run with a finding
}

// run is what happens to one ledger by one seed.
type run struct {
	rng     *rand.Rand
	base    string
	dir     string // the data directory, another one after each crash
	dirs    int
	segment int64
	faults  *injector
	disk    *disk
	clock   *clock
	model   *model
	work    *workload
	stale   []stale      // copies of the data directory from before
	free    atomic.Int64 // bytes that the disk seems to have left for the book
	broken  broken
	result  result
}

// newRun creates a ledger in base.
func newRun(base string, seed uint64, b broken) (*run, error) {
	r := &run{
		rng: rand.New(rand.NewPCG(seed, 1)), base: base, faults: &injector{}, clock: newClock(), broken: b,
		result: result{Seed: seed, Faults: map[string]int{}, Refusals: map[string]int{}},
	}
	r.segment = int64(2000 + r.rng.IntN(20_000))
	r.faults.count = func(what string) { r.result.Faults[what]++ }
	r.disk = newDisk(r.faults)
	r.disk.lies = b.lyingSyncs
	r.free.Store(roomy)
	return r, r.create(seed)
}

// create is cmd/civicledger's init, with keys that are made from the seed.
func (r *run) create(seed uint64) error {
	r.dir = r.nextDir()
	dir := datadir.Dir(r.dir)
	if err := os.MkdirAll(filepath.Dir(dir.LogKey()), 0o700); err != nil {
		return err
	}
	sum := suite.Default().Sum(fmt.Appendf(nil, "log %d", seed))
	secret, vkey, err := note.GenerateKey(&fixed{sum[:]}, origin)
	if err != nil {
		return err
	}
	err = errors.Join(
		os.WriteFile(dir.LogKey(), []byte(secret+"\n"), 0o600),
		os.WriteFile(dir.VerifierKey(), []byte(vkey+"\n"), 0o644))
	if err != nil {
		return err
	}
	logKey, err := keys.LoadLog(dir.LogKey())
	if err != nil {
		return err
	}
	operator, err := madeKey(filepath.Dir(dir.LogKey()), "operator", seed)
	if err != nil {
		return err
	}
	r.model = newModel(origin, vkey, logKey.Verifier())
	r.work = &workload{rng: r.rng, dir: r.base, seed: seed, model: r.model, operator: operator, clock: r.clock}
	return r.genesis(logKey, operator)
}

func (r *run) genesis(logKey *keys.Log, operator *keys.Key) error {
	s, err := r.work.system(roster.LedgerOpened, "opened", roster.Opened{
		Origin: origin, Suite: suite.SHA256Ed25519, LogKey: logKey.VerifierKey(), OperatorKey: operator.Public(), Timezone: zone,
	}, effect{})
	if err != nil {
		return err
	}
	s = r.model.send(s)
	if err := book.Create(r.dir); err != nil {
		return err
	}
	store, err := book.Open(r.dir, book.Options{})
	if err != nil {
		return err
	}
	err = ledger.Create(ledger.Config{Store: store, Signer: logKey, VerifierKey: logKey.VerifierKey(), Clock: r.clock.read}, s.sub)
	if err := errors.Join(err, store.Close()); err != nil {
		return err
	}
	s.state = present
	r.model.record(s)
	return r.disk.settled(r.dir)
}

// fixed is a source of randomness that is not random.
type fixed struct{ data []byte }

func (f *fixed) Read(p []byte) (int, error) { return copy(p, f.data), nil }

func (r *run) nextDir() string {
	r.dirs++
	return filepath.Join(r.base, fmt.Sprintf("data-%d", r.dirs))
}

func (r *run) trace(format string, args ...any) {
	r.result.Trace = append(r.result.Trace, fmt.Sprintf(format, args...))
}

// hits moves what was injected to the trace, and says whether anything was.
func (r *run) hits() bool {
	hits := r.faults.take()
	for _, h := range hits {
		r.trace("  injected: %s", h)
	}
	return len(hits) > 0
}

// all is the whole run. Its error is a finding.
func (r *run) all() error {
	lives := 3 + r.rng.IntN(5)
	for n := range lives {
		if err := r.life(); err != nil {
			return fmt.Errorf("life %d: %w", n+1, err)
		}
		if err := r.whileStopped(); err != nil {
			return fmt.Errorf("after life %d: %w", n+1, err)
		}
	}
	n, err := r.start()
	if err != nil {
		return fmt.Errorf("at the end: %w", err)
	}
	if err := errors.Join(r.resend(n), n.close()); err != nil {
		return fmt.Errorf("at the end: %w", err)
	}
	r.result.Entries = r.model.size
	return r.lastWord()
}

// opening is how the run opens its directory.
func (r *run) opening(dir string) *opening {
	free := func(string) (int64, error) { return r.free.Load(), nil }
	return &opening{dir: dir, segment: r.segment, disk: r.disk, clock: r.clock.read, freeBytes: free, broken: r.broken}
}

// start opens the directory, through faults that are armed, until it is open,
// and checks everything.
func (r *run) start() (*node, error) {
	for try := 0; ; try++ {
		if try < 2 && r.rng.IntN(4) == 0 {
			f := randomFault(r.rng)
			if r.rng.IntN(2) == 0 {
				f = randomDeath(r.rng)
			}
			f.After %= 12
			r.faults.arm(f)
			r.trace("open with %s to come", f)
		}
		n, err := r.open(r.opening(r.dir))
		if died := r.faults.isDead(); died {
			if n != nil {
				n.settle()
			}
			if imaged := r.image(r.rng.IntN(2) == 0, ""); imaged != nil {
				return nil, imaged
			}
			if n != nil { // it died when all was done
				r.abandon(n)
				err = errDead
			}
		}
		hit := r.hits()
		r.faults.revive()
		if err == nil {
			return n, r.check(n)
		}
		if !hit {
			return nil, fmt.Errorf("it does not open: %w", err)
		}
		r.result.Refusals["an injected fault"]++
		r.trace("  not opened: %v", err)
	}
}

func (r *run) open(o *opening) (*node, error) {
	r.result.Openings++
	n, err := o.open()
	if err != nil && r.broken.careless && !errors.Is(err, errInjected) {
		_ = index.Remove(datadir.Dir(o.dir).Index())
		return o.open()
	}
	return n, err
}

// ending is how a life ends.
type ending int

const (
	byClose ending = iota
	byKill
	byPowerCut
	byKillOfChild
)

// life opens the ledger, works, and ends in some way.
func (r *run) life() error {
	r.result.Lives++
	end := []ending{byClose, byClose, byClose, byKill, byPowerCut, byPowerCut, byKillOfChild}[r.rng.IntN(7)]
	if end == byKillOfChild {
		return r.childLife()
	}
	before := ""
	if end == byPowerCut {
		before = r.base + "/index-before"
		if err := errors.Join(os.RemoveAll(before), copyDir(datadir.Dir(r.dir).Index(), before)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	n, err := r.start()
	if err != nil {
		return err
	}
	if err := r.armFor(end); err != nil {
		return err
	}
	if err := r.workOn(n, 4+r.rng.IntN(22)); err != nil {
		r.abandon(n)
		return err
	}
	return r.endLife(n, end, before)
}

// armFor lets something fail in this life, or not.
func (r *run) armFor(end ending) error {
	var f *fault
	switch {
	case end == byClose && r.rng.IntN(4) > 0:
		f = randomFault(r.rng)
	case end != byClose && r.rng.IntN(4) > 0:
		f = randomDeath(r.rng)
	case end == byPowerCut:
		f = &fault{Step: step(book.ChangeSync), After: r.rng.IntN(12), How: dropped}
	}
	if f != nil {
		r.trace("life with %s to come", f)
	}
	r.faults.arm(f)
	return nil
}

// abandon closes a node of which nothing more is asked: nothing of it happens.
func (r *run) abandon(n *node) {
	r.faults.end()
	_ = n.close()
	n.sweep()
	r.faults.revive()
}

// endLife closes, kills or cuts the power, as planned or as a fault had it.
func (r *run) endLife(n *node, end ending, indexBefore string) error {
	if r.faults.isDead() && end == byClose {
		end = byKill
	}
	n.settle()
	cause := n.ledger.Err()
	if end == byClose {
		err := n.close()
		n.sweep()
		hit := r.hits()
		died := r.faults.isDead()
		r.faults.revive()
		r.trace("closed at %d: %v", r.model.size, err)
		if (err != nil || cause != nil) && !hit && !expected(cause) {
			return fmt.Errorf("without a fault the ledger ends with: %w", errors.Join(cause, err))
		}
		if n.index.abandoned || died {
			return r.image(false, "")
		}
		return r.disk.problem()
	}
	r.faults.end()
	err := r.image(end == byPowerCut, indexBefore)
	r.abandon(n)
	hit := r.hits()
	if cause != nil && !hit && !expected(cause) {
		return fmt.Errorf("without a fault the ledger stopped: %w", cause)
	}
	return errors.Join(err, r.disk.problem())
}

// expected says whether an error comes from a fault.
func expected(err error) bool { return errors.Is(err, errInjected) || errors.Is(err, errDead) }

// image takes the directory as it is now, or as a power cut leaves it, for the
// next life: whoever has the old one open does no harm.
func (r *run) image(cut bool, indexBefore string) error {
	old, next := r.dir, r.nextDir()
	r.dir = next
	if !cut {
		r.trace("killed at %d", r.model.size)
		r.result.Faults["kill"]++
		return copyDir(old, next)
	}
	r.trace("power cut at %d", r.model.size)
	r.result.Faults["power cut"]++
	if err := copyDir(old, next, book.Dir); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(next, book.Dir), 0o755); err != nil {
		return err
	}
	if err := r.disk.powerCut(r.rng, old, next); err != nil {
		return err
	}
	return errors.Join(r.cutIndex(datadir.Dir(next).Index(), indexBefore), r.disk.settled(next))
}

// cutIndex leaves of the index what a power cut may: Badger's log of what was
// not synced as it is, in part, or the index as it was when it was opened.
func (r *run) cutIndex(dir, before string) error {
	switch r.rng.IntN(4) {
	case 0:
		if _, err := os.Stat(before); err == nil {
			r.trace("  the index is as it was before")
			return errors.Join(os.RemoveAll(dir), copyDir(before, dir))
		}
	case 1, 2:
		logs, err := filepath.Glob(filepath.Join(dir, "*.mem"))
		if err != nil || len(logs) == 0 {
			return err
		}
		d := &damage{kind: []string{zeroed, zeroedTail}[r.rng.IntN(2)], path: logs[r.rng.IntN(len(logs))]}
		_, err = d.do(r.rng)
		r.trace("  of the index: %s", d)
		return err
	}
	return nil
}

// workOn lets callers say things until the ledger stops or enough was done.
func (r *run) workOn(n *node, steps int) error {
	for range steps {
		if n.stopped() {
			break
		}
		if err := r.stepOn(n); err != nil {
			return err
		}
	}
	n.settle()
	return nil
}

// stepOn is one thing that happens while a ledger is served.
func (r *run) stepOn(n *node) error {
	switch k := r.rng.IntN(20); {
	case k < 9:
		return r.say(n)
	case k < 14:
		return r.burst(n)
	case k < 16:
		n.index.gate.hold(r.rng.IntN(2) == 0)
		n.settle()
		return nil
	case k < 18:
		_ = n.store.Book.Sync() // the ledger hears of it at its next commit
		return nil
	case k == 18 && r.rng.IntN(6) == 0:
		return r.fullDisk(n)
	case k == 18:
		_ = n.index.Sync()
		return nil
	default:
		return r.lookAround(n)
	}
}

// say sends one submission and waits for the answer.
func (r *run) say(n *node) error {
	s, want, err := r.work.next()
	if err != nil {
		return err
	}
	s = r.model.send(s)
	receipt, err := submit(n, s)
	if err := r.model.take(s, want, receipt, err); err != nil {
		return err
	}
	n.settle()
	return r.unlessStopped(n, err)
}

// unlessStopped says what is wrong with an error that is no refusal.
func (r *run) unlessStopped(n *node, err error) error {
	var no *ledger.Refused
	switch {
	case err == nil, errors.As(err, &no), errors.Is(err, ledger.ErrStopped), errors.Is(err, ledger.ErrNoSpace):
		return nil
	case expected(err): // a read that failed: the receipt of what is on the log
		return nil
	}
	return fmt.Errorf("neither recorded nor refused nor stopped: %w", err)
}

func submit(n *node, s *said) (*chain.Receipt, error) {
	wait, err := n.ledger.Submit(context.Background(), s.sub)
	if err != nil {
		return nil, err
	}
	return wait(context.Background())
}

// waiting is a submission whose answer is not there yet.
type waiting struct {
	s    *said
	want expectation
	wait ledger.Wait
}

// burst lets several callers send while a commit is under way, so that what
// they say is committed together.
func (r *run) burst(n *node) error {
	a := r.work.active()
	if a == nil || r.model.people.revoked[a.key.ID()] {
		return r.say(n)
	}
	s, err := r.work.fresh(a)
	if err != nil {
		return err
	}
	n.store.gate.hold(true)
	defer n.store.gate.hold(false)
	var list []waiting
	if list, err = r.sendOne(n, list, s, expectation{}); err != nil || len(list) == 0 {
		return err
	}
	n.await(func() bool { return n.store.gate.blocks() || answered(list[0].wait) })
	for range 1 + r.rng.IntN(6) {
		if a = r.work.active(); r.model.people.revoked[a.key.ID()] {
			continue
		}
		// Only what does not depend on the answers to come.
		if s, err = r.work.fresh(a); err != nil {
			return err
		}
		if list, err = r.sendOne(n, list, s, expectation{}); err != nil {
			return err
		}
		if last := list[len(list)-1]; r.rng.IntN(4) == 0 { // twice at once
			if list, err = r.sendOne(n, list, last.s, expectation{}); err != nil {
				return err
			}
		}
	}
	waits := make([]ledger.Wait, len(list))
	for i := range list {
		waits[i] = list[i].wait
	}
	n.letThrough(waits)
	return r.answers(n, list)
}

func (r *run) sendOne(n *node, list []waiting, s *said, want expectation) ([]waiting, error) {
	s = r.model.send(s)
	wait, err := n.ledger.Submit(context.Background(), s.sub)
	if err != nil {
		return list, errors.Join(r.model.take(s, want, nil, err), r.unlessStopped(n, err))
	}
	return append(list, waiting{s, want, wait}), nil
}

func (r *run) answers(n *node, list []waiting) error {
	for _, w := range list {
		receipt, err := w.wait(context.Background())
		if err := r.model.take(w.s, w.want, receipt, err); err != nil {
			return err
		}
		if err := r.unlessStopped(n, err); err != nil {
			return err
		}
	}
	n.settle()
	return nil
}

// resend says again what has no answer: it gets one place.
func (r *run) resend(n *node) error {
	for _, s := range r.model.open() {
		want := r.work.expect(s, expectation{})
		s = r.model.send(s)
		receipt, err := submit(n, s)
		if err := r.model.take(s, want, receipt, err); err != nil {
			return fmt.Errorf("said again: %w", err)
		}
		if s.state == unknown {
			return fmt.Errorf("said again: %w", err)
		}
	}
	n.settle()
	return r.check(n)
}
