package verify

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"civicledger/ledger/chain"
	"civicledger/ledger/frame"
	"civicledger/ledger/roster"
	"civicledger/ledger/verify/verdict"
	"civicledger/ledger/verify/verifytest"
)

func TestRun_Sound(t *testing.T) {
	l := newSmallLedger(t)
	for _, perSegment := range []int{1, 3, 100} {
		r := l.verify(l.Write(23, perSegment))
		l.must(r, verdict.Sound)
		l.mustStand(r, "0-22 tree")
		if c := r.Counts; c.Entries != 23 || c.Submissions != 7 || c.Signatures != 7 || c.Agencies != 2 || c.Beyond != 0 {
			t.Errorf("counts %+v", c)
		}
	}
}

func TestRun_BeyondTheCheckpoint(t *testing.T) {
	l := newSmallLedger(t)
	dir := l.Write(18, 3)
	l.Edit(dir, 18, func(data []byte) []byte { return append(data, "torn write"...) })
	r := l.verify(dir)
	l.must(r, verdict.Sound)
	if r.Counts.Beyond != 5 || r.Counts.Entries != 18 || len(r.Notes) != 1 {
		t.Errorf("counts %+v, notes %q", r.Counts, r.Notes)
	}
}

// Every byte of the book matters (each seventh is tried), and the entry in which
// it lies is named, alone.
func TestRun_EveryFlippedByte(t *testing.T) {
	l := newSmallLedger(t)
	for first, f := range l.Frames {
		checkFlips(l, first, f)
	}
}

func checkFlips(l *testLedger, n int, f *frame.Frame) {
	dir := l.Write(23, 1)
	name := filepath.Join(dir, verifytest.BookDir, frame.SegmentName(f.Prev.Size))
	clean, err := os.ReadFile(name)
	if err != nil {
		l.Fatal(err)
	}
	for at := 0; at < len(clean); at += 7 {
		data := bytes.Clone(clean)
		data[at] ^= 1 << (at % 8)
		if err := os.WriteFile(name, data, 0o644); err != nil {
			l.Fatal(err)
		}
		r := l.verify(dir)
		entry, inside := entryAt(f, int64(at))
		switch {
		case r.Verdict != verdict.Unsound:
			l.Fatalf("frame %d, byte %d: %s", n, at, r.Verdict)
		case !inside:
			for _, d := range r.Defects { // of the file or the frame, no entry's bytes
				if d.Kind != verdict.KindSegment && d.Kind != verdict.KindFrame {
					l.Errorf("frame %d, byte %d, outside entries: %+v", n, at, d)
				}
			}
			l.mustStand(r, "0-22 tree")
		default:
			if len(r.Defects) != 1 || r.Defects[0].First != entry || r.Defects[0].Last != entry {
				l.Errorf("frame %d, byte %d, entry %d: %+v", n, at, entry, r.Defects)
			}
			checkOthersStand(l, r, entry)
		}
	}
}

// entryAt says in which entry a byte of a segment with that one frame lies.
func entryAt(f *frame.Frame, at int64) (uint64, bool) {
	pos := int64(frame.SegmentHeaderSize + frame.HeaderSize)
	for i, e := range f.Entries {
		pos += 4
		if at >= pos && at < pos+int64(len(e)) {
			return f.Prev.Size + uint64(i), true
		}
		pos += int64(len(e))
	}
	return 0, false
}

func checkOthersStand(l *testLedger, r *verdict.Report, entry uint64) {
	var want []string
	if entry > 0 {
		want = append(want, fmt.Sprintf("0-%d tree", entry-1))
	}
	if entry < 22 {
		want = append(want, fmt.Sprintf("%d-22 tree", entry+1))
	}
	l.mustStand(r, want...)
}

