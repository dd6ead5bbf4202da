package main

import "civicledger/ledger"

// broken is a fault that is built in: with it the harness's own test shows that
// the harness finds it. The zero value is the ledger as it is.
type broken struct {
	lyingSyncs bool                                        // a commit is acknowledged before it is durable
	batch      func(*ledger.IndexBatch) *ledger.IndexBatch // an index that loses a part of what it is given
	index      func(ledger.Index) ledger.Index             // an index that answers wrongly
	careless   bool                                        // a start that removes whatever says that the book is too short
}
