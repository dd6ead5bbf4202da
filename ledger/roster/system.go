package roster

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/chain"
	"civicledger/ledger/suite"
)

// The types of system events.
const (
	LedgerOpened       = "ledger.opened.v1"
	AgencyEnrolled     = "agency.enrolled.v1"
	AgencyKeyAdded     = "agency.key.added.v1"
	AgencyKeyRevoked   = "agency.key.revoked.v1"
	OperatorKeyRotated = "operator.key.rotated.v1"
	LogKeyRotated      = "log.key.rotated.v1"
	DayClosed          = "day.closed.v1"
	CutAccepted        = "log.cut.accepted.v1"
)

var systemTypes = []string{
	LedgerOpened, AgencyEnrolled, AgencyKeyAdded, AgencyKeyRevoked,
	OperatorKeyRotated, LogKeyRotated, DayClosed, CutAccepted,
}

// IsSystem says whether only the operator may say events of this type.
func IsSystem(eventType string) bool { return slices.Contains(systemTypes, eventType) }

// Opened is the data of ledger.opened.v1, the genesis entry.
type Opened struct {
	Origin      string `json:"origin"`
	Suite       string `json:"suite"`
	LogKey      string `json:"logKey"`      // C2SP verifier key of the checkpoints
	OperatorKey []byte `json:"operatorKey"` // raw public key
	Timezone    string `json:"timezone"`    // IANA name; days end by it
}

// Enrolled is the data of agency.enrolled.v1. Said again for the same agency
// and one of its keys, it changes the grants from its index on.
type Enrolled struct {
	Agency        string   `json:"agency"`
	Name          string   `json:"name"`
	Types         []string `json:"types"`
	Jurisdictions []string `json:"jurisdictions"`
	Source        string   `json:"source"`
	Key           []byte   `json:"key"`
	Proof         []byte   `json:"proof"` // the key's signature of chain.EnrolmentText
}

// KeyAdded is the data of agency.key.added.v1.
type KeyAdded struct {
	Agency string `json:"agency"`
	Key    []byte `json:"key"`
	Proof  []byte `json:"proof"`
}

// KeyRevoked is the data of agency.key.revoked.v1. It counts from its index on.
type KeyRevoked struct {
	Agency string `json:"agency"`
	KeyID  string `json:"keyId"`
	Reason string `json:"reason"`
}

// OperatorRotated is the data of operator.key.rotated.v1: the last line that
// the old key says.
type OperatorRotated struct {
	Key   []byte `json:"key"`
	Proof []byte `json:"proof"`
}

// LogRotated is the data of log.key.rotated.v1: checkpoints that hold this
// entry are signed with the new key.
type LogRotated struct {
	LogKey string `json:"logKey"`
}

// Closed is the data of day.closed.v1: a day of the ledger's time zone is
// over, and nothing that follows was recorded in it.
type Closed struct {
	Day string `json:"day"`
}

// Cut is the data of log.cut.accepted.v1: entries behind this one's place were
// lost, and the operator goes on without them. It stands at index Size: whoever
// holds a checkpoint of more entries learns from it why the log does not extend
// that one.
type Cut struct {
	Size   uint64  `json:"size"`  // entries that remained
	Known  []Known `json:"known"` // what knew, or should have known, of more
	Reason string  `json:"reason"`
}

// Known is something that knew how many entries there were.
type Known struct {
	By   string `json:"by"`
	Size uint64 `json:"size,omitzero"` // 0: it could not be read
}

// SystemSource is the source of all system events of a ledger.
func SystemSource(origin string) string { return "urn:civicledger:" + origin }

type systemEvent struct {
	SpecVersion     string         `json:"specversion"`
	ID              string         `json:"id"`
	Source          string         `json:"source"`
	Type            string         `json:"type"`
	Time            string         `json:"time"`
	DataContentType string         `json:"datacontenttype,omitempty"`
	Data            jsontext.Value `json:"data"`
}