func TestRun_RewrittenEntry(t *testing.T) {
	for name, c := range map[string]struct {
		index  uint64
		change func([]byte) []byte
		want   []string
	}{
		"amount in a line": {9, verifytest.Replace("110105", "110106"), []string{"leaf 9-9"}},
		"id in a line":     {9, verifytest.Replace("b-1", "b-9"), []string{"leaf 9-9"}},
		"first entry":      {0, verifytest.Replace("Shanghai", "Shenzhen"), []string{"leaf 0-0"}},
		"last entry":       {22, verifytest.Replace("110105", "110106"), []string{"leaf 22-22"}},
		"recorded":         {10, verifytest.Replace(" 17672", " 27672"), []string{"leaf 10-10"}},
		"agency":           {10, verifytest.Replace(" haidian ", " chaoyang "), []string{"leaf 10-10"}},
		"position":         {10, verifytest.Replace(" 3/5 ", " 2/5 "), []string{"leaf 10-10"}},
		"count":            {10, verifytest.Replace(" 3/5 ", " 3/4 "), []string{"leaf 10-10"}},
		"index":            {10, verifytest.Replace("1 10 ", "1 11 "), []string{"order 10-10"}},
		"version":          {10, verifytest.Replace("1 10 ", "2 10 "), []string{"header 10-10"}},
		"link":             {10, verifytest.Replace("=", "A"), []string{"header 10-10"}},
		"enrolment":        {2, verifytest.Replace("subsidy.*", "lottery.*"), []string{"leaf 2-2"}},
		"garbage":          {10, func([]byte) []byte { return []byte("garbage") }, []string{"header 10-10"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newSmallLedger(t)
			l.Rewrite(c.index, c.change)
			r := l.verify(l.Write(23, 3))
			l.must(r, verdict.Unsound, c.want...)
			checkOthersStand(l, r, c.index)
		})
	}
}

func TestRun_TwoRewrittenEntries(t *testing.T) {
	for _, pair := range [][2]uint64{{9, 10}, {9, 11}, {7, 8}, {4, 20}, {21, 22}} {
		l := newSmallLedger(t)
		for _, index := range pair {
			l.Rewrite(index, verifytest.Replace("110105", "110106"))
		}
		r := l.verify(l.Write(23, 3))
		l.must(r, verdict.Unsound, fmt.Sprintf("leaf %d-%d", pair[0], pair[0]), fmt.Sprintf("leaf %d-%d", pair[1], pair[1]))
	}
}

func TestRun_SwappedEntries(t *testing.T) {
	l := newSmallLedger(t)
	f := l.Frames[4]
	f.Entries[1], f.Entries[2] = f.Entries[2], f.Entries[1]
	r := l.verify(l.Write(23, 3))
	l.must(r, verdict.Unsound, "order 9-9", "order 10-10")
	l.mustStand(r, "0-8 tree", "11-22 tree")
}

func TestRun_SwappedFrames(t *testing.T) {
	l := newSmallLedger(t)
	l.Frames[4], l.Frames[5] = l.Frames[5], l.Frames[4]
	r := l.verify(l.Write(23, 100))
	l.must(r, verdict.Unsound, "missing 8-12", "order 8-12")
	l.mustStand(r, "0-7 links")
}

func TestRun_Truncated(t *testing.T) {
	l := newSmallLedger(t)
	dir := l.Write(23, 3)
	if err := os.Remove(filepath.Join(dir, verifytest.BookDir, frame.SegmentName(18))); err != nil {
		t.Fatal(err)
	}
	r := l.verify(dir)
	l.must(r, verdict.Unsound, "missing 18-22")
	l.mustStand(r, "0-17 links")

	dir = l.Write(23, 3)
	l.Edit(dir, 18, func(data []byte) []byte { return data[:len(data)-5] })
	r = l.verify(dir)
	if r.Verdict != verdict.Unsound || !slices.ContainsFunc(r.Defects, func(d verdict.Defect) bool {
		return d.Kind == verdict.KindHeader || d.Kind == verdict.KindLeaf && d.First == 22
	}) {
		t.Errorf("cut in the last entry: %+v", r.Defects)
	}
}

func TestRun_MissingSegment(t *testing.T) {
	l := newSmallLedger(t)
	dir := l.Write(23, 2)
	if err := os.Remove(filepath.Join(dir, verifytest.BookDir, frame.SegmentName(8))); err != nil {
		t.Fatal(err)
	}
	r := l.verify(dir)
	if r.Verdict != verdict.Unsound || !slices.ContainsFunc(r.Defects, func(d verdict.Defect) bool { return d.Kind == verdict.KindMissing && d.First == 8 && d.Last == 17 }) {
		t.Errorf("%+v", r.Defects)
	}
}

