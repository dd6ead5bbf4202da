package httpapi

import "civicledger/supervision"

type entryInput struct {
	Moment
	Index uint64 `path:"index" doc:"Place on the log, from 0."`
}

type entriesInput struct {
	Turning
	From uint64 `query:"from" doc:"First index."`
}

type subjectInput struct {
	Turning
	Token string `path:"token" maxLength:"60" doc:"st1.<epoch>.<26 base32 characters>: see civicledger token."`
}

func (s *server) entryRoutes() {
	list(s, "log", "/v1/entries", "list-entries", "Entries of the log, ascending",
		func(in *entriesInput) (*page[supervision.Entry], error) { return s.desk.Entries(in.From, in.turn()) })
	ask(s, "log", "/v1/entries/{index}", "get-entry", "One entry: its header, and the event line as it was signed",
		func(in *entryInput) (*one[supervision.Entry], error) { return s.desk.Entry(in.Index) })
	list(s, "log", "/v1/subjects/{token}", "get-subject", "The entries that name a person, household or account token, ascending",
		func(in *subjectInput) (*page[supervision.Mention], error) { return s.desk.Subject(in.Token, in.turn()) })
}
