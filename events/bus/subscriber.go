package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// MetaSubject is the metadata in which a received message says on which
// subject it was published. A sender cannot set it.
const MetaSubject = "civicledger-subject"

// Queue is the work queue that holds the messages of a topic.
type Queue struct {
	Stream      string // name on the broker
	MaxBytes    int64  // -1: as much as the broker has room for
	MaxMessages int64  // -1: any number
}

// SubscriberConfig says how much a Subscriber takes at once. Zero stands for
// the default.
type SubscriberConfig struct {
	MaxInFlight int           // messages handed out and not yet acknowledged, 256; 1 is strictly one after the other
	MaxBytes    int           // bytes of messages held in memory, 64 MiB (one message more at most, and as much again on its way)
	Pause       time.Duration // before a subject is handed out again after a Nack, 100 ms
	// Queue names the queue of a topic, for topics other than the ledger's own.
	// Its stream is created by SubscribeInitialize or Subscribe.
	Queue  func(topic string) Queue
	Logger *slog.Logger
}

// Subscriber is a Watermill subscriber on a work queue: a message is on the
// queue until it is acknowledged, and no longer.
//
// Order is kept within a subject. Up to MaxInFlight messages are handed out
// before the first is acknowledged; when one is not accepted (Nack), it and
// every later one of its subject that is out are handed back: their contexts
// end, what is said about them afterwards does not count, and they are handed
// out again in their order after a pause. Other subjects go on, as long as
// what waits leaves room. After Nack, once the message's context is done, those
// of all that were handed back with it are.
//
// The context of an acknowledged message ends when the broker has confirmed
// the acknowledgement. What was not acknowledged when a subscription ends is
// handed out again by the next one, at once. A message acknowledged while the
// broker cannot be reached is not handed out again by this subscription.
//
// A queue has one subscription. The newest takes over; the output channel of
// the older one closes.
type Subscriber struct {
	conn *Conn
	cfg  SubscriberConfig

	mu     sync.Mutex
	closed bool
	subs   map[*subscription]struct{}
}

var (
	_ message.Subscriber           = (*Subscriber)(nil)
	_ message.SubscribeInitializer = (*Subscriber)(nil)
)

// NewSubscriber returns a subscriber on the connection, which stays the
// caller's and must be allowed to create consumers on the queue's stream.
func NewSubscriber(c *Conn, cfg SubscriberConfig) *Subscriber {
	orDefault(&cfg.MaxInFlight, 256)
	orDefault(&cfg.MaxBytes, 64<<20)
	orDefault(&cfg.Pause, 100*time.Millisecond)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Subscriber{conn: c, cfg: cfg, subs: map[*subscription]struct{}{}}
}

// SubscribeInitialize creates the topic's queue if it is not the ledger's own,
// so that messages published before the first Subscribe wait there.
func (s *Subscriber) SubscribeInitialize(topic string) error {
	ctx, cancel := context.WithTimeout(context.Background(), publishWait)
	defer cancel()
	_, err := s.stream(ctx, topic)
	return err
}

func (s *Subscriber) stream(ctx context.Context, topic string) (name string, err error) {
	if s.cfg.Queue == nil {
		if topic != SubmissionsTopic {
			return "", fmt.Errorf("subscribe to %s: no queue is configured for it", topic)
		}
		return submissionsStream, nil
	}
	q := s.cfg.Queue(topic)
	_, err = s.conn.js.CreateOrUpdateStream(ctx, workQueue(q.Stream, topic, q.MaxBytes, q.MaxMessages))
	if err != nil {
		return "", fmt.Errorf("create queue %s: %w", q.Stream, err)
	}
	return q.Stream, nil
}

// Subscribe starts a subscription of the topic's queue. It ends, and its
// channel closes, when ctx ends, when the Subscriber is closed and when a
// newer subscription takes the queue over.
func (s *Subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	name, err := s.stream(ctx, topic)
	if err != nil {
		return nil, err
	}
	sub := newSubscription(ctx, s, name, topic)
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, fmt.Errorf("subscribe to %s: %w", topic, ErrClosed)
	}
	s.subs[sub] = struct{}{}
	s.mu.Unlock()
	if err := sub.takeOver(ctx); err != nil {
		s.drop(sub)
		close(sub.done) // it never started
		return nil, fmt.Errorf("subscribe to %s: %w", topic, err)
	}
	sub.start(func() { s.drop(sub) })
	return sub.output, nil
}

func (s *Subscriber) drop(sub *subscription) {
	sub.cancel()
	s.mu.Lock()
	delete(s.subs, sub)
	s.mu.Unlock()
}

// Close ends all subscriptions. When it returns, their channels are closed,
// what was acknowledged before is confirmed (unless the broker is away) and
// everything else is free for the next subscription.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	s.closed = true
	subs := slices.Collect(maps.Keys(s.subs))
	s.mu.Unlock()
	for _, sub := range subs {
		sub.cancel()
	}
	for _, sub := range subs {
		<-sub.done
	}
	return nil
}

// isEnd reports whether err is only the end of ctx or of the connection.
func isEnd(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, ErrReplaced)
}
