package auditor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"

	"civicledger/ledger/verify"
	"civicledger/ledger/verify/source"
	"civicledger/ledger/verify/verdict"
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

	Careful bool // verify.Options
}

// Usage is the help of both commands.
const Usage = `Verify a whole log: every entry, link and signature, what each key may say,
and the root that the ledger's checkpoint signs.

  civicverify --data DIR | --url URL | --dir DIR  --key VERIFIER-KEY [--state FILE]
              [--careful] [--json]

  --data DIR    files of a ledger: stopped, copied, or live
  --url URL     a server that shows its log (C2SP tlog-tiles)
  --dir DIR     a server's paths as static files
  --key KEY     the ledger's verifier key, or a file that holds it. Take it from
                somewhere else than from the log.
  --state FILE  keeps the last checkpoint seen; a log that does not extend it is
                shown with both signed heads (kinds rewind, fork and cut), FILE stays
  --careful     judge every entry by itself, one step after the other and with the
                standard library's SHA-256 only. The answer is the same; with --data it
                takes several times as long
  --json        report as JSON (format "` + verdict.Format + `")

Exit status: 0 sound, 1 not sound, 2 could not be checked.

Example:
  civicverify --data ./data --key ledger.example.org+1a2b3c4d+AbCd...=
`

const moreUsage = `
More commands, each with its own --help:
  civicverify proof    an entry is on the log, offline
  civicverify receipt  an agency's file is on the log, offline
  civicverify watch    follow a live log and verify what comes
`

func logCommand(ctx context.Context, c *cli) int {
	var q Request
	flags := newFlags(&q.Key, &q.State, &q.JSON)
	flags.StringVar(&q.Data, "data", "", "")
	flags.StringVar(&q.URL, "url", "", "")
	flags.StringVar(&q.Dir, "dir", "", "")
	flags.BoolVar(&q.Careful, "careful", false, "")
	if _, code, ok := c.parse(flags, 0, Usage+moreUsage); !ok {
		return code
	}
	return Command(ctx, q, c.stdout, c.stderr)
}

// Command runs a request, writes the report to stdout and progress of long
// runs to stderr, and returns the exit code.
func Command(ctx context.Context, q Request, stdout, stderr io.Writer) int {
	// What is alive is little, what passes through is much.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	r, err := q.run(ctx, stderr)
	if err != nil {
		return fail(stderr, err)
	}
	c := &cli{stdout: stdout, stderr: stderr}
	return c.show(r, q.JSON, Words(r), r.ExitCode())
}

func (q *Request) run(ctx context.Context, stderr io.Writer) (*verdict.Report, error) {
	src, err := q.source()
	if err != nil {
		return nil, err
	}
	t := trust{key: q.Key, state: q.State}
	if t.vkey, err = ReadKey(q.Key); err == nil && q.State != "" {
		err = t.load()
	}
	if err != nil {
		return nil, err
	}
	r := verify.Run(ctx, src, t.vkey, verify.Options{Progress: progressTo(stderr), Known: t.known, Careful: q.Careful})
	if r.Verdict == verdict.Sound && q.State != "" && (t.known == nil || t.known.Size <= r.Checkpoint.Size) {
		err = verdict.SaveState(q.State, r.Checkpoint.Note)
	}
	return r, err
}

// source is where the log is read from: exactly one place.
func (q *Request) source() (source.Source, error) {
	switch {
	case q.Data != "" && q.URL == "" && q.Dir == "":
		return source.Directory(q.Data), nil
	case q.URL != "" && q.Data == "" && q.Dir == "":
		return source.Server(q.URL), nil
	case q.Dir != "" && q.Data == "" && q.URL == "":
		return source.Static(q.Dir), nil
	}
	return nil, errors.New("give either --data DIR, --url URL or --dir DIR")
}

// Words is the report on a log for people.
func Words(r *verdict.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", r.Source, map[string]string{verdict.Sound: "SOUND", verdict.Unsound: "NOT SOUND", verdict.Unchecked: "COULD NOT BE CHECKED"}[r.Verdict])
	if r.Problem != "" {
		fmt.Fprintf(&b, "  %s\n", r.Problem)
	}
	if c := r.Checkpoint; c != nil {
		fmt.Fprintf(&b, "  ledger      %s (%s)\n  checkpoint  %d entries, root %x\n", r.Origin, r.Suite, c.Size, c.Root)
	}
	if r.Verdict != verdict.Unchecked {
		c := r.Counts
		fmt.Fprintf(&b, "  judged      %d entries (%d bytes), %d submissions, %d valid signatures, %d agencies\n",
			c.Entries, c.Bytes, c.Submissions, c.Signatures, c.Agencies)
	}
	if n := r.Counts.Beyond; n > 0 {
		fmt.Fprintf(&b, "  beyond      %d entries lie after the checkpoint: judged, not signed yet\n", n)
	}
	if n := r.Counts.Unjudged; n > 0 {
		fmt.Fprintf(&b, "  not judged  rights of %d submissions, because operator's entries before them are damaged\n", n)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "  note        %s\n", n)
	}
	writeDefects(&b, r)
	writeEvidence(&b, r)
	for _, s := range r.Stands {
		fmt.Fprintf(&b, "  stands      %s: %s\n", Entries(s.First, s.Last), map[string]string{
			verdict.ByTree:   "exactly as the checkpoint signs them",
			verdict.ByLinks:  "linked to the genesis entry without a gap; not proven by the checkpoint",
			verdict.ByChecks: "sound, not signed: every check holds, and they lie above the checkpoint",
		}[s.By])
	}
	return b.String()
}

func writeDefects(b *strings.Builder, r *verdict.Report) {
	if r.DefectCount > 0 {
		fmt.Fprintf(b, "  defects     %d\n", r.DefectCount)
	}
	for _, d := range r.Defects {
		fmt.Fprintf(b, "    %-14s %s: %s", d.Kind, Entries(d.First, d.Last), d.Message)
		if d.File != "" {
			fmt.Fprintf(b, " (%s at byte %d)", d.File, d.Offset)
		}
		b.WriteByte('\n')
	}
	if more := r.DefectCount - len(r.Defects); more > 0 {
		fmt.Fprintf(b, "    and %d more\n", more)
	}
}

// Entries names a run of them.
func Entries(first, last uint64) string { return span("entry", "entries", first, last) }

// span names the entries or lines from first to last.
func span[N int | uint64](one, several string, first, last N) string {
	if first == last {
		return fmt.Sprintf("%s %d", one, first)
	}
	return fmt.Sprintf("%s %d to %d", several, first, last)
}

// writeEvidence prints the two heads of a ledger that contradicts itself.
func writeEvidence(b *strings.Builder, r *verdict.Report) {
	if r.Known == nil || r.Checkpoint == nil {
		return
	}
	if slices.ContainsFunc(r.Defects, func(d verdict.Defect) bool { return d.Contradicts() }) {
		writeHeads(b, r.Known.Note, r.Checkpoint.Note)
	}
}

// writeHeads prints two signed notes as they are, each behind a line that says
// what it is.
func writeHeads(b *strings.Builder, before, now string) {
	fmt.Fprintf(b, "  signed before:\n\n%s\n  signed now:\n\n%s\n", before, now)
}
