package book

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/ledger/frame"
)

// newSuffix ends the name of a segment whose header may not be durable yet.
const newSuffix = ".new"

// Report says what Open found and did.
type Report struct {
	Checkpoint uint64   // size of the newest stored checkpoint; 0 if there is none
	Above      uint64   // whole entries found above it
	Torn       *Torn    // a write that a crash cut off; nil if there was none
	BadSlots   []string // checkpoint slots that could not be used, with the reason
}

// Torn is the remains of a write that nobody was told had succeeded.
type Torn struct {
	First   uint64 // the entry that would have been there
	File    string // in which it stood
	Offset  int64
	Size    int64
	MovedTo string // empty when read-only: nothing was moved
	Reason  string
}

// Create makes the directory of an empty book. Starting a ledger is a command:
// Open never does it. It refuses a directory in which there are entries.
func Create(dir string) error {
	own := filepath.Join(dir, Dir)
	if err := os.MkdirAll(own, 0o755); err != nil {
		return fmt.Errorf("create book: %w", err)
	}
	files, err := os.ReadDir(own)
	if err != nil {
		return fmt.Errorf("create book: %w", err)
	}
	for _, f := range files {
		if _, ok := frame.ParseSegmentName(f.Name()); ok {
			return fmt.Errorf("create book: %s holds entries: %w", own, fs.ErrExist)
		}
	}
	return errors.Join(syncDir(own), syncDir(filepath.Clean(dir)))
}

// Open opens the book in the data directory dir; see DESIGN.md for what it
// checks. Its errors wrap ErrLocked, ErrNoCheckpoint, fs.ErrNotExist (no book
// here), ledger.ErrDamaged (a *DamageError, not when read-only), or say what
// could not be read or written.
func Open(dir string, options Options) (*Book, error) {
	if options.SegmentSize == 0 {
		options.SegmentSize = frame.DefaultSegmentSize
	}
	b := &Book{dir: dir, options: options}
	if _, err := os.Stat(b.path("")); err != nil {
		return nil, fmt.Errorf("open book: %w (a ledger is started by the command init)", err)
	}
	if !options.ReadOnly {
		lock, err := lockDir(dir)
		if err != nil {
			return nil, fmt.Errorf("open book: %w", err)
		}
		b.lock = lock
	}
	if err := b.load(); err != nil {
		_ = b.release()
		return nil, fmt.Errorf("open book: %w", err)
	}
	return b, nil
}

// load reads the slots and the end of the book, judges what it found, and
// makes everything durable that is there.
func (b *Book) load() error {
	bad, err := b.slots.load(b.path)
	if err != nil {
		return err
	}
	b.noted = b.slots.size
	b.report.BadSlots, b.report.Checkpoint = bad, b.noted
	segments, err := b.list()
	if err != nil {
		return err
	}
	from := b.noted
	if b.slots.note == nil {
		from = math.MaxUint64
	}
	end, err := b.readEnd(segments, from)
	if err != nil {
		return err
	}
	if b.options.ReadOnly {
		b.view.Store(end.below)
		return nil
	}
	if len(b.damages) > 0 {
		return b.everyDamage()
	}
	if b.slots.note == nil && (end.frames > 1 || len(segments) > 1) {
		return fmt.Errorf("%w: nothing says how many entries there must be; put %s back from a copy, or verify what is there and serve it read-only", ErrNoCheckpoint, relative(frame.SlotNames[0]))
	}
	return b.settle(end)
}

// list returns the segments in order with their headers. What does not fit
// together goes to b.damages.
func (b *Book) list() ([]*segment, error) {
	files, err := os.ReadDir(b.path(""))
	if err != nil {
		return nil, err
	}
	var segments []*segment
	for _, f := range files {
		if first, ok := frame.ParseSegmentName(f.Name()); ok {
			s, err := b.readSegment(first)
			if err != nil {
				return nil, err
			}
			segments = append(segments, s)
		}
	}
	for i, s := range segments {
		before := &segment{}
		if i > 0 {
			before = segments[i-1]
		}
		b.compare(before, s)
	}
	return segments, nil
}

func (b *Book) readSegment(first uint64) (*segment, error) {
	name := frame.SegmentName(first)
	file, err := os.Open(b.path(name))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	header, err := frame.ReadSegmentHeader(file)
	if err == nil && header.Prev.Size != first {
		err = fmt.Errorf("%w: the header of segment %d", frame.ErrFrame, header.Prev.Size)
	}
	if errors.Is(err, frame.ErrFrame) {
		b.damages = append(b.damages, ledger.Damage{First: first, Last: first, File: relative(name), Reason: err.Error()})
		header, err = guessHeader(file, first, info.Size()), nil
	}
	s := newSegment(header)
	s.size = info.Size()
	return s, err
}

