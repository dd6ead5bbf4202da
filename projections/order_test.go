package projections_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"civicledger/ledger/chain"
	"civicledger/projections"
	"civicledger/projections/projectionstest"
)

// Tables do not depend on who came first: whatever the order in which the
// submissions of several agencies arrive, the rows are the same in the end.
func TestOrder_TablesDoNotDependOnIt(t *testing.T) {
	for seed := range uint64(8) {
		few, events, orders := 6, 100, 300
		if seed < 2 {
			few = 30
		}
		if testing.Short() {
			orders = 10
		}
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 11))
			subs := cut(r, projectionstest.Random(r, events, everything()), few)
			var want map[string][]string
			subs.orders(r, orders, func(order submissions) {
				if t.Failed() {
					return
				}
				log := newLog(t)
				order.say(t, log)
				v := catchUp(t, newRunner(t, log, 1+r.IntN(300)))
				rows := rowsOf(t, log, v)
				if want == nil {
					want = rows
				}
				if d := differences(want, rows); d != "" {
					t.Errorf("another order, other rows:\n%s", d)
				}
			})
		})
	}
}

// submissions is a history cut into what was said at once.
type submissions [][]projectionstest.Said

// cut cuts a history into submissions of one agency each, at most n.
func cut(r *rand.Rand, said []projectionstest.Said, n int) submissions {
	var subs submissions
	for _, s := range said {
		last := len(subs) - 1
		if last >= 0 && subs[last][0].Agency == s.Agency && r.IntN(3) > 0 || len(subs) == n {
			last = slices.IndexFunc(subs, func(sub []projectionstest.Said) bool { return sub[0].Agency == s.Agency })
			for i, sub := range subs {
				if sub[0].Agency == s.Agency {
					last = i
				}
			}
		}
		if last < 0 || subs[last][0].Agency != s.Agency || len(subs) < n && r.IntN(3) == 0 {
			subs = append(subs, []projectionstest.Said{s})
			continue
		}
		subs[last] = append(subs[last], s)
	}
	return subs
}

// orders yields ways in which the submissions may arrive that keep each
// agency's own order: every one where they are few, else most seeded ones.
func (subs submissions) orders(r *rand.Rand, most int, see func(submissions)) {
	if len(subs) <= 6 {
		subs.interleave(nil, see)
		return
	}
	for range most {
		left := slices.Clone(subs)
		var order submissions
		for len(left) > 0 {
			agency := left[r.IntN(len(left))][0].Agency
			i := slices.IndexFunc(left, func(s []projectionstest.Said) bool { return s[0].Agency == agency })
			order = append(order, left[i])
			left = slices.Delete(left, i, i+1)
		}
		see(order)
	}
}

func (subs submissions) interleave(before submissions, see func(submissions)) {
	if len(subs) == 0 {
		see(slices.Clone(before))
	}
	began := map[string]bool{}
	for i, s := range subs {
		if began[s[0].Agency] {
			continue
		}
		began[s[0].Agency] = true
		rest := slices.Delete(slices.Clone(subs), i, i+1)
		rest.interleave(append(slices.Clone(before), s), see)
	}
}

// say puts them on the log as they stand, one commit each.
func (subs submissions) say(t *testing.T, log *projectionstest.Log) {
	t.Helper()
	for _, sub := range subs {
		var lines [][]byte
		for i := range sub {
			lines = append(lines, sub[i].Line(t))
		}
		log.Say(sub[0].Agency, lines...)
	}
}

// rowsOf is what tables say whatever the order of arrival: their rows as text,
// sorted, each index replaced by the key of its event, without when anything
// was recorded.
func rowsOf(t *testing.T, log projections.Log, v *projections.View) map[string][]string {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	names := map[uint64]string{}
	for c, err := range log.Commits(0) {
		must(err)
		for _, entry := range c.Entries {
			h, _, err := chain.ParseEntry(entry)
			must(err)
			names[h.Index] = fmt.Sprintf("%x", h.EventKey[:6])
		}
	}
	rows := map[string][]string{}
	for table, row := range v.Everything() {
		text, err := json.Marshal(row)
		must(err)
		var members map[string]any
		must(json.Unmarshal(text, &members))
		text, err = json.Marshal(unplaced(table, members, names), json.Deterministic(true))
		must(err)
		rows[table] = append(rows[table], string(text))
	}
	for _, list := range rows {
		slices.Sort(list)
	}
	return rows
}

var places = strings.Fields("index by opened enrolled revoked lastIndex other settled supplements accepted entries")

// unplaced replaces the members that hold an index.
func unplaced(table string, value any, names map[uint64]string) any {
	name := func(v any) any {
		if n, ok := v.(float64); ok {
			return names[uint64(n)]
		}
		return v
	}
	switch v := value.(type) {
	case map[string]any:
		for member, one := range v {
			list, isList := one.([]any)
			figures, _ := one.(map[string]any)
			switch {
			case member == "recorded" || member == "lastRecorded":
				delete(v, member)
			case member == "supplements" && isList:
				for i := range list {
					list[i] = name(list[i])
				}
			case member == "stated" && table == "draws":
				for figure := range figures {
					figures[figure] = name(figures[figure])
				}
			case member == "from" && table == "agencies", member != "entries" && slices.Contains(places, member):
				v[member] = name(one)
			default:
				v[member] = unplaced(table, one, names)
			}
		}
	case []any:
		for i := range v {
			v[i] = unplaced(table, v[i], names)
		}
	}
	return value
}

// differences says in which rows two readings differ, a few of them.
func differences(a, b map[string][]string) string {
	var out []string
	for _, side := range []struct {
		sign       string
		have, lack map[string][]string
	}{{"-", a, b}, {"+", b, a}} {
		for table, rows := range side.have {
			for _, row := range rows {
				if !slices.Contains(side.lack[table], row) {
					out = append(out, table+" "+side.sign+" "+row)
				}
			}
		}
	}
	slices.Sort(out)
	return strings.Join(out[:min(len(out), 8)], "\n")
}
