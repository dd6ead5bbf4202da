package bus

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"civicledger/events"
	"civicledger/ledger/chain"
	"civicledger/ledger/suite"
)

var b64 = base64.StdEncoding.Strict()

// Ledger is what the intake needs of one.
type Ledger interface {
	// Submit takes a place for sub, in the order of the calls, and returns at
	// once or when there is room; wait yields the receipt when the submission is
	// durable. The same submission again yields the same place. An error of
	// either that has a method Each(func(line int, code, message string, index
	// *uint64)) is final: nothing was and will be recorded. After any other the
	// submission may be submitted again.
	Submit(ctx context.Context, sub *chain.Submission) (wait func(context.Context) (*chain.Receipt, error), err error)
	// Stopped is closed when the ledger takes nothing any more until it is
	// opened again; Err then says why.
	Stopped() <-chan struct{}
	Err() error
}

// IntakeConfig says for which ledger an Intake works.
type IntakeConfig struct {
	Conn        *Conn // with the rights of the ledger, on a broker laid out by Provision
	Ledger      Ledger
	Origin      string
	Suite       *suite.Suite
	VerifierKey string           // told to clients, see About
	MaxInFlight int              // submissions between the queue and their answer, 256
	Pause       time.Duration    // before a submission is tried again, at first, 100 ms; doubles up to 32 times that
	Grace       time.Duration    // at the end, for what is in flight, 5 s
	Now         func() time.Time // time.Now
	// Check judges the lines before the ledger sees them; nil stands for Check.
	Check func(lines [][]byte, now time.Time) events.Problems
	// Receipt makes the receipt of a recorded submission again, nil where there is
	// none; without it none are given to who asks.
	Receipt func(digest chain.Hash) (*chain.Receipt, error)
	Logger  *slog.Logger
}

// Intake moves submissions from the queue to the ledger, in the order in which
// each agency published them, and the answers back. A submission leaves the
// queue only after the ledger has it durably and its receipt is on the bus, or
// after its refusal is. If the process dies in between, it is taken from the
// queue again, and the ledger answers with the place it has.
type Intake struct {
	cfg   IntakeConfig
	pub   *Publisher
	log   *slog.Logger
	stats struct{ received, accepted, events, refused, handedBack atomic.Uint64 }
}

// IntakeStats counts since the start.
type IntakeStats struct {
	Received   uint64 // messages taken from the queue, repeated ones counted each time
	Accepted   uint64 // submissions with a receipt
	Events     uint64 // events in them
	Refused    uint64 // submissions with a refusal
	HandedBack uint64 // submissions put back to be tried again
}

// NewIntake returns an intake that has not begun: see Run.
func NewIntake(cfg IntakeConfig) *Intake {
	orDefault(&cfg.MaxInFlight, 256)
	orDefault(&cfg.Pause, 100*time.Millisecond)
	orDefault(&cfg.Grace, 5*time.Second)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Check == nil {
		cfg.Check = Check
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Intake{cfg: cfg, pub: NewPublisher(cfg.Conn), log: cfg.Logger}
}

// Stats may be called at any time.
func (i *Intake) Stats() IntakeStats {
	return IntakeStats{
		Received: i.stats.received.Load(), Accepted: i.stats.accepted.Load(), Events: i.stats.events.Load(),
		Refused: i.stats.refused.Load(), HandedBack: i.stats.handedBack.Load(),
	}
}

// Run works until ctx ends (it returns nil), the ledger stops (it returns the
// ledger's error) or another intake takes the queue over (ErrReplaced). Before
// it returns, what is in flight has a moment to be answered; the rest is free
// for the next Run, at once.
func (i *Intake) Run(ctx context.Context) error {
	if err := i.about().say(ctx, i.cfg.Conn); err != nil {
		return fmt.Errorf("intake: %w", err)
	}
	noMore, err := i.answerReceipts()
	if err != nil {
		return fmt.Errorf("intake: answer who asks for receipts: %w", err)
	}
	defer noMore()
	sub := NewSubscriber(i.cfg.Conn, SubscriberConfig{MaxInFlight: i.cfg.MaxInFlight, Pause: i.cfg.Pause, Logger: i.log})
	defer sub.Close()
	// What is in flight outlives ctx by the grace.
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	messages, err := sub.Subscribe(work, SubmissionsTopic)
	if err != nil {
		return fmt.Errorf("intake: %w", err)
	}
	err = i.move(ctx, work, stop, messages)
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("intake: %w", err)
	}
	return nil
}

func (i *Intake) about() About {
	return About{Origin: i.cfg.Origin, Suite: i.cfg.Suite.Name(), VerifierKey: i.cfg.VerifierKey}
}

// SayStopped tells senders that the ledger takes nothing in until a person has
// looked at it, and why: those that wait for an answer give up, new ones are
// turned away, and what is in the queue stays there. The next Run takes it back.
// It is for a ledger that is not started again by itself.
func (i *Intake) SayStopped(ctx context.Context, why error) error {
	about := i.about()
	about.Stopped = why.Error()
	return about.say(ctx, i.cfg.Conn)
}

// move hands messages to the ledger until ctx ends, the ledger stops or there
// are no more, then waits for the answers, at most for the grace.
func (i *Intake) move(ctx, work context.Context, stop context.CancelFunc, messages <-chan *message.Message) error {
	taken := make(chan *submission, 2*runtime.GOMAXPROCS(0))
	var settling, submitting sync.WaitGroup
	submitting.Go(func() {
		for s := range taken {
			i.submit(ctx, work, s, &settling)
		}
	})
	err := i.take(ctx, messages, taken)
	close(taken)
	timer := time.AfterFunc(i.cfg.Grace, stop)
	defer timer.Stop()
	submitting.Wait()
	settling.Wait()
	return err
}

