package sources

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"iter"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"civicledger/events/catalogue"
	"civicledger/events/money"
)

// table is one layout of a CSV file.
type table struct {
	columns []string // that must stand in the header
	key     string   // column with the publisher's row id
	fund    ownFund  // fund of the kind, where the options name none
	say     func(sp *speaker, row *record) ([]said, error)
}

// readTables reads a CSV file by the first layout whose columns it has.
func readTables(layouts ...table) reader {
	return func(ctx context.Context, in *input, sp *speaker) iter.Seq2[Row, error] {
		return func(yield func(Row, error) bool) {
			rows, err := openTable(in, layouts)
			if err != nil {
				yield(Row{}, err)
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

// rows is an open CSV file.
type rows struct {
	in     *input
	csv    *csv.Reader
	layout table
	record record
	ids    map[[16]byte]int // fingerprint of a row id and the line it stood on
}

func openTable(in *input, layouts []table) (*rows, error) {
	r := csv.NewReader(in)
	r.ReuseRecord = true
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read %s: the file is empty: its first line must name the columns", in.name)
	}
	if err != nil {
		return nil, fmt.Errorf("read header of %s: %w", in.name, err)
	}
	columns, at := make([]string, len(header)), make(map[string]int, len(header))
	for i, name := range header {
		columns[i] = strings.Clone(strings.TrimSpace(name))
		if _, twice := at[columns[i]]; twice {
			return nil, fmt.Errorf("read %s: the header names the column %q twice", in.name, columns[i])
		}
		at[columns[i]] = i
	}
	for _, layout := range layouts {
		if len(layout.missing(at)) == 0 {
			return &rows{in: in, csv: r, layout: layout, record: record{columns: columns, at: at}, ids: map[[16]byte]int{}}, nil
		}
	}
	return nil, fmt.Errorf("read %s: the header lacks the column %s: is this another kind of file, or another --encoding?",
		in.name, strings.Join(layouts[0].missing(at), ", "))
}

func (t table) missing(at map[string]int) (names []string) {
	for _, name := range t.columns {
		if _, ok := at[name]; !ok {
			names = append(names, name)
		}
	}
	return names
}

// next reads and says one row. It returns io.EOF at the end and a *RowError
// where another row may follow.
func (r *rows) next(ctx context.Context, sp *speaker) (Row, error) {
	if err := ctx.Err(); err != nil {
		return Row{}, err
	}
	r.in.next()
	values, err := r.csv.Read()
	if err != nil {
		return Row{}, r.misread(err)
	}
	r.record.values = values
	r.record.line, _ = r.csv.FieldPos(0)
	row := Row{Line: r.record.line}
	all, err := r.say(sp)
	if err == nil {
		row.Events, err = sp.lines(all)
	}
	return row, r.placed(err, row.Line)
}

func (r *rows) say(sp *speaker) ([]said, error) {
	if err := r.record.wellFormed(); err != nil {
		return nil, err
	}
	if err := r.unique(); err != nil {
		return nil, err
	}
	return r.layout.say(sp, &r.record)
}

// unique refuses a row id that stood on an earlier line: two events of one id
// are one event, or a conflict.
func (r *rows) unique() error {
	id := r.record.text(r.layout.key)
	if id == "" {
		return badCell(r.layout.key, "", "is empty: the event's id is made of it")
	}
	h := fnv.New128a()
	h.Write([]byte(id))
	key := [16]byte(h.Sum(nil))
	if line, ok := r.ids[key]; ok {
		return badCell(r.layout.key, id, "stands on line %d already: every row needs its own", line)
	}
	r.ids[key] = r.record.line
	return nil
}

func (r *rows) misread(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, errRowTooLong) {
		return err
	}
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		return &RowError{File: r.in.name, Line: parse.StartLine, Message: parse.Err.Error() + ": mend the row"}
	}
	return fmt.Errorf("read %s: %w", r.in.name, err)
}

// placed gives a flaw its file and line.
func (r *rows) placed(err error, line int) error { return placed(err, r.in.name, line) }

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

// record is one row by the names of its columns. Its values are valid until
// the next row is read, but for what text returns.
type record struct {
	columns []string
	at      map[string]int
	values  []string
	line    int
}

// text is the cell without white space around it; "" where there is no column.
func (r *record) text(column string) string {
	i, ok := r.at[column]
	if !ok {
		return ""
	}
	return strings.TrimSpace(r.values[i])
}

// number is the cell with full-width digits made plain.
func (r *record) number(column string) string { return norm.NFKC.String(r.text(column)) }

// amount reads a sum in main units as minor units.
func (r *record) amount(column, currency string) (int64, error) {
	text := r.number(column)
	if text == "" {
		return 0, badCell(column, "", "is empty: a sum in main units such as 200.00 is needed")
	}
	sum, err := money.ParseDecimal(text, currency)
	if err != nil {
		return 0, badCell(column, r.text(column), "%v: write the sum in main units such as 200.00, without separators", err)
	}
	return sum.Amount, nil
}

// optionalAmount is nil where the cell is empty.
func (r *record) optionalAmount(column, currency string) (*int64, error) {
	if r.text(column) == "" {
		return nil, nil
	}
	sum, err := r.amount(column, currency)
	return &sum, err
}

// slug is the cell where it may stand in an identifier field, else "".
func (r *record) slug(column string) string {
	if text := r.text(column); catalogue.IsSlug([]byte(text)) {
		return text
	}
	return ""
}

func (r *record) wellFormed() error {
	for i, value := range r.values {
		if !utf8.ValidString(value) || strings.ContainsRune(value, utf8.RuneError) {
			return badCell(r.columns[i], strings.ToValidUTF8(value, "?"), "is not in the file's encoding: try --encoding gb18030")
		}
	}
	return nil
}
