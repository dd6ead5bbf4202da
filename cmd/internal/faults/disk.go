package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"civicledger/ledger/book"
)

// sector is what a disk writes whole.
const sector = 512

// content is what a file holds: data, and zeros up to size.
type content struct {
	data []byte // without zeros at the end
	size int64
}

// at returns a sector of the content.
func (c *content) at(n int64) []byte {
	out := make([]byte, sector)
	if from := n * sector; from < int64(len(c.data)) {
		copy(out, c.data[from:])
	}
	return out
}

// sectors counts those that may not be zero.
func (c *content) sectors() int64 { return (int64(len(c.data)) + sector - 1) / sector }

// platter is what a power cut leaves of a file at least.
type platter struct {
	content
	lost map[int64]bool // sectors that a failed sync marked as clean: no later sync writes them
}

// nameChange is a change of a directory that is not durable yet.
type nameChange struct {
	from, to string   // from "" is a creation, to "" a removal
	old      *content // what a removed file held
}

// disk stands under the book: it counts changes, makes some of them fail, and
// knows what a power cut would leave. It is the book's Options.Around.
type disk struct {
	faults *injector
	lies   bool // syncs of segments say that they happened and do not: for the harness's own test

	mu      sync.Mutex
	durable map[string]*platter // by name: all files are in one directory
	names   []nameChange
	opening bool // the book is being opened: what it writes again is written whole
	err     error
}

func newDisk(faults *injector) *disk {
	return &disk{faults: faults, durable: map[string]*platter{}}
}

// settled takes everything that is in the book's directory as durable.
func (d *disk) settled(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.durable, d.names = map[string]*platter{}, nil
	paths, err := filepath.Glob(filepath.Join(dir, book.Dir, "*"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		c, err := readContent(path)
		if err != nil {
			return err
		}
		d.durable[filepath.Base(path)] = &platter{content: *c}
	}
	return nil
}

func (d *disk) setOpening(opening bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.opening = opening
}

// problem returns what the disk itself could not do.
func (d *disk) problem() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// around is book.Around.
func (d *disk) around(change book.Change, path string, do func() error) error {
	path = named(path)
	how := d.faults.due(step(change), true, filepath.Base(path))
	var before *content
	if change == book.ChangeWrite || change == book.ChangeRemove {
		before, _ = readContent(path)
	}
	switch {
	case how == dies, how == diesPart && change != book.ChangeWrite:
		d.faults.killed()
		return errDead
	case how == dropped && change == book.ChangeSync:
		d.drop(path)
		return fmt.Errorf("%s %s: %w", change, how, errInjected)
	case how == notDone, how == dropped:
		return fmt.Errorf("%s %s: %w", change, how, errInjected)
	case d.lies && change == book.ChangeSync && strings.HasSuffix(path, ".seg"):
		return nil
	}
	if err := do(); err != nil {
		return err
	}
	if (how == inPart || how == diesPart) && change == book.ChangeWrite {
		d.note(cutShort(path, before))
	}
	d.happened(change, path, before)
	switch {
	case how.deadly():
		d.faults.killed()
		return errDead
	case how != "":
		return fmt.Errorf("%s %s: %w", change, how, errInjected)
	}
	return nil
}

// named is the name that a file has now: one that was renamed while it was open
// still goes by the name it was opened with.
func named(path string) string {
	now, renamed := strings.CutSuffix(path, ".new")
	if renamed {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			if _, err := os.Lstat(now); err == nil {
				return now
			}
		}
	}
	return path
}

func (d *disk) note(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = errors.Join(d.err, err)
}

// happened follows a change that was made.
func (d *disk) happened(change book.Change, path string, before *content) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := filepath.Base(path)
	switch change {
	case book.ChangeCreate:
		if d.durable[name] == nil {
			d.durable[name] = &platter{}
			d.names = append(d.names, nameChange{to: name})
		}
	case book.ChangeWrite:
		d.wrote(path, before)
	case book.ChangeSync:
		d.synced(path)
	case book.ChangeRename:
		from := name + ".new"
		d.durable[name] = d.durable[from]
		delete(d.durable, from)
		d.names = append(d.names, nameChange{from: from, to: name})
	case book.ChangeRemove:
		d.names = append(d.names, nameChange{from: name, old: before})
		delete(d.durable, name)
	case book.ChangeSyncDir:
		d.names = nil
	}
}

// wrote forgets that a failed sync dropped what is now written again.
func (d *disk) wrote(path string, before *content) {
	p := d.durable[filepath.Base(path)]
	if p == nil || len(p.lost) == 0 {
		return
	}
	after, err := readContent(path)
	d.err = errors.Join(d.err, err)
	for n := range p.lost {
		if d.opening || err != nil || before == nil || !bytes.Equal(before.at(n), after.at(n)) {
			delete(p.lost, n)
		}
	}
}

// synced takes a file's content as durable, but for what a failed sync dropped.
func (d *disk) synced(path string) {
	c, err := readContent(path)
	d.err = errors.Join(d.err, err)
	p := d.durable[filepath.Base(path)]
	if err != nil || p == nil {
		return
	}
	for n := range p.lost {
		c.put(n, p.at(n))
	}
	p.content = *c
}

