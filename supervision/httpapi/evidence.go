package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// evidence is an answer that stands for itself: bytes to keep, not JSON.
type evidence struct {
	ContentType string `header:"Content-Type" hidden:"true"`
	Body        []byte
}

// evidenceRoutes give what somebody keeps to show to others: see civicverify
// proof.
func (s *server) evidenceRoutes() {
	s.evidence("/v1/entries/{index}/proof", "get-entry-proof", "text/plain",
		"Proof that the entry is on the log (C2SP tlog-proof): with the entry's bytes and the ledger's key it holds offline",
		s.desk.Proof)
	s.evidence("/v1/entries/{index}/raw", "get-entry-raw", "application/octet-stream",
		"The bytes of the entry as they are hashed: header line, LF, event line, no LF at the end",
		s.desk.Raw)
}

// evidence adds a route that answers with bytes.
func (s *server) evidence(path, id, contentType, sentence string, reply func(index uint64) ([]byte, error)) {
	op := huma.Operation{
		OperationID: id, Method: http.MethodGet, Path: path, Summary: sentence, Tags: []string{"log"},
		Errors: []int{http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusServiceUnavailable, http.StatusGatewayTimeout},
		Responses: map[string]*huma.Response{"200": {Content: map[string]*huma.MediaType{
			contentType: {Schema: &huma.Schema{Type: huma.TypeString}},
		}}},
	}
	huma.Register(s.api, op, func(ctx context.Context, in *entryInput) (*evidence, error) {
		if in.Min > 0 {
			if err := s.desk.Await(ctx, in.Min, s.wait); err != nil {
				return nil, s.problem(ctx, path, err)
			}
		}
		body, err := reply(in.Index)
		if err != nil {
			return nil, s.problem(ctx, path, err)
		}
		if contentType == "text/plain" {
			return &evidence{contentType + "; charset=utf-8", body}, nil
		}
		return &evidence{contentType, body}, nil
	})
}
