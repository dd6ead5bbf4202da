// Package quick judges a data directory whose book is sound, as fast as its
// bytes can be hashed, and only such a one. It knows no defects: at the first
// thing that is not as it must be it gives up, and the whole log is judged again
// the careful way (ledger/verify/judge), which explains it. The DESIGN.md of
// ledger/verify says why it accepts nothing that the careful way would not.
package quick

import (
	"cmp"
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"civicledger/ledger/chain"
	"civicledger/ledger/frame"
	"civicledger/ledger/roster"
	"civicledger/ledger/suite"
	"civicledger/ledger/verify/judge"
	"civicledger/ledger/verify/source"
	"civicledger/ledger/verify/verdict"
)

// acceptor is one run. Each core reads stretches of whole frames into memory
// that it uses again, judges each by itself while it is in the core's cache,
// then the signatures of several at once, and then, when all stretches before
// them have had their turn, what depends on the order.
type acceptor struct {
	ctx   context.Context
	suite *suite.Suite
	size  uint64 // of the checkpoint

	failed atomic.Bool
	roster atomic.Pointer[roster.Roster] // as of some stretch that had its turn
	free   chan *stretch

	reading sync.Mutex // guards what follows
	stretch int64
	out     *source.Reader
	book    *source.Book
	begun   int         // stretches
	ended   bool        // behind what was read stands no whole frame
	above   frame.Frame // above the checkpoint

	turns    sync.Mutex // guards what follows
	judge    *judge.Judge
	fold     func(group []chain.Hash) chain.Hash
	next     uint64
	last     chain.Hash // of entry next-1
	recorded int64      // of it
	waiting  map[int]*stretch
	turn     int
	digests  names // of submissions
}

// Accept fills the report if the book is sound under a checkpoint of that size,
// and says whether it is; otherwise it leaves the report as it was. It asks a new
// judge for the report. So many bytes are read at once; 0: stretchSize.
func Accept(ctx context.Context, dir source.Directory, size uint64, j *judge.Judge, r *verdict.Report, bytes int64) bool {
	out := source.NewReader(ctx, new(verdict.Defects))
	book, err := dir.Book(size, out)
	if err != nil {
		return false
	}
	defer book.Close()
	cores := runtime.GOMAXPROCS(0)
	a := &acceptor{
		ctx: ctx, suite: suite.Default(), size: size, stretch: cmp.Or(bytes, stretchSize), out: out, book: book, judge: j,
		waiting: map[int]*stretch{},
		free:    make(chan *stretch, 2*cores*groupSize), // a core goes on while a group waits for its turn
	}
	batch := a.suite.NewBatch()
	a.fold = func(group []chain.Hash) chain.Hash { return fold(batch, group)[0] }
	a.roster.Store(a.judge.Roster())
	for range cap(a.free) {
		a.free <- new(stretch)
	}
	keys := make([]names, cores)
	var work sync.WaitGroup
	for i := range keys {
		work.Go(func() { a.work(&keys[i]) })
	}
	work.Wait()
	if a.failed.Load() || ctx.Err() != nil || a.next < a.size || book.Tail() != nil || out.Defects.Total > 0 {
		return false
	}
	accepted := *r
	a.judge.Finish(&accepted, true)
	if accepted.DefectCount > 0 || repeats(keys) || repeats([]names{a.digests}) {
		return false
	}
	accepted.Notes = append(accepted.Notes, out.Notes...)
	*r = accepted
	return true
}

// groupSize is how many stretches are judged together, groupEnough with how many
// submissions fewer will do: lines are hashed together, of two large submissions
// or of many small ones.
const (
	groupSize   = 2
	groupEnough = 64
)

// work takes group after group until the book ends or something is wrong.
func (a *acceptor) work(keys *names) {
	c := newChecker(a.suite, keys)
	var memory [groupSize][]byte
	for more := true; more; {
		var group []*stretch
		sound := true
		for submissions := 0; more && len(group) < groupSize && submissions < groupEnough; {
			st := a.take(len(group) == 0)
			if st == nil {
				break // others have all of them: they will wait for this group
			}
			data := &memory[len(group)]
			if *data == nil {
				*data = make([]byte, 0, frame.MaxSize)
			}
			if more = a.fill(st, *data); !more {
				a.free <- st
				break
			}
			group = append(group, st)
			sound = sound && c.check(st)
			submissions += len(st.said)
		}
		if !sound || !c.signatures(group, a.roster.Load()) {
			a.failed.Store(true)
		}
		for _, st := range group {
			a.takeTurn(st)
		}
	}
}

