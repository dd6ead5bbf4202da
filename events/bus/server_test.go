package bus

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func TestPublish_FullQueue(t *testing.T) {
	s := mustServe(t, ServerConfig{Limits: Limits{QueueMessages: 3}})
	conn := mustConnect(t, s)
	pub := NewPublisher(conn)
	for range 3 {
		if err := pub.Publish("submissions.alpha", message.NewMessage("", nil)); err != nil {
			t.Fatal(err)
		}
	}
	if err := pub.Publish("submissions.alpha", message.NewMessage("", nil)); !errors.Is(err, ErrFull) {
		t.Fatalf("got %v, want %v", err, ErrFull)
	}
	ledger := newFakeLedger(t)
	if err := (About{Origin: testOrigin, Suite: ledger.suite.Name(), VerifierKey: ledger.vkey}).say(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	c := mustDial(t, s, ClientConfig{})
	sub := newTestSigner(t).sign(t, "alpha", testLine(1, ""))
	if _, err := c.Send(t.Context(), sub); !errors.Is(err, ErrFull) {
		t.Fatalf("got %v, want %v", err, ErrFull)
	}
	// Deliver waits for room.
	delivered := make(chan error)
	go func() {
		d := Delivery{Agency: "alpha", Signer: newTestSigner(t)}
		_, err := c.Deliver(t.Context(), source(testLine(1, "")), d)
		delivered <- err
	}()
	startIntake(t, conn, ledger)
	if err := <-delivered; err != nil {
		t.Fatal(err)
	}
}

func TestPublish_FullByBytes(t *testing.T) {
	s := mustServe(t, ServerConfig{Limits: Limits{QueueBytes: 2 << 20}})
	pub := NewPublisher(mustConnect(t, s))
	body := make([]byte, 900_000)
	var err error
	for range 3 {
		if err = pub.Publish("submissions.alpha", message.NewMessage("", body)); err != nil {
			break
		}
	}
	if !errors.Is(err, ErrFull) {
		t.Fatalf("got %v, want %v", err, ErrFull)
	}
}

func TestPublish_RefusesMetadata(t *testing.T) {
	s := mustServe(t, ServerConfig{})
	pub := NewPublisher(mustConnect(t, s))
	for _, c := range []struct{ name, value string }{{"a", "b\r\nc: d"}, {"a b", "c"}, {"Nats-Rollup", "all"}, {"nats-msg-id", "1"}, {"", "x"}} {
		m := message.NewMessage("", nil)
		m.Metadata[c.name] = c.value
		if err := pub.Publish("submissions.alpha", m); err == nil {
			t.Errorf("metadata %q: %q is sent", c.name, c.value)
		}
	}
}

func TestProvision_Streams(t *testing.T) {
	s := mustServe(t, ServerConfig{})
	conn := mustConnect(t, s)
	configOf := func(name string) jetstream.StreamConfig {
		stream, err := conn.js.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		return stream.CachedInfo().Config
	}
	for _, name := range []string{receiptsStream, refusalsStream} {
		if cfg := configOf(name); cfg.MaxAge != 30*24*time.Hour || cfg.MaxBytes <= 0 || cfg.Discard != jetstream.DiscardOld {
			t.Errorf("%s: kept %v, %d bytes", name, cfg.MaxAge, cfg.MaxBytes)
		}
	}
	cfg := configOf(submissionsStream)
	if cfg.Retention != jetstream.WorkQueuePolicy || cfg.Discard != jetstream.DiscardNew || cfg.MaxAge != 0 || cfg.Storage != jetstream.FileStorage {
		t.Errorf("%s: %+v", submissionsStream, cfg)
	}
	// Limits may change from one start to the next.
	if err := Provision(t.Context(), conn, Limits{QueueMessages: 7}); err != nil {
		t.Fatal(err)
	}
	if got := configOf(submissionsStream).MaxMsgs; got != 7 {
		t.Errorf("queue takes %d messages, want 7", got)
	}
}

func TestServer_KeepsTheQueue(t *testing.T) {
	dir := t.TempDir()
	s := mustServe(t, ServerConfig{StoreDir: dir})
	conn := mustConnect(t, s)
	if err := NewPublisher(conn).Publish("submissions.alpha", message.NewMessage("kept", []byte("{}"))); err != nil {
		t.Fatal(err)
	}
	s.Shutdown()
	sub := NewSubscriber(mustConnect(t, mustServe(t, ServerConfig{StoreDir: dir})), SubscriberConfig{})
	defer sub.Close()
	messages, err := sub.Subscribe(t.Context(), SubmissionsTopic)
	if err != nil {
		t.Fatal(err)
	}
	m := <-messages
	if m.UUID != "kept" || m.Metadata[MetaSubject] != "submissions.alpha" {
		t.Fatalf("got %s on %s", m.UUID, m.Metadata[MetaSubject])
	}
}

func TestServer_Listen(t *testing.T) {
	for name, c := range map[string]struct {
		cfg ServerConfig
		ok  bool
	}{
		"anybody from anywhere":    {ServerConfig{Listen: "0.0.0.0:0"}, false},
		"all interfaces, no name":  {ServerConfig{Listen: ":0"}, false},
		"a password":               {ServerConfig{Listen: "0.0.0.0:0", Password: "p"}, true},
		"insecure, said so":        {ServerConfig{Listen: "0.0.0.0:0", Insecure: true}, true},
		"no port":                  {ServerConfig{Listen: "127.0.0.1"}, false},
		"a port that is no number": {ServerConfig{Listen: "127.0.0.1:nats"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			c.cfg.StoreDir = t.TempDir()
			s, err := StartServer(t.Context(), c.cfg)
			if err == nil {
				s.Shutdown()
			}
			if (err == nil) != c.ok {
				t.Fatalf("got %v", err)
			}
		})
	}
}

func TestServer_Password(t *testing.T) {
	s := mustServe(t, ServerConfig{Password: "right"})
	if nc, err := nats.Connect(s.ClientURL()); err == nil {
		nc.Close()
		t.Error("connected without password")
	}
	if nc, err := nats.Connect(s.ClientURL(), nats.UserInfo(ledgerUser, "right")); err == nil {
		nc.Close()
		t.Error("connected as the ledger")
	}
	c, err := Connect(strings.Replace(s.ClientURL(), "//", "//agency:right@", 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// TestServer_WhatAgenciesMayNotDo attacks the streams over an agency's
// connection.
func TestServer_WhatAgenciesMayNotDo(t *testing.T) {
	s := mustServe(t, ServerConfig{})
	conn := mustConnect(t, s)
	pub := NewPublisher(conn)
	for range 3 {
		if err := pub.Publish("submissions.alpha", message.NewMessage("", []byte("{}"))); err != nil {
			t.Fatal(err)
		}
	}
	nc, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	overheard, err := nc.SubscribeSync(">")
	if err != nil {
		t.Fatal(err)
	}
	own, err := nc.SubscribeSync("submissions.*")
	if err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{
		"$JS.API.STREAM.DELETE.SUBMISSIONS", "$JS.API.STREAM.PURGE.SUBMISSIONS", "$JS.API.STREAM.MSG.DELETE.SUBMISSIONS",
		"$JS.API.STREAM.UPDATE.SUBMISSIONS", "$JS.API.CONSUMER.CREATE.SUBMISSIONS", "$JS.API.CONSUMER.CREATE.SUBMISSIONS.x.submissions.alpha",
		"$JS.API.STREAM.MSG.GET.SUBMISSIONS", "$JS.API.DIRECT.GET.SUBMISSIONS.submissions.alpha",
		"$JS.API.STREAM.DELETE.RECEIPTS", "$JS.API.CONSUMER.NAMES.RECEIPTS", "$JS.API.STREAM.CREATE.OTHER",
		"receipts.alpha", "refusals.alpha", "about",
	} {
		if _, err := nc.Request(subject, nil, 100*time.Millisecond); err == nil {
			t.Errorf("%s is answered", subject)
		}
	}
	// The broker itself publishes its word on the reply subject of a message:
	// that must be no way around.
	for _, reply := range []string{"$JS.API.STREAM.PURGE.SUBMISSIONS", "$JS.API.STREAM.DELETE.SUBMISSIONS", "$JS.API.STREAM.PURGE.RECEIPTS", "receipts.alpha"} {
		msg := &nats.Msg{Subject: "submissions.beta", Reply: reply, Data: []byte("{}")}
		if err := nc.PublishMsg(msg); err != nil {
			t.Fatal(err)
		}
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	if m, err := overheard.NextMsg(300 * time.Millisecond); err == nil {
		t.Errorf("overheard %s", m.Subject)
	}
	if m, err := own.NextMsg(10 * time.Millisecond); err == nil {
		t.Errorf("overheard %s", m.Subject)
	}
	if got := queued(t, conn); got != 7 {
		t.Errorf("%d submissions are queued, want 7", got)
	}
}
