package httpapi

import "github.com/danielgtaylor/huma/v2"

// evidence is an answer that stands for itself: bytes to keep, not JSON.
type evidence struct {
	ContentType string `header:"Content-Type" hidden:"true"`
	Body        []byte
}

// evidenceRoutes give what somebody keeps to show to others: see civicverify
// proof.
func (s *server) evidenceRoutes() {
	evidenceRoute(s, "/v1/entries/{index}/proof", "get-entry-proof", "text/plain",
		"Proof that the entry is on the log (C2SP tlog-proof): with the entry's bytes and the ledger's key it holds offline",
		func(in *entryInput) ([]byte, error) { return s.desk.Proof(in.Index) })
	evidenceRoute(s, "/v1/entries/{index}/raw", "get-entry-raw", "application/octet-stream",
		"The bytes of the entry as they are hashed: header line, LF, event line, no LF at the end",
		func(in *entryInput) ([]byte, error) { return s.desk.Raw(in.Index) })
	evidenceRoute(s, "/v1/receipts/{digest}", "get-receipt", "application/json",
		"The receipt of a recorded submission, by its digest, for the newest checkpoint: with the lines and the ledger's key it holds offline",
		func(in *receiptInput) ([]byte, error) { return s.desk.Receipt(in.Digest) })
}

type receiptInput struct {
	Moment
	Digest string `path:"digest" maxLength:"64" doc:"Digest of the submission: 64 hex digits, or base64, of URLs or as in receipts."`
}

// evidenceRoute adds a route that answers with bytes.
func evidenceRoute[I any, P interface {
	*I
	question
}](s *server, path, id, contentType, sentence string, reply func(P) ([]byte, error)) {
	op := operation("log", path, id, sentence)
	op.Responses = map[string]*huma.Response{"200": {Content: map[string]*huma.MediaType{
		contentType: {Schema: &huma.Schema{Type: huma.TypeString}},
	}}}
	if contentType == "text/plain" {
		contentType += "; charset=utf-8"
	}
	add(s, op, func(in P) (*evidence, error) {
		body, err := reply(in)
		return &evidence{contentType, body}, err
	})
}
