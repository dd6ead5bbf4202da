package credit

import (
	"slices"

	"civicledger/events/ident"
	"civicledger/projections"
)

// Names of the two lists.
const (
	Abnormal = "abnormal" // 活动异常名录
	Serious  = "serious"  // 严重违法失信名单
)

// Organisation is what the ledger knows about one organisation. The newest
// legal date decides where facts differ.
type Organisation struct {
	Organisation   string          `json:"organisation"`       // key: code, or name:… where no code is known
	Code           string          `json:"code,omitzero"`      // 统一社会信用代码 or a foreign register's number
	CodeCheck      string          `json:"codeCheck,omitzero"` // sound, unsound (check character fails) or foreign
	Name           string          `json:"name,omitzero"`
	Names          []string        `json:"names,omitzero"` // all that appeared, sorted
	Jurisdiction   string          `json:"jurisdiction,omitzero"`
	Registration   *Registration   `json:"registration,omitzero"`
	Abnormal       ListStatus      `json:"abnormal"`
	Serious        ListStatus      `json:"serious"`
	Rating         *Rating         `json:"rating,omitzero"`
	Reports        []Report        `json:"reports,omitzero"` // by year
	Inspections    []Inspection    `json:"inspections,omitzero"`
	Rectifications []Rectification `json:"rectifications,omitzero"`
	Penalties      []Penalty       `json:"penalties,omitzero"`
	Announced      []Announcement  `json:"announced,omitzero"` // penalties that are intended, not decided
	Deregistered   *Deregistration `json:"deregistered,omitzero"`
	History        []Fact          `json:"history"`   // by legal date
	LastIndex      uint64          `json:"lastIndex"` // of the newest by legal date

	facts []fact
	odd   []projections.Odd
}

// On returns the status on one of the lists.
func (o *Organisation) On(list string) *ListStatus {
	if list == Serious {
		return &o.Serious
	}
	return &o.Abnormal
}

// Fact is one entry about an organisation.
type Fact struct {
	Index uint64 `json:"index"`
	Type  string `json:"type"`
	Date  string `json:"date"` // legal date
}

// Registration is what the registrar said.
type Registration struct {
	Index             uint64   `json:"index"`
	Kind              string   `json:"kind"`
	Registrar         string   `json:"registrar"`
	RegistrarName     string   `json:"registrarName,omitzero"`
	RegisteredOn      string   `json:"registeredOn"`
	FormerNames       []string `json:"formerNames,omitzero"`
	Charity           *bool    `json:"charity,omitzero"`
	PublicFundraising *bool    `json:"publicFundraising,omitzero"`
	NetAssets         *int64   `json:"netAssets,omitzero"`
	Currency          string   `json:"currency,omitzero"`
}

// ListStatus is where an organisation stands with one list.
type ListStatus struct {
	Listed        bool     `json:"listed"`
	Since         string   `json:"since,omitzero"`     // first day of the present stay
	Restarted     string   `json:"restarted,omitzero"` // day from which the period counts: the newest listing
	Restarts      int      `json:"restarts,omitzero"`  // listings during the stay after the first
	Circumstances []string `json:"circumstances,omitzero"`
	By            string   `json:"by,omitzero"`
	ByName        string   `json:"byName,omitzero"`
	Cause         string   `json:"cause,omitzero"` // of the newest listing
	Index         uint64   `json:"index,omitzero"` // entry of the newest listing
	Stays         []Stay   `json:"stays,omitzero"` // that ended
}

// Stay is a time on a list that is over.
type Stay struct {
	From          string   `json:"from"`
	To            string   `json:"to"`
	Reason        string   `json:"reason"`
	Circumstances []string `json:"circumstances"`
	Index         uint64   `json:"index"` // entry that ended it
}

// Rating is the newest evaluation grade.
type Rating struct {
	Index     uint64 `json:"index"`
	Grade     string `json:"grade"`
	DecidedOn string `json:"decidedOn"`
	ValidTo   string `json:"validTo,omitzero"`
}

// Report is an annual report.
type Report struct {
	Index   uint64 `json:"index"`
	Year    int64  `json:"year"`
	FiledOn string `json:"filedOn"`
}

// Inspection is the conclusion of an inspection.
type Inspection struct {
	Index      uint64 `json:"index"`
	Date       string `json:"date"`
	Conclusion string `json:"conclusion"`
	By         string `json:"by"`
	ByName     string `json:"byName,omitzero"`
}

// Rectification is an order and its acceptance.
type Rectification struct {
	Index      uint64 `json:"index"`
	Order      string `json:"order"`
	By         string `json:"by"`
	ByName     string `json:"byName,omitzero"`
	OrderedOn  string `json:"orderedOn"`
	Due        string `json:"due"`
	Matter     string `json:"matter"`
	AcceptedOn string `json:"acceptedOn,omitzero"`
	Accepted   uint64 `json:"accepted,omitzero"` // entry of the acceptance
}

// Penalty is a decided penalty.
type Penalty struct {
	Index       uint64 `json:"index"`
	Penalty     string `json:"penalty"`
	Kind        string `json:"kind"`
	Fine        *int64 `json:"fine,omitzero"`
	Confiscated *int64 `json:"confiscated,omitzero"`
	Currency    string `json:"currency,omitzero"`
	By          string `json:"by"`
	ByName      string `json:"byName,omitzero"`
	DecidedOn   string `json:"decidedOn"`
	EffectiveOn string `json:"effectiveOn,omitzero"`
	Cause       string `json:"cause"`
}

// Announcement is an intended penalty: nothing follows from it.
type Announcement struct {
	Index       uint64 `json:"index"`
	Penalty     string `json:"penalty"`
	Kind        string `json:"kind"`
	AnnouncedOn string `json:"announcedOn"`
	Cause       string `json:"cause"`
	Decided     bool   `json:"decided"` // a penalty with this number stands
}

// Deregistration is the end of an organisation.
type Deregistration struct {
	Index     uint64        `json:"index"`
	Date      string        `json:"date"`
	Reason    string        `json:"reason,omitzero"`
	Successor *ident.OrgRef `json:"successor,omitzero"`
}

var organisationTable = projections.NewTable("organisations",
	func(o *Organisation) string { return projections.Key(o.Organisation) },
	func(o *Organisation) { o.facts = slices.Clone(o.facts) })

var checkWords = map[ident.CodeCheck]string{
	ident.CodeSound: "sound", ident.CodeUnsound: "unsound", ident.CodeForeign: "foreign", ident.CodeNone: "none",
}
