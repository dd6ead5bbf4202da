package main

import (
	"errors"
	"os"
	"path/filepath"

	"civicledger/cmd/internal/datadir"
	"civicledger/ledger/frame"
)

// What is done to a directory at rest, without judging it.

func (r *run) spoil(path string, kinds ...string) error {
	d := &damage{kind: kinds[r.rng.IntN(len(kinds))], path: path}
	for range 10 {
		changed, err := d.do(r.rng)
		if changed || err != nil {
			r.did(d.kind, d.String())
			return err
		}
	}
	return nil
}

func (r *run) spoilIndex(dir string) error {
	paths, err := filepath.Glob(filepath.Join(datadir.Dir(dir).Index(), "*"))
	if err != nil || len(paths) == 0 {
		return err
	}
	return r.spoil(paths[r.rng.IntN(len(paths))], flipped, zeroed, zeroedTail, cut, noise)
}

func (r *run) putBackIndex(dir string) error {
	index := datadir.Dir(dir).Index()
	return errors.Join(os.RemoveAll(index), copyDir(datadir.Dir(r.stale[1].dir).Index(), index))
}

func (r *run) spoilSlots(dir string, names ...string) error {
	for _, name := range names {
		if _, err := os.Stat(bookPath(dir, name)); err != nil {
			continue // gone already
		}
		if err := r.spoil(bookPath(dir, name), flipped, cut, emptied, removed, zeroed, noise); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) putBackSlots(dir string, names ...string) error {
	for _, name := range names {
		if err := copyFile(bookPath(r.stale[1].dir, name), bookPath(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// segmentsOf lists the segments that are there.
func segmentsOf(dir string) ([]string, error) { return filepath.Glob(bookPath(dir, "*.seg")) }

func (r *run) spoilBook(dir string) error {
	segments, err := segmentsOf(dir)
	if err != nil || len(segments) == 0 {
		return err
	}
	return r.spoil(segments[r.rng.IntN(len(segments))], flipped, zeroed, noise)
}

// lastFrame is where the last whole frame of the book begins.
func lastFrame(dir string) (path string, from, to int64, err error) {
	segments, err := segmentsOf(dir)
	for i := len(segments) - 1; i >= 0 && err == nil; i-- {
		file, openErr := os.Open(segments[i])
		if openErr != nil {
			return "", 0, 0, openErr
		}
		info, statErr := file.Stat()
		err = statErr
		for part, scanErr := range frame.Scan(file, frame.SegmentHeaderSize, info.Size()) {
			if err = errors.Join(err, scanErr); part.Frame != nil {
				path, from, to = segments[i], part.Offset, part.Offset+part.Length
			}
		}
		if err = errors.Join(err, file.Close()); path != "" {
			break
		}
	}
	return path, from, to, err
}

func (r *run) spoilEnd(dir string) error {
	path, from, to, err := lastFrame(dir)
	if err != nil || path == "" {
		return err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	data[from+r.rng.Int64N(to-from)] ^= 1 << r.rng.IntN(8)
	return anew(path, data)
}

// anew writes a file that may be a link to the one it was copied from.
func anew(path string, data []byte) error {
	return errors.Join(os.Remove(path), os.WriteFile(path, data, 0o644))
}

func shorten(path string, size int64) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return anew(path, data[:size])
}

// cutBook leaves a part of the last segment, or of its last frame.
func (r *run) cutBook(dir string) error {
	path, from, to, err := lastFrame(dir)
	if err != nil || path == "" {
		return err
	}
	if r.rng.IntN(2) == 0 {
		from = frame.SegmentHeaderSize
	}
	return shorten(path, from+r.rng.Int64N(to-from))
}

// cutFrame takes the last frame away at its border.
func (r *run) cutFrame(dir string) error {
	path, from, _, err := lastFrame(dir)
	if err != nil || path == "" {
		return err
	}
	return shorten(path, from)
}

func (r *run) dropSegment(dir string) error {
	segments, err := segmentsOf(dir)
	if err != nil || len(segments) < 2 {
		return err
	}
	return os.Remove(segments[r.rng.IntN(len(segments))])
}

func (r *run) growEnd(dir string) error {
	segments, err := segmentsOf(dir)
	if err != nil || len(segments) == 0 {
		return err
	}
	return r.spoil(segments[len(segments)-1], grown)
}

func (r *run) spoilKey(dir string) error {
	d := datadir.Dir(dir)
	return r.spoil([]string{d.LogKey(), d.OperatorKey()}[r.rng.IntN(2)], flipped, cut, noise)
}
