package events

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"civicledger/ledger/chain"
)

const good = `{"specversion":"1.0","id":"2026-07-0001","source":"https://mzj.example/pay","type":"subsidy.paid.v1","time":"2026-07-10T09:30:00+08:00","jurisdiction":"110105","data":{"amount":45000,"note":"合成数据"}}`

// with returns the good line with one part replaced.
func with(old, replacement string) string {
	if !strings.Contains(good, old) {
		panic("the good line has no " + old)
	}
	return strings.Replace(good, old, replacement, 1)
}

func data(object string) string {
	head, _, _ := strings.Cut(good, `{"amount"`)
	return head + object + "}"
}

func TestParse_ReadsAttributes(t *testing.T) {
	line := with(`"data"`, `"subject":"朝阳区","datacontenttype":"application/json; charset=UTF-8","corrects":"https://mzj.example/pay 2026-06-0009","data"`)
	e, problems := Parse([]byte(line))
	if problems != nil {
		t.Fatal(problems)
	}
	want := time.Date(2026, 7, 10, 1, 30, 0, 0, time.UTC)
	if e.ID != "2026-07-0001" || e.Source != "https://mzj.example/pay" || e.Type != "subsidy.paid.v1" || e.Subject != "朝阳区" ||
		e.Jurisdiction != "110105" || !e.Time.Equal(want) || string(e.Data) != `{"amount":45000,"note":"合成数据"}` || string(e.Line) != line {
		t.Errorf("read %+v", e)
	}
	if e.Corrects == nil || *e.Corrects != (Ref{"https://mzj.example/pay", "2026-06-0009"}) {
		t.Errorf("corrects %+v", e.Corrects)
	}
}

func TestParse_Accepts(t *testing.T) {
	for name, line := range map[string]string{
		"plain":                   good,
		"white space":             strings.ReplaceAll(good, ",", " ,\t "),
		"data first":              `{"data":{},"type":"a.v1","source":"urn:x:y","id":"1","time":"2026-07-10T09:30:00Z","specversion":"1.0"}`,
		"limit":                   data(`{"a":1000000000000000,"b":-1000000000000000,"c":0}`),
		"escapes in values":       data(`{"note":"\u4e2d\n\"\\"}`),
		"amount like a mobile":    data(`{"amount":13812345678}`),
		"amount like an identity": data(`{"amount":0,"n":110105194912310}`),
		"longer run of digits":    data(`{"reference":"0102202001242359400081753152"}`),
		"twelve digits":           data(`{"reference":"138123456789"}`),
		"text around a number":    data(`{"note":"tel 13812345678"}`),
		"organisation code":       data(`{"code":"91350100M000100Y43"}`),
		"identity check wrong":    data(`{"x":"110105194912310021"}`),
		"identity date wrong":     data(`{"x":"11010519491331002X"}`),
		"old identity of 15":      data(`{"x":"110105491231002"}`),
		"landline":                data(`{"x":"01065238888"}`),
		"fraction of a second":    with("09:30:00+", "09:30:00.123456+"),
		"country abroad":          with("110105", "VN-HN"),
		"deep":                    data(`{"a":[[[[[[[{}]]]]]]]}`),
	} {
		if _, problems := Parse([]byte(line)); problems != nil {
			t.Errorf("%s: %v", name, problems)
		}
	}
}

