package catalogue

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"civicledger/events/money"
)

// SchemaID is the name of a type's JSON Schema.
func SchemaID(typeName string) string { return "urn:civicledger:schema:" + typeName }

// Schema is the JSON Schema (2020-12) of the whole event line, envelope
// included, indented for reading. It says what Validate says but for the order
// of dates, the check of calendar days where formats are not asserted, and the
// hash inside a note key; a validator reads 1.0 and 1e3 as integers, Parse does
// not.
func (t *Type) Schema() []byte {
	s := &schemaWriter{defs: map[Kind]bool{}}
	data := s.object(t.Fields, t.Rules)
	required := []string{"specversion", "id", "source", "type", "time", "data"}
	if !t.OperatorOnly {
		required = append(required, "jurisdiction")
	}
	doc := members{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"$id", SchemaID(t.Name)},
		{"title", t.TitleEN + " · " + t.TitleZH},
		{"description", t.Meaning + " Source: " + t.LegalSource + "."},
		{"type", "object"},
		{"properties", envelopeProperties(t, data)},
		{"required", required},
		{"additionalProperties", false},
	}
	if defs := s.definitions(); len(defs) > 0 {
		doc = append(doc, member{"$defs", defs})
	}
	return render(doc)
}

const (
	patternID           = `^[\x21-\x7e]{1,128}$`
	patternDate         = `^(?:19|2[01])[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])$`
	patternMonth        = `^(?:19|2[01])[0-9]{2}-(?:0[1-9]|1[0-2])$`
	patternJurisdiction = `(?:(?:100000|(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[12])[0-9]{4})(?:[0-9]{3}){0,2}|[A-Z]{2}(?:-[A-Z0-9]{1,3})?)`
	patternSlug         = `^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$`
	patternText         = `^[^\x00-\x08\x0b-\x1f\x7f]*$`
	patternURI          = `^[a-z][a-z0-9+.-]*:(?:[!#$&-;=?-\[\]_a-z~]|%[0-9A-Fa-f]{2})+$`
	patternToken        = `^st1\.[1-9][0-9]{0,8}\.[a-z2-7]{25}[aeimquy4]$`
	patternOrgCode      = `^(?:[0-9A-HJ-NP-RTUWXY]{18}|[A-Z]{2}-[A-Z0-9]{2,8}-[A-Za-z0-9./-]{1,40})$`
	patternPattern      = `^(?:\*|[a-z][a-z0-9._]*[a-z0-9_](?:\.\*)?|[a-z](?:\.\*)?)$`
	patternAgency       = `^[a-z0-9][a-z0-9-]{0,62}$`
	patternKey          = `^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$`
	patternProof        = `^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$`
	patternNoteKey      = `^[^+\s]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+$`
)

func envelopeProperties(t *Type, data members) members {
	p := members{
		{"specversion", members{{"const", "1.0"}}},
		{"id", members{{"description", "Unique under the source, for ever."}, {"type", "string"}, {"pattern", patternID}}},
		{"source", members{{"description", "URI under the agency's enrolled source."}, {"type", "string"}, {"pattern", patternURI}, {"maxLength", 256}}},
		{"type", members{{"const", t.Name}}},
		{"time", members{{"description", "When it happened; at most 24 hours ahead."}, {"type", "string"}, {"format", "date-time"}}},
		{"subject", members{{"type", "string"}, {"minLength", 1}, {"maxLength", 256}, {"pattern", `^[^\x00-\x1f\x7f]+$`}}},
		{"datacontenttype", members{{"type", "string"}, {"pattern", `^application/json(?:; ?[Cc][Hh][Aa][Rr][Ss][Ee][Tt]=[Uu][Tt][Ff]-8)?$`}}},
	}
	if !t.OperatorOnly {
		p = append(p, member{"jurisdiction", members{
			{"description", "GB/T 2260 code of 6, 9 or 12 digits, or ISO 3166-2."}, {"type", "string"}, {"pattern", "^" + patternJurisdiction + "$"},
		}})
	}
	return append(p,
		member{"corrects", members{
			{"description", "Source and id of the agency's own event that this one replaces, one space between."},
			{"type", "string"},
			{"pattern", `^\S{1,256} [\x21-\x7e]{1,128}$`},
		}},
		member{"data", data})
}

// schemaWriter collects the definitions that a schema refers to.
type schemaWriter struct{ defs map[Kind]bool }

func (s *schemaWriter) object(fields []Field, rules []Rule) members {
	properties := members{}
	required := []string{}
	for i := range fields {
		f := &fields[i]
		properties = append(properties, member{f.Name, s.field(f)})
		if f.Required {
			required = append(required, f.Name)
		}
	}
	m := members{{"type", "object"}, {"properties", properties}, {"required", required}, {"additionalProperties", false}}
	var all []any
	for i := range rules {
		if r := ruleSchema(&rules[i]); r != nil {
			all = append(all, r)
		}
	}
	if all != nil {
		m = append(m, member{"allOf", all})
	}
	return m
}

