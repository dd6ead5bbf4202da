package keys

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// maxFile is more than any key file has.
const maxFile = 4096

// readPrivate reads a key file that is its owner's alone. What is checked is
// the open file, not the path, so that nothing can be put in between.
func readPrivate(path string) ([]byte, error) {
	// Without O_NONBLOCK a named pipe in place of the file would hang us.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w: not a regular file", path, ErrFormat)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s: %w: longer than %d bytes", path, ErrFormat, maxFile)
	}
	if text := string(data); !strings.HasPrefix(text, fileTag) && !strings.HasPrefix(text, skeyTag) {
		return nil, fmt.Errorf("%s: %w: it holds no private key; a public key (log.pub) is for those who verify", path, ErrFormat)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%s: %w (mode %04o): if nobody else has read it, run: chmod 600 %s; otherwise have the key revoked",
			path, ErrReadable, mode, path)
	}
	return data, nil
}

// WriteNew makes a file that is its owner's alone and did not exist.
//
// If we stop before Link, path does not exist and a file .key-* (mode 0600,
// never used by anyone) may stay beside it. If we stop after, path is whole:
// its bytes were synced first. Link, unlike rename, fails when path exists.
func WriteNew(path string, data []byte) (err error) {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s: %w: a key is never written over", path, fs.ErrExist)
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".key-*") // O_EXCL, mode 0600
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, os.Remove(f.Name()), syncDir(dir))
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(0o600) // whatever the umask left of it
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), path)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
