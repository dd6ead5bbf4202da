package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger"
	"civicledger/ledger/book"
	"civicledger/ledger/chain"
	"civicledger/ledger/frame"
)

// Options of Copy, Restore and Repair.
type Options struct {
	Progress func(done, total uint64) // entries; called now and then by one goroutine; may be nil
	Around   book.Around              // for fault tests; nil: changes are made as they are
}

func (o *Options) progress(done, total uint64) {
	if o.Progress != nil {
		o.Progress(done, total)
	}
}

// Copied says what Copy did.
type Copied struct {
	Before   uint64 `json:"before"`     // entries that the copy's checkpoint signed
	Size     uint64 `json:"size"`       // and signs now
	Entries  uint64 `json:"entries"`    // copied
	Bytes    int64  `json:"bytes"`      // written and read back
	Unproven int64  `json:"unproven"`   // bytes above the copy's checkpoint, of a copy that was cut off: written again
	Behind   uint64 `json:"behind"`     // entries by which the ledger's stored checkpoint lags behind the copy's; 0 but after a power cut
	Note     string `json:"checkpoint"` // the copy's, signed
}

// Copy brings the copy of a ledger's data directory from, in directory to, up
// to the newest checkpoint stored in from, signed by the verifier key. The
// ledger may be served meanwhile: nothing above that checkpoint is read. The
// copy has the book's layout; it holds no private key, no index and no bus.
//
// At every moment the copy is a sound book up to its own checkpoint: entries
// are durable, and were read back, before the checkpoint over them is put in
// place. A Copy that was cut off is taken up by the next. Whole segments that
// are there are not read again. Bad news is a *Refused: damage in from, or a
// copy that from does not extend.
func Copy(ctx context.Context, from, to, key string, o Options) (*Copied, error) {
	c := &copier{from: from, to: to, key: key, options: o, files: files{o.Around}}
	err := c.run(ctx)
	return &c.done, err
}

// copier is one Copy.
type copier struct {
	from, to string
	key      string
	verifier note.Verifier
	options  Options
	files    files

	cp     *stored   // of from
	held   *stored   // of to; nil if there is none
	source []segment // of from
	have   []segment // of to

	head chain.Head // up to which the copy is whole
	at   int64      // offset in the copy's last segment behind that head
	buf  []byte
	done Copied
}

func (c *copier) run(ctx context.Context) error {
	if err := c.openBoth(); err != nil {
		return err
	}
	lock, err := book.Lock(c.to)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := c.resume(); err != nil {
		return fmt.Errorf("open the copy %s: %w", c.to, err)
	}
	if ok, err := c.extends(); err != nil || !ok {
		return err
	}
	for i := max(len(c.have), 1) - 1; i < len(c.source) && c.head.Size < c.cp.Size; i++ {
		if err := c.segment(ctx, i); err != nil {
			return err
		}
	}
	if c.head.Size < c.cp.Size {
		return c.damaged(c.head.Size, c.cp.Size-1, c.source[len(c.source)-1].name, 0, "the book ends before its checkpoint")
	}
	return c.sign()
}

