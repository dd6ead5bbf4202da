package backup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"civicledger/ledger/book"
	"civicledger/ledger/frame"
)

var errCut = errors.New("cut off by the test")

// cutAt lets a process end at its nth change of a file: from then on nothing is
// changed any more.
type cutAt struct {
	n      int
	flavor string
	seen   int
	torn   bool // a write happened in part
}

// flavors of the last change: it does not happen, or a write happens in part.
// That it happens and nothing after it is the next one not happening.
var flavors = []string{"before", "torn"}

func (c *cutAt) around(change book.Change, path string, do func() error) error {
	c.seen++
	switch {
	case c.seen <= c.n:
		return do()
	case c.seen > c.n+1 || c.flavor == "before":
		return errCut
	}
	before := sizeOfFile(path)
	if err := do(); err != nil {
		return err
	}
	if grown := sizeOfFile(path) - before; c.flavor == "torn" && change == book.ChangeWrite && grown > 0 {
		c.torn = true
		if err := os.Truncate(path, before+grown*2/3); err != nil {
			return err
		}
	}
	return errCut
}

func sizeOfFile(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// eachCut runs an act once for each change it makes and each flavor, cut off
// there, until it is not cut off any more.
func eachCut(t *testing.T, act func(around book.Around) error, check func(t *testing.T)) {
	t.Helper()
	for _, flavor := range flavors {
		for n := 0; ; n++ {
			c := &cutAt{n: n, flavor: flavor}
			err := act(c.around)
			if c.seen <= n {
				if err != nil {
					t.Fatalf("not cut off, and: %v", err)
				}
				if n < 5 {
					t.Fatalf("only %d changes", n)
				}
				break
			}
			if !errors.Is(err, errCut) {
				t.Fatalf("cut off %s change %d: %v, want the cut reported", flavor, n, err)
			}
			if flavor == "torn" && !c.torn {
				continue
			}
			check(t)
			if t.Failed() {
				t.Fatalf("cut off %s change %d", flavor, n)
			}
		}
	}
}

// Cut off anywhere, a copy is sound up to its own checkpoint, which is the old
// one or the new one, and the next Copy completes it.
func TestCopy_CutOffAnywhere(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]int{"first copy": -1, "in the last segment": 3, "in several segments": 15} {
		r := newRig(t)
		base := ""
		if before >= 0 {
			r.grow(before)
			base = filepath.Join(t.TempDir(), "base")
			r.mustCopy(base)
		}
		old := r.head.Size
		r.grow(25)
		r.close()
		want := contents(t, r.dir)
		to := ""
		eachCut(t, func(around book.Around) error {
			to = filepath.Join(t.TempDir(), "copy")
			if base != "" {
				to = clone(t, base)
			}
			_, err := Copy(context.Background(), r.dir, to, r.log.VerifierKey(), Options{Around: around})
			return err
		}, func(t *testing.T) {
			cp, _, err := readCheckpoint(to, r.log.Verifier())
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			if cp == nil && base != "" {
				t.Error("the checkpoint is gone")
			}
			if cp != nil {
				if size := r.mustBeSound(to); size != old && size != r.head.Size {
					t.Errorf("the copy signs %d, want %d or %d", size, old, r.head.Size)
				}
			}
			r.mustCopy(to)
			r.mustBeSound(to)
			sameSegments(t, to, want)
		})
		if t.Failed() {
			t.Fatal(name)
		}
	}
}

// Cut off anywhere, Restore leaves no directory or a whole one.
func TestRestore_CutOffAnywhere(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.grow(40)
	r.close()
	data := ""
	act := func(around book.Around) error {
		_, err := Restore(context.Background(), Restoring{From: r.dir, Data: data, Key: r.log.VerifierKey(), Known: r.known()}, Options{Around: around})
		return err
	}
	eachCut(t, func(around book.Around) error {
		data = filepath.Join(t.TempDir(), "new")
		return act(around)
	}, func(t *testing.T) {
		if _, err := os.Stat(data); err == nil {
			r.mustBeSound(data)
			return
		}
		if err := act(nil); err != nil {
			t.Fatal(err)
		}
		r.mustBeSound(data)
		sameSegments(t, data, contents(t, r.dir))
	})
}

// Cut off anywhere, Repair can be run again, and loses nothing of what was
// there.
func TestRepair_CutOffAnywhere(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.grow(70)
	to := filepath.Join(t.TempDir(), "copy")
	r.mustCopy(to)
	r.close()
	pristine := contents(t, r.dir)
	dir, damaged := "", map[string]string{}
	act := func(around book.Around) error {
		_, err := Repair(context.Background(), Repairing{
			Data: dir, Key: r.log.VerifierKey(), From: []*Source{mustOpenSource(t, to)}, Now: time.UnixMilli(testStart),
		}, Options{Around: around})
		return err
	}
	eachCut(t, func(around book.Around) error {
		dir = spoil(t, r.dir, damage{do: func(b *spoiled) {
			b.flipFrame(1, 3, 300)
			b.flip(2, 20)
			for _, name := range frame.SlotNames {
				os.WriteFile(bookPath(b.dir, name), []byte("spoiled"), 0o644)
			}
		}})
		damaged = contents(t, dir)
		return act(around)
	}, func(t *testing.T) {
		if !isKept(damaged, contents(t, dir), pristine) {
			t.Error("what was damaged is lost")
		}
		if err := act(nil); err != nil {
			t.Fatal(err)
		}
		r.mustBeSound(dir)
		sameSegments(t, dir, pristine)
		if !isKept(damaged, contents(t, dir), pristine) {
			t.Error("what was damaged is lost after the second repair")
		}
	})
}
