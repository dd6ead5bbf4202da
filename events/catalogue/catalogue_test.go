package catalogue

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	stdjson "encoding/json"

	"github.com/go-json-experiment/json"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"civicledger/events"
	"civicledger/events/ident"
	"civicledger/ledger/chain"
	"civicledger/ledger/roster"
	"civicledger/ledger/suite"
)

// issueTypes are the names that every agency may rely on.
const issueTypes = `fund.opened budget.allocated transfer.sent transfer.received
subsidy.standard.set subsidy.approved subsidy.terminated subsidy.paid subsidy.cancelled subsidy.returned recovery.ordered recovery.received
kin.filed person.died
charity.campaign.opened charity.donation.received charity.donation.returned charity.donation.spent charity.spending.refunded charity.goods.issued charity.disclosure.published
account.balance.stated
organisation.registered organisation.annual_report.filed organisation.inspected organisation.rectification.ordered
organisation.rectification.accepted organisation.penalised organisation.listed organisation.delisted organisation.rated
organisation.deregistered organisation.penalty.announced
lottery.draw.settled lottery.draw.supplemented lottery.welfare_fund.collected lottery.welfare_fund.allocated
lottery.welfare_fund.spent
ledger.opened agency.enrolled agency.key.added agency.key.revoked operator.key.rotated log.key.rotated day.closed log.cut.accepted`

func mustParse(t testing.TB, line []byte) *events.Event {
	t.Helper()
	e, problems := events.Parse(line)
	if problems != nil {
		t.Fatalf("%s: %v", line, problems)
	}
	return e
}

func mustType(t testing.TB, name string) *Type {
	t.Helper()
	typ, ok := Lookup(name)
	if !ok {
		t.Fatalf("no type %s", name)
	}
	return typ
}

