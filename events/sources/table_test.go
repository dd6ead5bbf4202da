package sources

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"

	"civicledger/events"
	"civicledger/events/catalogue"
	"civicledger/events/ident"
)

// outcome is all that a source yields for a text.
type outcome struct {
	events []*events.Event
	lines  []int // of the rows that gave them
	bad    []*RowError
	err    error // that ended the sequence
}

func readText(t *testing.T, kind, text string, opts Options) outcome {
	t.Helper()
	return readFrom(t, kind, strings.NewReader(text), opts)
}

func readFrom(t *testing.T, kind string, r io.Reader, opts Options) (got outcome) {
	t.Helper()
	source, ok := Lookup(kind)
	if !ok {
		t.Fatalf("no kind %s", kind)
	}
	if opts.Name == "" {
		opts.Name = "file.csv"
	}
	for row, err := range source.Read(context.Background(), r, opts) {
		var bad *RowError
		switch {
		case errors.As(err, &bad):
			got.bad = append(got.bad, bad)
		case err != nil:
			got.err = err
		}
		for _, line := range row.Events {
			e, problems := events.Parse(line)
			if problems != nil {
				t.Fatal(problems)
			}
			got.events = append(got.events, e)
			got.lines = append(got.lines, row.Line)
		}
	}
	return got
}

const donationHeader = "row_id,disclosed_date,channel,donor_kind,donor,amount,currency\n"

func TestRead_BadRows(t *testing.T) {
	for name, c := range map[string]struct {
		row, column, cure string
	}{
		"no id":               {",2020-01-28,qr_pos,unstated,,1.00,CNY", "row_id", "is empty"},
		"amount missing":      {"W2,2020-01-28,qr_pos,unstated,,,CNY", "amount", "is empty"},
		"amount no number":    {"W2,2020-01-28,qr_pos,unstated,,abc,CNY", "amount", "main units"},
		"thousands":           {"W2,2020-01-28,qr_pos,unstated,,\"1,000.00\",CNY", "amount", "without separators"},
		"dots":                {"W2,2020-01-28,qr_pos,unstated,,500.000,VND", "amount", "--decimal"},
		"dots in yuan":        {"W2,2020-01-28,qr_pos,unstated,,1.500,CNY", "amount", "--decimal"},
		"exponent":            {"W2,2020-01-28,qr_pos,unstated,,1e3,CNY", "amount", "main units"},
		"footnote":            {"W2,2020-01-28,qr_pos,unstated,,500①,CNY", "amount", "main units"},
		"raised digit":        {"W2,2020-01-28,qr_pos,unstated,,88.5³,CNY", "amount", "main units"},
		"other digits":        {"W2,2020-01-28,qr_pos,unstated,,٥٠٠,CNY", "amount", "main units"},
		"another minus":       {"W2,2020-01-28,qr_pos,unstated,,−5,CNY", "amount", "main units"},
		"brackets":            {"W2,2020-01-28,qr_pos,unstated,,(5),CNY", "amount", "main units"},
		"too fine":            {"W2,2020-01-28,qr_pos,unstated,,1.005,CNY", "amount", "decimals"},
		"zero":                {"W2,2020-01-28,qr_pos,unstated,,0.00,CNY", "", "/data/amount"},
		"currency":            {"W2,2020-01-28,qr_pos,unstated,,5.00,RMB", "amount", "unknown currency"},
		"no such day":         {"W2,2020-02-30,qr_pos,unstated,,5.00,CNY", "disclosed_date", "day of the calendar"},
		"donor kind":          {"W2,2020-01-28,qr_pos,robot,,5.00,CNY", "donor_kind", "none of"},
		"cells missing":       {"W2,2020-01-28,qr_pos", "", "has 3 cells where the header has 7"},
		"quote":               {"W2,2020-01-28,qr_pos,org,a\"b,5.00,CNY", "donor", "a quote inside"},
		"behind a quote":      {"W2,2020-01-28,qr_pos,org,\"a\"b,5.00,CNY", "donor", "a quote inside"},
		"carriage return":     {"W2,2020-01-28,qr_pos,org,a\rb,5.00,CNY", "row_id", "carriage return"},
		"id twice":            {"W1,2020-01-28,qr_pos,unstated,,5.00,CNY", "row_id", "line 2 already"},
		"a slug that is none": {"W2,2020-01-28,qr pos,unstated,,5.00,CNY", "", "/data/channel"},
		"another encoding":    {"W2,2020-01-28,qr_pos,org,\xce\xe4\xba\xba,5.00,CNY", "donor", "--encoding"},
	} {
		t.Run(name, func(t *testing.T) {
			text := donationHeader + "W1,2020-01-28,qr_pos,unstated,,1.00,CNY\n" + c.row + "\nW3,2020-01-28,qr_pos,unstated,,3.00,CNY\n"
			got := readText(t, "donations", text, Options{})
			if got.err != nil || len(got.bad) != 1 || len(got.events) != 2 {
				t.Fatalf("%d events, bad %v, err %v; want the bad row alone left out", len(got.events), got.bad, got.err)
			}
			bad := got.bad[0]
			if bad.Line != 3 || bad.Column != c.column || !strings.Contains(bad.Error(), c.cure) || bad.File != "file.csv" {
				t.Errorf("%+v; want line 3, column %q and %q", bad, c.column, c.cure)
			}
			if got.lines[1] != 4 {
				t.Errorf("the row after it is on line %d, want 4", got.lines[1])
			}
		})
	}
}

