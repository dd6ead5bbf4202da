package roster

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // the ledger's time zone must mean the same on every machine

	"civicledger/ledger/chain"
	"civicledger/ledger/suite"
)

// Codes of refusals; they are stable and shown to agencies and auditors.
const (
	CodeGenesis    = "genesis"     // the log does not begin as a ledger begins
	CodeKeyUnknown = "key-unknown" // no such key under this agency
	CodeKeyRevoked = "key-revoked" // revoked, and from this index on it counts
	CodeSignature  = "signature"   // not this key's signature of these lines
	CodeNotGranted = "not-granted" // type, jurisdiction or source outside the enrolment
	CodeSystem     = "system"      // a system event that does not hold
)

// Refusal says why a submission has no right to stand at its index. Line is
// the line of the submission, from 1; 0 means all of it.
type Refusal struct {
	Line    int
	Code    string
	Message string
}

func (r *Refusal) Error() string {
	if r.Line == 0 {
		return r.Code + ": " + r.Message
	}
	return fmt.Sprintf("line %d: %s: %s", r.Line, r.Code, r.Message)
}

func refuse(line int, code, format string, args ...any) *Refusal {
	return &Refusal{Line: line, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Key is a public key and the agency it belongs to, for ever.
type Key struct {
	Agency  string
	ID      string
	Public  []byte
	From    uint64  // index of the entry that added it
	Revoked *uint64 // index of the entry that revoked it, nil while it counts
}

// Agency is what the operator enrolled.
type Agency struct {
	ID            string // the name in subjects and headers
	Name          string // for people
	Types         []string
	Jurisdictions []string
	Source        string // every event source lies under it
	Enrolled      uint64 // index of the first enrolment
}

// At is the place for which rights are judged.
type At struct {
	Index    uint64 // of the first entry of the submission
	Recorded int64  // Unix milliseconds
}

// Roster is which key may say what after some entry. A Roster never changes:
// Judge returns the next one. Its zero value, from New, is before the genesis
// entry.
type Roster struct {
	origin   string
	suite    *suite.Suite
	logKey   string
	operator string // current operator key id
	zone     *time.Location
	closed   string // newest closed day, or the day before the genesis
	agencies map[string]Agency
	keys     map[keyName]Key
	owners   map[string]string // public key → agency
}

type keyName struct{ agency, id string }

// New returns the roster before the genesis entry.
func New() *Roster { return &Roster{} }

// Origin returns the ledger's origin, "" before the genesis entry.
func (r *Roster) Origin() string { return r.origin }

// Suite returns the ledger's suite, nil before the genesis entry.
func (r *Roster) Suite() *suite.Suite { return r.suite }

// LogKey returns the verifier key (C2SP note key) of the checkpoints.
func (r *Roster) LogKey() string { return r.logKey }

// OperatorKey returns the id of the operator's present key.
func (r *Roster) OperatorKey() string { return r.operator }

// Zone returns the time zone of the ledger's days.
func (r *Roster) Zone() *time.Location { return r.zone }

// LastClosed returns the newest closed day as 2006-01-02; after the genesis
// entry, the day before it.
func (r *Roster) LastClosed() string { return r.closed }

// Key returns a key of an agency, revoked or not.
func (r *Roster) Key(agency, id string) (Key, bool) {
	k, ok := r.keys[keyName{agency, id}]
	return k, ok
}

// Keys returns all keys of an agency, in the order in which they were added.
func (r *Roster) Keys(agency string) []Key {
	var keys []Key
	for name, k := range r.keys {
		if name.agency == agency {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b Key) int {
		if a.From != b.From {
			return int(int64(a.From) - int64(b.From))
		}
		return strings.Compare(a.ID, b.ID)
	})
	return keys
}

// Agency returns an enrolled agency.
func (r *Roster) Agency(id string) (Agency, bool) {
	a, ok := r.agencies[id]
	return a, ok
}

// Agencies returns all enrolled agencies by id.
func (r *Roster) Agencies() []Agency {
	return slices.SortedFunc(maps.Values(r.agencies), func(a, b Agency) int { return strings.Compare(a.ID, b.ID) })
}

func (r *Roster) clone() *Roster {
	next := *r
	next.agencies = maps.Clone(r.agencies)
	next.keys = maps.Clone(r.keys)
	next.owners = maps.Clone(r.owners)
	return &next
}

// CheckSignature says whether the submission's signature is that of its key.
// It does not depend on the index: a key belongs to one agency for ever, and
// what revocation means is for Judge.
func (r *Roster) CheckSignature(sub *chain.Submission) *Refusal {
	return r.CheckText(sub, sub.SignedText(r.suite, r.origin))
}

// CheckText is CheckSignature for a caller that has the submission's signed
// text already.
func (r *Roster) CheckText(sub *chain.Submission, text []byte) *Refusal {
	k, ok := r.Key(sub.Agency, sub.KeyID)
	if !ok {
		return refuse(0, CodeKeyUnknown, "agency %q has no key %q on the roster: enrol it, or sign with an enrolled key", sub.Agency, sub.KeyID)
	}
	if !r.suite.Verify(k.Public, text, sub.Signature) {
		return refuse(0, CodeSignature, "the signature is not that of key %s for these lines on ledger %s in suite %s", sub.KeyID, r.origin, r.suite.Name())
	}
	return nil
}

// Judge says whether the submission may stand at its place, and returns the
// roster after it: a new one if the operator said it, the same otherwise. The
// signature is not looked at, except that of the genesis entry, which names
// its own key. envelopes are those of sub.EventKeys; lines with equal type,
// jurisdiction and source have the same rights, so one of each will do where
// nobody asks which line was refused.
func (r *Roster) Judge(sub *chain.Submission, envelopes []chain.Envelope, at At) (*Roster, *Refusal) {
	if r.suite == nil {
		return r.begin(sub, at)
	}
	k, ok := r.Key(sub.Agency, sub.KeyID)
	if !ok {
		return nil, refuse(0, CodeKeyUnknown, "agency %q has no key %q on the roster", sub.Agency, sub.KeyID)
	}
	if k.Revoked != nil {
		return nil, refuse(0, CodeKeyRevoked, "key %s of %q was revoked at index %d: sign with another key", sub.KeyID, sub.Agency, *k.Revoked)
	}
	if sub.Agency == chain.Operator {
		return r.system(sub, at)
	}
	agency := r.agencies[sub.Agency]
	for i := range envelopes {
		if refusal := agency.allows(i+1, &envelopes[i]); refusal != nil {
			return nil, refusal
		}
	}
	return r, nil
}

func (a *Agency) allows(line int, e *chain.Envelope) *Refusal {
	covers := func(grants []string, f func(grant, value string) bool, value string) bool {
		return slices.ContainsFunc(grants, func(g string) bool { return f(g, value) })
	}
	switch {
	case IsSystem(e.Type):
		return refuse(line, CodeNotGranted, "type %q is the operator's alone", e.Type)
	case !covers(a.Types, TypeCovers, e.Type):
		return refuse(line, CodeNotGranted, "type %q: agency %q is enrolled for %s", e.Type, a.ID, strings.Join(a.Types, ", "))
	case !covers(a.Jurisdictions, Covers, e.Jurisdiction):
		return refuse(line, CodeNotGranted, "jurisdiction %q: agency %q is enrolled for %s", e.Jurisdiction, a.ID, strings.Join(a.Jurisdictions, ", "))
	case !under(a.Source, e.Source):
		return refuse(line, CodeNotGranted, "source %q: agency %q is enrolled with source %q", e.Source, a.ID, a.Source)
	}
	return nil
}

// under says whether source is the enrolled one or lies below it.
func under(enrolled, source string) bool {
	rest, ok := strings.CutPrefix(source, enrolled)
	return ok && (rest == "" || strings.ContainsAny(enrolled[len(enrolled)-1:], "/:#") || strings.ContainsAny(rest[:1], "/:#"))
}

// TypeCovers says whether an enrolled pattern ("*", "subsidy.*" or a type in
// full) covers an event type.
func TypeCovers(pattern, eventType string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(eventType, prefix)
	}
	return pattern == eventType
}

// Covers says whether an enrolled jurisdiction covers a code: "*" covers all,
// a GB/T 2260 code covers what lies below it (110000 covers 110105 and
// 110105001), an ISO 3166 code its subdivisions (US covers US-GA).
func Covers(granted, code string) bool {
	switch {
	case granted == "*":
		return true
	case code == "" || granted == "":
		return false
	case granted[0] < '0' || granted[0] > '9':
		return granted == code || strings.HasPrefix(code, granted+"-")
	}
	prefix := granted
	for len(prefix) > 6 && strings.HasSuffix(prefix, "000") {
		prefix = prefix[:len(prefix)-3]
	}
	for len(prefix) <= 6 && len(prefix) > 2 && strings.HasSuffix(prefix, "00") {
		prefix = prefix[:len(prefix)-2]
	}
	return strings.HasPrefix(code, prefix)
}
