package projections_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"civicledger/ledger/keys"
	"civicledger/ledger/suite"
	"civicledger/projections"
	"civicledger/projections/agencies"
	"civicledger/projections/charity"
	"civicledger/projections/credit"
	"civicledger/projections/funds"
	"civicledger/projections/lottery"
	"civicledger/projections/projectionstest"
)

var operator = sync.OnceValues(func() (*keys.Key, error) { return keys.Generate(suite.Default()) })

func newLog(t testing.TB) *projectionstest.Log {
	t.Helper()
	key, err := operator()
	if err != nil {
		t.Fatal(err)
	}
	return projectionstest.New(t, key)
}

func newRunner(t testing.TB, log projections.Log, batch int) *projections.Runner {
	t.Helper()
	r, err := projections.New(log, agencies.New(), funds.New(), charity.New(), credit.New(), lottery.New())
	if err != nil {
		t.Fatal(err)
	}
	r.SetBatch(batch)
	return r
}

func catchUp(t testing.TB, r *projections.Runner) *projections.View {
	t.Helper()
	if err := r.CatchUp(context.Background()); err != nil {
		t.Fatal(err)
	}
	return r.View()
}

func digests(t testing.TB, v *projections.View) map[string][32]byte {
	t.Helper()
	d, err := v.Digests()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// everything makes events of all families.
func everything() map[string]func(*rand.Rand) any {
	all := map[string]func(*rand.Rand) any{}
	for _, makers := range []map[string]func(*rand.Rand) any{
		projectionstest.Money, projectionstest.Donations, projectionstest.Credit, projectionstest.Lottery,
	} {
		maps.Copy(all, makers)
	}
	return all
}

func TestRunner_RebuildEqualsIncremental(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7))
			log := newLog(t)
			log.SayAll(r, projectionstest.Random(r, 900, everything()))
			rebuilt := digests(t, catchUp(t, newRunner(t, log, 1_000_000)))
			one := digests(t, catchUp(t, newRunner(t, log, 1)))
			stops := newRunner(t, log, 1+r.IntN(50))
			for size := uint64(1); size < log.Head().Size; size += 1 + r.Uint64N(300) {
				log.Show(size)
				catchUp(t, stops)
			}
			log.Show(0)
			stopped := digests(t, catchUp(t, stops))
			for table, want := range rebuilt {
				if one[table] != want || stopped[table] != want {
					t.Errorf("table %s: all at once %x, commit by commit %x, with stops %x", table, want, one[table], stopped[table])
				}
			}
			if v := stops.View(); v.AsOf().Size != log.Head().Size || v.AsOf().Checkpoint != string(log.Checkpoint()) {
				t.Errorf("position %d, head %d", v.AsOf().Size, log.Head().Size)
			}
		})
	}
}

