// Package auditor is what an auditor types and reads: the commands of
// civicverify, of which civicledger verify is one, and reports in words. What
// they say is found by ledger/verify.
package auditor

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/verify/offline"
	"civicledger/ledger/verify/verdict"
)

// Main is civicverify: it runs the command that args say and returns the exit
// code. Without the name of a command it verifies a whole log.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	commands := map[string]func(context.Context, *cli) int{"proof": proofCommand, "receipt": receiptCommand, "watch": watchCommand}
	c := &cli{stdout: stdout, stderr: stderr}
	if len(args) > 0 && commands[args[0]] != nil {
		c.args = args[1:]
		return commands[args[0]](ctx, c)
	}
	c.args = args
	return logCommand(ctx, c)
}

// cli is one command line and where its answers go.
type cli struct {
	args           []string
	stdout, stderr io.Writer
}

// parse reads flags before, between and behind the arguments, of which there
// must be count. When it returns false the program ends with code.
func (c *cli) parse(flags *flag.FlagSet, count int, usage string) (args []string, code int, ok bool) {
	err := flags.Parse(c.args)
	for err == nil && flags.NArg() > 0 {
		args = append(args, flags.Arg(0))
		err = flags.Parse(flags.Args()[1:])
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(c.stdout, usage)
		return nil, 0, false
	case err == nil && len(args) > count:
		err = fmt.Errorf("argument %q is not understood", args[count])
	case err == nil && len(args) < count:
		err = fmt.Errorf("%d arguments are needed, %d are given", count, len(args))
	}
	if err != nil {
		fmt.Fprintf(c.stderr, "civicverify: %v\n\n%s", err, usage)
		return nil, 2, false
	}
	return args, 0, true
}

// fail says why something could not be done.
func fail(stderr io.Writer, err error) int {
	fmt.Fprintf(stderr, "civicverify: %v\n", err)
	return 2
}

// show prints a report, as JSON or in words, and returns the exit code.
func (c *cli) show(report any, asJSON bool, words string, code int) int {
	if err := write(c.stdout, report, asJSON, "  ", words); err != nil {
		return fail(c.stderr, fmt.Errorf("write report: %w", err))
	}
	return code
}

// write writes a report, as JSON with an indent or in words.
func write(w io.Writer, report any, asJSON bool, indent, words string) error {
	if !asJSON {
		_, err := io.WriteString(w, words)
		return err
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	return enc.Encode(report)
}

// exitCode is that of a verdict of an offline check.
func exitCode(verdict string) int {
	if verdict == offline.Proven {
		return 0
	}
	return 1
}

// trust is the key that a command believes, and what it remembers.
type trust struct {
	key   string // flags
	state string
	json  bool

	vkey string
	note.Verifier
	known *verdict.Signed // nil: nothing is kept
}

// newFlags returns the flags that all commands have; the help is the usage.
func newFlags(key, state *string, asJSON *bool) *flag.FlagSet {
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(key, "key", "", "")
	flags.StringVar(state, "state", "", "")
	flags.BoolVar(asJSON, "json", false, "")
	return flags
}

func (t *trust) load() (err error) {
	if t.vkey, err = ReadKey(t.key); err != nil {
		return err
	}
	if t.Verifier, err = note.NewVerifier(t.vkey); err != nil {
		return fmt.Errorf("the key is not a verifier key: %w", err)
	}
	if t.state != "" {
		t.known, err = verdict.LoadState(t.state, t.Verifier)
	}
	return err
}

// keepFirst keeps a checkpoint where none is kept yet. One that is kept already
// is never replaced: offline nothing shows that the new one extends it.
func (t *trust) keepFirst(seen *verdict.Seen) error {
	if t.state == "" || t.known != nil || seen == nil {
		return nil
	}
	return verdict.SaveState(t.state, seen.Note)
}

// ReadKey returns a verifier key that is given as it is, or as a file that holds
// it: how all commands take one.
func ReadKey(key string) (string, error) {
	if key == "" {
		return "", errors.New("give the ledger's verifier key with --key")
	}
	if strings.Count(key, "+") >= 2 {
		return key, nil
	}
	data, err := os.ReadFile(key)
	if err != nil {
		return "", fmt.Errorf("--key is no verifier key, and as a file: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// tellTo tells how far a long run is, every two seconds.
func tellTo[N int64 | uint64](w io.Writer) func(what string, done, total N) {
	last := time.Now()
	return func(what string, done, total N) {
		if now := time.Now(); now.Sub(last) > 2*time.Second && total > 0 {
			last = now
			fmt.Fprintf(w, "%d of %d %s (%d %%)\n", done, total, what, done*100/total)
		}
	}
}

// progressTo tells how far a log is verified.
func progressTo(w io.Writer) func(done, total uint64) {
	tell := tellTo[uint64](w)
	return func(done, total uint64) { tell("entries", done, total) }
}
