package catalogue

import (
	"strings"
	"testing"
	"time"

	"civicledger/events"
)

// withData is an event of the type with the given data.
func withData(t testing.TB, name, data string) *events.Event {
	t.Helper()
	head, _, _ := strings.Cut(string(mustType(t, name).Example()), `"data":`)
	return mustParse(t, []byte(head+`"data":`+data+"}"))
}

func TestValidate_NamesPointerAndCode(t *testing.T) {
	const tok = sampleToken
	for _, c := range []struct{ fault, typ, data, pointer, code string }{
		{"nothing said", "person.died.v1", `{}`, "/data/person", "missing"},
		{"misspelt", "person.died.v1", `{"person":"` + tok + `","date":"2026-07-01","registeredon":"2026-07-02"}`, "/data/registeredon", "unknown-member"},
		{"registered before death", "person.died.v1", `{"person":"` + tok + `","date":"2026-07-02","registeredOn":"2026-07-01"}`, "/data/registeredOn", "out-of-order"},
		{"day that is none", "person.died.v1", `{"person":"` + tok + `","date":"2026-02-29"}`, "/data/date", "bad-date"},
		{"name for a person", "person.died.v1", `{"person":"张三","date":"2026-02-28"}`, "/data/person", "bad-token"},
		{"null", "person.died.v1", `{"person":null,"date":"2026-02-28"}`, "/data/person", "wrong-kind"},
		{"both payees", "subsidy.paid.v1", `{"payment":"1","fund":"f","payer":{"name":"x"},"beneficiary":"` + tok + `","recipient":{"name":"y"},"kind":"dibao","period":"2026-07","amount":1,"currency":"CNY","date":"2026-07-10"}`, "/data", "only-one"},
		{"no payee", "subsidy.paid.v1", `{"payment":"1","fund":"f","payer":{"name":"x"},"kind":"dibao","period":"2026-07","amount":1,"currency":"CNY","date":"2026-07-10"}`, "/data", "one-needed"},
		{"amount in quotes", "budget.allocated.v1", `{"fund":"f","holder":{"name":"x"},"amount":"1","currency":"CNY","year":2026}`, "/data/amount", "wrong-kind"},
		{"year out of range", "budget.allocated.v1", `{"fund":"f","holder":{"name":"x"},"amount":1,"currency":"CNY","year":20266}`, "/data/year", "out-of-range"},
		{"currency of no country", "budget.allocated.v1", `{"fund":"f","holder":{"name":"x"},"amount":1,"currency":"RMB","year":2026}`, "/data/currency", "bad-currency"},
		{"nobody holds it", "budget.allocated.v1", `{"fund":"f","holder":{},"amount":1,"currency":"CNY","year":2026}`, "/data/holder", "one-needed"},
		{"name of blanks", "budget.allocated.v1", `{"fund":"f","holder":{"name":"\u3000\u200b"},"amount":1,"currency":"CNY","year":2026}`, "/data/holder/name", "bad-organisation-name"},
		{"code too short", "budget.allocated.v1", `{"fund":"f","holder":{"code":"9135"},"amount":1,"currency":"CNY","year":2026}`, "/data/holder/code", "bad-organisation-code"},
		{"zero transfer", "transfer.sent.v1", `{"fund":"f","transfer":"1","from":{"name":"a"},"to":{"name":"b"},"amount":0,"currency":"CNY","date":"2026-07-10"}`, "/data/amount", "out-of-range"},
		{"money and goods", "charity.donation.received.v1", `{"donation":"1","organisation":{"name":"o"},"donor":{"kind":"unstated"},"amount":5,"currency":"CNY","goods":[{"item":"口罩"}],"date":"2020-02-01"}`, "/data", "only-one"},
		{"money without currency", "charity.donation.received.v1", `{"donation":"1","organisation":{"name":"o"},"donor":{"kind":"unstated"},"amount":5,"date":"2020-02-01"}`, "/data/currency", "missing"},
		{"organisation unnamed", "charity.donation.received.v1", `{"donation":"1","organisation":{"name":"o"},"donor":{"kind":"org"},"amount":5,"currency":"CNY","date":"2020-02-01"}`, "/data/donor/organisation", "missing"},
		{"anonymous with token", "charity.donation.received.v1", `{"donation":"1","organisation":{"name":"o"},"donor":{"kind":"anonymous","token":"` + tok + `"},"amount":5,"currency":"CNY","date":"2020-02-01"}`, "/data/donor/token", "not-allowed"},
		{"goods without name", "charity.goods.issued.v1", `{"issue":"1","organisation":{"name":"o"},"goods":[{"item":"口罩"},{"unit":"箱"}],"date":"2020-02-01"}`, "/data/goods/1/item", "missing"},
		{"no goods", "charity.goods.issued.v1", `{"issue":"1","organisation":{"name":"o"},"goods":[],"date":"2020-02-01"}`, "/data/goods", "bad-length"},
		{"serious circumstance on the abnormal list", "organisation.listed.v1", `{"list":"abnormal","circumstance":"B7","organisation":{"name":"o"},"by":{"name":"b"},"decidedOn":"2026-01-01","cause":"c"}`, "/data/circumstance", "not-allowed"},
		{"fine without sum", "organisation.penalised.v1", `{"penalty":"1","organisation":{"name":"o"},"by":{"name":"b"},"kind":"fine","decidedOn":"2026-01-01","cause":"c"}`, "/data/fine", "missing"},
		{"warned for months", "organisation.penalised.v1", `{"penalty":"1","organisation":{"name":"o"},"by":{"name":"b"},"kind":"warning","suspensionMonths":3,"decidedOn":"2026-01-01","cause":"c"}`, "/data/suspensionMonths", "not-allowed"},
		{"ball beyond range", "lottery.draw.settled.v1", `{"game":"ssq","draw":"2026001","drawnOn":"2026-01-01","red":[1,100],"currency":"CNY"}`, "/data/red/1", "out-of-range"},
		{"supplement without supplement", "lottery.draw.supplemented.v1", `{"game":"ssq","draw":"2026001","currency":"CNY"}`, "/data", "one-needed"},
		{"control character", "fund.opened.v1", `{"fund":"f","name":"a\u0007b","currency":"CNY","holder":{"name":"x"}}`, "/data/name", "control-character"},
		{"script for a URL", "person.died.v1", `{"person":"` + tok + `","date":"2026-07-01","evidence":"javascript:alert(1)"}`, "/data/evidence", "bad-url"},
	} {
		problems := mustType(t, c.typ).Validate(withData(t, c.typ, c.data))
		found := false
		for _, p := range problems {
			found = found || p.Pointer == c.pointer && p.Code == c.code && p.Message != ""
		}
		if !found {
			t.Errorf("%s: want %s at %s, got %v", c.fault, c.code, c.pointer, problems)
		}
	}
}

