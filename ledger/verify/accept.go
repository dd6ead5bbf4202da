package verify

import (
	"cmp"
	"context"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"civicledger/ledger/chain"
	"civicledger/ledger/frame"
	"civicledger/ledger/roster"
	"civicledger/ledger/suite"
)

// acceptor is the quick way through a book in which nothing is wrong. It knows
// no defects: at the first thing that is not as it must be it gives up, and
// the whole log is judged again the careful way, which explains it. DESIGN.md
// says why it accepts nothing that the careful way would not.
//
// Each core reads stretches of whole frames into memory that it uses again,
// judges each by itself while it is in the core's cache, then the signatures of
// several at once, and then, when all stretches before them have had their
// turn, what depends on the order.
type acceptor struct {
	ctx   context.Context
	suite *suite.Suite
	size  uint64 // of the checkpoint

	failed atomic.Bool
	roster atomic.Pointer[roster.Roster] // as of some stretch that had its turn
	free   chan *stretch

	reading  sync.Mutex // guards what follows
	stretch  int64
	book     bookReader
	segments []segment
	file     *os.File // of segments[0]; nil: not open
	at       int64    // in file
	stated   *chain.Hash
	begun    int // stretches

	turns   sync.Mutex // guards what follows
	judge   *judge
	last    chain.Hash // of entry judge.next-1
	waiting map[int]*stretch
	turn    int
	digests names // of submissions
}

// accept fills the report if the book below the checkpoint is sound, and says
// whether it is; otherwise it leaves the report as it was.
func (d *directory) accept(ctx context.Context, r *Report, cp *signed, opts Options) bool {
	segments, err := d.segments()
	if err != nil || len(segments) == 0 {
		return false
	}
	cores := runtime.GOMAXPROCS(0)
	out := &reader{ctx: ctx}
	a := &acceptor{
		ctx: ctx, suite: suite.Default(), size: cp.Size, segments: segments, stretch: cmp.Or(opts.stretch, stretchSize),
		book:  bookReader{dir: d.dir, size: cp.Size, out: out},
		judge: newJudge(r.Key, cp, opts.Progress), waiting: map[int]*stretch{},
		free: make(chan *stretch, 2*cores*groupSize), // a core goes on while a group waits for its turn
	}
	accepted := *r
	a.judge.tree.batch = a.suite.NewBatch()
	a.judge.remember(opts.Known, &accepted)
	a.roster.Store(a.judge.roster)
	for range cap(a.free) {
		a.free <- new(stretch)
	}
	keys := make([]names, cores)
	var work sync.WaitGroup
	for i := range keys {
		work.Go(func() { a.work(&keys[i]) })
	}
	work.Wait()
	if !a.rest() {
		a.judge.stop()
		return false
	}
	if !a.concludes(&accepted, keys) {
		return false
	}
	accepted.Counts.Beyond, accepted.Notes = out.beyond, append(accepted.Notes, out.notes...)
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
	if a.failed.Load() || a.ctx.Err() != nil || a.book.next >= a.size {
		return false
	}
	st.reset(a.begun, a.book.next, data)
	for len(st.data) == 0 {
		if !a.open() || !a.frames(st) {
			a.failed.Store(true)
			return false
		}
	}
	a.begun++
	return true
}

// open makes sure that there is a file with something left to read.
func (a *acceptor) open() bool {
	for a.file == nil || a.at == a.segments[0].size {
		if a.file != nil {
			a.file.Close()
			a.book.before, a.segments, a.file = &a.segments[0], a.segments[1:], nil
		}
		if len(a.segments) == 0 {
			return false
		}
		var err error
		if a.file, a.stated, err = a.book.open(&a.segments[0]); err != nil {
			return false
		}
		a.at = frame.SegmentHeaderSize
		if a.book.out.defects.total > 0 || a.at > a.segments[0].size {
			return false
		}
	}
	return true
}

// stretchSize is how many bytes are read at once, besides what completes the
// last frame: little enough for a core's cache.
const stretchSize = 512 << 10

