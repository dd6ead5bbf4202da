package httpapi

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"civicledger/supervision"
)

// Moment is what every question takes. It is exported because huma looks into
// exported fields only.
type Moment struct {
	Min uint64 `query:"min" doc:"Wait, bounded, until the entry with this index is in the answer (the last of a receipt, or the asOf.index of an earlier answer)."`
}

func (m *Moment) wants() uint64 { return m.Min }

// Turning is what every question about a list takes.
type Turning struct {
	Moment
	Limit  int    `query:"limit" default:"50" minimum:"1" maximum:"1000" doc:"Items of a page at most."`
	Cursor string `query:"cursor" maxLength:"2000" doc:"The next of the page before; the filters stay the same."`

	after string // what Cursor holds
	asked string // fingerprint of path and filters
}

// Resolve opens the cursor. It implements huma.Resolver.
func (t *Turning) Resolve(ctx huma.Context) []error {
	t.asked = fingerprint(ctx.URL())
	if t.Cursor == "" {
		return nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(t.Cursor)
	asked, after, ok := strings.Cut(string(raw), " ")
	if err != nil || !ok || asked != t.asked || after == "" {
		return []error{&huma.ErrorDetail{Location: "query.cursor", Message: errCursor.Error(), Value: t.Cursor}}
	}
	t.after = after
	return nil
}

func (t *Turning) turn() supervision.Turn { return supervision.Turn{After: t.after, Limit: t.Limit} }

// fingerprint names a list and its filters, so that a cursor is not carried
// over to another one.
func fingerprint(u url.URL) string {
	query := u.Query()
	for _, own := range []string{"cursor", "limit", "min"} {
		query.Del(own)
	}
	digest := sha256.Sum256([]byte(u.EscapedPath() + "?" + query.Encode()))
	return hex.EncodeToString(digest[:6])
}

func (t *Turning) turning() *Turning { return t }

// list is ask for a list by pages: it seals where a page ends.
func list[I any, P interface {
	*I
	question
	turning() *Turning
}, T any](s *server, tag, path, id, sentence string, reply func(P) (*page[T], error)) {
	ask(s, tag, path, id, sentence, func(in P) (*page[T], error) {
		out, err := reply(in)
		if err == nil && out.Next != "" {
			out.Next = base64.RawURLEncoding.EncodeToString([]byte(in.turning().asked + " " + out.Next))
		}
		return out, err
	})
}
