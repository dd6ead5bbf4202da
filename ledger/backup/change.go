package backup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"civicledger/ledger/book"
)

// files makes each change of a file through the seam of fault tests.
type files struct{ around book.Around }

func (f files) do(change book.Change, path string, do func() error) error {
	if f.around == nil {
		return do()
	}
	return f.around(change, path, do)
}

func (f files) create(path string, flags int) (*os.File, error) {
	var file *os.File
	err := f.do(book.ChangeCreate, path, func() (err error) {
		file, err = os.OpenFile(path, flags|os.O_CREATE, 0o644)
		return err
	})
	if err != nil && file != nil {
		file.Close()
		file = nil
	}
	return file, err
}

func (f files) write(file *os.File, data []byte, at int64) error {
	return f.do(book.ChangeWrite, file.Name(), func() error {
		_, err := file.WriteAt(data, at)
		return err
	})
}

func (f files) sync(file *os.File) error {
	return f.do(book.ChangeSync, file.Name(), file.Sync)
}

func (f files) truncate(file *os.File, size int64) error {
	return f.do(book.ChangeTruncate, file.Name(), func() error { return file.Truncate(size) })
}

func (f files) rename(from, to string) error {
	return f.do(book.ChangeRename, to, func() error { return os.Rename(from, to) })
}

// remove removes a file or a whole directory; one that is not there is fine.
func (f files) remove(path string) error {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return f.do(book.ChangeRemove, path, func() error { return os.RemoveAll(path) })
}

// syncDir makes the names in a directory durable.
func (f files) syncDir(dir string) error {
	return f.do(book.ChangeSyncDir, dir, func() error {
		d, err := os.Open(dir)
		if err != nil {
			return err
		}
		return errors.Join(d.Sync(), d.Close())
	})
}

// mkdir makes a directory with its parents, and its name durable.
func (f files) mkdir(dir string) error {
	err := f.do(book.ChangeCreate, dir, func() error { return os.MkdirAll(dir, 0o755) })
	if err != nil {
		return err
	}
	return f.syncDir(filepath.Dir(dir))
}

const newSuffix = ".new"

// put makes a small file durable in one step. If we stop before the rename,
// path is as it was and a file with newSuffix is left, which the next put of it
// writes over.
func (f files) put(path string, data []byte) error {
	file, err := f.create(path+newSuffix, os.O_RDWR|os.O_TRUNC)
	if err != nil {
		return err
	}
	err = f.write(file, data, 0)
	if err == nil {
		err = f.sync(file)
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := f.rename(path+newSuffix, path); err != nil {
		return err
	}
	return f.syncDir(filepath.Dir(path))
}
