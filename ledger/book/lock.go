package book

import (
	"fmt"
	"io"
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
