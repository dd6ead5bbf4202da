package bus

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// ServerConfig says how the embedded broker is to run.
type ServerConfig struct {
	StoreDir string // where the queue and the answers lie; required
	Listen   string // HOST:PORT, 127.0.0.1:4222 if empty; port 0 takes any free one
	Limits   Limits
	// Password is asked of agencies (user "agency"). Empty lets anybody in who
	// reaches the address, which is then refused to be anything but loopback
	// unless Insecure is set.
	Password string
	Insecure bool
	Logger   *slog.Logger
}

// Users of the embedded broker: agencies may say and read, the ledger may do
// everything.
const (
	agencyUser = "agency"
	ledgerUser = "ledger"

	ledgerInbox = "_LEDGER" // replies to the ledger; agencies may not listen
)

// Server is a NATS broker inside this process, reached over TCP like any other
// (the in-process pipe stalls on large messages).
type Server struct {
	ns     *server.Server
	secret string // password of the ledger's own connections, new at every start
	log    *slog.Logger
}

// StartServer starts the broker and lays out the ledger's streams. When it
// returns, agencies can publish. A stored message survives the loss of the
// process and, as far as JetStream keeps its word, of power: every write is
// synced before it is acknowledged.
func StartServer(ctx context.Context, cfg ServerConfig) (*Server, error) {
	return startServer(ctx, cfg, rand.Text())
}

func startServer(ctx context.Context, cfg ServerConfig, secret string) (*Server, error) {
	if cfg.StoreDir == "" {
		return nil, errors.New("start bus: no directory given")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:4222"
	}
	host, port, err := listenAddress(cfg)
	if err != nil {
		return nil, fmt.Errorf("start bus: %w", err)
	}
	s := &Server{secret: secret, log: cfg.Logger}
	s.ns, err = server.NewServer(options(cfg, host, port, secret))
	if err != nil {
		return nil, fmt.Errorf("start bus: %w", err)
	}
	s.ns.SetLoggerV2(brokerLog{cfg.Logger}, false, false, false)
	go s.ns.Start()
	if err := s.ready(ctx, cfg.Limits); err != nil {
		s.Shutdown()
		return nil, fmt.Errorf("start bus on %s: %w", cfg.Listen, err)
	}
	return s, nil
}

func (s *Server) ready(ctx context.Context, limits Limits) error {
	if !s.ns.ReadyForConnections(15 * time.Second) {
		return errors.New("not ready after 15 s: see the log (is the address taken?)")
	}
	c, err := s.Connect()
	if err != nil {
		return err
	}
	defer c.Close()
	return Provision(ctx, c, limits)
}

func listenAddress(cfg ServerConfig) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return "", 0, err
	}
	if port, err = strconv.Atoi(text); err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("port %q is not 0 to 65535", text)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	ip := net.ParseIP(host)
	loopback := host == "localhost" || (ip != nil && ip.IsLoopback())
	if !loopback && cfg.Password == "" && !cfg.Insecure {
		return "", 0, fmt.Errorf("%s is not loopback: agencies need a password there", cfg.Listen)
	}
	return host, port, nil
}

func options(cfg ServerConfig, host string, port int, secret string) *server.Options {
	o := &server.Options{
		ServerName: "civicledger", Host: host, Port: port,
		NoSigs: true, DisableJetStreamBanner: true,
		JetStream: true, StoreDir: cfg.StoreDir,
		JetStreamMaxStore:  cfg.Limits.withDefaults().store(),
		JetStreamMaxMemory: 64 << 20,
		SyncAlways:         true, SyncInterval: time.Second,
		MaxPayload: MaxMessage + 64<<10, MaxPending: 64 << 20,
		Users: []*server.User{
			{Username: ledgerUser, Password: secret},
			{Username: agencyUser, Password: cfg.Password, Permissions: agencyMay()},
		},
	}
	if cfg.Password == "" {
		o.NoAuthUser = agencyUser
	}
	return o
}

// agencyMay lists what a connection of an agency may do: publish submissions, ask for receipts,
// read answers, as they come or through consumers of its own, read what the ledger says about
// itself. It may not read other agencies' submissions, and touch no stream:
// whoever may publish on all of $JS.API may delete them.
func agencyMay() *server.Permissions {
	publish := []string{
		SubmissionsTopic, ReceiptSubject,
		"$JS.API.INFO",
		"$JS.API.STREAM.INFO." + aboutStream,
		"$JS.API.STREAM.MSG.GET." + aboutStream,
		"$JS.API.DIRECT.GET." + aboutStream + ".>",
	}
	for _, stream := range []string{receiptsStream, refusalsStream} {
		publish = append(publish,
			"$JS.API.STREAM.INFO."+stream,
			"$JS.API.CONSUMER.CREATE."+stream+".>",
			"$JS.API.CONSUMER.INFO."+stream+".*",
			"$JS.API.CONSUMER.DELETE."+stream+".*",
			"$JS.API.CONSUMER.MSG.NEXT."+stream+".*",
			"$JS.ACK."+stream+".>",
			"$JS.FC."+stream+".>",
		)
	}
	return &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: publish},
		Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX.>", receiptsPrefix + "*", refusalsPrefix + "*", AboutSubject}},
	}
}

// ClientURL is what agencies dial.
func (s *Server) ClientURL() string { return s.ns.ClientURL() }

// Connect opens a connection with the ledger's own rights, for Intake.
func (s *Server) Connect() (*Conn, error) {
	u, err := url.Parse(s.ns.ClientURL())
	if err != nil {
		return nil, fmt.Errorf("connect to bus: %w", err)
	}
	return connect(u.String(), ledgerInbox, s.log, nats.UserInfo(ledgerUser, s.secret))
}

// Shutdown stops the broker and returns when its files are closed. What is
// queued stays for the next start.
func (s *Server) Shutdown() {
	s.ns.Shutdown()
	s.ns.WaitForShutdown()
}

// brokerLog hands the broker's own log lines on.
type brokerLog struct{ log *slog.Logger }

func (b brokerLog) Noticef(format string, v ...any) {
	b.log.Debug("nats: " + fmt.Sprintf(format, v...))
}

// Warnf passes over a warning about users whose passwords stand in a
// configuration file: ours are made at every start and stand nowhere.
func (b brokerLog) Warnf(format string, v ...any) {
	if strings.HasPrefix(format, "Plaintext passwords detected") {
		return
	}
	b.log.Warn("nats: " + fmt.Sprintf(format, v...))
}

func (b brokerLog) Fatalf(format string, v ...any) { b.log.Error("nats: " + fmt.Sprintf(format, v...)) }

func (b brokerLog) Errorf(format string, v ...any) { b.log.Error("nats: " + fmt.Sprintf(format, v...)) }

func (b brokerLog) Debugf(format string, v ...any) { b.log.Debug("nats: " + fmt.Sprintf(format, v...)) }

func (b brokerLog) Tracef(format string, v ...any) { b.log.Debug("nats: " + fmt.Sprintf(format, v...)) }
