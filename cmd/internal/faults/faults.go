package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"civicledger/ledger/book"
)

// step is a call that can be made to fail: a change of a file of the book, or
// an operation of the index.
type step string

// The steps of the index; those of the book are book.Change.
const (
	stepApply      step = "apply"
	stepLookup     step = "lookup"
	stepTile       step = "tile"
	stepTimeline   step = "timeline"
	stepIndexSync  step = "index-sync"
	stepIndexClose step = "index-close"
)

// changeSteps are those that change files of the book; indexSteps the others.
var (
	changeSteps = []step{
		step(book.ChangeCreate), step(book.ChangeWrite), step(book.ChangeSync), step(book.ChangeRename),
		step(book.ChangeTruncate), step(book.ChangeReserve), step(book.ChangeRemove), step(book.ChangeSyncDir),
	}
	indexSteps = []step{stepApply, stepLookup, stepTile, stepTimeline, stepIndexSync, stepIndexClose}
	anyChange  = step("") // whatever change comes next
)

// flavour is how a step fails.
type flavour string

const (
	notDone   flavour = "not-done"  // it did not happen, and is reported as failed
	doneFails flavour = "done"      // it happened, and is reported as failed
	inPart    flavour = "in-part"   // a write of which a part happened, reported as failed
	dropped   flavour = "dropped"   // a sync that failed and marked what was not written as clean, as Linux does
	dies      flavour = "dies"      // the process ends before it: nothing happens any more
	diesPart  flavour = "dies-part" // the process ends in the middle of a write
	diesAfter flavour = "dies-after"
)

// deadly says whether nothing happens after the fault.
func (f flavour) deadly() bool { return f == dies || f == diesPart || f == diesAfter }

// Errors that are injected. They are never the ledger's own.
var (
	errInjected = errors.New("injected fault")
	errDead     = errors.New("the process has ended")
)

// fault is one step that is to fail.
type fault struct {
	Step  step    `json:"step"`
	After int     `json:"after"` // calls that still succeed
	How   flavour `json:"how"`
}

func (f fault) String() string {
	name := string(f.Step)
	if f.Step == anyChange {
		name = "any change"
	}
	return fmt.Sprintf("%s %s after %d", name, f.How, f.After)
}

// injector says which call of which step fails. One is shared by the disk and
// the index of a ledger.
type injector struct {
	mu    sync.Mutex
	next  *fault
	dead  bool
	hits  []string // what was injected, for the trace
	count func(what string)
	kill  func() // ends the process for good; nil: it only seems to have ended
}

// arm makes a step fail once; nil disarms.
func (i *injector) arm(f *fault) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.next = nil
	if f != nil {
		own := *f
		i.next = &own
	}
}

// armed says whether a fault is still to come.
func (i *injector) armed() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.next != nil
}

// end makes everything from now on not happen.
func (i *injector) end() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.dead = true
}

// revive is a new process.
func (i *injector) revive() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.dead, i.next = false, nil
}

func (i *injector) isDead() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.dead
}

// take returns what happened since it was last asked.
func (i *injector) take() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	hits := i.hits
	i.hits = nil
	return hits
}

// due counts a call and returns how it is to fail; "" if it is not.
func (i *injector) due(s step, isChange bool, where string) flavour {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.dead {
		return dies
	}
	f := i.next
	if f == nil || (f.Step != s && (f.Step != anyChange || !isChange)) {
		return ""
	}
	if f.After > 0 {
		f.After--
		return ""
	}
	i.next = nil
	i.hits = append(i.hits, fmt.Sprintf("%s %s: %s", f.How, s, where))
	i.count(string(s) + " " + string(f.How))
	if f.How.deadly() {
		i.dead = true
	}
	return f.How
}

// around makes a call of the index that may fail.
func (i *injector) around(s step, do func() error) error {
	how := i.due(s, false, "index")
	switch how {
	case "":
		return do()
	case dies, diesPart:
		i.killed()
		return errDead
	case doneFails, diesAfter:
		err := do()
		if how == diesAfter {
			i.killed()
		}
		if err != nil {
			return err
		}
	}
	return fmt.Errorf("%s %s: %w", s, how, errInjected)
}

func (i *injector) killed() {
	if i.kill != nil {
		i.kill()
	}
}

// randomFault chooses a fault, mostly among the first calls of a step.
func randomFault(rng *rand.Rand) *fault {
	f := &fault{After: rng.IntN(8)}
	switch rng.IntN(10) {
	case 0, 1, 2:
		f.Step = indexSteps[rng.IntN(len(indexSteps))]
		f.How = []flavour{notDone, doneFails}[rng.IntN(2)]
	case 3, 4:
		f.Step, f.After = anyChange, rng.IntN(60)
		f.How = []flavour{notDone, doneFails, inPart, dropped}[rng.IntN(4)]
	default:
		f.Step = changeSteps[rng.IntN(len(changeSteps))]
		f.How = []flavour{notDone, doneFails}[rng.IntN(2)]
		switch f.Step {
		case step(book.ChangeWrite):
			f.How = []flavour{notDone, doneFails, inPart}[rng.IntN(3)]
			f.After = rng.IntN(30)
		case step(book.ChangeSync):
			f.How = []flavour{notDone, doneFails, dropped}[rng.IntN(3)]
			f.After = rng.IntN(20)
		case step(book.ChangeRemove), step(book.ChangeRename), step(book.ChangeCreate), step(book.ChangeSyncDir):
			f.After = rng.IntN(3)
		}
	}
	return f
}

// randomDeath chooses where the process ends.
func randomDeath(rng *rand.Rand) *fault {
	how := []flavour{dies, diesPart, diesAfter}[rng.IntN(3)]
	if rng.IntN(8) == 0 {
		return &fault{Step: stepApply, After: rng.IntN(6), How: how}
	}
	return &fault{Step: anyChange, After: rng.IntN(70), How: how}
}
