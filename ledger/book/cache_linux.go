//go:build linux && (amd64 || arm64 || riscv64 || loong64)

package book

import (
	"os"
	"syscall"
)

// forget asks the kernel to drop clean pages of a file (posix_fadvise with
// POSIX_FADV_DONTNEED), so that the next read comes from the disk. It is
// advice: an error changes nothing but where a read comes from.
func forget(f *os.File, at, size int64) {
	const dontNeed = 4
	at &^= 4095
	_, _, _ = syscall.Syscall6(syscall.SYS_FADVISE64, f.Fd(), uintptr(at), uintptr(size), dontNeed, 0, 0)
}
