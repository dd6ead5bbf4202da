package verify

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"civicledger/ledger/chain"
	"civicledger/ledger/frame"
	"civicledger/ledger/verify/source"
	"civicledger/ledger/verify/verdict"
	"civicledger/ledger/verify/verifytest"
)

// pair is a small ledger of 23 entries whose checkpoint files say 23, and 18
// once they are put back by one, with files of three frames.
type pair struct {
	*testLedger
	dir  string
	back [2]bool
	bad  [2]bool
}

func newPair(l *testLedger) *pair {
	p := &pair{testLedger: l, dir: l.Write(23, 3)}
	l.WriteSlots(p.dir, 7, l.Checkpoint(23))
	return p
}

func (p *pair) change(name string, do func(data []byte) []byte) {
	p.Helper()
	file := filepath.Join(p.dir, verifytest.BookDir, name)
	data, err := os.ReadFile(file)
	if err == nil {
		if data = do(data); data == nil {
			err = os.Remove(file)
		} else {
			err = os.WriteFile(file, data, 0o644)
		}
	}
	if err != nil {
		p.Fatal(err)
	}
}

var slotFaults = map[string]func(p *pair, i int){
	"sound": func(*pair, int) {},
	"bit":   func(p *pair, i int) { p.spoil(i, func(data []byte) []byte { data[100] ^= 4; return data }) },
	"empty": func(p *pair, i int) { p.spoil(i, func([]byte) []byte { return []byte{} }) },
	"gone":  func(p *pair, i int) { p.spoil(i, func([]byte) []byte { return nil }) },
	"half":  func(p *pair, i int) { p.spoil(i, func(data []byte) []byte { return data[:len(data)/2] }) },
	"put back": func(p *pair, i int) {
		p.WriteSlot(p.dir, i, 6, p.Checkpoint(18))
		p.back[i] = true
	},
}

func (p *pair) spoil(i int, do func([]byte) []byte) {
	p.change(frame.SlotNames[i], do)
	p.bad[i] = true
}

const seg0, seg1, seg2 = 0, 3, 18 // first entries of the files

// bookFaults are what else can be wrong at once. Lasting: entries of the last
// frame only are concerned, as if it had never been written whole.
var bookFaults = map[string]struct {
	do      func(p *pair)
	lasting bool
}{
	"whole":                        {func(*pair) {}, false},
	"last entry changed":           {func(p *pair) { p.flip(seg2, -20) }, true},
	"last frame's header changed":  {func(p *pair) { p.flip(seg2, frame.SegmentHeaderSize+50) }, true},
	"last frame cut":               {func(p *pair) { p.cut(seg2, func(n int) int { return n - 5 }) }, true},
	"cut at its border":            {func(p *pair) { p.cut(seg2, func(int) int { return frame.SegmentHeaderSize }) }, true},
	"last file gone":               {func(p *pair) { p.gone(seg2) }, true},
	"cut at two thirds":            {func(p *pair) { p.gone(seg2); p.cut(seg1, func(n int) int { return n * 2 / 3 }) }, false},
	"cut in the last file but one": {func(p *pair) { p.cut(seg1, func(n int) int { return n - 5 }) }, false},
	"byte in the middle":           {func(p *pair) { p.flip(seg1, 900) }, false},
	"first entry":                  {func(p *pair) { p.flip(seg0, frame.SegmentHeaderSize+frame.HeaderSize+300) }, false},
	"file in the middle gone":      {func(p *pair) { p.gone(seg1) }, false},
}

func (p *pair) flip(first uint64, at int) {
	p.change(frame.SegmentName(first), func(data []byte) []byte { data[(at+len(data))%len(data)] ^= 1; return data })
}

func (p *pair) cut(first uint64, to func(int) int) {
	p.change(frame.SegmentName(first), func(data []byte) []byte { return data[:to(len(data))] })
}

func (p *pair) gone(first uint64) {
	p.change(frame.SegmentName(first), func([]byte) []byte { return nil })
}

// judge judges both ways, which must agree.
func (p *pair) judge() *verdict.Report {
	p.Helper()
	r := p.verify(p.dir)
	careful := Run(context.Background(), source.Directory(p.dir), p.VKey, Options{Careful: true})
	if a, b := mustJSON(p, r), mustJSON(p, careful); a != b {
		p.Errorf("one way says\n%s\nthe careful way\n%s", a, b)
	}
	return r
}

