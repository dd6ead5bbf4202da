package sources

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"civicledger/events/catalogue"
)

func trial(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "trials", name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// Small files of kinds that other people's systems answered wrongly: what is
// said of them, and what is refused, line by line, with which words.
func TestTrials(t *testing.T) {
	day := time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		kind string
		opts Options
		said string // lines that say something, in order
		bad  string // line:column of each bad row
		has  string // words of every refusal, or of what ends the file
	}{
		"vnd-dots.csv":             {"bank-statement", Options{Account: "x"}, "1", "2:credit_vnd 3:debit_vnd", "--decimal"},
		"footnote-amounts.csv":     {"donations", Options{}, "", "2:amount 3:amount 4:amount", "without separators"},
		"quote-swallows-rows.csv":  {"donations", Options{}, "2 6", "3:channel 4: 5:", "quote"},
		"quote-merges-rows.csv":    {"goods", Options{}, "4", "2:item 3:", "quote"},
		"refund.csv":               {"donations", Options{}, "2 3", "", ""},
		"statement-references.csv": {"bank-statement", Options{Account: "x"}, "1 2 2 3 3", "4:ref_no", "export the column as text"},
		"title-line.csv":           {"donations", Options{}, "", "", "the first line is not the header: line 2 is"},
		"blank-header-cells.csv":   {"donations", Options{}, "2", "", ""},
		"utf16.csv":                {"donations", Options{}, "", "", "this is UTF-16"},
		"draws-html.json":          {"cwl-draws", Options{}, "", "", "the publisher answered with a web page"},
		"utf8-read-as-gbk.csv":     {"goods", Options{Encoding: "gbk"}, "", "2:", "sound UTF-8"},
		"fullwidth-fine.csv":       {"org-sanctions", Options{}, "2", "", ""},
		"future-dates.csv":         {"donations", Options{Now: day}, "3", "2:amount 4:disclosed_date", ""},
		"draws-two-pages.json":     {"cwl-draws", Options{}, "2 1", "", ""},
		"draws-cut-off.json":       {"cwl-draws", Options{}, "", "", "the file is cut off"},
		"draws-impossible.json":    {"cwl-draws", Options{}, "", "1:red 2:red 3:red 4:code 5:code", ""},
		"places.csv":               {"org-sanctions", Options{}, "", "2:authority 3:authority 4:authority", "--jurisdiction"},
	} {
		t.Run(name, func(t *testing.T) {
			got := readFrom(t, c.kind, trial(t, name), c.opts)
			var bad []string
			for _, b := range got.bad {
				bad = append(bad, fmt.Sprintf("%d:%s", b.Line, b.Column))
				if !strings.Contains(b.Error(), c.has) {
					t.Errorf("%v: want %q", b, c.has)
				}
			}
			if said := strings.Trim(fmt.Sprint(got.lines), "[]"); said != c.said || strings.Join(bad, " ") != c.bad {
				t.Errorf("said lines %q, bad %q; want %q and %q\n%v", said, bad, c.said, c.bad, got.bad)
			}
			if (got.err != nil) != (c.said == "" && c.bad == "") || got.err != nil && !strings.Contains(got.err.Error(), c.has) {
				t.Errorf("ended with %v, want %q", got.err, c.has)
			}
		})
	}
}

// Where the writing is told, the same file is read as its writer meant it.
func TestTrials_DecimalTold(t *testing.T) {
	got := readFrom(t, "bank-statement", trial(t, "vnd-dots.csv"), Options{Account: "x", Fund: "f", Decimal: "comma"})
	if len(got.bad) != 0 || len(got.events) != 4 {
		t.Fatalf("%d events, bad %v, err %v", len(got.events), got.bad, got.err)
	}
	if d := decode[catalogue.DonationReceived](t, got.events[0]); *d.Amount != 500_000 {
		t.Errorf("credit of %d dong, want 500000", *d.Amount)
	}
	if d := decode[catalogue.BalanceStated](t, got.events[3]); d.Balance != 800_000 || *d.Debit != 100_000 {
		t.Errorf("said %s", got.events[3].Line)
	}
}