func TestTypes_Complete(t *testing.T) {
	want := map[string]bool{}
	for _, name := range strings.Fields(issueTypes) {
		want[name+".v1"] = true
	}
	last := -1
	for _, typ := range Types() {
		if !want[typ.Name] {
			t.Errorf("%s is listed twice or unknown to this test", typ.Name)
		}
		delete(want, typ.Name)
		if typ.TitleEN == "" || typ.TitleZH == "" || typ.Meaning == "" || typ.LegalSource == "" {
			t.Errorf("%s lacks a title, a meaning or a legal source", typ.Name)
		}
		if typ.OperatorOnly != roster.IsSystem(typ.Name) {
			t.Errorf("%s: operator only is %v, the roster says otherwise", typ.Name, typ.OperatorOnly)
		}
		at := 0
		for i, f := range families {
			if f == typ.Family {
				at = i
			}
		}
		if at < last {
			t.Errorf("%s stands after a later family", typ.Name)
		}
		last = at
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
}

// goFields lists the JSON members of a struct, embedded structs flattened.
func goFields(typ reflect.Type) map[string]reflect.StructField {
	fields := map[string]reflect.StructField{}
	for i := range typ.NumField() {
		f := typ.Field(i)
		if f.Anonymous {
			for name, inner := range goFields(f.Type) {
				fields[name] = inner
			}
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields[name] = f
	}
	return fields
}

func checkStruct(t *testing.T, where string, typ reflect.Type, table []Field) {
	t.Helper()
	members := goFields(typ)
	for i := range table {
		f := &table[i]
		member, ok := members[f.Name]
		if !ok {
			t.Errorf("%s: %v has no member %s", where, typ, f.Name)
			continue
		}
		delete(members, f.Name)
		omits := strings.Contains(member.Tag.Get("json"), ",omitzero")
		if omits == f.Required {
			t.Errorf("%s.%s: required is %v, omitzero is %v", where, f.Name, f.Required, omits)
		}
		checkGoKind(t, where+"."+f.Name, member.Type, f)
	}
	for name := range members {
		t.Errorf("%s: %v has a member %s that the table lacks", where, typ, name)
	}
}

func checkGoKind(t *testing.T, where string, typ reflect.Type, f *Field) {
	t.Helper()
	pointer := typ.Kind() == reflect.Pointer
	if pointer {
		typ = typ.Elem()
	}
	want := reflect.String
	kind := f.Kind
	if kind == List {
		if typ.Kind() != reflect.Slice || pointer {
			t.Errorf("%s: %v is no slice", where, typ)
			return
		}
		typ, kind = typ.Elem(), f.Of
	}
	switch kind {
	case Integer, Amount:
		want = reflect.Int64
	case Bool:
		want = reflect.Bool
	case Object:
		checkStruct(t, where, typ, f.Fields)
		want = reflect.Struct
	case Org:
		if typ != reflect.TypeFor[ident.OrgRef]() {
			t.Errorf("%s: %v is no ident.OrgRef", where, typ)
		}
		want = reflect.Struct
	}
	if typ.Kind() != want {
		t.Errorf("%s: Go kind %v, table kind %s", where, typ.Kind(), f.Kind)
	}
	// An absent number or object must be told from a zero one.
	if f.Kind != List && (want == reflect.Int64 || want == reflect.Struct) && pointer == f.Required {
		t.Errorf("%s: required is %v, pointer is %v", where, f.Required, pointer)
	}
}

func TestTypes_StructsMatchTables(t *testing.T) {
	for _, typ := range Types() {
		checkStruct(t, typ.Name, typ.goType, typ.Fields)
	}
}

func TestTypes_SystemTablesMatchRoster(t *testing.T) {
	for name, authority := range map[string]reflect.Type{
		roster.LedgerOpened: reflect.TypeFor[roster.Opened](), roster.AgencyEnrolled: reflect.TypeFor[roster.Enrolled](),
		roster.AgencyKeyAdded: reflect.TypeFor[roster.KeyAdded](), roster.AgencyKeyRevoked: reflect.TypeFor[roster.KeyRevoked](),
		roster.OperatorKeyRotated: reflect.TypeFor[roster.OperatorRotated](), roster.LogKeyRotated: reflect.TypeFor[roster.LogRotated](),
		roster.DayClosed: reflect.TypeFor[roster.Closed](),
	} {
		members := goFields(authority)
		for _, f := range mustType(t, name).Fields {
			if _, ok := members[f.Name]; !ok {
				t.Errorf("%s: the roster knows no %s", name, f.Name)
			}
			delete(members, f.Name)
		}
		if len(members) > 0 {
			t.Errorf("%s: the table lacks %v", name, members)
		}
	}
}

// What the ledger's own commands say passes the doors that agencies' words pass.
func TestTypes_SystemLinesPass(t *testing.T) {
	key, proof := make([]byte, 32), make([]byte, 64)
	for name, data := range map[string]any{
		roster.LedgerOpened: roster.Opened{
			Origin: "ledger.example.org/welfare", Suite: suite.Default().Name(),
			LogKey: strings.Trim(sampleNoteKey, `"`), OperatorKey: key, Timezone: "Asia/Shanghai",
		},
		roster.AgencyEnrolled: roster.Enrolled{
			Agency: "a-1", Name: "示例局", Types: []string{"subsidy.*", "fund.opened.v1", "*"},
			Jurisdictions: []string{"110000", "US", "*"}, Source: "urn:x:y", Key: key, Proof: proof,
		},
		roster.AgencyKeyRevoked: roster.KeyRevoked{Agency: "a-1", KeyID: chain.KeyID(suite.Default(), key), Reason: "lost"},
		roster.DayClosed:        roster.Closed{Day: "2026-07-31"},
	} {
		line, err := roster.Line("ledger.example.org/welfare", name, "x-1", time.Now(), data)
		if err != nil {
			t.Fatal(err)
		}
		if problems := mustType(t, name).Validate(mustParse(t, line)); problems != nil {
			t.Errorf("%s: %v", name, problems)
		}
	}
}

func TestExample_ParsesValidatesAndRoundTrips(t *testing.T) {
	for _, typ := range Types() {
		e := mustParse(t, typ.Example())
		if problems := typ.Validate(e); problems != nil {
			t.Errorf("%s: %v", typ.Name, problems)
		}
		into := reflect.New(typ.goType)
		if err := json.Unmarshal(e.Data, into.Interface(), json.RejectUnknownMembers(true)); err != nil {
			t.Fatalf("%s: %v", typ.Name, err)
		}
		again, err := events.Encode(e, into.Interface())
		if err != nil {
			t.Fatalf("%s: %v", typ.Name, err)
		}
		if problems := typ.Validate(mustParse(t, again)); problems != nil {
			t.Errorf("%s encoded again: %v", typ.Name, problems)
		}
	}
}

func TestDecode_ReadsOwnStruct(t *testing.T) {
	typ := mustType(t, "charity.donation.received.v1")
	got, err := Decode[DonationReceived](mustParse(t, typ.Example()))
	if err != nil {
		t.Fatal(err)
	}
	if got.Amount == nil || *got.Amount != 20000 || got.Donor.Kind != "org" || got.Donor.Organisation.Key() == "" || !got.Synthetic {
		t.Errorf("decoded %+v", got)
	}
	if _, err := Decode[PersonDied](mustParse(t, typ.Example())); err == nil {
		t.Error("decoded a donation as a death")
	}
}

func compileSchema(t testing.TB, name string, schema []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(name, doc); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	s, err := c.Compile(name)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return s
}

func schemaAccepts(t testing.TB, s *jsonschema.Schema, line []byte) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return s.Validate(doc)
}

// edit is one change of a type's example.
type edit struct {
	what string
	data map[string]any
}

// edits spoils or varies every field of a type in turn.
func edits(t testing.TB, typ *Type) []edit {
	var all []edit
	put := func(what, name string, value any) {
		data := exampleData(t, typ)
		if value == nil {
			delete(data, name)
		} else {
			data[name] = value
		}
		all = append(all, edit{what, data})
	}
	put("unknown member", "amuont", 5)
	for i := range typ.Fields {
		f := &typ.Fields[i]
		put(f.Name+" removed", f.Name, nil)
		for _, v := range spoils(f) {
			put(fmt.Sprintf("%s = %.40v", f.Name, v), f.Name, v)
		}
	}
	return all
}

// spoils are values to try in a field, good and bad alike: the two judges need
// only agree.
func spoils(f *Field) []any {
	values := []any{true, "", "x", 1, []any{}, map[string]any{}, "nul\u0000"}
	for _, s := range samples {
		values = append(values, stdjson.RawMessage(s))
	}
	values = append(values, f.Min-1, f.Min, f.Max, f.Max+1, strings.Repeat("字", int(min(f.Max, 3000))), strings.Repeat("字", int(min(f.Max, 3000))+1),
		"2026-13", "2026-02-30", "1899-12-31", "CNX", "XXX", "ftp://x.example", "https://a b", "110000000", "990000", "US-GA", "st1.1.x",
		map[string]any{"code": "91350100M000100Y43"}, map[string]any{"code": "9135"}, map[string]any{"code": "GB-CHC-281528", "name": "x"},
		[]any{"*"}, []any{"Subsidy.*", "x"}, []any{1, 2}, []any{-1}, []any{map[string]any{}}, []any{map[string]any{"item": "口罩", "quantityText": "3箱"}})
	for _, v := range f.Enum {
		values = append(values, v)
	}
	return values
}

func exampleData(t testing.TB, typ *Type) map[string]any {
	t.Helper()
	var whole struct{ Data map[string]any }
	d := stdjson.NewDecoder(bytes.NewReader(typ.Example()))
	d.UseNumber()
	if err := d.Decode(&whole); err != nil {
		t.Fatal(err)
	}
	return whole.Data
}

func lineOf(t testing.TB, typ *Type, data map[string]any) []byte {
	t.Helper()
	raw, err := stdjson.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(typ.Example()), `"data":`)
	return []byte(head + `"data":` + string(raw) + "}")
}

