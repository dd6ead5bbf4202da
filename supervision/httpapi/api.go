package httpapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"civicledger/events/ident"
	"civicledger/events/money"
	"civicledger/ledger"
	"civicledger/supervision"
)

// Config is what the API is made of. Desk must be set.
type Config struct {
	Desk    *supervision.Desk
	Version string        // of the program, shown in /v1/status and /openapi.json
	Wait    time.Duration // the longest a request with min waits; 0 means 10 seconds
	Log     *slog.Logger  // told of answers that could not be made; nil: nobody
}

// Timeouts that suit an http.Server in front of New's handler: no route reads
// a body, and the slowest answer is one that waits for min.
const (
	ReadHeaderTimeout = 5 * time.Second
	ReadTimeout       = 10 * time.Second
	WriteTimeout      = 60 * time.Second
	IdleTimeout       = 120 * time.Second
	MaxHeaderBytes    = 16 << 10
)

const defaultWait = 10 * time.Second

// server is one API. Nothing in it changes after New.
type server struct {
	desk    *supervision.Desk
	wait    time.Duration
	log     *slog.Logger
	mux     *http.ServeMux
	api     huma.API
	version string
}

// New returns a handler for /v1/…, /openapi.json, /healthz and /readyz, which
// answers every other path with a problem. It may be called at once by many.
func New(cfg Config) http.Handler {
	s := &server{
		desk: cfg.Desk, wait: cmp.Or(cfg.Wait, defaultWait), log: cmp.Or(cfg.Log, slog.New(slog.DiscardHandler)),
		mux: http.NewServeMux(), version: cmp.Or(cfg.Version, "unknown"),
	}
	s.api = humago.New(s.mux, s.humaConfig())
	for _, routes := range []func(){
		s.fundRoutes, s.organisationRoutes, s.lotteryRoutes, s.charityRoutes, s.entryRoutes, s.evidenceRoutes, s.otherRoutes,
	} {
		routes()
	}
	s.mux.HandleFunc("GET /healthz", s.healthz)
	s.mux.HandleFunc("GET /readyz", s.readyz)
	s.mux.HandleFunc("/", s.noRoute)
	return s.guard(s.mux)
}

func (s *server) humaConfig() huma.Config {
	cfg := huma.DefaultConfig("civicledger", s.version)
	cfg.Info.Description = "Questions about public welfare money, answered from a hash-chained log. " +
		"Every answer says in asOf which entries it rests on and carries a signed checkpoint that covers them. " +
		"Amounts are whole minor units."
	cfg.DocsPath = ""      // the ready-made page loads scripts from elsewhere
	cfg.SchemasPath = ""   // all schemas are in /openapi.json
	cfg.CreateHooks = nil  // no $schema member, no Link header
	cfg.Formats = formats  //
	cfg.Transformers = nil //
	cfg.RejectUnknownQueryParameters = true
	return cfg
}

// guard refuses what a query string could say in two ways, bounds what comes
// in, and marks answers as nothing to keep: they are true as of an entry.
func (s *server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		if p := unaskable(r.URL); p != nil {
			s.refuse(w, p)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, 0)
		next.ServeHTTP(w, r)
	})
}

// Personal refuses a URL that holds an identity or a mobile number, without saying
// it again: nobody is asked for by one, and who asks writes it into histories.
func Personal(u *url.URL) *Problem {
	query, _ := url.ParseQuery(u.RawQuery)
	place := ""
	for name, values := range query {
		if slices.ContainsFunc(append(values, name), ident.PersonalIn) {
			place = "query"
		}
	}
	if slices.ContainsFunc(strings.Split(u.Path, "/"), ident.PersonalIn) {
		place = cmp.Or(place, "path")
	}
	if place == "" {
		return nil
	}
	p := problemAt(place, "", "an identity or mobile number, which is never asked for")
	p.Cure = "ask for the person's token: civicledger token makes it"
	return p
}

// impossible says why a filter can fit nothing, "" where it may.
func impossible(name, value string) string {
	dated := name == "from" || name == "to"
	switch text := []byte(value); {
	case dated && len(text) == len("2026-07-31") && text[4] == '-' && !ident.IsDate(text):
		return "there is no such day: write one such as 2026-07-31"
	case dated && len(text) == len("2026-07") && text[4] == '-' && !ident.IsMonth(text):
		return "there is no such month: write one such as 2026-07"
	case name == "currency" && len(text) == 3 && !money.IsCurrency(value):
		return "there is no such currency: write an ISO 4217 code in capitals, such as CNY"
	}
	return ""
}