func TestParse_Refuses(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, c := range []struct{ fault, line, pointer, code string }{
		{"empty", "", "", "bad-line"},
		{"array", "[]", "", "bad-line"},
		{"leading space", " " + good, "", "bad-line"},
		{"trailing LF", good + "\n", "", "bad-line"},
		{"CR inside", with(`,"data"`, ",\r"+`"data"`), "", "bad-line"},
		{"two events", good + good, "", "bad-line"},
		{"too long", data(`{"note":"` + strings.Repeat("x", MaxLine) + `"}`), "", "bad-line"},
		{"cut off", good[:len(good)-20] + "}", "", "bad-json"},
		{"comment", with(`,"data"`, `,/**/"data"`), "", "bad-json"},
		{"literal", with("45000", "True"), "/data/amount", "bad-json"},
		{"byte order mark inside", with(`,"data"`, ",\ufeff"+`"data"`), "", "bad-json"},
		{"duplicate attribute", with(`,"data"`, `,"id":"2","data"`), "/id", "duplicate-name"},
		{"duplicate in data", data(`{"amount":5,"amount":7}`), "/data/amount", "duplicate-name"},
		{"duplicate by escapes", data(`{"amount":5,"\u0061mount":7}`), "/data/amount", "duplicate-name"},
		{"duplicate deep", data(`{"goods":[{"a":{"b":1,"b":1}}]}`), "/data/goods/0/a/b", "duplicate-name"},
		{"bad UTF-8", with("合成", "\xff\xfe"), "/data/note", "bad-utf8"},
		{"lone surrogate", data(`{"note":"\ud800"}`), "/data/note", "bad-json"},
		{"unknown extension", with(`,"data"`, `,"traceparent":"00-1","data"`), "/traceparent", "unknown-member"},
		{"other case", with(`"id"`, `"ID"`), "/ID", "unknown-member"},
		{"data_base64", with(`,"data"`, `,"data_base64":"e30=","data"`), "/data_base64", "unknown-member"},
		{"dataschema", with(`,"data"`, `,"dataschema":"https://x.example","data"`), "/dataschema", "unknown-member"},
		{"escaped attribute", with(`"id"`, `"\u0069d"`), "/id", "escaped-name"},
		{"no id", with(`"id":"2026-07-0001",`, ""), "/id", "missing"},
		{"no time", with(`"time":"2026-07-10T09:30:00+08:00",`, ""), "/time", "missing"},
		{"no data", `{"specversion":"1.0","id":"1","source":"urn:x:y","type":"a.v1","time":"2026-07-10T09:30:00Z"}`, "/data", "missing"},
		{"version 0.3", with(`"1.0"`, `"0.3"`), "/specversion", "bad-specversion"},
		{"null attribute", with(`"110105"`, "null"), "/jurisdiction", "wrong-kind"},
		{"number for id", with(`"2026-07-0001"`, "7"), "/id", "wrong-kind"},
		{"empty id", with(`"2026-07-0001"`, `""`), "/id", "bad-id"},
		{"id with space", with("2026-07-0001", "a b"), "/id", "bad-id"},
		{"id beyond ASCII", with("2026-07-0001", "编号"), "/id", "bad-id"},
		{"id too long", with("2026-07-0001", long), "/id", "bad-id"},
		{"source without scheme", with("https://mzj.example/pay", "mzj/pay"), "/source", "bad-source"},
		{"source with space", with("mzj.example/pay", "mzj.example/p y"), "/source", "bad-source"},
		{"source with LF", with("mzj.example/pay", `mzj.example/p\ny`), "/source", "control-character"},
		{"source too long", with("/pay", "/"+long), "/source", "bad-source"},
		{"type without version", with("paid.v1", "paid"), "/type", "bad-type"},
		{"type version zero", with("paid.v1", "paid.v01"), "/type", "bad-type"},
		{"type upper case", with("subsidy.paid", "Subsidy.Paid"), "/type", "bad-type"},
		{"type with empty word", with("subsidy.paid", "subsidy..paid"), "/type", "bad-type"},
		{"local time", with("+08:00", ""), "/time", "bad-time"},
		{"no time of day", with("T09:30:00+08:00", ""), "/time", "bad-time"},
		{"comma in time", with(":00+08:00", ":00,5+08:00"), "/time", "bad-time"},
		{"hour 24", with("T09", "T24"), "/time", "bad-time"},
		{"empty subject", with(`,"data"`, `,"subject":"","data"`), "/subject", "bad-subject"},
		{"XML", with(`,"data"`, `,"datacontenttype":"application/xml","data"`), "/datacontenttype", "bad-datacontenttype"},
		{"jurisdiction of 4 digits", with("110105", "1101"), "/jurisdiction", "bad-jurisdiction"},
		{"province that is none", with("110105", "990105"), "/jurisdiction", "bad-jurisdiction"},
		{"corrects without id", with(`,"data"`, `,"corrects":"urn:x:y","data"`), "/corrects", "bad-corrects"},
		{"corrects two ids", with(`,"data"`, `,"corrects":"urn:x:y 1 2","data"`), "/corrects", "bad-corrects"},
		{"corrects itself", with(`,"data"`, `,"corrects":"https://mzj.example/pay 2026-07-0001","data"`), "/corrects", "bad-corrects"},
		{"data text", data(`"{}"`), "/data", "not-an-object"},
		{"data list", data(`[1]`), "/data", "not-an-object"},
		{"data null", data(`null`), "/data", "not-an-object"},
		{"fraction", data(`{"amount":450.00}`), "/data/amount", "bad-number"},
		{"exponent", data(`{"amount":45e3}`), "/data/amount", "bad-number"},
		{"minus zero", data(`{"amount":-0}`), "/data/amount", "bad-number"},
		{"leading zero", data(`{"amount":045}`), "/data", "bad-json"},
		{"beyond the limit", data(`{"amount":1000000000000001}`), "/data/amount", "bad-number"},
		{"beyond int64", data(`{"amount":99999999999999999999}`), "/data/amount", "bad-number"},
		{"bottomless", data(`{"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`), "/data/a/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0", "too-deep"},
		{"bottomless unknown", with(`,"data"`, `,"x":`+strings.Repeat("[", 20000)+strings.Repeat("]", 20000)+`,"data"`), "", "bad-json"},
	} {
		e, problems := Parse([]byte(c.line))
		if e != nil || len(problems) == 0 {
			t.Errorf("%s: accepted", c.fault)
			continue
		}
		found := false
		for _, p := range problems {
			found = found || p.Code == c.code && (c.pointer == "" || p.Pointer == c.pointer) && p.Message != ""
		}
		if !found {
			t.Errorf("%s: want %s at %s, got %+v", c.fault, c.code, c.pointer, problems)
		}
	}
}

