package projections

import "slices"

// Batch is what projections write into, entry by entry. It belongs to the
// goroutine of the Runner.
type Batch struct {
	anomalies   *Overlay[Anomaly]
	corrections *Overlay[Correction]
	names       *names
	standing    *standing
	waiting     *waiting
	void        map[uint64]bool     // entries whose correction could not be determined: they count nowhere
	found       map[uint64][]string // keys of anomalies put in this batch, by entry
	past        bool                // names are joined, and funds stand, as before this batch
	name        string              // of the projection that is being called
}

func newBatch() *Batch {
	return &Batch{
		anomalies: NewOverlay(anomalies), corrections: NewOverlay(corrections), names: newNames(), standing: newStanding(),
		waiting: newWaiting(), void: map[uint64]bool{}, found: map[uint64][]string{},
	}
}

// Report files what was found about e. Index, type, agency and jurisdiction
// are filled in; one code and detail stands once for an entry.
func (b *Batch) Report(e *Entry, a Anomaly) {
	a.Index = e.Index
	b.Found(e.Speaker(), a)
}

// Found files what was found about the entry that a names. It stands until it
// is withdrawn or the entry is retracted.
func (b *Batch) Found(who Speaker, a Anomaly) {
	a.Type, a.Agency, a.Jurisdiction, a.Projection = who.Type, who.Agency, who.Jurisdiction, b.name
	b.found[a.Index] = append(b.found[a.Index], a.key())
	b.anomalies.Put(&a)
}

// Withdraw takes back what was found, if it was.
func (b *Batch) Withdraw(index uint64, code, detail string) {
	key := anomalyKey(index, b.name, code, detail)
	if b.anomalies.Get(key) != nil {
		b.anomalies.Delete(key)
	}
}

// reader reads entries that the Runner knows, in any order, those of this batch
// included, and shows them in the order asked for.
type reader func(indexes []uint64, see func(*Entry)) error

// fold takes in the new entries, the first of which has the index first. What
// they change about others is decided before any projection hears of it: what
// counts no more is taken back as it was applied, what is filed elsewhere is
// moved, and what counts from now on is applied.
func (b *Batch) fold(entries []*Entry, first uint64, projections []Projection, read reader) error {
	for _, e := range entries {
		b.hear(e, first, projections)
	}
	b.standing.decide()
	var out, in []uint64
	for _, f := range b.standing.touched {
		if f.was != f.holds {
			out, in = f.turn(first, out, in)
		}
	}
	join := func(stands bool) func(*Entry) { return func(e *Entry) { b.names.register(e, stands) } }
	if err := read(b.registrations(out), join(false)); err != nil {
		return err
	}
	if err := read(b.registrations(in), join(true)); err != nil {
		return err
	}
	for _, e := range entries {
		if b.standing.stands(e.Index) {
			b.names.register(e, true)
		}
	}
	retract := func(e *Entry) { b.retract(e, projections) }
	apply := func(e *Entry) { b.apply(e, projections) }
	move := func(e *Entry) { retract(e); apply(e) }
	if err := read(out, retract); err != nil {
		return err
	}
	if err := read(b.refiled(first), move); err != nil {
		return err
	}
	if err := read(in, apply); err != nil {
		return err
	}
	for _, e := range entries {
		if e.Data != nil && b.standing.stands(e.Index) {
			apply(e)
		}
	}
	return b.settle(projections, read)
}

// hear takes note of an entry.
func (b *Batch) hear(e *Entry, first uint64, projections []Projection) {
	b.name = runnerName
	if e.trouble != nil {
		b.Report(e, *e.trouble)
	}
	if e.Replaces != nil && b.void[e.Replaces.Index] {
		b.Report(e, Anomaly{
			Code:     CodeCorrectionOfVoid,
			Message:  "what it corrects is itself a correction that is not counted: say the fact as a new event",
			Subjects: []string{e.Event.Corrects.String()}, Other: &e.Replaces.Index,
		})
		e.Data, e.Replaces, e.void = nil, nil, true
	}
	if e.void {
		b.void[e.Index] = true
	}
	if e.Data != nil {
		b.standing.note(e, first)
	}
	for _, p := range projections {
		if l, ok := p.(Listener); ok {
			b.name = p.Name()
			l.Hear(b, e)
		}
	}
}

