package bus

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// letter is one message between the broker and whoever works on it.
type letter struct {
	seq     uint64 // place in the stream, its identity
	subject string // letters of one subject stand in one order
	size    int
	make    func() *message.Message // a fresh message for each time it is handed out

	// The rest is guarded by the queue's mutex.
	state letterState
	ack   func(context.Context) error // by the newest delivery; nil once the broker confirmed
	out   *message.Message            // handed out, in state out and settling
	end   context.CancelFunc          // ends the context of out
	backs int                         // how often it was handed back on its own account
}

type letterState int

const (
	waiting  letterState = iota // here, not handed out
	out                         // handed out, no word yet
	settling                    // acknowledged, the broker has not confirmed it yet
)

// queue holds what came from the broker and is not settled, and decides what
// is handed out next: in the order of the stream, but nothing of a subject
// while that subject pauses. It does no I/O. Its methods may be called from
// many goroutines at once.
type queue struct {
	maxOut   int // letters handed out at once
	maxCount int // letters held
	maxBytes int // bytes held, overshot by one letter at most

	mu       sync.Mutex
	letters  []*letter // by seq
	paused   map[string]time.Time
	bytes    int
	outCount int
	changed  chan struct{} // closed and replaced at every change
}

func newQueue(maxOut, maxCount, maxBytes int) *queue {
	return &queue{
		maxOut: maxOut, maxCount: maxCount, maxBytes: maxBytes,
		paused: map[string]time.Time{}, changed: make(chan struct{}),
	}
}

func (q *queue) changedLocked() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// room waits until another letter may be taken in.
func (q *queue) room(ctx context.Context) error {
	for {
		q.mu.Lock()
		free := len(q.letters) < q.maxCount && q.bytes < q.maxBytes
		changed := q.changed
		q.mu.Unlock()
		if free {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// accept takes a letter in. A letter that is held already only gets the newer
// delivery's acknowledgement; it is returned when it has been acknowledged
// here, so that the broker is told again.
func (q *queue) accept(l *letter) (settleAgain *letter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	i, held := slices.BinarySearchFunc(q.letters, l.seq, func(h *letter, seq uint64) int {
		return cmp.Compare(h.seq, seq)
	})
	if held {
		h := q.letters[i]
		h.ack = l.ack
		if h.state == settling {
			return h
		}
		return nil
	}
	q.letters = slices.Insert(q.letters, i, l)
	q.bytes += l.size
	q.changedLocked()
	return nil
}

// next hands out a letter, or returns nil with a channel that is closed when
// that may change and the time after which a pause ends (0: no pause). The
// message's context descends from ctx.
func (q *queue) next(ctx context.Context, now time.Time) (l *letter, m *message.Message, changed <-chan struct{}, pause time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.outCount >= q.maxOut {
		return nil, nil, q.changed, 0
	}
	for _, l := range q.letters {
		if l.state != waiting {
			continue
		}
		if until, ok := q.paused[l.subject]; ok {
			if left := until.Sub(now); left > 0 {
				if pause == 0 || left < pause {
					pause = left
				}
				continue
			}
			delete(q.paused, l.subject)
		}
		mctx, end := context.WithCancel(ctx)
		l.state, l.out, l.end = out, l.make(), end
		l.out.SetContext(mctx)
		q.outCount++
		return l, l.out, nil, 0
	}
	return nil, nil, q.changed, pause
}

// settle notes that m was acknowledged and reports whether that counts: it
// does not when the letter was handed back meanwhile.
func (q *queue) settle(l *letter, m *message.Message) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if l.state != out || l.out != m {
		return false
	}
	l.state = settling
	q.outCount--
	q.changedLocked()
	return true
}

// handBack notes that m was not accepted: its letter and all later ones of the
// subject that are handed out wait again, and the subject pauses, twice as long
// each time up to 32 times. The contexts of their messages end, that of m last:
// when it is done, all are.
func (q *queue) handBack(l *letter, m *message.Message, pause time.Duration, now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if l.state != out || l.out != m {
		return false
	}
	for _, h := range slices.Backward(q.letters) {
		if h.seq < l.seq {
			break
		}
		if h.subject == l.subject && h.state == out {
			h.state, h.out = waiting, nil
			h.end()
			q.outCount--
		}
	}
	q.paused[l.subject] = now.Add(pause << min(l.backs, 5))
	l.backs++
	q.changedLocked()
	return true
}

// ackOf returns how to tell the broker about a letter now.
func (q *queue) ackOf(l *letter) func(context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return l.ack
}

// forget drops a letter of which the broker confirmed the acknowledgement.
func (q *queue) forget(l *letter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.letters, l)
	if i < 0 {
		return
	}
	q.letters = slices.Delete(q.letters, i, i+1)
	q.bytes -= l.size
	l.end()
	q.changedLocked()
}

// settlingNow returns the letters that the broker has not confirmed yet.
func (q *queue) settlingNow() []*letter {
	q.mu.Lock()
	defer q.mu.Unlock()
	var all []*letter
	for _, l := range q.letters {
		if l.state == settling {
			all = append(all, l)
		}
	}
	return all
}
