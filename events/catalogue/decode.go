package catalogue

import (
	"fmt"
	"reflect"

	"github.com/go-json-experiment/json"

	"civicledger/events"
)

// Decode reads the event's data into the struct of its type, strictly: a
// member that T does not know is an error. It trusts that the event was
// validated and checks no rules. Safe for concurrent use.
func Decode[T any](e *events.Event) (T, error) {
	var data T
	if err := json.Unmarshal(e.Data, &data, json.RejectUnknownMembers(true)); err != nil {
		return data, fmt.Errorf("decode %s: %w", e.Type, err)
	}
	return data, nil
}

// Decode is Decode into the struct of the type, to which data points.
func (t *Type) Decode(e *events.Event) (data any, err error) {
	data = reflect.New(t.goType).Interface()
	if err := json.Unmarshal(e.Data, data, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("decode %s: %w", e.Type, err)
	}
	return data, nil
}
