package tiles

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/ledger/ledgertest"
	"civicledger/ledger/suite"
)

// exportLog is what a ledger keeps, without the ledger: commits and the key of
// its checkpoints. An Export sees nothing else of it.
type exportLog struct {
	testing.TB
	*ledgertest.Memory
	signer   note.Signer
	verifier note.Verifier
	tree     *chain.Tree
	salt     string // another one makes another history
}

func newExportLog(t testing.TB, salt string) *exportLog {
	t.Helper()
	secret, public, err := note.GenerateKey(zeros{}, "ledger.example.org/export")
	if err != nil {
		t.Fatal(err)
	}
	signer, err1 := note.NewSigner(secret)
	verifier, err2 := note.NewVerifier(public)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return &exportLog{t, ledgertest.NewMemory(), signer, verifier, chain.NewTree(suite.Default()), salt}
}

// zeros makes the same key each time: all histories here are of one ledger.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// grow commits entries up to a size and returns the signed checkpoint.
func (l *exportLog) grow(size uint64) []byte {
	l.Helper()
	for at := l.Head().Size; at < size; at = l.Head().Size {
		c := &ledger.Commit{Prev: l.Head(), Head: l.Head()}
		var leaves []chain.Hash
		for ; c.Head.Size < min(size, at+300); c.Head.Size++ {
			c.Entries = append(c.Entries, fmt.Appendf(nil, "entry %d%s %s", c.Head.Size, l.salt, strings.Repeat("x", int(c.Head.Size%50))))
			leaves = append(leaves, suite.Default().Leaf(c.Entries[len(c.Entries)-1]))
		}
		c.Head.Last = leaves[len(leaves)-1]
		if err := l.Commit(c); err != nil {
			l.Fatal(err)
		}
		l.tree = l.tree.Grow(leaves).Tree
	}
	return l.sign()
}

func (l *exportLog) sign() []byte {
	l.Helper()
	msg, err := chain.Checkpoint{Origin: l.signer.Name(), Size: l.tree.Size(), Root: l.tree.Root()}.Sign(l.signer)
	if err != nil {
		l.Fatal(err)
	}
	return msg
}

func (l *exportLog) export(dir string, checkpoint []byte) *Export {
	return &Export{Book: l, Suite: suite.Default(), Verifier: l.verifier, Checkpoint: checkpoint, Dir: dir}
}

func (l *exportLog) mustExport(dir string, checkpoint []byte) *Exported {
	l.Helper()
	done, err := l.export(dir, checkpoint).Run(context.Background())
	if err != nil {
		l.Fatal(err)
	}
	return done
}

// check reads an exported log as a stranger would: the checkpoint, and every
// file that a log of its size has, each against a tree that is made anew from
// the bundles. It returns the size.
func (l *exportLog) check(dir string) uint64 {
	l.Helper()
	msg, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	if err != nil {
		l.Fatal(err)
	}
	c, err := chain.OpenCheckpoint(msg, l.verifier)
	if err != nil {
		l.Fatal(err)
	}
	tree := chain.NewTree(suite.Default())
	for n := uint64(0); n*256 < c.Size; n++ {
		width := int(min(256, c.Size-n*256))
		rest := l.mustRead(dir, place{entriesLevel, n, width})
		var leaves []chain.Hash
		for range width {
			size := int(rest[0])<<8 | int(rest[1])
			leaves = append(leaves, suite.Default().Leaf(rest[2:2+size]))
			rest = rest[2+size:]
		}
		grown := tree.Grow(leaves)
		tree = grown.Tree
		for _, full := range grown.Full {
			if !bytes.Equal(l.mustRead(dir, place{full.Level, full.N, 256}), hashBytes(full.Hashes)) {
				l.Fatalf("tile %d/%d is wrong", full.Level, full.N)
			}
		}
	}
	for level := 0; c.Size>>(8*level) > 0; level++ {
		if hashes := tree.Partial(level); len(hashes) > 0 {
			if !bytes.Equal(l.mustRead(dir, place{level, c.Size >> (8 * level) / 256, len(hashes)}), hashBytes(hashes)) {
				l.Fatalf("partial tile of level %d is wrong", level)
			}
		}
	}
	if tree.Root() != c.Root {
		l.Fatalf("the bundles do not make the root of the checkpoint over %d", c.Size)
	}
	return c.Size
}

// mustRead reads a file, or, where a partial one is gone, the full one.
func (l *exportLog) mustRead(dir string, p place) []byte {
	l.Helper()
	w := files{dir: dir}
	data, err := os.ReadFile(w.name(p))
	if errors.Is(err, fs.ErrNotExist) && p.width < 256 {
		full := p
		full.width = 256
		data, err = os.ReadFile(w.name(full))
		if err == nil && p.level != entriesLevel {
			data = data[:p.width*32]
		}
	}
	if err != nil {
		l.Fatal(err)
	}
	return data
}