// Two faults at once: whatever happened to a checkpoint file, or both, and to the
// book, entries that were acknowledged are never missed in silence, and what a
// crash leaves is no alarm.
func TestRun_PairsOfFaults(t *testing.T) {
	l := newSmallLedger(t)
	for one := range slotFaults {
		for other := range slotFaults {
			for book, fault := range bookFaults {
				if one > other {
					continue
				}
				p := newPair(l)
				slotFaults[one](p, 0)
				slotFaults[other](p, 1)
				fault.do(p)
				r := p.judge()
				name := fmt.Sprintf("slots %s and %s, book %s", one, other, book)
				if want := p.wants(book == "whole", fault.lasting, book); r.Verdict != want {
					t.Errorf("%s: %s, want %s\n%+v", name, r.Verdict, want, r)
				}
				p.checkSlotsSaid(name, r)
			}
		}
	}
}

// wants is the verdict. Only where both files were put back as well can a lost
// last frame be what a crash leaves; and one unusable file beside the older one
// is, if nothing torn lies behind.
func (p *pair) wants(whole, lasting bool, book string) string {
	bad, back := 0, 0
	for i := range p.bad {
		if p.bad[i] {
			bad++
		} else if p.back[i] {
			back++
		}
	}
	torn := !whole && book != "cut at its border" && book != "last file gone"
	switch {
	case bad == 2:
		return verdict.Unsound
	case whole:
		return verdict.Sound
	case lasting && bad+back == 2 && !(bad == 1 && torn):
		return verdict.Sound
	}
	return verdict.Unsound
}

// checkSlotsSaid: an unusable file is always named, as a note or as a defect.
func (p *pair) checkSlotsSaid(name string, r *verdict.Report) {
	p.Helper()
	for i, bad := range p.bad {
		said := slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, frame.SlotNames[i]) }) ||
			slices.ContainsFunc(r.Defects, func(d verdict.Defect) bool { return strings.HasSuffix(d.File, frame.SlotNames[i]) })
		if said != bad {
			p.Errorf("%s: %s is unusable: %v, said: %v\n%+v", name, frame.SlotNames[i], bad, said, r)
		}
	}
}

// Whatever pair of faults: never sound when an entry that the newest checkpoint
// ever written covered is changed or missing, unless both checkpoint files went
// back with it.
func TestRun_RandomPairs(t *testing.T) {
	l := newSmallLedger(t)
	kinds := slices.Sorted(func(yield func(string) bool) {
		for name := range slotFaults {
			if !yield(name) {
				return
			}
		}
	})
	damaged := 0
	for seed := range uint64(250) {
		r := rand.New(rand.NewPCG(seed, 11))
		p := newPair(l)
		which := r.IntN(3)
		for i := range p.bad {
			if which == i || which == 2 {
				slotFaults[kinds[r.IntN(len(kinds))]](p, i)
			}
		}
		first := []uint64{seg0, seg1, seg2, seg2, seg2}[r.IntN(5)]
		names := []string{"noise", "cut", "zeroed page", "bytes lost", "bytes put in", "copied over"}
		p.change(frame.SegmentName(first), func(data []byte) []byte { return damages[names[r.IntN(len(names))]](r, data) })
		report := p.judge()
		lost := p.lost()
		if len(lost) > 0 {
			damaged++
		}
		older := (p.bad[0] || p.back[0]) && (p.bad[1] || p.back[1])
		if report.Verdict == verdict.Sound && len(lost) > 0 && (!older || lost[0] < 18) {
			t.Fatalf("seed %d: sound, and %d entries from %d on are lost\n%+v", seed, len(lost), lost[0], report)
		}
	}
	if damaged < 125 {
		t.Errorf("only %d pairs lost an entry", damaged)
	}
}

// lost returns the entries that no longer stand in whole frames as they were.
func (p *pair) lost() (lost []uint64) {
	var all []byte
	for _, first := range []uint64{seg0, seg1, seg2} {
		data, err := os.ReadFile(filepath.Join(p.dir, verifytest.BookDir, frame.SegmentName(first)))
		if err != nil {
			continue
		}
		for part := range frame.Scan(bytes.NewReader(data), min(frame.SegmentHeaderSize, int64(len(data))), int64(len(data))) {
			if part.Frame != nil {
				all = append(all, bytes.Join(part.Frame.Entries, []byte{0})...)
			}
		}
	}
	for _, f := range p.Frames {
		for i, e := range f.Entries {
			if !bytes.Contains(all, e) {
				lost = append(lost, f.Prev.Size+uint64(i))
			}
		}
	}
	return lost
}

