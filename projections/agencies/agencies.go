// Package agencies is the read model of who may speak: the agencies that the
// operator enrolled, their keys, and how much each has said.
//
// It is for supervisors and operators. It folds the operator's system entries
// with ledger/roster, the one implementation that the ledger's writer and the
// verifier use as well, and refuses to have an opinion of its own about rights.
package agencies

import (
	"encoding/base64"
	"slices"
	"strings"

	"civicledger/ledger/chain"
	"civicledger/ledger/roster"
	"civicledger/projections"
)

// CodeRosterRefused marks system entries that the roster does not accept: the
// ledger would not have recorded them.
const CodeRosterRefused = "system-entry-refused"

var _ = projections.Declare(map[string]projections.Title{
	CodeRosterRefused: {EN: "System entry does not hold", ZH: "系统条目无效"},
})

// Agency is who may speak, and how much was said.
type Agency struct {
	Agency        string   `json:"agency"`
	Name          string   `json:"name,omitzero"`
	Types         []string `json:"types,omitzero"` // granted patterns
	Jurisdictions []string `json:"jurisdictions,omitzero"`
	Source        string   `json:"source,omitzero"`
	Enrolled      uint64   `json:"enrolled"` // index of the first enrolment
	Keys          []Key    `json:"keys,omitzero"`
	Entries       int64    `json:"entries"` // all it said, corrected ones included
	Counts        []Count  `json:"counts"`  // the same by type
	LastIndex     uint64   `json:"lastIndex"`
	LastRecorded  int64    `json:"lastRecorded"` // Unix milliseconds
}

// Key is a public key of an agency.
type Key struct {
	ID      string  `json:"id"`
	Public  string  `json:"public"` // standard base64
	From    uint64  `json:"from"`   // index of the entry that added it
	Revoked *uint64 `json:"revoked,omitzero"`
}

// Count is how many entries of a type an agency said. Type "" are those that
// could not be read.
type Count struct {
	Type  string `json:"type"`
	Count int64  `json:"count"`
}

// Ledger is what the log says about itself.
type Ledger struct {
	Origin        string `json:"origin"`
	Suite         string `json:"suite"`
	LogKey        string `json:"logKey"`
	Timezone      string `json:"timezone"`
	LastClosedDay string `json:"lastClosedDay"`
	Entries       int64  `json:"entries"`
	Agencies      int64  `json:"agencies"`
}

var (
	agencyTable = projections.NewTable("agencies",
		func(a *Agency) string { return projections.Key(a.Agency) },
		func(a *Agency) { a.Counts = slices.Clone(a.Counts) })

	ledgerTable = projections.NewTable("ledger", func(*Ledger) string { return projections.Key("ledger") }, nil)
)

// Projection folds what agencies say and what the operator says about them. It
// belongs to one Runner.
type Projection struct {
	agencies *projections.Overlay[Agency]
	ledger   *projections.Overlay[Ledger]

	roster  *roster.Roster
	changed bool
	lines   [][]byte // of the operator's submission that is being read
	sig     []byte
	entries int64
}

// New returns the projection before the first entry.
func New() *Projection {
	return &Projection{
		agencies: projections.NewOverlay(agencyTable), ledger: projections.NewOverlay(ledgerTable),
		roster: roster.New(),
	}
}

// Name implements projections.Projection.
func (p *Projection) Name() string { return "agencies" }

// Tables implements projections.Projection.
func (p *Projection) Tables() []projections.Staged {
	return []projections.Staged{p.agencies, p.ledger}
}

// Hear implements projections.Listener: what an agency said stays said, whether
// it counts or not.
func (p *Projection) Hear(b *projections.Batch, e *projections.Entry) {
	row := p.row(e.Agency)
	row.Entries++
	row.LastIndex, row.LastRecorded = e.Index, e.Recorded
	i, ok := slices.BinarySearchFunc(row.Counts, e.Type(), func(c Count, t string) int { return strings.Compare(c.Type, t) })
	if !ok {
		row.Counts = slices.Insert(row.Counts, i, Count{Type: e.Type()})
	}
	row.Counts[i].Count++
	p.entries++
	if e.Agency == chain.Operator {
		p.system(b, e)
	}
}

func (p *Projection) row(agency string) *Agency {
	return p.agencies.EditOr(projections.Key(agency), func() *Agency { return &Agency{Agency: agency} })
}

// system folds a submission of the operator once its last line is read.
func (p *Projection) system(b *projections.Batch, e *projections.Entry) {
	if e.Position == 1 {
		p.lines, p.sig = nil, e.Signature
	}
	p.lines = append(p.lines, e.Line)
	if e.Position < e.Count {
		return
	}
	sub := &chain.Submission{Agency: e.Agency, KeyID: e.KeyID, Signature: p.sig, Lines: p.lines}
	next, refusal := p.roster.Judge(sub, nil, roster.At{Index: e.First(), Recorded: e.Recorded})
	p.lines = nil
	if refusal != nil {
		b.Report(e, projections.Anomaly{Code: CodeRosterRefused, Message: refusal.Error()})
		return
	}
	p.roster, p.changed = next, true
}

// Change implements projections.Projection.
func (p *Projection) Change(*projections.Change) {}

// Settle implements projections.Projection.
func (p *Projection) Settle(*projections.Batch) {
	if p.roster.Suite() == nil {
		return
	}
	if p.changed {
		p.changed = false
		p.row(chain.Operator).Keys = p.keys(chain.Operator)
		for _, a := range p.roster.Agencies() {
			row := p.row(a.ID)
			row.Name, row.Types, row.Jurisdictions = a.Name, a.Types, a.Jurisdictions
			row.Source, row.Enrolled, row.Keys = a.Source, a.Enrolled, p.keys(a.ID)
		}
	}
	p.ledger.Put(&Ledger{
		Origin: p.roster.Origin(), Suite: p.roster.Suite().Name(), LogKey: p.roster.LogKey(),
		Timezone: p.roster.Zone().String(), LastClosedDay: p.roster.LastClosed(),
		Entries: p.entries, Agencies: int64(len(p.roster.Agencies())),
	})
}

func (p *Projection) keys(agency string) []Key {
	var keys []Key
	for _, k := range p.roster.Keys(agency) {
		keys = append(keys, Key{ID: k.ID, Public: base64.StdEncoding.EncodeToString(k.Public), From: k.From, Revoked: k.Revoked})
	}
	return keys
}

// Reader answers questions about agencies as of one View. Rows it returns are
// not to be changed.
type Reader struct{ view *projections.View }

// From returns the Reader of a View.
func From(v *projections.View) Reader { return Reader{v} }

// Agency returns one agency, nil if there is none of that name.
func (r Reader) Agency(name string) *Agency { return agencyTable.Row(r.view, projections.Key(name)) }

// Agencies lists agencies by name, the operator among them.
func (r Reader) Agencies(p projections.Page) (projections.Rows[Agency], error) {
	return agencyTable.Page(r.view, "", p, nil)
}

// Ledger returns what the log says about itself, nil before the genesis entry.
func (r Reader) Ledger() *Ledger { return ledgerTable.Row(r.view, projections.Key("ledger")) }
