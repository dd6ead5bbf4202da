package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"civicledger/ledger"
	"civicledger/ledger/verify/verdict"
)

// damageBook damages a segment of a copy: the auditor names exactly what was
// changed, and the ledger does not start, or stops where it reads that.
func (r *run) damageBook() error {
	dir, drop, err := r.copied(r.dir)
	defer drop()
	if err != nil {
		return err
	}
	segments, err := filepath.Glob(bookPath(dir, "*.seg"))
	if err != nil {
		return err
	}
	where, err := layout(dir)
	if err != nil {
		return err
	}
	d := &damage{kind: damageKinds[r.rng.IntN(len(damageKinds))], path: segments[r.rng.IntN(len(segments))]}
	if d.kind == removed {
		d.kind = flipped
	}
	before, err := readContent(d.path)
	if err != nil {
		return err
	}
	changed, err := d.do(r.rng)
	if err != nil || !changed {
		return err
	}
	after, err := readContent(d.path)
	if err != nil {
		return err
	}
	r.did("book "+d.kind, d.String())
	c := changesOf(before, after, filepath.Base(d.path), where)
	last := d.path == segments[len(segments)-1]
	if last && d.kind == grown {
		return r.grownEnd(dir)
	}
	if err := r.auditDamage(dir, d, &c); err != nil {
		return fmt.Errorf("%s: %w", d, err)
	}
	if err := r.startDamaged(dir, &c, last || c.header || c.length); err != nil {
		return fmt.Errorf("%s: %w", d, err)
	}
	return nil
}

// grownEnd: bytes behind the last frame are a tail that no commit completed.
func (r *run) grownEnd(dir string) error {
	if report := r.judge(dir); report.Verdict != verdict.Sound {
		return fmt.Errorf("the auditor finds it %s%s", report.Verdict, words(report))
	}
	n, err := r.open(r.opening(dir))
	if err != nil {
		return fmt.Errorf("it does not open: %w", err)
	}
	defer r.abandon(n)
	if torn := n.store.Report().Torn; torn == nil || torn.MovedTo == "" {
		return errors.New("the tail was not moved aside")
	}
	return nil
}

// auditDamage holds what the auditor says against what was changed.
func (r *run) auditDamage(dir string, d *damage, c *changes) error {
	report := r.judge(dir)
	if c.idle && report.Verdict == verdict.Sound {
		return nil
	}
	if report.Verdict != verdict.Unsound || report.DefectCount == 0 {
		return fmt.Errorf("the auditor finds it %s%s", report.Verdict, words(report))
	}
	byEntry, all := namedBy(report)
	for _, i := range c.entries {
		if !all[i] {
			return fmt.Errorf("entry %d was changed and the auditor does not name it%s", i, words(report))
		}
		for _, s := range report.Stands {
			if s.By == "tree" && s.First <= i && i <= s.Last {
				return fmt.Errorf("entry %d was changed and is said to stand%s", i, words(report))
			}
		}
	}
	if d.kind != flipped {
		return nil
	}
	for i := range byEntry { // a flipped bit: exactly what it hit, at most its frame
		if !contains(c.entries, i) && (len(c.entries) > 0 || !contains(c.frames, i)) {
			return fmt.Errorf("the auditor names entry %d, which was not changed%s", i, words(report))
		}
	}
	return nil
}

// namedBy returns the entries that a report calls damaged one by one, and all
// that any defect concerns.
func namedBy(report *verdict.Report) (byEntry, all map[uint64]bool) {
	byEntry, all = map[uint64]bool{}, map[uint64]bool{}
	for _, d := range report.Defects {
		for i := d.First; i <= d.Last; i++ {
			all[i] = true
			switch d.Kind {
			case verdict.KindLeaf, verdict.KindHeader, verdict.KindMissing, verdict.KindOrder, verdict.KindLink:
				byEntry[i] = true
			}
		}
	}
	return byEntry, all
}

// startDamaged opens for writing: it refuses and names the damage; only where
// that lies in a segment that opening does not read may it start, and then
// nothing it shows is wrong, and reading through says damaged.
func (r *run) startDamaged(dir string, c *changes, mustSee bool) error {
	n, err := r.open(r.opening(dir))
	if err != nil {
		if !errors.Is(err, ledger.ErrDamaged) {
			return fmt.Errorf("it does not start, but says: %w", err)
		}
		r.result.Refusals[reason(err)]++
		r.trace("  refused: %.200v", err)
		if err := r.namesDamage(err, c); err != nil {
			return err
		}
		return r.readOnly(dir, firstOf(c))
	}
	defer r.abandon(n)
	if mustSee {
		return errors.New("it starts, on a book whose damage opening reads")
	}
	r.trace("  it starts: the damage lies in a segment that is not read")
	i := 0
	for commit, err := range n.ledger.Commits(0) {
		if err != nil {
			if !errors.Is(err, ledger.ErrDamaged) {
				return fmt.Errorf("reading through: %w", err)
			}
			return nil
		}
		for _, e := range commit.Entries {
			if r.model.suite.Leaf(e) != r.model.leaves[i] {
				return fmt.Errorf("it shows a changed entry %d", i)
			}
			i++
		}
	}
	return errors.New("reading through finds no damage")
}

func firstOf(c *changes) uint64 {
	if len(c.frames) > 0 {
		return c.frames[0]
	}
	return 1 << 62
}

// namesDamage holds the entries that a refusal names against those in changed
// frames.
func (r *run) namesDamage(err error, c *changes) error {
	var named interface{ Damages() []ledger.Damage }
	if !errors.As(err, &named) || !strings.HasPrefix(err.Error(), "open book: ") {
		return nil // found by the ledger where it read on: that is the first place
	}
	for _, i := range c.entries {
		ok := false
		for _, d := range named.Damages() {
			ok = ok || d.First <= i && i <= d.Last
		}
		if !ok {
			return fmt.Errorf("entry %d was changed, the refusal does not name it: %w", i, err)
		}
	}
	return nil
}

// loseSegment: a segment that is gone is missed.
func (r *run) loseSegment() error {
	dir, drop, err := r.copied(r.dir)
	defer drop()
	if err != nil {
		return err
	}
	segments, err := filepath.Glob(bookPath(dir, "*.seg"))
	if err != nil {
		return err
	}
	path := segments[r.rng.IntN(len(segments))]
	where, err := layout(dir)
	if err != nil {
		return err
	}
	r.did("segment removed", filepath.Base(path))
	if err := os.Remove(path); err != nil {
		return err
	}
	report := r.judgeAlone(dir)
	_, all := namedBy(report)
	for i, p := range where {
		if p.file == filepath.Base(path) && !all[uint64(i)] {
			return fmt.Errorf("entry %d is gone and the auditor does not name it%s", i, words(report))
		}
	}
	if report.Verdict == verdict.Sound && !empty(where, filepath.Base(path)) {
		return errors.New("the auditor finds it sound")
	}
	if empty(where, filepath.Base(path)) {
		return nil // a segment without frames: nothing is missing
	}
	return r.mustRefuse(dir, func(err error) bool {
		return errors.Is(err, ledger.ErrDamaged) || len(segments) == 1 && errors.Is(err, ledger.ErrEmpty)
	})
}

func empty(where []placed, file string) bool {
	for _, p := range where {
		if p.file == file {
			return false
		}
	}
	return true
}