func TestRunner_Corrections(t *testing.T) {
	log := newLog(t)
	line := func(id, corrects, fund string) []byte {
		return projectionstest.Line(t, "bureau", "fund.opened.v1", id, corrects, map[string]any{
			"fund": fund, "name": "synthetic", "currency": "CNY", "holder": map[string]any{"name": "民政局"},
		})
	}
	log.Say("bureau", line("a", "", "one"))
	second := log.Say("bureau", line("b", "a", "two"), line("c", "b", "three"))
	log.Say("bureau", line("d", "b", "four")) // the latest word counts, whichever it names
	latest := log.Say("bureau", line("e", "a", "five"))
	missing := log.Say("bureau", line("f", "later", "six"))
	log.Say("bureau", line("later", "", "seven"))
	foreign := log.Say("charity", projectionstest.Line(t, "charity", "fund.opened.v1", "a2", "a", map[string]any{
		"fund": "eight", "name": "synthetic", "currency": "CNY", "holder": map[string]any{"name": "民政局"},
	}))
	other := log.Say("bureau", projectionstest.Line(t, "bureau", "budget.allocated.v1", "g", "c", map[string]any{
		"fund": "three", "holder": map[string]any{"name": "民政局"}, "amount": 5, "currency": "CNY", "year": 2026,
	}))
	v := catchUp(t, newRunner(t, log, 1))

	rows, err := funds.From(v).Funds(funds.FundFilter{}, projections.Page{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range rows.Items {
		names = append(names, f.Fund)
	}
	if got := strings.Join(names, " "); got != "five seven" {
		t.Errorf("funds %q, want five and seven: the latest word and what was said afresh", got)
	}
	for index, code := range map[uint64]string{
		missing: projections.CodeCorrectionNotFound,
		foreign: projections.CodeCorrectionNotFound, other: projections.CodeCorrectionOfOther,
	} {
		if found := v.AnomaliesOf(index); len(found) != 1 || found[0].Code != code {
			t.Errorf("entry %d: %v, want one %s", index, found, code)
		}
	}
	if by, ok := v.CorrectedBy(second); !ok || by != latest {
		t.Errorf("entry %d is corrected by %d (%v), want %d", second, by, ok, latest)
	}
	void := log.Say("bureau", line("h", "f", "nine"))
	if found := catchUp(t, newRunner(t, log, 1)).AnomaliesOf(void); len(found) != 1 || found[0].Code != projections.CodeCorrectionOfVoid {
		t.Errorf("correction of one that is not counted: %v", found)
	}
}

func TestRunner_UnreadableEntriesAreAnomalies(t *testing.T) {
	log := newLog(t)
	bad := log.Say(
		"bureau",
		[]byte(`{"id":"1","source":"urn:test:bureau","type":"subsidy.paid.v1","oops":1}`),
		[]byte(`{"specversion":"1.0","id":"2","source":"urn:test:bureau","type":"no.such.type.v1","time":"2026-01-01T00:00:00Z","data":{}}`),
		[]byte(`{"specversion":"1.0","id":"3","source":"urn:test:bureau","type":"fund.opened.v1","time":"2026-01-01T00:00:00Z","data":{"fund":1}}`),
		[]byte(`{"specversion":"1.0","id":"4","source":"urn:test:bureau","type":"fund.opened.v1","time":"2026-01-01T00:00:00Z","data":{}}`),
	)
	v := catchUp(t, newRunner(t, log, 10))
	for i, code := range []string{projections.CodeEntryUnreadable, projections.CodeTypeUnknown, projections.CodeEntryUnreadable} {
		if found := v.AnomaliesOf(bad + uint64(i)); len(found) != 1 || found[0].Code != code || found[0].Agency != "bureau" {
			t.Errorf("line %d: %v, want one %s", i+1, found, code)
		}
	}
	if a := agencies.From(v).Agency("bureau"); a == nil || a.Entries != 4 {
		t.Errorf("agency %+v, want 4 entries", a)
	}
	if v.AsOf().Size != log.Head().Size {
		t.Errorf("stopped at %d of %d", v.AsOf().Size, log.Head().Size)
	}
}

// A view is all of a batch or none, and never moves.
func TestRunner_ViewsAreSnapshots(t *testing.T) {
	log := newLog(t)
	r := newRunner(t, log, 10)
	before := r.View()
	if before.AsOf().Size != 0 {
		t.Fatalf("a new runner is at %d", before.AsOf().Size)
	}
	first := catchUp(t, r)
	log.Say("bureau", projectionstest.Line(t, "bureau", "fund.opened.v1", "a", "", map[string]any{
		"fund": "one", "name": "synthetic", "currency": "CNY", "holder": map[string]any{"name": "民政局"},
	}))
	second := catchUp(t, r)
	if funds.From(first).Fund("one") != nil || funds.From(second).Fund("one") == nil {
		t.Error("the earlier view moved, or the later one did not")
	}
	if first.AsOf().Size != 1 || second.AsOf().Size != 2 || agencies.From(first).Ledger() == nil {
		t.Errorf("views at %d and %d", first.AsOf().Size, second.AsOf().Size)
	}
}

func TestRunner_RunFollowsAndWaitWakes(t *testing.T) {
	log := newLog(t)
	r := newRunner(t, log, 10)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	index := log.Say("bureau", projectionstest.Line(t, "bureau", "fund.opened.v1", "a", "", map[string]any{
		"fund": "one", "name": "synthetic", "currency": "CNY", "holder": map[string]any{"name": "民政局"},
	}))
	if err := r.Wait(ctx, index); err != nil {
		t.Fatal(err)
	}
	if funds.From(r.View()).Fund("one") == nil || r.Lag() != 0 {
		t.Errorf("entry %d is there but its fund is not; lag %d", index, r.Lag())
	}
	ended2 := make(chan error, 1)
	short, cancel := context.WithCancel(ctx)
	go func() { ended2 <- r.Wait(short, index+1) }()
	cancel()
	if err := <-ended2; !errors.Is(err, context.Canceled) {
		t.Errorf("waiting for an entry that never comes: %v, want the context's end", err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("run: %v", err)
	}
}

// unreadable is a log whose older entries cannot be read again.
type unreadable struct {
	*projectionstest.Log
	err error
}

func (l *unreadable) Entry(uint64) ([]byte, error) { return nil, l.err }

// An older entry that must be moved and cannot be read ends the Runner: the
// tables stay as they were, for good.
func TestRunner_OlderEntryUnreadable(t *testing.T) {
	log := &unreadable{Log: newLog(t), err: errors.New("damaged")}
	log.Say("bureau", projectionstest.Line(t, "bureau", "budget.allocated.v1", "b", "", map[string]any{
		"fund": "one", "holder": map[string]any{"name": "民政局"}, "amount": 5, "currency": "CNY", "year": 2026,
	}))
	r := newRunner(t, log, 10)
	before := catchUp(t, r).AsOf().Size
	log.Say("bureau", projectionstest.Line(t, "bureau", "fund.opened.v1", "a", "", map[string]any{
		"fund": "one", "name": "synthetic", "currency": "CNY", "holder": map[string]any{"name": "民政局"},
	}))
	for range 2 {
		if err := r.CatchUp(context.Background()); !errors.Is(err, log.err) {
			t.Fatalf("catch up: %v, want %v", err, log.err)
		}
		log.Say("bureau", []byte(fmt.Sprintf(`{"id":"%d","source":"urn:test:bureau","type":"person.died.v1"}`, log.Head().Size)))
		if v := r.View(); v.AsOf().Size != before || v.Waiting("bureau") != 1 || funds.From(v).Fund("one") != nil {
			t.Errorf("tables moved to %d, want them at %d as they were", v.AsOf().Size, before)
		}
	}
}
