package sources

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// fates is what became of each line of a file.
type fates struct {
	said, bad, blank []int
	lines            [][]byte // event lines
	err              error
}

func fatesOf(kind, text string, opts Options) (f fates) {
	source, _ := Lookup(kind)
	for row, err := range source.Read(context.Background(), strings.NewReader(text), opts) {
		var bad *RowError
		switch {
		case errors.As(err, &bad):
			f.bad = append(f.bad, bad.Line)
		case err != nil:
			f.err = err
		case row.Blank:
			f.blank = append(f.blank, row.Line)
		case !row.Preamble:
			f.said = append(f.said, row.Line)
		}
		f.lines = append(f.lines, row.Events...)
	}
	return f
}

// accounted holds the fates against the lines of the text: each line after the
// header has exactly one.
func (f fates) accounted(text string) error {
	want := strings.Count(text, "\n")
	if text != "" && !strings.HasSuffix(text, "\n") {
		want++
	}
	all := slices.Sorted(slices.Values(slices.Concat([]int{1}, f.said, f.bad, f.blank)))
	for i, line := range all {
		if line != i+1 {
			return fmt.Errorf("line %d has no fate, or two", i+1)
		}
	}
	if len(all) != want {
		return fmt.Errorf("%d lines have a fate, the file has %d", len(all), want)
	}
	return nil
}

var cells = []string{
	"bank", "", "a\"b", "\"", "\"\"", "\"a,b\"", "\"a\"\"b\"", "\"open", "close\"", "x\ny", " ", "1.00", "1.00", "2.00", "500①",
	"1.000", "CNY", "2020-02-01", "2020-02-01", "anonymous", "anonymous", ",", "\r", "口罩", "\xff", "，",
}

// randomTable is rows good and odd: quotes, line breaks, blanks, several equal.
func randomTable(r *rand.Rand) string {
	var b strings.Builder
	b.WriteString(donationHeader)
	for i := range r.IntN(30) {
		switch r.IntN(6) {
		case 0:
			b.WriteString([]string{"\n", ",,,,,,\n", " \n", "\r\n"}[r.IntN(4)])
		case 1:
			for range r.IntN(9) {
				b.WriteString(cells[r.IntN(len(cells))])
				b.WriteString(",")
			}
			b.WriteString("\n")
		default:
			row := []string{fmt.Sprint("R", i), "2020-02-0" + fmt.Sprint(1+r.IntN(3)), "bank", "anonymous", "", fmt.Sprint(1 + r.IntN(3)), "CNY"}
			if r.IntN(5) == 0 {
				row[r.IntN(len(row))] = cells[r.IntN(len(cells))]
			}
			b.WriteString(strings.Join(row, ","))
			b.WriteString([]string{"\n", "\r\n"}[r.IntN(2)])
		}
	}
	return strings.TrimSuffix(b.String(), strings.Repeat("\n", r.IntN(2)))
}

func TestRead_EveryLineHasOneFate(t *testing.T) {
	for seed := range uint64(3000) {
		text := randomTable(rand.New(rand.NewPCG(seed, 8)))
		f := fatesOf("donations", text, Options{})
		if f.err != nil {
			t.Fatalf("seed %d: %v", seed, f.err)
		}
		if err := f.accounted(text); err != nil {
			t.Fatalf("seed %d: %v\n%q", seed, err, text)
		}
	}
}

// What stands inside a quote that opened on an earlier line is never a row,
// though it may look like one.
func TestRead_NoRowsInsideQuotes(t *testing.T) {
	const row = "W9,2020-01-28,bank,unstated,,9.00,CNY\n"
	for name, text := range map[string]string{
		"a remark of lines": "W1,2020-01-28,bank,org,\"a\n" + row + "b\",1.00,CNY\n",
		"doubled quotes":    "W1,2020-01-28,bank,org,\"a \"\"\n" + row + "b\"\"\"\"\",1.00,CNY\n",
		"opened again":      "W1,2020-01-28,bank,org,\"a\nb\",\"c\n" + row + "\",CNY\n",
		"never closed":      "W1,2020-01-28,bank,org,\"a\n" + row,
	} {
		if f := fatesOf("donations", donationHeader+text, Options{}); len(f.said) != 0 || f.accounted(donationHeader+text) != nil {
			t.Errorf("%s: said lines %v, bad %v", name, f.said, f.bad)
		}
	}
}

// gifts are rows of few members, so that many are equal.
func gifts(r *rand.Rand, n int) []string {
	rows := make([]string, n)
	for i := range rows {
		donor := []string{"anonymous,", "org,示例有限公司", "person_masked,*某"}[r.IntN(3)]
		rows[i] = fmt.Sprintf("2020-02-0%d,bank,%s,%d.00,CNY", 1+r.IntN(2), donor, 1+r.IntN(2))
	}
	return rows
}

