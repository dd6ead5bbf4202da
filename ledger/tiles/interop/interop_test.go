package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
)

const (
	origin = "ledger.example.org/interop"
	agency = "haidian"
	first  = 1_000  // events before the first look
	later  = 69_000 // and before the second: a full tile of level 1 and a partial one of level 2
)

// town is a served ledger, as somebody outside sees it.
type town struct {
	t        *testing.T
	dir      string // holds the binary, the data directory d and the agency's files
	server   *exec.Cmd
	http     *url.URL
	bus      string
	verifier note.Verifier
}

// newTown builds the binary, begins a ledger and serves it.
func newTown(t *testing.T) *town {
	t.Helper()
	w := &town{t: t, dir: t.TempDir()}
	build := exec.Command("go", "build", "-o", w.dir, "./cmd/civicledger")
	build.Dir = filepath.Join("..", "..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build civicledger: %v\n%s", err, out)
	}
	w.run("init", "--data", "d", "--origin", origin)
	key, err := os.ReadFile(filepath.Join(w.dir, "d", "log.pub"))
	if err != nil {
		t.Fatal(err)
	}
	if w.verifier, err = note.NewVerifier(strings.TrimSpace(string(key))); err != nil {
		t.Fatal(err)
	}
	w.serve()
	w.run("enrol", "--data", "d", "--bus", w.bus, "--agency", agency, "--name", "Haidian", "--jurisdiction", "110108", "--key", "agency.key")
	return w
}

func (w *town) command(args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(w.dir, "civicledger"), args...)
	cmd.Dir = w.dir
	return cmd
}

