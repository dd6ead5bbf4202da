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
	Data  string // data directory, or
	URL   string // base URL of a server, or
	Dir   string // directory of a server's paths as static files
	Key   string // verifier key, or a file that holds it
	State string // file that keeps the last checkpoint seen; may be empty
	JSON  bool

	Careful bool // Options.Careful
}

// Usage is the help of both commands.
const Usage = `Verify a whole log: every entry, link and signature, what each key may say,
and the root that the ledger's checkpoint signs.

  civicverify --data DIR | --url URL | --dir DIR  --key VERIFIER-KEY [--state FILE]
              [--careful] [--json]

  --data DIR    files of a ledger: stopped, copied, or live (up to its checkpoint)
  --url URL     a server that shows its log (C2SP tlog-tiles)
  --dir DIR     a server's paths as static files
  --key KEY     the ledger's verifier key, or a file that holds it. Take it from
                somewhere else than from the log.
  --state FILE  keeps the last checkpoint seen; a log that does not extend it is
                shown with both signed heads (kinds rewind and fork), FILE stays
  --careful     judge every entry by itself, one step after the other and with the
                standard library's SHA-256 only. The answer is the same; with --data it
                takes several times as long
  --json        report as JSON (format "` + Format + `")

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
	src, err := q.source()
	if err != nil {
		return nil, err
	}
	key, err := readKey(q.Key)
	if err != nil {
		return nil, err
	}
	known, err := loadState(q.State, key)
	if err != nil {
		return nil, err
	}
	r := Run(ctx, src, key, Options{Progress: progressTo(stderr), Known: known, Careful: q.Careful})
	if r.Verdict == Sound && q.State != "" {
		if err := SaveState(q.State, r.Checkpoint.Note); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// source is where the log is read from: exactly one place.
func (q *Request) source() (Source, error) {
	var from []Source
	if q.Data != "" {
		from = append(from, Directory(q.Data))
	}
	if q.URL != "" {
		from = append(from, Server(q.URL))
	}
	if q.Dir != "" {
		from = append(from, Static(q.Dir))
	}
	if len(from) != 1 {
		return nil, errors.New("give either --data DIR, --url URL or --dir DIR")
	}
	return from[0], nil
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
