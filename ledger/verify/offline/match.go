package offline

import (
	"errors"
	"hash"

	"civicledger/ledger/chain"
	"civicledger/ledger/suite"
)

// matcher finds the lines that a receipt is for. A receipt names them by one
// digest only, so lines can be tried, not looked up.
//
// What is tried follows how civicledger submit works. It cuts a file into
// submissions, always in the same way; leaves out of each what is on the log
// already, and what is refused; and writes the receipts in the order of the
// file. So nearly every receipt is for the next free lines behind those of the
// receipt before it (one digest of each line: the whole is linear), or, from a
// later run over a file that grew, for all free lines of one cut. Those two are
// always tried, the second with its digests kept.
//
// Where both fail, lines that no receipt covers lie between: refused ones,
// added ones, or the file is another. Then subsequences are tried within a
// budget: with one line left out, from every line on, with more left out. What
// is not found is reported as not proven, which is right, if not complete; who
// knows which lines were refused can say so (--without) and needs no search.
type matcher struct {
	file    *eventLines
	cursor  int   // behind the lines of the receipt before
	cuts    []cut // of the whole file
	budget  int64 // bytes that searches may still hash
	perStep int64 // and each step of one
}

// cut is what submit makes one submission of, before it leaves lines out.
type cut struct {
	from, end int
	free      int // free lines when digest was made; -1: it was not
	digest    chain.Hash
}

const (
	searchBudget = 16 << 30 // some ten seconds
	stepBudget   = 512 << 20
	maxLeftOut   = 8
)

// newMatcher prepares for receipts of which the largest is for most lines: that
// is what the file was cut by.
func newMatcher(file *eventLines, most int) *matcher {
	return &matcher{file: file, cuts: cutLines(file, most), budget: searchBudget, perStep: stepBudget}
}

// cutLines cuts as a sender does: as many lines as fit.
func cutLines(l *eventLines, most int) []cut {
	var cuts []cut
	for i := 0; i < l.count(); {
		c := cut{from: i, end: i + 1, free: -1}
		for size := l.length(i); c.end < l.count(); c.end++ {
			count, more := c.end-c.from+1, size+l.length(c.end)
			if count > most || more > chain.MaxSubmission || chain.SealedBound(count, more) > chain.MaxFrame {
				break
			}
			size = more
		}
		cuts = append(cuts, c)
		i = c.end
	}
	return cuts
}

// find returns the lines that r is for, ascending; nil if they were not found.
func (m *matcher) find(r *chain.Receipt) ([]int, error) {
	s, err := suite.Lookup(r.Suite)
	if err != nil || r.Count < 1 || r.Count > chain.MaxLines {
		return nil, nil // Verify says why
	}
	t := &trial{m: m, s: s, r: r}
	for _, step := range []func(*trial) ([]int, error){
		(*trial).atCursor, (*trial).atCuts, (*trial).leavingOneOut, (*trial).fromEveryLine, (*trial).leavingMoreOut,
	} {
		t.left = min(m.perStep, m.budget)
		at, err := step(t)
		if errors.Is(err, errBudget) {
			continue // it ends a step only
		}
		if err != nil || at != nil {
			return at, err
		}
	}
	return nil, nil
}

// take marks the lines of a receipt and goes on behind them.
func (m *matcher) take(at []int, state lineState) {
	m.file.mark(at, state)
	m.cursor = at[len(at)-1] + 1
}

// trial is the search for the lines of one receipt.
type trial struct {
	m    *matcher
	s    *suite.Suite
	r    *chain.Receipt
	left int64 // bytes that this step may still hash
}

var errBudget = errors.New("the search has no budget left")

// spend counts lines that were hashed.
func (t *trial) spend(at []int) error {
	for _, i := range at {
		t.left -= int64(t.m.file.length(i))
		t.m.budget -= int64(t.m.file.length(i))
	}
	if t.left < 0 {
		return errBudget
	}
	return nil
}

// is says whether lines with that digest are those of the receipt.
func (t *trial) is(digest chain.Hash) bool {
	text := chain.SignedText(t.s, t.r.Origin, t.r.Agency, t.r.KeyID, t.r.Count, digest)
	return t.s.Sum(text) == t.r.Submission
}

func (t *trial) digest(at []int) (digest chain.Hash, err error) {
	h := t.s.NewHash()
	for _, i := range at {
		if err := t.add(h, i); err != nil {
			return digest, err
		}
	}
	return chain.Hash(h.Sum(nil)), nil
}

