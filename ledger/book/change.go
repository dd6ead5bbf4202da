package book

import (
	"fmt"
	"os"

	"civicledger/ledger"
)

// Change is a way in which the book changes a file.
type Change string

// All changes, each one call of the system.
const (
	ChangeCreate   Change = "create"
	ChangeWrite    Change = "write"
	ChangeSync     Change = "sync"
	ChangeRename   Change = "rename"
	ChangeTruncate Change = "truncate"
	ChangeReserve  Change = "reserve"
	ChangeRemove   Change = "remove"
	ChangeSyncDir  Change = "syncdir"
)

// Around is called in place of each change of a file, named by its path; it
// calls do, or not, and its error counts as that of the change. With it a fault
// test lets a change not happen, or happen and be reported as failed.
type Around func(change Change, path string, do func() error) error

func (a Around) do(change Change, path string, do func() error) error {
	if a == nil {
		return do()
	}
	return a(change, path, do)
}

func (a Around) write(file *os.File, data []byte, at int64) error {
	return a.do(ChangeWrite, file.Name(), func() error {
		_, err := file.WriteAt(data, at)
		return err
	})
}

func (a Around) sync(file *os.File) error { return a.do(ChangeSync, file.Name(), file.Sync) }

func (a Around) truncate(file *os.File, size int64) error {
	return a.do(ChangeTruncate, file.Name(), func() error { return file.Truncate(size) })
}

func (a Around) open(path string, flags int) (*os.File, error) {
	var file *os.File
	err := a.do(ChangeCreate, path, func() (err error) {
		file, err = os.OpenFile(path, flags, 0o644)
		return err
	})
	if err != nil && file != nil {
		file.Close()
		file = nil
	}
	return file, err
}

func (a Around) rename(from, to string) error {
	return a.do(ChangeRename, to, func() error { return os.Rename(from, to) })
}

func (a Around) syncDir(name string) error {
	return a.do(ChangeSyncDir, name, func() error { return syncDir(name) })
}

// enough refuses a frame that needs new space on a disk that is nearly full.
// What is reserved is there, so it asks only where that ends.
func (b *Book) enough(v *view, size int64) error {
	if b.options.FreeBytes == nil || (b.fits(v, size) && v.end+size <= b.write.reserved) {
		return nil
	}
	need := size + reserveChunk
	free, err := b.options.FreeBytes(b.dir)
	if err != nil {
		return err
	}
	if free < b.options.MinFree+need {
		return fmt.Errorf("%w: %d bytes left on the disk of %s, at least %d are wanted", ledger.ErrNoSpace, free, b.dir, b.options.MinFree+need)
	}
	return nil
}