// The schema and Validate agree on every variation but those that the schema
// cannot say: the order of dates and the hash inside a note key.
func TestSchema_AgreesWithValidate(t *testing.T) {
	if testing.Short() {
		t.Skip("tries some ten thousand variations")
	}
	good, bad := 0, 0
	for _, typ := range Types() {
		schema := compileSchema(t, typ.Name, typ.Schema())
		if err := schemaAccepts(t, schema, typ.Example()); err != nil {
			t.Errorf("%s: the schema refuses the example: %v", typ.Name, err)
		}
		for _, e := range edits(t, typ) {
			line := lineOf(t, typ, e.data)
			event, problems := events.Parse(line)
			if problems != nil {
				continue // what no table allows anywhere: the schema is not asked
			}
			ours, theirs := typ.Validate(event), schemaAccepts(t, schema, line)
			switch {
			case theirs == nil && ours == nil:
				good++
			case theirs != nil && ours != nil:
				bad++
			case theirs == nil && onlyBeyondSchema(ours):
			default:
				t.Errorf("%s, %s:\nValidate: %v\nschema: %v", typ.Name, e.what, ours, theirs)
			}
		}
	}
	if good < 500 || bad < 5000 {
		t.Errorf("only %d good and %d bad variations: the generator is broken", good, bad)
	}
}

func onlyBeyondSchema(problems events.Problems) bool {
	for _, p := range problems {
		if p.Code != "out-of-order" && p.Code != "bad-note-key" {
			return false
		}
	}
	return true
}

// TestExample_CloudEventsSchema holds our lines against the schema of the
// CloudEvents project.
func TestExample_CloudEventsSchema(t *testing.T) {
	path := filepath.Join("..", "..", "..", "shared", "vectors", "cloudevents", "cloudevents.json")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("the CloudEvents schema is not beside the repository: %v", err)
	}
	schema := compileSchema(t, "cloudevents", raw)
	for _, typ := range Types() {
		if err := schemaAccepts(t, schema, typ.Example()); err != nil {
			t.Errorf("%s: %v", typ.Name, err)
		}
	}
}

// decodeAny decodes data into the struct of a type that is known at run time.
func decodeAny(typ *Type, data []byte) (any, error) {
	into := reflect.New(typ.goType).Interface()
	return into, json.Unmarshal(data, into, json.RejectUnknownMembers(true))
}
