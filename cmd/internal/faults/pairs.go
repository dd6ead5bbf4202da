package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"civicledger/cmd/internal/datadir"
	"civicledger/ledger"
	"civicledger/ledger/book"
	"civicledger/ledger/frame"
	"civicledger/ledger/verify/verdict"
)

// kind is a kind of fault that is paired with every other. It happens while the
// ledger is served (arm, end) or to the directory at rest (rest).
type kind struct {
	name string
	arm  func(*rand.Rand) *fault
	end  ending
	rest func(r *run, dir string) error

	stops bool // alone it may keep the ledger from starting
	blind bool // a slot may be unusable: nothing may be called torn then
	tears bool // it may leave bytes that are no frame behind the last one
	back  bool // it puts both stored checkpoints back: an auditor cannot know what stood above
	// old says that the stored checkpoints and the index may be a second older
	// than what was acknowledged, as after a power cut: with an end that was cut
	// besides, nothing on this disk knows of what stood there.
	old  bool
	ends bool // it takes the end of the book away
}

// failing is a kind for each step, in one of the flavours that are not deadly.
func failing(s step) kind {
	return kind{name: string(s) + " fails", tears: s == step(book.ChangeWrite), blind: s == step(book.ChangeWrite), arm: func(rng *rand.Rand) *fault {
		how := []flavour{notDone, doneFails}[rng.IntN(2)]
		if s == step(book.ChangeWrite) && rng.IntN(3) == 0 {
			how = inPart
		}
		return &fault{Step: s, After: rng.IntN(4), How: how}
	}}
}

func deathly(how flavour) kind {
	return kind{name: "process " + string(how), end: byKill, tears: true, blind: how == diesPart, arm: func(rng *rand.Rand) *fault {
		return &fault{Step: anyChange, After: rng.IntN(30), How: how}
	}}
}

// kinds are all that are paired.
func kinds() []kind {
	var all []kind
	for _, s := range slices.Concat(changeSteps, indexSteps) {
		all = append(all, failing(s))
	}
	return append(all,
		deathly(dies), deathly(diesPart), deathly(diesAfter),
		kind{name: "sync drops", arm: func(rng *rand.Rand) *fault {
			return &fault{Step: step(book.ChangeSync), After: rng.IntN(6), How: dropped}
		}, end: byPowerCut, tears: true, old: true},
		kind{name: "kill", end: byKill, tears: true},
		kind{name: "power cut", end: byPowerCut, tears: true, old: true},
		kind{name: "kill -9", end: byKillOfChild, tears: true, blind: true},
		kind{name: "index damaged", rest: (*run).spoilIndex},
		kind{name: "index gone", rest: func(_ *run, dir string) error { return os.RemoveAll(datadir.Dir(dir).Index()) }},
		kind{name: "index put back", rest: (*run).putBackIndex},
		kind{name: "a slot damaged", blind: true, rest: func(r *run, dir string) error { return r.spoilSlots(dir, frame.SlotNames[r.rng.IntN(2)]) }},
		kind{name: "a slot put back", rest: func(r *run, dir string) error { return r.putBackSlots(dir, frame.SlotNames[r.rng.IntN(2)]) }},
		kind{name: "both slots damaged", blind: true, stops: true, rest: func(r *run, dir string) error { return r.spoilSlots(dir, frame.SlotNames[:]...) }},
		kind{name: "both slots put back", back: true, rest: func(r *run, dir string) error { return r.putBackSlots(dir, frame.SlotNames[:]...) }},
		kind{name: "book damaged", stops: true, rest: (*run).spoilBook},
		kind{name: "last frame changed", stops: true, ends: true, rest: (*run).spoilEnd},
		kind{name: "book cut", stops: true, ends: true, rest: (*run).cutBook},
		kind{name: "last frame gone", stops: true, ends: true, rest: (*run).cutFrame},
		kind{name: "segment gone", stops: true, rest: (*run).dropSegment},
		kind{name: "bytes behind the end", tears: true, rest: (*run).growEnd},
		kind{name: "key damaged", stops: true, rest: (*run).spoilKey},
	)
}

// pair is two kinds, in the order in which they happen.
type pair struct{ a, b kind }

// pairs are all pairs of kinds, what happens while the ledger is served first.
func pairs() []pair {
	all := kinds()
	var list []pair
	for i, a := range all {
		for _, b := range all[i:] {
			list = append(list, pair{a, b})
		}
	}
	return list
}

// pairsInRun is how many pairs one ledger goes through.
const pairsInRun = 20

// pairRun is one ledger that goes through a part of the pairs.
func (r *run) pairRun(group int) error {
	for range 2 {
		if err := r.lifeWith(kind{}, false); err != nil {
			return err
		}
		if err := r.keepStale(); err != nil {
			return err
		}
	}
	list := pairs()
	from := group * pairsInRun
	for _, p := range list[from:min(from+pairsInRun, len(list))] {
		r.trace("pair: %s, %s", p.a.name, p.b.name)
		r.result.Faults["pair of faults"]++
		if err := r.pair(p); err != nil {
			return fmt.Errorf("%s, then %s: %w", p.a.name, p.b.name, err)
		}
	}
	r.result.Entries = r.model.size
	return r.lastWord()
}