// listing is every file of a directory with its inode and time of change.
func listing(t testing.TB, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, name)
		found[filepath.ToSlash(rel)] = fmt.Sprintf("%d %v %v", info.Size(), info.ModTime(), info.Mode())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// An export that is repeated after growth writes what is new, leaves full
// tiles alone, and keeps exactly the files that its last size has.
func TestExport_Incremental(t *testing.T) {
	l, dir := newExportLog(t, ""), filepath.Join(t.TempDir(), "a", "b")
	var before uint64
	for _, size := range []uint64{1, 5, 255, 256, 257, 600, 1000, 65_535, 65_536, 65_900} {
		old := listing(t, mustDir(t, dir))
		done := l.mustExport(dir, l.grow(size))
		if got := l.check(dir); got != size || done.Size != size || done.Before != before || len(done.Replaced) > 0 {
			t.Fatalf("size %d: there are %d; %+v", size, got, done)
		}
		now := listing(t, dir)
		for name, was := range old {
			is, ok := now[name]
			if full := !strings.Contains(name, ".p/"); name != "checkpoint" && (full && is != was || !full && ok && is != was) {
				t.Errorf("size %d: %s was %s, is %s", size, name, was, is)
			}
		}
		want := 1
		for range places(size) {
			want++
		}
		edge := 0 // earlier widths of tiles that are partial still
		for name := range now {
			if strings.HasSuffix(name, newSuffix) {
				t.Errorf("left behind: %s", name)
			}
			if full, _, ok := strings.Cut(name, ".p/"); ok {
				if _, ok := now[full]; ok {
					t.Errorf("size %d: %s stays beside its full tile", size, name)
				}
				edge++
			}
		}
		if len(now) < want || len(now)-edge > want {
			t.Errorf("size %d: %d files, of them %d partial; a log of that size has %d", size, len(now), edge, want)
		}
		again := l.mustExport(dir, l.sign())
		if again.Files != 0 || again.Gone != 0 || !equal(listing(t, dir), now) {
			t.Errorf("size %d, once more: %+v", size, again)
		}
		before = size
	}
}

func mustDir(t *testing.T, dir string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err != nil {
		return filepath.Dir(dir)
	}
	return dir
}

func equal(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for name := range a {
		if a[name] != b[name] {
			return false
		}
	}
	return true
}

// Stopped before any change, the directory holds the old log or the new one,
// whole, and the next call makes it the new one.
func TestExport_StoppedAnywhere(t *testing.T) {
	for _, c := range []struct{ first, then uint64 }{{0, 300}, {300, 1100}, {250, 256}, {700, 703}} {
		stopped := 0
		for n := 0; ; n++ {
			l, dir := newExportLog(t, ""), t.TempDir()
			if c.first > 0 {
				l.mustExport(dir, l.grow(c.first))
			}
			e := l.export(dir, l.grow(c.then))
			e.step = stopAt(n)
			_, err := e.Run(context.Background())
			if err == nil {
				stopped = n
				break
			}
			if !errors.Is(err, errStop) {
				t.Fatal(err)
			}
			if got := l.check(dir); got != c.first && got != c.then {
				t.Fatalf("stopped at change %d: %d entries", n, got)
			}
			l.mustExport(dir, l.grow(c.then+5))
			if got := l.check(dir); got != c.then+5 {
				t.Fatalf("after a stop at change %d: %d entries", n, got)
			}
			if n > 300 {
				t.Fatal("it does not end")
			}
		}
		if stopped < 8 {
			t.Errorf("%d to %d: only %d changes", c.first, c.then, stopped)
		}
	}
}

var errStop = errors.New("stopped here")

// stopAt lets n changes happen and no more.
func stopAt(n int) func(what, name string) error {
	var mu sync.Mutex
	return func(string, string) error {
		mu.Lock()
		defer mu.Unlock()
		if n--; n < 0 {
			return errStop
		}
		return nil
	}
}

// Nothing is changed where the log does not extend what is there.
func TestExport_Refuses(t *testing.T) {
	l, dir := newExportLog(t, ""), t.TempDir()
	l.mustExport(dir, l.grow(700))
	was := listing(t, dir)
	refused := func(name string, e *Export, words string) {
		t.Helper()
		_, err := e.Run(context.Background())
		var r *RefusedError
		if !errors.As(err, &r) || !strings.Contains(r.Reason, words) || r.There == "" || r.Ours != string(e.Checkpoint) {
			t.Errorf("%s: %v", name, err)
		}
		if !equal(listing(t, dir), was) {
			t.Errorf("%s: the directory was changed", name)
		}
	}
	short := newExportLog(t, "")
	refused("rewind", short.export(dir, short.grow(600)), "700 entries")
	forked := newExportLog(t, "!")
	refused("fork of the same size", forked.export(dir, forked.grow(700)), "two roots")
	refused("longer fork", forked.export(dir, forked.grow(1500)), "fork")
	_, foreign, err := note.GenerateKey(nil, l.signer.Name())
	if err != nil {
		t.Fatal(err)
	}
	other := l.export(dir, l.sign())
	if other.Verifier, err = note.NewVerifier(foreign); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Run(context.Background()); !errors.Is(err, chain.ErrCheckpoint) {
		t.Errorf("a checkpoint that the key did not sign: %v", err)
	}
	wrong, err := chain.Checkpoint{Origin: l.signer.Name(), Size: 900, Root: chain.Hash{1}}.Sign(l.signer)
	if err != nil {
		t.Fatal(err)
	}
	l.grow(900)
	for _, to := range []string{dir, t.TempDir()} {
		if _, err := l.export(to, wrong).Run(context.Background()); !errors.Is(err, ErrRoot) {
			t.Errorf("a root that the entries do not make: %v", err)
		}
	}
	if !equal(listing(t, dir), was) {
		t.Error("the directory was changed")
	}
}

