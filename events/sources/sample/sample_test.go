package sample

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"civicledger/events"
	"civicledger/events/catalogue"
	"civicledger/ledger/chain"
	"civicledger/ledger/roster"
)

// Everything the sample says would be accepted from the agency that says it.
func TestEvents_WouldBeAccepted(t *testing.T) {
	total := 0
	for _, a := range Agencies() {
		if err := chain.CheckAgency(a.Name); err != nil {
			t.Error(err)
		}
		if !strings.Contains(a.Title, "样例") && !strings.Contains(a.Title, "虚构") {
			t.Errorf("%s: the title %q does not say that it is a sample", a.Name, a.Title)
		}
		lines := Events(a.Name)
		if len(lines) == 0 {
			t.Errorf("%s says nothing", a.Name)
		}
		seen := map[string]bool{}
		for _, line := range lines {
			e := accepted(t, a, line)
			if seen[e.Source+" "+e.ID] {
				t.Errorf("%s: id %s stands twice", a.Name, e.ID)
			}
			seen[e.Source+" "+e.ID] = true
			total += len(line)
		}
		t.Logf("%s: %d events", a.Name, len(lines))
	}
	if embedded := len(read("draws.csv")) + len(read("sanctions.csv")) + len(read("welfare_fund.csv")); embedded > 200_000 {
		t.Errorf("the embedded files have %d bytes, want at most 200000", embedded)
	}
	if total == 0 {
		t.Error("the sample is empty")
	}
}

func accepted(t *testing.T, a Agency, line []byte) *events.Event {
	t.Helper()
	e, problems := events.Parse(line)
	if problems != nil {
		t.Fatalf("%s: %v: %s", a.Name, problems, line)
	}
	typ, ok := catalogue.Lookup(e.Type)
	if !ok {
		t.Fatalf("%s: no type %s", a.Name, e.Type)
	}
	if problems := typ.Validate(e); problems != nil {
		t.Errorf("%s: %v: %s", a.Name, problems, line)
	}
	// The demonstration must load on a machine whose clock is a little behind.
	if e.Time.After(time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%s: %s happens at %s, want before February 2026", a.Name, e.ID, e.Time)
	}
	granted := func(patterns []string, covers func(string, string) bool, what string) bool {
		for _, p := range patterns {
			if covers(p, what) {
				return true
			}
		}
		return false
	}
	if !granted(a.Types, roster.TypeCovers, e.Type) || !granted(a.Jurisdictions, roster.Covers, e.Jurisdiction) {
		t.Errorf("%s may not say %s for %s", a.Name, e.Type, e.Jurisdiction)
	}
	if !strings.HasPrefix(e.Source, a.Source) {
		t.Errorf("%s: source %s does not lie under %s", a.Name, e.Source, a.Source)
	}
	return e
}

// Invented things say so; real ones name where they were published.
func TestEvents_SyntheticOrSourced(t *testing.T) {
	invented := map[string]bool{"bj-mzj-sample": true, "haidian-mzj-sample": true, "chaoyang-mzj-sample": true, "charity-sample": true}
	for _, a := range Agencies() {
		for _, line := range Events(a.Name) {
			marked := bytes.Contains(line, []byte(`"synthetic":true`))
			sourced := bytes.Contains(line, []byte(`"evidence":"http`))
			if marked != invented[a.Name] || !marked && !sourced {
				t.Errorf("%s: synthetic %v, sourced %v: %s", a.Name, marked, sourced, line)
			}
		}
	}
}

// A draw that anybody can look up.
func TestEvents_KnownDraw(t *testing.T) {
	for _, line := range Events("cwl-sample") {
		e, problems := events.Parse(line)
		if problems != nil || e.ID != "ssq-2024022" {
			continue
		}
		d, err := catalogue.Decode[catalogue.DrawSettled](e)
		if err != nil {
			t.Fatal(err)
		}
		if *d.Sales != 38875992600 || *d.Pool != 221176550400 || d.Prizes[0].Winners != 27 || d.Prizes[0].Each != 558199100 {
			t.Errorf("draw 2024022: sales %d, pool %d, first prize %+v", *d.Sales, *d.Pool, d.Prizes[0])
		}
		return
	}
	t.Error("draw 2024022 is not in the sample")
}

func TestEvents_UnknownAgency(t *testing.T) {
	if lines := Events("nobody"); lines != nil {
		t.Errorf("an unknown agency says %d lines", len(lines))
	}
}