func (s *schemaWriter) field(f *Field) members {
	m := members{{"description", f.Doc}}
	switch f.Kind {
	case Object:
		return append(m, s.object(f.Fields, f.Rules)...)
	case List:
		m = append(m, member{"type", "array"}, member{"minItems", f.Min}, member{"maxItems", f.Max})
		if f.Of == Object {
			return append(m, member{"items", s.object(f.Fields, f.Rules)})
		}
		item := Field{Kind: f.Of, Min: f.ItemMin, Max: f.ItemMax, Enum: f.Enum}
		return append(m, member{"items", s.scalar(&item)})
	}
	return append(m, s.scalar(f)...)
}

func (s *schemaWriter) scalar(f *Field) members {
	str := func(more ...member) members { return append(members{{"type", "string"}}, more...) }
	switch f.Kind {
	case Integer, Amount:
		return members{{"type", "integer"}, {"minimum", f.Min}, {"maximum", f.Max}}
	case Bool:
		return members{{"type", "boolean"}}
	case Enum:
		return members{{"enum", f.Enum}}
	case Text:
		return str(member{"minLength", f.Min}, member{"maxLength", f.Max}, member{"pattern", patternText})
	case URL:
		return str(member{"pattern", strings.Replace(patternURI, "[a-z][a-z0-9+.-]*:", "https?://", 1)}, member{"maxLength", f.Max})
	case URI:
		return str(member{"pattern", patternURI}, member{"maxLength", f.Max})
	case Date:
		return str(member{"format", "date"}, member{"pattern", patternDate})
	case Currency, Org:
		s.defs[f.Kind] = true
		return members{{"$ref", "#/$defs/" + f.Kind.String()}}
	case Proof:
		return str(member{"pattern", patternProof}, member{"minLength", 4}, member{"maxLength", 344})
	case Grant:
		return str(member{"pattern", `^(?:\*|` + patternJurisdiction + `)$`})
	}
	return str(member{"pattern", patternOf[f.Kind]})
}

var patternOf = map[Kind]string{
	Slug: patternSlug, Month: patternMonth, Token: patternToken, Region: "^" + patternJurisdiction + "$",
	Pattern: patternPattern, Agency: patternAgency, KeyID: `^[0-9a-f]{16}$`, Key: patternKey, NoteKey: patternNoteKey,
}

func (s *schemaWriter) definitions() members {
	var defs members
	if s.defs[Currency] {
		defs = append(defs, member{Currency.String(), members{{"description", "ISO 4217"}, {"enum", money.Currencies()}}})
	}
	if s.defs[Org] {
		defs = append(defs, member{Org.String(), members{
			{"type", "object"},
			{"properties", members{
				{"code", members{{"description", orgFields[0].Doc}, {"type", "string"}, {"pattern", patternOrgCode}}},
				{"name", append(members{{"description", orgFields[1].Doc}}, s.scalar(&orgFields[1])...)},
			}},
			{"additionalProperties", false},
			{"anyOf", []any{needed("code"), needed("name")}},
		}})
	}
	return defs
}

func needed(names ...string) members { return members{{"required", names}} }

// where is the condition that an enum field has one of the values.
func where(field string, values []string) members {
	return members{{"properties", members{{field, members{{"enum", values}}}}}, {"required", []string{field}}}
}

func ruleSchema(r *Rule) any {
	switch r.form {
	case formExactlyOne, formAtLeastOne:
		var each []any
		for _, f := range r.Fields {
			each = append(each, needed(f))
		}
		if r.form == formExactlyOne {
			return members{{"oneOf", each}}
		}
		return members{{"anyOf", each}}
	case formNeeds:
		return members{{"dependentRequired", members{{r.Fields[0], r.Fields[1:]}}}}
	case formOrder:
		return members{{"$comment", r.Fields[1] + " is not before " + r.Fields[0]}}
	case formWhenNeeds:
		return members{{"if", where(r.When, r.Values)}, {"then", needed(r.Fields[0])}}
	case formOnlyWhen:
		return members{{"if", needed(r.Fields[0])}, {"then", where(r.When, r.Values)}}
	case formOnlyValues:
		return members{{"if", where(r.When, r.Values)}, {"then", members{{"properties", members{{r.Fields[0], members{{"enum", r.Allowed}}}}}}}}
	}
	panic("catalogue: a rule without a schema")
}

// members is a JSON object whose order is kept.
type members []member

type member struct {
	name  string
	value any
}

// MarshalJSONTo writes the members in order.
func (m members) MarshalJSONTo(enc *jsontext.Encoder) error {
	if err := enc.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	for _, one := range m {
		if err := enc.WriteToken(jsontext.String(one.name)); err != nil {
			return err
		}
		if err := json.MarshalEncode(enc, one.value); err != nil {
			return err
		}
	}
	return enc.WriteToken(jsontext.EndObject)
}

func render(doc members) []byte {
	var b bytes.Buffer
	if err := doc.MarshalJSONTo(jsontext.NewEncoder(&b, jsontext.WithIndent("  "))); err != nil {
		panic("catalogue: a schema that cannot be written: " + err.Error())
	}
	return b.Bytes()
}