// lifeWith opens the ledger, lets one kind of fault happen, and ends. Early, the
// fault comes while the directory is opened.
func (r *run) lifeWith(k kind, early bool) error {
	r.result.Lives++
	if k.end == byKillOfChild {
		return r.childLife()
	}
	if k.arm != nil && early {
		r.faults.arm(k.arm(r.rng))
	}
	n, err := r.start()
	if err != nil {
		return err
	}
	if k.arm != nil && !early {
		r.faults.arm(k.arm(r.rng))
	}
	if err := r.workOn(n, 3+r.rng.IntN(4)); err != nil {
		r.abandon(n)
		return err
	}
	return r.endLife(n, k.end, "")
}

// pair lets both happen and holds what is left against the model.
func (r *run) pair(p pair) error {
	if p.a.rest != nil { // something to lose since the last pair
		if err := r.lifeWith(kind{}, false); err != nil {
			return err
		}
	} else if err := r.lifeWith(p.a, false); err != nil {
		return err
	}
	if p.b.rest == nil {
		if err := r.lifeWith(p.b, true); err != nil {
			return err
		}
		return r.mustStart(nil)
	}
	dir, drop, err := r.copied(r.dir)
	if err != nil {
		return err
	}
	for _, k := range []kind{p.a, p.b} {
		if k.rest != nil {
			if err := k.rest(r, dir); err != nil {
				return fmt.Errorf("%s: %w", k.name, err)
			}
		}
	}
	taken, err := r.judgePair(dir, p)
	if err != nil {
		return err
	}
	if taken {
		r.dir = dir
	} else {
		drop()
	}
	if err := r.disk.settled(r.dir); err != nil { // it saw the copy meanwhile
		return err
	}
	if taken {
		return nil
	}
	return r.mustStart(nil)
}

// judgePair opens the directory after both: either everything acknowledged is
// there, or it says why not and changes nothing; and no auditor calls sound what
// lacks something.
func (r *run) judgePair(dir string, p pair) (taken bool, err error) {
	report := r.judge(dir)
	unknowable := p.a.old && p.b.ends
	if have := report.Counts.Entries + report.Counts.Beyond; report.Verdict == verdict.Sound && have < r.model.size && !p.a.back && !p.b.back && !unknowable {
		return false, fmt.Errorf("the auditor finds it sound, with %d entries of %d%s", have, r.model.size, words(report))
	}
	before, err := bookContent(dir)
	if err != nil {
		return false, err
	}
	n, err := r.open(r.opening(dir))
	if err == nil {
		if unknowable {
			r.abandon(n)
			return false, nil
		}
		if err := r.check(n); err != nil {
			r.abandon(n)
			if errors.Is(err, ledger.ErrDamaged) && (p.a.stops || p.b.stops) {
				return false, nil // where opening does not read; reading through says so
			}
			return false, fmt.Errorf("it starts: %w", err)
		}
		return true, n.close()
	}
	var damage *book.DamageError
	if after, _ := bookContent(dir); errors.As(err, &damage) && damage.Standing > 0 && !bytes.Equal(before, after) {
		return false, fmt.Errorf("it has changed the book, and refuses: %w", err)
	}
	blind, tears := p.a.blind || p.b.blind, p.a.tears || p.b.tears
	if !p.a.stops && !p.b.stops && !(blind && tears) && !(p.a.blind && p.b.blind) {
		return false, fmt.Errorf("it does not start: %w", err)
	}
	r.result.Refusals[reason(err)]++
	r.trace("  refused: %.300v", err)
	switch {
	case errors.Is(err, errKeys):
		return false, nil
	case errors.Is(err, ledger.ErrDamaged):
		return false, r.acceptLoss(dir)
	}
	return false, fmt.Errorf("it does not start, but says: %w", err)
}

// acceptLoss goes on with what stands: it starts, and who kept a checkpoint of
// more learns that a cut was admitted.
func (r *run) acceptLoss(dir string) error {
	o := r.opening(dir)
	standing, err := o.acceptLoss()
	if errors.Is(err, ledger.ErrDamaged) {
		return nil // what stands is not what was written, or nothing does: only a copy helps
	}
	if err != nil {
		return fmt.Errorf("accept the loss: %w", err)
	}
	r.result.Faults["loss accepted"]++
	n, err := r.open(o)
	if err != nil {
		return fmt.Errorf("a loss was accepted, and it does not start: %w", err)
	}
	size := n.ledger.Head().Size
	for i := uint64(0); i < min(standing, uint64(len(r.model.entries))); i++ {
		if e, err := n.ledger.Entry(i); err != nil || !bytes.Equal(e, r.model.entries[i]) {
			r.abandon(n)
			return fmt.Errorf("a loss was accepted, and entry %d is another, %w", i, err)
		}
	}
	if err := n.close(); err != nil || size != standing+1 {
		return fmt.Errorf("a loss was accepted with %d standing, and there are %d: %w", standing, size, err)
	}
	if report := r.judgeAlone(dir); report.Verdict != verdict.Sound {
		return fmt.Errorf("a loss was accepted, and the auditor finds it %s%s", report.Verdict, words(report))
	}
	if report := r.judge(dir); r.model.known.Size > standing && !hasKind(report, verdict.KindCut) {
		return fmt.Errorf("a loss was accepted, and who knows %d entries is not told%s", r.model.known.Size, words(report))
	}
	return nil
}

// bookContent is all names and bytes of the book.
func bookContent(dir string) ([]byte, error) {
	var all bytes.Buffer
	files, err := os.ReadDir(filepath.Join(dir, book.Dir))
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		data, err := os.ReadFile(bookPath(dir, f.Name()))
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&all, "%s %d\n%s", f.Name(), len(data), data)
	}
	return all.Bytes(), nil
}
