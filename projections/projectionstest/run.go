package projectionstest

import (
	"cmp"
	"context"
	"testing"

	"civicledger/ledger/keys"
	"civicledger/ledger/suite"
	"civicledger/projections"
)

// NewLog is New with an operator's key of its own.
func NewLog(tb testing.TB) *Log {
	tb.Helper()
	key, err := keys.Generate(suite.Default())
	must(tb, err)
	return New(tb, key)
}

// Fold folds the whole log, batch entries at a time, and returns the tables.
func Fold(tb testing.TB, log *Log, batch int, of ...projections.Projection) *projections.View {
	tb.Helper()
	r, err := projections.New(log, of...)
	must(tb, err)
	r.SetBatch(batch)
	must(tb, r.CatchUp(context.Background()))
	return r.View()
}

// All collects every row of a paged list, three at a time.
func All[R any](tb testing.TB, list func(projections.Page) (projections.Rows[R], error)) []*R {
	tb.Helper()
	var all []*R
	for p := (projections.Page{Limit: 3}); ; {
		rows, err := list(p)
		must(tb, err)
		all = append(all, rows.Items...)
		if rows.Next == "" {
			return all
		}
		p.After = rows.Next
	}
}

// EveryOrder lets words arrive in every order, each from an agency of its own,
// and shows the tables that follow.
func EveryOrder(tb testing.TB, words []Said, projection func() projections.Projection, see func(v *projections.View, places map[string]uint64)) {
	tb.Helper()
	if len(words) > 6 {
		tb.Fatalf("%d words have too many orders", len(words))
	}
	permute(words, 0, func(order []Said) {
		log, places := NewLog(tb), map[string]uint64{}
		for _, w := range order {
			w.Agency, w.Jurisdiction = "of-"+w.ID, cmp.Or(w.Jurisdiction, "110105")
			places[w.ID] = log.Say(w.Agency, w.Line(tb))
		}
		see(Fold(tb, log, 1, projection()), places)
	})
}

func permute(words []Said, from int, see func([]Said)) {
	if from == len(words) {
		see(words)
	}
	for i := from; i < len(words); i++ {
		words[from], words[i] = words[i], words[from]
		permute(words, from+1, see)
		words[from], words[i] = words[i], words[from]
	}
}
