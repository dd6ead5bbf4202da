package supervision

import (
	"civicledger/projections"
	"civicledger/projections/agencies"
)

// Agency is who may say what, with which keys, and how much was said.
type Agency struct {
	Agency        string           `json:"agency"`
	Name          string           `json:"name,omitzero" doc:"Name for people. Absent for the operator."`
	Types         []string         `json:"types" doc:"What it may say."`
	Jurisdictions []string         `json:"jurisdictions" doc:"For where it may speak."`
	Source        string           `json:"source,omitzero" doc:"URI under which the sources of its events lie."`
	Enrolled      uint64           `json:"enrolled" doc:"The entry of its first enrolment."`
	Keys          []agencies.Key   `json:"keys" doc:"With the entries that added and revoked each."`
	Entries       int64            `json:"entries" doc:"All it said, what was corrected since included."`
	Waiting       int64            `json:"waiting,omitzero" doc:"How many of them wait for a fact that nobody said: GET /v1/anomalies?agency=… names the first 10,000 and what each waits for."`
	Counts        []agencies.Count `json:"counts" doc:"The same by type; an empty type could not be read."`
	LastIndex     uint64           `json:"lastIndex" doc:"The newest entry it said."`
	LastRecorded  string           `json:"lastRecorded,omitzero" format:"date-time"`
}

// Agencies lists agencies by name, the operator among them.
func (d *Desk) Agencies(turn Turn) (*Page[Agency], error) {
	v := d.tables.View()
	rows, err := agencies.From(v).Agencies(turn.page())
	return pageOf(d.asOf(v), rows, err, func(a *agencies.Agency) Agency { return agency(v, a) })
}

// Agency returns one agency.
func (d *Desk) Agency(name string) (*Answer[Agency], error) {
	v := d.tables.View()
	row := agencies.From(v).Agency(name)
	if row == nil {
		return nil, d.asOf(v).missing(&NotFound{What: "agency", Key: name, Cure: "GET /v1/agencies lists them; civicledger enrol makes one"})
	}
	return &Answer[Agency]{AsOf: d.asOf(v), Item: agency(v, row)}, nil
}

func agency(v *projections.View, a *agencies.Agency) Agency {
	out := Agency{
		Agency: a.Agency, Name: a.Name, Types: a.Types, Jurisdictions: a.Jurisdictions, Source: a.Source,
		Enrolled: a.Enrolled, Keys: a.Keys, Entries: a.Entries, Counts: a.Counts, LastIndex: a.LastIndex,
		Waiting: v.Waiting(a.Agency),
	}
	if a.Entries > 0 {
		out.LastRecorded = stamp(a.LastRecorded)
	}
	return out
}