func TestRead_WholeFile(t *testing.T) {
	for name, c := range map[string]struct{ kind, text, want string }{
		"empty":           {"donations", "", "the file is empty"},
		"other header":    {"donations", "a,b,c\n1,2,3\n", "lacks the column"},
		"header twice":    {"donations", "row_id,row_id\n", "twice"},
		"endless line":    {"donations", donationHeader + "\"" + strings.Repeat("x", maxRow+5000), "line 2: a line is longer than 1 MiB"},
		"title above":     {"donations", "捐赠明细表,,,,,,\n" + donationHeader, "the first line is not the header: line 2 is"},
		"semicolons":      {"donations", strings.ReplaceAll(donationHeader, ",", ";"), "not set apart by commas"},
		"old line ends":   {"donations", strings.ReplaceAll(donationHeader+"W1", "\n", "\r"), "carriage return"},
		"Excel":           {"donations", "PK\x03\x04\x14\x00\x06\x00", "this is an Excel file"},
		"old Excel":       {"donations", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "this is an old Excel file"},
		"PDF":             {"donations", "%PDF-1.4", "this is a PDF"},
		"UTF-16":          {"donations", "\xfe\xff\x00r\x00o\x00w", "this is UTF-16"},
		"no mark":         {"donations", "r\x00o\x00w\x00", "this is UTF-16 without its mark"},
		"web page":        {"donations", "\n <!doctype html>", "the publisher answered with a web page"},
		"marked web page": {"cwl-draws", "\xef\xbb\xbf<html>", "the publisher answered with a web page"},
		"two answers":     {"cwl-draws", `{"result":[],"total":2}{"result":[]}`, "states a total of 2 notices and the file has 0"},
		"pages missing":   {"cwl-draws", `{"result":[],"pageCount":"2"}`, "states 2 pages and the file has 1"},
		"text behind":     {"cwl-draws", `{"result":[]} and more`, "cut off"},
		"bare list torn":  {"cwl-draws", `[`, "cut off"},
		"no answer":       {"cwl-draws", "", "the file is empty"},
		"busy":            {"cwl-draws", `{"state":1,"message":"busy","result":[]}`, `state 1, message "busy"`},
		"not JSON":        {"cwl-draws", "row_id,amount\n", "read notices"},
		"an error answer": {"cwl-draws", `{"state":1,"message":"busy"}`, "no list named result"},
		"torn answer":     {"cwl-draws", `{"result":[{"name":"双色球"`, "read notices"},
	} {
		t.Run(name, func(t *testing.T) {
			got := readText(t, c.kind, c.text, Options{})
			if got.err == nil || !strings.Contains(got.err.Error(), c.want) || len(got.events) != 0 {
				t.Errorf("err %v and %d events, want %q and none", got.err, len(got.events), c.want)
			}
		})
	}
}

