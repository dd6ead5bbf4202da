package supervision

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"civicledger/events/ident"
	"civicledger/projections"
	"civicledger/projections/charity"
	"civicledger/projections/credit"
)

// Listing is how an organisation stands with one list.
type Listing struct {
	List          string         `json:"list" enum:"abnormal,serious"`
	Title         Title          `json:"title" doc:"Name of the list."`
	Since         string         `json:"since" format:"date" doc:"First day of the present stay."`
	Restarted     string         `json:"restarted,omitzero" format:"date" doc:"Day from which the period counts: the newest listing."`
	Circumstances []Circumstance `json:"circumstances" doc:"Why, by the articles of Order 60 (2018)."`
	By            Party          `json:"by" doc:"Authority that listed it."`
	Cause         string         `json:"cause" doc:"As published with the newest listing."`
	Index         uint64         `json:"index" doc:"The entry of the newest listing."`
}

// Circumstance is a reason to be on a list.
type Circumstance struct {
	Code  string `json:"code" example:"A3"`
	Basis string `json:"basis,omitzero" doc:"Article of Order 60 (2018)." example:"Order 60 (2018) art 11(3)"`
	Title Title  `json:"title"`
}

// Stay is a time on a list that is over.
type Stay struct {
	List          string         `json:"list" enum:"abnormal,serious"`
	From          string         `json:"from" format:"date"`
	To            string         `json:"to" format:"date"`
	Reason        string         `json:"reason" doc:"Why it ended."`
	Circumstances []Circumstance `json:"circumstances"`
	Index         uint64         `json:"index" doc:"The entry that ended it."`
}

// Organisation is one line about an organisation.
type Organisation struct {
	Key          string    `json:"key" doc:"Its code, or name: and its normalised name: GET /v1/organisations/{key}."`
	Code         string    `json:"code,omitzero" doc:"统一社会信用代码, or a foreign register's number."`
	CodeCheck    string    `json:"codeCheck,omitzero" doc:"sound; unsound: its check character fails, as genuine early codes do; foreign; none."`
	Name         string    `json:"name,omitzero"`
	Jurisdiction string    `json:"jurisdiction,omitzero"`
	Kind         string    `json:"kind,omitzero" doc:"Of registration: social-group, social-service, foundation, other."`
	Listed       []Listing `json:"listed" doc:"Lists it is on now."`
	Penalties    int       `json:"penalties" doc:"Decided penalties on the ledger."`
	Grade        string    `json:"grade,omitzero" doc:"Newest evaluation grade."`
	Deregistered string    `json:"deregistered,omitzero" format:"date"`
	LastIndex    uint64    `json:"lastIndex" doc:"The newest entry about it, by legal date."`
	NotJoined    string    `json:"notJoined,omitzero" doc:"Why these entries stand under a name and not under a code, and what would join them."`
}

// OrganisationDetail is an organisation with its credit history.
type OrganisationDetail struct {
	Organisation
	Keys           []string               `json:"keys" doc:"The key it is filed under, and names joined to it."`
	Names          []string               `json:"names" doc:"All names that appeared."`
	Registration   *Registration          `json:"registration,omitzero"`
	Stays          []Stay                 `json:"stays" doc:"Times on a list that are over."`
	Rating         *credit.Rating         `json:"rating,omitzero"`
	Reports        []credit.Report        `json:"reports" doc:"Annual reports."`
	Inspections    []credit.Inspection    `json:"inspections"`
	Rectifications []credit.Rectification `json:"rectifications"`
	Decided        []Penalty              `json:"decided" doc:"Penalties that are decided."`
	Announced      []credit.Announcement  `json:"announced" doc:"Penalties that are intended: nothing follows from them yet."`
	Deregistration *credit.Deregistration `json:"deregistration,omitzero"`
	History        []Fact                 `json:"history" doc:"Every entry about it, by legal date. The newest 1,000."`
	Donations      string                 `json:"donations,omitzero" doc:"Path of its donations, where there are any."`
}

// Registration is what the registrar said.
type Registration struct {
	Index             uint64   `json:"index"`
	Kind              string   `json:"kind"`
	Registrar         Party    `json:"registrar"`
	RegisteredOn      string   `json:"registeredOn" format:"date"`
	FormerNames       []string `json:"formerNames,omitzero"`
	Charity           *bool    `json:"charity,omitzero"`
	PublicFundraising *bool    `json:"publicFundraising,omitzero"`
	NetAssets         *Money   `json:"netAssets,omitzero"`
}

// Penalty is a decided penalty.
type Penalty struct {
	Index       uint64 `json:"index" doc:"The entry that says so."`
	Penalty     string `json:"penalty" doc:"Number of the decision."`
	Kind        string `json:"kind"`
	Fine        *Money `json:"fine,omitzero"`
	Confiscated *Money `json:"confiscated,omitzero"`
	By          Party  `json:"by"`
	DecidedOn   string `json:"decidedOn" format:"date"`
	EffectiveOn string `json:"effectiveOn,omitzero" format:"date"`
	Cause       string `json:"cause"`
}

