package book

import (
	"errors"
	"os"
	"syscall"
)

// datasync makes the file's content, and as much of its metadata as is needed
// to read it, durable.
func datasync(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if !errors.Is(err, syscall.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}

// reserve makes the file longer by zero bytes that have their place on disk.
func reserve(f *os.File, at, size int64) error {
	return os.NewSyscallError("fallocate", syscall.Fallocate(int(f.Fd()), 0, at, size))
}
