package projectionstest

import (
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