// No person's number passes, wherever and however it is written. The numbers
// are the examples of GB 11643-1999 and of no subscriber.
func TestParse_RefusesPersonalIdentifiers(t *testing.T) {
	for name, value := range map[string]string{
		"identity":                "11010519491231002X",
		"small x":                 "11010519491231002x",
		"spaced identity":         " 110105 19491231 002X ",
		"hyphened identity":       "110105-19491231-002X",
		"full-width identity":     "１１０１０５１９４９１２３１００２Ｘ",
		"escaped identity":        `\u0031\u0031010519491231002X`,
		"mobile":                  "13800000000",
		"mobile with 86":          "8613800000000",
		"mobile with +86":         "+86 138 0000 0000",
		"mobile with 0086":        "0086-138-0000-0000",
		"mobile in brackets":      "(+86)13800000000",
		"full-width mobile":       "１３８００００００００",
		"mobile with zero width":  "138\u200b0000\u200b0000",
		"mobile with nbsp":        "138\u00a00000\u00a00000",
		"mobile with tabs":        `138\t0000\t0000`,
		"mathematical digits":     "𝟏𝟑𝟖𝟎𝟎𝟎𝟎𝟎𝟎𝟎𝟎",
		"mobile with true hyphen": "138‐0000‐0000",
	} {
		for place, line := range map[string]string{
			"data":    data(`{"note":"` + value + `"}`),
			"deep":    data(`{"a":[{"b":["` + value + `"]}]}`),
			"name":    data(`{"` + value + `":1}`),
			"subject": with(`,"data"`, `,"subject":"`+value+`","data"`),
		} {
			_, problems := Parse([]byte(line))
			found := false
			for _, p := range problems {
				found = found || p.Code == "personal-identifier"
			}
			if !found {
				t.Errorf("%s in %s: %v", name, place, problems)
			}
		}
	}
	for _, line := range []string{with("2026-07-0001", "13800000000"), with("2026-07-0001", "11010519491231002X")} {
		if _, problems := Parse([]byte(line)); len(problems) != 1 || problems[0].Code != "personal-identifier" || problems[0].Pointer != "/id" {
			t.Errorf("id: %v", problems)
		}
	}
}

func TestParse_ManyReasonsAtOnce(t *testing.T) {
	line := strings.Replace(with(`"2026-07-0001"`, `""`), "45000", "1.5", 1)
	if _, problems := Parse([]byte(line)); len(problems) != 2 {
		t.Errorf("want both reasons, got %v", problems)
	}
	var many strings.Builder
	for i := range 50 {
		fmt.Fprintf(&many, `"x%d":1.5,`, i)
	}
	if _, problems := Parse([]byte(data("{" + many.String() + `"y":1}`))); len(problems) != maxProblems {
		t.Errorf("%d reasons, want %d", len(problems), maxProblems)
	}
}

