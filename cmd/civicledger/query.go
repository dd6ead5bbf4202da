package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"civicledger/cmd/internal/auditor"
	"civicledger/supervision"
	"civicledger/supervision/httpapi"
)

const (
	queryTimeout  = 75 * time.Second // longer than the server's longest answer
	maxAnswerSize = 64 << 20
)

// asking is one run of a query command: where it asks, and how it prints.
type asking struct {
	server string
	json   bool
	min    uint64
	client *http.Client
	// of commands that list
	limit  int
	cursor string
	all    bool
}

// newQueryCommand returns the command that asks a running server.
func newQueryCommand() *cobra.Command {
	q := &asking{client: &http.Client{Timeout: queryTimeout}}
	cmd := &cobra.Command{
		Use:     "query",
		Example: "  civicledger query funds --server http://127.0.0.1:8080\n  civicledger query lists serious --json",
		Short:   "Ask a running server",
		Long: `query asks a running server over HTTP and prints a table, or with --json the
server's answer as it came. Each answer ends with the entry and the checkpoint
it rests on.

Exit codes: 0 answered, 1 there is no such thing or the ledger is damaged (the
last line says what), 2 could not be asked.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return errors.New("query what? civicledger query --help lists it")
		},
	}
	flags := cmd.PersistentFlags()
	serverFlag(flags, &q.server)
	flags.BoolVar(&q.json, "json", false, "print the server's JSON; with --all one page a line")
	flags.Uint64Var(&q.min, "min", 0, "wait until the entry with this index is in the answer")
	for _, of := range []question{
		aboutFunds, aboutOrganisations, aboutLists, aboutDraws, aboutWelfareFund, aboutDonations,
		aboutAnomalies, aboutEntries, aboutSubject, aboutAgencies, aboutStatus,
	} {
		cmd.AddCommand(q.command(of))
	}
	return cmd
}

// question is one command of query.
type question struct {
	use, short, example string

	path    string // behind /v1/, if it is not the command's name; the arguments are put behind it
	flags   func(*pflag.FlagSet)
	single  bool              // no answer has pages
	answers []answer          // by the number of arguments; nil where so few are not enough
	parts   map[string]answer // that a second argument names
	instead map[string]answer // of a flag that asks for something else
}

// answer asks the server at a path and prints what it says.
type answer func(q *asking, cmd *cobra.Command, path string, params url.Values) error

func (q *asking) command(of question) *cobra.Command {
	least := slices.IndexFunc(of.answers, func(a answer) bool { return a != nil })
	most := len(of.answers) - 1
	if of.parts != nil {
		most = 2
	}
	cmd := &cobra.Command{
		Use: of.use, Short: of.short, Example: of.example,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < least || len(args) > most {
				return fmt.Errorf("%d arguments are too few or too many: civicledger query %s", len(args), of.use)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			path := "/v1/" + cmp.Or(of.path, cmd.Name())
			for _, arg := range args {
				path += "/" + url.PathEscape(arg)
			}
			ask, err := of.answer(cmd, args)
			if err != nil {
				return err
			}
			return ask(q, cmd, path, url.Values{})
		},
	}
	if of.flags != nil {
		of.flags(cmd.Flags())
	}
	if !of.single {
		cmd.Flags().IntVar(&q.limit, "limit", 50, "items of a page, at most 1000")
		cmd.Flags().StringVar(&q.cursor, "cursor", "", "begin after the page that gave this cursor")
		cmd.Flags().BoolVar(&q.all, "all", false, "all pages")
	}
	return cmd
}

func (of *question) answer(cmd *cobra.Command, args []string) (answer, error) {
	for flag, ask := range of.instead {
		if asked, _ := cmd.Flags().GetBool(flag); asked {
			return ask, nil
		}
	}
	if len(args) < len(of.answers) {
		return of.answers[len(args)], nil
	}
	if ask := of.parts[args[1]]; ask != nil {
		return ask, nil
	}
	names := strings.Join(slices.Sorted(maps.Keys(of.parts)), ", ")
	return nil, fmt.Errorf("of %s there are %s, no %s", cmd.Name(), names, args[1])
}

// row is the cells of a line of a table.
type row []any

// columns is a table of Ts: the names of its columns, > before those of numbers,
// and their cells.
type columns[T any] struct {
	names string
	row   func(*T) row
}

// pages answers with a list, narrowed by the flags of these names that were set.
func pages[T any](filters, names string, of func(*T) row) answer {
	return func(q *asking, cmd *cobra.Command, path string, params url.Values) error {
		for _, name := range strings.Fields(filters) {
			if f := cmd.Flags().Lookup(name); f.Changed {
				params.Set(name, f.Value.String())
			}
		}
		return list(q, cmd, path, params, columns[T]{names, of})
	}
}

// whole answers with a list that always comes in one page.
func whole[T any](path, names string, of func(*T) row) answer {
	return func(q *asking, cmd *cobra.Command, _ string, params url.Values) error {
		var page supervision.Page[T]
		raw, err := q.get(cmd.Context(), path, params, &page)
		if err != nil {
			return err
		}
		out := cmd.OutOrStdout()
		return q.end(out, raw, page.AsOf, func() {
			render(out, page.Items, columns[T]{names, of})
			more(out, len(page.Items), "")
		})
	}
}

// one answers about one thing and lets show print it.
func one[T any](show func(io.Writer, *T)) answer {
	return func(q *asking, cmd *cobra.Command, path string, params url.Values) error {
		var answer supervision.Answer[T]
		raw, err := q.get(cmd.Context(), path, params, &answer)
		if err != nil {
			return err
		}
		out := cmd.OutOrStdout()
		return q.end(out, raw, answer.AsOf, func() { show(out, &answer.Item) })
	}
}

// list asks for one page or all, and prints the items under their columns.
func list[T any](q *asking, cmd *cobra.Command, path string, params url.Values, under columns[T]) error {
	if q.all && !cmd.Flags().Changed("limit") {
		q.limit = supervision.MaxLimit
	}
	params.Set("limit", strconv.Itoa(q.limit))
	if q.cursor != "" {
		params.Set("cursor", q.cursor)
	}
	out := cmd.OutOrStdout()
	var items []T
	short := false
	for {
		var page supervision.Page[T]
		raw, err := q.get(cmd.Context(), path, params, &page)
		if err != nil {
			return err
		}
		if d := page.AsOf.Damaged; d != nil { // so are all, if one page is
			d.Incomplete = d.Incomplete || short
			short = d.Incomplete
		}
		if q.json {
			fmt.Fprintf(out, "%s\n", raw)
		} else {
			items = append(items, page.Items...)
		}
		if q.all && page.Next != "" {
			params.Set("cursor", page.Next)
			continue
		}
		return q.end(out, nil, page.AsOf, func() {
			render(out, items, under)
			more(out, len(items), page.Next)
		})
	}
}

// end prints an answer, as it came or in words, with what it rests on. That the
// ledger is damaged is bad news.
func (q *asking) end(out io.Writer, raw []byte, at supervision.AsOf, show func()) error {
	if !q.json {
		show()
		rests(out, at)
	} else if raw != nil {
		fmt.Fprintf(out, "%s\n", raw)
	}
	return damage(at)
}

// get asks the server and decodes its answer, which it also returns as it came.
func (q *asking) get(ctx context.Context, path string, params url.Values, into any) ([]byte, error) {
	if q.min > 0 {
		params.Set("min", strconv.FormatUint(q.min, 10))
	}
	base, err := serverBase(q.server)
	if err != nil {
		return nil, err
	}
	address := base + path
	if len(params) > 0 {
		address += "?" + params.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err == nil {
		if p := httpapi.Personal(request.URL); p != nil { // before it is in anybody's log
			return nil, saidBy(p)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", q.server, err)
	}
	response, err := q.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask: %w (is the server running? civicledger serve)", err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerSize))
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", q.server, err)
	}
	if into == nil && response.StatusCode == http.StatusOK {
		return raw, nil
	}
	raw = []byte(strings.TrimRight(string(raw), "\n"))
	if response.StatusCode != http.StatusOK {
		return nil, refusedBy(response, raw)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return nil, fmt.Errorf("the answer of %s cannot be read: %w", address, err)
	}
	return raw, nil
}

// serverVariable is the environment's word where --server is not given.
const serverVariable = "CIVICLEDGER_SERVER"

func serverFlag(f *pflag.FlagSet, server *string) {
	f.StringVar(server, "server", cmp.Or(os.Getenv(serverVariable), "http://"+defaultListen), "URL or host:port of the server; else $"+serverVariable)
}

// serverBase is the URL of a server that is named by one, or by host and port.
func serverBase(server string) (string, error) {
	text := server
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.RawQuery+u.Fragment != "" {
		return "", fmt.Errorf("the server %q is neither host:port nor a URL such as http://%s: --server, or $%s", server, defaultListen, serverVariable)
	}
	return strings.TrimSuffix(text, "/"), nil
}

// refusedBy says in words what the server answered instead of an answer. That
// there is no such thing is bad news; everything else could not be asked.
func refusedBy(response *http.Response, raw []byte) error {
	var p httpapi.Problem
	if response.Header.Get("Content-Type") != "application/problem+json" || json.Unmarshal(raw, &p) != nil {
		return fmt.Errorf("%s answered %s: is this a civicledger server?", response.Request.URL, response.Status)
	}
	return saidBy(&p)
}

func saidBy(p *httpapi.Problem) error {
	said := p.Detail
	for _, place := range p.Errors {
		said += fmt.Sprintf("\n  %s: %s", place.Location, place.Message)
	}
	if p.Cure != "" {
		said += "\n  " + p.Cure
	}
	if err := damage(supervision.AsOf{Damaged: p.Damaged}); err != nil && p.Status == http.StatusNotFound {
		said += "\n" + err.Error()
	}
	if p.Status == http.StatusNotFound || (p.Status == http.StatusServiceUnavailable && p.Damaged != nil) {
		return badNews("%s", said)
	}
	return errors.New(said)
}

// render prints a table. Chinese characters count as two cells.
func render[T any](out io.Writer, items []T, under columns[T]) {
	t := table.NewWriter()
	t.SetOutputMirror(out)
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	var header table.Row
	var configs []table.ColumnConfig
	for i, name := range strings.Split(under.names, " | ") {
		c := table.ColumnConfig{Number: i + 1, WidthMax: 60, WidthMaxEnforcer: text.WrapSoft}
		name, number := strings.CutPrefix(name, ">")
		if number {
			c.Align, c.AlignHeader = text.AlignRight, text.AlignRight
		}
		header, configs = append(header, name), append(configs, c)
	}
	t.SetColumnConfigs(configs)
	t.AppendHeader(header)
	for i := range items {
		cells := under.row(&items[i])
		for j := range cells {
			cells[j] = inWords(cells[j])
		}
		t.AppendRow(table.Row(cells))
	}
	t.Render()
}

// inWords is what tables and facts show of a value.
func inWords(value any) any {
	switch v := value.(type) {
	case nil:
		return ""
	case supervision.Party:
		return known(v)
	case supervision.Money:
		return v.Decimal + " " + v.Currency
	case *supervision.Money:
		if v != nil {
			return inWords(*v)
		}
		return ""
	case supervision.Title:
		return v.ZH + " " + v.EN
	case *supervision.Title:
		if v != nil {
			return inWords(*v)
		}
		return ""
	case []string:
		return strings.Join(v, " ")
	}
	return value
}

// joined says several things, with something between them.
func joined[T any](all []T, between string, say func(*T) any) string {
	parts := make([]string, len(all))
	for i := range all {
		parts[i] = fmt.Sprint(inWords(say(&all[i])))
	}
	return strings.Join(parts, between)
}

// section prints a table under a heading, nothing where it would be empty.
func section[T any](out io.Writer, heading string, items []T, names string, of func(*T) row) {
	if len(items) > 0 {
		fmt.Fprintf(out, "\n%s\n", heading)
		render(out, items, columns[T]{names, of})
	}
}

// named puts names, parted as those of columns are, before values.
func named(names string, values ...any) (rows [][2]any) {
	for i, name := range strings.Split(names, " | ") {
		rows = append(rows, [2]any{name, values[i]})
	}
	return rows
}

// facts prints names and values in two columns.
func facts(out io.Writer, rows [][2]any) {
	width := 0
	for _, row := range rows {
		width = max(width, len(fmt.Sprint(row[0])))
	}
	for _, row := range rows {
		if value := fmt.Sprint(inWords(row[1])); value != "" {
			fmt.Fprintf(out, "%-*s  %s\n", width, row[0], value)
		}
	}
}

// known is a party by its name, and by its code where it has one.
func known(p supervision.Party) string {
	switch {
	case p.Name == "":
		return p.Key
	case strings.HasPrefix(p.Key, "name:"):
		return p.Name
	}
	return p.Name + " " + p.Key
}

// more says how many items were printed and how to get the rest.
func more(out io.Writer, count int, next string) {
	items := "items"
	if count == 1 {
		items = "item"
	}
	if next != "" {
		items += ", and more: --all, or --cursor " + next
	}
	fmt.Fprintf(out, "%d %s\n", count, items)
}

// rests is the last line of every answer.
func rests(out io.Writer, at supervision.AsOf) {
	if at.Size == 0 {
		fmt.Fprintln(out, "as of no entry yet")
		return
	}
	_, signed, _ := strings.Cut(at.Checkpoint, "\n")
	size, _, _ := strings.Cut(signed, "\n")
	fmt.Fprintf(out, "as of entry %d, recorded %s, checkpoint size %s\n", at.Index, at.Recorded, cmp.Or(size, "unknown"))
}

// damage is the bad news under an answer of a damaged ledger.
func damage(at supervision.AsOf) error {
	d := at.Damaged
	if d == nil {
		return nil
	}
	which, answer := "its index", "the answer is whole"
	if d.First != nil {
		which = auditor.Entries(*d.First, *d.Last)
	}
	if d.Incomplete {
		answer = "the answer is INCOMPLETE"
	}
	return badNews("the ledger is damaged, %s; %d entries stand; %s\n  %s", which, d.Standing, answer, d.Cause)
}
