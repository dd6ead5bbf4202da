package supervision

import (
	"maps"
	"slices"

	"civicledger/events/money"
	"civicledger/projections"
)

// Anomaly is something that folding found: an entry that could not be applied,
// or facts that do not fit each other. It is a lead, never a verdict.
type Anomaly struct {
	Index        uint64   `json:"index" doc:"The entry it is about: GET /v1/entries/{index}."`
	Code         string   `json:"code" doc:"Stable code."`
	Title        Title    `json:"title" doc:"The code in words."`
	Message      string   `json:"message" doc:"What was found."`
	Projection   string   `json:"projection" doc:"Which tables found it."`
	Type         string   `json:"type,omitzero" doc:"Type of the event."`
	Agency       string   `json:"agency,omitzero" doc:"Who said it."`
	Jurisdiction string   `json:"jurisdiction,omitzero"`
	Subjects     []string `json:"subjects,omitzero" doc:"Funds, organisations, draws, payments it concerns."`
	Expected     *int64   `json:"expected,omitzero" doc:"Minor units where there is a currency, else a count."`
	Actual       *int64   `json:"actual,omitzero"`
	Currency     string   `json:"currency,omitzero"`
	Difference   *Money   `json:"difference,omitzero" doc:"Actual less expected, where both are sums."`
	Explain      []string `json:"explain,omitzero" doc:"Lawful causes that are known to do this."`
	Other        *uint64  `json:"other,omitzero" doc:"The entry that it does not fit."`
	Waiting      string   `json:"waiting,omitzero" doc:"The fact that it waits for: the entry counts once that is said."`
}

// AnomalyCount is how often a code stands.
type AnomalyCount struct {
	Code  string `json:"code"`
	Title Title  `json:"title"`
	Count int    `json:"count"`
}

// AnomalyQuestion narrows a list of anomalies.
type AnomalyQuestion struct {
	Code, Agency, Subject string
	From                  uint64 // first index
	Newest                bool   // newest first
	Turn
}

// Anomalies lists what folding found, in the order of the log or against it.
func (d *Desk) Anomalies(q AnomalyQuestion) (*Page[Anomaly], error) {
	if _, known := projections.Titles[q.Code]; q.Code != "" && !known {
		return nil, &BadQuestion{Place: "code", Value: q.Code, Reason: "no such code: GET /v1/anomaly-codes lists them"}
	}
	v := d.tables.View()
	rows, err := v.Anomalies(
		projections.AnomalyFilter{Code: q.Code, Agency: q.Agency, Subject: q.Subject, From: q.From},
		projections.Page{After: q.After, Limit: q.limit(), Reverse: q.Newest},
	)
	return pageOf(d.asOf(v), rows, err, anomaly)
}

func anomaly(a *projections.Anomaly) Anomaly {
	out := Anomaly{
		Index: a.Index, Code: a.Code, Title: titled(projections.Titles[a.Code]), Message: a.Message, Projection: a.Projection,
		Type: a.Type, Agency: a.Agency, Jurisdiction: a.Jurisdiction, Subjects: a.Subjects,
		Expected: a.Expected, Actual: a.Actual, Currency: a.Currency, Explain: a.Explain, Other: a.Other, Waiting: a.Waiting,
	}
	if a.Currency != "" && a.Expected != nil && a.Actual != nil {
		if difference, err := money.Amount(*a.Actual).Sub(money.Amount(*a.Expected)); err == nil {
			out.Difference = new(sum(int64(difference), a.Currency))
		}
	}
	return out
}

// AnomalyCodes lists every code with how often it stands.
func (d *Desk) AnomalyCodes() (*Page[AnomalyCount], error) {
	v := d.tables.View()
	counts := v.AnomalyCounts(projections.AnomalyFilter{})
	codes := slices.Sorted(maps.Keys(projections.Titles))
	page := &Page[AnomalyCount]{AsOf: d.asOf(v), Items: each(codes, func(code string) AnomalyCount {
		return AnomalyCount{Code: code, Title: titled(projections.Titles[code]), Count: counts[code]}
	})}
	return page, page.AsOf.whole()
}

func titled(t projections.Title) Title { return Title{ZH: t.ZH, EN: t.EN} }
