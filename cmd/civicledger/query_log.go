package main

import (
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"civicledger/supervision"
)

var aboutEntries = question{
	use:   "entries [INDEX]",
	short: "Entries of the log, or one with its event line",
	example: `  civicledger query entries --from 1000 --limit 20
  civicledger query entries 1234`,
	flags: func(f *pflag.FlagSet) { f.Uint64("from", 0, "first index") },
	answers: []answer{
		pages("from", ">index | recorded | agency | type | subject | id", func(e *supervision.Entry) row {
			event, _ := e.Event.(map[string]any)
			return row{e.Index, e.Recorded, e.Agency, event["type"], event["subject"], event["id"]}
		}),
		one(showEntry),
	},
}

func showEntry(out io.Writer, e *supervision.Entry) {
	submission := fmt.Sprintf("%d of %d, from entry %d", e.Position, e.Count, e.First)
	facts(out, named("index | recorded | agency | key | submission | event key | previous",
		e.Index, e.Recorded, e.Agency, e.KeyID, submission, e.EventKey, e.Previous))
	fmt.Fprintln(out, e.Line)
}

var aboutSubject = question{
	use:     "subject TOKEN",
	short:   "What was said about a person, household or account, by its token",
	example: `  civicledger query subject st1.1.abcdefghijklmnopqrstuvwxya`,
	path:    "subjects",
	answers: []answer{
		nil,
		pages("", ">index | recorded | agency | type | title | summary", func(m *supervision.Mention) row {
			return row{m.Index, m.Recorded, m.Agency, m.Type, m.Title, m.Summary}
		}),
	},
}

var aboutAnomalies = question{
	use:   "anomalies",
	short: "What does not fit: leads with the entries they are about",
	example: `  civicledger query anomalies --open
  civicledger query anomalies --code transfer-mismatch --order oldest
  civicledger query anomalies --codes`,
	flags: func(f *pflag.FlagSet) {
		f.String("code", "", "only this code")
		f.String("agency", "", "only what this agency said")
		f.String("subject", "", "only what concerns this fund, organisation, draw or payment")
		f.Bool("open", false, "kept for older scripts: what was found stands no more once its event is corrected")
		f.Uint64("from", 0, "only entries from this index on")
		f.String("order", "newest", "newest or oldest first")
		f.Bool("codes", false, "list the codes, with how often each stands")
	},
	answers: []answer{
		pages("code agency subject open from order",
			">index | code | title | agency | concerns | >difference | message | waits for",
			func(a *supervision.Anomaly) row {
				return row{a.Index, a.Code, a.Title, a.Agency, a.Subjects, a.Difference, a.Message, a.Waiting}
			}),
	},
	instead: map[string]answer{
		"codes": whole("/v1/anomaly-codes", "code | title | >count", func(c *supervision.AnomalyCount) row {
			return row{c.Code, c.Title, c.Count}
		}),
	},
}

var aboutAgencies = question{
	use:   "agencies [AGENCY]",
	short: "Who may say what, and how much was said",
	example: `  civicledger query agencies
  civicledger query agencies haidian`,
	answers: []answer{
		pages("", "agency | name | jurisdictions | types | >entries | >last entry | recorded", func(a *supervision.Agency) row {
			return row{a.Agency, a.Name, a.Jurisdictions, a.Types, a.Entries, a.LastIndex, a.LastRecorded}
		}),
		one(showAgency),
	},
}

func showAgency(out io.Writer, a *supervision.Agency) {
	waiting := ""
	if a.Waiting > 0 {
		waiting = fmt.Sprintf("%d entries, see civicledger query anomalies --agency %s", a.Waiting, a.Agency)
	}
	enrolled := fmt.Sprintf("entry %d", a.Enrolled)
	facts(out, named("agency | name | jurisdictions | types | source | enrolled | entries | waiting",
		a.Agency, a.Name, a.Jurisdictions, a.Types, a.Source, enrolled, a.Entries, waiting))
	for _, key := range a.Keys {
		state := fmt.Sprintf("from entry %d", key.From)
		if key.Revoked != nil {
			state += fmt.Sprintf(", revoked by entry %d", *key.Revoked)
		}
		fmt.Fprintf(out, "key %s  %s\n", key.ID, state)
	}
	for _, c := range a.Counts {
		fmt.Fprintf(out, "%8d  %s\n", c.Count, c.Type)
	}
}

var aboutStatus = question{
	use:     "status",
	short:   "How far the log and the tables are",
	example: `  civicledger query status --server http://127.0.0.1:8080`,
	single:  true,
	answers: []answer{one(showStatus)},
}

func showStatus(out io.Writer, s *supervision.Status) {
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
	facts(out, named("origin | version | ledger | entries | applied | lag",
		s.Origin, s.Version, state, s.Size, s.Applied, s.Lag))
}
