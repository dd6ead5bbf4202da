package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"civicledger/cmd/internal/auditor"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"civicledger": func() { os.Exit(run(os.Args[1:])) },
		"civicverify": func() { os.Exit(auditor.Main(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

// TestScripts runs testdata/*.txt: each is a session at a terminal. Beside the
// standard commands of testscript there are serve, halt, kill9, flip and fetch.
func TestScripts(t *testing.T) {
	checkScripts(t)
	params := scriptParams()
	params.Dir = "testdata"
	testscript.Run(t, params)
}

// checkScripts refuses testscript's own stop, which ends a script there and
// passes it: what stands behind would never run.
func checkScripts(t *testing.T) {
	t.Helper()
	names, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains("\n"+string(text), "\nstop\n") {
			t.Errorf("%s: stop ends the script itself; the server is stopped by halt", name)
		}
	}
}

func scriptParams() testscript.Params {
	return testscript.Params{
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"serve":  scriptServe,
			"halt":   func(ts *testscript.TestScript, _ bool, _ []string) { scriptEnd(ts, os.Interrupt) },
			"kill9":  func(ts *testscript.TestScript, _ bool, _ []string) { scriptEnd(ts, syscall.SIGKILL) },
			"flip":   scriptFlip,
			"fetch":  scriptFetch,
			"await":  scriptAwait,
			"shrink": scriptShrink,
			"cut":    scriptCut,
			"make":   scriptMake,
			"shorter": func(ts *testscript.TestScript, _ bool, args []string) {
				if n, most := len(ts.ReadFile(args[0])), args[1]; fmt.Sprintf("%9d", n) > fmt.Sprintf("%9s", most) {
					ts.Fatalf("%s has %d bytes, at most %s are wanted", args[0], n, most)
				}
			},
			"show": scriptShow,
		},
		Setup: func(env *testscript.Env) error {
			env.Values[serverKey{}] = &scriptServer{}
			return nil
		},
	}
}

// scriptFetch asks for a URL, fails unless the answer is 200, and keeps it in a
// file: fetch URL [FILE].
func scriptFetch(ts *testscript.TestScript, _ bool, args []string) {
	resp, err := http.Get(args[0])
	ts.Check(err)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		ts.Fatalf("%s: %s", args[0], resp.Status)
	}
	if len(args) > 1 {
		body, err := io.ReadAll(resp.Body)
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), body, 0o644))
	}
}

// scriptAwait asks for a URL until the answer has a status and a line that
// matches: await URL CODE PATTERN.
func scriptAwait(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: await URL CODE PATTERN")
	}
	wanted, err := regexp.Compile("(?m)" + args[2])
	ts.Check(err)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for tries := 0; ; tries++ {
		resp, err := http.Get(args[0])
		ts.Check(err)
		body, err := io.ReadAll(resp.Body)
		ts.Check(errors.Join(err, resp.Body.Close()))
		if fmt.Sprint(resp.StatusCode) == args[1] && wanted.Match(body) {
			ts.Logf("%s", wanted.Find(body))
			return
		}
		if tries > 1500 {
			ts.Fatalf("%s stays at %d %s", args[0], resp.StatusCode, body)
		}
		<-tick.C
	}
}

// scriptShow serves a directory as any web server does and sets $WEB.
func scriptShow(ts *testscript.TestScript, _ bool, args []string) {
	web := httptest.NewServer(http.FileServer(http.Dir(ts.MkAbs(args[0]))))
	ts.Defer(web.Close)
	ts.Setenv("WEB", web.URL)
}