// openBoth reads the checkpoint of the ledger, then its segments: so they hold
// what it signs.
func (c *copier) openBoth() (err error) {
	if c.verifier, err = note.NewVerifier(c.key); err != nil {
		return fmt.Errorf("the key is not a verifier key: %w", err)
	}
	var bad []string
	if c.cp, bad, err = readCheckpoint(c.from, c.verifier); err != nil {
		return fmt.Errorf("read checkpoint of %s: %w", c.from, err)
	}
	if c.cp == nil {
		return &Refused{Reason: fmt.Sprintf("%s has no checkpoint that %s signed: nothing says what must be copied %s", c.from, c.verifier.Name(), inParens(bad))}
	}
	if c.source, err = readSegments(c.from); err != nil {
		return fmt.Errorf("read %s: %w", c.from, err)
	}
	if len(c.source) == 0 {
		return &Refused{Reason: fmt.Sprintf("%s holds a checkpoint and no entries", c.from)}
	}
	held, err := os.ReadFile(filepath.Join(c.to, keyFile))
	if err == nil && strings.TrimSpace(string(held)) != c.key {
		return &Refused{Reason: fmt.Sprintf("%s is of another ledger, or not of this key: %s", c.to, strings.TrimSpace(string(held)))}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := c.apart(); err != nil {
		return err
	}
	return c.files.mkdir(bookPath(c.to, ""))
}

func inParens(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return "(" + strings.Join(list, "; ") + ")"
}

// apart refuses to copy a directory onto itself.
func (c *copier) apart() error {
	a, err := os.Stat(c.from)
	if err != nil {
		return err
	}
	b, err := os.Stat(c.to)
	if err == nil && os.SameFile(a, b) {
		return fmt.Errorf("%s and %s are the same directory", c.from, c.to)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return err
}

// segment copies what the copy lacks of one segment. If we stop anywhere in
// here, what was written lies above the copy's checkpoint, and the next Copy
// writes the last segment again from there.
func (c *copier) segment(ctx context.Context, i int) error {
	s := &c.source[i]
	if s.bad != nil {
		return c.damaged(s.first, s.first, s.name, 0, s.bad.Error())
	}
	file, err := c.openSegment(s, i)
	if err != nil {
		return err
	}
	defer file.Close()
	start := c.at
	sum, err := c.frames(ctx, s, file)
	if err != nil {
		return err
	}
	if i+1 < len(c.source) && c.head.Size < min(c.source[i+1].first, c.cp.Size) {
		return c.damaged(c.head.Size, c.lastOf(s), s.name, s.size, "the segment ends before its last entry")
	}
	if err := c.finish(file, start, sum); err != nil {
		return fmt.Errorf("copy %s: %w", s.name, err)
	}
	s.size = c.at
	return nil
}

// openSegment opens the copy's last segment, or begins the next one. A segment
// is begun only when the one before is durable, whole and has its final size.
func (c *copier) openSegment(s *segment, i int) (*os.File, error) {
	path := bookPath(c.to, s.name)
	if i < len(c.have) {
		return os.OpenFile(path, os.O_RDWR, 0)
	}
	want := frame.SegmentHeader{Prev: c.head}
	if i > 0 {
		want.PrevFirst, want.PrevSize = c.source[i-1].first, c.source[i-1].size
	}
	if s.header != want {
		return nil, c.damaged(c.head.Size, s.first, s.name, 0, "the segment does not continue the one before it")
	}
	data, err := s.header.Append(nil)
	if err != nil {
		return nil, err
	}
	if err := c.files.put(path, data); err != nil {
		return nil, err
	}
	c.have = append(c.have, *s)
	c.at = frame.SegmentHeaderSize
	return os.OpenFile(path, os.O_RDWR, 0)
}

// frames copies whole frames up to the checkpoint and returns the checksum of
// what was written.
func (c *copier) frames(ctx context.Context, s *segment, to *os.File) (sum checksum, err error) {
	from, err := os.Open(bookPath(c.from, s.name))
	if err != nil {
		return sum, err
	}
	defer from.Close()
	c.buf = c.buf[:0]
	for again := 0; ; again++ {
		err = c.scan(ctx, s, from, to, &sum)
		// The end of a served book may be cut to its size while we read ahead.
		if !errors.Is(err, io.ErrUnexpectedEOF) || again == 3 {
			break
		}
		info, statErr := from.Stat()
		if statErr != nil {
			return sum, statErr
		}
		s.size = info.Size()
	}
	if err != nil && !isRefused(err) {
		return sum, fmt.Errorf("copy %s: %w", s.name, err)
	}
	return sum, errors.Join(err, c.flush(to, &sum))
}

func isRefused(err error) bool {
	var refused *Refused
	return errors.As(err, &refused)
}

func (c *copier) scan(ctx context.Context, s *segment, from, to *os.File, sum *checksum) error {
	var wrong *fault
	var wrongAt int64
	for part, err := range frame.Scan(from, c.at+int64(len(c.buf)), s.size) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		f := part.Frame
		if f == nil || wrong != nil || f.Prev != c.head {
			if wrong != nil && f != nil && f.Prev.Size > c.head.Size {
				return c.damaged(c.head.Size, f.Prev.Size-1, s.name, wrongAt, wrong.reason)
			}
			if wrong == nil {
				wrong, wrongAt = misplaced(&part, c.head), part.Offset
			}
			continue
		}
		if bad := sealed(f); bad != nil {
			return c.damaged(bad.index, bad.index, s.name, part.Offset, bad.reason)
		}
		if f.Head.Size > c.cp.Size {
			return c.damaged(c.cp.Size, c.cp.Size, s.name, part.Offset, "the checkpoint stands inside a commit")
		}
		if err := c.take(f, to, sum); err != nil {
			return err
		}
		if c.head.Size == c.cp.Size {
			return nil
		}
	}
	if wrong != nil {
		return c.damaged(c.head.Size, c.lastOf(s), s.name, wrongAt, wrong.reason)
	}
	return nil
}

// misplaced says why a part does not continue the head.
func misplaced(part *frame.Part, head chain.Head) *fault {
	reason := "zero bytes where frames should be"
	switch {
	case part.Err != nil:
		reason = part.Err.Error()
	case part.Frame != nil:
		reason = fmt.Sprintf("a whole frame behind %d entries stands where one behind %d should be, or extends another history", part.Frame.Prev.Size, head.Size)
	}
	return &fault{head.Size, reason}
}

// lastOf is the best known bound of damage that reaches to the end of a segment.
func (c *copier) lastOf(s *segment) uint64 {
	for _, next := range c.source {
		if next.first > s.first {
			return min(next.first, c.cp.Size) - 1
		}
	}
	return c.cp.Size - 1
}

// take adds a frame to what is to be written: the same bytes, because a frame
// has only one encoding.
func (c *copier) take(f *frame.Frame, to *os.File, sum *checksum) error {
	buf, err := f.Append(c.buf)
	if err != nil {
		return err
	}
	c.buf = buf
	c.head = f.Head
	c.done.Entries += uint64(len(f.Entries))
	if len(buf) < 1<<20 {
		return nil
	}
	c.options.progress(c.head.Size, c.cp.Size)
	return c.flush(to, sum)
}

func (c *copier) flush(to *os.File, sum *checksum) error {
	if len(c.buf) == 0 {
		return nil
	}
	if err := c.files.write(to, c.buf, c.at); err != nil {
		return err
	}
	sum.add(c.buf)
	c.at += int64(len(c.buf))
	c.done.Bytes += int64(len(c.buf))
	c.buf = c.buf[:0]
	return nil
}

// finish gives the file its size, makes it durable and reads back what was
// written.
func (c *copier) finish(file *os.File, start int64, want checksum) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Size() > c.at {
		if err := c.files.truncate(file, c.at); err != nil {
			return err
		}
	}
	if err := c.files.sync(file); err != nil {
		return err
	}
	var got checksum
	if err := got.read(file, start, c.at); err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if got != want {
		return fmt.Errorf("bytes %d to %d read back other than they were written: the disk of the copy is not to be trusted", start, c.at)
	}
	return nil
}

