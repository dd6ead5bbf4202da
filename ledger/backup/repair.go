package backup

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/book"
	"civicledger/ledger/chain"
	"civicledger/ledger/frame"
	"civicledger/ledger/verify/verdict"
)

// Repairing is what Repair is to do.
type Repairing struct {
	Data   string
	Key    string    // verifier key
	From   []*Source // asked in this order, for each entry
	DryRun bool      // change nothing
	Now    time.Time // goes into the names of what is kept aside
}

// Change is a stretch of a file that Repair replaces.
type Change struct {
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	Bytes  int64  `json:"bytes"` // that differ, or were missing
	What   string `json:"what"`  // an entry, a frame's header, the header of a segment, a checkpoint
	First  uint64 `json:"first"` // entries [First, Last]
	Last   uint64 `json:"last"`
}

// Repaired says what Repair did, or would do.
type Repaired struct {
	Changes []Change
	Kept    []string // what was there, relative to the data directory
	Notes   []string
	Refused []Refusal       // entries that nobody had as the log states them: nothing was changed
	Report  *verdict.Report // of the repaired book, or of the book if there is nothing to repair
}

// Repair puts back what is damaged in the book of a data directory that nobody
// serves. Entries are taken from other copies of the log by their hashes, never
// on anybody's word; frames and headers follow from the entries. Files that
// change are built in another directory, the whole book is verified with them,
// and only if it is sound, with the checkpoint that the key signed, do they
// replace the damaged ones, which are kept beside them. Else a *Refused says
// what is missing, and nothing was changed.
//
// If we stop before the first file is replaced, nothing was changed; if we stop
// later, each file is the old one or the new one, what was there is kept, and
// Repair can be run again.
func Repair(ctx context.Context, r Repairing, o Options) (*Repaired, error) {
	w := &repair{Repairing: r, options: o, files: files{o.Around}, done: &Repaired{}}
	lock, err := book.Lock(r.Data)
	if err != nil {
		return w.done, err
	}
	defer lock.Close()
	return w.done, w.run(ctx)
}

// repair is one Repair.
type repair struct {
	Repairing
	options  Options
	files    files
	verifier note.Verifier

	cp       *stored // that the book is repaired up to
	newSlot  []byte  // the slot to write, if no stored checkpoint can be used
	segments []segment
	runs     []run
	gaps     []*gap
	plan     []*target
	done     *Repaired
}

func (w *repair) run(ctx context.Context) (err error) {
	if w.verifier, err = note.NewVerifier(w.Key); err != nil {
		return fmt.Errorf("the key is not a verifier key: %w", err)
	}
	if err := w.open(ctx); err != nil {
		return err
	}
	runs, err := findRuns(w.Data, w.segments, w.options.progress, w.cp.Size)
	if err != nil {
		return err
	}
	if err := w.attempt(ctx, choose(runs)); err != nil || w.sound() {
		return err
	}
	// What stands hangs together and is not what was signed: somebody wrote it
	// anew, hashes and all. Then only the root says what belongs here.
	runs, err = w.distrust(ctx, choose(runs))
	if err != nil {
		return err
	}
	w.done.Refused, w.done.Notes = nil, append(w.done.Notes, "entries of another history stand in the book, with hashes that fit each other: they are replaced as well")
	if err := w.attempt(ctx, runs); err != nil || w.sound() {
		return err
	}
	if len(w.done.Refused) > 0 {
		return w.refused()
	}
	return unsound(w.Data, w.done.Report, "and the sources do not make it so; nothing was changed")
}

func (w *repair) sound() bool {
	return w.done.Report != nil && w.done.Report.Verdict == verdict.Sound
}

func (w *repair) refused() *Refused {
	first := w.done.Refused[0]
	return &Refused{Reason: fmt.Sprintf("%d entries cannot be repaired, the first is %d: %s; nothing was changed: name another copy with a further --from",
		len(w.done.Refused), first.Index, first.Reason)}
}

