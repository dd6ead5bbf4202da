package credit_test

import (
	"testing"

	"civicledger/events/catalogue"
	"civicledger/events/ident"
	"civicledger/projections"
	"civicledger/projections/credit"
	"civicledger/projections/projectionstest"
)

const code = "12100000401359321Q"

var org, bureau = ident.OrgRef{Name: "协会"}, ident.OrgRef{Name: "民政局"}

func fresh() projections.Projection { return credit.New() }

func listed(id, on string) projectionstest.Said {
	return projectionstest.Said{ID: id, Type: "organisation.listed.v1", Data: &catalogue.OrganisationListed{
		List: "serious", Circumstance: "B4", Organisation: org, By: bureau, DecidedOn: on, Cause: id,
	}}
}

func delisted(id, on string) projectionstest.Said {
	return projectionstest.Said{ID: id, Type: "organisation.delisted.v1", Data: &catalogue.OrganisationDelisted{
		List: "serious", Organisation: org, By: bureau, DecidedOn: on, Reason: "other",
	}}
}

// Who was put on a list and taken off it on one day is off it.
func TestCredit_OnAndOffOnOneDay(t *testing.T) {
	projectionstest.EveryOrder(t, []projectionstest.Said{delisted("off", "2026-01-12"), listed("on", "2026-01-12")}, fresh,
		func(v *projections.View, places map[string]uint64) {
			o := credit.From(v).Organisation("协会")
			if o == nil || o.Serious.Listed || len(o.Serious.Stays) != 1 || o.Serious.Stays[0].Index != places["off"] {
				t.Fatalf("organisation %+v, want one stay that is over", o)
			}
			if found := v.AnomaliesOf(places["off"]); len(found) != 0 {
				t.Errorf("found %v", found)
			}
		})
}

// Dates decide, not arrival: listed, off, listed again, registered last.
func TestCredit_StaysByLegalDate(t *testing.T) {
	projectionstest.EveryOrder(t, []projectionstest.Said{
		listed("a", "2026-01-01"), delisted("b", "2026-02-01"), listed("c", "2026-03-01"), listed("d", "2026-04-01"),
		{ID: "r", Type: "organisation.registered.v1", Data: &catalogue.OrganisationRegistered{
			Organisation: ident.OrgRef{Code: code, Name: "协会"}, Kind: "social-group", Registrar: bureau, RegisteredOn: "2026-01-15",
		}},
	}, fresh, func(v *projections.View, places map[string]uint64) {
		o, before := credit.From(v).Organisation(code), credit.From(v).Organisation("name:协会")
		if o == nil || before == nil || !before.Serious.Listed || before.History[0].Index != places["a"] {
			t.Fatalf("by code %+v, before the registration %+v", o, before)
		}
		if s := o.Serious; !s.Listed || s.Since != "2026-03-01" || s.Restarts != 1 || s.Cause != "d" || o.LastIndex != places["d"] {
			t.Errorf("status %+v, newest entry %d", s, o.LastIndex)
		}
		if found := v.AnomaliesOf(places["b"]); len(found) != 1 || found[0].Code != credit.CodeDelistedNotListed {
			t.Errorf("taken off under the code, listed under the name before it was registered: %v", found)
		}
		if credit.From(v).Organisation("协会") != o {
			t.Error("the name does not lead to the one code that registered it")
		}
	})
}

func TestCredit_OrderTwiceAndAcceptedFirst(t *testing.T) {
	ordered := func(id, on string) projectionstest.Said {
		return projectionstest.Said{ID: id, Type: "organisation.rectification.ordered.v1", Data: &catalogue.RectificationOrdered{
			Order: "o1", Organisation: org, By: bureau, OrderedOn: on, Due: "2026-06-01", Matter: id,
		}}
	}
	projectionstest.EveryOrder(t, []projectionstest.Said{
		ordered("one", "2026-01-01"), ordered("two", "2026-01-02"),
		{ID: "done", Type: "organisation.rectification.accepted.v1", Data: &catalogue.RectificationAccepted{Order: "o1", Organisation: org, By: bureau, AcceptedOn: "2026-01-01"}},
	}, fresh, func(v *projections.View, places map[string]uint64) {
		o := credit.From(v).Organisation("协会")
		if len(o.Rectifications) != 2 || o.Rectifications[0].Matter != "one" || o.Rectifications[0].Accepted != places["done"] {
			t.Errorf("rectifications %+v", o.Rectifications)
		}
		if found := v.AnomaliesOf(places["two"]); len(found) != 1 || found[0].Code != credit.CodeOrderTwice {
			t.Errorf("found %v on the later order", found)
		}
	})
}
