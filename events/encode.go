package events

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Encode writes an event line in one form: attributes in a fixed order, no
// white space, absent ones left out, time in RFC 3339. It takes the attributes
// from e, whose Line and Data it sets to what it wrote, and data from any Go
// value that encodes as a JSON object (the structs of the catalogue do). What it
// returns passes Parse; otherwise it returns Problems or the encoder's error.
func Encode(e *Event, data any) ([]byte, error) {
	payload, err := json.Marshal(data, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("encode data of %s %s: %w", e.Type, e.ID, err)
	}
	line := make([]byte, 0, 256+len(payload))
	line = append(line, `{"specversion":"1.0"`...)
	for _, a := range []struct{ name, value string }{
		{"id", e.ID},
		{"source", e.Source},
		{"type", e.Type},
		{"time", e.Time.Format(time.RFC3339Nano)},
		{"subject", e.Subject},
		{"jurisdiction", e.Jurisdiction},
		{"corrects", e.corrects()},
	} {
		if a.value == "" {
			continue
		}
		line = append(append(append(line, `,"`...), a.name...), `":`...)
		if line, err = jsontext.AppendQuote(line, a.value); err != nil {
			return nil, fmt.Errorf("encode %s of %s %s: %w", a.name, e.Type, e.ID, err)
		}
	}
	line = append(append(append(line, `,"data":`...), payload...), '}')
	written, problems := Parse(line)
	if problems != nil {
		return nil, problems
	}
	e.Line, e.Data = line, written.Data
	return line, nil
}

func (e *Event) corrects() string {
	if e.Corrects == nil {
		return ""
	}
	return e.Corrects.String()
}
