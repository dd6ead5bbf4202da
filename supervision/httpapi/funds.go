package httpapi

import "civicledger/supervision"

type fundsInput struct {
	Turning
	Currency string `query:"currency" pattern:"^[A-Z]{3}$" patternDescription:"an ISO 4217 code in capitals" doc:"ISO 4217 code."`
	Text     string `query:"text" maxLength:"200" doc:"Only funds with this in their name, purpose or holder."`
}

type fundInput struct {
	Moment
	FundName
}

// FundName is the path of what is asked about one fund.
type FundName struct {
	Fund string `path:"fund" maxLength:"128" doc:"Name of the fund in events."`
}

type fundAccountsInput struct {
	Turning
	FundName
	Holder string `query:"holder" maxLength:"600" doc:"Only this holder: an organisation key, or outside:…"`
	Inside bool   `query:"inside" doc:"Without the outside accounts."`
}

type fundBudgetsInput struct {
	Turning
	FundName
	Year int64 `query:"year" minimum:"1949" maximum:"2199" doc:"Only this budget year."`
}

type fundSubsidiesInput struct {
	Turning
	FundName
	Kind string `query:"kind" maxLength:"128" doc:"Only this kind of subsidy."`
	From string `query:"from" pattern:"^[0-9]{4}-[0-9]{2}$" patternDescription:"a month such as 2026-07" doc:"First month."`
	To   string `query:"to" pattern:"^[0-9]{4}-[0-9]{2}$" patternDescription:"a month such as 2026-07" doc:"Last month."`
}

type fundTransfersInput struct {
	Turning
	FundName
	State string `query:"state" enum:"sent,received,complete,differs" doc:"sent: in transit; received: nobody said it was sent."`
}

type fundRecoveriesInput struct {
	Turning
	FundName
	Outstanding bool `query:"outstanding" doc:"Only orders with money still to come."`
}

func (s *server) fundRoutes() {
	const tag = "funds"
	list(s, tag, "/v1/funds", "list-funds", "Funds by name",
		func(in *fundsInput) (*page[supervision.Fund], error) {
			return s.desk.Funds(in.Currency, in.Text, in.turn())
		})
	ask(s, tag, "/v1/funds/{fund}", "get-fund", "A fund with its accounts, budgets and subsidies",
		func(in *fundInput) (*one[supervision.FundDetail], error) { return s.desk.Fund(in.Fund) })
	list(s, tag, "/v1/funds/{fund}/accounts", "list-fund-accounts", "Who holds how much of a fund, month by month",
		func(in *fundAccountsInput) (*page[supervision.Account], error) {
			return s.desk.FundAccounts(in.Fund, in.Holder, in.Inside, in.turn())
		})
	list(s, tag, "/v1/funds/{fund}/budgets", "list-fund-budgets", "What holders may spend from a fund, by year",
		func(in *fundBudgetsInput) (*page[supervision.Budget], error) {
			return s.desk.FundBudgets(in.Fund, in.Year, in.turn())
		})
	list(s, tag, "/v1/funds/{fund}/subsidies", "list-fund-subsidies", "What was paid from a fund, by kind, month and jurisdiction",
		func(in *fundSubsidiesInput) (*page[supervision.Subsidy], error) {
			return s.desk.FundSubsidies(in.Fund, in.Kind, in.From, in.To, in.turn())
		})
	list(s, tag, "/v1/funds/{fund}/transfers", "list-fund-transfers", "What sender and receiver said about each transfer of a fund",
		func(in *fundTransfersInput) (*page[supervision.Transfer], error) {
			return s.desk.FundTransfers(in.Fund, in.State, in.turn())
		})
	list(s, tag, "/v1/funds/{fund}/recoveries", "list-fund-recoveries", "Orders to pay back to a fund, and what came",
		func(in *fundRecoveriesInput) (*page[supervision.Recovery], error) {
			return s.desk.FundRecoveries(in.Fund, in.Outstanding, in.turn())
		})
}