// putSlots writes a checkpoint into both its files of the copy.
func (c *copier) putSlots(note string, sequence uint64) error {
	data, err := (&frame.Slot{Sequence: sequence, Note: []byte(note)}).Append(nil)
	if err != nil {
		return err
	}
	for _, name := range frame.SlotNames {
		if err := c.files.put(bookPath(c.to, name), data); err != nil {
			return fmt.Errorf("write checkpoint of the copy: %w", err)
		}
	}
	return nil
}

// sign puts the ledger's checkpoint into the copy, last of all.
func (c *copier) sign() error {
	c.done.Size, c.done.Note = c.cp.Size, c.cp.note
	if c.held == nil || c.held.note != c.cp.note || !c.held.twice {
		sequence := uint64(1)
		if c.held != nil {
			sequence = c.held.sequence + 1
		}
		if err := c.putSlots(c.cp.note, sequence); err != nil {
			return err
		}
	}
	path := filepath.Join(c.to, keyFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return c.files.put(path, []byte(c.key+"\n"))
	}
	return nil
}

func (c *copier) damaged(first, last uint64, name string, offset int64, reason string) error {
	d := damageAt(first, last, name, offset, reason)
	return &Refused{
		Reason: fmt.Sprintf("%s is damaged: entries %d to %d, %s at byte %d: %s; the copy ends before them and stays sound up to its checkpoint: repair the ledger from it",
			c.from, d.First, d.Last, d.File, d.Offset, d.Reason),
		Damages: []ledger.Damage{d},
	}
}