// However a file is packed and written, it says the same.
func TestRead_PackingAndEncoding(t *testing.T) {
	text := donationHeader + "W1,2020-01-28,alipay,org,示例制药股份有限公司,１２.50,CNY\n"
	plain := readText(t, "donations", text, Options{})
	if len(plain.events) != 1 {
		t.Fatalf("%d events, bad %v, err %v", len(plain.events), plain.bad, plain.err)
	}
	if d := decode[catalogue.DonationReceived](t, plain.events[0]); *d.Amount != 1250 || d.Donor.Organisation.Name != "示例制药股份有限公司" {
		t.Errorf("said %+v", d)
	}
	gb, err := simplifiedchinese.GB18030.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := io.WriteString(z, "\xef\xbb\xbf"+text); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]outcome{
		"byte order mark": readText(t, "donations", "\xef\xbb\xbf"+text, Options{}),
		"gzip":            readFrom(t, "donations", &packed, Options{}),
		"gb18030":         readText(t, "donations", gb, Options{Encoding: "gb18030"}),
		"crlf":            readText(t, "donations", strings.ReplaceAll(text, "\n", "\r\n"), Options{}),
		"again":           readText(t, "donations", text, Options{}),
	} {
		if len(got.events) != 1 || !bytes.Equal(got.events[0].Line, plain.events[0].Line) {
			t.Errorf("%s: bad %v, err %v, other bytes than the plain file", name, got.bad, got.err)
		}
	}
	if got := readText(t, "donations", text, Options{Encoding: "latin-1"}); got.err == nil {
		t.Error("an unknown encoding is taken")
	}
}

func TestRead_TornGzip(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := io.WriteString(z, donationHeader+strings.Repeat("W1,2020-01-28,qr_pos,unstated,,1.00,CNY\n", 1)); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	got := readFrom(t, "donations", bytes.NewReader(packed.Bytes()[:packed.Len()-6]), Options{})
	if !errors.Is(got.err, io.ErrUnexpectedEOF) {
		t.Errorf("err %v, want an unexpected end: a torn file must not pass for a whole one", got.err)
	}
}

func TestRead_Cancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	text := donationHeader + "W1,2020-01-28,qr_pos,unstated,,1.00,CNY\nW2,2020-01-28,qr_pos,unstated,,1.00,CNY\n"
	rows := 0
	var last error
	for _, err := range donationsSource.Read(ctx, strings.NewReader(text), Options{}) {
		rows++
		last = err
		cancel()
	}
	if rows != 2 || !errors.Is(last, context.Canceled) {
		t.Errorf("%d rows, last error %v; want the second to be the cancellation", rows, last)
	}
}

func TestRead_OptionsInEveryEvent(t *testing.T) {
	key := ident.CityKey{Epoch: 3, Secret: bytes.Repeat([]byte{7}, 32)}
	text := donationHeader + "W1,2020-01-28,qr_pos,person,P000001,1.00,CNY\nW2,2020-01-28,qr_pos,person_masked,*某,1.00,CNY\n"
	got := readText(t, "donations", text, Options{
		SourceURI: "urn:civicledger:agency:example", Jurisdiction: "110105", Fund: "f-1", Campaign: "c-1",
		Organisation: ident.OrgRef{Name: "示例慈善会"}, CityKey: &key,
	})
	if len(got.events) != 2 {
		t.Fatalf("%d events: %v %v", len(got.events), got.bad, got.err)
	}
	e, d := got.events[0], decode[catalogue.DonationReceived](t, got.events[0])
	if e.Source != "urn:civicledger:agency:example/donations" || e.Jurisdiction != "110105" || d.Fund != "f-1" || d.Campaign != "c-1" || d.Organisation.Name != "示例慈善会" {
		t.Errorf("said %s", e.Line)
	}
	if !strings.HasPrefix(d.Donor.Token, "st1.3.") || bytes.Contains(e.Line, []byte("P000001")) {
		t.Errorf("the pseudonym did not become a token: %s", e.Line)
	}
	if masked := decode[catalogue.DonationReceived](t, got.events[1]); masked.Donor.Kind != "person" || masked.Donor.Token != "" || bytes.Contains(got.events[1].Line, []byte("*某")) {
		t.Errorf("a masked name is still a name: %s", got.events[1].Line)
	}
}

func TestLookup(t *testing.T) {
	if _, ok := Lookup("nothing"); ok {
		t.Error("a kind that does not exist was found")
	}
	for _, s := range Kinds() {
		if found, ok := Lookup(s.Kind); !ok || found != s {
			t.Errorf("%s is listed and not found", s.Kind)
		}
		for _, typ := range s.Types {
			if _, ok := catalogue.Lookup(typ); !ok {
				t.Errorf("%s says %s, which the catalogue does not have", s.Kind, typ)
			}
		}
		if !strings.HasPrefix(s.Example, s.Kind+" ") {
			t.Errorf("%s: the example %q is of another kind", s.Kind, s.Example)
		}
	}
}
