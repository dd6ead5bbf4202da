package bus

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"civicledger/ledger/chain"
)

// Subjects. Each agency has its own of the first three, and with it its own
// order.
const (
	SubmissionsTopic = "submissions.*" // what the intake subscribes to
	AboutSubject     = "about"         // one retained message: see About
	ReceiptSubject   = "receipt"       // a request: see Client.Receipt

	submissionsPrefix = "submissions."
	receiptsPrefix    = "receipts."
	refusalsPrefix    = "refusals."
)

// Streams of the broker that hold them.
const (
	submissionsStream = "SUBMISSIONS"
	receiptsStream    = "RECEIPTS"
	refusalsStream    = "REFUSALS"
	aboutStream       = "ABOUT"
)

// Metadata of a submission, a receipt and a refusal.
const (
	MetaKey        = "civicledger-key"        // key id, on a submission
	MetaSignature  = "civicledger-signature"  // base64, on a submission
	MetaSubmission = "civicledger-submission" // base64 of the digest, on the answer to it
	MetaProblem    = "civicledger-problem"    // why there is no receipt, on the answer to a request
	MetaRepeated   = "civicledger-repeated"   // "true" on the receipt of what was on the log before this message came
)

// answersKept is how long receipts and refusals stay on the bus.
const answersKept = 30 * 24 * time.Hour

// MaxMessage is the largest body in bytes that the bus carries: a submission
// of the largest size, and its metadata.
const MaxMessage = 1 << 20

// SubmissionsOf returns the subject on which agency publishes.
func SubmissionsOf(agency string) string { return submissionsPrefix + agency }

// ReceiptsOf returns the subject on which agency's receipts are.
func ReceiptsOf(agency string) string { return receiptsPrefix + agency }

// RefusalsOf returns the subject on which agency's refusals are.
func RefusalsOf(agency string) string { return refusalsPrefix + agency }

// agencyOf returns the agency whose subject that is.
func agencyOf(subject string) (string, error) {
	agency, ok := strings.CutPrefix(subject, submissionsPrefix)
	if !ok {
		return "", fmt.Errorf("subject %q does not begin with %q", subject, submissionsPrefix)
	}
	return agency, chain.CheckAgency(agency)
}

// Limits bound what the broker keeps. Zero stands for the default.
type Limits struct {
	QueueBytes    int64 // submissions waiting, 1 GiB; then senders see ErrFull
	QueueMessages int64 // submissions waiting, 100,000
	ReceiptBytes  int64 // receipts kept, 1 GiB; then the oldest go early
	RefusalBytes  int64 // refusals kept, 256 MiB; then the oldest go early
	OtherBytes    int64 // room on the broker for queues of other topics, 256 MiB
}

func (l Limits) withDefaults() Limits {
	orDefault(&l.QueueBytes, 1<<30)
	orDefault(&l.QueueMessages, 100_000)
	orDefault(&l.ReceiptBytes, 1<<30)
	orDefault(&l.RefusalBytes, 1<<28)
	orDefault(&l.OtherBytes, 1<<28)
	return l
}

// store is what all streams may take together.
func (l Limits) store() int64 {
	return l.QueueBytes + l.ReceiptBytes + l.RefusalBytes + l.OtherBytes + aboutBytes
}

const aboutBytes = 1 << 20

func orDefault[T int | int64 | time.Duration](v *T, standard T) {
	if *v == 0 {
		*v = standard
	}
}

// Provision lays out the ledger's streams on the broker, or brings those that
// are there to these limits. It needs a connection that may create streams.
func Provision(ctx context.Context, c *Conn, limits Limits) error {
	l := limits.withDefaults()
	for _, cfg := range []jetstream.StreamConfig{
		workQueue(submissionsStream, SubmissionsTopic, l.QueueBytes, l.QueueMessages),
		answers(receiptsStream, receiptsPrefix+"*", l.ReceiptBytes),
		answers(refusalsStream, refusalsPrefix+"*", l.RefusalBytes),
		{
			Name: aboutStream, Subjects: []string{AboutSubject}, Storage: jetstream.FileStorage,
			MaxMsgs: 1, MaxBytes: aboutBytes, Discard: jetstream.DiscardOld, AllowDirect: true,
			DenyDelete: true, DenyPurge: true,
		},
	} {
		if _, err := c.js.CreateOrUpdateStream(ctx, cfg); err != nil {
			return fmt.Errorf("lay out stream %s: %w", cfg.Name, err)
		}
	}
	return nil
}

// workQueue is a stream from which a message goes when it is acknowledged and
// not before, and which refuses what it has no room for.
func workQueue(name, subject string, maxBytes, maxMessages int64) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: name, Subjects: []string{subject}, Storage: jetstream.FileStorage,
		Retention: jetstream.WorkQueuePolicy, Discard: jetstream.DiscardNew,
		MaxBytes: maxBytes, MaxMsgs: maxMessages, MaxMsgSize: MaxMessage,
		DenyDelete: true, DenyPurge: true,
	}
}

// answers is a stream of which the oldest messages go, by age or for room.
func answers(name, subject string, maxBytes int64) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: name, Subjects: []string{subject}, Storage: jetstream.FileStorage,
		Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld,
		MaxAge: answersKept, MaxBytes: maxBytes, MaxMsgSize: MaxMessage,
		DenyDelete: true, DenyPurge: true,
		ConsumerLimits: jetstream.StreamConsumerLimits{InactiveThreshold: consumerIdle},
	}
}

// consumerIdle is how long the broker keeps a consumer that nobody asks.
const consumerIdle = 5 * time.Minute
