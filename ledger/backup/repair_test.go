package backup

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"civicledger/ledger/frame"
	"civicledger/ledger/verify/verdict"
)

func mustOpenSource(t testing.TB, where string) *Source {
	t.Helper()
	s, err := OpenSource(where)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (r *rig) repair(dir string, from ...string) (*Repaired, error) {
	r.Helper()
	w := Repairing{Data: dir, Key: r.log.VerifierKey(), Now: time.UnixMilli(testStart)}
	for _, f := range from {
		w.From = append(w.From, mustOpenSource(r, f))
	}
	return Repair(context.Background(), w, Options{})
}

// export writes the entry bundles and the checkpoint of a book as static files.
func export(t testing.TB, r *rig) string {
	t.Helper()
	to := t.TempDir()
	var bundle []byte
	var n, width uint64
	flush := func() {
		path := filepath.Join(to, "tile", "entries", fmt.Sprintf("%03d", n))
		if width < 256 {
			path = filepath.Join(path+".p", fmt.Sprint(width))
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, bundle, 0o644); err != nil {
			t.Fatal(err)
		}
		bundle, width, n = nil, 0, n+1
	}
	for c, err := range r.store.Commits(0) {
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range c.Entries {
			bundle = binary.BigEndian.AppendUint16(bundle, uint16(len(entry)))
			bundle = append(bundle, entry...)
			if width++; width == 256 {
				flush()
			}
		}
	}
	if width > 0 {
		flush()
	}
	note, err := r.store.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(to, "checkpoint"), note, 0o644); err != nil {
		t.Fatal(err)
	}
	return to
}

// damage is a way to spoil a book of several segments.
type damage struct {
	name string
	do   func(b *spoiled)
	// open says that commits cannot be told apart from the entries alone, so
	// that only a copy with the book's layout gives the same bytes.
	open bool
}

// spoiled is a book that is being damaged.
type spoiled struct {
	testing.TB
	dir      string
	pristine string
	segments []segment
}

func (b *spoiled) path(i int) string { return bookPath(b.dir, b.segments[i].name) }

func (b *spoiled) edit(i int, change func(data []byte) []byte) {
	b.Helper()
	data, err := os.ReadFile(b.path(i))
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(b.path(i), change(data), 0o644); err != nil {
		b.Fatal(err)
	}
}

func (b *spoiled) flip(i int, at int64) {
	b.Helper()
	b.edit(i, func(d []byte) []byte { d[at] ^= 0x10; return d })
}

// frames are the parts of a segment, as they were.
func (b *spoiled) frames(i int) (parts []frame.Part) {
	b.Helper()
	file, err := os.Open(bookPath(b.pristine, b.segments[i].name))
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	for part, err := range frame.Scan(file, frame.SegmentHeaderSize, b.segments[i].size) {
		if err != nil {
			b.Fatal(err)
		}
		f := *part.Frame
		part.Frame = &f
		parts = append(parts, part)
	}
	return parts
}

// flipFrame flips a byte of frame n, from its beginning.
func (b *spoiled) flipFrame(i, n int, at int64) {
	b.Helper()
	b.flip(i, b.frames(i)[n].Offset+at)
}

