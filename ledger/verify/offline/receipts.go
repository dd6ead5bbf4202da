// Package offline checks, without the log, what somebody holds of it: that an
// entry is on it by its proof, and that an agency's file is by its receipts.
package offline

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/chain"
	"civicledger/ledger/verify/verdict"
)

// ReceiptFormat is the first member of the report on receipts; see FORMAT.md.
const ReceiptFormat = "civicledger receipt report v1"

// ReceiptReport says what receipts prove about an events file.
type ReceiptReport struct {
	Format    string                  `json:"format"`
	Verdict   string                  `json:"verdict"`
	File      string                  `json:"file"` // of events
	Key       string                  `json:"key"`
	Origin    string                  `json:"origin"`
	Lines     int                     `json:"lines"`
	Proven    int                     `json:"proven"` // lines
	Receipts  []ReceiptSeen           `json:"receipts"`
	NotProven []LineRange             `json:"notProven"`
	Known     *verdict.Seen           `json:"known,omitempty"`
	Forks     []verdict.Contradiction `json:"contradictions,omitempty"`
	Notes     []string                `json:"notes"`

	Newest *verdict.Seen `json:"-"` // checkpoint of the receipts that hold
}

// ReceiptSeen is one receipt and what it proves.
type ReceiptSeen struct {
	Receipt    int         `json:"receipt"` // its line in the file of receipts
	Agency     string      `json:"agency,omitempty"`
	First      uint64      `json:"first"` // entries [First, Last]
	Last       uint64      `json:"last"`
	Recorded   string      `json:"recorded,omitempty"`
	Checkpoint uint64      `json:"checkpoint"` // size
	Lines      []LineRange `json:"lines"`      // of the events file
	Holds      bool        `json:"holds"`
	Same       int         `json:"same,omitempty"` // receipt that says the same
	Problem    string      `json:"problem,omitempty"`

	receipt *chain.Receipt
	at      []int
}

// LineRange is lines of the events file, from 1, both ends included.
type LineRange struct {
	First int    `json:"first"`
	Last  int    `json:"last"`
	Why   string `json:"why,omitempty"`
}

// receipts checks a file of receipts against a file of events.
type receipts struct {
	verifier note.Verifier
	known    *verdict.Signed
	file     *eventLines
	report   *ReceiptReport
	match    *matcher
	by       map[chain.Hash]*ReceiptSeen // by submission digest
	progress func(what string, done, total int64)
}

// CheckReceipts says which lines of an events file receipts, one on each line,
// prove to be on the log. Lines without are known to be in no submission. The
// error says that a file cannot be read, or holds no receipt at all.
func CheckReceipts(text []byte, events *os.File, without []LineRange, verifier note.Verifier, known *verdict.Signed, progress func(what string, done, total int64)) (*ReceiptReport, error) {
	c := &receipts{
		verifier: verifier, known: known, by: map[chain.Hash]*ReceiptSeen{}, progress: progress,
		report: &ReceiptReport{Format: ReceiptFormat, Origin: verifier.Name(), NotProven: []LineRange{}, Notes: []string{}},
	}
	if err := c.parse(text); err != nil {
		return nil, err
	}
	var err error
	if c.file, err = openLines(events, progress); err != nil {
		return nil, err
	}
	if err := c.leaveOut(without); err != nil {
		return nil, err
	}
	if err := c.checkAll(); err != nil {
		return nil, err
	}
	c.settle()
	return c.report, nil
}

// parse reads the receipts. One that cannot be read does not hold; that none
// can be read is an error.
func (c *receipts) parse(text []byte) error {
	var first error
	readable := 0
	for i, line := range bytes.Split(bytes.TrimRight(text, "\n"), []byte{'\n'}) {
		r, err := chain.ParseReceipt(bytes.TrimSuffix(line, []byte{'\r'}))
		seen := ReceiptSeen{Receipt: i + 1, Lines: []LineRange{}, receipt: r}
		if err != nil {
			seen.Problem = err.Error()
			first = cmp.Or(first, fmt.Errorf("receipt %d: %w", i+1, err))
		} else {
			readable++
			seen.Agency, seen.First, seen.Last, seen.Recorded = r.Agency, r.First, r.First+uint64(max(r.Count, 1))-1, verdict.Stamp(r.Recorded)
		}
		c.report.Receipts = append(c.report.Receipts, seen)
	}
	if readable == 0 {
		return fmt.Errorf("the file holds no receipt that can be read: %w", first)
	}
	return nil
}

func (c *receipts) leaveOut(without []LineRange) error {
	for _, r := range without {
		if r.Last > c.file.count() {
			return fmt.Errorf("--without names line %d, the file has %d", r.Last, c.file.count())
		}
		for i := r.First - 1; i < r.Last; i++ {
			c.file.state[i] = lineLeftOut
		}
	}
	return nil
}

func (c *receipts) checkAll() error {
	most := 1
	for i := range c.report.Receipts {
		if r := c.report.Receipts[i].receipt; r != nil && r.Count <= chain.MaxLines {
			most = max(most, r.Count)
		}
	}
	c.match = newMatcher(c.file, most)
	for i := range c.report.Receipts {
		if r := &c.report.Receipts[i]; r.receipt != nil {
			if err := c.check(r); err != nil {
				return err
			}
		}
		c.progress("receipts", int64(i+1), int64(len(c.report.Receipts)))
	}
	return nil
}