// Line writes a system event as an event line.
func Line(origin, eventType, id string, at time.Time, data any) ([]byte, error) {
	raw, err := json.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", eventType, err)
	}
	return json.Marshal(systemEvent{
		SpecVersion: "1.0", ID: id, Source: SystemSource(origin), Type: eventType,
		Time: at.UTC().Format("2006-01-02T15:04:05.000Z"), DataContentType: "application/json", Data: raw,
	})
}

func parse(line []byte, into any) error {
	if err := json.Unmarshal(line, into, json.RejectUnknownMembers(true)); err != nil {
		return err
	}
	return nil
}

func parseSystem(line []byte) (*systemEvent, error) {
	var e systemEvent
	if err := parse(line, &e); err != nil {
		return nil, err
	}
	if e.SpecVersion != "1.0" || (e.DataContentType != "" && e.DataContentType != "application/json") {
		return nil, errors.New("not a CloudEvent 1.0 with JSON data")
	}
	if _, err := time.Parse(time.RFC3339, e.Time); err != nil {
		return nil, fmt.Errorf("time %q is not RFC 3339", e.Time)
	}
	return &e, nil
}

// begin judges the genesis entry: one line, said with the operator's key that
// it names itself.
func (r *Roster) begin(sub *chain.Submission, at At) (*Roster, *Refusal) {
	bad := func(err error) (*Roster, *Refusal) { return nil, refuse(1, CodeGenesis, "%v", err) }
	if at.Index != 0 || sub.Agency != chain.Operator || len(sub.Lines) != 1 {
		return bad(errors.New("a log begins with one line of the operator"))
	}
	e, err := parseSystem(sub.Lines[0])
	if err != nil {
		return bad(err)
	}
	var o Opened
	if err := parse(e.Data, &o); err != nil {
		return bad(err)
	}
	s, zone, err := o.check()
	if err != nil {
		return bad(err)
	}
	if e.Type != LedgerOpened || e.Source != SystemSource(o.Origin) {
		return bad(fmt.Errorf("it is %s from %s", e.Type, e.Source))
	}
	id := chain.KeyID(s, o.OperatorKey)
	if sub.KeyID != id || !s.Verify(o.OperatorKey, sub.SignedText(s, o.Origin), sub.Signature) {
		return bad(errors.New("it is not signed with the operator's key that it names"))
	}
	next := &Roster{
		origin: o.Origin, suite: s, logKey: o.LogKey, operator: id, zone: zone,
		closed:   time.UnixMilli(at.Recorded).In(zone).AddDate(0, 0, -1).Format(time.DateOnly),
		agencies: map[string]Agency{}, owners: map[string]string{string(o.OperatorKey): chain.Operator},
		keys: map[keyName]Key{{chain.Operator, id}: {Agency: chain.Operator, ID: id, Public: o.OperatorKey}},
	}
	return next, nil
}

func (o *Opened) check() (*suite.Suite, *time.Location, error) {
	s, err := suite.Lookup(o.Suite)
	if err != nil {
		return nil, nil, err
	}
	if err := chain.CheckOrigin(o.Origin); err != nil {
		return nil, nil, err
	}
	if err := checkLogKey(o.LogKey, o.Origin); err != nil {
		return nil, nil, err
	}
	if len(o.OperatorKey) != s.PublicKeySize() {
		return nil, nil, errors.New("the operator's key has the wrong size")
	}
	zone, err := time.LoadLocation(o.Timezone)
	if err != nil || o.Timezone == "" || o.Timezone == "Local" {
		return nil, nil, fmt.Errorf("time zone %q is not known", o.Timezone)
	}
	return s, zone, nil
}

func checkLogKey(vkey, origin string) error {
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return fmt.Errorf("log key %q: %w", vkey, err)
	}
	if v.Name() != origin {
		return fmt.Errorf("log key %q does not bear the origin %q", vkey, origin)
	}
	return nil
}

