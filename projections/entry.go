package projections

import (
	"fmt"

	"civicledger/events"
	"civicledger/events/catalogue"
	"civicledger/ledger/chain"
)

// Entry is one entry of the log, read once for all projections. It never
// changes after the batch was read.
type Entry struct {
	chain.Header
	Line []byte // the event line, verbatim

	// Event is nil where the line could not be read as an event.
	Event *events.Event
	// Data points to the catalogue's struct of the event's type, for a type
	// switch. It is nil where there is nothing to apply: the line could not be
	// read, the type is not known, or what the event corrects could not be
	// determined.
	Data any
	// Replaces is the entry whose event this one corrects, nil for most.
	Replaces *Entry

	trouble *Anomaly // why Data is nil, or nil
	void    bool     // a correction that could not be determined
}

// Type is the event's type, "" where the event could not be read.
func (e *Entry) Type() string {
	if e.Event == nil {
		return ""
	}
	return e.Event.Type
}

// Jurisdiction is the event's jurisdiction, "" where there is none.
func (e *Entry) Jurisdiction() string {
	if e.Event == nil {
		return ""
	}
	return e.Event.Jurisdiction
}

// readEntry reads an entry's bytes, which it keeps, as far as it can.
func readEntry(data []byte) (*Entry, error) {
	h, line, err := chain.ParseEntry(data)
	if err != nil {
		return nil, err
	}
	e := &Entry{Header: h, Line: line}
	event, problems := events.Parse(line)
	if len(problems) > 0 {
		e.trouble = &Anomaly{Code: CodeEntryUnreadable, Message: problems.Error()}
		return e, nil
	}
	e.Event = event
	decode, ok := decoders[event.Type]
	if !ok {
		e.trouble = &Anomaly{Code: CodeTypeUnknown, Message: fmt.Sprintf("no type %q in the catalogue of this version", event.Type)}
		return e, nil
	}
	if e.Data, err = decode(event); err != nil {
		e.Data = nil
		e.trouble = &Anomaly{Code: CodeEntryUnreadable, Message: err.Error()}
	}
	return e, nil
}

// as reads the event's data into the struct of its type.
func as[T any](e *events.Event) (any, error) {
	data, err := catalogue.Decode[T](e)
	if err != nil {
		return nil, err
	}
	return &data, nil
}

// decoders has every type of the catalogue.
var decoders = map[string]func(*events.Event) (any, error){
	"fund.opened.v1":                         as[catalogue.FundOpened],
	"budget.allocated.v1":                    as[catalogue.BudgetAllocated],
	"transfer.sent.v1":                       as[catalogue.TransferSent],
	"transfer.received.v1":                   as[catalogue.TransferReceived],
	"subsidy.standard.set.v1":                as[catalogue.SubsidyStandardSet],
	"subsidy.approved.v1":                    as[catalogue.SubsidyApproved],
	"subsidy.terminated.v1":                  as[catalogue.SubsidyTerminated],
	"subsidy.paid.v1":                        as[catalogue.SubsidyPaid],
	"subsidy.cancelled.v1":                   as[catalogue.SubsidyCancelled],
	"subsidy.returned.v1":                    as[catalogue.SubsidyReturned],
	"recovery.ordered.v1":                    as[catalogue.RecoveryOrdered],
	"recovery.received.v1":                   as[catalogue.RecoveryReceived],
	"kin.filed.v1":                           as[catalogue.KinFiled],
	"person.died.v1":                         as[catalogue.PersonDied],
	"charity.campaign.opened.v1":             as[catalogue.CampaignOpened],
	"charity.donation.received.v1":           as[catalogue.DonationReceived],
	"charity.donation.returned.v1":           as[catalogue.DonationReturned],
	"charity.donation.spent.v1":              as[catalogue.DonationSpent],
	"charity.spending.refunded.v1":           as[catalogue.SpendingRefunded],
	"charity.goods.issued.v1":                as[catalogue.GoodsIssued],
	"charity.disclosure.published.v1":        as[catalogue.DisclosurePublished],
	"account.balance.stated.v1":              as[catalogue.BalanceStated],
	"organisation.registered.v1":             as[catalogue.OrganisationRegistered],
	"organisation.annual_report.filed.v1":    as[catalogue.AnnualReportFiled],
	"organisation.inspected.v1":              as[catalogue.OrganisationInspected],
	"organisation.rectification.ordered.v1":  as[catalogue.RectificationOrdered],
	"organisation.rectification.accepted.v1": as[catalogue.RectificationAccepted],
	"organisation.penalty.announced.v1":      as[catalogue.PenaltyAnnounced],
	"organisation.penalised.v1":              as[catalogue.OrganisationPenalised],
	"organisation.listed.v1":                 as[catalogue.OrganisationListed],
	"organisation.delisted.v1":               as[catalogue.OrganisationDelisted],
	"organisation.rated.v1":                  as[catalogue.OrganisationRated],
	"organisation.deregistered.v1":           as[catalogue.OrganisationDeregistered],
	"lottery.draw.settled.v1":                as[catalogue.DrawSettled],
	"lottery.draw.supplemented.v1":           as[catalogue.DrawSupplemented],
	"lottery.welfare_fund.collected.v1":      as[catalogue.WelfareFundCollected],
	"lottery.welfare_fund.allocated.v1":      as[catalogue.WelfareFundAllocated],
	"lottery.welfare_fund.spent.v1":          as[catalogue.WelfareFundSpent],
	"ledger.opened.v1":                       as[catalogue.LedgerOpened],
	"agency.enrolled.v1":                     as[catalogue.AgencyEnrolled],
	"agency.key.added.v1":                    as[catalogue.AgencyKeyAdded],
	"agency.key.revoked.v1":                  as[catalogue.AgencyKeyRevoked],
	"operator.key.rotated.v1":                as[catalogue.OperatorKeyRotated],
	"log.key.rotated.v1":                     as[catalogue.LogKeyRotated],
	"day.closed.v1":                          as[catalogue.DayClosed],
	"log.cut.accepted.v1":                    as[catalogue.LogCutAccepted],
}
