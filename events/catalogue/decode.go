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
	err := decode(e, &data)
	return data, err
}

// Decode is Decode into the struct of the type, to which data points.
func (t *Type) Decode(e *events.Event) (data any, err error) {
	data = reflect.New(t.goType).Interface()
	if err := decode(e, data); err != nil {
		return nil, err
	}
	return data, nil
}

func decode(e *events.Event, into any) error {
	if err := json.Unmarshal(e.Data, into, json.RejectUnknownMembers(true)); err != nil {
		return fmt.Errorf("decode %s: %w", e.Type, err)
	}
	return nil
}
