package sources

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"slices"
	"strings"

	"civicledger/events/catalogue"
	"civicledger/events/money"
)

// table is one layout of a CSV file.
type table struct {
	columns []string // that must stand in the header
	key     string   // column that numbers the rows of a file
	fund    ownFund  // fund of the kind, where the options name none
	account bool     // the rows are of one account, which the options must name

	say func(sp *speaker, row *record) []said // what is wrong it notes in the row
}

// readTables reads a CSV file by the first layout whose columns it has.
func readTables(layouts ...table) reader {
	return func(ctx context.Context, in *input, sp *speaker) iter.Seq2[Row, error] {
		return func(yield func(Row, error) bool) {
			rows, err := openTable(in, layouts, sp)
			if err != nil {
				yield(Row{}, fmt.Errorf("read %s: %w", in.name, err))
				return
			}
			preamble, err := rows.layout.fund.open(sp)
			if err != nil || preamble.Events != nil && !yield(preamble, nil) {
				if err != nil {
					yield(Row{}, err)
				}
				return
			}
			for more := true; more; {
				row, err := rows.next(ctx, sp)
				if errors.Is(err, io.EOF) {
					return
				}
				var bad *RowError
				more = yield(row, err) && (err == nil || errors.As(err, &bad))
			}
		}
	}
}

// rows is an open CSV file. Every line of it is one row, or bad, or blank.
type rows struct {
	in     *input
	layout table
	key    string // column that no two rows may have the same in
	record record
	ids    map[[16]byte]int // fingerprint of a row's key and the line it stood on
	quoted int              // line on which a quote opens that is not closed yet, else 0
}

func openTable(in *input, layouts []table, sp *speaker) (*rows, error) {
	r := &rows{in: in, ids: map[[16]byte]int{}}
	r.record = record{at: map[string]int{}, opts: &sp.Options}
	first, err := in.next()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty: its first line must name the columns")
	}
	if err == nil {
		err = r.header(first)
	}
	if err != nil {
		return nil, err
	}
	layout := layoutOf(layouts, r.record.at)
	if layout == nil {
		return nil, r.noHeader(layouts, first)
	}
	r.layout, r.key = *layout, cmp.Or(sp.Number, layout.key)
	if r.layout.account && (!catalogue.IsSlug([]byte(sp.Account)) || len(sp.Account) > 60) {
		return nil, errors.New("a statement does not name its account: give --account with letters, digits, '.', '_' or '-', at most 60, the same for all statements of it")
	}
	if _, ok := r.record.at[r.key]; !ok {
		return nil, fmt.Errorf("the header lacks the column %s of --number", r.key)
	}
	return r, nil
}

// header takes the names of the columns. A column without a name must be empty
// in every row.
func (r *rows) header(line string) error {
	cells, err := split(nil, line)
	if err != nil {
		return fmt.Errorf("the first line must name the columns: %w", err)
	}
	for i, name := range cells {
		cells[i] = strings.TrimSpace(name)
		if _, twice := r.record.at[cells[i]]; twice && cells[i] != "" {
			return fmt.Errorf("the header names the column %q twice", cells[i])
		}
		r.record.at[cells[i]] = i
	}
	delete(r.record.at, "")
	r.record.columns = cells
	return nil
}

func layoutOf(layouts []table, at map[string]int) *table {
	i := slices.IndexFunc(layouts, func(t table) bool { return len(t.missing(at)) == 0 })
	if i < 0 {
		return nil
	}
	return &layouts[i]
}

func (t table) missing(at map[string]int) (names []string) {
	for _, name := range t.columns {
		if _, ok := at[name]; !ok {
			names = append(names, name)
		}
	}
	return names
}

