package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"civicledger/cmd/internal/datadir"
	"civicledger/ledger"
	"civicledger/ledger/book"
	"civicledger/ledger/frame"
	"civicledger/ledger/verify/verdict"
)

// stale is a copy of the directory from an earlier moment, closed in order.
type stale struct {
	dir  string
	size uint64
}

// keepStale keeps a copy of what is there now.
func (r *run) keepStale() error {
	dir := filepath.Join(r.base, fmt.Sprintf("stale-%d", len(r.stale)))
	r.stale = append(r.stale, stale{dir, r.model.size})
	r.trace("copy kept at %d", r.model.size)
	return copyDir(r.dir, dir)
}

func (r *run) pickStale() (stale, bool) {
	if len(r.stale) == 0 {
		return stale{}, false
	}
	return r.stale[r.rng.IntN(len(r.stale))], true
}

// staleIndex: what it lacks is applied again.
func (r *run) staleIndex() error {
	old, ok := r.pickStale()
	if !ok {
		return nil
	}
	r.did("stale index", fmt.Sprintf("of %d beside %d", old.size, r.model.size))
	dir := datadir.Dir(r.dir).Index()
	if err := errors.Join(os.RemoveAll(dir), copyDir(datadir.Dir(old.dir).Index(), dir)); err != nil {
		return err
	}
	return r.mustStart(nil)
}

// staleSlots: the entries above the older checkpoint are checked and signed.
func (r *run) staleSlots() error {
	old, ok := r.pickStale()
	if !ok {
		return nil
	}
	r.did("stale slots", fmt.Sprintf("of %d beside %d", old.size, r.model.size))
	for _, name := range frame.SlotNames {
		if err := copyFile(bookPath(old.dir, name), bookPath(r.dir, name)); err != nil {
			return err
		}
	}
	return r.mustStart(nil)
}

// staleBook: an older book, slots and all, beside the newer index is refused.
func (r *run) staleBook() error {
	old, ok := r.pickStale()
	if !ok || old.size == r.model.size {
		return nil
	}
	r.did("stale book", fmt.Sprintf("of %d beside an index of %d", old.size, r.model.size))
	dir, drop, err := r.copied(r.dir, book.Dir)
	defer drop()
	if err := errors.Join(err, copyDir(filepath.Join(old.dir, book.Dir), filepath.Join(dir, book.Dir))); err != nil {
		return err
	}
	return r.mustRefuse(dir, func(err error) bool {
		return errors.Is(err, ledger.ErrDamaged) && strings.Contains(err.Error(), "the index knows of")
	})
}

// staleSegments: older segments beside the newer checkpoint are refused.
func (r *run) staleSegments() error {
	old, ok := r.pickStale()
	if !ok || old.size == r.model.size {
		return nil
	}
	r.did("stale segments", fmt.Sprintf("of %d beside a checkpoint of %d", old.size, r.model.size))
	dir, drop, err := r.copied(r.dir, book.Dir)
	defer drop()
	if err := errors.Join(err, copyDir(filepath.Join(old.dir, book.Dir), filepath.Join(dir, book.Dir))); err != nil {
		return err
	}
	for _, name := range frame.SlotNames {
		if err := copyFile(bookPath(r.dir, name), bookPath(dir, name)); err != nil {
			return err
		}
	}
	report := r.judgeAlone(dir)
	if !names(report, old.size, r.model.size-1) {
		return fmt.Errorf("the auditor does not miss entries %d to %d%s", old.size, r.model.size-1, words(report))
	}
	return r.mustRefuse(dir, wraps(ledger.ErrDamaged))
}

// staleDirectory: a whole directory put back agrees with itself and starts. Who
// kept a checkpoint sees a rewind, and a fork once it has gone on.
func (r *run) staleDirectory() error {
	old, ok := r.pickStale()
	if !ok || old.size == r.model.size || r.model.known == nil || r.model.known.Size <= old.size {
		return nil
	}
	r.did("stale directory", fmt.Sprintf("of %d for %d", old.size, r.model.size))
	dir, drop, err := r.copied(old.dir)
	defer drop()
	if err != nil {
		return err
	}
	if report := r.judge(dir); !hasKind(report, verdict.KindRewind) {
		return fmt.Errorf("who knows a checkpoint of %d sees no rewind%s", r.model.known.Size, words(report))
	}
	if report := r.judgeAlone(dir); report.Verdict != verdict.Sound {
		return fmt.Errorf("by itself it is %s%s", report.Verdict, words(report))
	}
	return r.forked(dir)
}

// forked lets the older directory go on with another history.
func (r *run) forked(dir string) error {
	n, err := r.open(r.opening(dir))
	if err != nil {
		return fmt.Errorf("a directory that agrees with itself does not start: %w", err)
	}
	for i := 0; n.ledger.Head().Size <= r.model.known.Size; i++ {
		var lines [][]byte
		for j := range 200 {
			line := fmt.Appendf(nil, `{"specversion":"1.0","id":"fork-%d-%d","source":"urn:x","type":"day.forked.v1","data":{}}`, i, j)
			lines = append(lines, line)
		}
		if err := r.sayFork(n, lines); err != nil {
			r.abandon(n)
			return err
		}
	}
	if err := n.close(); err != nil {
		return err
	}
	if report := r.judge(dir); !hasKind(report, verdict.KindFork) {
		return fmt.Errorf("who knows a checkpoint of %d sees no fork%s", r.model.known.Size, words(report))
	}
	return nil
}

// sayFork says something that the true history does not hold: the first agency
// that may still speak says it, or one is enrolled for it.
func (r *run) sayFork(n *node, lines [][]byte) error {
	name, key := "", r.work.operator
	for _, a := range r.work.agencies {
		if k, ok := n.ledger.Roster().Key(a.name, a.key.ID()); ok && k.Revoked == nil {
			name, key = a.name, a.key
		}
	}
	if name == "" {
		s, err := r.work.enrol()
		if err != nil {
			return err
		}
		_, err = submit(n, s)
		return err
	}
	for i := range lines {
		lines[i] = []byte(strings.NewReplacer("urn:x", "urn:example:"+name, "day.forked", "subsidy.forked", `"data"`, `"jurisdiction":"110108","data"`).Replace(string(lines[i])))
	}
	sub, err := key.SignSubmission(origin, name, lines)
	if err != nil {
		return err
	}
	wait, err := n.ledger.Submit(context.Background(), sub)
	if err != nil {
		return err
	}
	_, err = wait(context.Background())
	return err
}

func hasKind(report *verdict.Report, kind string) bool {
	for _, d := range report.Defects {
		if d.Kind == kind {
			return true
		}
	}
	return false
}

// names says whether a report's defects cover all entries of a range.
func names(report *verdict.Report, first, last uint64) bool {
	covered := map[uint64]bool{}
	for _, d := range report.Defects {
		for i := d.First; i <= d.Last && d.Kind == verdict.KindMissing; i++ {
			covered[i] = true
		}
	}
	for i := first; i <= last; i++ {
		if !covered[i] {
			return false
		}
	}
	return true
}
