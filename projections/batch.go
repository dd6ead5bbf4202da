package projections

import (
	"fmt"
	"slices"
)

// Batch is what projections write into, entry by entry. It belongs to the
// goroutine of the Runner.
type Batch struct {
	anomalies   *Overlay[Anomaly]
	corrections *Overlay[Correction]
	skipped     map[uint64]uint64   // index → bit for each projection that did not apply it
	void        map[uint64]bool     // entries whose correction could not be determined: they count nowhere
	found       map[uint64][]string // keys of anomalies put in this batch, by entry
	at          int                 // the projection that is being called
	name        string
}

// Report files what the present projection found about e. Index, type, agency
// and jurisdiction are filled in; one code and detail stands once for an entry.
func (b *Batch) Report(e *Entry, a Anomaly) {
	a.Index, a.Type, a.Agency, a.Jurisdiction = e.Index, e.Type(), e.Agency, e.Jurisdiction()
	b.Put(a)
}

// Skip is Report for an entry that could not be applied: it will not be
// retracted.
func (b *Batch) Skip(e *Entry, a Anomaly) {
	b.skip(e.Index)
	b.Report(e, a)
}

func (b *Batch) skip(index uint64) { b.skipped[index] |= 1 << b.at }

// Put files an anomaly that names its entry itself, for what Settle finds.
func (b *Batch) Put(a Anomaly) {
	a.Projection = b.name
	b.found[a.Index] = append(b.found[a.Index], a.key())
	b.anomalies.Put(&a)
}

// Withdraw takes back what Settle had found, if it had.
func (b *Batch) Withdraw(index uint64, code, detail string) {
	key := anomalyKey(index, b.name, code, detail)
	if b.anomalies.Get(key) != nil {
		b.anomalies.Delete(key)
	}
}

// apply gives one entry to every projection.
func (b *Batch) apply(e *Entry, projections []Projection) {
	b.at, b.name = len(projections), runnerName
	if e.trouble != nil {
		b.Report(e, *e.trouble)
	}
	if e.Replaces != nil && !b.replace(e) {
		e.Data, e.Replaces, e.void = nil, nil, true
	}
	if e.void {
		b.void[e.Index] = true
	}
	if e.Data == nil {
		b.skipped[e.Index] = ^uint64(0)
	}
	for i, p := range projections {
		b.at, b.name = i, p.Name()
		if old := e.Replaces; old != nil && b.skipped[old.Index]&(1<<i) == 0 {
			p.Retract(b, old)
		}
		p.Apply(b, e)
	}
}

// replace notes that e takes the place of an earlier entry, once.
func (b *Batch) replace(e *Entry) bool {
	old := e.Replaces.Index
	key := Uint(old)
	if b.void[old] {
		b.Report(e, Anomaly{
			Code:     CodeCorrectionOfVoid,
			Message:  fmt.Sprintf("entry %d is itself a correction that is not counted: say the fact as a new event", old),
			Subjects: []string{e.Event.Corrects.String()},
		})
		return false
	}
	if first := b.corrections.Get(key); first != nil {
		b.Report(e, Anomaly{
			Code:     CodeCorrectedTwice,
			Message:  fmt.Sprintf("entry %d was corrected by entry %d already: correct that one", old, first.By),
			Subjects: []string{e.Event.Corrects.String()},
		})
		return false
	}
	b.corrections.Put(&Correction{Index: old, By: e.Index})
	by := e.Index
	for _, one := range slices.AppendSeq(b.found[old], b.anomalies.written(key)) {
		if a := b.anomalies.Edit(one); a != nil {
			a.CorrectedBy = &by
		}
	}
	return true
}

// settle ends the batch for every projection.
func (b *Batch) settle(projections []Projection) {
	for i, p := range projections {
		b.at, b.name = i, p.Name()
		p.Settle(b)
	}
	clear(b.found)
}

// Dirty collects the keys that Settle looks at.
type Dirty map[string]struct{}

// Add notes a key.
func (d Dirty) Add(key string) { d[key] = struct{}{} }

// Take returns the keys in order and forgets them.
func (d Dirty) Take() []string {
	keys := make([]string, 0, len(d))
	for key := range d {
		keys = append(keys, key)
	}
	clear(d)
	slices.Sort(keys)
	return keys
}