// noHeader says why the first line names no layout: often a title stands above.
func (r *rows) noHeader(layouts []table, first string) error {
	lacks := strings.Join(layouts[0].missing(r.record.at), ", ")
	for range 20 {
		line, err := r.in.next()
		if err != nil {
			break
		}
		r.record.at = map[string]int{}
		if r.header(line) == nil && layoutOf(layouts, r.record.at) != nil {
			return fmt.Errorf("the first line is not the header: line %d is; remove what stands above it", r.in.line)
		}
	}
	if strings.ContainsAny(first, ";\t") && !strings.Contains(first, ",") {
		return errors.New("the columns are not set apart by commas: save the file as CSV with commas")
	}
	return fmt.Errorf("the first line is not the header of this kind: it lacks the column %s: is this another kind of file, or another --encoding?", lacks)
}

// next reads and says one row. It returns io.EOF at the end and a *RowError
// where another row may follow.
func (r *rows) next(ctx context.Context, sp *speaker) (Row, error) {
	if err := ctx.Err(); err != nil {
		return Row{}, err
	}
	text, err := r.in.next()
	var f *flaw
	if err != nil && !errors.As(err, &f) {
		return Row{}, err
	}
	row := Row{Line: r.in.line}
	if cut := r.cells(text); err == nil {
		err = cut
	}
	if err == nil && strings.Trim(text, ", \t") == "" {
		row.Blank = true
		return row, nil
	}
	if err == nil {
		row.Events, err = r.say(sp)
	}
	return row, placed(err, r.in.name, row.Line)
}

// cells cuts a line. What stands inside a quote that opens on an earlier line
// is no row: nobody can tell whether it is a remark or was meant as one.
func (r *rows) cells(text string) (err error) {
	if r.quoted > 0 {
		opened := r.quoted
		if end := closing(text); end >= 0 {
			r.quoted = 0
			if rest, more := strings.CutPrefix(text[end:], ","); more {
				if _, err := split(nil, rest); errors.Is(err, errOpenQuote) {
					r.quoted = r.in.line
				}
			}
		}
		return badRow("stands inside the quote that opens on line %d: mend that line", opened)
	}
	r.record.line = text
	if r.record.values, err = split(r.record.values[:0], text); err == nil {
		return nil
	}
	if errors.Is(err, errOpenQuote) {
		r.quoted = r.in.line
	}
	if at := len(r.record.values) - 1; at < len(r.record.columns) {
		return badCell(r.record.columns[at], r.record.values[at], "%v", err)
	}
	return badRow("%v", err)
}

var (
	errOpenQuote = errors.New("opens a quote that is not closed on the line: take the quote away, or the line break out of the cell")
	errBareQuote = errors.New("has a quote inside: put the whole cell in quotes and write the quote twice")
	errReturn    = errors.New("has a carriage return inside: save the file with lines that end in LF or CR LF")
)

// split appends the cells of a line (RFC 4180, but a cell ends on its line).
// With an error the last cell is the one that is wrong.
func split(cells []string, line string) ([]string, error) {
	if strings.IndexByte(line, '\r') >= 0 {
		return append(cells, line), errReturn
	}
	for {
		cell, rest, more := strings.Cut(line, ",")
		if strings.HasPrefix(line, `"`) {
			end := closing(line[1:])
			if end < 0 {
				return append(cells, line), errOpenQuote
			}
			cell, rest = strings.ReplaceAll(line[1:end], `""`, `"`), line[1+end:]
			if more = rest != ""; more && rest[0] != ',' {
				return append(cells, line), errBareQuote
			}
			rest = strings.TrimPrefix(rest, ",")
		} else if strings.IndexByte(cell, '"') >= 0 {
			return append(cells, cell), errBareQuote
		}
		cells = append(cells, cell)
		if !more {
			return cells, nil
		}
		line = rest
	}
}

// closing is the place behind the quote that ends a quoted text, or -1.
func closing(text string) int {
	for i := 0; i < len(text); i++ {
		if text[i] != '"' {
			continue
		}
		if i+1 == len(text) || text[i+1] != '"' {
			return i + 1
		}
		i++
	}
	return -1
}

func (r *rows) say(sp *speaker) ([][]byte, error) {
	if err := r.record.wellFormed(); err != nil {
		return nil, err
	}
	if err := r.unique(); err != nil {
		return nil, err
	}
	r.record.err = nil
	all := r.layout.say(sp, &r.record)
	if r.record.err != nil {
		return nil, r.record.err
	}
	return sp.lines(all)
}