// export writes rows as a file of its own: numbered from 1.
func export(rows []string) string {
	var b strings.Builder
	b.WriteString(donationHeader)
	for i, row := range rows {
		fmt.Fprintf(&b, "%d,%s\n", i+1, row)
	}
	return b.String()
}

func saidSet(t *testing.T, text, name string) map[string]bool {
	t.Helper()
	set := map[string]bool{}
	f := fatesOf("donations", text, Options{Name: name})
	for _, line := range f.lines {
		set[string(line)] = true
	}
	if f.err != nil || len(f.bad) > 0 || len(set) != strings.Count(text, "\n")-1 {
		t.Fatalf("%d facts of %d rows, bad %v, err %v: equal gifts must stay apart", len(set), strings.Count(text, "\n")-1, f.bad, f.err)
	}
	return set
}

// The same rows are the same facts: renamed, in another order, numbered anew,
// and in an export that overlaps with the one before by whole days.
func TestIds_StableOverExports(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 9))
		rows := gifts(r, 1+r.IntN(20))
		whole := saidSet(t, export(rows), "a.csv")
		r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		again := saidSet(t, export(rows), "b.csv.gz")
		var day []string
		for _, row := range rows {
			if strings.HasPrefix(row, "2020-02-02") {
				day = append(day, row)
			}
		}
		overlap := saidSet(t, export(append(day, "2020-02-03,bank,anonymous,,1.00,CNY")), "c.csv")
		met := 0
		for line := range overlap {
			if whole[line] {
				met++
			}
		}
		for line := range whole {
			if !again[line] {
				t.Fatalf("seed %d: shuffled, the file does not say %s", seed, line)
			}
		}
		if met != len(day) {
			t.Fatalf("seed %d: %d of %d rows of the overlap meet themselves", seed, met, len(day))
		}
	}
}

func TestIds_WhatTheyAreMadeOf(t *testing.T) {
	const row = "R1,2020-02-01,bank,person_masked,*某,5.00,CNY\n"
	id := func(text string, opts Options) string {
		got := readText(t, "donations", donationHeader+text, opts)
		if len(got.events) != 1 {
			t.Fatalf("bad %v, err %v", got.bad, got.err)
		}
		return got.events[0].ID
	}
	plain := id(row, Options{})
	for name, same := range map[string]string{
		"written otherwise": id("R7,2020-02-01,bank,person_masked,*某,5,CNY\n", Options{}),
		"a withheld name":   id(strings.Replace(row, "*某", "*琪", 1), Options{}), // its digest could be tried out
		"another campaign":  id(row, Options{Campaign: "c-1", Fund: "f-1"}),     // a conflict, not a second gift
	} {
		if same != plain {
			t.Errorf("%s: id %s, want %s", name, same, plain)
		}
	}
	for name, other := range map[string]string{
		"another sum":      id(strings.Replace(row, "5.00", "5.01", 1), Options{}),
		"a gift back":      id(strings.Replace(row, "5.00", "-5.00", 1), Options{}),
		"another currency": id(strings.Replace(row, "CNY", "USD", 1), Options{}),
		"the number told":  id(row, Options{Number: "row_id"}),
	} {
		if other == plain {
			t.Errorf("%s has the same id", name)
		}
	}
	// With the publisher's own number a row that was changed is a conflict.
	own := Options{Number: "row_id"}
	if id(row, own) != id(strings.Replace(row, "5.00", "6.00", 1), own) || id(row, own) == id(strings.Replace(row, "R1", "R2", 1), own) {
		t.Error("ids are not those of the publisher's numbers")
	}
	if got := readText(t, "donations", donationHeader+row, Options{Number: "receipt"}); got.err == nil || !strings.Contains(got.err.Error(), "--number") {
		t.Errorf("a column that is not there: %v", got.err)
	}
}

// FuzzTable: whatever a table holds, every line has one fate, and a row is
// said as often as its line stands.
func FuzzTable(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(strings.TrimPrefix(randomTable(rand.New(rand.NewPCG(seed, 7))), donationHeader), seed%2 == 0)
	}
	f.Fuzz(func(t *testing.T, body string, gbk bool) {
		opts := Options{}
		if gbk {
			opts.Encoding = "gb18030"
		}
		text := donationHeader + body
		got := fatesOf("donations", text, opts)
		if got.err != nil {
			return // a file that is none, or a line too long: nothing behind it was read
		}
		if err := got.accounted(text); err != nil {
			t.Errorf("%v: %q", err, text)
		}
	})
}
