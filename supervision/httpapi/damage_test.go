package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/ledger/ledgertest"
	"civicledger/ledger/suite"
	"civicledger/supervision"
	"civicledger/supervision/httpapi"
)

// rottenStore cannot read one entry any more, as a book with a bad frame.
type rottenStore struct {
	*ledgertest.Memory
	bad atomic.Uint64 // the entry and one; 0: none
}

// rot is the error about it.
type rot struct{ at uint64 }

func (e *rot) Error() string { return "the checksum is wrong" }
func (e *rot) Unwrap() error { return ledger.ErrDamaged }
func (e *rot) Damages() []ledger.Damage {
	return []ledger.Damage{{First: e.at, Last: e.at, File: "book/0.seg", Offset: 1234, Reason: e.Error()}}
}

func (s *rottenStore) Commits(from uint64) iter.Seq2[*ledger.Commit, error] {
	return func(yield func(*ledger.Commit, error) bool) {
		for c, err := range s.Memory.Commits(from) {
			if bad := s.bad.Load(); err == nil && c.Prev.Size < bad && bad <= c.Head.Size && from < bad {
				yield(nil, &rot{bad - 1})
				return
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

// rottenIndex finds its own files damaged.
type rottenIndex struct {
	*ledgertest.MemoryIndex
	bad atomic.Bool
}

func (x *rottenIndex) Timeline(subject string, from uint64, limit int) ([]uint64, error) {
	if x.bad.Load() {
		return nil, fmt.Errorf("%w: a page", ledger.ErrIndex)
	}
	return x.MemoryIndex.Timeline(subject, from, limit)
}

// damagedState is how a ledger came to be damaged. Its log has the entries 0 to
// 10: genesis, enrolment, fund f2, fund f3, payments P4 and P5 to one person,
// funds f6 to f8, and the person's payments P9 and P10, each in a commit of its own.
type damagedState struct {
	bad   uint64 // the entry; where only the index is wrong, none
	index bool
	// reach makes it so. The tables follow before, if the ledger is running.
	reach func(r *rig, d *damagedState)
	only  bool // opened for reading
	rests uint64
	lost  bool // with hashes that proofs need
}

func (d *damagedState) spoil(r *rig) { r.store.bad.Store(d.bad + 1) }

// reopen closes the ledger and opens it for reading.
func (d *damagedState) reopen(r *rig) {
	r.must(r.ledger.Close())
	d.spoil(r)
	r.cfg.ReadOnly, r.cfg.Audit.Rate = true, 1
	r.store.Memory, r.index.MemoryIndex = r.store.Reopen(), r.index.Reopen()
	var err error
	r.ledger, err = ledger.Open(context.Background(), r.cfg)
	r.must(err)
	r.t.Cleanup(func() { r.ledger.Close() })
	r.serve()
	if err := r.tables.CatchUp(context.Background()); !errors.Is(err, ledger.ErrDamaged) {
		r.t.Fatalf("the tables went over a hole: %v", err)
	}
}

var damagedStates = map[string]damagedState{
	"found by a repeated submission": {bad: 5, rests: 11, reach: func(r *rig, d *damagedState) {
		d.spoil(r)
		wait, err := r.ledger.Submit(context.Background(), r.sent[3]) // P5
		if err == nil {
			_, err = wait(context.Background())
		}
		if !errors.Is(err, ledger.ErrStopped) || !strings.Contains(err.Error(), "entry 5 is not what was signed") {
			r.t.Errorf("the sender hears %v", err)
		}
	}},
	"found by a reader": {bad: 5, rests: 11, reach: func(r *rig, d *damagedState) {
		d.spoil(r)
		r.refused("/v1/entries/5", http.StatusServiceUnavailable)
	}},
	"found by the self-audit": {bad: 10, rests: 11, reach: func(r *rig, d *damagedState) {
		// The near walk has not read the newest entry, or reads the next one.
		d.spoil(r)
		if sub := r.sub(paidOut("P11", "f2", "2026-07", 100)); r.ledger.Err() == nil {
			if wait, err := r.ledger.Submit(context.Background(), sub); err == nil {
				_, _ = wait(context.Background())
			}
		}
		r.get("/v1/entries/10") // at the latest
		<-r.ledger.Stopped()
		_ = r.tables.CatchUp(context.Background()) // with what was recorded in between
	}},
	"found in the index":           {bad: 99, index: true, rests: 11, reach: func(r *rig, _ *damagedState) { r.index.bad.Store(true); r.get("/v1/subjects/" + person) }},
	"read-only, in the middle":     {bad: 5, only: true, rests: 5, reach: func(r *rig, d *damagedState) { d.reopen(r) }},
	"read-only, the first frame":   {bad: 0, only: true, rests: 0, reach: func(r *rig, d *damagedState) { d.reopen(r) }},
	"read-only, the last frame":    {bad: 10, only: true, rests: 10, lost: true, reach: func(r *rig, d *damagedState) { d.reopen(r) }},
	"read-only, before everything": {bad: 1, only: true, rests: 1, reach: func(r *rig, d *damagedState) { d.reopen(r) }},
}

// TestDamage_EachStateAtEachDoor: whoever found damage, and wherever it is, every
// door says so, answers from what stands, and never calls a thing absent that may
// only be unreadable.
func TestDamage_EachStateAtEachDoor(t *testing.T) {
	for name, state := range damagedStates {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.says(opened("f2", "资金二", "CNY"))
			r.says(opened("f3", "资金三", "CNY"))
			for _, p := range []string{"P4", "P5"} {
				r.says(paidOut(p, "f2", "2026-07", 100))
			}
			for _, f := range []string{"f6", "f7", "f8"} {
				r.says(opened(f, "资金"+f, "CNY"))
			}
			for _, p := range []string{"P9", "P10"} {
				r.says(paidOut(p, "f2", "2026-07", 100))
			}
			r.follow()
			state.reach(r, &state)
			doors := &doors{rig: r, state: &state, size: r.ledger.Head().Size}
			t.Run("entries", doors.entries)
			t.Run("subjects", doors.subjects)
			t.Run("tables", doors.tables)
			t.Run("how it is", doors.howItIs)
			t.Run("sender", doors.sender)
		})
	}
}

type doors struct {
	*rig
	state *damagedState
	size  uint64
}

// said checks what an answer says about damage.
func (d *doors) said(t *testing.T, where string, got *supervision.Damaged) {
	t.Helper()
	if got == nil {
		t.Errorf("%s does not say that the ledger is damaged", where)
		return
	}
	if d.state.index {
		if got.First != nil || got.Standing != d.size || !strings.Contains(got.Cause, "index") {
			t.Errorf("%s says %+v", where, got)
		}
		return
	}
	if got.First == nil || *got.First != d.state.bad || *got.Last != d.state.bad || got.Standing != d.size-1 || !strings.Contains(got.Cause, "book/0.seg at byte 1234") {
		t.Errorf("%s says %+v", where, got)
	}
}

// unanswered is a question that cannot be answered because of damage.
func (d *doors) unanswered(t *testing.T, path string) {
	t.Helper()
	status, header, body := d.get(path)
	var p httpapi.Problem
	if err := json.Unmarshal(body, &p); err != nil || status != http.StatusServiceUnavailable || p.Damaged == nil || p.Cure == "" || header.Get("Retry-After") != "" {
		t.Errorf("%s: %d %s", path, status, body)
	}
}

func (d *doors) entries(t *testing.T) {
	verifier := d.verifier()
	for i := range d.size {
		path := fmt.Sprintf("/v1/entries/%d", i)
		if i == d.state.bad {
			d.unanswered(t, path)
			d.unanswered(t, path+"/raw")
			d.unanswered(t, path+"/proof")
			continue
		}
		e := ask[supervision.Answer[supervision.Entry]](d.rig, path)
		if e.Item.Index != i || e.AsOf.Size != d.size {
			t.Errorf("%s: %+v", path, e)
		}
		d.said(t, path, e.AsOf.Damaged)
		_, _, raw := d.get(path + "/raw")
		if d.state.lost {
			d.unanswered(t, path+"/proof")
			continue
		}
		_, _, text := d.get(path + "/proof")
		p, err := chain.ParseLogProof(text)
		if err == nil {
			_, _, err = p.Verify(suite.Default(), raw, verifier)
		}
		if err != nil {
			t.Errorf("the proof of entry %d: %v %s", i, err, text)
		}
	}
	d.refused(fmt.Sprintf("/v1/entries/%d", d.size), http.StatusNotFound)
	for i, sub := range d.sent { // each of one entry, from entry 2 on
		digest := sub.Digest(suite.Default(), origin)
		path := fmt.Sprintf("/v1/receipts/%x", digest[:])
		if d.state.bad == uint64(i)+2 || d.state.lost {
			d.unanswered(t, path)
			continue
		}
		status, _, body := d.get(path)
		receipt, err := chain.ParseReceipt(body)
		if err == nil {
			err = receipt.Verify(sub.Lines, verifier)
		}
		if err != nil {
			t.Errorf("the receipt of entry %d: %d %v", i+2, status, err)
		}
	}
	d.refused("/v1/receipts/"+strings.Repeat("0", 64), http.StatusNotFound)
	var got []uint64
	for path := "/v1/entries?limit=3"; path != ""; {
		page := ask[supervision.Page[supervision.Entry]](d.rig, path)
		d.said(t, path, page.AsOf.Damaged)
		for _, e := range page.Items {
			got = append(got, e.Index)
		}
		if path = ""; page.Next != "" {
			path = "/v1/entries?limit=3&cursor=" + page.Next
		}
	}
	if want := d.size - 1; uint64(len(got)) != want && !d.state.index {
		t.Errorf("the list has %d, want %d", got, want)
	}
	if d.state.bad == d.size-1 {
		d.unanswered(t, fmt.Sprintf("/v1/entries?from=%d", d.state.bad))
	}
}

func (d *doors) subjects(t *testing.T) {
	path := "/v1/subjects/" + person
	if d.state.index {
		d.unanswered(t, path)
		return
	}
	page := ask[supervision.Page[supervision.Mention]](d.rig, path)
	d.said(t, path, page.AsOf.Damaged)
	if len(page.Items) != 4 && d.size == 11 {
		t.Errorf("%d entries of the person: %+v", len(page.Items), page.Items)
	}
	for _, m := range page.Items {
		if damaged := strings.Contains(m.Summary, "damaged"); damaged != (m.Index == d.state.bad) {
			t.Errorf("%+v", m)
		}
	}
	ask[supervision.Page[supervision.Mention]](d.rig, "/v1/subjects/st1.1.zbcdefghijklmnopqrstuvwxya") // the index has all: nobody
}

func (d *doors) tables(t *testing.T) {
	whole := d.state.rests == d.size || !d.state.only
	var funds int
	status, _, body := d.get("/v1/funds")
	var page supervision.Page[supervision.Fund]
	d.must(json.Unmarshal(body, &page))
	switch {
	case d.state.rests <= 2:
		d.unanswered(t, "/v1/funds")
		d.unanswered(t, "/v1/funds/f2")
	case status != http.StatusOK:
		t.Fatalf("funds: %d %s", status, body)
	default:
		d.said(t, "/v1/funds", page.AsOf.Damaged)
		if page.AsOf.Size < d.state.rests || page.AsOf.Damaged.Incomplete == whole {
			t.Errorf("funds: %+v", page.AsOf)
		}
		one := ask[supervision.Answer[supervision.FundDetail]](d.rig, "/v1/funds/f2")
		d.said(t, "/v1/funds/f2", one.AsOf.Damaged)
		funds = len(page.Items)
	}
	if whole && funds != 5 {
		t.Errorf("%d funds", funds)
	}
	absent := []string{"/v1/funds/nobody", "/v1/organisations/nobody", "/v1/draws/ssq/2026001", "/v1/donations/nobody", "/v1/agencies/nobody"}
	empty := []string{
		"/v1/lists/serious", "/v1/lists/abnormal", "/v1/organisations?text=nobody", "/v1/funds?text=nobody", "/v1/draws", "/v1/donations",
		"/v1/games", "/v1/welfare-fund", "/v1/anomalies?code=transfer-mismatch",
	}
	for _, path := range append(append([]string{"/v1/lists", "/v1/anomaly-codes"}, absent...), empty...) {
		if !whole {
			d.unanswered(t, path)
		}
	}
	if whole {
		for _, path := range absent {
			d.refused(path, http.StatusNotFound)
		}
		for _, path := range empty {
			page := ask[supervision.Page[any]](d.rig, path)
			d.said(t, path, page.AsOf.Damaged)
		}
		lists := ask[supervision.Page[supervision.List]](d.rig, "/v1/lists")
		d.said(t, "/v1/lists", lists.AsOf.Damaged)
	}
	d.refused("/v1/lists/other", http.StatusNotFound)
	if !whole {
		d.unanswered(t, fmt.Sprintf("/v1/funds?min=%d", d.size-1))
	}
}

func (d *doors) howItIs(t *testing.T) {
	names := fmt.Sprintf("entry %d is not what was signed (book/0.seg at byte 1234)", d.state.bad)
	if d.state.index {
		names = "the index is not what was written"
	}
	code, _, body := d.get("/healthz")
	if code != http.StatusServiceUnavailable || !strings.Contains(string(body), names) {
		t.Errorf("healthz: %d %s", code, body)
	}
	code, _, body = d.get("/readyz")
	if want := map[bool]int{true: http.StatusOK, false: http.StatusServiceUnavailable}[d.state.only]; code != want || !strings.Contains(string(body), names) {
		t.Errorf("readyz: %d %s, want %d", code, body, want)
	}
	status := ask[supervision.Answer[supervision.Status]](d.rig, "/v1/status")
	d.said(t, "/v1/status", status.AsOf.Damaged)
	if s := status.Item; s.Running || s.ReadOnly != d.state.only || (s.Stopped == "") != d.state.only || len(s.Damaged) != 1 || !strings.Contains(s.Damaged[0], names) {
		t.Errorf("status %+v", s)
	}
}

func (d *doors) sender(t *testing.T) {
	_, err := d.ledger.Submit(context.Background(), d.sub(opened("f12", "资金", "CNY")))
	want := ledger.ErrStopped
	if d.state.only {
		want = ledger.ErrReadOnly
	}
	if !errors.Is(err, want) || (!d.state.only && !errors.Is(err, ledger.ErrDamaged)) {
		t.Errorf("a new submission: %v", err)
	}
}
