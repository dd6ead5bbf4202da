package offline

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/chain"
	"civicledger/ledger/verify/verifytest"
)

// agencyFile is an agency with an events file, and a ledger it submits to as
// civicledger submit does.
type agencyFile struct {
	*verifytest.Ledger
	lines    [][]byte
	refused  map[int]bool // lines, from 0
	receipts []*chain.Receipt
	places   map[chain.Hash]place // of submissions
	recorded map[string]bool      // lines
}

type place struct {
	sub      *chain.Submission
	first    uint64
	prev     chain.Hash
	recorded int64
}

func newAgencyFile(t testing.TB, count int) *agencyFile {
	a := &agencyFile{Ledger: verifytest.NewLedger(t), refused: map[int]bool{}, places: map[chain.Hash]place{}, recorded: map[string]bool{}}
	for i := range count {
		a.lines = append(a.lines, verifytest.Line("chaoyang", fmt.Sprint("event ", i)))
	}
	return a
}

// submit submits the first count lines and adds the receipts.
func (a *agencyFile) submit(count, most int) {
	a.Helper()
	for from := 0; from < count; from += most {
		batch := a.lines[from:min(from+most, count)]
		if _, again := a.places[a.Sign("chaoyang", batch...).Digest(a.S, verifytest.Origin)]; !again {
			var rest [][]byte
			for i, l := range batch {
				if !a.refused[from+i] && !a.recorded[string(l)] {
					rest = append(rest, l)
				}
			}
			batch = rest
		}
		if len(batch) > 0 {
			a.record(a.Sign("chaoyang", batch...))
		}
	}
}

// record puts a submission on the log, unless it is, and adds the receipt.
func (a *agencyFile) record(sub *chain.Submission) {
	a.Helper()
	digest := sub.Digest(a.S, verifytest.Origin)
	at, again := a.places[digest]
	if !again {
		at = place{sub: sub, first: a.Head.Size, prev: a.Head.Last}
		a.Commit(sub)
		at.recorded = a.Clock
		a.places[digest] = at
		for _, l := range sub.Lines {
			a.recorded[string(l)] = true
		}
	}
	path, err := chain.NewTree(a.S).Grow(a.Leaves).Inclusion(at.first + uint64(len(sub.Lines)) - 1)
	if err != nil {
		a.Fatal(err)
	}
	a.receipts = append(a.receipts, &chain.Receipt{
		Origin: verifytest.Origin, Suite: a.S.Name(), Submission: digest, Agency: sub.Agency, KeyID: sub.KeyID, Signature: sub.Signature,
		First: at.first, Count: len(sub.Lines), Recorded: at.recorded, Prev: at.prev, Proof: path, Checkpoint: string(a.Checkpoint(len(a.Leaves))),
	})
}

func (a *agencyFile) receiptText() []byte {
	var text []byte
	for _, r := range a.receipts {
		text = append(append(text, r.Encode()...), '\n')
	}
	return text
}

func (a *agencyFile) verifier() note.Verifier {
	verifier, err := note.NewVerifier(a.VKey)
	if err != nil {
		a.Fatal(err)
	}
	return verifier
}

// check checks a file of that text with the receipts.
func (a *agencyFile) check(text []byte, without ...LineRange) *ReceiptReport {
	a.Helper()
	file := filepath.Join(a.TempDir(), "events.jsonl")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		a.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		a.Fatal(err)
	}
	defer f.Close()
	r, err := CheckReceipts(a.receiptText(), f, without, a.verifier(), nil, func(string, int64, int64) {})
	if err != nil {
		a.Fatal(err)
	}
	return r
}

// mustProve checks verdict, lines proven and what is not.
func (a *agencyFile) mustProve(r *ReceiptReport, proven, held int, not ...string) {
	a.Helper()
	var got []string
	for _, l := range r.NotProven {
		got = append(got, fmt.Sprintf("%d-%d %s", l.First, l.Last, l.Why))
	}
	n := 0
	for i := range r.Receipts {
		if r.Receipts[i].Holds {
			n++
		}
	}
	verdict := NotProven
	if len(not) == 0 && n == len(r.Receipts) {
		verdict = Proven
	}
	if r.Verdict != verdict || r.Proven != proven || n != held || !slices.Equal(got, not) {
		a.Errorf("want %s, %d lines, %d receipts, not %q\n%+v", verdict, proven, held, not, r)
	}
}

