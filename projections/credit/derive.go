package credit

import (
	"cmp"
	"slices"
	"strings"

	"civicledger/events/catalogue"
	"civicledger/events/ident"
	"civicledger/projections"
)

// derive is everything that follows from the facts about an organisation: a
// function of them alone, in their order.
func derive(key string, facts []fact) *Organisation {
	o := &Organisation{Organisation: key, facts: facts}
	if !strings.HasPrefix(key, "name:") {
		o.Code, o.CodeCheck = key, checkWords[ident.CheckCode(key)]
	}
	for _, f := range facts {
		o.History = append(o.History, Fact{f.Index, f.By.Type, f.Date})
		o.LastIndex = f.Index
		if f.name != "" && !slices.Contains(o.Names, f.name) {
			o.Names = append(o.Names, f.name)
		}
		o.Jurisdiction = cmp.Or(o.Jurisdiction, f.By.Jurisdiction)
		if f.name != "" && o.Registration == nil {
			o.Name = f.name
		}
		o.add(f)
	}
	slices.Sort(o.Names)
	slices.SortStableFunc(o.Reports, func(a, b Report) int { return cmp.Compare(a.Year, b.Year) })
	for i := range o.Announced {
		a := &o.Announced[i]
		a.Decided = slices.ContainsFunc(o.Penalties, func(p Penalty) bool { return p.Penalty == a.Penalty })
	}
	return o
}

// add takes the next fact by legal date.
func (o *Organisation) add(f fact) {
	switch d := f.data.(type) {
	case *catalogue.OrganisationRegistered:
		o.register(f, d)
	case *catalogue.AnnualReportFiled:
		o.Reports = append(o.Reports, Report{f.Index, d.Year, d.FiledOn})
	case *catalogue.OrganisationInspected:
		o.Inspections = append(o.Inspections, Inspection{f.Index, d.Date, d.Conclusion, d.By.Key(), d.By.Name})
	case *catalogue.RectificationOrdered:
		o.order(f, d)
	case *catalogue.RectificationAccepted:
		o.accept(f, d)
	case *catalogue.PenaltyAnnounced:
		o.Announced = append(o.Announced, Announcement{Index: f.Index, Penalty: d.Penalty, Kind: d.Kind, AnnouncedOn: d.AnnouncedOn, Cause: d.Cause})
	case *catalogue.OrganisationPenalised:
		o.Penalties = append(o.Penalties, Penalty{
			f.Index, d.Penalty, d.Kind, d.Fine, d.Confiscated, d.Currency, d.By.Key(), d.By.Name, d.DecidedOn, d.EffectiveOn, d.Cause,
		})
	case *catalogue.OrganisationListed:
		o.On(d.List).list(f, d)
	case *catalogue.OrganisationDelisted:
		o.delist(f, d)
	case *catalogue.OrganisationRated:
		o.Rating = &Rating{f.Index, d.Grade, d.DecidedOn, d.ValidTo}
	case *catalogue.OrganisationDeregistered:
		o.Deregistered = &Deregistration{f.Index, d.Date, d.Reason, d.Successor}
	}
}

func (o *Organisation) register(f fact, d *catalogue.OrganisationRegistered) {
	o.Registration = &Registration{
		Index: f.Index, Kind: d.Kind, Registrar: d.Registrar.Key(), RegistrarName: d.Registrar.Name,
		RegisteredOn: d.RegisteredOn, FormerNames: d.FormerNames, Charity: d.Charity,
		PublicFundraising: d.PublicFundraising, NetAssets: d.NetAssets, Currency: d.Currency,
	}
	if f.name != "" {
		o.Name = f.name
	}
	if f.By.Jurisdiction != "" {
		o.Jurisdiction = f.By.Jurisdiction
	}
}

func (o *Organisation) order(f fact, d *catalogue.RectificationOrdered) {
	if o.ordered(d.Order) >= 0 {
		o.oddity(f, CodeOrderTwice, "an order with this number stands already", d.Order)
	}
	o.Rectifications = append(o.Rectifications, Rectification{
		Index: f.Index, Order: d.Order, By: d.By.Key(), ByName: d.By.Name, OrderedOn: d.OrderedOn, Due: d.Due, Matter: d.Matter,
	})
}

func (o *Organisation) ordered(number string) int {
	return slices.IndexFunc(o.Rectifications, func(r Rectification) bool { return r.Order == number })
}

func (o *Organisation) accept(f fact, d *catalogue.RectificationAccepted) {
	i := o.ordered(d.Order)
	if i < 0 {
		o.oddity(f, CodeAcceptedNoOrder, "no order with this number was given before this date", d.Order)
		return
	}
	o.Rectifications[i].AcceptedOn, o.Rectifications[i].Accepted = d.AcceptedOn, f.Index
}

// list begins a stay, or begins its period again (Order 60 art 13, 16).
func (s *ListStatus) list(f fact, d *catalogue.OrganisationListed) {
	if s.Listed {
		s.Restarts++
	} else {
		s.Listed, s.Since, s.Restarts, s.Circumstances = true, f.Date, 0, nil
	}
	if !slices.Contains(s.Circumstances, d.Circumstance) {
		s.Circumstances = append(s.Circumstances, d.Circumstance)
	}
	s.Restarted, s.By, s.ByName, s.Cause, s.Index = f.Date, d.By.Key(), d.By.Name, d.Cause, f.Index
}

func (o *Organisation) delist(f fact, d *catalogue.OrganisationDelisted) {
	s := o.On(d.List)
	if !s.Listed {
		o.oddity(f, CodeDelistedNotListed, "no listing before this date is known", d.List)
		return
	}
	stays := append(s.Stays, Stay{s.Since, f.Date, d.Reason, s.Circumstances, f.Index})
	*s = ListStatus{Stays: stays}
}

func (o *Organisation) oddity(f fact, code, message, subject string) {
	a := projections.Anomaly{Code: code, Subjects: []string{o.Organisation, subject}, Message: message}
	o.odd = append(o.odd, projections.Odd{Ref: f.Ref, Anomaly: a})
}
