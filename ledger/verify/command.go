package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"
)

// Request is what an auditor asks for: the arguments of civicverify and of
// civicledger verify.
type Request struct {
	Data string // data directory, or
	URL  string // base URL of a server
	Key  string // verifier key, or a file that holds it
	JSON bool
}

// Usage is the help of both commands.
const Usage = `Verify a whole log: every entry, link and signature, what each key may say,
and the root that the ledger's checkpoint signs.

  civicverify --data DIR | --url URL  --key VERIFIER-KEY [--json]

  --data DIR   files of a ledger: stopped, copied, or live (up to its checkpoint)
  --url URL    a server that shows its log (C2SP tlog-tiles)
  --key KEY    the ledger's verifier key, or a file that holds it. Take it from
               somewhere else than from the log.
  --json       report as JSON (format "` + Format + `")

Exit status: 0 sound, 1 not sound, 2 could not be checked.

Example:
  civicverify --data ./data --key ledger.example.org+1a2b3c4d+AbCd...=
`

// Command runs a request, writes the report to stdout and progress of long
// runs to stderr, and returns the exit code.
func Command(ctx context.Context, q Request, stdout, stderr io.Writer) int {
	// What is alive is little, what passes through is much.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	report, err := run(ctx, q, stderr)
	if err != nil {
		fmt.Fprintf(stderr, "civicverify: %v\n", err)
		return 2
	}
	write := report.WriteWords
	if q.JSON {
		write = report.WriteJSON
	}
	if err := write(stdout); err != nil {
		fmt.Fprintf(stderr, "civicverify: write report: %v\n", err)
		return 2
	}
	return report.ExitCode()
}

func run(ctx context.Context, q Request, stderr io.Writer) (*Report, error) {
	if (q.Data == "") == (q.URL == "") {
		return nil, errors.New("give either --data DIR or --url URL")
	}
	key, err := readKey(q.Key)
	if err != nil {
		return nil, err
	}
	src := Directory(q.Data)
	if q.URL != "" {
		src = Server(q.URL)
	}
	return Run(ctx, src, key, Options{Progress: progressTo(stderr)}), nil
}

func readKey(key string) (string, error) {
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

// progressTo tells how far a long run got, every two seconds.
func progressTo(w io.Writer) func(done, total uint64) {
	last := time.Now()
	return func(done, total uint64) {
		if now := time.Now(); now.Sub(last) > 2*time.Second && total > 0 {
			last = now
			fmt.Fprintf(w, "%d of %d entries (%d %%)\n", done, total, done*100/total)
		}
	}
}