const uncovered, disputed, nowhere = "no receipt is for it", "its receipt does not hold", "in no submission"

func TestReceipts_WholeFile(t *testing.T) {
	for _, most := range []int{1, 7, 100, 250, 1000} {
		a := newAgencyFile(t, 250)
		a.submit(250, most)
		a.mustProve(a.check(chain.JoinLines(a.lines)), 250, (249+most)/most)
		a.mustProve(a.check(bytes.TrimSuffix(chain.JoinLines(a.lines), []byte("\n"))), 250, (249+most)/most)
		a.mustProve(a.check(bytes.ReplaceAll(chain.JoinLines(a.lines), []byte("\n"), []byte("\r\n"))), 250, (249+most)/most)
	}
}

// Submitted again, and again after the file grew: as submit cuts, drops what
// is recorded and appends to one file of receipts.
func TestReceipts_ManyRuns(t *testing.T) {
	a := newAgencyFile(t, 2600)
	for _, count := range []int{1300, 1300, 1500, 2600, 2600} {
		a.submit(count, 1000)
	}
	r := a.check(chain.JoinLines(a.lines))
	a.mustProve(r, 2600, len(a.receipts))
	same := 0
	for i := range r.Receipts {
		if r.Receipts[i].Same > 0 {
			same++
		}
	}
	if same == 0 {
		t.Error("no receipt was given twice: the test shows nothing")
	}
	// In any order, and with the newest alone.
	random := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		random.Shuffle(len(a.receipts), func(i, j int) { a.receipts[i], a.receipts[j] = a.receipts[j], a.receipts[i] })
		a.mustProve(a.check(chain.JoinLines(a.lines)), 2600, len(a.receipts))
	}
}

// What no receipt covers is named.
func TestReceipts_SomeAreMissing(t *testing.T) {
	a := newAgencyFile(t, 950)
	a.submit(950, 100)
	a.receipts = append(a.receipts[3:5:5], a.receipts[8:]...)
	a.mustProve(a.check(chain.JoinLines(a.lines)), 350, 4, "1-300 "+uncovered, "501-800 "+uncovered)
	slices.Reverse(a.receipts)
	a.mustProve(a.check(chain.JoinLines(a.lines)), 350, 4, "1-300 "+uncovered, "501-800 "+uncovered)
}

// Refused lines lie between those that a receipt is for.
func TestReceipts_RefusedLines(t *testing.T) {
	a := newAgencyFile(t, 1000)
	for _, i := range []int{17, 99, 100, 350, 360, 999} {
		a.refused[i] = true
	}
	a.submit(1000, 100)
	a.mustProve(a.check(chain.JoinLines(a.lines)), 994, 10,
		"18-18 "+uncovered, "100-101 "+uncovered, "351-351 "+uncovered, "361-361 "+uncovered, "1000-1000 "+uncovered)
	// Many in one submission are too many to try, and are not when they are named.
	a = newAgencyFile(t, 1000)
	var without []LineRange
	for i := 300; i < 400; i += 9 {
		a.refused[i] = true
		without = append(without, LineRange{First: i + 1, Last: i + 1})
	}
	a.submit(1000, 500)
	r := a.check(chain.JoinLines(a.lines))
	if r.Verdict != NotProven || !strings.Contains(r.Receipts[0].Problem, "--without") {
		t.Errorf("%+v", r.Receipts[0])
	}
	r = a.check(chain.JoinLines(a.lines), without...)
	if r.Verdict != NotProven || r.Proven != 988 || len(r.NotProven) != 12 || r.NotProven[0] != (LineRange{301, 301, nowhere}) {
		t.Errorf("%d proven, not %+v", r.Proven, r.NotProven)
	}
}

