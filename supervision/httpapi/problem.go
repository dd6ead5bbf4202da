package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"civicledger/events"
	"civicledger/ledger"
	"civicledger/projections"
	"civicledger/supervision"
)

// Problem is the body of every answer that is none (RFC 9457).
type Problem struct {
	Title   string               `json:"title" doc:"The HTTP status in words."`
	Status  int                  `json:"status" doc:"The HTTP status."`
	Detail  string               `json:"detail" doc:"What is wrong with this request."`
	Cure    string               `json:"cure,omitzero" doc:"What to do about it."`
	Size    *uint64              `json:"size,omitzero" doc:"How many entries are applied so far, where min asked for more."`
	Damaged *supervision.Damaged `json:"damaged,omitzero" doc:"Present once some of the log is known not to be what was signed."`
	Errors  []Place              `json:"errors,omitempty" doc:"Each parameter that is wrong."`
}

// Place is one wrong parameter.
type Place struct {
	Location string `json:"location" doc:"Where: query.limit, path.index." example:"query.limit"`
	Message  string `json:"message" doc:"What is wrong with it."`
	Value    string `json:"value,omitzero" doc:"The value as given."`
}

func (p *Problem) Error() string { return p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// newProblem says what huma found wrong with a request.
func newProblem(status int, detail string, errs ...error) huma.StatusError {
	p := &Problem{Title: http.StatusText(status), Status: status, Detail: detail}
	for _, err := range errs {
		if err != nil {
			p.Errors = append(p.Errors, placeOf(err))
		}
	}
	if len(p.Errors) > 0 {
		p.Detail = "the request cannot be understood: see errors"
	}
	return p
}

func placeOf(err error) Place {
	var detailed huma.ErrorDetailer
	if !errors.As(err, &detailed) {
		return Place{Message: printable(err.Error())}
	}
	d := detailed.ErrorDetail()
	place := Place{Location: printable(d.Location), Message: printable(d.Message)}
	if d.Value != nil {
		place.Value = printable(fmt.Sprint(d.Value))
	}
	return place
}

// problemOf is where errors become HTTP: the one place that chooses a status.
func problemOf(err error) *Problem {
	var (
		missing *supervision.NotFound
		bad     *supervision.BadQuestion
		behind  *supervision.Behind
	)
	switch {
	case errors.As(err, &missing):
		p := problem(http.StatusNotFound, missing.Error())
		p.Cure = missing.Cure
		return p
	case errors.As(err, &bad):
		return problemAt("query."+bad.Place, bad.Value, bad.Reason)
	case errors.Is(err, projections.ErrCursor):
		return problemAt("query.cursor", "", errCursor.Error())
	case errors.As(err, &behind):
		p := problem(http.StatusGatewayTimeout, behind.Error())
		p.Size = &behind.Have
		p.Cure = "ask again, or with a smaller min"
		return p
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return problem(http.StatusServiceUnavailable, "the request ended before its answer")
	case errors.Is(err, ledger.ErrDamaged):
		p := problem(http.StatusServiceUnavailable, err.Error())
		p.Cure = "what stands is answered; civicledger verify names what does not, and civicledger repair puts it back from a copy"
		return p
	case errors.Is(err, ledger.ErrClosed), errors.Is(err, ledger.ErrStopped):
		return problem(http.StatusServiceUnavailable, "the ledger has stopped")
	}
	return problem(http.StatusInternalServerError, "the answer could not be made; the server's log says why")
}

func problem(status int, detail string) *Problem {
	return &Problem{Title: http.StatusText(status), Status: status, Detail: detail}
}

// problemAt is the problem of one parameter.
func problemAt(location, value, message string) *Problem {
	p := problem(http.StatusUnprocessableEntity, "the request cannot be understood: see errors")
	p.Errors = []Place{{Location: printable(location), Message: printable(message), Value: printable(value)}}
	return p
}

// printable is what the codec can write, which refuses bad UTF-8, and no longer than
// a message may be.
func printable(s string) string { return events.Short(strings.ToValidUTF8(s, "\ufffd"), 300) }
