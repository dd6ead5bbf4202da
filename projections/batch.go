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
	name        string              // of the projection that is being called
}

func newBatch() *Batch {
	return &Batch{
		anomalies: NewOverlay(anomalies), corrections: NewOverlay(corrections), names: newNames(), standing: newStanding(),
		waiting: newWaiting(), void: map[uint64]bool{}, found: map[uint64][]string{},
	}
}

// Change is an entry that is applied (Sign 1), or taken back (Sign -1): it counts
// no more, or is applied again under another key. Key and Entry.Waits say what
// they said when it was applied, and all that was found about it is withdrawn.
type Change struct {
	Entry *Entry
	Sign  int64
	batch *Batch
}

// Applies reports whether the entry counts from now on.
func (c *Change) Applies() bool { return c.Sign > 0 }

// Placed puts what an entry says into a list in order, or takes it out.
func Placed[T any](c *Change, list []T, one T, compare func(a, b T) int) []T {
	at, _ := slices.BinarySearchFunc(list, one, compare)
	if c.Applies() {
		return slices.Insert(list, at, one)
	}
	return slices.Delete(list, at, at+1)
}

// Report files what was found about e, which may be unreadable.
func (b *Batch) Report(e *Entry, a Anomaly) { b.Found(Ref{Index: e.Index, By: e.Speaker()}, a) }

// Found files what was found about an entry, of which it fills in index, type,
// agency and jurisdiction. It stands until it is withdrawn or the entry is
// retracted; one code and detail stands once for an entry.
func (b *Batch) Found(about Ref, a Anomaly) {
	a.Index, a.Type, a.Agency, a.Jurisdiction = about.Index, about.By.Type, about.By.Agency, about.By.Jurisdiction
	a.Projection = b.name
	b.found[a.Index] = append(b.found[a.Index], a.key())
	b.anomalies.Put(&a)
}

// Odd is what was found about an entry, kept to be withdrawn.
type Odd struct {
	Ref Ref
	Anomaly
}

// Judge files what was found about an entry where it is so, and else withdraws it.
func (b *Batch) Judge(about Ref, so bool, a Anomaly) {
	if so {
		b.Found(about, a)
	} else {
		b.Withdraw(about.Index, a.Code, a.Detail)
	}
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
	out, in := b.standing.turned(first)
	join := func(e *Entry) { b.names.register(e, b.standing.stands(e.Index)) }
	if err := read(b.registrations(slices.Concat(out, in)), join); err != nil {
		return err
	}
	for _, e := range entries {
		if b.standing.stands(e.Index) {
			join(e)
		}
	}
	retract := func(e *Entry) { b.change(e, -1, projections) }
	apply := func(e *Entry) { b.change(e, 1, projections) }
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

// turned are the older entries that count no more, and that do from now on.
func (s *standing) turned(first uint64) (out, in []uint64) {
	for _, f := range s.touched {
		if f.was >= 0 && f.was != f.holds {
			out = append(out, f.versions[f.was].Index)
		}
		if f.holds >= 0 && f.was != f.holds && f.versions[f.holds].Index < first {
			in = append(in, f.versions[f.holds].Index)
		}
	}
	return out, in
}

// registrations are those of the entries that join names.
func (b *Batch) registrations(indexes []uint64) (some []uint64) {
	for _, index := range indexes {
		if b.standing.facts[index].versions[0].By.Type == "organisation.registered.v1" {
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

func (b *Batch) change(e *Entry, sign int64, projections []Projection) {
	c := &Change{e, sign, b}
	name, currency := money(e.Data)
	if e.Waits = !b.standing.met(name, currency, !c.Applies()); e.Waits {
		b.waiting.set(e.Agency, e.Index, c.Applies())
	}
	if !c.Applies() {
		for _, key := range b.found[e.Index] {
			b.anomalies.Delete(key)
		}
		for a := range b.anomalies.written(Uint(e.Index)) {
			b.anomalies.Delete(a.key())
		}
	}
	for _, p := range projections {
		b.name = p.Name()
		p.Change(c)
	}
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
			b.waiting.set(v.By.Agency, v.Index, waits)
		}
		if i <= f.holds || waits {
			continue
		}
		a := Anomaly{
			Code: v.code, Subjects: v.subjects,
			Message: "another event says it with an earlier legal date, or the same and a smaller event key; this one is not counted",
		}
		if i > 0 {
			a.Code, a.Detail, a.Message = CodeCorrectionRefused, "claim", "the word before stands: "+a.Message
		}
		b.Found(v.Ref, a)
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