// system judges and folds the operator's lines, all or none.
func (r *Roster) system(sub *chain.Submission, at At) (*Roster, *Refusal) {
	next := r.clone()
	for i, line := range sub.Lines {
		if next.operator != r.operator {
			return nil, refuse(i+1, CodeSystem, "the operator's key was rotated on the line before: sign this line with the new key")
		}
		e, err := parseSystem(line)
		if err == nil && e.Source != SystemSource(r.origin) {
			err = fmt.Errorf("source is %q, want %q", e.Source, SystemSource(r.origin))
		}
		if err == nil {
			err = next.fold(e, At{Index: at.Index + uint64(i), Recorded: at.Recorded})
		}
		if err != nil {
			return nil, refuse(i+1, CodeSystem, "%v", err)
		}
	}
	return next, nil
}

func (r *Roster) fold(e *systemEvent, at At) error {
	switch e.Type {
	case AgencyEnrolled:
		return foldData(e, at, r.enrol)
	case AgencyKeyAdded:
		return foldData(e, at, r.addKey)
	case AgencyKeyRevoked:
		return foldData(e, at, r.revoke)
	case OperatorKeyRotated:
		return foldData(e, at, r.rotateOperator)
	case LogKeyRotated:
		return foldData(e, at, r.rotateLog)
	case DayClosed:
		return foldData(e, at, r.closeDay)
	case CutAccepted:
		return foldData(e, at, r.cut)
	case LedgerOpened:
		return errors.New("the ledger is open already")
	}
	return fmt.Errorf("type %q is not a system event: the operator says nothing else", e.Type)
}

func foldData[T any](e *systemEvent, at At, into func(*T, At) error) error {
	var d T
	if err := parse(e.Data, &d); err != nil {
		return fmt.Errorf("%s: %w", e.Type, err)
	}
	if err := into(&d, at); err != nil {
		return fmt.Errorf("%s: %w", e.Type, err)
	}
	return nil
}

// cut changes no rights: those that were granted or revoked in what is lost
// are as if they had never been.
func (r *Roster) cut(d *Cut, at At) error {
	switch {
	case d.Size != at.Index:
		return fmt.Errorf("it accepts that %d entries remain, and stands at index %d", d.Size, at.Index)
	case len(d.Known) == 0 || d.Reason == "":
		return errors.New("what knew of more, and the reason, must be said")
	}
	return nil
}

func (r *Roster) enrol(d *Enrolled, at At) error {
	if err := d.check(); err != nil {
		return err
	}
	known, again := r.agencies[d.Agency]
	if again {
		k, ok := r.Key(d.Agency, chain.KeyID(r.suite, d.Key))
		if !ok || !bytes.Equal(k.Public, d.Key) {
			return fmt.Errorf("agency %q is enrolled with another key: say %s to give it one more", d.Agency, AgencyKeyAdded)
		}
		if err := r.prove(d.Agency, d.Key, d.Proof); err != nil {
			return err
		}
	} else if err := r.own(d.Agency, d.Key, d.Proof, at); err != nil {
		return err
	}
	enrolled := at.Index
	if again {
		enrolled = known.Enrolled
	}
	r.agencies[d.Agency] = Agency{
		ID: d.Agency, Name: d.Name, Types: d.Types, Jurisdictions: d.Jurisdictions,
		Source: d.Source, Enrolled: enrolled,
	}
	return nil
}

func (d *Enrolled) check() error {
	if err := chain.CheckAgency(d.Agency); err != nil {
		return err
	}
	if d.Agency == chain.Operator {
		return errors.New("the operator is not enrolled: the genesis entry names it")
	}
	if d.Name == "" || len(d.Types) == 0 || len(d.Jurisdictions) == 0 || d.Source == "" {
		return errors.New("name, types, jurisdictions and source must not be empty")
	}
	for _, p := range d.Types {
		if star := strings.IndexByte(p, '*'); p == "" || (star >= 0 && star != len(p)-1) || (star > 0 && p[star-1] != '.') {
			return fmt.Errorf("type pattern %q is not *, a family such as subsidy.* or a type", p)
		}
	}
	return nil
}

