package main

import (
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"civicledger/supervision"
)

func (q *asking) entries() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "entries [INDEX]",
		Short: "Entries of the log, or one with its event line",
		Example: `  civicledger query entries --from 1000 --limit 20
  civicledger query entries 1234`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return one(cmd, q, "/v1/entries/"+url.PathEscape(args[0]), showEntry)
			}
			return list(cmd, q, "/v1/entries", filters(cmd, "from"), []column[supervision.Entry]{
				{"index", true, func(e *supervision.Entry) any { return e.Index }},
				{"recorded", false, func(e *supervision.Entry) any { return e.Recorded }},
				{"agency", false, func(e *supervision.Entry) any { return e.Agency }},
				{"type", false, func(e *supervision.Entry) any { return memberOf(e.Event, "type") }},
				{"subject", false, func(e *supervision.Entry) any { return memberOf(e.Event, "subject") }},
				{"id", false, func(e *supervision.Entry) any { return memberOf(e.Event, "id") }},
			})
		},
	}
	cmd.Flags().Uint64("from", 0, "first index")
	return q.listing(cmd)
}

// memberOf is a member of a decoded JSON object, "" where it has none.
func memberOf(event any, name string) any {
	members, _ := event.(map[string]any)
	if value, ok := members[name]; ok {
		return value
	}
	return ""
}

func showEntry(out io.Writer, e *supervision.Entry) {
	facts(out, [][2]any{
		{"index", e.Index},
		{"recorded", e.Recorded},
		{"agency", e.Agency},
		{"key", e.KeyID},
		{"submission", fmt.Sprintf("%d of %d, from entry %d", e.Position, e.Count, e.First)},
		{"event key", e.EventKey},
		{"previous", e.Previous},
	})
	fmt.Fprintln(out, e.Line)
}

// facts prints names and values in two columns.
func facts(out io.Writer, rows [][2]any) {
	width := 0
	for _, row := range rows {
		width = max(width, len(fmt.Sprint(row[0])))
	}
	for _, row := range rows {
		if value := fmt.Sprint(row[1]); value != "" {
			fmt.Fprintf(out, "%-*s  %s\n", width, row[0], value)
		}
	}
}

func (q *asking) subject() *cobra.Command {
	return q.listing(&cobra.Command{
		Use:     "subject TOKEN",
		Short:   "What was said about a person, household or account, by its token",
		Example: `  civicledger query subject st1.1.abcdefghijklmnopqrstuvwxya`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return list(cmd, q, "/v1/subjects/"+url.PathEscape(args[0]), url.Values{}, []column[supervision.Mention]{
				{"index", true, func(m *supervision.Mention) any { return m.Index }},
				{"recorded", false, func(m *supervision.Mention) any { return m.Recorded }},
				{"agency", false, func(m *supervision.Mention) any { return m.Agency }},
				{"type", false, func(m *supervision.Mention) any { return m.Type }},
				{"title", false, func(m *supervision.Mention) any { return titled(m.Title) }},
				{"summary", false, func(m *supervision.Mention) any { return m.Summary }},
			})
		},
	})
}

func titled(t *supervision.Title) string {
	if t == nil {
		return ""
	}
	return t.ZH + " " + t.EN
}

func (q *asking) anomalies() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "anomalies",
		Short: "What does not fit: leads with the entries they are about",
		Example: `  civicledger query anomalies --open
  civicledger query anomalies --code transfer-mismatch --order oldest
  civicledger query anomalies --codes`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if codes, _ := cmd.Flags().GetBool("codes"); codes {
				return q.anomalyCodes(cmd)
			}
			params := filters(cmd, "code", "agency", "subject", "open", "from", "order")
			return list(cmd, q, "/v1/anomalies", params, []column[supervision.Anomaly]{
				{"index", true, func(a *supervision.Anomaly) any { return a.Index }},
				{"code", false, func(a *supervision.Anomaly) any { return a.Code }},
				{"title", false, func(a *supervision.Anomaly) any { return titled(&a.Title) }},
				{"agency", false, func(a *supervision.Anomaly) any { return a.Agency }},
				{"concerns", false, func(a *supervision.Anomaly) any { return strings.Join(a.Subjects, " ") }},
				{"difference", true, func(a *supervision.Anomaly) any { return difference(a) }},
				{"message", false, func(a *supervision.Anomaly) any { return a.Message }},
				{"waits for", false, func(a *supervision.Anomaly) any { return a.Waiting }},
			})
		},
	}
	flags := cmd.Flags()
	flags.String("code", "", "only this code")
	flags.String("agency", "", "only what this agency said")
	flags.String("subject", "", "only what concerns this fund, organisation, draw or payment")
	flags.Bool("open", false, "kept for older scripts: what was found stands no more once its event is corrected")
	flags.Uint64("from", 0, "only entries from this index on")
	flags.String("order", "newest", "newest or oldest first")
	flags.Bool("codes", false, "list the codes, with how often each stands")
	return q.listing(cmd)
}

func difference(a *supervision.Anomaly) string {
	if a.Difference == nil {
		return ""
	}
	return inWords(*a.Difference)
}

func inWords(m supervision.Money) string { return m.Decimal + " " + m.Currency }

// anomalyCodes asks for a list that has one page.
func (q *asking) anomalyCodes(cmd *cobra.Command) error {
	return whole(cmd, q, "/v1/anomaly-codes", []column[supervision.AnomalyCount]{
		{"code", false, func(c *supervision.AnomalyCount) any { return c.Code }},
		{"title", false, func(c *supervision.AnomalyCount) any { return titled(&c.Title) }},
		{"count", true, func(c *supervision.AnomalyCount) any { return c.Count }},
	})
}

func (q *asking) status() *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "How far the log and the tables are",
		Example: `  civicledger query status --server http://127.0.0.1:8080`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return one(cmd, q, "/v1/status", func(out io.Writer, s *supervision.Status) {
				state := "running"
				switch {
				case s.ReadOnly && len(s.Damaged) > 0:
					state = "damaged, read-only"
				case s.ReadOnly:
					state = "read-only"
				case !s.Running:
					state = "stopped: " + s.Stopped
				case s.Waiting != "":
					state = "running, takes nothing in: " + s.Waiting
				}
				facts(out, [][2]any{
					{"origin", s.Origin},
					{"version", s.Version},
					{"ledger", state},
					{"entries", s.Size},
					{"applied", s.Applied},
					{"lag", s.Lag},
				})
			})
		},
	}
}
