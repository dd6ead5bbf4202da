package projections

import (
	"slices"
	"strings"
)

// Codes of anomalies that the Runner itself finds. Those of the projections
// stand in their packages; Titles has them all.
const (
	CodeEntryUnreadable    = "entry-unreadable"
	CodeTypeUnknown        = "type-unknown"
	CodeCorrectionNotFound = "correction-not-found"
	CodeCorrectionOfOther  = "correction-of-other-type"
	CodeCorrectionOfVoid   = "correction-not-counted"
	CodeCorrectionRefused  = "correction-refused"
	CodeOutOfRange         = "sum-out-of-range"
	CodeUnknownFund        = "unknown-fund"
	CodeCurrencyMismatch   = "currency-mismatch"
	CodeFundOpenedTwice    = "fund-opened-twice"
	CodeTransferDuplicate  = "transfer-duplicate"
	CodeOrderDuplicate     = "recovery-ordered-twice"
	CodeSettledTwice       = "draw-settled-twice"
)

// runnerName is the Projection of what the Runner itself finds.
const runnerName = "log"

// Anomaly is something that folding found: an entry that could not be applied,
// or facts that do not fit each other. It is a lead, never a verdict.
type Anomaly struct {
	Index        uint64   `json:"index"`           // the entry it is about
	Code         string   `json:"code"`            // stable, see Titles
	Detail       string   `json:"detail,omitzero"` // tells apart several of one code on one entry
	Projection   string   `json:"projection"`      // which read model found it
	Type         string   `json:"type,omitzero"`   // of the event
	Agency       string   `json:"agency,omitzero"` // who said it
	Jurisdiction string   `json:"jurisdiction,omitzero"`
	Subjects     []string `json:"subjects,omitzero"` // fund, organisation key, draw, payment, …
	Message      string   `json:"message"`
	Other        *uint64  `json:"other,omitzero"`    // the entry that it does not fit
	Waiting      string   `json:"waiting,omitzero"`  // the fact that makes it count
	Expected     *int64   `json:"expected,omitzero"` // amounts in minor units, or counts
	Actual       *int64   `json:"actual,omitzero"`
	Currency     string   `json:"currency,omitzero"` // of Expected and Actual, "" for counts
	Explain      []string `json:"explain,omitzero"`  // lawful causes that are known to do this
}

// Correction says which later entry of the agency took the place of an entry.
type Correction struct {
	Index uint64 `json:"index"`
	By    uint64 `json:"by"`
}

func anomalyKey(index uint64, projection, code, detail string) string {
	return Uint(index) + Key(projection, code, detail)
}

func (a *Anomaly) key() string { return anomalyKey(a.Index, a.Projection, a.Code, a.Detail) }

var (
	anomalies   = NewTable("anomalies", (*Anomaly).key, nil)
	corrections = NewTable("corrections", func(c *Correction) string { return Uint(c.Index) }, nil)
)

// AnomalyFilter narrows a list of anomalies; zero fields accept all.
type AnomalyFilter struct {
	Code, Agency, Projection string
	Subject                  string // one of Subjects
	From, To                 uint64 // entries [From, To); To 0: no end
	// Jurisdiction decides by the jurisdiction of the entry; nil accepts all.
	Jurisdiction func(code string) bool
}

func (f *AnomalyFilter) accepts(a *Anomaly) bool {
	switch {
	case f.Code != "" && f.Code != a.Code,
		f.Agency != "" && f.Agency != a.Agency,
		f.Projection != "" && f.Projection != a.Projection,
		a.Index < f.From,
		f.To != 0 && a.Index >= f.To,
		f.Jurisdiction != nil && !f.Jurisdiction(a.Jurisdiction):
		return false
	}
	return f.Subject == "" || slices.Contains(a.Subjects, f.Subject)
}

// Anomalies lists what folding found, in the order of the log.
func (v *View) Anomalies(f AnomalyFilter, p Page) (Rows[Anomaly], error) {
	return anomalies.Page(v, "", p, f.accepts)
}

// AnomalyCounts counts what f accepts by code.
func (v *View) AnomalyCounts(f AnomalyFilter) map[string]int {
	counts := map[string]int{}
	for a := range anomalies.Rows(v, "") {
		if f.accepts(a) {
			counts[a.Code]++
		}
	}
	return counts
}

// AnomaliesOf returns what was found about one entry.
func (v *View) AnomaliesOf(index uint64) []*Anomaly {
	return slices.Collect(anomalies.Rows(v, Uint(index)))
}

// CorrectedBy returns the index of the entry that took the place of this one.
func (v *View) CorrectedBy(index uint64) (by uint64, ok bool) {
	c := corrections.Row(v, Uint(index))
	if c == nil {
		return 0, false
	}
	return c.By, true
}

// Title is a code in words.
type Title struct{ EN, ZH string }

// Titles has every code of an anomaly.
var Titles = map[string]Title{
	CodeEntryUnreadable:    {"Entry cannot be read", "条目无法解析"},
	CodeTypeUnknown:        {"Event type not in the catalogue", "事件类型未登记"},
	CodeCorrectionNotFound: {"Corrected event not found", "被更正事件不存在"},
	CodeCorrectionOfOther:  {"Correction of an event of another type", "更正事件类型不符"},
	CodeCorrectionOfVoid:   {"Correction of a correction that is not counted", "更正了未计入的更正事件"},
	CodeCorrectionRefused:  {"Correction refused: the word before stands", "更正未生效，原事件仍有效"},
	CodeOutOfRange:         {"Sum out of range", "金额汇总超出范围"},
	CodeUnknownFund:        {"Fund was not opened", "资金专户不存在"},
	CodeCurrencyMismatch:   {"Currency is not the fund's", "币种与专户不符"},
	CodeFundOpenedTwice:    {"Fund opened twice", "资金专户重复设立"},
	CodeTransferDuplicate:  {"Transfer said twice", "拨款编号重复"},
	CodeOrderDuplicate:     {"Recovery ordered twice", "追缴决定编号重复"},
	CodeSettledTwice:       {"Draw settled twice", "同一期重复开奖公告"},
}

// Declare adds the titles of a projection's codes, when the program starts.
func Declare(titles map[string]Title) struct{} {
	for code, title := range titles {
		if _, twice := Titles[code]; twice || strings.ToLower(code) != code {
			panic("projections: code declared twice or not in lower case: " + code)
		}
		Titles[code] = title
	}
	return struct{}{}
}

// Ptr is a pointer to a copy of n, for Expected and Actual.
func Ptr(n int64) *int64 { return &n }
