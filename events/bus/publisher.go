package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// uuidHeader carries Watermill's id of a message, for logs.
const uuidHeader = "watermill-uuid"

// publishWait bounds the wait for one message to be stored.
const publishWait = 10 * time.Second

var errLost = errors.New("connection lost before the broker said whether it is stored")

// Publisher is a Watermill publisher whose topics are subjects. It may be used
// from many goroutines at once.
type Publisher struct {
	conn   *Conn
	closed atomic.Bool
}

var _ message.Publisher = (*Publisher)(nil)

// NewPublisher returns a publisher on the connection, which stays the
// caller's.
func NewPublisher(c *Conn) *Publisher { return &Publisher{conn: c} }

// Publish stores the messages one after the other and returns when the last
// is stored, or at the first that is not; the later ones are then not sent.
// The error wraps ErrFull when there was no room. After any other error the
// message may be stored or not: send it again, the ledger takes it once.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	for _, m := range messages {
		if p.closed.Load() {
			return fmt.Errorf("publish on %s: %w", topic, ErrClosed)
		}
		if err := p.publish(topic, m); err != nil {
			return fmt.Errorf("publish on %s: %w", topic, err)
		}
	}
	return nil
}

func (p *Publisher) publish(topic string, m *message.Message) error {
	msg, err := encode(topic, m)
	if err != nil {
		return err
	}
	ctx, cancel := p.conn.attempt(m.Context())
	defer cancel()
	_, err = p.conn.js.PublishMsg(ctx, msg)
	if hasCode(err, codeStoreFailed, codeInsufficient) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	if errors.Is(err, context.Canceled) && m.Context().Err() == nil {
		return errLost
	}
	return err
}

// Close makes further publishing fail. Nothing is ever left unsent.
func (p *Publisher) Close() error {
	p.closed.Store(true)
	return nil
}

func encode(topic string, m *message.Message) (*nats.Msg, error) {
	msg := nats.NewMsg(topic)
	msg.Data = m.Payload
	for name, value := range m.Metadata {
		if err := checkHeader(name, value); err != nil {
			return nil, err
		}
		msg.Header[name] = []string{value}
	}
	if m.UUID != "" {
		if err := checkHeader(uuidHeader, m.UUID); err != nil {
			return nil, err
		}
		msg.Header[uuidHeader] = []string{m.UUID}
	}
	return msg, nil
}

// checkHeader refuses what would not come back as it was sent, and the names
// by which NATS takes orders.
func checkHeader(name, value string) error {
	if name == "" || strings.ContainsAny(name, ": \r\n\t") || strings.HasPrefix(strings.ToLower(name), "nats-") {
		return fmt.Errorf("metadata name %q cannot be sent", name)
	}
	if strings.ContainsAny(value, "\r\n") || strings.TrimSpace(value) != value {
		return fmt.Errorf("metadata %s: value %q cannot be sent", name, value)
	}
	return nil
}

// decode makes a message of what the broker delivered.
func decode(msg jetstream.Msg) (uuid string, metadata message.Metadata) {
	metadata = message.Metadata{}
	for name, values := range msg.Headers() {
		if len(values) == 0 {
			continue
		}
		if name == uuidHeader {
			uuid = values[0]
			continue
		}
		metadata[name] = values[0]
	}
	return uuid, metadata
}
