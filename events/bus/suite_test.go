package bus

import (
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
)

// mustServe starts a broker in a directory of its own.
func mustServe(tb testing.TB, cfg ServerConfig) *Server {
	tb.Helper()
	if cfg.StoreDir == "" {
		cfg.StoreDir = tb.TempDir()
	}
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	s, err := StartServer(tb.Context(), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Shutdown)
	return s
}

// mustConnect connects with the ledger's rights.
func mustConnect(tb testing.TB, s *Server) *Conn {
	tb.Helper()
	c, err := s.Connect()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close() })
	return c
}

// queueOf gives every topic of the suite a queue of its own.
func queueOf(topic string) Queue {
	return Queue{Stream: strings.ReplaceAll(topic, ".", "_"), MaxBytes: -1, MaxMessages: -1}
}

func suiteServer(t *testing.T) *Server {
	return mustServe(t, ServerConfig{})
}

func pubSub(s *Server, inFlight int) tests.PubSubConstructor {
	return func(t *testing.T) (message.Publisher, message.Subscriber) {
		c := mustConnect(t, s)
		sub := NewSubscriber(c, SubscriberConfig{MaxInFlight: inFlight, Pause: time.Millisecond, Queue: queueOf})
		return NewPublisher(c), sub
	}
}

// TestWatermill_OneInFlight runs the whole suite with messages strictly one
// after the other, which is what its TestNoAck calls guaranteed order.
func TestWatermill_OneInFlight(t *testing.T) {
	features := tests.Features{Persistent: true, GuaranteedOrder: true}
	tests.TestPubSub(t, features, pubSub(suiteServer(t), 1), nil)
}

// TestWatermill_ManyInFlight runs the suite as the intake uses the bus: order
// is guaranteed although many messages are out at once, so everything holds
// but TestNoAck, which wants at most one.
func TestWatermill_ManyInFlight(t *testing.T) {
	s := suiteServer(t)
	tests.TestPubSub(t, tests.Features{Persistent: true}, pubSub(s, 256), nil)
	t.Run("InOrder", func(t *testing.T) {
		features := tests.Features{Persistent: true, GuaranteedOrder: true}
		tests.TestPublishSubscribeInOrder(t, tests.TestContext{TestID: tests.NewTestID(), Features: features}, pubSub(s, 256))
	})
}
