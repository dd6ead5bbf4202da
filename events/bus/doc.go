// Package bus is the way in: it turns messages on a NATS JetStream broker into
// submissions, in each agency's order, and answers with receipts or refusals.
//
// It serves three parties. The ledger's process starts the broker ([StartServer])
// or uses an existing one ([Connect]), lays out its streams ([Provision]) and
// runs the [Intake]. An agency uses a [Client], or any NATS client: one publish
// on submissions.<agency>, one answer on receipts.<agency> or refusals.<agency>.
// Everything else that wants messages, connectors for instance, uses
// [Publisher] and [Subscriber], which are Watermill's.
//
// The bus is transport, never the record. What it loses or repeats costs
// nothing but time: a sender keeps what it has no receipt for and sends it
// again, and the ledger answers the same submission with the same place. So
// the package promises at least once, in order per subject, and refuses to
// promise more. It refuses a message it cannot store (see [ErrFull]), a
// submission the catalogue does not allow, and anonymous listening beyond
// loopback. It trusts nobody: who publishes is proved by the submission's
// signature, which the ledger checks, and not by the connection.
//
// Subjects, streams, order and trust are described in DESIGN.md beside this
// file. The messages are those of Watermill (Message, Ack, Nack) over NATS
// JetStream (NATS ADR-13, pull consumers).
package bus

import "errors"

var (
	// ErrFull says that the queue holds as much as it may: nothing was stored.
	// Wait and send again.
	ErrFull = errors.New("the bus is full")
	// ErrClosed says that the Publisher, Subscriber or Client is closed.
	ErrClosed = errors.New("closed")
	// ErrReplaced says that a newer subscriber took over the queue.
	ErrReplaced = errors.New("a newer subscriber took over the queue")
	// ErrStopped is wrapped by what a Client gives once the ledger has said that
	// it takes nothing in: see Intake.SayStopped. What has no answer by then is in
	// the queue or on the log: submit it again later.
	ErrStopped = errors.New("the ledger has stopped")
)