var damages = []damage{
	{"magic of a frame", func(b *spoiled) { b.flipFrame(1, 3, 0) }, false},
	{"size of a body", func(b *spoiled) { b.flipFrame(1, 3, 14) }, false},
	{"count of entries", func(b *spoiled) { b.flipFrame(1, 3, 19) }, false},
	{"hash in a frame's header", func(b *spoiled) { b.flipFrame(1, 3, 80) }, false},
	{"length of an entry", func(b *spoiled) { b.flipFrame(1, 3, 108) }, false},
	{"header line of an entry", func(b *spoiled) { b.flipFrame(1, 3, 130) }, false},
	{"event line", func(b *spoiled) { b.flipFrame(1, 3, 400) }, false},
	{"first frame of a segment", func(b *spoiled) { b.flipFrame(2, 0, 300) }, false},
	{"last frame of a segment", func(b *spoiled) { b.flipFrame(1, len(b.frames(1))-1, 300) }, false},
	{"frames on both sides of a border", func(b *spoiled) { b.flipFrame(1, len(b.frames(1))-1, 300); b.flipFrame(2, 0, 300) }, false},
	{"genesis", func(b *spoiled) { b.flipFrame(0, 0, 300) }, false},
	{"last entry before the checkpoint", func(b *spoiled) { n := len(b.segments) - 1; b.flipFrame(n, len(b.frames(n))-1, 200) }, false},
	{"two neighbours", func(b *spoiled) { b.flipFrame(1, 3, 5); b.flipFrame(1, 4, 5) }, false},
	{"many frames", func(b *spoiled) {
		for n := range b.frames(1) {
			if n%2 == 0 {
				b.flipFrame(1, n, 120)
			}
		}
	}, false},
	{"every frame of a segment", func(b *spoiled) {
		for _, p := range slices.Backward(b.frames(1)) {
			b.flip(1, p.Offset+50)
		}
	}, false},
	{"header of a segment", func(b *spoiled) { b.flip(1, 15) }, false},
	{"header of the first segment", func(b *spoiled) { b.flip(0, 30) }, false},
	{"header of a segment and its first frame", func(b *spoiled) { b.flip(2, 0); b.flipFrame(2, 0, 40) }, false},
	{"zeroed page", func(b *spoiled) { b.edit(1, func(d []byte) []byte { clear(d[2048:6144]); return d }) }, true},
	{"zeroed segment", func(b *spoiled) { b.edit(1, func(d []byte) []byte { clear(d); return d }) }, true},
	{"cut segment", func(b *spoiled) { b.edit(1, func(d []byte) []byte { return d[:len(d)-1500] }) }, true},
	{"empty segment", func(b *spoiled) { b.edit(1, func([]byte) []byte { return nil }) }, true},
	{"bytes put in", func(b *spoiled) {
		at := b.frames(1)[3].Offset + 200
		b.edit(1, func(d []byte) []byte { return slices.Insert(d, int(at), 'x', 'y') })
	}, true},
	{"bytes taken out", func(b *spoiled) {
		at := int(b.frames(1)[3].Offset + 200)
		b.edit(1, func(d []byte) []byte { return slices.Delete(d, at, at+40) })
	}, true},
	{"a frame taken out", func(b *spoiled) {
		p := b.frames(1)[3]
		b.edit(1, func(d []byte) []byte { return slices.Delete(d, int(p.Offset), int(p.Offset+p.Length)) })
	}, true},
	{"a frame twice", func(b *spoiled) {
		p := b.frames(1)[3]
		b.edit(1, func(d []byte) []byte {
			return slices.Insert(d, int(p.Offset), slices.Clone(d[p.Offset:p.Offset+p.Length])...)
		})
	}, false},
	{"frames swapped", func(b *spoiled) {
		p, q := b.frames(1)[3], b.frames(1)[4]
		b.edit(1, func(d []byte) []byte {
			return slices.Concat(d[:p.Offset], d[q.Offset:q.Offset+q.Length], d[p.Offset:p.Offset+p.Length], d[q.Offset+q.Length:])
		})
	}, true},
	{"segment missing", func(b *spoiled) { os.Remove(b.path(1)) }, true},
	{"first segment missing", func(b *spoiled) { os.Remove(b.path(0)) }, true},
	{"last segment missing", func(b *spoiled) { os.Remove(b.path(len(b.segments) - 1)) }, true},
	{"two segments missing", func(b *spoiled) { os.Remove(b.path(1)); os.Remove(b.path(2)) }, true},
	{"last segment cut below the checkpoint", func(b *spoiled) {
		b.edit(len(b.segments)-1, func(d []byte) []byte { return d[:len(d)-700] })
	}, true},
	{"last segment cut at a frame's border", func(b *spoiled) {
		n := len(b.segments) - 1
		f := b.frames(n)
		b.edit(n, func(d []byte) []byte { return d[:f[len(f)-2].Offset] })
	}, true},
	{"all segments gone but the first", func(b *spoiled) {
		for i := range b.segments[1:] {
			os.Remove(b.path(i + 1))
		}
	}, true},
	{"checksums forged", func(b *spoiled) { forge(b, b.dir, 40) }, false},
	{"checkpoints", func(b *spoiled) {
		for _, name := range frame.SlotNames {
			if err := os.WriteFile(bookPath(b.dir, name), []byte("nothing"), 0o644); err != nil {
				b.Fatal(err)
			}
		}
	}, false},
}

func spoil(t testing.TB, dir string, d damage) string {
	t.Helper()
	b := &spoiled{TB: t, dir: clone(t, dir), pristine: dir}
	var err error
	if b.segments, err = readSegments(b.dir); err != nil || len(b.segments) < 4 {
		t.Fatalf("%d segments: %v", len(b.segments), err)
	}
	d.do(b)
	return b.dir
}

// Whatever was damaged is put back byte for byte, and what was there is kept.
func TestRepair_FromACopy(t *testing.T) {
	r := newRig(t)
	r.grow(45)
	to := filepath.Join(t.TempDir(), "copy")
	r.mustCopy(to)
	exported := export(t, r)
	r.close()
	pristine := contents(t, r.dir)
	for _, d := range damages {
		for _, from := range []string{to, exported} {
			dir := spoil(t, r.dir, d)
			damaged := contents(t, dir)
			done, err := r.repair(dir, from)
			if err != nil {
				t.Errorf("%s: %v", d.name, err)
				continue
			}
			r.mustBeSound(dir)
			if from == to || !d.open {
				sameSegments(t, dir, pristine)
			}
			after := contents(t, dir)
			if len(done.Changes) == 0 || !isKept(damaged, after, pristine) {
				t.Errorf("%s: changes %v, kept %v", d.name, done.Changes, done.Kept)
			}
			if _, err := os.Stat(filepath.Join(dir, shadowName)); err == nil {
				t.Errorf("%s: %s is left", d.name, shadowName)
			}
			if t.Failed() {
				t.Fatalf("%s, from %s", d.name, filepath.Base(from))
			}
		}
	}
}