// take takes a free stretch, and waits for one or returns nil.
func (a *acceptor) take(wait bool) *stretch {
	if wait {
		return <-a.free
	}
	select {
	case st := <-a.free:
		return st
	default:
		return nil
	}
}

// fill reads the next stretch; false if there is none or something is wrong.
func (a *acceptor) fill(st *stretch, data []byte) bool {
	a.reading.Lock()
	defer a.reading.Unlock()
	st.reset(a.begun, a.book.Next, data)
	for len(st.data) == 0 {
		if a.failed.Load() || a.ctx.Err() != nil || a.ended {
			return false
		}
		for !a.ended && (a.book.File == nil || a.book.At == a.book.Size) {
			more, err := a.book.Open()
			if err != nil || a.out.Defects.Total > 0 {
				a.failed.Store(true)
				return false
			}
			a.ended = !more
		}
		if !a.ended && !a.frames(st) {
			a.failed.Store(true)
			return false
		}
	}
	a.begun++
	return true
}

// stretchSize is how many bytes are read at once, besides what completes the
// last frame: little enough for a core's cache.
const stretchSize = 512 << 10

// frames reads whole frames, by their headers. Above the checkpoint the first
// bytes that are none end the book: what they are is seen later.
func (a *acceptor) frames(st *stretch) bool {
	b := a.book
	left := b.Size - b.At
	if !st.read(b.File, b.At, int(min(a.stretch, left))) {
		return false
	}
	end := 0
	for end < len(st.data) && !a.ended {
		if len(st.data)-end < frame.HeaderSize && end > 0 {
			break
		}
		h, err := frame.ParseHeader(st.data[end:])
		if err != nil || int64(end+h.Size()) > left {
			if a.ended = b.Next >= a.size; a.ended {
				break
			}
			return false
		}
		if end+h.Size() > len(st.data) {
			if end > 0 {
				break // it begins the next stretch
			}
			if !st.read(b.File, b.At, h.Size()) {
				return false
			}
		}
		if b.Next >= a.size && a.above.Parse(st.data[end:end+h.Size()]) != nil {
			a.ended = true
			break
		}
		if h.Prev.Size != b.Next || (b.Next < a.size && h.Head.Size > a.size) || (b.Stated != nil && *b.Stated != h.Prev.Last) {
			return false
		}
		b.Stated = nil
		end += h.Size()
		st.count += int(h.Count())
		b.Next = h.Head.Size
	}
	st.data = st.data[:end]
	b.At += int64(end)
	return end > 0 || a.ended
}

// takeTurn judges the stretches whose turn has come, in order.
func (a *acceptor) takeTurn(st *stretch) {
	a.turns.Lock()
	defer a.turns.Unlock()
	a.waiting[st.sequence] = st
	for st := a.waiting[a.turn]; st != nil; st = a.waiting[a.turn] {
		delete(a.waiting, a.turn)
		if !a.failed.Load() && !a.inOrder(st) {
			a.failed.Store(true)
		}
		a.turn++
		a.free <- st
	}
}

// inOrder judges what of a stretch depends on all before it.
func (a *acceptor) inOrder(st *stretch) bool {
	if st.first != a.next || st.prev != a.last || st.recorded < a.recorded {
		return false
	}
	for i := range st.said {
		if !a.submission(&st.said[i]) {
			return false
		}
	}
	a.next += uint64(len(st.leaves))
	a.recorded, a.last = st.lastRecorded, st.leaves[len(st.leaves)-1]
	a.judge.Accept(st.leaves, st.roots, a.fold, st.bytes, uint64(len(st.said)))
	return true
}

// submission judges rights by the roster before it, as the careful way does.
func (a *acceptor) submission(s *said) bool {
	before := a.judge.Roster()
	if before.Suite() == nil && s.header.Index != 0 {
		return false
	}
	next, refusal := before.Judge(s.submission(), s.claims, roster.At{Index: s.header.Index, Recorded: s.header.Recorded})
	if refusal != nil || next.Suite() != a.suite {
		return false
	}
	by := before
	if before.Suite() == nil {
		by = next
	}
	if next != before {
		a.judge.Fold(next)
		a.roster.Store(next)
	}
	if !s.valid && !s.verify(a.suite, by) {
		return false
	}
	a.digests.add(s.digest[:])
	return true
}
