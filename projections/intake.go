package projections

import (
	"fmt"
	"runtime"
	"slices"
	"sync"

	"civicledger/ledger"
	"civicledger/ledger/chain"
)

// intake gathers whole commits and reads their entries. All I/O and all
// parsing of a batch happens here, before anything is folded.
type intake struct {
	log      Log
	raw      [][]byte
	size     uint64 // entries up to and with the last commit
	recorded int64
}

// take copies a commit's entries from index from on.
func (in *intake) take(c *ledger.Commit, from uint64) {
	total := 0
	for _, data := range c.Entries {
		total += len(data)
	}
	arena := make([]byte, 0, total)
	for i, data := range c.Entries {
		if c.Prev.Size+uint64(i) < from {
			continue
		}
		start := len(arena)
		arena = append(arena, data...)
		in.raw = append(in.raw, arena[start:len(arena):len(arena)])
	}
	in.size, in.recorded = c.Head.Size, c.Recorded
}

func (in *intake) reset() { in.raw = in.raw[:0] }

// read parses every entry, on all processors, and finds what corrections name.
func (in *intake) read() ([]*Entry, error) {
	entries := make([]*Entry, len(in.raw))
	errs := make([]error, len(in.raw))
	read := func(from, to int) {
		for i := from; i < to; i++ {
			entries[i], errs[i] = readEntry(in.raw[i])
		}
	}
	const chunk = 256
	var work sync.WaitGroup
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	for from := 0; from < len(in.raw); from += chunk {
		if len(in.raw) <= chunk {
			read(0, len(in.raw))
			break
		}
		free <- struct{}{}
		work.Go(func() {
			read(from, min(from+chunk, len(in.raw)))
			<-free
		})
	}
	work.Wait()
	first := in.size - uint64(len(in.raw))
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", first+uint64(i), err)
		}
	}
	return entries, in.resolve(entries)
}

// again returns a reader of entries at or below those taken in. Old ones are
// read from the log, one at a time.
func (in *intake) again(entries []*Entry, first uint64) reader {
	return func(indexes []uint64, see func(*Entry)) error {
		for _, index := range indexes {
			if index >= first {
				see(entries[index-first])
				continue
			}
			e, err := in.entry(index)
			if err != nil {
				return fmt.Errorf("read entry %d again: %w", index, err)
			}
			see(e)
		}
		return nil
	}
}

func (in *intake) entry(index uint64) (*Entry, error) {
	data, err := in.log.Entry(index)
	if err != nil {
		return nil, err
	}
	return readEntry(slices.Clone(data))
}

// resolve sets Replaces of every entry that corrects another one. Where that
// is not possible the entry changes nothing: its sums would count twice.
func (in *intake) resolve(entries []*Entry) error {
	first := in.size - uint64(len(entries))
	for _, e := range entries {
		if e.Data == nil || e.Event.Corrects == nil {
			continue
		}
		old, err := in.corrected(e, entries, first)
		if err != nil {
			return fmt.Errorf("entry %d: what it corrects: %w", e.Index, err)
		}
		if e.trouble = unfit(e, old); e.trouble != nil {
			e.trouble.Subjects = []string{e.Event.Corrects.String()}
			e.Data, e.void = nil, true
			continue
		}
		e.Replaces = old
	}
	return nil
}

// unfit says why old cannot be what e corrects, or nil.
func unfit(e, old *Entry) *Anomaly {
	switch {
	case old == nil:
		return &Anomaly{Code: CodeCorrectionNotFound, Message: "this agency said no such event before; the correction is not counted"}
	case old.Event == nil || old.Event.Type != e.Event.Type:
		return &Anomaly{
			Code:    CodeCorrectionOfOther,
			Message: fmt.Sprintf("what it corrects has type %q; the correction is not counted", old.Type()), Other: &old.Index,
		}
	}
	return nil
}

// corrected returns the entry that e corrects, nil if there is none before e.
func (in *intake) corrected(e *Entry, entries []*Entry, first uint64) (*Entry, error) {
	ref := e.Event.Corrects
	index, ok, err := in.log.Find(chain.KeyOf(in.log.Suite(), e.Agency, ref.Source, ref.ID))
	if err != nil || !ok || index >= e.Index {
		return nil, err
	}
	if index >= first {
		return entries[index-first], nil
	}
	return in.entry(index)
}