// prove checks that the agency holds the key.
func (r *Roster) prove(agency string, public, proof []byte) error {
	if len(public) != r.suite.PublicKeySize() {
		return fmt.Errorf("key is %d bytes, want %d", len(public), r.suite.PublicKeySize())
	}
	if !r.suite.Verify(public, chain.EnrolmentText(r.suite, r.origin, agency, public), proof) {
		return fmt.Errorf("the proof does not show that %q holds key %s for this ledger", agency, chain.KeyID(r.suite, public))
	}
	return nil
}

// own gives a key to an agency, for ever.
func (r *Roster) own(agency string, public, proof []byte, at At) error {
	if err := r.prove(agency, public, proof); err != nil {
		return err
	}
	if owner, taken := r.owners[string(public)]; taken {
		return fmt.Errorf("key %s belongs to %q: a key belongs to one agency for ever", chain.KeyID(r.suite, public), owner)
	}
	id := chain.KeyID(r.suite, public)
	if _, taken := r.keys[keyName{agency, id}]; taken {
		return fmt.Errorf("agency %q has another key with the id %s", agency, id)
	}
	r.owners[string(public)] = agency
	r.keys[keyName{agency, id}] = Key{Agency: agency, ID: id, Public: public, From: at.Index}
	return nil
}

func (r *Roster) addKey(d *KeyAdded, at At) error {
	if _, ok := r.agencies[d.Agency]; !ok {
		return fmt.Errorf("agency %q is not enrolled", d.Agency)
	}
	return r.own(d.Agency, d.Key, d.Proof, at)
}

func (r *Roster) revoke(d *KeyRevoked, at At) error {
	k, ok := r.keys[keyName{d.Agency, d.KeyID}]
	switch {
	case d.Agency == chain.Operator:
		return fmt.Errorf("the operator's key is replaced by %s", OperatorKeyRotated)
	case !ok:
		return fmt.Errorf("agency %q has no key %q", d.Agency, d.KeyID)
	case k.Revoked != nil:
		return fmt.Errorf("key %s of %q was revoked at index %d", d.KeyID, d.Agency, *k.Revoked)
	}
	k.Revoked = &at.Index
	r.keys[keyName{d.Agency, d.KeyID}] = k
	return nil
}

func (r *Roster) rotateOperator(d *OperatorRotated, at At) error {
	if err := r.own(chain.Operator, d.Key, d.Proof, at); err != nil {
		return err
	}
	old := r.keys[keyName{chain.Operator, r.operator}]
	old.Revoked = &at.Index
	r.keys[keyName{chain.Operator, r.operator}] = old
	r.operator = chain.KeyID(r.suite, d.Key)
	return nil
}

func (r *Roster) rotateLog(d *LogRotated, _ At) error {
	if err := checkLogKey(d.LogKey, r.origin); err != nil {
		return err
	}
	r.logKey = d.LogKey
	return nil
}

// closeDay accepts the day after the last closed one, once it is over.
func (r *Roster) closeDay(d *Closed, at At) error {
	last, err := time.ParseInLocation(time.DateOnly, r.closed, r.zone)
	if err != nil {
		return fmt.Errorf("last closed day %q: %w", r.closed, err)
	}
	next := last.AddDate(0, 0, 1)
	if want := next.Format(time.DateOnly); d.Day != want {
		return fmt.Errorf("day %q: days are closed one by one, next is %s", d.Day, want)
	}
	if end := next.AddDate(0, 0, 1); at.Recorded < end.UnixMilli() {
		return fmt.Errorf("day %s is not over", d.Day)
	}
	r.closed = d.Day
	return nil
}
