package ledger

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"time"
)

// How long nothing is taken in after a disk turned out to be nearly full, and
// how often the index is tried again. The pause keeps the order of a sender's
// submissions: what comes right behind a refused one is refused too.
const (
	fullPause  = time.Second
	indexRetry = 200 * time.Millisecond
)

// full remembers that the disk has no room. Writing stops then, reading goes
// on, and writing resumes by itself when there is room.
type full struct {
	mu    sync.Mutex
	cause error     // the latest refusal
	until time.Time // nothing is taken in before that
	index bool      // the index waits for room: nothing is taken in until it has it
}

// refuses returns an error that wraps ErrNoSpace while nothing is taken in.
func (f *full) refuses() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.index || time.Now().Before(f.until) {
		return f.cause
	}
	return nil
}

func (f *full) note(cause error, ofIndex bool) (first bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	first = f.cause == nil
	f.cause, f.until, f.index = cause, time.Now().Add(fullPause), ofIndex
	return first
}

// clear ends a refusal that the index caused.
func (f *full) clear() (was bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	was = f.index
	f.index = false
	if was {
		f.cause, f.until = nil, time.Time{}
	}
	return was
}

// took forgets an older refusal once a commit was stored.
func (f *full) took() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.index {
		f.cause = nil
	}
}

// Full returns an error that wraps ErrNoSpace while the ledger takes nothing in
// because the disk is nearly full, nil otherwise. Reads go on.
func (l *Ledger) Full() error { return l.full.refuses() }

// refuseForSpace tells a group, and everything behind it, that nothing of them
// was recorded. It is the sequencer's.
func (l *Ledger) refuseForSpace(group []*pending, cause error) {
	if l.full.refuses() == nil {
		if first := l.full.note(cause, false); first {
			l.log.Error("nothing is taken in until the disk has room", "cause", cause)
		}
	}
	l.tell(group, cause)
	group, _ = l.pool.take(math.MaxInt)
	l.tell(group, cause)
}

// applyWithRoom applies a batch; while the disk has no room it waits. Asked to
// close meanwhile, it leaves the rest to the next Open, which replays it.
func (l *Ledger) applyWithRoom(b *IndexBatch) error {
	for {
		err := l.index.Apply(b)
		if !errors.Is(err, ErrNoSpace) {
			if l.full.clear() {
				l.log.Info("the disk has room again: taking in", "entries", l.Head().Size)
			}
			return err
		}
		if l.full.note(fmt.Errorf("index: %w", err), true) {
			l.log.Error("nothing is taken in until the disk has room", "cause", err)
		}
		select {
		case <-time.After(indexRetry):
		case <-l.quit:
			return err
		}
	}
}
