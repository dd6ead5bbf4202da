package httpapi_test

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"civicledger/ledger"
	"civicledger/supervision"
	"civicledger/supervision/httpapi"
)

// faultyLog is a ledger that cannot read entries from an index on, or has
// stopped.
type faultyLog struct {
	*ledger.Ledger
	from    uint64
	read    error
	stopped error
	full    error
	damaged *ledger.Damaged
	only    bool // opened for reading
}

func (f *faultyLog) Damaged() *ledger.Damaged { return f.damaged }

func (f *faultyLog) ReadOnly() bool { return f.only }

func (f *faultyLog) Full() error { return f.full }

func (f *faultyLog) Commits(from uint64) iter.Seq2[*ledger.Commit, error] {
	return func(yield func(*ledger.Commit, error) bool) {
		for c, err := range f.Ledger.Commits(from) {
			if f.read != nil && c.Head.Size > f.from {
				yield(nil, f.read)
				return
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

func (f *faultyLog) Prove(index uint64) (*ledger.Proven, error) {
	if f.read != nil && index >= f.from {
		return nil, f.read
	}
	return f.Ledger.Prove(index)
}

func (f *faultyLog) Err() error { return f.stopped }

// behind puts a server on a faulty log in place of the rig's.
func (r *rig) behind(f *faultyLog) *bytes.Buffer {
	f.Ledger = r.ledger
	var logged bytes.Buffer
	r.desk = supervision.New(f, r.tables)
	server := httptest.NewServer(httpapi.New(httpapi.Config{
		Desk: r.desk, Log: slog.New(slog.NewTextHandler(&logged, nil)),
	}))
	r.t.Cleanup(server.Close)
	r.server = server
	return &logged
}

func TestFaults_WhatCannotBeRead(t *testing.T) {
	r := newRig(t)
	r.says(opened("relief-2026", "临时救助资金", "CNY"))
	r.says(paidOut("P1", "relief-2026", "2026-07", 100))
	r.follow()
	for _, c := range []struct {
		name   string
		err    error
		status int
		says   string
		logged bool
	}{
		{"damaged", fmt.Errorf("read segment: %w", ledger.ErrDamaged), http.StatusServiceUnavailable, "damaged", false},
		{"unknown", errors.New("secret detail of the disk"), http.StatusInternalServerError, "could not be made", true},
		{"closed", fmt.Errorf("read: %w", ledger.ErrClosed), http.StatusServiceUnavailable, "stopped", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.t = t
			logged := r.behind(&faultyLog{from: 2, read: c.err})
			for _, path := range []string{"/v1/entries/3", "/v1/entries/3/raw", "/v1/entries/2/proof", "/v1/entries", "/v1/subjects/" + person} {
				if strings.Contains(path, "subjects") && errors.Is(c.err, ledger.ErrDamaged) {
					continue // it says which entries name the person
				}
				p := r.refused(path, c.status)
				if !strings.Contains(p.Detail, c.says) || strings.Contains(p.Detail, "secret") {
					t.Errorf("%s: %+v", path, p)
				}
			}
			if told := strings.Contains(logged.String(), c.err.Error()); told != c.logged {
				t.Errorf("logged: %s", logged)
			}
			// What stands before it is still answered, and what the tables hold.
			e := ask[supervision.Answer[supervision.Entry]](r, "/v1/entries/1")
			if e.Item.Index != 1 || e.AsOf.Index != 3 || e.AsOf.Recorded != "" {
				t.Errorf("entry 1: %+v", e.AsOf)
			}
			ask[supervision.Answer[supervision.FundDetail]](r, "/v1/funds/relief-2026")
		})
	}
}

func TestFaults_StoppedLedgerAnswersAndSaysSo(t *testing.T) {
	r := newRig(t)
	r.says(opened("relief-2026", "临时救助资金", "CNY"))
	r.follow()
	r.behind(&faultyLog{stopped: errors.New("write segment: no space left")})
	status := ask[supervision.Answer[supervision.Status]](r, "/v1/status").Item
	if status.Running || !strings.Contains(status.Stopped, "no space left") {
		t.Errorf("status: %+v", status)
	}
	if code, _, body := r.get("/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(string(body), "stopped") {
		t.Errorf("readyz: %d %s", code, body)
	}
	if page := ask[supervision.Page[supervision.Fund]](r, "/v1/funds"); len(page.Items) != 1 {
		t.Errorf("funds: %+v", page.Items)
	}
}

// TestFaults_Health holds /healthz and /readyz against each state that they
// tell apart.
func TestFaults_Health(t *testing.T) {
	damaged := func(first uint64) *ledger.Damaged {
		return &ledger.Damaged{Found: []*ledger.Mismatch{{Found: "the far walk", Damage: ledger.Damage{First: first, Last: 5, File: "book/0.seg", Offset: 1234, Reason: "checksum"}}}}
	}
	mismatch := damaged(4).Found[0]
	for name, c := range map[string]struct {
		log             *faultyLog
		behind          bool // the tables do not follow
		health, ready   int
		healthz, readyz string
	}{
		"all is well":     {log: &faultyLog{}, health: 200, ready: 200, healthz: "ok", readyz: "ready"},
		"tables built":    {log: &faultyLog{}, behind: true, health: 200, ready: 503, healthz: "ok", readyz: "0 of 3 entries"},
		"read-only":       {log: &faultyLog{only: true}, health: 200, ready: 200, healthz: "ok", readyz: "ready"},
		"a damaged copy":  {log: &faultyLog{only: true, damaged: damaged(1)}, health: 503, ready: 200, healthz: "the ledger is damaged: the far walk found that entries 1 to 5", readyz: "first 3 entries: the far walk found that entries 1 to 5"},
		"and being built": {log: &faultyLog{only: true, damaged: damaged(1)}, behind: true, health: 503, ready: 503, healthz: "is damaged", readyz: "0 of 1 entries are applied"},
		"disk full":       {log: &faultyLog{full: ledger.ErrNoSpace}, health: 200, ready: 200, healthz: "ok; reading only", readyz: "ready; reading only, nothing is taken in: the disk is nearly full"},
		"stopped":         {log: &faultyLog{stopped: ledger.ErrClock}, health: 503, ready: 503, healthz: "clock", readyz: "clock"},
		"found by itself": {log: &faultyLog{stopped: mismatch, damaged: damaged(4)}, health: 503, ready: 503, healthz: "entries 4 to 5 are not what was signed (book/0.seg at byte 1234)", readyz: "entries 4 to 5"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.says(opened("relief-2026", "临时救助资金", "CNY"))
			if !c.behind {
				r.follow()
			}
			r.behind(c.log)
			for path, want := range map[string]struct {
				code int
				text string
			}{"/healthz": {c.health, c.healthz}, "/readyz": {c.ready, c.readyz}} {
				code, header, body := r.get(path)
				if code != want.code || !strings.Contains(string(body), want.text) || !strings.HasPrefix(header.Get("Content-Type"), "text/plain") {
					t.Errorf("%s: %d %q, want %d and %q", path, code, body, want.code, want.text)
				}
			}
			if status := ask[supervision.Answer[supervision.Status]](r, "/v1/status").Item; (status.Waiting != "") != (c.log.full != nil) || (status.Stopped != "") != (c.log.stopped != nil) ||
				status.Running != (c.log.stopped == nil && !c.log.only) || status.ReadOnly != c.log.only || (len(status.Damaged) > 0) != (c.log.damaged != nil) {
				t.Errorf("status %+v", status)
			}
		})
	}
}
