package bus

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Waits of a subscription.
const (
	endWait    = 5 * time.Second        // for the same and for cleaning up once the subscription ends
	reopenWait = 200 * time.Millisecond // before a lost cursor is opened again
	// redeliverWait is when the broker sends again what is not acknowledged. It
	// plays no part in the order or in a restart: what is held is recognised
	// and dropped.
	redeliverWait = 5 * time.Minute
)

// subscription reads one work queue. The queue on the broker's disk is the
// truth about what is not done; the consumer by which it is read is a cursor
// that may be thrown away at any moment and opened anew, and is, whenever a
// delivery may have been lost: it then starts at the first message that is
// still there, and what is held already is recognised by its place.
type subscription struct {
	conn   *Conn
	stream string
	topic  string
	queue  *queue
	pause  time.Duration
	pull   int // bytes on their way
	log    *slog.Logger
	output chan *message.Message

	ctx    context.Context // ends when the subscription is to end
	cancel context.CancelFunc
	done   chan struct{} // closed when it has ended
	work   sync.WaitGroup

	mu       sync.Mutex
	consumer jetstream.Consumer        // cursor in use
	reading  jetstream.MessagesContext // of that cursor
}

func newSubscription(ctx context.Context, s *Subscriber, stream, topic string) *subscription {
	ctx, cancel := context.WithCancel(ctx)
	return &subscription{
		conn: s.conn, stream: stream, topic: topic,
		queue: newQueue(s.cfg.MaxInFlight, 2*s.cfg.MaxInFlight, s.cfg.MaxBytes),
		pause: s.cfg.Pause, pull: s.cfg.MaxBytes, log: s.cfg.Logger.With("topic", topic),
		output: make(chan *message.Message),
		ctx:    ctx, cancel: cancel, done: make(chan struct{}),
	}
}

// start runs the subscription until its context ends or it is replaced.
func (s *subscription) start(ended func()) {
	var loops sync.WaitGroup
	loops.Go(s.read)
	loops.Go(s.handOut)
	loops.Go(s.watchConnection)
	go func() {
		loops.Wait()
		s.work.Wait()
		s.release()
		close(s.output)
		ended()
		close(s.done)
	}()
}

// takeOver removes whatever cursor another subscription left or holds, then
// opens one.
func (s *subscription) takeOver(ctx context.Context) error {
	for {
		stream, err := s.conn.js.Stream(ctx, s.stream)
		if err != nil {
			return err
		}
		names := stream.ConsumerNames(ctx)
		for name := range names.Name() {
			if err := stream.DeleteConsumer(ctx, name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
				return err
			}
		}
		if err := s.open(ctx); !errors.Is(err, ErrReplaced) {
			return err
		}
	}
}

// open makes a cursor at the first message of the queue. The broker allows one
// on a work queue: ErrReplaced says that another subscription has it, or removed
// ours to have it before the broker had answered.
func (s *subscription) open(ctx context.Context) error {
	consumer, err := s.conn.js.CreateConsumer(ctx, s.stream, jetstream.ConsumerConfig{
		Name: "cursor-" + rand.Text(), FilterSubject: s.topic,
		DeliverPolicy: jetstream.DeliverAllPolicy, AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: redeliverWait, MaxAckPending: s.queue.maxCount,
		MemoryStorage: true, InactiveThreshold: consumerIdle,
	})
	if hasCode(err, codeNotUnique) || removedMeanwhile(err) {
		return ErrReplaced
	}
	if err != nil {
		return err
	}
	reading, err := consumer.Messages(
		jetstream.PullMaxMessagesWithBytesLimit(s.queue.maxCount, s.pull),
		jetstream.PullExpiry(20*time.Second), jetstream.PullHeartbeat(5*time.Second),
	)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.consumer, s.reading = consumer, reading
	s.mu.Unlock()
	return nil
}

func (s *subscription) cursor() (jetstream.Consumer, jetstream.MessagesContext) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.consumer, s.reading
}

// removedMeanwhile says whether a cursor was made and removed before the broker
// could tell of it. The code is that of every cursor that cannot be made; only
// the text tells them apart.
func removedMeanwhile(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == codeNotMade && api.Description == "consumer closed"
}

// read takes messages in, and opens a new cursor whenever the old one fails.
func (s *subscription) read() {
	for {
		err := s.readCursor()
		if isEnd(s.ctx, err) {
			return
		}
		s.log.Info("bus: reading the queue anew", "reason", err)
		for {
			if err = s.reopen(); err == nil {
				break
			}
			if isEnd(s.ctx, err) {
				s.log.Info("bus: subscription ends", "reason", err)
				s.cancel()
				return
			}
			s.log.Warn("bus: queue not readable", "error", err)
		}
	}
}