// unique refuses a number that an earlier row of the file has: the same rows
// put together twice would count twice.
func (r *rows) unique() error {
	id := r.record.text(r.key)
	if id == "" {
		return badCell(r.key, "", "is empty: every row needs its own")
	}
	key := fingerprint(id)
	if line, ok := r.ids[key]; ok {
		return badCell(r.key, id, "stands on line %d already: every row needs its own", line)
	}
	r.ids[key] = r.in.line
	return nil
}

// placed gives a flaw its file and line.
func placed(err error, file string, line int) error {
	var f *flaw
	if errors.As(err, &f) {
		return &RowError{File: file, Line: line, Column: f.column, Value: clip(f.value), Message: f.message}
	}
	if err != nil {
		return fmt.Errorf("%s line %d: %w", file, line, err)
	}
	return nil
}

// record is one row by the names of its columns.
type record struct {
	columns []string
	at      map[string]int
	line    string
	values  []string // of the line, until the next is read
	opts    *Options
	err     error // the first thing that is wrong with the row; what is read after it does not count
}

func (r *record) fail(err error) { r.err = cmp.Or(r.err, err) }

func (r *record) bad(column, value, format string, args ...any) {
	r.fail(badCell(column, value, format, args...))
}

// text is the cell without white space around it; "" where there is no column.
func (r *record) text(column string) string {
	i, ok := r.at[column]
	if !ok {
		return ""
	}
	return strings.TrimSpace(r.values[i])
}

// number is the cell with full-width characters made plain.
func (r *record) number(column string) string { return narrow(r.text(column)) }

// reference is a number that is no quantity, as it stands.
func (r *record) reference(column string) string {
	text := r.text(column)
	if exponent.MatchString(text) {
		r.bad(column, text, "is a long number that a spreadsheet cut short: export the column as text")
	}
	return text
}

// exponent is how spreadsheets show long numbers: 1.23457E+15.
var exponent = regexp.MustCompile(`^[0-9][0-9.,]*[eE]\+?[0-9]+$`)

// amount reads a sum in main units as minor units.
func (r *record) amount(column, currency string) int64 {
	text := r.text(column)
	if text == "" {
		r.bad(column, "", "is empty: a sum in main units such as 200.00 is needed")
	}
	sum, err := r.opts.sum(text, currency)
	if errors.Is(err, money.ErrDecimal) {
		err = fmt.Errorf("%w: write the sum in main units such as 200.00, without separators, or say --decimal point or comma", err)
	}
	if err != nil {
		r.bad(column, text, "%v", err)
	}
	return sum
}

// optionalAmount is nil where the cell is empty.
func (r *record) optionalAmount(column, currency string) *int64 {
	if r.text(column) == "" {
		return nil
	}
	sum := r.amount(column, currency)
	return &sum
}

// optional reads a number as an integer of 10^-scale; nil where the cell is empty.
func (r *record) optional(column string, scale int, otherwise string) *int64 {
	text := r.text(column)
	if text == "" {
		return nil
	}
	n, err := r.opts.scaled(text, scale)
	if err != nil {
		r.bad(column, text, "%s: %v", otherwise, err)
	}
	return &n
}

func (r *record) wholeNumber(column string) *int64 {
	return r.optional(column, 0, "is not a whole number")
}

func (r *record) wellFormed() error {
	if len(r.values) != len(r.columns) {
		return badRow("has %d cells where the header has %d: is a comma or a quote too many or missing?", len(r.values), len(r.columns))
	}
	unsound := wellEncoded("", r.line) != nil
	for i, value := range r.values {
		if r.columns[i] == "" && strings.TrimSpace(value) != "" {
			return badCell("", value, "stands in column %d, which has no name: name it in the header, or empty it", i+1)
		}
		if !unsound {
			continue
		}
		if err := wellEncoded(r.columns[i], value); err != nil {
			return err
		}
	}
	return nil
}
