// Command civicverify judges a civicledger log without its server: the files
// of a ledger or what a server shows, against a verifier key. It links the
// pure formats only (a test pins the list of modules), so that an auditor can
// read all of it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"civicledger/ledger/verify"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	cancel()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var q verify.Request
	flags := flag.NewFlagSet("civicverify", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&q.Data, "data", "", "")
	flags.StringVar(&q.URL, "url", "", "")
	flags.StringVar(&q.Dir, "dir", "", "")
	flags.StringVar(&q.State, "state", "", "")
	flags.StringVar(&q.Key, "key", "", "")
	flags.BoolVar(&q.JSON, "json", false, "")
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, verify.Usage)
		return 0
	}
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("argument %q is not understood", flags.Arg(0))
	}
	if err != nil {
		fmt.Fprintf(stderr, "civicverify: %v\n\n%s", err, verify.Usage)
		return 2
	}
	return verify.Command(ctx, q, stdout, stderr)
}
