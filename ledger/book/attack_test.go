package book

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/ledger/frame"
	"civicledger/ledger/ledgertest"
)

// stride is 1, so that every byte has its turn; with -short every 13th has.
func stride() int64 {
	if testing.Short() {
		return 13
	}
	return 1
}

func TestOpen_FlippedByteInEachFrame(t *testing.T) {
	for n := range 5 {
		for region, at := range map[string]int64{"magic": 0, "header": 60, "body": frame.HeaderSize + 9} {
			t.Run(fmt.Sprintf("Frame%d/%s", n, region), func(t *testing.T) {
				f := newBook(t, Options{}, 5, 6)
				f.change(first, func(data []byte) []byte {
					data[f.offsets[n]+at] ^= 0x10
					return data
				})
				if n < 4 {
					f.checkDamaged(uint64(2*n), uint64(2*n+1))
					return
				}
				report := f.checkSound(4)
				if report.Torn == nil || report.Torn.First != 8 || report.Above != 2 {
					t.Errorf("report %+v", report)
				}
			})
		}
	}
}

// TestOpen_FlippedByteAnywhereBelowTheCheckpoint flips every byte there is.
func TestOpen_FlippedByteAnywhereBelowTheCheckpoint(t *testing.T) {
	f := newBook(t, Options{}, 3, 6)
	data := f.read(first)
	for i := 0; i < len(data); i += int(stride()) {
		data[i] ^= 1
		f.put(first, data)
		data[i] ^= 1
		b, err := Open(f.dir, f.options)
		if err == nil {
			b.Close()
			t.Fatalf("byte %d flipped: the book opens", i)
		}
		if !errors.Is(err, ledger.ErrDamaged) {
			t.Fatalf("byte %d flipped: %v", i, err)
		}
		f.checkReadOnly()
	}
	f.put(first, data)
	f.checkSound(3)
}

