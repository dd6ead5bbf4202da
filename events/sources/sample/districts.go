package sample

import "civicledger/events/catalogue"

// haidian pays a dead person for two months, notices, ends the subsidy, orders
// the money back and receives a part of it; and it pays the raised standard for
// orphans back once it was decided, which is lawful.
func haidian() [][]byte {
	v := newVoice("haidian-mzj-sample")
	v.received(haidianBureau)
	v.approve(haidianGrants)
	v.payAll(haidianBureau, haidianGrants)
	dead := person("elder-h3")
	v.say("subsidy.terminated.v1", "terminated-elder-h3", "2026-01-06", dead, catalogue.SubsidyTerminated{
		Kind: elderCare, Beneficiary: dead, Effective: "2025-11", Reason: "died", DecidedOn: "2026-01-06", Common: synthetic,
	})
	v.say("recovery.ordered.v1", "recovery-0001", "2026-01-08", dead, catalogue.RecoveryOrdered{
		Order: "recovery-0001", Beneficiary: dead, Fund: careFund, Kind: elderCare, Amount: 120_000, Currency: "CNY",
		DecidedOn: "2026-01-08", Due: "2026-02-08", Reason: "died", Common: synthetic,
	})
	v.say("recovery.received.v1", "recovery-0001-1", "2026-01-20", dead, catalogue.RecoveryReceived{
		Order: "recovery-0001", Fund: careFund, Payer: haidianBureau, Amount: 60_000, Currency: "CNY", Date: "2026-01-20", Common: synthetic,
	})
	for _, g := range haidianGrants {
		for _, month := range paidMonths {
			if g.kind == orphan {
				v.pay(haidianBureau, g, month, "B-"+month+"-"+g.name, "2026-01-25", 400)
			}
		}
	}
	return v.lines
}

// chaoyang pays one person twice for a month, gets one payment back from the
// bank, and registers a relative of its staff.
func chaoyang() [][]byte {
	v := newVoice("chaoyang-mzj-sample")
	v.received(chaoyangBureau)
	v.approve(chaoyangGrants)
	v.say("kin.filed.v1", "kin-0001", "2025-06-18", person("elder-c2"), catalogue.KinFiled{
		Staff: person("staff-c1"), Relative: person("elder-c2"), Relation: "parent", Organisation: chaoyangBureau, Date: "2025-06-18", Common: synthetic,
	})
	v.payAll(chaoyangBureau, chaoyangGrants)
	twice := chaoyangGrants[2]
	v.pay(chaoyangBureau, twice, "2025-11", "P-2025-11-again-"+twice.name, "2025-11-14", twice.yuan)
	v.say("subsidy.returned.v1", "return-0001", "2025-09-15", person("elder-c5"), catalogue.SubsidyReturned{
		Fund: careFund, Payer: chaoyangBureau, Payment: "P-2025-09-elder-c5", Amount: 20_000, Currency: "CNY",
		Date: "2025-09-15", Reason: "bank-returned", Common: synthetic,
	})
	return v.lines
}
