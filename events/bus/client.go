package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"golang.org/x/mod/sumdb/note"

	"civicledger/ledger/chain"
	"civicledger/ledger/suite"
)

// ClientConfig says whom a Client talks to. Zero values stand for the default.
type ClientConfig struct {
	// Origin and VerifierKey pin the ledger: Dial refuses another, and receipts
	// are checked against this key. Left empty, what the bus says is believed.
	Origin      string
	VerifierKey string
	Window      int // submissions on their way at once, 64
	Logger      *slog.Logger
}

// Client is an agency's side of the bus: it publishes submissions and hands
// over the answers. It may be used from many goroutines, for many agencies.
//
// It survives the loss of the connection: whatever has no answer by then is
// published again, in order, as soon as there is one. The ledger answers the
// same submission with the same place, so nothing is recorded twice.
type Client struct {
	conn     *Conn
	pub      *Publisher
	about    About // as Dial read it
	suite    *suite.Suite
	verifier note.Verifier
	log      *slog.Logger
	window   chan struct{}
	again    chan struct{} // a new connection: send again what has no answer

	ctx    context.Context // ends at Close
	cancel context.CancelFunc
	work   sync.WaitGroup

	sending chan struct{} // holds one while publishing, so that the order is that of Send

	mu       sync.Mutex
	stopped  error           // set while the ledger says that it has stopped
	listens  map[string]bool // agencies whose answers are subscribed to
	pending  map[chain.Hash]*Pending
	sequence []*Pending // in the order of Send
}

// Pending is a submission that was published and not yet answered.
type Pending struct {
	client  *Client
	sub     *chain.Submission
	digest  chain.Hash
	done    chan struct{}
	receipt *chain.Receipt
	err     error
	// repeated says that it was on the log before this Client's message came.
	repeated bool
}

// Dial connects to the broker at url and learns which ledger is behind it.
func Dial(ctx context.Context, url string, cfg ClientConfig) (*Client, error) {
	orDefault(&cfg.Window, 64)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Client{
		log: cfg.Logger, window: make(chan struct{}, cfg.Window), again: make(chan struct{}, 1),
		sending: make(chan struct{}, 1),
		listens: map[string]bool{}, pending: map[chain.Hash]*Pending{},
	}
	var err error
	c.conn, err = connect(url, "_INBOX", cfg.Logger, nats.ReconnectHandler(func(*nats.Conn) { c.sendAgain() }))
	if err != nil {
		return nil, err
	}
	c.pub = NewPublisher(c.conn)
	if err := c.learn(ctx, cfg); err != nil {
		c.conn.Close()
		return nil, err
	}
	c.ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	c.work.Go(c.resend)
	return c, nil
}

func (c *Client) learn(ctx context.Context, cfg ClientConfig) (err error) {
	ctx, cancel := context.WithTimeout(ctx, publishWait)
	defer cancel()
	// Before it is read: no change is missed.
	if _, err := c.conn.nc.Subscribe(AboutSubject, c.takeAbout); err != nil {
		return fmt.Errorf("listen to the ledger: %w", err)
	}
	about, err := readAbout(ctx, c.conn)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.about = about
	if about.Stopped != "" {
		c.stopped = stoppedBy(about)
	}
	stopped := c.stopped
	c.mu.Unlock()
	if stopped != nil {
		return stopped
	}
	if cfg.Origin != "" && cfg.Origin != c.about.Origin {
		return fmt.Errorf("the ledger on this bus is %q, not %q", c.about.Origin, cfg.Origin)
	}
	if cfg.VerifierKey != "" && cfg.VerifierKey != c.about.VerifierKey {
		return fmt.Errorf("the ledger on this bus has the key %q, not %q", c.about.VerifierKey, cfg.VerifierKey)
	}
	if c.suite, err = suite.Lookup(c.about.Suite); err != nil {
		return err
	}
	c.verifier, err = note.NewVerifier(c.about.VerifierKey)
	if err != nil {
		return fmt.Errorf("the ledger's verifier key: %w", err)
	}
	return nil
}

// stoppedBy is the error of a ledger that said it has stopped.
func stoppedBy(a About) error {
	return fmt.Errorf("%w and takes nothing in (%s): what is in the queue stays there; submit again once it is served again", ErrStopped, a.Stopped)
}

