// Command civicledger is the ledger's one binary: it creates, serves, feeds,
// queries and verifies an audit and supervision ledger for public welfare
// money.
//
// Exit codes: 0 done; 1 done, and the answer is bad news (a refusal, a log that
// is not sound, skipped rows); 2 could not be done.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"civicledger/cmd/internal/datadir"
	"civicledger/events"
	"civicledger/ledger"
)

// Exit codes.
const (
	exitBadNews   = 1
	exitCouldNot  = 2
	maxMessage    = 16 << 10 // bytes: two signed heads, or a hundred damages
	defaultListen = "127.0.0.1:8080"
	defaultBus    = "127.0.0.1:4222"
	defaultBusURL = "nats://" + defaultBus
)

// exitError ends the program with a code; an empty text says nothing more
// because everything was said.
type exitError struct {
	code int
	text string
}

func (e *exitError) Error() string { return e.text }

// badNews ends with 1: it was done, and the answer is not what was hoped for.
func badNews(format string, args ...any) error {
	return &exitError{exitBadNews, fmt.Sprintf(format, args...)}
}

// sayLine says something on one line: as JSON, or in words.
func sayLine(w io.Writer, asJSON bool, value any, words string) {
	if text, err := json.Marshal(value); asJSON && err == nil {
		words = string(text)
	}
	fmt.Fprintln(w, words)
}

// openToRead opens a ledger's directory to be read, and says only what is wrong.
func openToRead(ctx context.Context, data string) (*ledger.Ledger, error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	return datadir.Dir(data).Open(ctx, datadir.Options{ReadOnly: true, Log: log})
}

func main() {
	os.Exit(run(os.Args[1:]))
}

// run executes one command line and returns its exit code.
func run(args []string) int {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	root := newRootCommand()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var exit *exitError
	if !errors.As(err, &exit) {
		exit = &exitError{exitCouldNot, err.Error()}
	}
	if exit.text != "" {
		fmt.Fprintln(os.Stderr, "civicledger: "+events.Short(exit.text, maxMessage))
	}
	return exit.code
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "civicledger",
		Short: "An audit and supervision ledger for public welfare money",
		Long: `civicledger records what agencies say about public welfare money on a
hash-chained, signed log, answers supervisors from it, and lets anybody verify it.

Exit codes: 0 done, 1 the answer is bad news, 2 could not be done.`,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(
		newInitCommand(), newServeCommand(), newEnrolCommand(), newSubmitCommand(),
		newImportCommand(), newQueryCommand(), newVerifyCommand(), newSchemaCommand(),
		newTokenCommand(), newBackupCommand(), newRestoreCommand(), newRepairCommand(), newAcceptLossCommand(),
		newProveCommand(), newReceiptsCommand(), newExportCommand(), newDemoCommand(), newManCommand(),
	)
	return root
}

// version is what the Go tool knows of this build.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return s.Value[:12]
		}
	}
	return info.Main.Version
}