// A fork: another history, signed and linked all right, under our checkpoint.
func TestRun_Fork(t *testing.T) {
	l, other := newSmallLedger(t), newLedger(t)
	for i, name := range []string{"a", "b", "other", "d"} {
		other.Say([]string{"chaoyang", "haidian"}[i%2], name, 5)
	}
	dir := other.Write(23, 3)
	l.WriteSlots(dir, 2, l.Checkpoint(23))
	r := l.verify(dir)
	l.must(r, verdict.Unsound, "tree-root 0-22")
	l.mustStand(r, "0-22 links")
}

// A rewind of the book under a newer checkpoint is a log that lacks entries; an
// older checkpoint of the same log says less, and is no defect.
func TestRun_Rewind(t *testing.T) {
	l := newSmallLedger(t)
	dir := l.Write(23, 100)
	longer := newSmallLedger(t)
	longer.Say("chaoyang", "e", 5)
	l.WriteSlots(dir, 2, longer.Checkpoint(28))
	l.must(l.verify(dir), verdict.Unsound, "missing 23-27")
	dir = l.Write(23, 100)
	l.WriteSlots(dir, 2, l.Checkpoint(18))
	r := l.verify(dir)
	l.must(r, verdict.Sound)
	if r.Counts.Beyond != 5 {
		t.Errorf("beyond %d", r.Counts.Beyond)
	}
}

func TestRun_Checkpoint(t *testing.T) {
	l := newSmallLedger(t)
	dir := l.Write(23, 100)
	foreign := *l.Ledger
	foreign.Signer, _ = verifytest.MustLogKey(t, verifytest.Origin, "another log")
	foreign.WriteSlot(dir, 0, 2, foreign.Checkpoint(23))
	l.must(l.verify(dir), verdict.Unsound, "checkpoint 0-0")

	dir = l.Write(23, 100)
	for _, name := range frame.SlotNames {
		if err := os.Remove(filepath.Join(dir, verifytest.BookDir, name)); err != nil {
			t.Fatal(err)
		}
	}
	r := l.verify(dir)
	l.must(r, verdict.Unsound, "checkpoint 0-0", "checkpoint 0-0")
	l.mustStand(r, "0-22 links")

	dir = l.Write(20, 100) // a checkpoint inside a submission
	l.must(l.verify(dir), verdict.Unsound, "submission 18-19")
}

func TestRun_Genesis(t *testing.T) {
	l := newSmallLedger(t)
	l.Signer, l.VKey = verifytest.MustLogKey(t, verifytest.Origin, "another log")
	l.must(l.verify(l.Write(23, 100)), verdict.Unsound, "genesis 0-0")
}

