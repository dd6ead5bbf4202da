package main

import (
	"errors"
	"os"
	"syscall"
)

// eachExtent calls f for every part of a file that is not a hole: space that
// the book reserves and Badger maps is megabytes of nothing.
func eachExtent(file *os.File, size int64, f func(from, to int64) error) error {
	const seekData, seekHole = 3, 4
	for at := int64(0); at < size; {
		from, err := file.Seek(at, seekData)
		if errors.Is(err, syscall.ENXIO) {
			return nil // only holes are left
		}
		if err != nil {
			return err
		}
		to, err := file.Seek(from, seekHole)
		if err != nil {
			return err
		}
		if at = min(to, size); from >= size {
			return nil
		}
		if err := f(from, at); err != nil {
			return err
		}
	}
	return nil
}