// open reads what is there and finds the checkpoint up to which the book must
// be whole.
func (w *repair) open(ctx context.Context) error {
	var err error
	var bad []string
	if w.segments, err = readSegments(w.Data); err != nil {
		return err
	}
	if w.cp, bad, err = readCheckpoint(w.Data, w.verifier); err != nil {
		return err
	}
	for _, b := range bad {
		w.done.Notes = append(w.done.Notes, "not usable: "+b)
	}
	for _, s := range w.From {
		cp, err := s.open(ctx, w.verifier)
		if err != nil {
			return err
		}
		if w.cp != nil && w.newSlot == nil && cp.Size == w.cp.Size && cp.Root != w.cp.Root {
			return &Refused{Reason: fmt.Sprintf("%s and %s hold two signed histories: keep both", w.Data, s.name), Before: w.cp.note, Now: cp.note}
		}
		if w.cp == nil || (w.newSlot != nil && cp.Size > w.cp.Size) {
			if w.newSlot, err = (&frame.Slot{Sequence: 1, Note: []byte(cp.note)}).Append(nil); err != nil {
				return err
			}
			w.cp = cp
		}
	}
	if w.cp == nil {
		return &Refused{Reason: fmt.Sprintf("%s has no checkpoint that %s signed, and no source has one: nothing says what belongs there", w.Data, w.verifier.Name())}
	}
	return nil
}

// attempt plans a repair around what stands, builds it and, if it is sound,
// puts it in place.
func (w *repair) attempt(ctx context.Context, runs []run) error {
	w.runs, w.done.Changes, w.done.Report = runs, nil, nil
	w.findGaps()
	for _, g := range w.gaps {
		if err := w.fill(ctx, g); err != nil {
			return err
		}
	}
	if len(w.done.Refused) > 0 {
		return nil
	}
	shadow := filepath.Join(w.Data, shadowName)
	if err := w.files.remove(shadow); err != nil {
		return err
	}
	err := w.build(ctx, shadow)
	if err == nil && w.sound() && !w.DryRun {
		err = w.replace(shadow)
	}
	if removeErr := w.files.remove(shadow); err == nil {
		err = removeErr
	}
	return err
}

// findGaps lists what is missing between the runs, and at the end.
func (w *repair) findGaps() {
	w.gaps = nil
	var head chain.Head
	for i := range w.runs {
		r := &w.runs[i]
		if head.Size < r.prev.Size {
			w.gaps = append(w.gaps, &gap{first: head.Size, to: r.prev.Size, prev: head, anchor: &r.prev.Last})
		}
		head = r.head
	}
	if head.Size < w.cp.Size {
		w.gaps = append(w.gaps, &gap{first: head.Size, to: w.cp.Size, prev: head})
	}
}

// fill asks one source after the other until the gap is proven.
func (w *repair) fill(ctx context.Context, g *gap) error {
	damaged, err := w.oldBytes(g)
	if err != nil {
		return err
	}
	salvaged := func(index uint64) [][]byte { return salvage(damaged, index) }
	var offers []offer
	refused := g.prove(nil, salvaged) // it may be the frame's header alone that is damaged
	for _, s := range w.From {
		if refused == nil && g.hinted {
			break
		}
		o, err := g.ask(ctx, s)
		if err != nil {
			return err
		}
		offers = append(offers, o)
		refused = g.prove(offers, salvaged)
	}
	w.done.Refused = append(w.done.Refused, refused...)
	return nil
}

// distrust cuts off of each run what a source knows otherwise.
func (w *repair) distrust(ctx context.Context, runs []run) ([]run, error) {
	var kept []run
	other := false
	for i := range runs {
		r := runs[i]
		same, known, err := w.knows(ctx, r.head)
		if err != nil {
			return nil, err
		}
		if !known && other { // it rests on what is cut off
			continue
		}
		if known && !same {
			other = true
			if r, err = w.untilOther(ctx, r); err != nil || r.offset == r.end {
				if err != nil {
					return nil, err
				}
				continue
			}
		}
		kept = append(kept, r)
	}
	return kept, nil
}

// knows says whether a source has an entry at the end of that head, and the
// same one.
func (w *repair) knows(ctx context.Context, head chain.Head) (same, known bool, err error) {
	if head.Size == 0 {
		return true, true, nil
	}
	for _, s := range w.From {
		g := gap{first: head.Size - 1, to: head.Size}
		o, err := g.ask(ctx, s)
		if err != nil {
			return false, false, err
		}
		if len(o.entries) == 1 {
			return hashes.Leaf(o.entries[0]) == head.Last, true, nil
		}
	}
	return false, false, nil
}