// guessHeader makes a header for a segment that lost it from its first frame,
// so that the frames can still be read.
func guessHeader(file *os.File, first uint64, size int64) frame.SegmentHeader {
	header := frame.SegmentHeader{Prev: chain.Head{Size: first}, PrevSize: -1}
	for part, err := range frame.Scan(file, frame.SegmentHeaderSize, size) {
		if err == nil && part.Frame != nil && part.Frame.Prev.Size == first {
			header.Prev = part.Frame.Prev
		}
		break
	}
	return header
}

// compare checks that a segment follows the one before it.
func (b *Book) compare(before, s *segment) {
	h := s.header
	if h.PrevSize < 0 { // damaged, and reported
		return
	}
	d := ledger.Damage{First: before.first, Last: max(s.first, 1) - 1, File: relative(frame.SegmentName(h.PrevFirst))}
	switch {
	case h.PrevFirst != before.first || (h.PrevSize > 0 && before.size == 0):
		d.First = h.PrevFirst
		d.Reason = fmt.Sprintf("the segment before %s is missing", frame.SegmentName(s.first))
	case h.PrevSize != before.size:
		d.Offset = min(h.PrevSize, before.size)
		d.Reason = fmt.Sprintf("%d bytes, %s says %d", before.size, frame.SegmentName(s.first), h.PrevSize)
	default:
		return
	}
	b.damages = append(b.damages, d)
}

// ending is what the end of the book looks like.
type ending struct {
	view   *view // all whole frames
	below  *view // those up to the checkpoint, if there is one
	frames int   // whole frames that were read, from the checkpoint's segment on
	torn   *Torn // bytes behind the last whole frame
	border bool  // the checkpoint stands where a commit ends
}

// readEnd reads every frame from the segment in which entry from stands; if
// there is no checkpoint, from the last segment.
func (b *Book) readEnd(segments []*segment, from uint64) (*ending, error) {
	start := &view{segments: segments[:0]}
	e := &ending{view: start, below: start, border: b.noted == 0}
	for i, s := range segments {
		if i+1 < len(segments) && segments[i+1].first <= from {
			continue
		}
		e.extend(b, &view{head: s.header.Prev, segments: segments[:i+1], end: frame.SegmentHeaderSize})
		if err := b.readEndOf(e, segments, i); err != nil {
			return nil, err
		}
	}
	b.judgeEnd(e)
	if b.slots.note == nil {
		e.below = e.view
	}
	return e, nil
}

// extend takes a further place where a commit ends.
func (e *ending) extend(b *Book, v *view) {
	e.view = v
	if v.head.Size <= b.noted {
		e.below = v
	}
	e.border = e.border || v.head.Size == b.noted
}

// readEndOf reads the frames of one segment.
func (b *Book) readEndOf(e *ending, segments []*segment, i int) error {
	s, last := segments[i], i+1 == len(segments)
	name := frame.SegmentName(s.first)
	file, err := os.Open(b.path(name))
	if err != nil {
		return err
	}
	defer file.Close()
	w := walker{head: s.header.Prev, file: relative(name)}
	for st, err := range w.walk(file, frame.SegmentHeaderSize, s.size) {
		switch {
		case err != nil:
			return err
		case st.frame != nil:
			e.frames++
			if !w.broken {
				s.marks.add(mark{st.frame.Prev, st.offset})
			}
			end := st.offset + int64(st.frame.Size())
			e.extend(b, &view{head: st.frame.Head, segments: segments[:i+1], end: end})
		case st.tail && last && st.zero:
			// space that was reserved and not given back
		case st.tail && last:
			e.torn = &Torn{First: w.head.Size, File: w.file, Offset: st.offset, Size: s.size - st.offset, Reason: st.damage.Reason}
		case st.tail:
			b.gap(st.damage, segments[i+1])
			return nil
		default:
			b.damages = append(b.damages, *st.damage)
		}
	}
	if !last && w.head != segments[i+1].header.Prev {
		reason := fmt.Sprintf("%s does not follow", frame.SegmentName(segments[i+1].first))
		b.gap(w.damage(s.size, reason), segments[i+1])
	}
	return nil
}

