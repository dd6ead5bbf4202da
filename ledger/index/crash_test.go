package index

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"civicledger/ledger/chain"
)

// Environment variables that make the test binary an index that is to be
// killed, or an Open that may end the process.
const (
	envWriter = "INDEX_TEST_WRITER"
	envOpener = "INDEX_TEST_OPENER"
)

// endless is more entries than a writer gets to before it is killed.
const endless = 100_000_000

func TestMain(m *testing.M) {
	if dir := os.Getenv(envWriter); dir != "" {
		writeUntilKilled(dir)
	}
	if dir := os.Getenv(envOpener); dir != "" {
		os.Exit(openAndCheck(dir))
	}
	os.Exit(m.Run())
}

// writeUntilKilled applies batches and prints the position after each Sync.
func writeUntilKilled(dir string) {
	x, err := Open(dir, Options{Ledger: testLedger})
	for from := uint64(0); err == nil && from < endless; {
		if from = x.Position(); from/1000%20 == 0 {
			if err = x.Sync(); err == nil {
				fmt.Printf("%d\n", from)
			}
		}
		if err == nil {
			err = x.Apply(realBatch(from, from+1000, 1))
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// Exit codes of an opener.
const (
	exitSound   = 0
	exitCorrupt = 3
	exitWrong   = 4
)

// openAndCheck opens an index of which nothing is known but that its files may
// be damaged, and says whether its answers agree with its position.
func openAndCheck(dir string) int {
	t := &opener{}
	code := exitSound
	func() {
		defer func() {
			if p := recover(); p != nil && p != any(t) {
				panic(p)
			}
		}()
		x, err := Open(dir, Options{Ledger: testLedger})
		if err != nil {
			if code = exitCorrupt; !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), cure) {
				t.Fatalf("open: %v", err)
			}
			return
		}
		fmt.Printf("%d\n", x.Position())
		checkAgrees(t, x, x.Position()+3000, 1)
		goOn(t, x)
	}()
	if t.failed {
		return exitWrong
	}
	return code
}

// goOn applies the next batch and checks that it is there, and no more.
func goOn(t testing.TB, x *Index) {
	from := x.Position()
	if err := x.Apply(realBatch(from, from+2000, 1)); err != nil {
		t.Fatalf("apply: %v", err)
	}
	var keys []chain.EventKey
	for i := from; i < from+4000; i++ {
		keys = append(keys, realKey(i))
	}
	found, err := x.Lookup(keys)
	if err != nil || len(found) != 2000 || found[realKey(from+1999)] != from+1999 {
		t.Fatalf("after applying 2000 at %d: %d keys found, %v", from, len(found), err)
	}
	checkTiles(t, x, from+2000)
}

// opener is the testing.TB of a process that is no test.
type opener struct {
	testing.TB
	failed bool
}

func (o *opener) Helper() {}
func (o *opener) Fatal(args ...any) {
	o.Fatalf("%s", fmt.Sprint(args...))
}

func (o *opener) Fatalf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	o.failed = true
	panic(o)
}

// judge opens dir in a process of its own and returns how it ended.
func judge(t *testing.T, dir string) (code int, position uint64) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envOpener+"="+dir)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if _, err := fmt.Sscan(string(out), &position); err != nil {
		position = 0
	}
	switch code = cmd.ProcessState.ExitCode(); code {
	case exitSound, exitCorrupt:
	default:
		t.Errorf("opener ended with %v: %.1500s", err, stderr.String())
	}
	return code, position
}

// startWriter starts a writer on dir and waits until ready says so; it is then
// stopped, not dead, so that its files can be copied as a power cut would
// leave them.
func startWriter(t *testing.T, dir string, ready func() bool) (*exec.Cmd, *strings.Builder) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envWriter+"="+dir)
	out := &strings.Builder{}
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	look, late := time.NewTicker(time.Millisecond), time.After(time.Minute)
	defer look.Stop()
	for !ready() {
		select {
		case <-look.C: // another process's files: there is nothing to wait on
		case <-late:
			t.Fatal(errors.Join(errors.New("the writer does not get there"), cmd.Process.Kill(), cmd.Wait()))
		}
	}
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	return cmd, out
}