// takeAbout learns that the ledger has stopped, and gives up what has no answer:
// there will be none until it is started again. Or that it has been.
func (c *Client) takeAbout(msg *nats.Msg) {
	a, err := parseAbout(msg.Data)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || (c.about.Origin != "" && a.Origin != c.about.Origin) {
		return
	}
	c.stopped = nil
	if a.Stopped == "" {
		return
	}
	c.stopped = stoppedBy(a)
	for _, p := range slices.Clone(c.sequence) {
		c.finishLocked(p, nil, c.stopped)
	}
}

// About returns what the ledger says about itself.
func (c *Client) About() About { return c.about }

// Close gives up what has no answer and ends the connection. Submissions that
// were published stay in the queue.
func (c *Client) Close() error {
	c.cancel()
	c.work.Wait()
	c.conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.sequence {
		c.finishLocked(p, nil, ErrClosed)
	}
	return nil
}

// Submit publishes sub and waits for the answer: a receipt that was checked
// against the lines and the ledger's key, a *Refusal, or another error, after
// which sub may be recorded or not; submit it again.
func (c *Client) Submit(ctx context.Context, sub *chain.Submission) (*chain.Receipt, error) {
	p, err := c.Send(ctx, sub)
	if err != nil {
		return nil, err
	}
	return p.Wait(ctx)
}

// Send publishes sub and returns when it is in the queue, on disk; Wait yields
// the answer. It blocks while the window is full and, until ctx ends, while
// there is no connection. The error wraps ErrFull when the queue is full: sub
// is not in it. Submissions stand in the queue in the order of the calls.
func (c *Client) Send(ctx context.Context, sub *chain.Submission) (*Pending, error) {
	if err := checkSubmission(sub); err != nil {
		return nil, fmt.Errorf("send submission: %w", err)
	}
	if err := c.enter(ctx, c.window); err != nil {
		return nil, fmt.Errorf("send submission: %w", err)
	}
	if err := c.enter(ctx, c.sending); err != nil {
		<-c.window
		return nil, fmt.Errorf("send submission: %w", err)
	}
	defer func() { <-c.sending }()
	p, fresh, err := c.register(sub)
	if err != nil || !fresh {
		<-c.window
		return p, err
	}
	if err := c.publish(ctx, p); err != nil {
		c.finish(p, nil, err)
		return nil, fmt.Errorf("send submission: %w", err)
	}
	return p, nil
}

func (c *Client) enter(ctx context.Context, room chan<- struct{}) error {
	select {
	case room <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.ctx.Done():
		return ErrClosed
	}
}

func checkSubmission(sub *chain.Submission) error {
	if err := chain.CheckAgency(sub.Agency); err != nil {
		return err
	}
	return chain.CheckLines(sub.Lines)
}

// register makes sub pending, and listens for the answers to its agency. A
// submission that is pending already is not published again.
func (c *Client) register(sub *chain.Submission) (p *Pending, fresh bool, err error) {
	digest := sub.Digest(c.suite, c.about.Origin)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return nil, false, fmt.Errorf("send submission: %w", ErrClosed)
	}
	if c.stopped != nil {
		return nil, false, fmt.Errorf("send submission: %w", c.stopped)
	}
	if p := c.pending[digest]; p != nil {
		return p, false, nil
	}
	if err := c.listenLocked(sub.Agency); err != nil {
		return nil, false, fmt.Errorf("listen for answers: %w", err)
	}
	p = &Pending{client: c, sub: sub, digest: digest, done: make(chan struct{})}
	c.pending[digest] = p
	c.sequence = append(c.sequence, p)
	return p, true, nil
}

// listenLocked subscribes to answers as they are published. An answer that
// passes while the connection is down is given again when the submission is
// sent again.
func (c *Client) listenLocked(agency string) error {
	if c.listens[agency] {
		return nil
	}
	for subject, take := range map[string]nats.MsgHandler{
		ReceiptsOf(agency): c.takeReceipt, RefusalsOf(agency): c.takeRefusal,
	} {
		if _, err := c.conn.nc.Subscribe(subject, take); err != nil {
			return err
		}
	}
	// The broker has both before it has what is published next on this
	// connection: no need to wait.
	c.listens[agency] = true
	return nil
}

