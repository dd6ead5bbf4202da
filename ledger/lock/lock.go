// Package lock takes a file or a directory for one process, so that two do not
// write where one may. Whoever dies releases what it held. It is for engines that
// keep files; it says nothing about threads of one process.
package lock

import (
	"errors"
	"fmt"
	"os"
)

// ErrHeld is wrapped when another process has what was asked for.
var ErrHeld = errors.New("another process has it")

// Open opens path with the flags of os.OpenFile and takes it, alone or shared with
// others that share it, until the file is closed or the process ends. It does not
// wait. The error wraps ErrHeld, or errors.ErrUnsupported where no lock ends with
// its process: without one, two writers could fork the ledger.
func Open(path string, flag int, shared bool) (*os.File, error) {
	f, err := os.OpenFile(path, flag, 0o600)
	if err != nil {
		return nil, err
	}
	if err := take(f, shared); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	return f, nil
}