// readCursor takes in what the cursor delivers until it fails, misses a
// delivery or is stopped.
func (s *subscription) readCursor() error {
	_, reading := s.cursor()
	defer reading.Stop()
	for delivered := uint64(1); ; delivered++ {
		if err := s.queue.room(s.ctx); err != nil {
			return err
		}
		msg, err := reading.Next(jetstream.NextContext(s.ctx))
		if err != nil {
			return err
		}
		meta, err := msg.Metadata()
		if err != nil {
			return err
		}
		if meta.Sequence.Consumer != delivered {
			return fmt.Errorf("delivery %d missed, got %d", delivered, meta.Sequence.Consumer)
		}
		if again := s.queue.accept(newLetter(msg, meta.Sequence.Stream)); again != nil {
			s.work.Go(func() { s.confirm(again) })
		}
	}
}

func newLetter(msg jetstream.Msg, seq uint64) *letter {
	l := &letter{seq: seq, subject: msg.Subject(), size: len(msg.Data()) + 512, ack: msg.DoubleAck, end: func() {}}
	l.make = func() *message.Message {
		uuid, metadata := decode(msg)
		if uuid == "" {
			uuid = strconv.FormatUint(seq, 10)
		}
		metadata[MetaSubject] = msg.Subject()
		m := message.NewMessage(uuid, msg.Data())
		m.Metadata = metadata
		return m
	}
	return l
}

// reopen replaces the cursor, then drops what is acknowledged and no longer on
// the queue: of those the broker's confirmation was lost. The others are
// delivered again and acknowledged again.
func (s *subscription) reopen() error {
	select {
	case <-time.After(reopenWait):
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
	ctx, cancel := s.conn.attempt(s.ctx)
	defer cancel()
	old, _ := s.cursor()
	stream, err := s.conn.js.Stream(ctx, s.stream)
	if err != nil {
		return err
	}
	err = stream.DeleteConsumer(ctx, old.CachedInfo().Name)
	if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return err
	}
	if err := s.open(ctx); err != nil {
		return err
	}
	for _, l := range s.queue.settlingNow() {
		if _, err := stream.GetMsg(ctx, l.seq); errors.Is(err, jetstream.ErrMsgNotFound) {
			s.queue.forget(l)
		}
	}
	return nil
}

// stopReading makes readCursor return, so that the cursor is opened anew.
func (s *subscription) stopReading() {
	_, reading := s.cursor()
	reading.Stop()
}

// watchConnection opens the cursor anew after the connection was lost: what
// was on its way then would come again only after redeliverWait.
func (s *subscription) watchConnection() {
	lost := s.conn.nc.StatusChanged(nats.RECONNECTING)
	defer s.conn.nc.RemoveStatusListener(lost)
	for {
		select {
		case _, open := <-lost:
			if !open {
				return
			}
			s.stopReading()
		case <-s.ctx.Done():
			return
		}
	}
}

// handOut offers letters in the queue's order. An offer is withdrawn when the
// letter is handed back before anybody took it.
func (s *subscription) handOut() {
	for s.ctx.Err() == nil {
		l, m, changed, pause := s.queue.next(s.ctx, time.Now())
		if l == nil {
			s.sleep(changed, pause)
			continue
		}
		s.work.Go(func() { s.await(l, m) })
		select {
		case s.output <- m:
		case <-m.Context().Done():
		}
	}
}

func (s *subscription) sleep(changed <-chan struct{}, pause time.Duration) {
	var wake <-chan time.Time
	if pause > 0 {
		timer := time.NewTimer(pause)
		defer timer.Stop()
		wake = timer.C
	}
	select {
	case <-changed:
	case <-wake:
	case <-s.ctx.Done():
	}
}

// await waits for the word about a message and acts on it.
func (s *subscription) await(l *letter, m *message.Message) {
	select {
	case <-m.Acked():
	case <-m.Nacked():
		s.queue.handBack(l, m, s.pause, time.Now())
		return
	case <-m.Context().Done():
		select {
		case <-m.Acked(): // said before the subscription ended
		default:
			return
		}
	}
	if s.queue.settle(l, m) {
		s.confirm(l)
	}
}

// confirm tells the broker that a letter is done and waits until it has
// said so too. If it does not, the letter stays held, as done, until a new
// cursor shows whether the broker knows.
func (s *subscription) confirm(l *letter) {
	ctx, cancel := s.conn.attempt(context.WithoutCancel(s.ctx))
	defer cancel()
	stop := context.AfterFunc(s.ctx, func() { time.AfterFunc(endWait, cancel) })
	defer stop()
	if err := s.queue.ackOf(l)(ctx); err != nil && !errors.Is(err, jetstream.ErrMsgAlreadyAckd) {
		s.log.Info("bus: acknowledgement not confirmed", "seq", l.seq, "error", err)
		s.stopReading()
		return
	}
	s.queue.forget(l)
}

// release removes the cursor, so that nothing of it is left on the broker.
func (s *subscription) release() {
	ctx, cancel := s.conn.attempt(context.WithoutCancel(s.ctx))
	defer cancel()
	consumer, reading := s.cursor()
	reading.Stop()
	if !s.conn.Connected() {
		return
	}
	if err := s.conn.js.DeleteConsumer(ctx, s.stream, consumer.CachedInfo().Name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		s.log.Debug("bus: cursor not removed", "error", err)
	}
}
