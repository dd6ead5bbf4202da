package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Conn is a connection to the broker. It reconnects by itself, for ever; while
// it is down, publishing fails at once instead of waiting in a buffer, where a
// message would overtake its own retry. Any number of publishers and
// subscribers may share it; whoever opened it closes it.
type Conn struct {
	nc *nats.Conn
	js jetstream.JetStream

	mu    sync.Mutex
	alive context.Context // ends when the connection is lost; then a new one
	lost  context.CancelFunc
}

// Connect connects to the broker at url (nats://[user:password@]host:port).
// It returns an error when nobody answers there now.
func Connect(url string, log *slog.Logger) (*Conn, error) {
	return connect(url, "_INBOX", log)
}

// connect listens for replies under inbox, which must be a subject token that
// others may not listen to if replies are nobody else's business.
func connect(url, inbox string, log *slog.Logger, more ...nats.Option) (*Conn, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c := &Conn{}
	c.alive, c.lost = context.WithCancel(context.Background())
	options := append([]nats.Option{
		nats.Name("civicledger"),
		nats.CustomInboxPrefix(inbox),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(200 * time.Millisecond),
		nats.ReconnectJitter(50*time.Millisecond, 50*time.Millisecond),
		nats.ReconnectBufSize(-1),
		nats.PingInterval(20 * time.Second),
		nats.Timeout(5 * time.Second),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("bus: connection lost", "error", err)
			}
			c.disconnected()
		}),
		nats.ReconnectHandler(func(*nats.Conn) { log.Info("bus: connected again") }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Warn("bus: broker reports", "error", err)
		}),
	}, more...)
	nc, err := nats.Connect(url, options...)
	if err != nil {
		return nil, fmt.Errorf("connect to bus: %w", err)
	}
	c.nc = nc
	if c.js, err = jetstream.New(nc); err != nil {
		nc.Close()
		return nil, fmt.Errorf("connect to bus: %w", err)
	}
	return c, nil
}

func (c *Conn) disconnected() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost()
	c.alive, c.lost = context.WithCancel(context.Background())
}

// attempt bounds one exchange with the broker: it ends with ctx, after
// publishWait, and when the connection is lost, because no reply will come.
func (c *Conn) attempt(ctx context.Context) (context.Context, context.CancelFunc) {
	c.mu.Lock()
	alive := c.alive
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, publishWait)
	stop := context.AfterFunc(alive, cancel)
	return ctx, func() { stop(); cancel() }
}

// Connected reports whether the broker is reachable at the moment.
func (c *Conn) Connected() bool { return c.nc.IsConnected() }

// Close ends the connection and everything that uses it.
func (c *Conn) Close() error {
	c.nc.Close()
	return nil
}

// Numbers of the broker's errors that nats.go has no name for.
const (
	codeInsufficient = 10023 // no room on the broker's disk or under its limits
	codeStoreFailed  = 10077 // the stream did not take the message: it is full
	codeNotUnique    = 10100 // the work queue has a consumer already
	codeNotMade      = 10012 // a consumer cannot be made
)

// hasCode reports whether the broker answered with one of these errors.
func hasCode(err error, codes ...jetstream.ErrorCode) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && slices.Contains(codes, api.ErrorCode)
}
