package verify

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"golang.org/x/mod/sumdb/note"
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
	flags.SetOutput(io.Discard)
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
func (c *cli) fail(err error) int {
	fmt.Fprintf(c.stderr, "civicverify: %v\n", err)
	return 2
}

func logCommand(ctx context.Context, c *cli) int {
	var q Request
	flags := flag.NewFlagSet("civicverify", flag.ContinueOnError)
	flags.StringVar(&q.Data, "data", "", "")
	flags.StringVar(&q.URL, "url", "", "")
	flags.StringVar(&q.Dir, "dir", "", "")
	flags.StringVar(&q.State, "state", "", "")
	flags.StringVar(&q.Key, "key", "", "")
	flags.BoolVar(&q.Careful, "careful", false, "")
	flags.BoolVar(&q.JSON, "json", false, "")
	if _, code, ok := c.parse(flags, 0, Usage+moreUsage); !ok {
		return code
	}
	return Command(ctx, q, c.stdout, c.stderr)
}

const moreUsage = `
More commands, each with its own --help:
  civicverify proof    an entry is on the log, offline
  civicverify receipt  an agency's file is on the log, offline
  civicverify watch    follow a live log and verify what comes
`

// trust is the key that a command believes, and what it remembers.
type trust struct {
	key   string // flag
	state string // flag
	vkey  string
	note.Verifier
	known *Known // nil: nothing is kept
}

func (t *trust) flags(flags *flag.FlagSet) {
	flags.StringVar(&t.key, "key", "", "")
	flags.StringVar(&t.state, "state", "", "")
}

func (t *trust) load() (err error) {
	if t.vkey, err = readKey(t.key); err != nil {
		return err
	}
	if t.Verifier, err = note.NewVerifier(t.vkey); err != nil {
		return fmt.Errorf("the key is not a verifier key: %w", err)
	}
	if t.state != "" {
		t.known, err = LoadState(t.state, t.Verifier)
	}
	return err
}

// stamp is Unix milliseconds for people and programs.
func stamp(millis int64) string {
	return time.UnixMilli(millis).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
