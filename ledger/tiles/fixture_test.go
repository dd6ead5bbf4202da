package tiles_test

import (
	"fmt"
	"testing"
	"time"

	"civicledger/ledger"
	"civicledger/ledger/keys"
	"civicledger/ledger/ledgertest"
)

const origin = "ledger.example.org/test"

// rig is a ledger with the agency haidian on it.
type rig struct {
	testing.TB
	*ledger.Ledger
	store  ledger.Store
	vkey   string
	agency *keys.Key
	pad    string // makes every event longer
}

// newLedger opens a ledger over memory with an agency and size entries, two at
// least.
func newLedger(t testing.TB, size int) (*ledger.Ledger, string) {
	t.Helper()
	r := newRig(t, memory(), memoryIndex())
	r.grow(size, 700)
	return r.Ledger, r.vkey
}

// newRig opens a ledger over an empty store and index: two entries.
func newRig(t testing.TB, store ledger.Store, index ledger.Index) *rig {
	t.Helper()
	f := ledgertest.NewFounding(t, origin, time.Now())
	return &rig{TB: t, Ledger: f.Open(t, store, index), store: store, vkey: f.Log.VerifierKey(), agency: f.Agency}
}

// grow records events until the log has size entries, each commit of at most
// so many.
func (r *rig) grow(size, each int) {
	r.Helper()
	for n := int(r.Head().Size); n < size; {
		var lines [][]byte
		for ; n < size && len(lines) < each; n++ {
			lines = append(lines, fmt.Appendf(nil, `{"id":"%d","source":"urn:haidian","type":"fund.opened.v1","jurisdiction":"110108","data":"%s"}`, n, r.pad))
		}
		sub, err := r.agency.SignSubmission(origin, "haidian", lines)
		if err != nil {
			r.Fatal(err)
		}
		ledgertest.MustSubmit(r, r.Ledger, sub)
	}
}

func memory() ledger.Store      { return ledgertest.NewMemory() }
func memoryIndex() ledger.Index { return ledgertest.NewMemoryIndex() }