// isKept says whether every damaged file's bytes are still there.
func isKept(damaged, after, pristine map[string]string) bool {
	for name, data := range damaged {
		if data == after[name] || data == pristine[name] {
			continue
		}
		found := false
		for other, bytes := range after {
			found = found || (strings.HasPrefix(other, "damaged-") && bytes == data)
		}
		if !found {
			return false
		}
	}
	return true
}

func TestRepair_DryRunChangesNothing(t *testing.T) {
	r := newRig(t)
	r.grow(45)
	to := filepath.Join(t.TempDir(), "copy")
	r.mustCopy(to)
	r.close()
	dir := spoil(t, r.dir, damages[6])
	before := contents(t, dir)
	done, err := Repair(context.Background(), Repairing{Data: dir, Key: r.log.VerifierKey(), From: []*Source{mustOpenSource(t, to)}, DryRun: true}, Options{})
	if err != nil || len(done.Changes) != 1 || done.Changes[0].What != "entry" || done.Changes[0].Bytes != 1 || done.Report.Verdict != verdict.Sound {
		t.Fatalf("would do %+v, %v; want one entry", done, err)
	}
	if after := contents(t, dir); len(after) != len(before) || len(done.Kept) != 0 {
		t.Errorf("files %d, before %d", len(after), len(before))
	}
	for name, data := range contents(t, dir) {
		if data != before[name] {
			t.Errorf("%s changed", name)
		}
	}
}

// Nothing that has not the stated hash is put in, wherever it comes from; and
// nothing at all is changed then.
func TestRepair_RefusesWrongBytes(t *testing.T) {
	r := newRig(t)
	r.grow(5)
	fork := clone(t, r.dir)
	r.grow(70)
	to := filepath.Join(t.TempDir(), "copy")
	r.mustCopy(to)
	r.close()

	tampered := clone(t, to)
	dir := spoil(t, r.dir, damage{do: func(b *spoiled) { b.flipFrame(3, 2, 400) }})
	index := damagedEntry(t, r, dir, to)
	forge(t, tampered, index)

	own := r.dir
	r.dir = fork
	r.rewindTo(fork)
	r.said += 1000
	r.grow(60)
	r.close()
	r.dir = own
	if index < 30 {
		t.Fatalf("entry %d is damaged, before the fork", index)
	}
	for name, from := range map[string]string{"tampered": tampered, "forked": fork} {
		before := contents(t, dir)
		done, err := r.repair(dir, from)
		mustRefuse(t, err, fmt.Sprint("first is ", index), "other bytes")
		if len(done.Refused) == 0 || done.Refused[0].Index != index {
			t.Errorf("%s: refused %v, want entry %d", name, done.Refused, index)
		}
		for file, data := range contents(t, dir) {
			if before[file] != data {
				t.Errorf("%s: %s changed", name, file)
			}
		}
	}
	// A further source that has it makes up for one that has not.
	if _, err := r.repair(dir, tampered, fork, to); err != nil {
		t.Error(err)
	}
	sameSegments(t, dir, contents(t, own))
}

func damagedEntry(t testing.TB, r *rig, dir, copied string) uint64 {
	t.Helper()
	done, err := Repair(context.Background(), Repairing{Data: dir, Key: r.log.VerifierKey(), From: []*Source{mustOpenSource(t, copied)}, DryRun: true}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return done.Changes[0].First
}

func TestRepair_RefusesAnotherLedger(t *testing.T) {
	r, other := newRig(t), newRig(t)
	r.grow(70)
	other.grow(70)
	r.close()
	other.close()
	dir := spoil(t, r.dir, damages[6])
	_, err := r.repair(dir, other.dir)
	mustRefuse(t, err, "another ledger")
}

// A copy older than the damage cannot help, and says so.
func TestRepair_FromAnOldCopy(t *testing.T) {
	r := newRig(t)
	to := filepath.Join(t.TempDir(), "copy")
	r.mustCopy(to)
	r.grow(70)
	r.close()
	dir := spoil(t, r.dir, damages[6])
	_, err := r.repair(dir, to)
	mustRefuse(t, err, "does not have it")
}

// Somebody wrote the end of the book anew, with hashes that fit each other, but
// could not sign it.
func TestRepair_ReplacesAnotherHistory(t *testing.T) {
	r := newRig(t)
	r.grow(30)
	dir := clone(t, r.dir)
	r.grow(40)
	to := filepath.Join(t.TempDir(), "copy")
	r.mustCopy(to)
	r.close()
	own := r.dir
	r.dir = dir
	r.rewindTo(dir)
	r.said += 1000
	r.grow(60)
	r.close()
	r.dir = own
	for _, name := range frame.SlotNames { // the checkpoint that the ledger signed
		data, err := os.ReadFile(bookPath(own, name))
		if err == nil {
			err = os.WriteFile(bookPath(dir, name), data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.repair(dir, to); err != nil {
		t.Fatal(err)
	}
	r.mustBeSound(dir)
	sameSegments(t, dir, contents(t, own))
}
