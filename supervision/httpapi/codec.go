package httpapi

import (
	"io"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
)

// These belong to the whole process. Nothing else in it uses huma.
func init() {
	// A member in another case is unknown, not the same one.
	huma.ValidateStrictCasing = true
	// Our codec writes an empty list as [], never as null.
	huma.DefaultArrayNullable = false
	huma.NewError = newProblem
}

// formats is the only codec: strict in what it reads (no duplicate names, no
// bad UTF-8, exact case), deterministic in what it writes.
var formats = map[string]huma.Format{
	"application/json": strictJSON,
	"json":             strictJSON,
}

var strictJSON = huma.Format{
	Marshal: func(w io.Writer, v any) error {
		return json.MarshalWrite(w, v, json.Deterministic(true))
	},
	Unmarshal: func(data []byte, v any) error {
		return json.Unmarshal(data, v, json.RejectUnknownMembers(true))
	},
}