// gap reports damage that reaches to the next segment.
func (b *Book) gap(d *ledger.Damage, next *segment) {
	if next.first > d.First {
		d.Last = next.first - 1
	}
	b.damages = append(b.damages, *d)
}

// judgeEnd compares the end of the book with the checkpoint.
func (b *Book) judgeEnd(e *ending) {
	head := e.view.head.Size
	if head > b.noted && b.slots.note != nil {
		b.report.Above = head - b.noted
	}
	if b.slots.note == nil {
		b.report.Torn = e.torn
		return
	}
	d := ledger.Damage{First: head, Last: max(head, b.noted-min(b.noted, 1)), Offset: e.view.end}
	if n := len(e.view.segments); n > 0 {
		d.File = relative(frame.SegmentName(e.view.segments[n-1].first))
	}
	switch {
	case head < b.noted && e.torn != nil:
		d.Reason = e.torn.Reason
	case head < b.noted:
		d.Reason = fmt.Sprintf("the book ends here, its checkpoint is of %d entries", b.noted)
	case !e.border && len(b.damages) == 0:
		d.First, d.Last, d.Reason = b.noted, b.noted, "the checkpoint stands inside a commit"
	default:
		b.report.Torn = e.torn
		return
	}
	b.damages = append(b.damages, d)
}

// settle takes a sound book into use.
func (b *Book) settle(e *ending) error {
	if err := b.removeUnnamed(); err != nil {
		return err
	}
	n := len(e.view.segments)
	if n > 0 {
		name := b.path(frame.SegmentName(e.view.segments[n-1].first))
		file, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		b.write.file, b.write.reserved = file, e.view.segments[n-1].size
		if b.report.Torn != nil {
			if err := b.moveAside(b.report.Torn); err != nil {
				return err
			}
		}
	}
	if err := b.rewrite(e); err != nil {
		return err
	}
	b.view.Store(e.view)
	return b.slots.open(b.path)
}

// removeUnnamed removes what is left of a segment whose creation was cut off:
// a file that never had a segment's name and holds no entry.
func (b *Book) removeUnnamed() error {
	files, err := os.ReadDir(b.path(""))
	if err != nil {
		return err
	}
	for _, f := range files {
		if name, ok := strings.CutSuffix(f.Name(), newSuffix); ok {
			if _, ok := frame.ParseSegmentName(name); ok {
				if err := os.Remove(b.path(f.Name())); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// moveAside copies the torn tail into a file of its own and cuts it off. If we
// stop in between, the next Open does it again, under another name.
func (b *Book) moveAside(t *Torn) error {
	file := b.write.file
	tail := make([]byte, t.Size)
	if _, err := file.ReadAt(tail, t.Offset); err != nil {
		return fmt.Errorf("read torn tail: %w", err)
	}
	name := fmt.Sprintf("torn-%d-%d.tail", t.First, time.Now().UnixMilli())
	aside, err := os.OpenFile(b.path(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("move torn tail aside: %w", err)
	}
	_, err = aside.Write(tail)
	if err = errors.Join(err, aside.Sync(), aside.Close(), syncDir(b.path(name))); err != nil {
		return fmt.Errorf("move torn tail aside: %w", err)
	}
	if err := errors.Join(file.Truncate(t.Offset), file.Sync()); err != nil {
		return fmt.Errorf("cut off torn tail: %w", err)
	}
	t.MovedTo, b.write.reserved = relative(name), t.Offset
	return nil
}

// rewrite makes the frames above the checkpoint durable. They were read from
// memory that a failed sync may have left marked as written when it is not
// (so Linux does), therefore the same bytes are written once more.
func (b *Book) rewrite(e *ending) error {
	from := e.below.end
	for i := max(len(e.below.segments), 1) - 1; i < len(e.view.segments); i++ {
		end := e.view.segments[i].size
		if i+1 == len(e.view.segments) {
			end = e.view.end
		}
		if err := rewriteFile(b.path(frame.SegmentName(e.view.segments[i].first)), from, end); err != nil {
			return err
		}
		from = frame.SegmentHeaderSize
	}
	return nil
}

func rewriteFile(name string, from, end int64) error {
	file, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	buf := make([]byte, 1<<20)
	for ; from < end; from += int64(len(buf)) {
		buf = buf[:min(int64(len(buf)), end-from)]
		if _, err := file.ReadAt(buf, from); err != nil {
			return err
		}
		if _, err := file.WriteAt(buf, from); err != nil {
			return err
		}
	}
	return file.Sync()
}

// syncDir makes the names in the directory of a file durable.
func syncDir(name string) error {
	d, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
