package projections

import "civicledger/events/money"

// Sums adds to several totals at once: all of them, or none where one would
// not fit. Sums never wrap.
type Sums struct {
	into []*int64
	by   []int64
}

// Add stages *total += amount.
func (s *Sums) Add(total *int64, amount int64) {
	s.into = append(s.into, total)
	s.by = append(s.by, amount)
}

// Commit adds everything staged and empties s. It reports false, and adds
// nothing, where a total would leave the range of 64 bits.
func (s *Sums) Commit() bool {
	ok := true
	done := 0
	for i, total := range s.into {
		sum, err := money.Amount(*total).Add(money.Amount(s.by[i]))
		if err != nil {
			ok = false
			break
		}
		*total = int64(sum)
		done++
	}
	if !ok {
		for i := range done {
			*s.into[i] -= s.by[i]
		}
	}
	s.into, s.by = s.into[:0], s.by[:0]
	return ok
}