// Whoever changes the file after it was submitted is found out.
func TestReceipts_ChangedFile(t *testing.T) {
	all := func(lines [][]byte) [][]byte { return slices.Clone(lines) }
	for name, c := range map[string]struct {
		change func(lines [][]byte) [][]byte
		proven int
		not    []string
	}{
		"one byte": {func(lines [][]byte) [][]byte {
			lines = all(lines)
			lines[250] = bytes.Replace(lines[250], []byte("110105"), []byte("110106"), 1)
			return lines
		}, 500, []string{"201-300 " + uncovered}},
		"line missing":  {func(lines [][]byte) [][]byte { return slices.Delete(all(lines), 250, 251) }, 500, []string{"201-299 " + uncovered}},
		"first missing": {func(lines [][]byte) [][]byte { return all(lines)[1:] }, 500, []string{"1-99 " + uncovered}},
		"last missing":  {func(lines [][]byte) [][]byte { return all(lines)[:599] }, 500, []string{"501-599 " + uncovered}},
		"lines swapped": {func(lines [][]byte) [][]byte {
			lines = all(lines)
			lines[250], lines[251] = lines[251], lines[250]
			return lines
		}, 500, []string{"201-300 " + uncovered}},
		// Of the order of submissions no receipt says anything: each line is on the log.
		"swapped across submissions": {func(lines [][]byte) [][]byte {
			lines = all(lines)
			lines[299], lines[300] = lines[300], lines[299]
			return lines
		}, 600, nil},
		"submissions swapped": {func(lines [][]byte) [][]byte { return slices.Concat(lines[300:], lines[:300]) }, 600, nil},
		"extra line": {func(lines [][]byte) [][]byte {
			return slices.Insert(all(lines), 250, verifytest.Line("chaoyang", "extra"))
		}, 600, []string{"251-251 " + uncovered}},
		"line twice":         {func(lines [][]byte) [][]byte { return slices.Insert(all(lines), 250, lines[249]) }, 600, []string{"251-251 " + uncovered}},
		"extra at the end":   {func(lines [][]byte) [][]byte { return append(all(lines), verifytest.Line("chaoyang", "extra")) }, 600, []string{"601-601 " + uncovered}},
		"extra at the start": {func(lines [][]byte) [][]byte { return append([][]byte{verifytest.Line("chaoyang", "extra")}, lines...) }, 600, []string{"1-1 " + uncovered}},
		"empty line":         {func(lines [][]byte) [][]byte { return slices.Insert(all(lines), 250, []byte{}) }, 600, []string{"251-251 " + nowhere}},
		"no event": {func(lines [][]byte) [][]byte {
			return slices.Insert(all(lines), 0, []byte("# comment"), bytes.Repeat([]byte("x"), 5<<20))
		}, 600, []string{"1-2 " + nowhere}},
		"all of it": {func([][]byte) [][]byte { return nil }, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAgencyFile(t, 600)
			a.submit(600, 100)
			a.TB = t
			held := c.proven / 100
			r := a.check(chain.JoinLines(c.change(a.lines)))
			if name == "line twice" { // either of the two is the one
				if len(r.NotProven) != 1 || r.NotProven[0].First < 250 || r.NotProven[0].Last > 251 {
					t.Errorf("%+v", r.NotProven)
				}
				return
			}
			a.mustProve(r, c.proven, held, c.not...)
		})
	}
}

// A receipt that does not hold proves no line, and the others still do.
func TestReceipts_Forged(t *testing.T) {
	for name, c := range map[string]struct {
		forge func(r *chain.Receipt)
		not   string
	}{
		"other place":     {func(r *chain.Receipt) { r.First++ }, "101-200 " + disputed},
		"other recorded":  {func(r *chain.Receipt) { r.Recorded++ }, "101-200 " + disputed},
		"other signature": {func(r *chain.Receipt) { r.Signature[0] ^= 1 }, "101-200 " + disputed},
		"other proof":     {func(r *chain.Receipt) { r.Proof[0][0] ^= 1 }, "101-200 " + disputed},
		"other agency":    {func(r *chain.Receipt) { r.Agency = "haidian" }, "101-200 " + uncovered},
		"other origin":    {func(r *chain.Receipt) { r.Origin += "x" }, "101-200 " + uncovered},
		"other count":     {func(r *chain.Receipt) { r.Count-- }, "101-200 " + uncovered},
		"mad count":       {func(r *chain.Receipt) { r.Count = -5 }, "101-200 " + uncovered},
		"mad place":       {func(r *chain.Receipt) { r.First = 1<<64 - 1 }, "101-200 " + disputed},
		"unknown suite":   {func(r *chain.Receipt) { r.Suite = "md5" }, "101-200 " + uncovered},
		"other digest":    {func(r *chain.Receipt) { r.Submission[0] ^= 1 }, "101-200 " + uncovered},
		"no checkpoint":   {func(r *chain.Receipt) { r.Checkpoint = "" }, "101-200 " + disputed},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAgencyFile(t, 300)
			a.submit(300, 100)
			a.TB = t
			c.forge(a.receipts[1])
			a.mustProve(a.check(chain.JoinLines(a.lines)), 200, 2, c.not)
		})
	}
}

