package backup

import (
	"os"
	"path/filepath"
	"testing"

	"civicledger/ledger/book"
	"civicledger/ledger/frame"
)

func TestCopy_IsByteForByteAndIncremental(t *testing.T) {
	r := newRig(t)
	to := filepath.Join(t.TempDir(), "copy")
	var total uint64
	for _, commits := range []int{0, 1, 60, 3, 0, 120} {
		if commits > 0 {
			r.grow(commits)
		}
		before := total
		done := r.mustCopy(to)
		total = r.head.Size
		if done.Size != total || done.Entries != total-before || done.Unproven != 0 {
			t.Errorf("copied %+v, want %d entries up to %d", done, total-before, total)
		}
		if size := r.mustBeSound(to); size != total {
			t.Errorf("the copy signs %d, want %d", size, total)
		}
	}
	r.close()
	want := contents(t, r.dir)
	if len(segmentNames(want)) < 4 {
		t.Fatalf("only %d segments", len(segmentNames(want)))
	}
	sameSegments(t, to, want)
	if _, err := os.Stat(filepath.Join(to, "keys")); err == nil {
		t.Error("the copy holds keys")
	}
}

// What the ledger did not sign yet is not copied.
func TestCopy_EndsAtTheCheckpoint(t *testing.T) {
	r := newRig(t)
	r.grow(30)
	signed := r.head.Size
	r.commit(1, r.events(2))
	to := filepath.Join(t.TempDir(), "copy")
	if done := r.mustCopy(to); done.Size != signed {
		t.Errorf("copied up to %d, want %d", done.Size, signed)
	}
	r.mustBeSound(to)
}

