package projections

// Add adds to a total of a row. Where the total leaves the range of 64 bits,
// over counts by how much, so that a row says that its figures say nothing for
// as long as that is so, whatever the order in which they came. The true total
// is what it holds plus over times 2^64; totals that share an over never have
// opposite signs.
func Add(total *int64, amount int64, over *int64) {
	sum := *total + amount
	switch {
	case amount > 0 && sum < *total:
		*over++
	case amount < 0 && sum > *total:
		*over--
	}
	*total = sum
}
