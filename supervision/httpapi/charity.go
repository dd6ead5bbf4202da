package httpapi

import "civicledger/supervision"

type donationsInput struct {
	Turning
	Organisation string `query:"organisation" maxLength:"600" doc:"Code, key or whole name of one organisation, or a part of names."`
	Currency     string `query:"currency" pattern:"^[A-Z]{3}$" patternDescription:"an ISO 4217 code in capitals" doc:"Only with money in this currency."`
}

// CharityName is the path of what is asked about one charity.
type CharityName struct {
	Organisation string `path:"organisation" maxLength:"600" doc:"Code, name:… as answers give it, or a full name."`
}

type donationsOfInput struct {
	Moment
	CharityName
}

type donationListInput struct {
	Turning
	CharityName
}

type donationDaysInput struct {
	Turning
	CharityName
	Campaign string `query:"campaign" maxLength:"128" doc:"Only this campaign."`
	Currency string `query:"currency" pattern:"^[A-Z]{3}$" patternDescription:"an ISO 4217 code in capitals" doc:"Days are of one currency; absent: the organisation's first."`
}

type donationGoodsInput struct {
	Turning
	CharityName
	Campaign string `query:"campaign" maxLength:"128" doc:"Only this campaign."`
}

type disclosuresInput struct {
	Turning
	CharityName
	Differs bool `query:"differs" doc:"Only those that differ from what the entries say."`
}

func (s *server) charityRoutes() {
	const tag = "donations"
	list(s, tag, "/v1/donations", "list-donations", "Charities with what each received, spent and handed out",
		func(in *donationsInput) (*page[supervision.Donations], error) {
			return s.desk.Donations(in.Organisation, in.Currency, in.turn())
		})
	ask(s, tag, "/v1/donations/{organisation}", "get-donations", "One organisation's donations, by currency, channel and campaign",
		func(in *donationsOfInput) (*one[supervision.DonationsDetail], error) {
			return s.desk.DonationsOf(in.Organisation)
		})
	list(s, tag, "/v1/donations/{organisation}/days", "list-donation-days", "Money received and spent, day by day",
		func(in *donationDaysInput) (*page[supervision.DonationDay], error) {
			return s.desk.DonationDays(in.Organisation, in.Campaign, in.Currency, in.turn())
		})
	list(s, tag, "/v1/donations/{organisation}/campaigns", "list-donation-campaigns", "Campaigns of an organisation",
		func(in *donationListInput) (*page[supervision.Campaign], error) {
			return s.desk.DonationCampaigns(in.Organisation, in.turn())
		})
	list(s, tag, "/v1/donations/{organisation}/goods", "list-donation-goods", "Goods received and issued, item by item",
		func(in *donationGoodsInput) (*page[supervision.GoodsItem], error) {
			return s.desk.DonationGoods(in.Organisation, in.Campaign, in.turn())
		})
	list(s, tag, "/v1/donations/{organisation}/donors", "list-donation-donors", "Organisations that gave",
		func(in *donationListInput) (*page[supervision.Donor], error) {
			return s.desk.DonationDonors(in.Organisation, in.turn())
		})
	list(s, tag, "/v1/donations/{organisation}/disclosures", "list-donation-disclosures", "What an organisation told the public, beside what the entries say",
		func(in *disclosuresInput) (*page[supervision.Disclosure], error) {
			return s.desk.DonationDisclosures(in.Organisation, in.Differs, in.turn())
		})
}