// drop marks what is not durable as clean.
func (d *disk) drop(path string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, err := readContent(path)
	d.err = errors.Join(d.err, err)
	p := d.durable[filepath.Base(path)]
	if err != nil || p == nil {
		return
	}
	if p.lost == nil {
		p.lost = map[int64]bool{}
	}
	for n := range max(c.sectors(), p.sectors()) {
		if !bytes.Equal(c.at(n), p.at(n)) {
			p.lost[n] = true
		}
	}
}

func (c *content) put(n int64, data []byte) {
	end := min((n+1)*sector, max(c.size, int64(len(c.data))))
	if from := n * sector; from < end {
		if int64(len(c.data)) < end {
			c.data = append(c.data, make([]byte, end-int64(len(c.data)))...)
		}
		copy(c.data[from:end], data)
	}
}

// powerCut writes into to what a power cut now may leave of the book in dir:
// of what was not synced, any sectors; of changes of names, the first few.
func (d *disk) powerCut(rng *rand.Rand, dir, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	paths, err := filepath.Glob(filepath.Join(dir, book.Dir, "*"))
	if err != nil {
		return err
	}
	files := map[string]*content{}
	for _, path := range paths { // Glob sorts: the same seed makes the same choices
		now, err := readContent(path)
		if err != nil {
			return err
		}
		name := filepath.Base(path)
		files[name] = now
		if p := d.durable[name]; p != nil {
			files[name] = remains(rng, p, now)
		}
	}
	for kept := rng.IntN(len(d.names) + 1); len(d.names) > kept; {
		d.undo(files, d.names[len(d.names)-1])
		d.names = d.names[:len(d.names)-1]
	}
	for name, c := range files {
		if err := c.write(filepath.Join(to, book.Dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// undo takes back a change of names that did not get to the disk.
func (d *disk) undo(files map[string]*content, n nameChange) {
	switch {
	case n.from == "":
		delete(files, n.to)
	case n.to == "":
		if n.old != nil {
			files[n.from] = n.old
		}
	default:
		if c := files[n.to]; c != nil {
			files[n.from] = c
		}
		delete(files, n.to)
	}
}

// remains mixes what is durable of a file with what was written since.
func remains(rng *rand.Rand, p *platter, now *content) *content {
	how := rng.IntN(4)
	out := &content{size: now.size}
	if how == 0 || (how > 1 && rng.IntN(2) == 0) {
		out.size = p.size
	}
	sectors := max(now.sectors(), p.sectors())
	cut := rng.Int64N(sectors + 1)
	out.data = make([]byte, min(sectors*sector, out.size))
	for n := range sectors {
		fresh := how == 1 || (how == 2 && n < cut) || (how == 3 && rng.IntN(2) == 0)
		from := p.at(n)
		if fresh && !p.lost[n] {
			from = now.at(n)
		}
		if at := n * sector; at < int64(len(out.data)) {
			copy(out.data[at:], from)
		}
	}
	return out
}

// cutShort takes back the end of a write that was just made.
func cutShort(path string, before *content) error {
	after, err := readContent(path)
	if err != nil || before == nil {
		return err
	}
	first, last := -1, -1
	for i := range after.data {
		if i >= len(before.data) || before.data[i] != after.data[i] {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	if first < 0 {
		return nil
	}
	half := first + (last-first+1)/2
	copy(after.data[half:], make([]byte, len(after.data)-half))
	if half < len(before.data) {
		copy(after.data[half:], before.data[half:])
	}
	after.size = max(before.size, int64(half))
	return after.overwrite(path)
}

// readContent reads a file without the holes in it.
func readContent(path string) (*content, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	c := &content{size: info.Size()}
	err = eachExtent(f, c.size, func(from, to int64) error {
		c.data = append(c.data, make([]byte, to-int64(len(c.data)))...)
		_, err := f.ReadAt(c.data[from:to], from)
		return err
	})
	c.data = bytes.TrimRight(c.data, "\x00")
	return c, err
}

func nilIf(condition bool, err error) error {
	if condition {
		return nil
	}
	return err
}

// write makes a file of the content.
func (c *content) write(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(c.data[:min(int64(len(c.data)), c.size)])
	return errors.Join(err, f.Truncate(c.size), f.Close())
}

// overwrite puts the content into a file that somebody may have open.
func (c *content) overwrite(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(c.data[:min(int64(len(c.data)), c.size)], 0)
	return errors.Join(err, f.Truncate(c.size), f.Close())
}

// copyDir copies a directory with all below it, but for what skip names.
func copyDir(from, to string, skip ...string) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return nilIf(errors.Is(err, fs.ErrNotExist), err) // Badger removes files in the background
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case slices.Contains(skip, rel) && e.IsDir():
			return fs.SkipDir
		case e.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		case slices.Contains(skip, rel):
			return nil
		}
		return copyFile(path, filepath.Join(to, rel))
	})
}

func copyFile(from, to string) error {
	info, err := os.Stat(from)
	if err == nil {
		var c *content
		if c, err = readContent(from); err == nil {
			return errors.Join(c.write(to), os.Chmod(to, info.Mode().Perm()))
		}
	}
	return nilIf(errors.Is(err, fs.ErrNotExist), err)
}
