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
)

// relink makes everything fit again after entries were changed, as an operator
// does who forges his whole log: links, heads of frames, leaves, so that no hash
// tells. The links at the indexes in as are left as they are.
func (l *testLog) relink(as ...uint64) {
	var prev chain.Hash
	size := uint64(0)
	l.leaves = nil
	for _, f := range l.frames {
		f.Prev = chain.Head{Size: size, Last: prev}
		for i := range f.Entries {
			if size > 0 && !slices.Contains(as, size) {
				f.Entries[i] = setLink(f.Entries[i], prev)
			}
			prev = l.s.Leaf(f.Entries[i])
			l.leaves = append(l.leaves, prev)
			size++
		}
		f.Head = chain.Head{Size: size, Last: prev}
	}
	l.head = chain.Head{Size: size, Last: prev}
}

// setLink writes a hash as what stands before an entry, if it has a header of
// the usual shape.
func setLink(entry []byte, prev chain.Hash) []byte {
	fields := bytes.SplitN(entry, []byte(" "), 4)
	h := chain.Header{Prev: prev}
	link := bytes.Fields(h.Append(nil))[2]
	if len(fields) < 4 || len(fields[2]) != len(link) {
		return entry
	}
	fields[2] = link
	return bytes.Join(fields, []byte(" "))
}

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
func forgeLog(l *testLog, r *rand.Rand) {
	f := l.frames[r.IntN(len(l.frames))]
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
		l.relink()
	default:
		f.Entries[i] = changeHeader(f.Entries[i], kind, r)
		var as []uint64
		if kind == 2 {
			as = append(as, f.Prev.Size+uint64(i))
		}
		l.relink(as...)
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
		dir := l.write(int(l.head.Size), 1+r.IntN(5))
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
	l := newSmallLog(t)
	if !l.accepts(l.write(23, 100), opts) {
		t.Fatal("a sound log is not accepted")
	}
	f := l.frames[4]
	wrong := f.Prev.Last
	wrong[0] ^= 1
	f.Entries[0] = setLink(f.Entries[0], wrong)
	l.relink(f.Prev.Size)
	f.Prev.Last = wrong
	if l.accepts(l.write(23, 100), opts) {
		t.Error("a broken link between two stretches is accepted")
	}
	l = newSmallLog(t)
	l.clock = testStart
	l.say("chaoyang", "back", 1)
	if l.accepts(l.write(24, 100), opts) {
		t.Error("time that goes back between two stretches is accepted")
	}
}

// An end in the middle of the work leaves nobody waiting.
func TestAccept_InterruptedAnywhere(t *testing.T) {
	l := newLog(t)
	for i := range 200 {
		l.say("chaoyang", "n"+strconv.Itoa(i), 1+i%40)
	}
	dir := l.write(int(l.head.Size), 7)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, cores := range []int{1, 2, 8} {
		runtime.GOMAXPROCS(cores)
		for after := range 12 {
			ctx, cancel := context.WithCancel(context.Background())
			calls := 0
			r := Run(ctx, Directory(dir), l.vkey, Options{stretch: 5000, Progress: func(_, _ uint64) {
				if calls++; calls == after*after {
					cancel()
				}
			}})
			cancel()
			if after == 0 && r.Verdict != Sound || after > 0 && r.Verdict != Sound && r.Problem != "interrupted" {
				t.Errorf("%d cores, interrupted after %d: %s, %s", cores, after*after, r.Verdict, r.Problem)
			}
		}
	}
}
