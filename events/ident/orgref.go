package ident

// OrgRef names an organisation: by its code, by its name, or by both. Where
// only a name is known, organisation.registered joins the two later.
type OrgRef struct {
	Code string `json:"code,omitzero"` // unified social credit code, or XX-REG-number abroad
	Name string `json:"name,omitzero"` // as published, not normalised
}

// Key is what projections file the organisation under: the code where there is
// one, else "name:" and the normalised name. It is "" for an empty reference.
func (o OrgRef) Key() string {
	if o.Code != "" {
		return o.Code
	}
	return NameKey(o.Name)
}

// NameKey is the key of an organisation that is known by name only.
func NameKey(name string) string {
	if n := NormaliseName(name); n != "" {
		return "name:" + n
	}
	return ""
}

// Known reports whether the reference names anything.
func (o OrgRef) Known() bool { return o.Code != "" || o.Name != "" }
