package catalogue

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// Example is one event line of the type that Parse and Validate accept. It is
// invented, and says so where the type can say it.
func (t *Type) Example() []byte {
	line := []byte(`{"specversion":"1.0","id":"example-1","source":"https://agency.example/system","type":"` + t.Name +
		`","time":"2026-08-01T09:30:00+08:00"`)
	if !t.OperatorOnly {
		line = append(line, `,"jurisdiction":"110105"`...)
	}
	line = append(line, `,"data":`...)
	line = appendObject(line, t.Fields)
	return append(line, '}')
}

func appendObject(line []byte, fields []Field) []byte {
	line = append(line, '{')
	for i := range fields {
		f := &fields[i]
		if !f.Required && f.Sample == "" {
			continue
		}
		line = append(strconv.AppendQuote(line, f.Name), ':')
		line = append(appendSample(line, f), ',')
	}
	return append(bytes.TrimSuffix(line, []byte(",")), '}')
}

func appendSample(line []byte, f *Field) []byte {
	switch {
	case f.Sample != "":
		return append(line, f.Sample...)
	case f.Kind == Object:
		return appendObject(line, f.Fields)
	case f.Kind == List && f.Of == Object:
		return append(appendObject(append(line, '['), f.Fields), ']')
	case f.Kind == List:
		return append(append(append(line, '['), sampleOf(f.Of, f)...), ']')
	}
	return append(line, sampleOf(f.Kind, f)...)
}

var samples = map[Kind]string{
	Text: `"示例"`, Slug: `"example-1"`, Amount: "10000", Currency: `"CNY"`, Date: `"2026-07-31"`, Month: `"2026-07"`,
	Bool: "true", Org: `{"name":"示例市民政局"}`, Token: `"` + sampleToken + `"`, URL: `"https://agency.example/notice"`,
	URI: `"https://agency.example/system"`, Region: `"110105"`, Grant: `"110000"`, Pattern: `"subsidy.*"`,
	Agency: `"example-bureau"`, KeyID: `"0a1b2c3d4e5f6071"`, Key: sampleKey, Proof: sampleKey, NoteKey: sampleNoteKey,
}

func sampleOf(kind Kind, f *Field) string {
	switch kind {
	case Enum:
		return strconv.Quote(f.Enum[0])
	case Integer:
		return strconv.FormatInt(max(f.Min, min(f.Max, 2026)), 10)
	}
	s, ok := samples[kind]
	if !ok || !json.Valid([]byte(s)) {
		panic(fmt.Sprintf("catalogue: no sample for %s of kind %s", f.Name, kind))
	}
	return s
}