func (w *town) run(args ...string) {
	w.t.Helper()
	if out, err := w.command(args...).CombinedOutput(); err != nil {
		w.t.Fatalf("civicledger %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// serve starts the server and waits until it says where it answers.
func (w *town) serve() {
	w.t.Helper()
	ready := filepath.Join(w.dir, "ready.json")
	w.server = w.command("serve", "--data", "d", "--listen", "127.0.0.1:0", "--bus-listen", "127.0.0.1:0", "--ready", ready)
	log := &bytes.Buffer{}
	w.server.Stderr = log
	if err := w.server.Start(); err != nil {
		w.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- w.server.Wait() }()
	w.t.Cleanup(func() {
		_ = w.server.Process.Kill()
		<-ended
	})
	var where struct{ HTTP, Bus string }
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for text, err := os.ReadFile(ready); err != nil || json.Unmarshal(text, &where) != nil; text, err = os.ReadFile(ready) {
		select {
		case err := <-ended:
			ended <- err
			w.t.Fatalf("the server ended: %v\n%s", err, log)
		case <-tick.C:
		}
	}
	w.bus = where.Bus
	var err error
	if w.http, err = url.Parse(where.HTTP); err != nil {
		w.t.Fatal(err)
	}
}

// say submits events numbered from one to another, and waits for receipts.
func (w *town) say(from, to int) {
	w.t.Helper()
	var lines bytes.Buffer
	for n := from; n < to; n++ {
		fmt.Fprintf(&lines, `{"specversion":"1.0","id":"f%d","source":"urn:civicledger:agency:haidian","type":"fund.opened.v1","time":"2026-03-01T00:00:00+08:00","jurisdiction":"110108","data":{"fund":"fund-%d","name":"Fund %d","currency":"CNY","holder":{"name":"Haidian"},"synthetic":true}}`+"\n", n, n, n)
	}
	if err := os.WriteFile(filepath.Join(w.dir, "events.jsonl"), lines.Bytes(), 0o644); err != nil {
		w.t.Fatal(err)
	}
	w.run("submit", "--bus", w.bus, "--agency", agency, "--key", "agency.key", "events.jsonl")
}

// export writes the served log to out until at least so many entries are there:
// the checkpoint that a server has stored follows the one that it serves.
func (w *town) export(atLeast uint64) {
	w.t.Helper()
	for done := (struct{ Entries uint64 }{}); done.Entries < atLeast; {
		text, err := w.command("export", "--data", "d", "out", "--json").Output()
		if err != nil {
			w.t.Fatalf("export: %v", err)
		}
		if err := json.Unmarshal(text, &done); err != nil {
			w.t.Fatal(err)
		}
	}
}

// source is what both of Tessera's fetchers are.
type source interface {
	ReadCheckpoint(ctx context.Context) ([]byte, error)
	ReadTile(ctx context.Context, level, index uint64, p uint8) ([]byte, error)
	ReadEntryBundle(ctx context.Context, index uint64, p uint8) ([]byte, error)
}

func (w *town) overHTTP() source {
	w.t.Helper()
	f, err := client.NewHTTPFetcher(w.http, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

// leafHashes is how a log without a format of its own hashes a bundle.
func leafHashes(bundle []byte) ([][]byte, error) {
	var b api.EntryBundle
	if err := b.UnmarshalText(bundle); err != nil {
		return nil, err
	}
	var hashes [][]byte
	for _, entry := range b.Entries {
		hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(entry))
	}
	return hashes, nil
}

func (w *town) fsck(s source) error {
	return fsck.New(origin, w.verifier, s, leafHashes, fsck.Opts{N: 4}).Check(w.t.Context())
}

// look fetches the checkpoint and proves some entries in it.
func (w *town) look(s source) (size uint64, root []byte) {
	w.t.Helper()
	ctx := w.t.Context()
	cp, _, _, err := client.FetchCheckpoint(ctx, s.ReadCheckpoint, w.verifier, origin)
	if err != nil {
		w.t.Fatal(err)
	}
	builder, err := client.NewProofBuilder(ctx, cp.Size, s.ReadTile)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, index := range []uint64{0, 1, 255, 256, cp.Size / 2, cp.Size - 2, cp.Size - 1} {
		bundle, err := client.GetEntryBundle(ctx, s.ReadEntryBundle, index/256, cp.Size)
		if err != nil {
			w.t.Fatal(err)
		}
		leaf := rfc6962.DefaultHasher.HashLeaf(bundle.Entries[index%256])
		path, err := builder.InclusionProof(ctx, index)
		if err != nil {
			w.t.Fatal(err)
		}
		if err := proof.VerifyInclusion(rfc6962.DefaultHasher, index, cp.Size, leaf, path, cp.Hash); err != nil {
			w.t.Errorf("entry %d of %d: %v", index, cp.Size, err)
		}
		leaf[0] ^= 1
		if proof.VerifyInclusion(rfc6962.DefaultHasher, index, cp.Size, leaf, path, cp.Hash) == nil {
			w.t.Errorf("entry %d of %d: another entry is proved too", index, cp.Size)
		}
	}
	return cp.Size, cp.Hash
}

// Tessera's client and fsck accept a served log and its export, at two sizes,
// and the second as a continuation of the first; one flipped bit they do not.
func TestTesseraReadsOurLog(t *testing.T) {
	w := newTown(t)
	w.say(0, first)
	ctx := t.Context()
	served := w.overHTTP()
	size, root := w.look(served)
	tracker, err := client.NewLogStateTracker(ctx, served.ReadTile, nil, w.verifier, origin, client.UnilateralConsensus(served.ReadCheckpoint))
	if err != nil {
		t.Fatal(err)
	}
	w.export(first)
	w.say(first, first+later)
	w.export(first + later)
	for name, s := range map[string]source{"served": served, "exported": client.FileFetcher{Root: filepath.Join(w.dir, "out")}} {
		now, hash := w.look(s)
		if now <= size {
			t.Fatalf("%s: %d entries after %d", name, now, size)
		}
		builder, err := client.NewProofBuilder(ctx, now, s.ReadTile)
		if err != nil {
			t.Fatal(err)
		}
		path, err := builder.ConsistencyProof(ctx, size, now)
		if err != nil {
			t.Fatal(err)
		}
		if err := proof.VerifyConsistency(rfc6962.DefaultHasher, size, now, path, root, hash); err != nil {
			t.Errorf("%s: %d to %d: %v", name, size, now, err)
		}
		if err := w.fsck(s); err != nil {
			t.Errorf("%s: fsck: %v", name, err)
		}
	}
	if _, _, _, err := tracker.Update(ctx); err != nil {
		t.Errorf("the tracker does not follow: %v", err)
	}
	if got := tracker.Latest().Size; got < first+later {
		t.Errorf("the tracker has %d entries", got)
	}
	w.flips()
}

// flips changes one bit in files of the export: fsck must say so each time.
func (w *town) flips() {
	for _, name := range []string{"tile/entries/003", "tile/0/100", "tile/1/000", "tile/2/000.p/1", "checkpoint"} {
		file := filepath.Join(w.dir, "out", filepath.FromSlash(name))
		data, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			w.t.Fatalf("%s is not in the export", name)
		}
		if err != nil {
			w.t.Fatal(err)
		}
		flipped := bytes.Clone(data)
		flipped[len(flipped)/2] ^= 1
		if err := os.WriteFile(file, flipped, 0o644); err != nil {
			w.t.Fatal(err)
		}
		if err := w.fsck(client.FileFetcher{Root: filepath.Join(w.dir, "out")}); err == nil {
			w.t.Errorf("fsck accepts %s with a flipped bit", name)
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			w.t.Fatal(err)
		}
	}
}
