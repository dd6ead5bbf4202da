package book

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"civicledger/ledger/lock"
)

// Lock takes the data directory for this process, as Open does for writing, for
// what changes its files without opening it. Whoever dies releases it. The
// error wraps ErrLocked while another process has it.
func Lock(dir string) (io.Closer, error) {
	f, err := lockDir(dir)
	if err != nil {
		return nil, fmt.Errorf("take %s: %w", dir, err)
	}
	return f, nil
}

// lockDir takes the data directory by a file of its own in it.
func lockDir(dir string) (*os.File, error) {
	f, err := lock.Open(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, false)
	switch {
	case errors.Is(err, lock.ErrHeld):
		return nil, fmt.Errorf("%w: %w: stop it, or open read-only", err, ErrLocked)
	case errors.Is(err, errors.ErrUnsupported):
		return nil, fmt.Errorf("%w: a ledger is written on Unix only; read-only opens anywhere", err)
	}
	return f, err
}
