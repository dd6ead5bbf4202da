package verify

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
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
	l := newSmallLog(t)
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(60) {
				r := rand.New(rand.NewPCG(seed, 7))
				dir := l.write(23, 3)
				names, err := filepath.Glob(filepath.Join(dir, bookDir, "*.seg"))
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
				if report.Verdict != Unsound || report.DefectCount == 0 || len(report.Defects) == 0 {
					t.Fatalf("seed %d: %s damaged, report %+v", seed, filepath.Base(file), report)
				}
				l.checkStanding(report, clean, data)
			}
		})
	}
}

// checkStanding checks that no entry that the damaged file no longer holds is
// said to stand as signed.
func (l *testLog) checkStanding(r *Report, clean, damaged []byte) {
	l.Helper()
	for _, f := range l.frames {
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

func TestReport_BoundsDefects(t *testing.T) {
	var many []Defect
	for i := range 3 * MaxDefects {
		many = append(many, Defect{Kind: KindLeaf, First: uint64(i), Last: uint64(i)})
	}
	var r Report
	r.settle(many, 5*MaxDefects)
	if len(r.Defects) != MaxDefects || r.DefectCount != 5*MaxDefects || r.Verdict != Unsound {
		t.Errorf("%d listed, %d counted, %s", len(r.Defects), r.DefectCount, r.Verdict)
	}
	var words bytes.Buffer
	if err := r.WriteWords(&words); err != nil || !bytes.Contains(words.Bytes(), fmt.Appendf(nil, "and %d more", 4*MaxDefects)) {
		t.Errorf("words do not count what is not listed: %v", err)
	}
}

func TestSeen_FindsAllRepeated(t *testing.T) {
	var s seen
	r := rand.New(rand.NewPCG(1, 1))
	for i := range uint64(50_000) {
		s.add([16]byte{byte(r.Uint32()), byte(i), byte(i >> 8), 1, byte(i >> 16)}, i)
	}
	for i := range uint64(100) {
		p := s.parts[i%256]
		s.add(p[i].name, 100_000+i)
	}
	var again []uint64
	s.repeated(func(first, second uint64) {
		if first >= 50_000 {
			t.Errorf("%d is first", first)
		}
		again = append(again, second)
	})
	slices.Sort(again)
	if len(again) != 100 || again[0] != 100_000 || again[99] != 100_099 {
		t.Errorf("found %d: %v", len(again), again)
	}
}