func TestCopy_StopsAtDamage(t *testing.T) {
	for name, damage := range map[string]func(data []byte) []byte{
		"flip in an entry":       func(d []byte) []byte { d[len(d)/2] ^= 1; return d },
		"flip in the header":     func(d []byte) []byte { d[30] ^= 1; return d },
		"cut":                    func(d []byte) []byte { return d[:len(d)-200] },
		"zeroed page":            func(d []byte) []byte { clear(d[4096:6000]); return d },
		"nothing but its header": func(d []byte) []byte { return d[:frame.SegmentHeaderSize] },
	} {
		r := newRig(t)
		to := filepath.Join(t.TempDir(), "copy")
		r.grow(5)
		r.mustCopy(to)
		signed := r.mustBeSound(to)
		r.grow(80)
		r.close()
		segments, err := readSegments(r.dir)
		if err != nil {
			t.Fatal(err)
		}
		bad := segments[len(segments)-2]
		path := bookPath(r.dir, bad.name)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		pristine := clone(t, r.dir)
		if err := os.WriteFile(path, damage(data), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err = r.copyTo(to)
		refused := mustRefuse(t, err, "damaged")
		if len(refused.Damages) != 1 || refused.Damages[0].File != inBook(bad.name) || refused.Damages[0].First < bad.first {
			t.Errorf("%s: damages %+v, want one in %s", name, refused.Damages, bad.name)
		}
		if size := r.mustBeSound(to); size != signed {
			t.Errorf("%s: the copy signs %d, want %d as before", name, size, signed)
		}
		// When the ledger is whole again, the copy goes on.
		r.dir = pristine
		r.mustCopy(to)
		r.mustBeSound(to)
		sameSegments(t, to, contents(t, pristine))
	}
}

// Bytes that were changed together with their checksums are noticed by their
// hashes, and not copied.
func TestCopy_NoticesForgedChecksums(t *testing.T) {
	r := newRig(t)
	r.grow(20)
	r.close()
	forge(t, r.dir, 10)
	to := filepath.Join(t.TempDir(), "copy")
	_, err := r.copyTo(to)
	refused := mustRefuse(t, err, "hash")
	if d := refused.Damages[0]; d.First != 10 || d.Last != 10 {
		t.Errorf("damage %+v, want entry 10", d)
	}
}

// forge changes one byte of an entry and makes the frame's checksums right.
func forge(t testing.TB, dir string, index uint64) {
	t.Helper()
	segments, err := readSegments(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range segments {
		path := bookPath(dir, s.name)
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		for part, err := range frame.Scan(file, frame.SegmentHeaderSize, s.size) {
			if err != nil {
				t.Fatal(err)
			}
			f := part.Frame
			if f == nil || index < f.Prev.Size || index >= f.Head.Size {
				continue
			}
			entry := f.Entries[index-f.Prev.Size]
			entry[len(entry)-5] ^= 1
			data, err := f.Append(nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := file.WriteAt(data, part.Offset); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("no entry %d", index)
}

func TestCopy_RefusesARewind(t *testing.T) {
	for _, more := range []int{1, 100} { // in the same segment, and in others
		r := newRig(t)
		r.grow(20)
		yesterday := clone(t, r.dir)
		to := filepath.Join(t.TempDir(), "copy")
		r.grow(more)
		r.mustCopy(to)
		before := contents(t, to)
		r.close()
		r.dir = yesterday
		_, err := r.copyTo(to)
		refused := mustRefuse(t, err, "put back")
		if refused.Before == "" || refused.Now == "" || refused.Before == refused.Now {
			t.Errorf("heads %q and %q, want two", refused.Before, refused.Now)
		}
		sameSegments(t, to, before)
		r.mustBeSound(to)
	}
}

func TestCopy_RefusesAFork(t *testing.T) {
	for name, more := range map[string][2]int{
		"as long": {4, 4}, "longer": {4, 60}, "in another segment": {60, 200}, "shorter": {60, 4},
	} {
		r := newRig(t)
		r.grow(20)
		other := clone(t, r.dir)
		to := filepath.Join(t.TempDir(), "copy")
		r.grow(more[0])
		r.mustCopy(to)
		before := contents(t, to)
		r.close()

		// The same keys, the same beginning, and then another history.
		r.dir = other
		r.rewindTo(other)
		r.said += 1000
		r.grow(more[1])
		_, err := r.copyTo(to)
		refused := mustRefuse(t, err)
		if refused.Before == "" || refused.Now == "" {
			t.Errorf("%s: %q has no two heads", name, refused.Reason)
		}
		sameSegments(t, to, before)
		r.mustBeSound(to)
	}
}

// rewindTo makes the rig go on with an older state of its directory.
func (r *rig) rewindTo(dir string) {
	r.Helper()
	r.open()
	r.head, r.tree = r.store.Head(), nil
	var leaves []hash
	for c, err := range r.store.Commits(0) {
		if err != nil {
			r.Fatal(err)
		}
		for _, entry := range c.Entries {
			leaves = append(leaves, hashes.Leaf(entry))
		}
	}
	r.tree = newTree(leaves)
}

func TestCopy_RefusesAnotherLedger(t *testing.T) {
	a, b := newRig(t), newRig(t)
	to := filepath.Join(t.TempDir(), "copy")
	a.grow(3)
	b.grow(9)
	a.mustCopy(to)
	_, err := b.copyTo(to)
	mustRefuse(t, err, "another ledger")
	if err := os.Remove(filepath.Join(to, keyFile)); err != nil {
		t.Fatal(err)
	}
	_, err = b.copyTo(to)
	mustRefuse(t, err, "another ledger")
	a.mustBeSound(to)
}

func TestCopy_RefusesADamagedCopy(t *testing.T) {
	r := newRig(t)
	r.grow(60)
	to := filepath.Join(t.TempDir(), "copy")
	r.mustCopy(to)
	segments, err := readSegments(to)
	if err != nil {
		t.Fatal(err)
	}
	path := bookPath(to, segments[len(segments)-1].name)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-10] ^= 1
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	r.grow(5)
	_, err = r.copyTo(to)
	mustRefuse(t, err, "copy", "repair")
}

// While another process copies into the same place, or serves it, nothing is done.
func TestCopy_TakesTheLock(t *testing.T) {
	r := newRig(t)
	to := filepath.Join(t.TempDir(), "copy")
	r.mustCopy(to)
	lock, err := book.Lock(to)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if _, err := r.copyTo(to); err == nil {
		t.Error("two at once")
	}
}