var lineEnd = []byte{'\n'}

// add hashes one line as a digest of lines does.
func (t *trial) add(h hash.Hash, i int) error {
	line, err := t.m.file.line(i)
	if err != nil {
		return err
	}
	h.Write(line)
	h.Write(lineEnd)
	return nil
}

// try hashes lines and compares.
func (t *trial) try(at []int) ([]int, error) {
	if len(at) < t.r.Count {
		return nil, nil
	}
	digest, err := t.digest(at)
	if err != nil || !t.is(digest) {
		return nil, err
	}
	return at, nil
}

// atCursor tries the next free lines, then the first of the file: another run.
func (t *trial) atCursor() ([]int, error) {
	end := t.m.file.count()
	first := t.m.file.free(t.m.cursor, end, t.r.Count)
	at, err := t.try(first)
	if at != nil || err != nil {
		return at, err
	}
	again := t.m.file.free(0, t.m.cursor, 1)
	if len(again) == 0 {
		return nil, nil
	}
	return t.try(t.m.file.free(again[0], end, t.r.Count))
}

// atCuts tries what is free of each cut, where that is as many lines as the
// receipt is for.
func (t *trial) atCuts() ([]int, error) {
	for n := range t.m.cuts {
		c := &t.m.cuts[n]
		if c.end-c.from < t.r.Count {
			continue
		}
		at := t.m.file.free(c.from, c.end, c.end-c.from)
		if len(at) != t.r.Count {
			continue
		}
		if c.free != len(at) { // lines only ever cease to be free
			digest, err := t.digest(at)
			if err != nil {
				return nil, err
			}
			c.free, c.digest = len(at), digest
		}
		if t.is(c.digest) {
			return at, nil
		}
	}
	return nil, nil
}

// leavingOneOut tries to leave out one line: of those behind the cursor, and of
// each cut that has one free line more than the receipt is for.
func (t *trial) leavingOneOut() ([]int, error) {
	at, err := t.leaveOut(t.m.file.free(t.m.cursor, t.m.file.count(), t.r.Count+1), 1)
	for n := 0; at == nil && err == nil && n < len(t.m.cuts); n++ {
		c := &t.m.cuts[n]
		if free := t.m.file.free(c.from, c.end, t.r.Count+2); len(free) == t.r.Count+1 {
			at, err = t.leaveOut(free, 1)
		}
	}
	return at, err
}

// fromEveryLine tries neighbours wherever they begin.
func (t *trial) fromEveryLine() (at []int, err error) {
	free := t.m.file.free(0, t.m.file.count(), t.m.file.count())
	for i := 0; i+t.r.Count <= len(free) && at == nil && err == nil; i++ {
		part := free[i : i+t.r.Count]
		if at, err = t.try(part); at == nil && err == nil {
			err = t.spend(part)
		}
	}
	return at, err
}

// leavingMoreOut tries to leave out two lines and more behind the cursor.
func (t *trial) leavingMoreOut() (at []int, err error) {
	for k := 2; k <= maxLeftOut && at == nil && err == nil; k++ {
		at, err = t.leaveOut(t.m.file.free(t.m.cursor, t.m.file.count(), t.r.Count+k), k)
	}
	return at, err
}

// leaveOut tries all ways to leave k of the lines at out.
func (t *trial) leaveOut(at []int, k int) ([]int, error) {
	if len(at) < t.r.Count+k {
		return nil, nil
	}
	return t.choose(t.s.NewHash(), at, make([]int, 0, t.r.Count), k)
}

// choose goes through at, which is k lines more than are still needed, behind
// what is chosen already, whose digest h has begun, and at each line tries to
// leave it out. Beginnings are hashed once.
func (t *trial) choose(h hash.Hash, at, chosen []int, k int) ([]int, error) {
	for len(chosen) < t.r.Count {
		if k > 0 {
			cloner, ok := h.(hash.Cloner)
			if !ok {
				return nil, nil // a hash that cannot be copied makes no search
			}
			other, err := cloner.Clone()
			if err != nil {
				return nil, err
			}
			found, err := t.choose(other, at[1:], chosen, k-1)
			if found != nil || err != nil {
				return found, err
			}
		}
		if err := errors.Join(t.add(h, at[0]), t.spend(at[:1])); err != nil {
			return nil, err
		}
		chosen, at = append(chosen, at[0]), at[1:]
	}
	if k == 0 && t.is(chain.Hash(h.Sum(nil))) {
		return chosen, nil
	}
	return nil, nil
}
