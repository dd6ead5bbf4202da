// Package catalogue lists what may be said: one file per family of event
// types, one field table per type from which validation and JSON Schema both
// come, and one Go struct per type for reading.
//
// It is for the intake, which refuses what no table allows, for importers,
// which fill the structs, and for projections and rules, which read them. It
// refuses members it does not know: a misspelt amount must not be silence.
//
// Specs: JSON Schema 2020-12 for the printed schemas; the legal source of each
// type stands in its table.
package catalogue

import (
	"fmt"
	"reflect"
	"slices"
)

// Kind is the form of a value.
type Kind uint8

// The forms a value may have. Every one but Object and List has one JSON
// representation only.
const (
	Text     Kind = iota + 1 // 1..Max characters, no control characters but LF and TAB
	Slug                     // [A-Za-z0-9][A-Za-z0-9._:-]{0,127}
	Enum                     // one of Field.Enum
	Integer                  // Min..Max
	Amount                   // minor units of the currency, Min..Max
	Currency                 // ISO 4217 code
	Date                     // 2006-01-02
	Month                    // 2006-01
	Bool                     //
	Org                      // {"code":…,"name":…}, at least one
	Token                    // st1.<epoch>.<26 base32 characters>: a natural person
	URL                      // http or https
	URI                      // any absolute URI
	Region                   // GB/T 2260 or ISO 3166-2 code
	Grant                    // a Region or "*"
	Pattern                  // a type, "family.*" or "*"
	Agency                   // [a-z0-9][a-z0-9-]{0,62}
	KeyID                    // 16 hexadecimal characters: chain.KeyID
	Key                      // base64 of a 32-byte Ed25519 public key
	Proof                    // base64 of a signature, 1..256 bytes
	NoteKey                  // C2SP note verifier key: name+hash+base64
	Object                   // Field.Fields under Field.Rules
	List                     // Min..Max elements of the kind Field.Of
)

// Field is one row of a field table.
type Field struct {
	Name     string
	Kind     Kind
	Required bool
	Doc      string
	Enum     []string
	Min, Max int64   // Integer, Amount: the value; Text: characters; List: elements
	Of       Kind    // List: the kind of its elements, which Enum, Fields, Rules and ItemMin, ItemMax describe
	ItemMin  int64   // List of Integer or Amount
	ItemMax  int64   // List of Integer, Amount or Text
	Fields   []Field // Object, or List of Object
	Rules    []Rule  // the same
	Sample   string  // raw JSON for the example; "" leaves an optional field out
}

// Type is what may be said under one name.
type Type struct {
	Name         string // "subsidy.paid.v1"
	Family       string // "subsidy": one file of tables
	TitleEN      string
	TitleZH      string
	Meaning      string
	LegalSource  string
	OperatorOnly bool // system types: said with the operator's key, outside any jurisdiction
	Fields       []Field
	Rules        []Rule

	shape  *shape
	goType reflect.Type
}

// Common holds the members that every type outside the system family may carry.
type Common struct {
	Basis      string `json:"basis,omitzero"`      // legal basis or document number
	Note       string `json:"note,omitzero"`       // a remark for people
	Evidence   string `json:"evidence,omitzero"`   // URL of a public source
	Provenance string `json:"provenance,omitzero"` // file, sheet and row at the publisher
	Synthetic  bool   `json:"synthetic,omitzero"`  // invented for tests and demonstrations
}

var commonFields = []Field{
	{Name: "basis", Kind: Text, Min: 1, Max: 300, Doc: "Legal basis or document number."},
	{Name: "note", Kind: Text, Min: 1, Max: 500, Doc: "A remark for people."},
	{Name: "evidence", Kind: URL, Max: 500, Doc: "URL of a public source."},
	{Name: "provenance", Kind: Text, Min: 1, Max: 200, Doc: "File, sheet and row at the publisher."},
	{Name: "synthetic", Kind: Bool, Doc: "True on data invented for tests and demonstrations.", Sample: "true"},
}

var (
	types  []*Type
	byName = map[string]*Type{}
)

// The families, in the order in which they are listed. Subjects of a family
// share a file, not a prefix: person.died is a subsidy fact.
const (
	familyFund         = "fund"
	familySubsidy      = "subsidy"
	familyCharity      = "charity"
	familyOrganisation = "organisation"
	familyLottery      = "lottery"
	familySystem       = "system"
)

var families = []string{familyFund, familySubsidy, familyCharity, familyOrganisation, familyLottery, familySystem}

// Types returns every type, family by family in the order of the tables.
func Types() []*Type {
	sorted := slices.Clone(types)
	slices.SortStableFunc(sorted, func(a, b *Type) int {
		return slices.Index(families, a.Family) - slices.Index(families, b.Family)
	})
	return sorted
}

// Lookup finds a type by its full name, version included.
func Lookup(name string) (*Type, bool) {
	t, ok := byName[name]
	return t, ok
}

// define registers a type whose data T reads. A table that contradicts itself
// is a bug of this package and panics when the program starts.
func define[T any](family string, t Type) *Type {
	t.Family = family
	t.OperatorOnly = family == familySystem
	if !t.OperatorOnly {
		t.Fields = append(slices.Clip(t.Fields), commonFields...)
	}
	t.goType = reflect.TypeFor[T]()
	t.shape = compile(t.Fields, t.Rules)
	if _, dup := byName[t.Name]; dup {
		panic(fmt.Sprintf("catalogue: %s is defined twice", t.Name))
	}
	byName[t.Name] = &t
	types = append(types, &t)
	return &t
}

// String names the kind in problem codes and documents.
func (k Kind) String() string {
	if int(k) < len(kindWords) {
		return kindWords[k]
	}
	if k == orgName {
		return "organisation-name"
	}
	return "organisation-code"
}

var kindWords = [...]string{
	Text: "text", Slug: "identifier", Enum: "choice", Integer: "integer", Amount: "amount", Currency: "currency",
	Date: "date", Month: "month", Bool: "boolean", Org: "organisation", Token: "token", URL: "url", URI: "uri",
	Region: "jurisdiction", Grant: "jurisdiction", Pattern: "pattern", Agency: "agency", KeyID: "key-id", Key: "key",
	Proof: "proof", NoteKey: "note-key", Object: "object", List: "list",
}