// check finds the lines of a receipt and verifies it with them.
func (c *receipts) check(r *ReceiptSeen) error {
	before := c.by[r.receipt.Submission]
	if before != nil {
		// The same submission again gets a receipt for the same place, under a
		// newer checkpoint perhaps. Whoever goes on, goes on behind it.
		r.Same, r.at = before.Receipt, before.at
	} else {
		var err error
		if r.at, err = c.match.find(r.receipt); err != nil {
			return err
		}
	}
	if r.at == nil {
		r.Problem = c.unmatched(r.receipt)
		return nil
	}
	lines, err := c.file.lines(r.at)
	if err != nil {
		return err
	}
	r.Lines = Ranges(r.at)
	state := lineProven
	if err := r.receipt.Verify(lines, c.verifier); err != nil {
		r.Problem, state = err.Error(), lineClaimed
	}
	if before == nil {
		c.by[r.receipt.Submission] = r
		c.match.take(r.at, state)
	} else {
		c.match.cursor = r.at[len(r.at)-1] + 1
	}
	if state == lineProven {
		r.Holds = true
		c.file.mark(r.at, lineProven)
	}
	return nil
}

// unmatched says why there are no lines for a receipt.
func (c *receipts) unmatched(r *chain.Receipt) string {
	if _, err := chain.OpenCheckpoint([]byte(r.Checkpoint), c.verifier); err != nil {
		return err.Error()
	}
	return fmt.Sprintf("no %d lines of the file are those it was given for: one is changed, missing or at another place, or lines between them were refused (name those with --without)", r.Count)
}

// Ranges returns lines, counted from 0 and ascending, as ranges from 1.
func Ranges(at []int) []LineRange {
	var out []LineRange
	for _, i := range at {
		if n := len(out); n > 0 && out[n-1].Last == i {
			out[n-1].Last = i + 1
			continue
		}
		out = append(out, LineRange{First: i + 1, Last: i + 1})
	}
	return out
}

// settle compares the receipts with each other and with what was kept, and
// gives the verdict.
func (c *receipts) settle() {
	r := c.report
	r.Lines, r.Verdict = c.file.count(), Proven
	c.compareHeads()
	c.comparePlaces()
	if len(r.Forks) > 0 || slices.ContainsFunc(r.Receipts, func(s ReceiptSeen) bool { return !s.Holds }) {
		r.Verdict = NotProven
	}
	why := map[lineState]string{
		lineFree: "no receipt is for it", lineClaimed: "its receipt does not hold", lineLeftOut: "in no submission",
	}
	for i, state := range c.file.state {
		if state == lineProven {
			r.Proven++
			continue
		}
		r.Verdict = NotProven
		if n := len(r.NotProven); n > 0 && r.NotProven[n-1].Last == i && r.NotProven[n-1].Why == why[state] {
			r.NotProven[n-1].Last = i + 1
			continue
		}
		r.NotProven = append(r.NotProven, LineRange{i + 1, i + 1, why[state]})
	}
}

// compareHeads compares the checkpoints of the receipts that hold: over one
// number of entries there is one root.
func (c *receipts) compareHeads() {
	heads := map[uint64]*verdict.Signed{}
	c.report.Known = c.known.Seen()
	if c.known != nil {
		heads[c.known.Size] = c.known
	}
	for i := range c.report.Receipts {
		r := &c.report.Receipts[i]
		if !r.Holds {
			continue
		}
		head, err := verdict.Open([]byte(r.receipt.Checkpoint), c.verifier)
		if err != nil {
			panic("offline: a receipt holds under no checkpoint: " + err.Error())
		}
		r.Checkpoint = head.Size
		if fork := head.Contradicts(heads[head.Size]); fork != nil {
			c.dispute(r, fork)
			continue
		}
		heads[head.Size] = head
		if c.report.Newest == nil || c.report.Newest.Size < head.Size {
			c.report.Newest = head.Seen()
		}
	}
	if c.report.Newest != nil {
		c.report.Notes = append(c.report.Notes, unrelated(c.known, c.report.Newest.Size)...)
	}
}

// comparePlaces finds places on the log that were given twice: two receipts
// that hold for one index under two checkpoints are two histories.
func (c *receipts) comparePlaces() {
	var held []*ReceiptSeen
	for i := range c.report.Receipts {
		if r := &c.report.Receipts[i]; r.Holds {
			held = append(held, r)
		}
	}
	slices.SortStableFunc(held, func(a, b *ReceiptSeen) int { return cmp.Compare(a.First, b.First) })
	for i, widest := 1, 0; i < len(held); i++ {
		a, b := held[widest], held[i]
		if b.Last > a.Last {
			widest = i
		}
		if a.Last < b.First || samePlace(a, b) {
			continue
		}
		message := fmt.Sprintf("fork: the ledger gave entry %d to receipt %d as well", b.First, a.Receipt)
		c.dispute(b, &verdict.Contradiction{Message: message, Before: a.receipt.Checkpoint, Now: b.receipt.Checkpoint})
	}
	for _, r := range held {
		if first := c.by[r.receipt.Submission]; r.Holds && first.Holds && first.First != r.First {
			c.dispute(r, nil)
			r.Problem = fmt.Sprintf("the ledger recorded the same submission twice: at %d (receipt %d) and at %d", first.First, first.Receipt, r.First)
		}
	}
}

func samePlace(a, b *ReceiptSeen) bool {
	return a.First == b.First && a.receipt.Submission == b.receipt.Submission && a.receipt.Prev == b.receipt.Prev && a.receipt.Recorded == b.receipt.Recorded
}

// dispute takes back what a receipt proved.
func (c *receipts) dispute(r *ReceiptSeen, fork *verdict.Contradiction) {
	r.Holds = false
	c.file.mark(r.at, lineClaimed)
	if fork != nil {
		r.Problem = fork.Message
		c.report.Forks = append(c.report.Forks, *fork)
	}
}
