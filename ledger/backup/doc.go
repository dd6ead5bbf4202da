// Package backup keeps a second copy of a book, and puts back from a copy what
// is no longer as it was written.
//
// Copy brings a copy up to date while the ledger is served; Restore makes a
// data directory of a copy and proves it against a checkpoint that was kept
// elsewhere; Repair puts single entries back, each by its hash. The package
// signs nothing, makes nothing shorter, and never takes bytes on the word of
// whoever holds them: what is put in place has the hash that the log states,
// and the whole is judged by ledger/verify before it is used.
//
// DESIGN.md beside this file says what each step leaves when it is cut off.
package backup

import (
	"civicledger/ledger"
	"civicledger/ledger/suite"
)

// Refused is bad news: it was looked at, and what was found forbids to go on.
// The files are as they were, or more of a copy is there than before.
type Refused struct {
	Reason  string          // with the cure
	Damages []ledger.Damage // entries that are not as written; may be empty
	// Before and Now are two signed checkpoints that contradict each other;
	// empty unless they are the evidence.
	Before, Now string
}

// Error is the reason.
func (r *Refused) Error() string { return r.Reason }

// hashes is the suite of every ledger so far; only its hash is used here.
var hashes = suite.Default()
