// Package ledgertest holds what every engine of the ledger is measured by: one
// conformance suite for a ledger.Store and one for a ledger.Index, a plain
// implementation of each in memory that passes its suite, and wrappers that
// fail a chosen step in both flavours ("not stored" and "stored but reported
// failed").
//
// It is for tests only: nothing that serves may import it, and Memory is as
// durable as its process.
package ledgertest