// turn appends the older entries that count no more, and that do from now on.
func (f *fact) turn(first uint64, out, in []uint64) (_, _ []uint64) {
	if f.was >= 0 {
		out = append(out, f.versions[f.was].Index)
	}
	if f.holds >= 0 && f.versions[f.holds].Index < first {
		in = append(in, f.versions[f.holds].Index)
	}
	return out, in
}

// registrations are those of the entries that join names.
func (b *Batch) registrations(indexes []uint64) (some []uint64) {
	for _, index := range indexes {
		f := b.standing.facts[index]
		if f.versions[0].by.Type == "organisation.registered.v1" {
			some = append(some, index)
		}
	}
	return some
}

// refiled are the older entries that count before and after, and name an
// organisation or a fund that changed.
func (b *Batch) refiled(first uint64) []uint64 {
	var all []uint64
	for _, n := range b.names.changed {
		all = append(all, n.mentions...)
	}
	for _, name := range b.standing.reopened {
		all = append(all, b.standing.funds[name].mentions...)
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(index uint64) bool {
		f := b.standing.facts[index]
		return index >= first || f != nil && f.was != f.holds || !b.standing.stands(index)
	})
}

func (b *Batch) apply(e *Entry, projections []Projection) {
	name, currency := money(e.Data)
	if e.Waits = !b.standing.met(name, currency, false); e.Waits {
		b.waiting.set(e.Agency, e.Index, true)
	}
	for _, p := range projections {
		b.name = p.Name()
		p.Apply(b, e)
	}
}

func (b *Batch) retract(e *Entry, projections []Projection) {
	name, currency := money(e.Data)
	if e.Waits = !b.standing.met(name, currency, true); e.Waits {
		b.waiting.set(e.Agency, e.Index, false)
	}
	for _, key := range slices.AppendSeq(b.found[e.Index], b.anomalies.written(Uint(e.Index))) {
		b.anomalies.Delete(key)
	}
	b.past = true
	for _, p := range projections {
		b.name = p.Name()
		p.Retract(b, e)
	}
	b.past = false
}

// settle ends the batch for every projection.
func (b *Batch) settle(projections []Projection, read reader) error {
	b.name = runnerName
	for _, f := range b.standing.touched {
		b.file(f)
	}
	if err := b.settleWaiting(read); err != nil {
		return err
	}
	for _, p := range projections {
		b.name = p.Name()
		p.Settle(b)
	}
	b.names.settle()
	b.standing.forget()
	clear(b.found)
	return nil
}

// file says which word of a fact counts, and why others do not.
func (b *Batch) file(f *fact) {
	for i := range f.versions {
		v := &f.versions[i]
		b.Withdraw(v.Index, v.code, "")
		b.Withdraw(v.Index, CodeCorrectionRefused, "claim")
		if key := Uint(v.Index); i < f.holds {
			b.corrections.Put(&Correction{Index: v.Index, By: f.versions[f.holds].Index})
		} else if b.corrections.Get(key) != nil {
			b.corrections.Delete(key)
		}
		waits := i > f.holds && i > 0 && !b.standing.met(v.fund, v.currency, false)
		if i > 0 {
			b.waiting.set(v.by.Agency, v.Index, waits)
		}
		if i <= f.holds || waits {
			continue
		}
		a := Anomaly{
			Index: v.Index, Code: v.code, Subjects: v.subjects,
			Message: "another event says it with an earlier legal date, or the same and a smaller event key; this one is not counted",
		}
		if i > 0 {
			a.Code, a.Detail, a.Message = CodeCorrectionRefused, "claim", "the word before stands: "+a.Message
		}
		b.Found(v.by, a)
	}
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
