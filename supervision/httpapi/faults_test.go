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
}

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

func (f *faultyLog) Err() error { return f.stopped }

// behind puts a server on a faulty log in place of the rig's.
func (r *rig) behind(f *faultyLog) *bytes.Buffer {
	f.Ledger = r.ledger
	var logged bytes.Buffer
	server := httptest.NewServer(httpapi.New(httpapi.Config{
		Desk: supervision.New(f, r.tables), Log: slog.New(slog.NewTextHandler(&logged, nil)),
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
		{"damaged", fmt.Errorf("read segment: %w", ledger.ErrDamaged), http.StatusInternalServerError, "damaged", true},
		{"unknown", errors.New("secret detail of the disk"), http.StatusInternalServerError, "could not be made", true},
		{"closed", fmt.Errorf("read: %w", ledger.ErrClosed), http.StatusServiceUnavailable, "stopped", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.t = t
			logged := r.behind(&faultyLog{from: 2, read: c.err})
			for _, path := range []string{"/v1/entries/3", "/v1/entries", "/v1/subjects/" + person} {
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
