// Package roster folds the operator's system entries into which key may say
// what at which index.
//
// It is the one implementation for the writer, the verifier and the
// projections, and it is pure: no I/O, no clock. It parses system entries
// strictly and looks at nothing else; rights of other entries are judged from
// the four envelope attributes that chain.ReadEnvelope reads.
package roster
