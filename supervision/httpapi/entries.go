package httpapi

import (
	"context"

	"civicledger/supervision"
)

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
	ask(s, "log", "/v1/entries", "list-entries", "Entries of the log, ascending",
		func(_ context.Context, in *entriesInput) (*supervision.Page[supervision.Entry], error) {
			page, err := s.desk.Entries(in.From, in.turn())
			return paged(&in.Turning, page, err)
		})
	ask(s, "log", "/v1/entries/{index}", "get-entry", "One entry: its header, and the event line as it was signed",
		func(_ context.Context, in *entryInput) (*supervision.Answer[supervision.Entry], error) {
			return s.desk.Entry(in.Index)
		})
	ask(s, "log", "/v1/subjects/{token}", "get-subject", "The entries that name a person, household or account token, ascending",
		func(_ context.Context, in *subjectInput) (*supervision.Page[supervision.Mention], error) {
			page, err := s.desk.Subject(in.Token, in.turn())
			return paged(&in.Turning, page, err)
		})
}