func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the writer ended by itself: %v", err)
	}
}

// logsOf returns the write-ahead logs in which something stands.
func logsOf(dir string) []string {
	names, err := filepath.Glob(filepath.Join(dir, "*.mem"))
	if err != nil {
		panic(err)
	}
	var logs []string
	for _, name := range names {
		var st syscall.Stat_t
		if syscall.Stat(name, &st) == nil && st.Blocks*512 > 256<<10 {
			logs = append(logs, name)
		}
	}
	return logs
}

func TestCrash_Kill(t *testing.T) {
	dir := t.TempDir()
	last := uint64(0)
	for round := range 4 {
		start, after := time.Now(), time.Duration(50+rand.IntN(700))*time.Millisecond
		cmd, out := startWriter(t, dir, func() bool { return time.Since(start) > after })
		kill(t, cmd)
		x := mustOpen(t, dir)
		if x.Position() < last {
			t.Errorf("round %d: position %d, it was %d before", round, x.Position(), last)
		}
		synced := uint64(0)
		for line := range strings.Lines(out.String()) {
			if _, err := fmt.Sscan(line, &synced); err != nil {
				t.Fatal(err)
			}
		}
		if last = x.Position(); last < synced {
			t.Errorf("round %d: position %d, but %d was synced", round, last, synced)
		}
		checkAgrees(t, x, last+2000, 1)
		mustClose(t, x)
	}
	if last == 0 {
		t.Error("no writer got anywhere")
	}
}

// image is a copy of the files of an index in the middle of writing, with more
// than one write-ahead log in use.
func image(t *testing.T) string {
	t.Helper()
	dir, copied := t.TempDir(), t.TempDir()
	for {
		cmd, _ := startWriter(t, dir, func() bool { return len(logsOf(dir)) > 1 })
		logs := len(logsOf(dir))
		err := copyFiles(copied, dir)
		kill(t, cmd)
		if err != nil {
			t.Fatal(err)
		}
		if logs > 1 { // it can have been flushed before the signal
			return copied
		}
	}
}

// copyFiles copies with holes, as hard-working as it must be.
func copyFiles(to, from string) error {
	names, err := filepath.Glob(filepath.Join(from, "*"))
	if err != nil {
		return err
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		f, err := os.Create(filepath.Join(to, filepath.Base(name)))
		if err != nil {
			return err
		}
		_, err = f.Write([]byte(strings.TrimRight(string(data), "\x00")))
		if err := errors.Join(err, f.Truncate(int64(len(data))), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

func mustCopy(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := copyFiles(to, from); err != nil {
		t.Fatal(err)
	}
	return to
}

func flip(t testing.TB, path string, offset int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, offset); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1 << rand.IntN(8)
	if _, err := f.WriteAt(b, offset); err != nil {
		t.Fatal(err)
	}
}

// A log that a power cut or a flipped bit shortened: the position goes back to
// where it breaks, and writing goes on from there.
func TestCrash_WriteAheadLogs(t *testing.T) {
	from := image(t)
	logs := logsOf(from)
	code, whole := judge(t, mustCopy(t, from))
	if code != exitSound || whole == 0 {
		t.Fatalf("the undamaged image: exit %d at %d", code, whole)
	}
	shorter := 0
	for i := range 9 {
		dir := mustCopy(t, from)
		path := filepath.Join(dir, filepath.Base(logs[i/3%len(logs)]))
		used := allocated(t, path)
		at := rand.Int64N(used)
		switch i % 3 {
		case 0:
			flip(t, path, at)
		case 1:
			if err := os.Truncate(path, at); err != nil {
				t.Fatal(err)
			}
		case 2:
			zeroFrom(t, path, at)
		}
		code, position := judge(t, dir)
		if position > whole {
			t.Errorf("position %d of a damaged image, %d of the whole one", position, whole)
		}
		t.Logf("%s damaged at %d of %d: exit %d, position %d of %d", filepath.Base(path), at, used, code, position, whole)
		if code == exitSound && position < whole {
			shorter++
		}
	}
	if shorter == 0 {
		t.Error("no damage lowered the position: the test reaches nothing")
	}
}

func zeroFrom(t *testing.T, path string, at int64) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Truncate(path, at), os.Truncate(path, info.Size())); err != nil {
		t.Fatal(err)
	}
}

