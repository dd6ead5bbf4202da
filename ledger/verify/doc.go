// Package verify judges a log against trusted keys and explains each defect.
//
// It is for auditors: it shares with the server only the pure formats (chain,
// frame, roster, suite), trusts nothing but the verifier key it is given, and
// reads either the files of a ledger or what a server shows by the C2SP
// tlog-tiles API. Each question has a room below this one (DESIGN.md lists
// them); Run asks the first: is the whole log sound?
//
// Every entry is hashed again. The hash is compared with what the log itself
// states about it (the link in the next header, the frame that holds it, the
// served tile) and, all together, with the root that the checkpoint signs.
// Every submission's signature and rights are judged by the roster that the
// operator's entries before it make; event keys are computed from the events;
// nothing may be said twice. After damage it goes on: where the stated hashes
// of damaged entries complete the tree to the signed root, exactly those
// entries are damaged and all others are proven to be as signed.
//
// What it cannot see: whether the log shows others another history with an
// equally valid checkpoint, or was put back to an older state as a whole. That
// takes receipts, witnesses or a checkpoint kept from before.
//
// A sound log is verified faster, by the same rules: see DESIGN.md.
package verify
