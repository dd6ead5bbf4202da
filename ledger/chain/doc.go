// Package chain computes and checks everything that makes tampering visible:
// the bytes of submissions and entries, the links between entries, the tree
// over them, proofs, checkpoints and receipts.
//
// It is for the ledger that writes, the verifier that judges and the agency
// that checks its receipt: all three run this code and no other. It is pure (no
// I/O, no clock, no private key) and knows nothing of what events mean: it reads
// four CloudEvents attributes and treats the rest of a line as bytes.
//
// Formats are explicit bytes with one encoder and one decoder, which refuses
// what the encoder would not write; FORMAT.md beside this file has the tables.
// They rest on RFC 6962 (tree and proofs), C2SP signed-note, tlog-checkpoint
// and tlog-tiles, and CloudEvents 1.0.
package chain
