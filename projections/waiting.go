package projections

import (
	"fmt"
	"maps"
	"slices"
)

// MaxWaiting is how many waiting entries of one agency are shown one by one,
// the first ones it said; the others are counted.
const MaxWaiting = 10_000

// Waiting is how many entries of an agency wait for a fact that nobody said.
type Waiting struct {
	Agency string `json:"agency"`
	Count  int64  `json:"count"`
}

var waitingTable = NewTable("waiting", func(w *Waiting) string { return Key(w.Agency) }, nil)

// Waiting is how many entries of an agency wait for a fact.
func (v *View) Waiting(agency string) int64 {
	if w := waitingTable.Row(v, Key(agency)); w != nil {
		return w.Count
	}
	return 0
}

// waiting keeps a reference to every entry that waits: its index, under which
// the entry with its key is read again when the fact comes.
type waiting struct {
	rows *Overlay[Waiting]
	of   map[string]*waits
}

type waits struct {
	list  []uint64        // ascending
	turns map[uint64]bool // in this batch: waits, or no more
}

func newWaiting() *waiting { return &waiting{rows: NewOverlay(waitingTable), of: map[string]*waits{}} }

// set notes whether an entry waits from now on.
func (w *waiting) set(agency string, index uint64, is bool) {
	one := w.of[agency]
	switch {
	case one == nil && !is:
		return
	case one == nil:
		one = &waits{turns: map[uint64]bool{}}
		w.of[agency] = one
	}
	one.turns[index] = is
}

func (w *waits) shown() []uint64 { return w.list[:min(len(w.list), MaxWaiting)] }

// turn brings the list up to date and returns what is to be shown no more and
// what anew.
func (w *waits) turn() (hide, show []uint64) {
	before := slices.Clone(w.shown())
	w.list = slices.DeleteFunc(w.list, func(index uint64) bool { _, turned := w.turns[index]; return turned })
	for index, is := range w.turns {
		if is {
			w.list = append(w.list, index)
		}
	}
	slices.Sort(w.list)
	less := func(list, other []uint64) []uint64 {
		return slices.DeleteFunc(slices.Clone(list), func(index uint64) bool {
			_, turned := w.turns[index]
			_, found := slices.BinarySearch(other, index)
			return found && !turned
		})
	}
	hide, show = less(before, w.shown()), less(w.shown(), before)
	clear(w.turns)
	return hide, show
}

// settleWaiting shows what waits, and counts it against who said it.
func (b *Batch) settleWaiting(read reader) error {
	for _, agency := range slices.Sorted(maps.Keys(b.waiting.of)) {
		w := b.waiting.of[agency]
		if len(w.turns) == 0 {
			continue
		}
		hide, show := w.turn()
		for _, index := range hide {
			for _, code := range []string{CodeUnknownFund, CodeCurrencyMismatch, CodeCorrectionRefused} {
				b.Withdraw(index, code, "")
			}
		}
		if err := read(show, b.showWaiting); err != nil {
			return err
		}
		if len(w.list) == 0 {
			b.waiting.rows.Delete(Key(agency))
			delete(b.waiting.of, agency)
			continue
		}
		b.waiting.rows.Put(&Waiting{Agency: agency, Count: int64(len(w.list))})
	}
	return nil
}

// showWaiting says what an entry waits for.
func (b *Batch) showWaiting(e *Entry) {
	name, currency := money(e.Data)
	a := Anomaly{
		Code: CodeUnknownFund, Subjects: []string{name}, Waiting: "fund.opened of " + name,
		Message: "nobody opened this fund; the entry counts once somebody does",
	}
	if kept := b.standing.fund(name).now; kept != "" {
		a.Code, a.Waiting = CodeCurrencyMismatch, "fund "+name+" in "+currency
		a.Message = fmt.Sprintf("the fund is kept in %s, the event says %s; it counts once one of them is corrected", kept, currency)
	}
	if !b.standing.stands(e.Index) {
		a.Code, a.Message = CodeCorrectionRefused, "the word before stands: "+a.Message
	}
	b.Report(e, a)
}
