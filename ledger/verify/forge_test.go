package verify

import (
	"bytes"
	"context"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"testing"

	"civicledger/ledger/chain"
	"civicledger/ledger/verify/source"
	"civicledger/ledger/verify/verdict"
	"civicledger/ledger/verify/verifytest"
)

// changeHeader changes one of the nine fields of a header, or its blanks.
func changeHeader(entry []byte, field int, r *rand.Rand) []byte {
	head, line, _ := bytes.Cut(entry, []byte("\n"))
	fields := bytes.Split(bytes.Clone(head), []byte(" "))
	number := func(text []byte) []byte {
		n, _ := strconv.Atoi(string(text))
		return strconv.AppendInt(nil, int64(max(0, n+[]int{-10, -2, -1, 1, 10, 1000}[r.IntN(6)])), 10)
	}
	switch field {
	case 0:
		fields[0] = []byte("2")
	case 1, 3: // index, recorded
		fields[field] = number(fields[field])
	case 4: // position
		position, count, _ := bytes.Cut(fields[4], []byte("/"))
		if r.IntN(2) == 0 {
			position = number(position)
		} else {
			count = number(count)
		}
		fields[4] = slices.Concat(position, []byte("/"), count)
	case 5: // agency
		fields[5] = []byte([]string{"chaoyang", "haidian", chain.Operator, "nobody"}[r.IntN(4)])
	case 8: // signature
		if string(fields[8]) == "-" {
			fields[8] = []byte("AAAA")
		} else if r.IntN(2) == 0 {
			fields[8] = []byte("-")
		} else {
			fields[8][r.IntN(80)] ^= 1
		}
	case 9:
		fields[r.IntN(len(fields))] = []byte([]string{"", " ", "\r"}[r.IntN(3)])
	default: // previous hash, key id, event key
		fields[field][r.IntN(len(fields[field])-2)] ^= 1
	}
	return slices.Concat(bytes.Join(fields, []byte(" ")), []byte("\n"), line)
}

// forgeLog changes something in a log, and mostly makes everything fit again.
func forgeLog(l *testLedger, r *rand.Rand) {
	f := l.Frames[r.IntN(len(l.Frames))]
	i := r.IntN(len(f.Entries))
	switch kind := r.IntN(14); kind {
	case 10:
		f.Recorded += []int64{-100, -1, 1, 100}[r.IntN(4)]
	case 11:
		f.Head.Last[r.IntN(32)] ^= 1
	case 12:
		if f.Prev.Size > 0 {
			f.Prev.Last[r.IntN(32)] ^= 1
		}
	case 13:
		other := (i + 1) % len(f.Entries)
		f.Entries[i], f.Entries[other] = f.Entries[other], f.Entries[i]
		l.Relink()
	default:
		f.Entries[i] = changeHeader(f.Entries[i], kind, r)
		var as []uint64
		if kind == 2 {
			as = append(as, f.Prev.Size+uint64(i))
		}
		l.Relink(as...)
	}
}

// Whatever an operator forges, also when all hashes fit again, and however the
// quick way cuts the book into stretches and on however many cores: both ways
// say the same, and what is sound is accepted.
func TestAccept_Forged(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	sound := 0
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 8))
		runtime.GOMAXPROCS([]int{1, 2, 8}[r.IntN(3)])
		l := newRandomLog(t, r)
		if seed%6 > 0 {
			forgeLog(l, r)
		}
		dir := l.Write(int(l.Head.Size), 1+r.IntN(5))
		opts := Options{stretch: []int64{200, 2000, 8000, 0}[r.IntN(4)]}
		if l.agree(seed, dir, opts) {
			sound++
		}
	}
	if sound < 50 || sound > 150 {
		t.Errorf("%d sound logs of 300 are no fair sample", sound)
	}
}

// What depends on the entry before is judged between stretches, too.
func TestAccept_Borders(t *testing.T) {
	opts := Options{stretch: 200} // each frame is a stretch
	l := newSmallLedger(t)
	if !l.accepts(l.Write(23, 100), opts) {
		t.Fatal("a sound log is not accepted")
	}
	f := l.Frames[4]
	wrong := f.Prev.Last
	wrong[0] ^= 1
	f.Entries[0] = verifytest.SetLink(f.Entries[0], wrong)
	l.Relink(f.Prev.Size)
	f.Prev.Last = wrong
	if l.accepts(l.Write(23, 100), opts) {
		t.Error("a broken link between two stretches is accepted")
	}
	l = newSmallLedger(t)
	l.Clock = verifytest.Start
	l.Say("chaoyang", "back", 1)
	if l.accepts(l.Write(24, 100), opts) {
		t.Error("time that goes back between two stretches is accepted")
	}
}

// An end in the middle of the work leaves nobody waiting.
func TestAccept_InterruptedAnywhere(t *testing.T) {
	l := newLedger(t)
	for i := range 200 {
		l.Say("chaoyang", "n"+strconv.Itoa(i), 1+i%40)
	}
	dir := l.Write(int(l.Head.Size), 7)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, cores := range []int{1, 2, 8} {
		runtime.GOMAXPROCS(cores)
		for after := range 12 {
			ctx, cancel := context.WithCancel(context.Background())
			calls := 0
			r := Run(ctx, source.Directory(dir), l.VKey, Options{stretch: 5000, Progress: func(_, _ uint64) {
				if calls++; calls == after*after {
					cancel()
				}
			}})
			cancel()
			if after == 0 && r.Verdict != verdict.Sound || after > 0 && r.Verdict != verdict.Sound && r.Problem != "interrupted" {
				t.Errorf("%d cores, interrupted after %d: %s, %s", cores, after*after, r.Verdict, r.Problem)
			}
		}
	}
}
