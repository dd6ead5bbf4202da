// Command civicverify judges a civicledger log without its server: the whole of
// it, as files of a ledger or as a server shows it, one entry by its proof, an
// agency's file by its receipts, or what a live log adds, all against a
// verifier key. It links the pure formats only (a test pins the list of
// modules), so that an auditor can read all of it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"civicledger/cmd/internal/auditor"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := auditor.Main(ctx, os.Args[1:], os.Stdout, os.Stderr)
	cancel()
	os.Exit(code)
}