// Fact is one entry about an organisation.
type Fact struct {
	Index uint64 `json:"index"`
	Type  string `json:"type"`
	Title *Title `json:"title,omitzero"`
	Date  string `json:"date" doc:"Its legal date."`
}

// OrganisationQuestion narrows a list of organisations; zero fields accept all.
type OrganisationQuestion struct {
	Text         string // part of a name
	List         string // on it now
	Kind         string
	Penalised    bool
	Deregistered *bool
	Turn
}

// Organisations lists organisations by key.
func (d *Desk) Organisations(q OrganisationQuestion) (*Page[Organisation], error) {
	v := d.tables.View()
	filter := credit.Filter{Name: q.Text, List: q.List, Kind: q.Kind, Penalised: q.Penalised, Deregistered: q.Deregistered}
	rows, err := credit.From(v).Organisations(filter, q.page())
	return pageOf(d.asOf(v), rows, err, func(o *credit.Organisation) Organisation { return organisation(v, o) })
}

// Organisation returns an organisation by its code, its key, or a name it has
// or had.
func (d *Desk) Organisation(key string) (*Answer[OrganisationDetail], error) {
	v := d.tables.View()
	row := credit.From(v).Organisation(key)
	if row == nil {
		return nil, d.asOf(v).missing(&NotFound{What: "organisation", Key: key, Cure: "ask by code, by name:… or by full name; GET /v1/organisations?text=… searches names"})
	}
	detail := organisationDetail(v, row)
	detail.Keys = joined(v, row.Organisation)
	if charity.From(v).Organisation(row.Organisation) != nil {
		detail.Donations = "/v1/donations/" + url.PathEscape(row.Organisation)
	}
	return &Answer[OrganisationDetail]{AsOf: d.asOf(v), Item: detail}, nil
}

// List is one of the two lists of Order 60 (2018).
type List struct {
	List    string `json:"list" enum:"abnormal,serious"`
	Title   Title  `json:"title"`
	Basis   string `json:"basis"`
	Members int    `json:"members" doc:"Organisations on it now."`
}

// Member is an organisation on a list.
type Member struct {
	Organisation Party  `json:"organisation"`
	Code         string `json:"code,omitzero"`
	Jurisdiction string `json:"jurisdiction,omitzero"`
	Listing
}

// Lists returns both lists and how many are on them.
func (d *Desk) Lists() (*Page[List], error) {
	v := d.tables.View()
	page := &Page[List]{AsOf: d.asOf(v), Items: []List{
		{List: credit.Abnormal, Title: listTitles[credit.Abnormal], Basis: "Order 60 (2018) art 11 to 14"},
		{List: credit.Serious, Title: listTitles[credit.Serious], Basis: "Order 60 (2018) art 15 to 17"},
	}}
	for i := range page.Items {
		after := projections.Page{Limit: projections.MaxLimit}
		for {
			rows, err := credit.From(v).On(page.Items[i].List, nil, after)
			if err != nil {
				return nil, err
			}
			page.Items[i].Members += len(rows.Items)
			if after.After = rows.Next; rows.Next == "" {
				break
			}
		}
	}
	return page, page.AsOf.whole() // a count that may be short is none
}

// On lists who is on a list now, by key.
func (d *Desk) On(list string, turn Turn) (*Page[Member], error) {
	if _, known := listTitles[list]; !known {
		return nil, &NotFound{What: "list", Key: list, Cure: "there are abnormal (活动异常名录) and serious (严重违法失信名单)"}
	}
	v := d.tables.View()
	rows, err := credit.From(v).On(list, nil, turn.page())
	return pageOf(d.asOf(v), rows, err, func(o *credit.Organisation) Member {
		return Member{
			Organisation: Party{o.Organisation, o.Name}, Code: o.Code, Jurisdiction: o.Jurisdiction,
			Listing: listing(list, o.On(list)),
		}
	})
}

// joined is the key of an organisation and the names that are joined to it.
func joined(v *projections.View, key string) []string {
	keys := []string{key}
	row := credit.From(v).Organisation(key)
	if row == nil || row.Organisation != key || row.Registration == nil {
		return keys
	}
	for _, name := range slices.Concat(row.Names, row.Registration.FormerNames) {
		n := v.Name(ident.NameKey(name))
		if n != nil && !slices.Contains(keys, n.Name) && slices.ContainsFunc(n.Codes, func(r projections.Registered) bool { return r.Code == key }) {
			keys = append(keys, n.Name)
		}
	}
	return keys
}

// notJoined says why something stands under a name, and what would join it;
// nothing where it stands under a code.
func notJoined(v *projections.View, key string) string {
	if !strings.HasPrefix(key, "name:") {
		return ""
	}
	n := v.Name(key)
	if n == nil {
		return "nobody registered this name: an organisation.registered with name and code joins it from its legal date, in its jurisdiction"
	}
	text := "registered"
	for _, r := range n.Codes {
		text += fmt.Sprintf(" for %s from %s in %s,", r.Code, r.From, r.Jurisdiction)
	}
	return text + " but no one code fits the day and the jurisdiction of these entries: a correction that gives the code joins them"
}