// One flipped bit anywhere in the files of a closed index: it does not open,
// and says the cure, or its answers are right.
func TestCrash_FlippedFiles(t *testing.T) {
	from := t.TempDir()
	for to := uint64(5000); to <= 20_000; to += 5000 { // several tables
		x := mustOpen(t, from)
		fill(t, x, to, 500, 1)
		mustClose(t, x)
	}
	names, err := filepath.Glob(filepath.Join(from, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		used := min(allocated(t, name), fileSize(t, name))
		if used == 0 {
			continue
		}
		for i := range 8 {
			dir := mustCopy(t, from)
			at := rand.Int64N(used)
			if i%2 == 1 { // ends hold lengths and checksums
				at = used - 1 - rand.Int64N(min(used, 40))
			}
			flip(t, filepath.Join(dir, filepath.Base(name)), at)
			code, position := judge(t, dir)
			if position > 20_000 {
				t.Errorf("%s flipped at %d: position %d", filepath.Base(name), at, position)
			}
			t.Logf("%s flipped at %d of %d: exit %d, position %d", filepath.Base(name), at, used, code, position)
		}
	}
}

func fileSize(t testing.TB, name string) int64 {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// Read-only, an index that was killed is neither changed nor called damaged.
func TestCrash_ReadOnly(t *testing.T) {
	dir := t.TempDir()
	cmd, _ := startWriter(t, dir, func() bool { return len(logsOf(dir)) > 0 })
	kill(t, cmd)
	before := contents(t, dir)
	x, err := Open(dir, Options{Ledger: testLedger, ReadOnly: true})
	if !errors.Is(err, ErrUnclean) || errors.Is(err, ErrCorrupt) {
		t.Fatalf("open: %v, %v, want ErrUnclean", x, err)
	}
	if !slices.Equal(contents(t, dir), before) {
		t.Error("the refusal changed the files")
	}
	checkAgrees(t, mustOpen(t, dir), 50_000, 1)
}

// Files that a crash leaves before they mean anything are no damage.
func TestCrash_UnbornFiles(t *testing.T) {
	dir := t.TempDir()
	x := mustOpen(t, dir)
	fill(t, x, 3000, 300, 1)
	mustClose(t, x)
	for name, content := range map[string]string{
		"00099.mem": "", "000099.vlog": "", "000099.sst": "half a table", "000098.sst": "", "MANIFEST-REWRITE": "half",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	x = mustOpen(t, dir)
	if x.Position() != 3000 {
		t.Errorf("position %d, want 3000", x.Position())
	}
	checkAgrees(t, x, 4000, 1)
	goOn(t, x)
}

func TestCrash_TableGone(t *testing.T) {
	dir := t.TempDir()
	x := mustOpen(t, dir)
	fill(t, x, 3000, 300, 1)
	mustClose(t, x)
	names, err := tablesOf(dir)
	if err != nil || len(names) == 0 {
		t.Fatalf("tables: %v, %v", names, err)
	}
	if err := os.Remove(filepath.Join(dir, names[0])); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{Ledger: testLedger}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("open: %v, want ErrCorrupt", err)
	}
	if err := Remove(dir); err != nil {
		t.Fatal(err)
	}
	fill(t, mustOpen(t, dir), 3000, 300, 1)
}
