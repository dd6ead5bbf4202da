// Package ledger gives every accepted entry one place in one history,
// durably, once.
//
// A Ledger has one writer, the sequencer: it takes whatever submissions are
// queued, judges rights and repetitions at each one's own index, seals them
// into a hash chain that is at the same time an RFC 6962 tree, and makes them
// durable with one write before anything is signed or acknowledged. It knows
// nothing of what events mean beyond four envelope attributes: evidence
// outlives business schemas. DESIGN.md beside this file has the crash table.
package ledger
