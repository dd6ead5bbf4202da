package sources

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"civicledger/events/ident"
)

// DefaultSourceURI is what event sources lie under where Options name nothing.
// No agency is enrolled with it: it serves to look at events, not to submit.
const DefaultSourceURI = "urn:civicledger:import"

// Options say what a file does not say about itself. Each has a default of the
// kind, so that the public files read without any.
type Options struct {
	Name         string       // base name of the file; names it in messages, and nothing else
	SourceURI    string       // the agency's enrolled source; the kind is appended
	Jurisdiction string       // of every row; default: the row's own, or the kind's
	Fund         string       // fund that money is filed under; default: the kind's own, which is opened
	Campaign     string       // campaign of donations, goods and disclosures
	Account      string       // masked name of the account; a bank statement needs it
	Organisation ident.OrgRef // charity, payer or account holder
	Encoding     string       // utf-8 (default), gbk or gb18030
	Decimal      string       // how numbers are written: point (1,000.50), comma (1.000,50); default: digits and a point
	Number       string       // column with the publisher's own number of a row; default: there is none
	Now          time.Time    // events more than 24 hours ahead of it are refused, as the ledger would; zero: none are

	// CityKey turns the publisher's pseudonyms of natural persons into subject
	// tokens. Without it persons stay unnamed.
	CityKey *ident.CityKey

	// Earlier are captures of the same notices that were imported before
	// (cwl-draws only): what they said is not said again.
	Earlier []io.Reader
}

// Row is what became of one row of the file.
type Row struct {
	Line  int  // 1-based line of the file; for draw notices the position in the list
	Blank bool // nothing stands on the line
	// Preamble is true where Events belong to the whole file and to no row: the
	// fund that its money is filed under.
	Preamble bool
	Events   [][]byte // event lines without LF; none only on a blank line, or where Earlier said all of it
}

// Source reads one kind of file. It is immutable and safe for concurrent use.
type Source struct {
	Kind    string
	Title   string   // one line for the help text
	Types   []string // event types it says
	Example string   // arguments of an import command

	zone     *time.Location
	defaults Options
	read     reader
}

// reader yields rows; what is wrong with one row is a *RowError.
type reader func(ctx context.Context, in *input, s *speaker) iter.Seq2[Row, error]

var all = []*Source{
	drawsSource, donationsSource, goodsSource, disclosuresSource, statementSource,
	reliefSource, sanctionsSource, welfareFundSource,
}

// Lookup finds the source of a kind.
func Lookup(kind string) (*Source, bool) {
	i := slices.IndexFunc(all, func(s *Source) bool { return s.Kind == kind })
	if i < 0 {
		return nil, false
	}
	return all[i], true
}

// Kinds lists every source in the order of the documentation.
func Kinds() []*Source { return slices.Clone(all) }

// Read yields the rows of r in the order in which they are to be said: that of
// the file, but draw notices oldest first. Every event line passes events.Parse
// and the catalogue. A *RowError concerns one row: the caller may go on. Any
// other error ends the sequence; rows yielded before it stand. Compressed files
// (gzip) are recognised by their first bytes. The caller keeps Row.Events.
func (s *Source) Read(ctx context.Context, r io.Reader, opts Options) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		in, err := openInput(r, opts)
		if _, ok := writings[opts.Decimal]; err == nil && opts.Decimal != "" && !ok {
			err = fmt.Errorf("--decimal %q is not known: point or comma", opts.Decimal)
		}
		if err != nil {
			yield(Row{}, err)
			return
		}
		for row, err := range s.read(ctx, in, newSpeaker(s, opts)) {
			if !yield(row, err) {
				return
			}
		}
	}
}
