package follow

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/verify/source"
	"civicledger/ledger/verify/verifytest"
)

// newFollower follows what a server shows.
func newFollower(l *verifytest.Ledger, shows http.HandlerFunc) *Follower {
	server := httptest.NewServer(shows)
	l.Cleanup(server.Close)
	verifier, err := note.NewVerifier(l.VKey)
	if err != nil {
		l.Fatal(err)
	}
	return New(source.Server(server.URL), l.VKey, verifier, nil, func(uint64, uint64) {})
}

// The follower and the judge, written apart, agree on every attack: see
// TestRun_DishonestOperator for the judge. Here: both find a sound log sound
// whatever the sizes at which it is looked at.
func TestFollower_AnySteps(t *testing.T) {
	l := verifytest.NewLedger(t)
	var marks []*verifytest.Snapshot
	for i := range 40 {
		l.Say("chaoyang", fmt.Sprint(i), 1+i*7%61)
		marks = append(marks, l.Snapshot())
	}
	for step := 1; step <= 40; step += 6 {
		var now atomic.Pointer[verifytest.Snapshot]
		f := newFollower(l, func(w http.ResponseWriter, r *http.Request) { now.Load().ServeHTTP(w, r) })
		for i := step - 1; i < len(marks); i += step {
			now.Store(marks[i])
			cp, _, err := f.log.Signed(context.Background(), f.verifier)
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Advance(context.Background(), cp); err != nil {
				t.Fatalf("step %d at %d: %v", step, i, err)
			}
			if f.tree.Size() != cp.Size || f.Known.Root != cp.Root {
				t.Fatalf("step %d at %d: %d entries", step, i, f.tree.Size())
			}
		}
	}
}

// It goes on behind what it has when reading was interrupted.
func TestFollower_InterruptedRead(t *testing.T) {
	l := verifytest.NewLedger(t)
	l.Say("chaoyang", "a", 1000)
	l.Say("chaoyang", "b", 1000)
	s := l.Snapshot()
	var requests atomic.Int64
	f := newFollower(l, func(w http.ResponseWriter, r *http.Request) {
		if n := requests.Add(1); n > 4 && n < 30 {
			http.Error(w, "away", http.StatusForbidden)
			return
		}
		s.ServeHTTP(w, r)
	})
	cp, _, err := f.log.Signed(context.Background(), f.verifier)
	if err != nil {
		t.Fatal(err)
	}
	for tries := 0; ; tries++ {
		err := f.Advance(context.Background(), cp)
		var defect *Found
		if errors.As(err, &defect) || tries > 30 {
			t.Fatalf("after %d tries: %v", tries, err)
		}
		if err == nil {
			break
		}
	}
	if f.tree.Size() != 2003 || f.Known.Root != cp.Root {
		t.Errorf("%d entries", f.tree.Size())
	}
}
