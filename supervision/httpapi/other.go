package httpapi

import "civicledger/supervision"

type anomaliesInput struct {
	Turning
	Code    string `query:"code" maxLength:"100" doc:"Only this code: GET /v1/anomaly-codes lists them."`
	Agency  string `query:"agency" pattern:"^[a-z0-9][a-z0-9-]{0,62}$" patternDescription:"the name of an agency: a-z, 0-9 and -" doc:"Only entries that this agency said."`
	Subject string `query:"subject" maxLength:"256" doc:"Only what concerns this fund, organisation, draw or payment."`
	Open    bool   `query:"open" doc:"Kept for older callers: what was found about an event stands no more once the event is corrected."`
	From    uint64 `query:"from" doc:"Only entries from this index on."`
	Order   string `query:"order" enum:"newest,oldest" default:"newest" doc:"Newest entry first, or oldest."`
}

type agencyInput struct {
	Moment
	Agency string `path:"agency" maxLength:"63"`
}

func (s *server) otherRoutes() {
	list(s, "ledger", "/v1/agencies", "list-agencies", "Who may say what, with which keys, and how much was said",
		func(in *Turning) (*page[supervision.Agency], error) { return s.desk.Agencies(in.turn()) })
	ask(s, "ledger", "/v1/agencies/{agency}", "get-agency", "One agency",
		func(in *agencyInput) (*one[supervision.Agency], error) { return s.desk.Agency(in.Agency) })
	list(s, "anomalies", "/v1/anomalies", "list-anomalies", "What does not fit: leads, never verdicts, with the entry each is about",
		func(in *anomaliesInput) (*page[supervision.Anomaly], error) {
			return s.desk.Anomalies(supervision.AnomalyQuestion{
				Code: in.Code, Agency: in.Agency, Subject: in.Subject,
				From: in.From, Newest: in.Order == "newest", Turn: in.turn(),
			})
		})
	ask(s, "anomalies", "/v1/anomaly-codes", "list-anomaly-codes", "Every code of an anomaly, in words, with how often it stands",
		func(*Moment) (*page[supervision.AnomalyCount], error) { return s.desk.AnomalyCodes() })
	ask(s, "ledger", "/v1/status", "get-status", "How far the log and the tables are",
		func(*Moment) (*one[supervision.Status], error) { return s.desk.Status(s.version) })
}
