package catalogue

// Rule ties several fields of one object together. Rules are few and of fixed
// forms, so that the JSON Schema can say all of them but the order of dates.
type Rule struct {
	form   ruleForm
	Fields []string // of the same object
	Values []string // of the field When
	When   string   // an Enum field

	Allowed []string // values of Fields[0]
}

type ruleForm uint8

const (
	formExactlyOne ruleForm = iota + 1
	formAtLeastOne
	formNeeds
	formOrder
	formWhenNeeds
	formOnlyWhen
	formOnlyValues
)

// exactlyOne: one of the fields stands, no more.
func exactlyOne(fields ...string) Rule { return Rule{form: formExactlyOne, Fields: fields} }

// atLeastOne: one of the fields stands, or more.
func atLeastOne(fields ...string) Rule { return Rule{form: formAtLeastOne, Fields: fields} }

// needs: where the first field stands, the others must.
func needs(field string, others ...string) Rule {
	return Rule{form: formNeeds, Fields: append([]string{field}, others...)}
}

// inOrder: where both dates (or months) stand, the second is not before the first.
func inOrder(first, second string) Rule {
	return Rule{form: formOrder, Fields: []string{first, second}}
}

// whenNeeds: where the enum field has one of the values, the other must stand.
func whenNeeds(field string, values []string, other string) Rule {
	return Rule{form: formWhenNeeds, When: field, Values: values, Fields: []string{other}}
}

// onlyWhen: the other may stand only where the enum field has one of the values.
func onlyWhen(other, field string, values ...string) Rule {
	return Rule{form: formOnlyWhen, When: field, Values: values, Fields: []string{other}}
}

// onlyValues: where the enum field when has the value, field must be one of allowed.
func onlyValues(field string, allowed []string, when, value string) Rule {
	return Rule{form: formOnlyValues, When: when, Values: []string{value}, Fields: []string{field}, Allowed: allowed}
}
