package book

import (
	"fmt"

	"civicledger/ledger"
	"civicledger/ledger/chain"
)

// Survey is what reading every byte of a book found.
type Survey struct {
	Head       chain.Head // of the last whole frame
	Checkpoint uint64     // size of the newest stored checkpoint; 0 if there is none
	Commits    int        // whole frames
	Damages    []ledger.Damage
	Torn       *Torn

	standing *view // the longest beginning in which every frame follows the one before
}

// TakeSurvey reads the whole book in the data directory, goes on behind damage
// and writes nothing. Links between frames are checked, hashes of entries are
// not: that is for ledger/verify. While another process writes to the
// directory, what lies above the checkpoint may look torn or damaged.
func TakeSurvey(dir string) (*Survey, error) {
	b := &Book{dir: dir, options: Options{ReadOnly: true}}
	if _, err := b.loadSlots(); err != nil {
		return nil, fmt.Errorf("survey book: %w", err)
	}
	segments, err := b.list()
	if err != nil {
		return nil, fmt.Errorf("survey book: %w", err)
	}
	end, err := b.readEnd(segments, 0)
	if err != nil {
		return nil, fmt.Errorf("survey book: %w", err)
	}
	return &Survey{
		Head: end.view.head, Checkpoint: b.noted, Commits: end.frames,
		Damages: b.damages, Torn: b.report.Torn, standing: end.stands,
	}, nil
}

// Damages returns what Open found wrong in a book opened read-only. Open does
// not read everything; TakeSurvey does.
func (b *Book) Damages() []ledger.Damage { return b.damages }