func TestOpen_CutAtEveryByteOfTheLastFrame(t *testing.T) {
	f := newBook(t, Options{}, 3, 4)
	data := f.read(first)
	for cut := f.offsets[2]; cut < int64(len(data)); cut += stride() {
		f.put(first, data[:cut])
		report := f.checkSound(2)
		if cut == f.offsets[2] {
			if report.Torn != nil {
				t.Fatalf("cut between frames: %+v", report.Torn)
			}
			continue
		}
		torn := report.Torn
		if torn == nil || torn.First != 4 || torn.Offset != f.offsets[2] || torn.Size != cut-torn.Offset {
			t.Fatalf("cut at %d: torn tail %+v", cut, torn)
		}
		aside, err := os.ReadFile(filepath.Join(f.dir, torn.MovedTo))
		if err != nil || !bytes.Equal(aside, data[torn.Offset:cut]) {
			t.Fatalf("cut at %d: %d bytes moved aside, %v", cut, len(aside), err)
		}
		if err := os.Remove(filepath.Join(f.dir, torn.MovedTo)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpen_CutBelowTheCheckpoint(t *testing.T) {
	f := newBook(t, Options{}, 3, 6)
	data := f.read(first)
	for cut := f.offsets[2]; cut < int64(len(data)); cut += stride() {
		f.put(first, data[:cut])
		f.checkDamaged(4, 5)
	}
}

// TestOpen_ZeroedTail: a crash may leave reserved space, and blocks of the
// last frame that never reached the disk.
func TestOpen_ZeroedTail(t *testing.T) {
	f := newBook(t, Options{}, 3, 4)
	data := f.read(first)
	zeros := make([]byte, 9000)
	f.put(first, append(bytes.Clone(data), zeros...))
	if report := f.checkSound(3); report.Torn != nil {
		t.Errorf("reserved space is torn: %+v", report.Torn)
	}
	half := bytes.Clone(data)
	clear(half[f.offsets[2]+150:])
	f.put(first, append(half, zeros...))
	if report := f.checkSound(2); report.Torn == nil || report.Torn.First != 4 {
		t.Errorf("a half-written frame: %+v", report.Torn)
	}
}

func TestOpen_RearrangedFrames(t *testing.T) {
	other := newBookOf(t, Options{}, 5, 6, 61)
	for name, c := range map[string]struct {
		first, last uint64
		places      int
		order       []int // of the frames; -1: zeros of the size of frame 1; -2: frame 2 of another ledger
	}{
		"swapped below the checkpoint": {0, 1, 2, []int{1, 0, 2, 3, 4}},
		"swapped above the checkpoint": {6, 7, 2, []int{0, 1, 2, 4, 3}},
		"doubled in the middle":        {2, 3, 1, []int{0, 1, 1, 2, 3, 4}},
		"doubled at the end":           {8, 9, 1, []int{0, 1, 2, 3, 4, 4}},
		"first frame at the end":       {0, 1, 1, []int{0, 1, 2, 3, 4, 0}},
		"missing":                      {2, 3, 1, []int{0, 2, 3, 4}},
		"missing above the checkpoint": {6, 7, 1, []int{0, 1, 2, 4}},
		"missing at the beginning":     {0, 1, 1, []int{1, 2, 3, 4}},
		"zeroed":                       {2, 3, 1, []int{0, -1, 2, 3, 4}},
		"of another ledger":            {4, 5, 0, []int{0, 1, -2, 3, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newBook(t, Options{}, 5, 6)
			f.change(first, func(data []byte) []byte {
				out := bytes.Clone(data[:frame.SegmentHeaderSize])
				for _, n := range c.order {
					switch n {
					case -1:
						out = append(out, make([]byte, len(f.frameOf(data, 1)))...)
					case -2:
						out = append(out, other.frameOf(other.read(first), 2)...)
					default:
						out = append(out, f.frameOf(data, n)...)
					}
				}
				return out
			})
			if name != "of another ledger" {
				f.checkDamaged(c.first, c.last)
				survey, err := TakeSurvey(f.dir)
				if err != nil || len(survey.Damages) != c.places {
					t.Errorf("a survey finds %v, %v; want %d places", survey.Damages, err, c.places)
				}
				return
			}
			// A frame with another history is whole, so a read-only book
			// serves what stands there; the hash chain tells.
			var damage *DamageError
			if _, err := Open(f.dir, f.options); !errors.As(err, &damage) || damage.Found[0].First != 4 || damage.Found[0].Last != 5 {
				t.Fatalf("open: %v", err)
			}
		})
	}
}

// TestOpen_FrameInAnEvent: bytes of a whole frame inside an event line are not
// taken for one, because a frame's magic holds a CR and no entry may.
func TestOpen_FrameInAnEvent(t *testing.T) {
	f := newBook(t, Options{}, 3, 2)
	inner := f.frameOf(f.read(first), 0)
	if err := chain.CheckLine(append(append([]byte("{"), inner...), '}')); err == nil {
		t.Fatal("an event line may hold a frame")
	}
}

// slotFaults make a slot unusable.
var slotFaults = map[string]func(f *fixture, name string){
	"zeroed":  func(f *fixture, name string) { f.change(name, func(data []byte) []byte { clear(data); return data }) },
	"flipped": func(f *fixture, name string) { f.change(name, func(data []byte) []byte { data[30] ^= 1; return data }) },
	"cut":     func(f *fixture, name string) { f.change(name, func(data []byte) []byte { return data[:100] }) },
	"emptied": func(f *fixture, name string) { f.put(name, nil) },
	"removed": func(f *fixture, name string) {
		if err := os.Remove(f.path(name)); err != nil {
			f.Fatal(err)
		}
	},
}

// TestOpen_OneSlot: a crash may leave one slot unusable. Where the book reaches
// the other one and nothing else is wrong, both are written again.
func TestOpen_OneSlot(t *testing.T) {
	for name, spoil := range slotFaults {
		for i, slot := range frame.SlotNames {
			f := newBook(t, Options{}, 3, 4)
			spoil(f, slot)
			report := f.checkSound(3)
			if report.Checkpoint != 4 || report.Above != 2 || len(report.BadSlots) != 1 || !strings.Contains(report.BadSlots[0], slot) {
				t.Errorf("with slot %d %s: %+v", i, name, report)
			}
			for _, slot := range frame.SlotNames {
				if _, err := frame.ParseSlot(f.read(slot)); err != nil {
					t.Errorf("with slot %d %s, %s is not mended: %v", i, name, slot, err)
				}
			}
		}
	}
}

// TestOpen_TwoFaults: with one slot unusable nobody knows how many entries were
// signed, so that nothing that is wrong with the book's end is called torn; nor
// is it where the index, or a later frame, knows better. Nothing changes on the
// disk, and the error says what stands and what knows of more.
func TestOpen_TwoFaults(t *testing.T) {
	const known = "the index"
	endFaults := map[string]func(f *fixture, data []byte) []byte{
		"last frame changed": func(f *fixture, data []byte) []byte { data[f.offsets[3]+60] ^= 1; return data },
		"last frame cut":     func(f *fixture, data []byte) []byte { return data[:f.offsets[3]+50] },
		"two thirds":         func(f *fixture, data []byte) []byte { return data[:len(data)*2/3] },
		"last two changed":   func(f *fixture, data []byte) []byte { data[f.offsets[2]] ^= 1; data[len(data)-1] ^= 1; return data },
		"middle changed":     func(f *fixture, data []byte) []byte { data[f.offsets[1]+120] ^= 1; return data },
	}
	witnesses := map[string]func(f *fixture){
		known:           func(f *fixture) { f.options.Known = func(*Book) []Witness { return []Witness{{known, 8}} } },
		"a later frame": func(f *fixture) {},
	}
	for name, spoil := range slotFaults {
		witnesses[name] = func(f *fixture) { spoil(f, frame.SlotNames[1]) }
	}
	for end, damage := range endFaults {
		for witness, fault := range witnesses {
			if witness == "a later frame" && end != "last two changed" && end != "middle changed" {
				continue // an ordinary torn tail
			}
			t.Run(end+", "+witness, func(t *testing.T) {
				f := newBook(t, Options{}, 4, 2)
				f.change(first, func(data []byte) []byte { return damage(f, data) })
				fault(f)
				before := f.content()
				_, err := Open(f.dir, f.options)
				var d *DamageError
				if !errors.As(err, &d) {
					t.Fatalf("open: %v", err)
				}
				standing := map[string]uint64{"last frame changed": 6, "last frame cut": 6, "two thirds": 4, "last two changed": 4, "middle changed": 2}[end]
				if d.Standing != standing || len(d.Known) < 2 && witness != "a later frame" {
					t.Errorf("%d stand, want %d; known: %v", d.Standing, standing, d.Known)
				}
				if f.content() != before {
					t.Error("the files were changed")
				}
				checkAcceptedLoss(f, d)
			})
		}
	}
}

// checkAcceptedLoss accepts the loss and checks that what stood stands, that
// what was cut off is kept, and that the book goes on.
func checkAcceptedLoss(f *fixture, d *DamageError) {
	f.Helper()
	before := f.content()
	for _, size := range []uint64{d.Standing - 1, d.Standing + 1} {
		if _, err := OpenLoss(f.dir, size, f.options); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("--size %d", d.Standing)) {
			f.Errorf("a loss of other entries: %v", err)
		}
	}
	l, err := OpenLoss(f.dir, d.Standing, f.options)
	if err != nil {
		f.Fatal(err)
	}
	if f.content() != before {
		f.Error("the files were changed before the loss was accepted")
	}
	if err := l.Cut(); err != nil {
		f.Fatal(err)
	}
	if _, err := Open(f.dir, f.options); !errors.Is(err, ErrLocked) {
		f.Errorf("open during a cut: %v", err)
	}
	if err := l.Commit(ledgertest.NewCommit(l.Head(), 1, 60)); err != nil {
		f.Fatal(err)
	}
	if err := errors.Join(l.SaveCheckpoint(ledgertest.NewNote(f, d.Standing+1)), l.Close()); err != nil {
		f.Fatal(err)
	}
	f.options.Known = nil
	b := mustOpen(f.TB.(*testing.T), f.dir, f.options)
	if b.Head().Size != d.Standing+1 || b.Report().Checkpoint != d.Standing+1 {
		f.Errorf("afterwards: head %v, report %+v", b.Head(), b.Report())
	}
	f.checkFrom(b, 0, append(f.commits[:d.Standing/2:d.Standing/2], ledgertest.NewCommit(f.commits[d.Standing/2-1].Head, 1, 60)))
	aside, err := filepath.Glob(f.path("cut-*"))
	if err != nil || len(aside) == 0 {
		f.Errorf("nothing was moved aside: %v", err)
	}
	b.Close()
}

// TestOpenLoss_Segments cuts a book of several segments in its middle.
func TestOpenLoss_Segments(t *testing.T) {
	f := newBook(t, Options{SegmentSize: 1}, 6, 12)
	names := f.segments()
	f.change(names[3], func(data []byte) []byte { data[len(data)-1] ^= 1; return data })
	mustOpen(t, f.dir, f.options).Close() // opening does not read a segment before the last
	if err := os.Remove(f.path(names[4])); err != nil {
		t.Fatal(err)
	}
	_, err := Open(f.dir, f.options)
	var d *DamageError
	if !errors.As(err, &d) || d.Standing != 6 {
		t.Fatalf("open: %v", err)
	}
	checkAcceptedLoss(f, d)
}

func TestOpenLoss_NothingIsLost(t *testing.T) {
	f := newBook(t, Options{}, 3, 4)
	if _, err := OpenLoss(f.dir, 6, f.options); err == nil || !strings.Contains(err.Error(), "nothing is lost") {
		t.Fatalf("of a sound book: %v", err)
	}
	f.checkSound(3)
	f = newBook(t, Options{}, 1, 2)
	f.change(first, func(data []byte) []byte { clear(data[f.offsets[0]:]); return data })
	if _, err := OpenLoss(f.dir, 0, f.options); !errors.Is(err, ledger.ErrDamaged) || !strings.Contains(err.Error(), "restore") {
		t.Fatalf("where nothing stands: %v", err)
	}
}

// TestOpen_ForgedSlot: a slot that is not signed by the ledger's key is not
// believed, whatever it says.
func TestOpen_ForgedSlot(t *testing.T) {
	f := newBook(t, Options{}, 4, 8)
	forged := ledgertest.NewNote(t, 2)
	f.options.Check = func(note []byte) error {
		if bytes.Equal(note, forged) {
			return errors.New("not signed by the ledger")
		}
		return nil
	}
	data, err := (&frame.Slot{Sequence: 99, Note: forged}).Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	f.put(frame.SlotNames[0], data)
	if report := f.checkSound(4); report.Checkpoint != 8 || len(report.BadSlots) != 1 {
		t.Errorf("with one forged slot: %+v", report)
	}
	f.put(frame.SlotNames[0], data)
	f.put(frame.SlotNames[1], data)
	if _, err := Open(f.dir, f.options); !errors.Is(err, ErrNoCheckpoint) {
		t.Errorf("with two forged slots: %v", err)
	}
}

func TestOpen_NoSlots(t *testing.T) {
	for name, spoil := range slotFaults {
		f := newBook(t, Options{}, 3, 4)
		for _, slot := range frame.SlotNames {
			spoil(f, slot)
		}
		if _, err := Open(f.dir, f.options); !errors.Is(err, ErrNoCheckpoint) || !errors.Is(err, ledger.ErrDamaged) || !strings.Contains(err.Error(), frame.SlotNames[0]) {
			t.Fatalf("with both slots %s: %v", name, err)
		}
		if n := f.checkReadOnly(); n != 3 {
			t.Errorf("%d commits can be read without a checkpoint", n)
		}
	}
}

func TestOpen_NoCheckpoint(t *testing.T) {
	f := newBook(t, Options{}, 1, 0)
	f.checkSound(1) // the genesis stands alone between its commit and its checkpoint
	if _, err := Open(f.dir, f.options); !errors.Is(err, ErrNoCheckpoint) {
		t.Fatalf("two commits and no checkpoint: %v", err)
	}
	f = newBook(t, Options{SegmentSize: 1}, 3, 0)
	if _, err := Open(f.dir, f.options); !errors.Is(err, ErrNoCheckpoint) {
		t.Fatalf("three segments and no checkpoint: %v", err)
	}
}

func TestOpen_CheckpointInsideACommit(t *testing.T) {
	f := newBook(t, Options{}, 3, 4)
	b := mustOpen(t, f.dir, f.options)
	if err := b.SaveCheckpoint(ledgertest.NewNote(t, 5)); err != nil {
		t.Fatal(err)
	}
	b.Close()
	f.checkDamaged(5, 5)
}

func TestOpen_Segments(t *testing.T) {
	other := newBookOf(t, Options{SegmentSize: 1}, 6, 12, 61)
	for _, c := range []struct {
		name        string
		first, last uint64
		readable    int // commits, read-only; -1: what is there is whole and only the hash chain tells
		attack      func(f *fixture, names []string)
	}{
		{"first deleted", 0, 1, 5, func(f *fixture, n []string) { os.Remove(f.path(n[0])) }},
		{"one deleted", 4, 5, 5, func(f *fixture, n []string) { os.Remove(f.path(n[2])) }},
		{"last deleted", 10, 11, 5, func(f *fixture, n []string) { os.Remove(f.path(n[5])) }},
		{"two swapped", 2, 2, 4, func(f *fixture, n []string) {
			a, b := f.read(n[1]), f.read(n[2])
			f.put(n[1], b)
			f.put(n[2], a)
		}},
		{"one cut", 2, 3, 5, func(f *fixture, n []string) { os.Truncate(f.path(n[1]), 200) }},
		{"one emptied", 4, 4, 5, func(f *fixture, n []string) { os.Truncate(f.path(n[2]), 0) }},
		{"one longer", 2, 3, 6, func(f *fixture, n []string) {
			f.change(n[1], func(data []byte) []byte { return append(data, 0) })
		}},
		{"last of another ledger", 8, 9, -1, func(f *fixture, n []string) { f.put(n[5], other.read(n[5])) }},
		{"header flipped", 6, 6, 6, func(f *fixture, n []string) {
			f.change(n[3], func(data []byte) []byte { data[20] ^= 1; return data })
		}},
		{"foreign added behind", 10, 11, 6, func(f *fixture, n []string) {
			long := newBookOf(f, Options{SegmentSize: 1}, 7, 12, 61)
			f.put(frame.SegmentName(12), long.read(frame.SegmentName(12)))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newBook(t, Options{SegmentSize: 1}, 6, 12)
			c.attack(f, f.segments())
			var damage *DamageError
			if _, err := Open(f.dir, f.options); !errors.As(err, &damage) {
				t.Fatalf("open: %v, want damage", err)
			}
			if d := damage.Found[0]; d.First != c.first || d.Last != c.last {
				t.Fatalf("damage %+v, want %d to %d", damage.Found, c.first, c.last)
			}
			if c.readable < 0 {
				return
			}
			if n := f.checkReadOnly(); n != c.readable {
				t.Errorf("%d commits can be read, want %d", n, c.readable)
			}
		})
	}
}

// TestCommits_DamageInAnOlderSegment: Open does not read it, reading does.
func TestCommits_DamageInAnOlderSegment(t *testing.T) {
	f := newBook(t, Options{SegmentSize: 1200}, 12, 24)
	names := f.segments()
	if len(names) < 4 {
		t.Fatalf("%d segments", len(names))
	}
	f.change(names[1], func(data []byte) []byte { data[len(data)-3] ^= 1; return data })
	b := mustOpen(t, f.dir, f.options)
	var read int
	var got error
	for c, err := range b.Commits(0) {
		if got = err; err != nil {
			break
		}
		if err := ledgertest.SameCommit(c, f.commits[read]); err != nil {
			t.Fatal(err)
		}
		read++
	}
	var damage *DamageError
	if !errors.As(got, &damage) || damage.Found[0].First != uint64(2*read) || damage.Found[0].Last != uint64(2*read+1) {
		t.Fatalf("after %d commits: %v", read, got)
	}
	f.checkFrom(b, uint64(2*read+2), f.commits[read+1:])
	survey, err := TakeSurvey(f.dir)
	if err != nil || len(survey.Damages) != 1 || survey.Commits != 11 || survey.Head != f.commits[11].Head {
		t.Fatalf("survey %+v, %v", survey, err)
	}
	if d := survey.Damages[0]; d.First != uint64(2*read) || d.Last != uint64(2*read+1) || d.File != relative(names[1]) {
		t.Fatalf("survey names %+v", d)
	}
}

func TestTakeSurvey_NamesEveryDamagedFrame(t *testing.T) {
	f := newBook(t, Options{}, 8, 16)
	f.change(first, func(data []byte) []byte {
		for _, n := range []int{1, 4, 5, 7} {
			data[f.offsets[n]+20] ^= 1
		}
		return data
	})
	survey, err := TakeSurvey(f.dir)
	if err != nil {
		t.Fatal(err)
	}
	var named [][2]uint64
	for _, d := range survey.Damages {
		named = append(named, [2]uint64{d.First, d.Last})
	}
	if fmt.Sprint(named) != "[[2 3] [8 11] [14 15]]" {
		t.Errorf("survey names %v", survey.Damages)
	}
	b := mustOpen(t, f.dir, Options{ReadOnly: true})
	if d := b.Damages(); len(d) != len(survey.Damages) || d[0] != survey.Damages[0] || b.Head().Size != 14 {
		t.Errorf("read-only at %d the book says %v", b.Head().Size, d)
	}
	if n := f.checkReadOnly(); n != 4 {
		t.Errorf("%d commits can still be read, want 4", n)
	}
}

// TestCommits_BehindDamage: a book gives what stands behind damage in the same
// segment, and tells of the damage that it passes, until a mark lies behind it.
// What is damaged it does not give, nor passes it once it has begun.
func TestCommits_BehindDamage(t *testing.T) {
	f := newBookOf(t, Options{SegmentSize: 2_000_000}, 40, 80, 30_000)
	f.commits = f.commits[:40]
	b := mustOpen(t, f.dir, f.options)
	more := ledgertest.NewCommit(b.Head(), 15, 60_000)
	for range 2 { // the damaged segment is not the last any more
		if err := b.Commit(more); err != nil {
			t.Fatal(err)
		}
		more = ledgertest.NewCommit(b.Head(), 15, 60_000)
	}
	if err := b.SaveCheckpoint(ledgertest.NewNote(t, b.Head().Size)); err != nil {
		t.Fatal(err)
	}
	b.Close()
	f.change(first, func(data []byte) []byte { data[f.offsets[3]+200] ^= 1; return data })
	bad := f.commits[3]
	for _, readOnly := range []bool{false, true} {
		b = mustOpen(t, f.dir, Options{SegmentSize: f.options.SegmentSize, ReadOnly: readOnly})
		var told []ledger.Damage
		b.OnDamage(func(d ledger.Damage) { told = append(told, d) })
		for range 2 {
			for c, err := range b.Commits(bad.Head.Size) {
				if err != nil || c.Prev.Size != bad.Head.Size {
					t.Fatalf("behind the damage: %v", err)
				}
				break
			}
		}
		if len(told) == 0 || told[0].First != bad.Prev.Size || told[0].Last != bad.Head.Size-1 {
			t.Errorf("told of %+v", told)
		}
		for _, from := range []uint64{0, bad.Prev.Size, bad.Head.Size - 1} {
			next := from
			for c, err := range b.Commits(from) {
				if err == nil {
					next = c.Head.Size
					continue
				}
				var d *DamageError
				if !errors.As(err, &d) || d.Found[0].First != bad.Prev.Size || (next != from && next != bad.Prev.Size) {
					t.Errorf("from %d: %v at %d", from, err, next)
				}
				next = math.MaxUint64
			}
			if next != math.MaxUint64 {
				t.Errorf("from %d: read over damage", from)
			}
		}
		b.Close()
	}
}

// TestCommits_RewrittenHistory replaces the commit of an older segment by
// another of the same size: the links to the next segment tell.
func TestCommits_RewrittenHistory(t *testing.T) {
	f := newBook(t, Options{SegmentSize: 1}, 6, 12)
	name := f.segments()[2]
	f.change(name, func(data []byte) []byte {
		var fr frame.Frame
		if err := fr.Parse(data[frame.SegmentHeaderSize:]); err != nil {
			t.Fatal(err)
		}
		fr.Entries[1][len(fr.Entries[1])-3] ^= 1
		fr.Head.Last[0] ^= 1
		out, err := fr.Append(bytes.Clone(data[:frame.SegmentHeaderSize]))
		if err != nil {
			t.Fatal(err)
		}
		return out
	})
	b := mustOpen(t, f.dir, f.options)
	var got error
	for _, err := range b.Commits(0) {
		got = err
	}
	if !errors.Is(got, ledger.ErrDamaged) {
		t.Errorf("reading over it: %v", got)
	}
	survey, err := TakeSurvey(f.dir)
	if err != nil || len(survey.Damages) != 1 || survey.Damages[0].File != relative(name) {
		t.Errorf("survey %+v, %v", survey, err)
	}
}

// TestOpen_LongTornTail: what is cut off does not come back behind the next,
// shorter frame.
func TestOpen_LongTornTail(t *testing.T) {
	f := newBookOf(t, Options{}, 3, 4, 5000)
	f.change(first, func(data []byte) []byte { return data[:len(data)-1] })
	b := mustOpen(t, f.dir, f.options)
	if b.Report().Torn == nil {
		t.Fatal("no torn tail")
	}
	if err := b.Commit(ledgertest.NewCommit(b.Head(), 1, 60)); err != nil {
		t.Fatal(err)
	}
	survey, err := TakeSurvey(f.dir) // as a crash would leave it: nothing was closed
	if err != nil || survey.Torn != nil || survey.Head != b.Head() || len(survey.Damages) > 0 {
		t.Errorf("survey %+v, %v", survey, err)
	}
}

// TestOpen_ReadOnlyEndsAtTheCheckpoint: what is above it may not be durable.
func TestOpen_ReadOnlyEndsAtTheCheckpoint(t *testing.T) {
	f := newBook(t, Options{}, 5, 6)
	b := mustOpen(t, f.dir, Options{ReadOnly: true})
	if b.Head() != f.commits[2].Head || b.Report().Above != 4 {
		t.Errorf("head %v, %+v", b.Head(), b.Report())
	}
	f.checkFrom(b, 0, f.commits[:3])
}

func TestSaveCheckpoint_Rewind(t *testing.T) {
	f := newBook(t, Options{}, 3, 6)
	b := mustOpen(t, f.dir, f.options)
	if err := b.SaveCheckpoint(ledgertest.NewNote(t, 4)); err == nil {
		t.Fatal("a checkpoint of 4 entries replaced one of 6")
	}
	if err := b.SaveCheckpoint(ledgertest.NewNote(t, 6)); err != nil {
		t.Fatalf("the same size again: %v", err)
	}
}
