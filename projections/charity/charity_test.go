package charity_test

import (
	"slices"
	"testing"

	"civicledger/events/catalogue"
	"civicledger/events/ident"
	"civicledger/projections"
	"civicledger/projections/charity"
	"civicledger/projections/projectionstest"
)

const code = "12100000401359321Q"

var byName, byCode = ident.OrgRef{Name: "慈善会"}, ident.OrgRef{Code: code}

func fresh() projections.Projection { return charity.New() }

func registered(id, on, where string) projectionstest.Said {
	return projectionstest.Said{ID: id, Type: "organisation.registered.v1", Jurisdiction: where, Data: &catalogue.OrganisationRegistered{
		Organisation: ident.OrgRef{Code: code, Name: "慈善会"}, Kind: "foundation", Registrar: ident.OrgRef{Name: "民政局"}, RegisteredOn: on,
	}}
}

func gift(id string, to ident.OrgRef, on string, amount int64) projectionstest.Said {
	return projectionstest.Said{ID: id, Type: "charity.donation.received.v1", Data: &catalogue.DonationReceived{
		Donation: id, Organisation: to, Campaign: "c", Donor: catalogue.Donor{Kind: "anonymous"}, Amount: &amount, Currency: "CNY", Date: on,
	}}
}

func received(v *projections.View, key string) int64 {
	o := charity.From(v).Organisation(key)
	if o == nil || len(o.Money) == 0 {
		return 0
	}
	return o.Money[0].Received
}

func codes(v *projections.View, index uint64) (list []string) {
	for _, a := range v.AnomaliesOf(index) {
		list = append(list, a.Code)
	}
	return list
}

// A name is joined from the day of the registration, whenever that is said,
// and what was disclosed is held against all that is joined.
func TestCharity_NameJoinsByDate(t *testing.T) {
	all := int64(600)
	projectionstest.EveryOrder(t, []projectionstest.Said{
		gift("before", byName, "2025-12-31", 1), gift("name", byName, "2026-02-01", 200), gift("code", byCode, "2026-02-01", 400),
		registered("r", "2026-01-01", "110000"),
		{ID: "d", Type: "charity.disclosure.published.v1", Data: &catalogue.DisclosurePublished{
			Organisation: byCode, Kind: "other", From: "2026-02-01", To: "2026-02-28", PublishedOn: "2026-03-01", Currency: "CNY", Received: &all,
		}},
	}, fresh, func(v *projections.View, places map[string]uint64) {
		if joined, alone := received(v, code), received(v, byName.Key()); joined != 600 || alone != 1 {
			t.Errorf("%d under the code and %d under the name, want 600 and 1", joined, alone)
		}
		if found := codes(v, places["d"]); found != nil {
			t.Errorf("an honest disclosure: %v", found)
		}
	})
}

func TestCharity_NameStaysOne(t *testing.T) {
	other := registered("other", "2026-01-01", "110000")
	d := *other.Data.(*catalogue.OrganisationRegistered)
	d.Organisation.Code = "91350100M000100Y43"
	other.Data = &d
	for fault, words := range map[string][]projectionstest.Said{
		"two codes":              {registered("r", "2025-01-01", "110000"), other},
		"elsewhere":              {registered("r", "2025-01-01", "440100")},
		"registered later":       {registered("r", "2026-03-01", "110105")},
		"registered by somebody": nil,
	} {
		projectionstest.EveryOrder(t, append(words, gift("g", byName, "2026-02-01", 5)), fresh, func(v *projections.View, _ map[string]uint64) {
			if got := received(v, byName.Key()); got != 5 {
				t.Errorf("%s: %d under the name, want 5", fault, got)
			}
		})
	}
}

// The lead that nobody opened a campaign is about its first entry by legal date.
func TestCharity_CampaignOpenedLateAndTwice(t *testing.T) {
	opened := func(id, from string) projectionstest.Said {
		return projectionstest.Said{ID: id, Type: "charity.campaign.opened.v1", Data: &catalogue.CampaignOpened{
			Campaign: "c", Organisation: byName, Name: id, From: from, Currency: "CNY",
		}}
	}
	gifts := []projectionstest.Said{gift("late", byName, "2026-02-02", 5), gift("first", byName, "2026-02-01", 7)}
	projectionstest.EveryOrder(t, slices.Clone(gifts), fresh, func(v *projections.View, places map[string]uint64) {
		if a, b := codes(v, places["first"]), codes(v, places["late"]); !slices.Equal(a, []string{charity.CodeCampaignUnknown}) || b != nil {
			t.Errorf("first %v, late %v: want the lead on the first by legal date", a, b)
		}
	})
	projectionstest.EveryOrder(t, append(gifts, opened("a", "2026-01-02"), opened("b", "2026-01-01")), fresh, func(v *projections.View, places map[string]uint64) {
		c := charity.From(v).Campaign(byName.Key(), "c")
		if c.Name != "b" || *c.Opened != places["b"] || c.Money[0].Received != 12 || c.Entries != 4 {
			t.Errorf("campaign %+v, want the opening with the earlier date", c)
		}
		if a, g := codes(v, places["a"]), codes(v, places["first"]); !slices.Equal(a, []string{charity.CodeCampaignTwice}) || g != nil {
			t.Errorf("second opening %v, first gift %v", a, g)
		}
	})
}

// A corrected gift leaves nothing behind.
func TestCharity_CorrectionLeavesNothing(t *testing.T) {
	log := projectionstest.NewLog(t)
	say := func(w projectionstest.Said, corrects string) {
		log.Say("office", projectionstest.Line(t, "office", w.Type, w.ID, corrects, w.Data))
	}
	say(gift("a", byName, "2026-02-01", 5), "")
	say(gift("b", ident.OrgRef{Name: "另一个"}, "2026-02-01", 6), "a")
	for _, batch := range []int{1, 100} {
		v := projectionstest.Fold(t, log, batch, charity.New())
		days, err := charity.From(v).Days(byName.Key(), "", "CNY", projections.Page{})
		if o := charity.From(v).Organisation(byName.Key()); o != nil || err != nil || len(days.Items) != 0 || received(v, "name:另一个") != 6 {
			t.Errorf("batches of %d: %+v and %d days are left, %v", batch, o, len(days.Items), err)
		}
	}
}

// A returned gift and refunded spending are shown beside what was received and
// spent, also when they come first.
func TestCharity_ReturnedAndRefunded(t *testing.T) {
	half, spent := int64(40), catalogue.DonationSpent{
		Spending: "s", Organisation: byName, Purpose: "synthetic", Amount: 30, Currency: "CNY", Date: "2026-02-02",
	}
	refunded := catalogue.SpendingRefunded(spent)
	refunded.Amount = 10
	projectionstest.EveryOrder(t, []projectionstest.Said{
		gift("g", byName, "2026-02-01", 100),
		{ID: "r", Type: "charity.donation.returned.v1", Data: &catalogue.DonationReturned{
			Donation: "g", Organisation: byName, Donor: catalogue.Donor{Kind: "anonymous"}, Amount: &half, Currency: "CNY", Date: "2026-02-03",
		}},
		{ID: "s", Type: "charity.donation.spent.v1", Data: &spent}, {ID: "f", Type: "charity.spending.refunded.v1", Data: &refunded},
	}, fresh, func(v *projections.View, _ map[string]uint64) {
		m := charity.From(v).Organisation(byName.Key()).Money[0]
		if m.Received != 100 || m.Back.Returned.Sum != 40 || m.Spent != 30 || m.Back.Refunded.Sum != 10 {
			t.Errorf("money %+v", m)
		}
	})
}
