package verify

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"civicledger/ledger/verify/verdict"
	"civicledger/ledger/verify/verifytest"
)

// damages are what disks, copies and careless hands do to a file.
var damages = map[string]func(r *rand.Rand, data []byte) []byte{
	"zeroed page": func(r *rand.Rand, data []byte) []byte {
		at := r.IntN(len(data))
		clear(data[at:min(len(data), at+1+r.IntN(4096))])
		return data
	},
	"noise": func(r *rand.Rand, data []byte) []byte {
		for range 1 + r.IntN(20) {
			data[r.IntN(len(data))] ^= byte(1 + r.IntN(255))
		}
		return data
	},
	"cut": func(r *rand.Rand, data []byte) []byte { return data[:r.IntN(len(data))] },
	"bytes lost": func(r *rand.Rand, data []byte) []byte {
		at := r.IntN(len(data))
		return slices.Delete(data, at, min(len(data), at+1+r.IntN(600)))
	},
	"bytes put in": func(r *rand.Rand, data []byte) []byte {
		at := r.IntN(len(data))
		from := r.IntN(len(data))
		return slices.Insert(data, at, bytes.Clone(data[from:min(len(data), from+1+r.IntN(600))])...)
	},
	"copied over": func(r *rand.Rand, data []byte) []byte {
		copy(data[r.IntN(len(data)):], bytes.Clone(data[r.IntN(len(data)):]))
		return data
	},
}

// No damage passes, none makes the verifier fail, and what it says stands by
// the tree is as it was.
func TestRun_RandomDamage(t *testing.T) {
	l := newSmallLedger(t)
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(60) {
				r := rand.New(rand.NewPCG(seed, 7))
				dir := l.Write(23, 3)
				names, err := filepath.Glob(filepath.Join(dir, verifytest.BookDir, "*.seg"))
				if err != nil {
					t.Fatal(err)
				}
				file := names[r.IntN(len(names))]
				clean, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				data := damage(r, bytes.Clone(clean))
				if bytes.Equal(data, clean) {
					continue
				}
				if err := os.WriteFile(file, data, 0o644); err != nil {
					t.Fatal(err)
				}
				report := l.verify(dir)
				if report.Verdict != verdict.Unsound || report.DefectCount == 0 || len(report.Defects) == 0 {
					t.Fatalf("seed %d: %s damaged, report %+v", seed, filepath.Base(file), report)
				}
				l.checkStanding(report, clean, data)
			}
		})
	}
}

// checkStanding checks that no entry that the damaged file no longer holds is
// said to stand as signed.
func (l *testLedger) checkStanding(r *verdict.Report, clean, damaged []byte) {
	l.Helper()
	for _, f := range l.Frames {
		for i, e := range f.Entries {
			index := f.Prev.Size + uint64(i)
			if !bytes.Contains(clean, e) || bytes.Contains(damaged, e) {
				continue
			}
			for _, s := range r.Stands {
				if s.By == "tree" && s.First <= index && index <= s.Last {
					l.Errorf("entry %d is gone and said to stand: %+v", index, r)
				}
			}
		}
	}
}