// frames reads whole frames below the checkpoint's size, by their headers.
func (a *acceptor) frames(st *stretch) bool {
	left := a.segments[0].size - a.at
	if !st.read(a.file, a.at, int(min(a.stretch, left))) {
		return false
	}
	end := 0
	for end < len(st.data) && a.book.next < a.size {
		if len(st.data)-end < frame.HeaderSize && end > 0 {
			break
		}
		h, err := frame.ParseHeader(st.data[end:])
		if err != nil || h.Prev.Size != a.book.next || h.Head.Size > a.size || int64(end+h.Size()) > left {
			return false
		}
		if end+h.Size() > len(st.data) {
			if end > 0 {
				break // it begins the next stretch
			}
			if !st.read(a.file, a.at, h.Size()) {
				return false
			}
		}
		if a.stated != nil && *a.stated != h.Prev.Last {
			return false
		}
		a.stated = nil
		end += h.Size()
		st.count += int(h.Count())
		a.book.next = h.Head.Size
	}
	st.data = st.data[:end]
	a.at += int64(end)
	return end > 0
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
	j := a.judge
	if st.first != j.next || st.prev != a.last || st.recorded < j.recorded {
		return false
	}
	for i := range st.said {
		if !a.submission(&st.said[i]) {
			return false
		}
	}
	j.tree.addGroups(st.leaves, st.roots)
	j.next += uint64(len(st.leaves))
	j.bytes += st.bytes
	j.recorded, a.last = st.lastRecorded, st.leaves[len(st.leaves)-1]
	if j.progress != nil {
		j.progress(j.next, a.size)
	}
	return true
}

// submission judges rights by the roster before it, as judge.submission does.
func (a *acceptor) submission(s *said) bool {
	j := a.judge
	before := j.roster
	if before.Suite() == nil && s.header.Index != 0 {
		return false
	}
	next, refusal := before.Judge(s.submission(), s.claims, roster.At{Index: s.header.Index, Recorded: s.header.Recorded})
	if refusal != nil || next.Suite() != a.suite {
		return false
	}
	if next != before {
		j.roster = next
		a.roster.Store(next)
	}
	by := before
	if before.Suite() == nil {
		j.judgeGenesis(next)
		by = next
	}
	if !s.valid && !s.verify(a.suite, by) {
		return false
	}
	j.counts.Submissions++
	j.counts.Signatures++
	a.digests.add(s.digest[:])
	return true
}

// rest reads what lies above the checkpoint, which is only counted.
func (a *acceptor) rest() bool {
	if a.file != nil {
		defer a.file.Close()
	}
	if a.failed.Load() || a.judge.next != a.size {
		return false
	}
	b := &a.book
	if a.file != nil {
		if b.scan(&a.segments[0], a.file, a.at, nil) != nil {
			return false
		}
		b.before, a.segments = &a.segments[0], a.segments[1:]
	}
	return b.read(a.segments) == nil && b.out.defects.total == 0
}

// concludes asks the judge for the report and for repeated names.
func (a *acceptor) concludes(r *Report, keys []names) bool {
	j := a.judge
	j.suite = a.suite
	j.finish(r, a.size, true)
	return j.defects.total == 0 && !repeats(keys) && !repeats([]names{a.digests})
}

// addGroups adds leaves; roots are those of the whole groups of 256 in them.
func (l *leaves) addGroups(hashes, roots []chain.Hash) {
	for len(hashes) > 0 {
		group := l.size / chain.TileWidth
		_, keep := l.kept[group]
		if l.size%chain.TileWidth != 0 || len(hashes) < chain.TileWidth {
			l.add(hashes[0])
			hashes = hashes[1:]
			continue
		}
		if keep {
			for _, hash := range hashes[:chain.TileWidth] {
				l.add(hash)
			}
		} else {
			if len(l.current) > 0 { // the group before
				l.next()
			}
			l.roots = append(l.roots, roots[0])
			l.size += chain.TileWidth
		}
		hashes, roots = hashes[chain.TileWidth:], roots[1:]
	}
}