func TestReceipts_ForeignKey(t *testing.T) {
	a := newAgencyFile(t, 20)
	a.submit(20, 10)
	_, a.VKey = verifytest.MustLogKey(t, verifytest.Origin, "mallory")
	a.mustProve(a.check(chain.JoinLines(a.lines)), 0, 0, "1-20 "+disputed)
}

// A ledger that signed two histories is shown by two receipts: by the roots of
// one size, or by a place that it gave twice.
func TestReceipts_Fork(t *testing.T) {
	a := newAgencyFile(t, 20)
	fork := *a
	fork.Ledger = a.Fork()
	fork.places, fork.recorded = map[chain.Hash]place{}, map[string]bool{}
	a.record(a.Sign("chaoyang", a.lines[:10]...))
	fork.record(fork.Sign("chaoyang", a.lines[10:]...))
	a.receipts = append(a.receipts, fork.receipts...)
	r := a.check(chain.JoinLines(a.lines))
	if r.Verdict != NotProven || len(r.Forks) != 1 || !strings.Contains(r.Forks[0].Message, "two roots over 13 entries") {
		t.Errorf("same size: %+v", r.Forks)
	}
	fork.Say("haidian", "more", 3)
	fork.receipts = nil
	fork.record(fork.Sign("chaoyang", a.lines[10:]...))
	a.receipts[1] = fork.receipts[0]
	r = a.check(chain.JoinLines(a.lines))
	if r.Verdict != NotProven || r.Proven != 10 || len(r.Forks) != 1 || !strings.Contains(r.Forks[0].Message, "gave entry 3") {
		t.Errorf("same place: %d %+v", r.Proven, r.Forks)
	}
	if f := r.Forks[0]; strings.Count(f.Before+f.Now, "— "+verifytest.Origin) != 2 {
		t.Errorf("it does not show both heads: %+v", f)
	}
}

// An operator who records a submission twice gives two receipts for it.
func TestReceipts_RecordedTwice(t *testing.T) {
	a := newAgencyFile(t, 10)
	sub := a.Sign("chaoyang", a.lines...)
	a.record(sub)
	clear(a.places)
	a.record(sub)
	r := a.check(chain.JoinLines(a.lines))
	if r.Verdict != NotProven || !strings.Contains(r.Receipts[1].Problem, "twice") {
		t.Errorf("%+v", r.Receipts)
	}
}

// BenchmarkReceipts checks a file of 200,000 lines with 200 receipts in order.
func BenchmarkReceipts(b *testing.B) {
	a := newAgencyFile(b, 200_000)
	for from := 0; from < len(a.lines); from += 1000 { // one checkpoint over all
		sub := a.Sign("chaoyang", a.lines[from:from+1000]...)
		at := place{sub: sub, first: a.Head.Size, prev: a.Head.Last}
		a.Commit(sub)
		at.recorded = a.Clock
		a.places[sub.Digest(a.S, verifytest.Origin)] = at
	}
	for from := 0; from < len(a.lines); from += 1000 {
		a.record(a.Sign("chaoyang", a.lines[from:from+1000]...))
	}
	text := chain.JoinLines(a.lines)
	b.ResetTimer()
	for b.Loop() {
		a.mustProve(a.check(text), len(a.lines), 200)
	}
	b.ReportMetric(float64(b.N*len(a.lines))/b.Elapsed().Seconds(), "lines/s")
}

// What lists lines writes what reads them.
