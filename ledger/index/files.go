package index

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"civicledger/ledger/lock"
)

// owned are the names of Badger's files, those it reads first last: a removal
// that stops half way leaves what Open calls damaged, not what it takes for a
// smaller index.
var owned = []string{
	"*.mem", "*.sst", "*.vlog", "DISCARD", "KEYREGISTRY", "REWRITE-KEYREGISTRY", "MANIFEST-REWRITE", "MANIFEST", "LOCK", keysFile, tilesFile, tablePattern,
}

// Remove deletes the index in dir, so that the ledger rebuilds it: the files
// that are the index's, and dir itself if nothing else is in it. It refuses
// when somebody has it open, with an error that wraps ErrLocked. There may be
// no index.
func Remove(dir string) error {
	held, err := lockDir(dir, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove index %s: %w", dir, err)
	}
	defer held.Close()
	for _, pattern := range owned {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return fmt.Errorf("remove index: %w", err)
		}
		for _, path := range paths {
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("remove index: %w", err)
			}
		}
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, syscall.ENOTEMPTY) {
		return fmt.Errorf("remove index: %w", err)
	}
	return nil
}

// lockDir takes the lock that Badger takes, until the file is closed.
func lockDir(dir string, shared bool) (*os.File, error) {
	d, err := lock.Open(dir, os.O_RDONLY, shared)
	if errors.Is(err, lock.ErrHeld) {
		return nil, fmt.Errorf("%w by another process: %w", ErrLocked, err)
	}
	return d, err
}

// FreeBytes returns how many bytes a process without privileges may still
// write to the disk that dir is on.
func FreeBytes(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", dir, err)
	}
	return int64(st.Bavail) * st.Bsize, nil
}

func (x *Index) checkSpace() error {
	free, err := FreeBytes(x.dir)
	if err != nil {
		return err
	}
	if free < x.minFree {
		return fmt.Errorf("%w: %d bytes left on the disk of %s, at least %d are wanted", ErrNoSpace, free, x.dir, x.minFree)
	}
	return nil
}