// unaskable says what of a URL could be understood in two ways, or not at all, or
// can have no answer.
func unaskable(u *url.URL) *Problem {
	if p := Personal(u); p != nil {
		return p
	}
	if !utf8.ValidString(u.Path) {
		return problemAt("path", u.Path, "not UTF-8")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return problemAt("query", "", "not a query string: "+err.Error())
	}
	for name, values := range query {
		switch value := strings.Join(values, ", "); {
		case len(values) > 1:
			return problemAt("query."+name, value, "stands more than once")
		case !utf8.ValidString(name + value):
			return problemAt("query."+name, value, "not UTF-8")
		case impossible(name, value) != "":
			return problemAt("query."+name, value, impossible(name, value))
		}
	}
	if from, to := query.Get("from"), query.Get("to"); from > to && len(from) == len(to) {
		return problemAt("query.to", to, "ends before it begins: from is "+from)
	}
	return nil
}

// noRoute answers what no route does.
func (s *server) noRoute(w http.ResponseWriter, r *http.Request) {
	asGet := &http.Request{Method: http.MethodGet, URL: r.URL, Host: r.Host}
	if _, pattern := s.mux.Handler(asGet); pattern != "/" && pattern != "" {
		w.Header().Set("Allow", "GET, HEAD")
		s.refuse(w, problem(http.StatusMethodNotAllowed, "here questions are asked with GET; events come in over the bus"))
		return
	}
	p := problem(http.StatusNotFound, fmt.Sprintf("nothing at %s", r.URL.Path))
	p.Cure = "/openapi.json lists what can be asked"
	s.refuse(w, p)
}

func (s *server) refuse(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = strictJSON.Marshal(w, p) // whoever asked is gone: nobody to tell
}

// healthz says whether the process does what it should: 503 once the ledger has
// stopped by itself, with the reason, which names damaged entries. Answers are
// given all the same.
func (s *server) healthz(w http.ResponseWriter, _ *http.Request) {
	say(w, "ok", s.desk.Restricted(), s.desk.Health())
}

// readyz says whether answers rest on what was on the log at the start, or on
// as much of it as can be read.
func (s *server) readyz(w http.ResponseWriter, _ *http.Request) {
	note, err := s.desk.Ready()
	say(w, "ready", note, err)
}

// say answers a probe: with a word and what restricts it, or why not.
func say(w http.ResponseWriter, word, note string, err error) {
	status, text := http.StatusOK, word
	switch {
	case err != nil:
		status, text = http.StatusServiceUnavailable, err.Error()
	case note != "":
		text += "; " + note
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintln(w, text)
}

// question is the input of a route that may be told to wait.
type question interface{ wants() uint64 }

// answer is the output of a route that answers in JSON: about one thing, or with
// a page of a list.
type (
	answer[T any] struct{ Body *T }
	one[T any]    = supervision.Answer[T]
	page[T any]   = supervision.Page[T]
)

// operation is a route: path, id and one sentence.
func operation(tag, path, id, sentence string) huma.Operation {
	op := huma.Operation{
		OperationID: id, Method: http.MethodGet, Path: path, Summary: sentence, Tags: []string{tag},
		Errors: []int{http.StatusUnprocessableEntity, http.StatusServiceUnavailable, http.StatusGatewayTimeout},
	}
	if strings.Contains(path, "{") {
		op.Errors = append(op.Errors, http.StatusNotFound)
	}
	return op
}

// add adds a route and who answers. The pointer to the input is what huma fills
// from path and query.
func add[I any, P interface {
	*I
	question
}, O any](s *server, op huma.Operation, reply func(P) (*O, error)) {
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		if index := P(in).wants(); index > 0 {
			if err := s.desk.Await(ctx, index, s.wait); err != nil {
				return nil, s.problem(ctx, op.Path, err)
			}
		}
		out, err := reply(P(in))
		if err != nil {
			return nil, s.problem(ctx, op.Path, err)
		}
		return out, nil
	})
}

// ask adds a route that answers in JSON.
func ask[I any, P interface {
	*I
	question
}, T any](s *server, tag, path, id, sentence string, reply func(P) (*T, error)) {
	add(s, operation(tag, path, id, sentence), func(in P) (*answer[T], error) {
		body, err := reply(in)
		return &answer[T]{body}, err
	})
}

// problem turns an error into its answer, and tells the log what is our fault.
func (s *server) problem(ctx context.Context, path string, err error) error {
	p := problemOf(err)
	if p.Status == http.StatusInternalServerError {
		s.log.ErrorContext(ctx, "answer", "route", path, "cause", err)
	}
	p.Damaged = s.desk.Damaged()
	if errors.Is(err, ledger.ErrDamaged) {
		return p // to try again is no cure
	}
	if p.Status == http.StatusGatewayTimeout || p.Status == http.StatusServiceUnavailable {
		return huma.ErrorWithHeaders(p, http.Header{"Retry-After": {"1"}})
	}
	return p
}

var _ huma.StatusError = (*Problem)(nil)

// errCursor is the one error of opening a cursor.
var errCursor = errors.New("not a cursor of this list with these filters: repeat the filters of the first page, or begin without a cursor")