// publish puts p in the queue. It tries until it knows that p is stored, that
// the queue is full, or ctx has ended.
func (c *Client) publish(ctx context.Context, p *Pending) error {
	for {
		select {
		case <-p.done:
			return nil
		default:
		}
		m := message.NewMessageWithContext(ctx, watermill.NewUUID(), chain.JoinLines(p.sub.Lines))
		m.Metadata[MetaKey] = p.sub.KeyID
		m.Metadata[MetaSignature] = b64.EncodeToString(p.sub.Signature)
		err := c.pub.Publish(SubmissionsOf(p.sub.Agency), m)
		if err == nil || errors.Is(err, ErrFull) {
			return err
		}
		c.log.Info("bus: submission not stored, trying again", "agency", p.sub.Agency, "error", err)
		select {
		case <-time.After(200 * time.Millisecond):
		case <-p.done:
			return nil // answered although the broker's word was lost
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-c.ctx.Done():
			return ErrClosed
		}
	}
}

func (c *Client) sendAgain() {
	select {
	case c.again <- struct{}{}:
	default:
	}
}

// resend publishes what has no answer after each reconnection.
func (c *Client) resend() {
	for {
		select {
		case <-c.again:
		case <-c.ctx.Done():
			return
		}
		if c.enter(c.ctx, c.sending) != nil {
			return
		}
		c.mu.Lock()
		left := append([]*Pending(nil), c.sequence...)
		c.mu.Unlock()
		c.log.Info("bus: sending again what has no answer", "submissions", len(left))
		for _, p := range left {
			c.resendOne(p)
		}
		<-c.sending
	}
}

// resendOne publishes p again. If there is no room, its first copy may still
// be in the queue, so that is no reason to give it up.
func (c *Client) resendOne(p *Pending) {
	for {
		if err := c.publish(c.ctx, p); !errors.Is(err, ErrFull) {
			return
		}
		select {
		case <-time.After(fullWait):
		case <-p.done:
			return
		case <-c.ctx.Done():
			return
		}
	}
}

func (c *Client) takeReceipt(msg *nats.Msg) {
	p := c.answered(msg)
	if p == nil {
		return
	}
	receipt, err := chain.ParseReceipt(msg.Data)
	if err == nil {
		err = receipt.Verify(p.sub.Lines, c.verifier)
	}
	if err != nil {
		c.finish(p, nil, fmt.Errorf("receipt: %w", err))
		return
	}
	p.repeated = msg.Header.Get(MetaRepeated) == "true"
	c.finish(p, receipt, nil)
}

func (c *Client) takeRefusal(msg *nats.Msg) {
	p := c.answered(msg)
	if p == nil {
		return
	}
	refusal, err := ParseRefusal(msg.Data)
	if err != nil {
		c.finish(p, nil, err)
		return
	}
	c.finish(p, nil, refusal)
}

// answered returns the submission that msg answers, nil if it is none of ours.
func (c *Client) answered(msg *nats.Msg) *Pending {
	digest, err := b64.DecodeString(msg.Header.Get(MetaSubmission))
	if err != nil || len(digest) != len(chain.Hash{}) {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pending[chain.Hash(digest)]
}

func (c *Client) finish(p *Pending, receipt *chain.Receipt, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.finishLocked(p, receipt, err)
}

func (c *Client) finishLocked(p *Pending, receipt *chain.Receipt, err error) {
	if c.pending[p.digest] != p {
		return
	}
	delete(c.pending, p.digest)
	// A copy: who calls may be going through the one before.
	c.sequence = slices.DeleteFunc(slices.Clone(c.sequence), func(other *Pending) bool { return other == p })
	p.receipt, p.err = receipt, err
	close(p.done)
	<-c.window
}

// Wait returns the answer: see Submit. It may be called more than once.
func (p *Pending) Wait(ctx context.Context) (*chain.Receipt, error) {
	select {
	case <-p.done:
		return p.receipt, p.err
	default:
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		p.client.finish(p, nil, fmt.Errorf("wait for receipt: %w", ctx.Err()))
		<-p.done
	}
	return p.receipt, p.err
}
