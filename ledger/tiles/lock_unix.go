//go:build unix

package tiles

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lockDir takes a directory for this process, without a file of its own in it,
// until what it returns is closed or the process ends.
func lockDir(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.New("another export writes to it")
		}
		return nil, fmt.Errorf("lock: %w", err)
	}
	return f, nil
}