func TestValidate_Jurisdiction(t *testing.T) {
	without := func(name string) *events.Event {
		line := strings.Replace(string(mustType(t, name).Example()), `,"jurisdiction":"110105"`, "", 1)
		return mustParse(t, []byte(line))
	}
	if p := mustType(t, "person.died.v1").Validate(without("person.died.v1")); len(p) != 1 || p[0].Pointer != "/jurisdiction" {
		t.Errorf("a fact without jurisdiction: %v", p)
	}
	e := without("day.closed.v1")
	e.Jurisdiction = "110105"
	if p := mustType(t, "day.closed.v1").Validate(e); len(p) != 1 || p[0].Code != "not-allowed" {
		t.Errorf("a system event with jurisdiction: %v", p)
	}
}

// Validate is also safe on events that Parse did not make.
func TestValidate_UnparsedData(t *testing.T) {
	typ := mustType(t, "person.died.v1")
	for _, data := range []string{"", "{", "null", "[1]", `{"person":"` + sampleToken + `","person":"` + sampleToken + `","date":"2026-01-01"}`, `{"person":`, "{\"person\":\"\xff\"}"} {
		e := &events.Event{Type: typ.Name, Jurisdiction: "110105", Data: []byte(data)}
		if typ.Validate(e) == nil {
			t.Errorf("accepted %q", data)
		}
	}
}

func TestValidate_BoundsReasons(t *testing.T) {
	data := `{"a":1` + strings.Repeat(`,"b":1`, 1) + `}`
	for i := range 50 {
		data = strings.Replace(data, "{", `{"x`+string(rune('a'+i%26))+strings.Repeat("y", i)+`":1,`, 1)
	}
	if p := mustType(t, "person.died.v1").Validate(withData(t, "person.died.v1", data)); len(p) != maxProblems {
		t.Errorf("%d reasons, want %d", len(p), maxProblems)
	}
}

func FuzzValidate(f *testing.F) {
	for _, typ := range Types() {
		e, _ := events.Parse(typ.Example())
		f.Add(typ.Name, e.Data)
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		typ, ok := Lookup(name)
		if !ok {
			return
		}
		e := &events.Event{Type: name, Jurisdiction: "110105", Time: time.Unix(0, 0), Data: data}
		if typ.OperatorOnly {
			e.Jurisdiction = ""
		}
		if typ.Validate(e) != nil {
			return
		}
		if _, err := decodeAny(typ, data); err != nil {
			t.Fatalf("valid but not decodable: %v", err)
		}
	})
}

func BenchmarkParseValidate(b *testing.B) {
	for _, name := range []string{"subsidy.paid.v1", "charity.donation.received.v1", "lottery.draw.settled.v1"} {
		b.Run(name, func(b *testing.B) {
			typ := mustType(b, name)
			line := typ.Example()
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			for b.Loop() {
				e, problems := events.Parse(line)
				if problems != nil {
					b.Fatal(problems)
				}
				if problems = typ.Validate(e); problems != nil {
					b.Fatal(problems)
				}
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	e := mustParse(b, mustType(b, "charity.donation.received.v1").Example())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode[DonationReceived](e); err != nil {
			b.Fatal(err)
		}
	}
}
