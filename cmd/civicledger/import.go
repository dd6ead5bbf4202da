package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"civicledger/events/ident"
	"civicledger/events/sources"
)

// importing is one run of the command.
type importing struct {
	sending // the way over the bus, --skip-bad and --json

	source       *sources.Source
	file         string
	out          string
	organisation string
	cityKey      string
	earlier      []string
	options      sources.Options

	said     sync.Mutex // guards saidFrom, which the way over the bus asks while lines are read
	saidFrom []int32    // line of the file that each event is from
}

// importCounts is the summary, versioned for programs. A row is said, bad, or
// the same as in an earlier capture.
type importCounts struct {
	Format string `json:"format"`
	Kind   string `json:"kind"`
	File   string `json:"file"`
	Rows   int    `json:"rows"`
	Said   int    `json:"said"`
	Same   int    `json:"same"`
	Bad    int    `json:"bad"`
	Blank  int    `json:"blank"` // lines on which nothing stands; they are no rows
	Events int    `json:"events"`
}

func newImportCommand() *cobra.Command {
	var im importing
	cmd := &cobra.Command{
		Use:   "import KIND FILE",
		Short: "Say the rows of a publisher's file as events",
		Long: `Reads a file that an agency or a publisher really has, says each row as one event
or more, and writes them to a file (--out), to standard output, or over the bus
(--agency and --key). FILE may be gzip; "-" is standard input.

Ids are made of what a row says, with its ordinal among equal rows, or of the publisher's
own number (--number COLUMN); never of the file's name or line. So the same row gives the
same bytes, in a renamed file and in an overlapping export too, and over the bus what is
recorded already is left out.

Every line of the file is a row, bad, or blank. A bad row is reported with its line, column
and cure, and stops the import; with --skip-bad the rest goes on and the exit code is 1.

Kinds:
` + kindsHelp(),
		Example: examplesHelp(),
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := im.prepare(args[0], args[1]); err != nil {
				return err
			}
			return im.run(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	im.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&im.out, "out", "", "write the events to this file, whole or not at all; - is standard output")
	f.StringVar(&im.options.SourceURI, "source", "", "the agency's enrolled source URI (default urn:civicledger:agency:NAME)")
	f.StringVar(&im.options.Jurisdiction, "jurisdiction", "", "code of every row (default: the row's own, or the kind's)")
	f.StringVar(&im.options.Fund, "fund", "", "fund the money is filed under")
	f.StringVar(&im.options.Campaign, "campaign", "", "campaign of donations, goods and disclosures")
	f.StringVar(&im.options.Account, "account", "", "masked name of the account; bank-statement needs it")
	f.StringVar(&im.organisation, "organisation", "", "charity, payer or account holder: a name, or a code and a name")
	f.StringVar(&im.options.Encoding, "encoding", "utf-8", "utf-8, gbk or gb18030")
	f.StringVar(&im.options.Decimal, "decimal", "", "how the file writes numbers: point (1,000.50) or comma (1.000,50); default: digits and a point")
	f.StringVar(&im.options.Number, "number", "", "column with the publisher's own number of a row, that stays the same in every export")
	f.StringVar(&im.cityKey, "city-key", "", "file of the city key: makes tokens of the publisher's pseudonyms")
	f.StringArrayVar(&im.earlier, "earlier", nil, "cwl-draws: a capture imported before; only what it lacks is said (repeatable)")
	return cmd
}

func kindsHelp() string {
	var b strings.Builder
	for _, s := range sources.Kinds() {
		fmt.Fprintf(&b, "  %-16s %s\n", s.Kind, s.Title)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func examplesHelp() string {
	var b strings.Builder
	for _, s := range sources.Kinds() {
		fmt.Fprintf(&b, "  civicledger import %s\n", s.Example)
	}
	b.WriteString("  civicledger import cwl-draws ssq-today.json --earlier ssq.json --out new.jsonl\n")
	b.WriteString("  civicledger import donations donations.csv.gz --bus nats://127.0.0.1:4222 --agency wuhan-rc --key wuhan-rc.key")
	return b.String()
}

// prepare turns flags into options.
func (im *importing) prepare(kind, file string) error {
	source, ok := sources.Lookup(kind)
	if !ok {
		return fmt.Errorf("no kind %q; there are:\n%s", kind, kindsHelp())
	}
	im.source, im.file = source, file
	im.options.Name = filepath.Base(file)
	if file == "-" {
		im.options.Name = "stdin"
	}
	if im.options.SourceURI == "" && im.agency != "" {
		im.options.SourceURI = "urn:civicledger:agency:" + im.agency
	}
	im.options.Organisation, im.options.Now = organisationOf(im.organisation), now()
	if im.cityKey != "" {
		key, err := readCityKey(im.cityKey)
		if err != nil {
			return err
		}
		im.options.CityKey = &key
	}
	if (im.agency == "") != (im.keyFile == "") && im.out == "" {
		return errors.New("over the bus both --agency and --key are needed; to write a file say --out")
	}
	return im.sparesInputs()
}

// sparesInputs refuses to write over a file that the import reads.
func (im *importing) sparesInputs() error {
	for _, target := range []string{im.out, partOf(im.out)} {
		written, err := os.Stat(target)
		if err != nil {
			continue
		}
		for _, name := range append([]string{im.file, os.Stdin.Name(), im.cityKey, im.keyFile}, im.earlier...) {
			if read, err := os.Stat(name); err == nil && os.SameFile(read, written) {
				return fmt.Errorf("--out %s would write over %s, which is read: choose another name", im.out, name)
			}
		}
	}
	return nil
}

// organisationOf reads a name, a code, or a code and a name behind it.
func organisationOf(text string) ident.OrgRef {
	first, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
	if ident.IsOrgCode(first) {
		return ident.OrgRef{Code: first, Name: strings.TrimSpace(rest)}
	}
	return ident.OrgRef{Name: strings.TrimSpace(text)}
}

func (im *importing) run(ctx context.Context, stdin io.Reader, out, messages io.Writer) error {
	in, closeIn, err := openInput(im.file, stdin)
	if err != nil {
		return err
	}
	defer closeIn()
	for _, name := range im.earlier {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		im.options.Earlier = append(im.options.Earlier, f)
	}
	counts := &importCounts{Format: "civicledger import v1", Kind: im.source.Kind, File: im.options.Name}
	progress := newProgress(messages, im.options.Name)
	rows := im.source.Read(ctx, progress.reading(in), im.options)
	err = im.deliver(ctx, im.lines(rows, counts, progress, messages), out, messages)
	progress.finish()
	im.summarise(messages, counts)
	return im.outcome(err, counts)
}

// outcome turns what became of the rows into an exit code.
func (im *importing) outcome(err error, counts *importCounts) error {
	var bad *sources.RowError
	switch {
	case errors.As(err, &bad):
		return badNews("stopped at the first bad row: %v (say --skip-bad to leave such rows out)", bad)
	case err != nil:
		return err
	case counts.Bad > 0:
		return badNews("%d of %d rows are bad and were left out", counts.Bad, counts.Rows)
	}
	return nil
}

// lines yields the events of good rows, and counts every row. A bad one ends
// the sequence, or is reported and left out.
func (im *importing) lines(rows iter.Seq2[sources.Row, error], counts *importCounts, progress *progress, messages io.Writer) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for row, err := range rows {
			var bad *sources.RowError
			fatal := err != nil && !errors.As(err, &bad)
			if !fatal {
				counts.count(row, bad)
				progress.row(counts, row.Preamble)
			}
			if fatal || bad != nil && !im.skipBad {
				yield(nil, err)
				return
			}
			if bad != nil && im.json {
				_ = json.NewEncoder(messages).Encode(bad)
			} else if bad != nil {
				fmt.Fprintln(messages, bad)
			}
			im.note(row)
			for _, line := range row.Events {
				if !yield(line, nil) {
					return
				}
			}
		}
	}
}

// note keeps which line of the file each event is from.
func (im *importing) note(row sources.Row) {
	im.said.Lock()
	defer im.said.Unlock()
	for range row.Events {
		im.saidFrom = append(im.saidFrom, int32(row.Line))
	}
}

// lineOf is the line of the file that the event of this number, from 1, is from.
func (im *importing) lineOf(event int) int {
	im.said.Lock()
	defer im.said.Unlock()
	return int(im.saidFrom[event-1])
}

func (c *importCounts) count(row sources.Row, bad *sources.RowError) {
	c.Events += len(row.Events)
	if row.Blank {
		c.Blank++
	}
	if row.Preamble || row.Blank {
		return
	}
	c.Rows++
	switch {
	case bad != nil:
		c.Bad++
	case len(row.Events) == 0:
		c.Same++
	default:
		c.Said++
	}
}

// deliver brings the events where they go, in order.
func (im *importing) deliver(ctx context.Context, lines iter.Seq2[[]byte, error], out, messages io.Writer) error {
	switch {
	case im.out == "-", im.out == "" && im.agency == "":
		return writeEvents(out, lines)
	case im.out != "":
		return writeEventsFile(im.out, lines)
	}
	im.lineIn = im.lineOf
	return im.sending.run(ctx, lines, out, messages)
}

func writeEvents(w io.Writer, lines iter.Seq2[[]byte, error]) error {
	buffered := bufio.NewWriterSize(w, 256<<10)
	for line, err := range lines {
		if err != nil {
			return errors.Join(err, buffered.Flush())
		}
		if _, err := buffered.Write(append(line, '\n')); err != nil {
			return fmt.Errorf("write events: %w", err)
		}
	}
	return buffered.Flush()
}

func partOf(name string) string { return name + ".part" }

// writeEventsFile writes beside the file and renames, so that an import that
// stops leaves no half of it behind. What one that was killed left is written
// over by the next; two at once are told apart by a lock.
func writeEventsFile(name string, lines iter.Seq2[[]byte, error]) error {
	part, err := os.OpenFile(partOf(name), os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer part.Close()
	own, err := part.Stat()
	if err != nil {
		return err
	}
	locked := syscall.Flock(int(part.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	// The one before may have renamed the file since it was opened.
	if there, err := os.Stat(partOf(name)); locked != nil || err != nil || !os.SameFile(own, there) {
		return fmt.Errorf("another import writes %s: wait for it", partOf(name))
	}
	if err = part.Truncate(0); err == nil {
		err = writeEvents(part, lines)
	}
	if err = errors.Join(err, part.Sync()); err == nil {
		err = os.Rename(partOf(name), name)
	}
	if err != nil {
		os.Remove(partOf(name))
	}
	return err
}

func (im *importing) summarise(w io.Writer, c *importCounts) {
	if im.json {
		_ = json.NewEncoder(w).Encode(c)
		return
	}
	fmt.Fprintf(w, "%s: %d rows: %d said as %d events, %d bad", c.File, c.Rows, c.Said, c.Events, c.Bad)
	if c.Blank > 0 {
		fmt.Fprintf(w, ", %d blank lines", c.Blank)
	}
	if c.Same > 0 {
		fmt.Fprintf(w, ", %d as imported before", c.Same)
	}
	fmt.Fprintln(w)
}