// take receives messages and has each checked on a goroutine of its own, some
// at once; taken passes them on in the order of the queue.
func (i *Intake) take(ctx context.Context, messages <-chan *message.Message, taken chan<- *submission) error {
	checkers := make(chan struct{}, runtime.GOMAXPROCS(0))
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-i.cfg.Ledger.Stopped():
			return i.cfg.Ledger.Err()
		case m, open := <-messages:
			if !open {
				return ErrReplaced
			}
			i.stats.received.Add(1)
			s := &submission{message: m, checked: make(chan struct{})}
			checkers <- struct{}{}
			go func() {
				defer func() { <-checkers }()
				defer close(s.checked)
				i.check(s)
			}()
			select {
			case taken <- s:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// submission is one message on its way through the intake.
type submission struct {
	message *message.Message
	checked chan struct{} // closed when the rest is set
	subject string        // token of the agency, whatever it says
	sub     *chain.Submission
	digest  []byte
	reasons []Reason // not to be submitted, for these
}

// check reads and judges a message.
func (i *Intake) check(s *submission) {
	m := s.message
	s.subject = m.Metadata[MetaSubject][len(submissionsPrefix):]
	agency, err := agencyOf(m.Metadata[MetaSubject])
	if err != nil {
		s.reasons = whole(codeSubject, err)
		return
	}
	lines, err := chain.SplitLines(m.Payload)
	if err != nil {
		s.reasons = whole(codeShape, err)
		return
	}
	s.sub = &chain.Submission{Agency: agency, KeyID: m.Metadata[MetaKey], Lines: lines}
	digest := s.sub.Digest(i.cfg.Suite, i.cfg.Origin)
	s.digest = digest[:]
	if s.sub.Signature, err = readMetadata(m.Metadata); err != nil {
		s.reasons = whole(codeMetadata, err)
		return
	}
	s.reasons = reasonsFrom(i.cfg.Check(lines, i.cfg.Now()))
}

func readMetadata(metadata message.Metadata) (signature []byte, err error) {
	if err := chain.CheckKeyID(metadata[MetaKey]); err != nil {
		return nil, fmt.Errorf("%s: %w", MetaKey, err)
	}
	signature, err = b64.DecodeString(metadata[MetaSignature])
	if err != nil || len(signature) == 0 {
		return nil, fmt.Errorf("%s is not the base64 of a signature", MetaSignature)
	}
	return signature, nil
}

// submit gives a checked message to the ledger and leaves the answer to a
// goroutine. What was handed back with an earlier one of its agency is skipped:
// it comes again, behind that one.
func (i *Intake) submit(ctx, work context.Context, s *submission, settling *sync.WaitGroup) {
	<-s.checked
	if ctx.Err() != nil || s.message.Context().Err() != nil {
		return
	}
	if len(s.reasons) > 0 {
		settling.Go(func() { i.refuse(work, s, s.reasons) })
		return
	}
	came := i.cfg.Now().UnixMilli()
	wait, err := i.cfg.Ledger.Submit(ctx, s.sub)
	if err != nil {
		i.fail(work, s, err, settling)
		return
	}
	settling.Go(func() {
		receipt, err := wait(work)
		if err != nil {
			i.fail(work, s, err, settling)
			return
		}
		i.stats.accepted.Add(1)
		i.stats.events.Add(uint64(receipt.Count))
		meta := message.Metadata{}
		if receipt.Recorded < came {
			meta[MetaRepeated] = "true"
		}
		i.answer(work, s, receiptsPrefix, receipt.Encode(), meta)
	})
}

// fail refuses what the ledger refused, and hands everything else back; it
// returns when nothing that was handed back can be submitted any more.
func (i *Intake) fail(work context.Context, s *submission, err error, settling *sync.WaitGroup) {
	if reasons, final := reasonsOf(err); final {
		settling.Go(func() { i.refuse(work, s, reasons) })
		return
	}
	if work.Err() == nil && !errors.Is(err, context.Canceled) {
		i.log.Warn("intake: submission handed back", "agency", s.subject, "error", err)
	}
	i.handBack(s)
}

func (i *Intake) handBack(s *submission) {
	if s.message.Context().Err() == nil && s.message.Nack() {
		i.stats.handedBack.Add(1)
		<-s.message.Context().Done()
	}
}

func (i *Intake) refuse(work context.Context, s *submission, reasons []Reason) {
	i.stats.refused.Add(1)
	i.answer(work, s, refusalsPrefix, newRefusal(s.subject, s.digest, reasons).encode(), message.Metadata{})
}

// answer puts the answer on the bus, and only when it is stored there takes
// the submission from the queue. If we stop in between, it is submitted again
// and answered again, alike.
func (i *Intake) answer(work context.Context, s *submission, prefix string, body []byte, meta message.Metadata) {
	m := message.NewMessageWithContext(work, s.message.UUID, body)
	m.Metadata = meta
	if s.digest != nil {
		m.Metadata[MetaSubmission] = b64.EncodeToString(s.digest)
	}
	for {
		err := i.pub.Publish(prefix+s.subject, m)
		if err == nil {
			s.message.Ack()
			return
		}
		i.log.Warn("intake: answer not stored", "agency", s.subject, "error", err)
		select {
		case <-time.After(i.cfg.Pause):
		case <-work.Done():
			return
		}
	}
}