// What the operator of the ledger could do with its own machine and the log's
// key: everything links, and the checkpoint signs it.
func TestRun_DishonestOperator(t *testing.T) {
	for name, c := range map[string]struct {
		attack func(l *testLedger)
		want   []string
	}{
		"foreign signature": {func(l *testLedger) {
			sub := l.Sign("chaoyang", verifytest.Line("chaoyang", "x"), verifytest.Line("chaoyang", "y"))
			sub.Signature = ed25519.Sign(verifytest.Seeded("operator"), sub.SignedText(l.S, verifytest.Origin))
			l.Commit(sub)
		}, []string{"signature 23-24"}},
		"changed before it was sealed": {func(l *testLedger) {
			sub := l.Sign("chaoyang", verifytest.Line("chaoyang", "x"))
			sub.Lines[0] = verifytest.Replace("110105", "110106")(sub.Lines[0])
			l.Commit(sub)
		}, []string{"signature 23-23"}},
		"signed for another ledger": {func(l *testLedger) {
			sub := l.Sign("chaoyang", verifytest.Line("chaoyang", "x"))
			sub.Signature = ed25519.Sign(verifytest.Seeded("chaoyang"), sub.SignedText(l.S, "ledger.example.org/other"))
			l.Commit(sub)
		}, []string{"signature 23-23"}},
		"unknown key": {func(l *testLedger) { l.Commit(l.Sign("stranger", verifytest.Line("stranger", "x"))) }, []string{"rights 23-23"}},
		"other source": {func(l *testLedger) {
			l.Commit(l.Sign("chaoyang", verifytest.Line("chaoyang", "x"), verifytest.Line("haidian", "x")))
		}, []string{"rights 24-24"}},
		"other type": {func(l *testLedger) {
			l.Commit(l.Sign("chaoyang", verifytest.Replace("fund.opened", "lottery.draw")(verifytest.Line("chaoyang", "x"))))
		}, []string{"rights 23-23"}},
		"other place": {func(l *testLedger) {
			l.Commit(l.Sign("chaoyang", verifytest.Replace("110105", "310101")(verifytest.Line("chaoyang", "x"))))
		}, []string{"rights 23-23"}},
		"revoked key": {func(l *testLedger) {
			l.Operator(roster.AgencyKeyRevoked, "revoke", roster.KeyRevoked{Agency: "haidian", KeyID: chain.KeyID(l.S, verifytest.Public("haidian")), Reason: "lost"})
			l.Say("haidian", "late", 2)
		}, []string{"rights 24-25"}},
		"agency says what the operator says": {func(l *testLedger) {
			sub := l.Sign("chaoyang", verifytest.Replace("fund.opened.v1", roster.DayClosed)(verifytest.Line("chaoyang", "x")))
			l.Commit(sub)
		}, []string{"rights 23-23"}},
		"false system event": {func(l *testLedger) { l.Operator(roster.DayClosed, "day", roster.Closed{Day: "2030-01-01"}) }, []string{"rights 23-23"}},
		"replay": {func(l *testLedger) {
			l.Say("chaoyang", "a", 5)
		}, []string{"repeated 23-23", "repeated 24-24", "repeated 25-25", "repeated 26-26", "repeated 27-27"}},
		"event said again": {func(l *testLedger) {
			l.Commit(l.Sign("haidian", verifytest.Line("haidian", "new"), verifytest.Line("haidian", "b-3")))
		}, []string{"repeated 24-24"}},
		"twice in one submission": {func(l *testLedger) {
			l.Commit(l.Sign("haidian", verifytest.Line("haidian", "new"), verifytest.Line("haidian", "new")))
		}, []string{"repeated 24-24"}},
		"false event key": {func(l *testLedger) {
			l.Keys = func(i int, key chain.EventKey) chain.EventKey { key[0] ^= byte(i); return key }
			l.Commit(l.Sign("haidian", verifytest.Line("haidian", "new"), verifytest.Line("haidian", "newer")))
		}, []string{"event-key 24-24"}},
		"false event key hides a replay": {func(l *testLedger) {
			l.Keys = func(_ int, key chain.EventKey) chain.EventKey { key[0] ^= 1; return key }
			l.Commit(l.Sign("haidian", verifytest.Line("haidian", "b-3")))
		}, []string{"event-key 23-23", "repeated 23-23"}},
		"clock set back": {func(l *testLedger) {
			l.Clock = verifytest.Start
			l.Say("chaoyang", "x", 1)
		}, []string{"order 23-23"}},
		"submission cut": {func(l *testLedger) {
			l.Say("chaoyang", "x", 3)
			f := l.Frames[len(l.Frames)-1]
			l.Head.Size, l.Leaves = 25, l.Leaves[:25]
			l.Head.Last = l.Leaves[24]
			f.Entries, f.Head = f.Entries[:2], l.Head
			l.Say("haidian", "y", 1)
		}, []string{"submission 23-24"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newSmallLedger(t)
			c.attack(l)
			r := l.verify(l.Write(int(l.Head.Size), 100))
			l.must(r, verdict.Unsound, c.want...)
			l.mustStand(r, fmt.Sprintf("0-%d tree", l.Head.Size-1))
		})
	}
}

// A damaged enrolment does not accuse the agency of what it had a right to.
func TestRun_DamagedEnrolment(t *testing.T) {
	l := newSmallLedger(t)
	l.Rewrite(1, func([]byte) []byte { return []byte("garbage") })
	r := l.verify(l.Write(23, 100))
	l.must(r, verdict.Unsound, "header 1-1")
	if r.Counts.Unjudged == 0 {
		t.Errorf("counts %+v", r.Counts)
	}
}
