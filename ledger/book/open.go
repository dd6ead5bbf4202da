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

	"civicledger/ledger/frame"
)

// newSuffix ends the name of a segment whose header may not be durable yet.
const newSuffix = ".new"

// Report says what Open found and did.
type Report struct {
	Checkpoint uint64   // size of the newest stored checkpoint; 0 if there is none
	Above      uint64   // whole entries found above it
	Torn       *Torn    // a write that a crash cut off; nil if there was none
	BadSlots   []string // checkpoint slots that could not be used, with the reason; mended unless read-only
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
	b := unopened(dir, options)
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

func unopened(dir string, options Options) *Book {
	if options.SegmentSize == 0 {
		options.SegmentSize = frame.DefaultSegmentSize
	}
	return &Book{dir: dir, options: options, slots: slots{around: options.Around}}
}

// load reads the slots and the end of the book, judges what it found, and
// makes everything durable that is there.
func (b *Book) load() error {
	absent, err := b.loadSlots()
	if err != nil {
		return err
	}
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
	b.view.Store(end.view)
	if absent == len(frame.SlotNames) && end.frames <= 1 && len(segments) <= 1 {
		b.report.BadSlots = nil // init was cut off between the genesis and its checkpoint
	} else if err := b.missed(end); err != nil {
		return err
	}
	return b.settle(end)
}

// loadSlots reads the stored checkpoints and says how many of the two files
// are empty or missing.
func (b *Book) loadSlots() (absent int, err error) {
	b.report.BadSlots, absent, err = b.slots.load(b.path, b.options.Check)
	b.noted = b.slots.size
	b.report.Checkpoint = b.noted
	return absent, err
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
			if err := b.moveAside("torn", b.report.Torn); err != nil {
				return err
			}
		}
	}
	if err := b.rewrite(e); err != nil {
		return err
	}
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
				remove := func() error { return os.Remove(b.path(f.Name())) }
				if err := b.options.Around.do(ChangeRemove, b.path(f.Name()), remove); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// moveAside copies a tail into a file of its own and cuts it off. If we stop in
// between, the next Open does it again, under another name.
func (b *Book) moveAside(as string, t *Torn) error {
	file := b.write.file
	tail := make([]byte, t.Size)
	if _, err := file.ReadAt(tail, t.Offset); err != nil {
		return fmt.Errorf("read the tail of the book: %w", err)
	}
	name := fmt.Sprintf("%s-%d-%d.tail", as, t.First, time.Now().UnixMilli())
	around := b.options.Around
	aside, err := around.open(b.path(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return fmt.Errorf("move the tail of the book aside: %w", err)
	}
	err = around.write(aside, tail, 0)
	if err = errors.Join(err, around.sync(aside), aside.Close(), around.syncDir(b.path(name))); err != nil {
		return fmt.Errorf("move the tail of the book aside: %w", err)
	}
	if err := errors.Join(around.truncate(file, t.Offset), around.sync(file)); err != nil {
		return fmt.Errorf("cut off the tail of the book: %w", err)
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
		if err := rewriteFile(b.options.Around, b.path(frame.SegmentName(e.view.segments[i].first)), from, end); err != nil {
			return err
		}
		from = frame.SegmentHeaderSize
	}
	return nil
}

func rewriteFile(around Around, name string, from, end int64) error {
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
		if err := around.write(file, buf, from); err != nil {
			return err
		}
	}
	return around.sync(file)
}

// syncDir makes the names in the directory of a file durable.
func syncDir(name string) error {
	d, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