// What is missing or has the wrong size below the old checkpoint is written
// again; where hashes there are wrong, everything is compared.
func TestExport_Mends(t *testing.T) {
	for name, c := range map[string]struct {
		path string
		harm func(data []byte) []byte // nil removes it
	}{
		"bundle gone":         {"entries/001", nil},
		"tile gone":           {"0/002", nil},
		"upper tile gone":     {"1/000.p/4", nil},
		"partial bundle gone": {"entries/004.p/76", nil},
		"tile cut":            {"0/001", func(d []byte) []byte { return d[:100] }},
		"bundle empty":        {"entries/000", func([]byte) []byte { return nil }},
		"flipped hash":        {"0/003", func(d []byte) []byte { d[40] ^= 1; return d }},
	} {
		l, dir := newExportLog(t, ""), t.TempDir()
		l.mustExport(dir, l.grow(1100))
		file := filepath.Join(dir, "tile", filepath.FromSlash(c.path))
		if c.harm == nil {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		} else {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, c.harm(data), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		done := l.mustExport(dir, l.grow(1101))
		if got := l.check(dir); got != 1101 {
			t.Errorf("%s: %d entries", name, got)
		}
		want := []string{"tile/" + c.path}
		if c.harm == nil {
			want = nil
		}
		if !slices.Equal(done.Replaced, want) {
			t.Errorf("%s: replaced %v", name, done.Replaced)
		}
	}
}

// What an export of another history left, which was stopped before it had a
// checkpoint, is no obstacle; what is not ours stays.
func TestExport_OverRemains(t *testing.T) {
	other, l, dir := newExportLog(t, "!"), newExportLog(t, ""), t.TempDir()
	other.mustExport(dir, other.grow(800))
	if err := os.Remove(filepath.Join(dir, "checkpoint")); err != nil {
		t.Fatal(err)
	}
	foreign := []string{"index.html", "tile/0/003.p/notes.txt"}
	for _, name := range foreign {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("mine"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	l.mustExport(dir, l.grow(1100))
	if got := l.check(dir); got != 1100 {
		t.Errorf("%d entries", got)
	}
	for _, name := range foreign {
		if data, err := os.ReadFile(filepath.Join(dir, name)); string(data) != "mine" {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
}

func TestExport_OneAtATime(t *testing.T) {
	l, dir := newExportLog(t, ""), t.TempDir()
	e := l.export(dir, l.grow(10))
	var once sync.Once
	var second error
	e.step = func(string, string) error {
		once.Do(func() { _, second = l.export(dir, l.sign()).Run(context.Background()) })
		return nil
	}
	if _, err := e.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if second == nil || !strings.Contains(second.Error(), "another export") {
		t.Errorf("the second at once: %v", second)
	}
}

// Every place has one path, and a path is read as the place it was written for.
func TestPlace_Path(t *testing.T) {
	for p, want := range map[place]string{
		{0, 1234067, 256}:             "0/x001/x234/067",
		{entriesLevel, 5, 256}:        "entries/005",
		{entriesLevel, 999, 1}:        "entries/999.p/1",
		{1, 1000, 255}:                "1/x001/000.p/255",
		{7, 0, 3}:                     "7/000.p/3",
		{0, 999_999_999_999, 256}:     "0/x999/x999/x999/999",
		{0, 1_000_000_000_000_000, 9}: "0/x001/x000/x000/x000/x000/000.p/9",
	} {
		if got := p.path(); got != want {
			t.Errorf("%+v: %s", p, got)
		}
		if back, ok := parsePath(want); !ok || back != p {
			t.Errorf("%s: %+v, %t", want, back, ok)
		}
	}
	var all []string
	for p := range places(70_000) { // C2SP's example
		all = append(all, p.path())
	}
	if len(all) != 274+274+2+1 || !slices.Contains(all, "0/273.p/112") || !slices.Contains(all, "1/001.p/17") || !slices.Contains(all, "2/000.p/1") {
		t.Errorf("%d places of 70,000 entries: %v", len(all), all[len(all)-5:])
	}
}
