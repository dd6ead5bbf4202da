package projections_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"civicledger/projections/projectionstest"
)

// Tables do not depend on who came first: whatever the order in which the
// submissions of several agencies arrive, the rows are the same in the end.
func TestOrder_TablesDoNotDependOnIt(t *testing.T) {
	for seed := range uint64(12) {
		few, events, orders := 6, 100, 300
		if seed < 3 {
			few = 30
		}
		if testing.Short() {
			orders = 10
		}
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 11))
			subs := projectionstest.Cut(r, projectionstest.Random(r, events, everything()), few)
			var want map[string][]string
			subs.Orders(r, orders, func(order projectionstest.Submissions) {
				if t.Failed() {
					return
				}
				log := newLog(t)
				log.SaySubmissions(order)
				v := catchUp(t, newRunner(t, log, 1+r.IntN(300)))
				rows := projectionstest.Rows(t, log, v)
				if want == nil {
					want = rows
				}
				if d := projectionstest.Differences(want, rows); d != "" {
					t.Errorf("another order, other rows:\n%s", d)
				}
			})
		})
	}
}