func TestCheckTime(t *testing.T) {
	e, _ := Parse([]byte(good))
	for ahead, ok := range map[time.Duration]bool{-time.Hour: true, maxAhead: true, maxAhead + time.Second: false, -1000 * time.Hour: true} {
		if p := CheckTime(e, e.Time.Add(-ahead)); (p == nil) != ok {
			t.Errorf("%v ahead: %v", ahead, p)
		}
	}
}

func TestEncode_RoundTrip(t *testing.T) {
	e := &Event{
		ID: "r-1", Source: "urn:test:x", Type: "a.b.v2", Subject: `q"uote<é>`, Jurisdiction: "US-GA",
		Time: time.Date(2026, 7, 1, 1, 2, 3, 40_000_000, time.FixedZone("", 8*3600)), Corrects: &Ref{"urn:test:x", "r-0"},
	}
	line, err := Encode(e, map[string]any{"b": 1, "a": "文<>&\u2028"})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"specversion":"1.0","id":"r-1","source":"urn:test:x","type":"a.b.v2","time":"2026-07-01T01:02:03.04+08:00","subject":"q\"uote<é>","jurisdiction":"US-GA","corrects":"urn:test:x r-0","data":{"a":"文<>&` + "\u2028" + `","b":1}}`
	if string(line) != want {
		t.Errorf("got  %s\nwant %s", line, want)
	}
	got, problems := Parse(line)
	if problems != nil || got.Subject != e.Subject || !got.Time.Equal(e.Time) || *got.Corrects != *e.Corrects {
		t.Errorf("parsed %+v, %v", got, problems)
	}
}

func TestEncode_RefusesWhatParseRefuses(t *testing.T) {
	at := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	for name, data := range map[string]any{"list": []int{1}, "fraction": map[string]float64{"a": 1.5}, "mobile": map[string]string{"a": "13800000000"}} {
		_, err := Encode(&Event{ID: "1", Source: "urn:x:y", Type: "a.v1", Time: at}, data)
		var problems Problems
		if !errors.As(err, &problems) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Encode(&Event{Source: "urn:x:y", Type: "a.v1", Time: at}, struct{}{}); err == nil {
		t.Error("encoded an event without id")
	}
	if _, err := Encode(&Event{ID: "1", Source: "urn:x:y", Type: "a.v1", Time: at}, map[string]any{"f": func() {}}); err == nil {
		t.Error("encoded a function")
	}
}

func TestProblems_Error(t *testing.T) {
	p := Problems{{Pointer: "/a", Message: "one"}, {Message: "two"}, {Message: "three"}, {Message: "four"}}.At(7)
	if got := p.Error(); got != "line 7: /a: one; line 7: two; line 7: three; and 1 more" {
		t.Error(got)
	}
	if Problems(nil).Err() != nil || p.Err() == nil {
		t.Error("Err is not nil exactly where there is no problem")
	}
}

// What Parse accepts keeps its bytes, parses again to the same, and means the
// same to the ledger, which reads four attributes with another reader.
func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(data(`{"note":"\u0031\u0031010519491231002X","a":[1,-2,{"b":null}]}`)))
	f.Add([]byte(with(`"id"`, `"\u0069d"`)))
	f.Add([]byte(with(`,"data"`, `,"corrects":"urn:x:y 1","data"`)))
	f.Fuzz(func(t *testing.T, line []byte) {
		before := bytes.Clone(line)
		e, problems := Parse(line)
		if !bytes.Equal(line, before) {
			t.Fatal("Parse changed the line")
		}
		if (e == nil) == (len(problems) == 0) {
			t.Fatal("neither or both of event and problems")
		}
		if e == nil {
			return
		}
		if !bytes.Equal(e.Line, before) || !bytes.Contains(before, e.Data) || len(line) > MaxLine {
			t.Fatal("the event does not keep its line")
		}
		seen, err := chain.ReadEnvelope(line)
		if err != nil || seen != (chain.Envelope{ID: e.ID, Source: e.Source, Type: e.Type, Jurisdiction: e.Jurisdiction}) {
			t.Fatalf("the ledger reads %+v, %v", seen, err)
		}
		again, problems := Parse(bytes.Clone(line))
		if problems != nil || again.ID != e.ID || !again.Time.Equal(e.Time) || !bytes.Equal(again.Data, e.Data) {
			t.Fatalf("parses to another event: %v", problems)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	line := []byte(good)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if _, problems := Parse(line); problems != nil {
			b.Fatal(problems)
		}
	}
}
