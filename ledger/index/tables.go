package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/table"
)

// checkTables verifies every table that is in use. Badger does so too, but in
// a goroutine of its own, where a flipped length is a panic that nobody can
// recover, and log.Fatal where a footer points out of the file.
//
// After each table pace is told its size; where it answers false, the check ends.
func checkTables(dir string, pace func(size int64) bool) error {
	names, err := tablesOf(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		size, err := checkTable(filepath.Join(dir, name))
		// Compacted away since the list was made; if it is missing for
		// another reason, badger.Open says so.
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if pace != nil && !pace(size) {
			return nil
		}
	}
	return nil
}

// tablesOf returns the names of the tables that MANIFEST lists. What else is
// in the directory was being made when a crash came, and Badger removes it.
func tablesOf(dir string) ([]string, error) {
	f, err := os.Open(filepath.Join(dir, badger.ManifestFilename))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	manifest, _, err := badger.ReplayManifestFile(f, 0, profile(dir, Options{}))
	if err != nil {
		return nil, damaged("MANIFEST: %w", err)
	}
	var names []string
	for id := range manifest.Tables {
		names = append(names, table.IDToFilename(id))
	}
	slices.Sort(names)
	return names, nil
}

// removeUnborn removes logs of no length: what a crash left of one that was
// being made, over which Badger would not open.
func removeUnborn(dir string) error {
	for _, pattern := range []string{"*.mem", "*.vlog"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		for _, path := range paths {
			info, err := os.Stat(path)
			if err == nil && info.Size() == 0 {
				err = os.Remove(path)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func checkTable(path string) (size int64, err error) {
	data, err := mapFile(path)
	if err != nil {
		return 0, err
	}
	defer func() {
		if p := recover(); p != nil {
			err = damaged("table %s: %.200v", filepath.Base(path), p)
		}
		err = errors.Join(err, syscall.Munmap(data))
	}()
	size = int64(len(data))
	if err := checkFooter(data); err != nil {
		return size, damaged("table %s: %w", filepath.Base(path), err)
	}
	opts := table.Options{ChkMode: options.OnTableRead, Compression: options.None, BlockSize: blockSize}
	t, err := table.OpenInMemoryTable(data, 1, &opts)
	if err != nil {
		return size, damaged("table %s: %w", filepath.Base(path), err)
	}
	if err := t.VerifyChecksum(); err != nil {
		return size, damaged("table %s: %w", filepath.Base(path), err)
	}
	return size, nil
}

func mapFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() == 0 {
		return nil, damaged("table %s is empty", filepath.Base(path))
	}
	data, err := syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", path, err)
	}
	return data, nil
}

// blockSize is the size of a table's blocks before compression.
const blockSize = 4 << 10

// checkFooter says whether the lengths at the end of a table stay inside it.
// A table ends: index, its length, checksum, its length; lengths are 4 bytes
// big endian.
func checkFooter(data []byte) error {
	for _, what := range []string{"checksum", "index"} {
		if len(data) < 4 {
			return errors.New("cut short")
		}
		n := int64(binary.BigEndian.Uint32(data[len(data)-4:]))
		data = data[:len(data)-4]
		if n == 0 || n > int64(len(data)) {
			return fmt.Errorf("length of its %s is %d", what, n)
		}
		data = data[:len(data)-int(n)]
	}
	return nil
}