func TestScaled(t *testing.T) {
	for _, c := range []struct {
		writing, text string
		want          int64 // hundredths
	}{
		{"", "500", 50_000},
		{"", "500.0", 50_000},
		{"", "0.500", 50},
		{"", "1234.500", 123_450},
		{"", "５００．５", 50_050},
		{"", "-1.00", -100},
		{"", "+1", 100},
		{"point", "1,000.50", 100_050},
		{"point", "1.500", 150},
		{"point", "12,345,678", 1_234_567_800},
		{"point", "1000", 100_000},
		{"comma", "1.000,50", 100_050},
		{"comma", "500.000", 50_000_000},
		{"comma", "-1,5", -150},
		{"comma", "１．０００", 100_000},
	} {
		if n, err := (&Options{Decimal: c.writing}).scaled(c.text, 2); n != c.want || err != nil {
			t.Errorf("%s %q: %d, %v; want %d", c.writing, c.text, n, err, c.want)
		}
	}
	for writing, texts := range map[string][]string{
		"":      {"500.000", "1.500", "-12.345", "1,000", "1.000.000", "1e3", "1E+3", "500①", "5²", "٥", "五", "(5)", "5-", "−5", "--5", "5 000", "5'000", "¥5", "5元", ".5", "5.", "", "0x10", "NaN", "1.2.3"},
		"point": {"1,00.5", "1.000,50", "1,0000", ",100", "1,000.", "5①", "1.0.0"},
		"comma": {"1,000.50", "500.00", "1.00", "1.0000", "1.000,5,5", "5²"},
	} {
		for _, text := range texts {
			if n, err := (&Options{Decimal: writing}).scaled(text, 2); err == nil {
				t.Errorf("%s %q is read as %d", writing, text, n)
			}
		}
	}
	if got := readText(t, "donations", donationHeader, Options{Decimal: "dot"}); got.err == nil {
		t.Error("an unknown writing is taken")
	}
}

// A figure corrected twice: each correction is an event of its own and names
// the one it replaces.
func TestTrials_DrawCorrectedTwice(t *testing.T) {
	read := func(name string, earlier ...string) outcome {
		var opts Options
		for _, e := range earlier {
			opts.Earlier = append(opts.Earlier, io.Reader(trial(t, e)))
		}
		got := readFrom(t, "cwl-draws", trial(t, name), opts)
		if len(got.events) != 1 {
			t.Fatalf("%s: %d events, bad %v, err %v", name, len(got.events), got.bad, got.err)
		}
		return got
	}
	const one, two, three = "draws-1-first.json", "draws-2-corrected.json", "draws-3-corrected-again.json"
	first, second, third := read(one).events[0], read(two, one).events[0], read(three, one, two).events[0]
	if second.Corrects.ID != first.ID || third.Corrects.ID != second.ID || third.ID == second.ID {
		t.Errorf("ids %s, %s, %s; corrects %v, %v", first.ID, second.ID, third.ID, second.Corrects, third.Corrects)
	}
	if d := decode[catalogue.DrawSettled](t, third); *d.Sales != 30915392600 {
		t.Errorf("the third figure is %d", *d.Sales)
	}
	if alone := read(three, two).events[0]; alone.ID == second.ID || alone.Corrects.ID != first.ID {
		t.Errorf("with the one before alone: id %s, corrects %v", alone.ID, alone.Corrects)
	}
}

// Honest files do not get in each other's way, and the same rows are the same
// facts whatever the file is called.
func TestTrials_Ids(t *testing.T) {
	ids := map[string]string{}
	for _, name := range []string{"goods-received.csv", "goods-issued.csv"} {
		for _, e := range readFrom(t, "goods", trial(t, name), Options{Name: name}).events {
			if before, twice := ids[e.ID]; twice {
				t.Errorf("%s and %s have the id %s", before, name, e.ID)
			}
			ids[e.ID] = name
		}
	}
	if len(ids) != 2 {
		t.Errorf("%d facts, want both", len(ids))
	}
	read := func(name, account string) outcome {
		return readFrom(t, "bank-statement", trial(t, "statement.csv"), Options{Name: name, Account: account})
	}
	first, renamed, other := read("a.csv", "x1"), read("b.csv", "x1"), read("a.csv", "x2")
	for i, e := range first.events {
		if string(renamed.events[i].Line) != string(e.Line) {
			t.Errorf("renamed, the file says %s, want %s", renamed.events[i].Line, e.Line)
		}
		if other.events[i].ID != e.ID {
			t.Errorf("under another name of the account, the row of the bank's number is %s, want the same fact %s", other.events[i].ID, e.ID)
		}
	}
}