// Beside a server that writes, whatever is half written in the moment it is
// read, nobody is accused.
func TestRun_BesideAServer(t *testing.T) {
	l := newLedger(t)
	for i := range 300 {
		l.Say("chaoyang", fmt.Sprint("n", i), 1+i%7)
	}
	all := l.Frames
	l.Frames = all[:10]
	dir := l.Write(int(all[9].Head.Size), 100)
	var server sync.WaitGroup
	done := make(chan struct{})
	server.Go(func() {
		defer close(done)
		l.serve(dir, all[10:])
	})
	for runs := 0; ; runs++ {
		r := Run(context.Background(), source.Directory(dir), l.VKey, Options{Careful: runs%2 == 0})
		if r.Verdict != verdict.Sound {
			t.Errorf("run %d: %+v", runs, r)
		}
		select {
		case <-done:
			server.Wait()
			return
		default:
		}
	}
}

// serve commits frames as a ledger does: the frame, in two pieces, then both
// checkpoint files, each in two pieces.
func (l *testLedger) serve(dir string, frames []*frame.Frame) {
	book := filepath.Join(dir, verifytest.BookDir)
	segment, err := os.OpenFile(filepath.Join(book, frame.SegmentName(0)), os.O_WRONLY, 0)
	if err != nil {
		l.Error(err)
		return
	}
	defer segment.Close()
	info, err := segment.Stat()
	if err != nil {
		l.Error(err)
		return
	}
	at := info.Size()
	if err := segment.Truncate(at + 1<<20); err != nil { // reserved
		l.Error(err)
	}
	inTwo := func(f *os.File, data []byte, at int64) {
		half := len(data) / 2
		_, err1 := f.WriteAt(data[:half], at)
		_, err2 := f.WriteAt(data[half:], at+int64(half))
		if err1 != nil || err2 != nil {
			l.Error(err1, err2)
		}
	}
	for n, f := range frames {
		data, err := f.Append(nil)
		if err != nil {
			l.Error(err)
		}
		inTwo(segment, data, at)
		at += int64(len(data))
		slot, err := (&frame.Slot{Sequence: uint64(n) + 2, Note: l.Checkpoint(int(f.Head.Size))}).Append(nil)
		if err != nil {
			l.Error(err)
		}
		for _, name := range frame.SlotNames {
			f, err := os.OpenFile(filepath.Join(book, name), os.O_WRONLY, 0)
			if err != nil {
				l.Error(err)
				return
			}
			inTwo(f, slot, 0)
			f.Close()
		}
	}
}

// Whole frames above the checkpoint are judged as those below.
func TestRun_DishonestAbove(t *testing.T) {
	for name, forge := range map[string]func(l *testLedger){
		"stranger": func(l *testLedger) { l.Commit(l.Sign("stranger", verifytest.Line("stranger", "x"))) },
		"replay":   func(l *testLedger) { l.Say("chaoyang", "a", 5) },
		"changed":  func(l *testLedger) { l.Say("chaoyang", "x", 2); l.Rewrite(24, verifytest.Replace("110105", "110106")) },
		"link": func(l *testLedger) {
			l.Say("chaoyang", "x", 2)
			f := l.Frames[len(l.Frames)-1]
			f.Entries[0] = verifytest.SetLink(f.Entries[0], chain.Hash{1})
			f.Prev.Last = chain.Hash{1}
		},
		"gap": func(l *testLedger) {
			l.Say("chaoyang", "x", 2)
			l.Say("chaoyang", "y", 2)
			l.Frames = slices.Delete(l.Frames, len(l.Frames)-2, len(l.Frames)-1)
		},
	} {
		l := newSmallLedger(t)
		forge(l)
		dir := l.Write(23, 100)
		l.agree(0, dir, Options{})
		r := l.verify(dir)
		if r.Verdict != verdict.Unsound || r.Defects[0].First < 22 {
			t.Errorf("%s: %+v", name, r)
		}
		if r.Stands[0] != (verdict.Standing{First: 0, Last: 22, By: verdict.ByTree}) || r.Counts.Entries != 23 || r.Counts.Beyond == 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}