// scriptMake writes a file of events of which the second is out of shape: make FILE
// deep|long; or that begins with a byte order mark, once or in each line: bom|boms.
func scriptMake(ts *testscript.TestScript, _ bool, args []string) {
	const sound = `{"specversion":"1.0","id":"made-%d","source":"urn:civicledger:agency:haidian","type":"fund.opened.v1","time":"2026-03-01T00:00:00+08:00","jurisdiction":"110108","data":{"fund":"f%d","name":"海淀","currency":"CNY","holder":{"name":"海淀区民政局"},"synthetic":true}}`
	line := func(n int) string { return fmt.Sprintf(sound, n, n) }
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(map[string]string{
		"deep": line(1) + "\n" + `{"data":{"a":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + "}}\n" + line(2) + "\n",
		"long": line(1) + "\n{" + strings.Repeat("x", 5_000_000) + "}\n" + line(2) + "\n",
		"bom":  "\ufeff" + line(3) + "\r\n",
		"boms": "\ufeff" + line(3) + "\n\ufeff" + line(4) + "\n",
	}[args[1]]), 0o644))
}

// scriptCut takes a number of bytes off the end of a file: cut FILE N.
func scriptCut(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(errors.Join(err, os.Truncate(ts.MkAbs(args[0]), info.Size()-n)))
}

// scriptShrink cuts a file to one byte.
func scriptShrink(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.Truncate(ts.MkAbs(args[0]), 1))
}

type serverKey struct{}

// scriptServer is the background server of one script.
type scriptServer struct{ cmd *exec.Cmd }

func serverOf(ts *testscript.TestScript) *scriptServer {
	return ts.Value(serverKey{}).(*scriptServer)
}

// scriptServe runs `civicledger ARGS…` (serve or demo) on free ports, waits
// until it answers, and sets $HTTP and $BUS.
func scriptServe(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("serve cannot be negated: use ! exec civicledger serve")
	}
	ready := ts.MkAbs("ready.json")
	if err := os.Remove(ready); err != nil && !errors.Is(err, fs.ErrNotExist) {
		ts.Fatalf("%v", err)
	}
	args = append(args, "--listen", "127.0.0.1:0", "--bus-listen", "127.0.0.1:0", "--ready", ready)
	log, err := os.OpenFile(ts.MkAbs("serve.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	ts.Check(err)
	defer log.Close()
	binary, err := exec.LookPath(filepath.Join(filepath.Dir(ts.Getenv("TESTSCRIPT_COMMAND")), "civicledger"))
	if err != nil {
		binary, err = exec.LookPath("civicledger")
		ts.Check(err)
	}
	server := serverOf(ts)
	server.cmd = exec.Command(binary, args...)
	server.cmd.Dir, server.cmd.Stdout, server.cmd.Stderr = ts.MkAbs("."), log, log
	ts.Check(server.cmd.Start())
	ts.Defer(func() {
		if server.cmd != nil {
			server.cmd.Process.Kill()
			server.cmd.Wait()
		}
	})
	var where addresses
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		text, err := os.ReadFile(ready)
		if err == nil && json.Unmarshal(text, &where) == nil {
			tick.Stop()
			break
		}
		if server.cmd.Process.Signal(syscall.Signal(0)) != nil || time.Since(processStart) > 5*time.Minute {
			logged, _ := os.ReadFile(ts.MkAbs("serve.log"))
			ts.Fatalf("the server did not start:\n%s", logged)
		}
		<-tick.C
	}
	ts.Setenv("HTTP", where.HTTP)
	ts.Setenv("HOSTPORT", strings.TrimPrefix(where.HTTP, "http://"))
	ts.Setenv("BUS", where.Bus)
}

var processStart = time.Now()

func scriptEnd(ts *testscript.TestScript, signal os.Signal) {
	server := serverOf(ts)
	if server.cmd == nil {
		ts.Fatalf("no server runs")
	}
	ts.Check(server.cmd.Process.Signal(signal))
	err := server.cmd.Wait()
	server.cmd = nil
	if signal == os.Interrupt && err != nil {
		logged, _ := os.ReadFile(ts.MkAbs("serve.log"))
		ts.Fatalf("the server did not stop cleanly: %v\n%s", err, logged)
	}
}

// scriptFlip flips one bit in the middle of the first occurrence of a text in
// a file: flip FILE TEXT.
func scriptFlip(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: flip FILE TEXT")
	}
	names, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	for _, name := range names {
		data, err := os.ReadFile(name)
		ts.Check(err)
		if at := bytes.Index(data, []byte(args[1])); at >= 0 {
			at += len(args[1]) / 2
			f, err := os.OpenFile(name, os.O_WRONLY, 0) // in place: a server may have it open
			ts.Check(err)
			_, err = f.WriteAt([]byte{data[at] ^ 1}, int64(at))
			ts.Check(errors.Join(err, f.Close()))
			return
		}
	}
	ts.Fatalf("%q is in none of %v", args[1], names)
}
