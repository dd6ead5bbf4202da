package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"civicledger/cmd/internal/auditor"
	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/ledger/verify"
	"civicledger/ledger/verify/source"
	"civicledger/ledger/verify/verdict"
)

// check holds everything that an open ledger says against the model: the log,
// the checkpoint, the index, and what an auditor finds in the files.
func (r *run) check(n *node) error {
	if err := r.model.readLog(n.ledger); err != nil {
		return err
	}
	n.settle()
	return errors.Join(r.checkCheckpoint(n), r.checkIndex(n), r.checkFiles(n))
}

// checkCheckpoint: signed over exactly the root of the log, and stored.
func (r *run) checkCheckpoint(n *node) error {
	m := r.model
	root := chain.NewTree(m.suite).Grow(m.leaves).Tree.Root()
	stored, err := n.store.Checkpoint()
	if err != nil {
		return fmt.Errorf("stored checkpoint: %w", err)
	}
	for what, note := range map[string][]byte{"shown": n.ledger.Checkpoint(), "stored": stored} {
		c, err := chain.OpenCheckpoint(note, m.verifier)
		if err != nil {
			return fmt.Errorf("the checkpoint %s: %w", what, err)
		}
		if c.Size != m.size || c.Root != root || c.Origin != m.origin {
			return fmt.Errorf("the checkpoint %s is of %d entries with root %x, the log has %d with %x", what, c.Size, c.Root, m.size, root)
		}
	}
	return nil
}

// checkIndex: every key, every subject, every tile, through the ledger and,
// once it has all, from the index itself.
func (r *run) checkIndex(n *node) error {
	m := r.model
	if n.index.Position() != m.size {
		return fmt.Errorf("the index has %d of %d entries", n.index.Position(), m.size)
	}
	var all []chain.EventKey
	for k, want := range m.at {
		all = append(all, k)
		if at, ok, err := n.ledger.Find(k); err != nil || !ok || at != want {
			return fmt.Errorf("event key of entry %d is found at %d, %t, %v", want, at, ok, err)
		}
	}
	nobody := chain.EventKey{1: 1}
	found, err := n.index.Index.Lookup(append(all, nobody))
	if _, ok := found[nobody]; err != nil || ok || len(found) != len(all) {
		return fmt.Errorf("the index finds %d of %d event keys, %v", len(found), len(all), err)
	}
	subjects := map[string][]uint64{"st1.e1.nobody": nil}
	for s, at := range m.subjects {
		subjects[s] = at
	}
	for s, want := range subjects {
		at, err := n.index.Index.Timeline(s, 0, len(m.entries)+1)
		if err != nil || !slices.Equal(at, want) {
			return fmt.Errorf("timeline of %s: %v, want %v, %v", s, at, want, err)
		}
		if at, err = n.ledger.Timeline(s, 0, len(m.entries)+1); err != nil || !slices.Equal(at, want) {
			return fmt.Errorf("timeline of %s by the ledger: %v, want %v, %v", s, at, want, err)
		}
	}
	return r.checkTiles(n)
}

func (r *run) checkTiles(n *node) error {
	m := r.model
	growth := chain.NewTree(m.suite).Grow(m.leaves)
	for _, t := range growth.Full {
		for what, read := range map[string]func() ([]chain.Hash, error){
			"index":  func() ([]chain.Hash, error) { return n.index.Index.Tile(t.Level, t.N) },
			"ledger": func() ([]chain.Hash, error) { return n.ledger.Tile(t.Level, t.N, chain.TileWidth) },
		} {
			if hashes, err := read(); err != nil || !slices.Equal(hashes, t.Hashes) {
				return fmt.Errorf("tile %d/%d of the %s is wrong, %v", t.Level, t.N, what, err)
			}
		}
	}
	edge := int(m.size % chain.TileWidth)
	if edge == 0 {
		return nil
	}
	hashes, err := n.ledger.Tile(0, m.size/chain.TileWidth, edge)
	if err != nil || !slices.Equal(hashes, m.leaves[len(m.leaves)-edge:]) {
		return fmt.Errorf("the tile at the edge is wrong, %v", err)
	}
	if _, err := n.index.Index.Tile(0, m.size/chain.TileWidth); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the index has a tile that is not full: %w", err)
	}
	return nil
}

// checkFiles: an auditor finds the files sound, and that they extend what he
// saw before.
func (r *run) checkFiles(n *node) error {
	report := r.judge(n.dir)
	if report.Verdict != verdict.Sound || report.Checkpoint.Size != r.model.size {
		return fmt.Errorf("the auditor finds it %s: %s%s", report.Verdict, report.Problem, words(report))
	}
	r.model.known = knownOf(report, r.model)
	return nil
}

// judge is what an auditor says who kept the last checkpoint he saw.
func (r *run) judge(dir string) *verdict.Report {
	return verify.Run(context.Background(), source.Directory(dir), r.model.vkey, verify.Options{Known: r.model.known})
}

func knownOf(report *verdict.Report, m *model) *verdict.Signed {
	c, err := chain.OpenCheckpoint([]byte(report.Checkpoint.Note), m.verifier)
	if err != nil {
		return m.known
	}
	return &verdict.Signed{Checkpoint: c, Note: report.Checkpoint.Note}
}

func words(report *verdict.Report) string { return "\n" + auditor.Words(report) }

// lookAround reads while the ledger is served. A read may fail by a fault; what
// it says is right.
func (r *run) lookAround(n *node) error {
	m := r.model
	head := n.ledger.Head().Size
	if head != m.size {
		return fmt.Errorf("the head shows %d entries, %d are acknowledged", head, m.size)
	}
	s := m.onLog()
	one := s[r.rng.IntN(len(s))]
	at, ok, err := n.ledger.Find(one.keys[0])
	if !expected(err) && (err != nil || !ok || at != one.first) {
		return fmt.Errorf("event key of entry %d is found at %d, %t, %v", one.first, at, ok, err)
	}
	entry, err := n.ledger.Entry(one.first)
	if expected(err) { // the book has stopped, and the ledger does not know it yet
		return nil
	}
	if err != nil {
		return fmt.Errorf("entry %d: %w", one.first, err)
	}
	if _, line, err := chain.ParseEntry(entry); err != nil || !bytes.Equal(line, one.sub.Lines[0]) {
		return fmt.Errorf("entry %d is not what was said, %v", one.first, err)
	}
	for subject := range one.subjects[0] {
		name := one.subjects[0][subject]
		list, err := n.ledger.Timeline(name, 0, int(m.size)+1)
		if !expected(err) && (err != nil || !slices.Equal(list, m.subjects[name])) {
			return fmt.Errorf("timeline of %s: %v, want %v, %v", name, list, m.subjects[name], err)
		}
	}
	if full := m.size / chain.TileWidth; full > 0 {
		if _, err := n.ledger.Tile(0, full-1, chain.TileWidth); err != nil && !expected(err) {
			return fmt.Errorf("a full tile: %w", err)
		}
	}
	return nil
}

// lastWord checks every receipt once more, offline.
func (r *run) lastWord() error {
	for _, s := range r.model.onLog() {
		if s.receipt == nil {
			continue
		}
		if err := s.receipt.Verify(s.sub.Lines, r.model.verifier); err != nil {
			return fmt.Errorf("the receipt of %d no longer holds: %w", s.first, err)
		}
	}
	return nil
}

// readOnly checks that a damaged directory can be read up to the damage, and
// that nothing it shows is wrong.
func (r *run) readOnly(dir string, firstDamaged uint64) error {
	o := r.opening(dir)
	o.readOnly = true
	n, err := r.open(o)
	if err != nil {
		if firstDamaged <= r.firstCommitEnd() {
			return nil // nothing stands before it
		}
		return fmt.Errorf("read-only, it does not open: %w", err)
	}
	defer n.close()
	size := n.ledger.Head().Size
	for i := uint64(0); i < size; i++ {
		entry, err := n.ledger.Entry(i)
		switch {
		case err == nil && !bytes.Equal(entry, r.model.entries[i]):
			return fmt.Errorf("read-only, it shows a changed entry %d", i)
		case err != nil && !errors.Is(err, ledger.ErrDamaged):
			return fmt.Errorf("read-only, entry %d: %w", i, err)
		}
	}
	return nil
}

// firstCommitEnd is the size of the log after its first commit: the genesis.
func (r *run) firstCommitEnd() uint64 { return 1 }

func bookPath(dir, name string) string { return filepath.Join(dir, "book", name) }
