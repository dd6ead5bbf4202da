package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"sync"
	"time"

	"civicledger/cmd/internal/datadir"
	"civicledger/events/bus"
	"civicledger/ledger"
	"civicledger/ledger/chain"
	"civicledger/ledger/keys"
	"civicledger/ledger/tiles"
	"civicledger/projections"
	"civicledger/projections/agencies"
	"civicledger/projections/charity"
	"civicledger/projections/credit"
	"civicledger/projections/funds"
	"civicledger/projections/lottery"
	"civicledger/supervision"
	"civicledger/supervision/httpapi"
)

// node is a served ledger: everything that runs in one process.
type node struct {
	serving
	log    *slog.Logger
	ledger *ledger.Ledger
	tables *projections.Runner
	desk   *supervision.Desk
	intake *bus.Intake // nil when read-only
	broker *bus.Server // nil with an existing broker, or read-only
	conn   *bus.Conn   // nil when read-only
	http   net.Listener
	failed chan error // the first part that ended by itself
	parts  sync.WaitGroup
}

// runNode serves until ctx ends or a part fails. ready is called once
// everything answers; its error ends the node too.
func runNode(ctx context.Context, s serving, log *slog.Logger, ready func(*node) error) error {
	runtime.GOMAXPROCS(ledger.Threads())
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n := &node{serving: s, log: log, failed: make(chan error, 16)}
	defer n.close()
	defer n.parts.Wait()
	defer cancel() // before waiting for the parts
	if err := n.start(ctx); err != nil {
		return stoppedError(err)
	}
	if err := n.sayReady(); err != nil {
		return err
	}
	if err := ready(n); err != nil && ctx.Err() == nil {
		return err // interrupted, it is no failure
	}
	select {
	case <-ctx.Done():
		if n.damaged() {
			return badNews("stopped while damaged: %v\n%s", n.ledger.Err(), datadir.DamageCure)
		}
		return nil
	case err := <-n.failed:
		return stoppedError(err)
	}
}

// damaged says that the ledger has stopped because stored bytes are not what
// was signed. The node then goes on answering, and /healthz says what is wrong:
// nothing is signed or taken in, and what is whole may be read. For every other
// reason to stop, the cure is to start again, so the node ends.
func (n *node) damaged() bool {
	var m *ledger.Mismatch
	return errors.As(n.ledger.Err(), &m)
}

func (n *node) start(ctx context.Context) error {
	var err error
	if n.http, err = net.Listen("tcp", n.listen); err != nil {
		return err
	}
	dir := datadir.Dir(n.data)
	if n.ledger, err = dir.Open(ctx, datadir.Options{
		ReadOnly: n.readOnly, Log: n.log, Ledger: ledger.Config{Audit: n.audit(), Progress: datadir.Progress(n.log)},
	}); err != nil {
		n.sayDamaged(ctx, dir, err)
		return err
	}
	n.tables, err = projections.New(n.ledger, funds.New(), credit.New(), charity.New(), lottery.New(), agencies.New())
	if err != nil {
		return err
	}
	n.desk = supervision.New(n.ledger, n.tables)
	n.run("projections", func() error { return n.project(ctx) })
	if !n.readOnly {
		if err := n.takeIn(ctx, dir); err != nil {
			return err
		}
	}
	server := &http.Server{
		Handler: n.routes(), ReadHeaderTimeout: httpapi.ReadHeaderTimeout, ReadTimeout: httpapi.ReadTimeout,
		WriteTimeout: httpapi.WriteTimeout, IdleTimeout: httpapi.IdleTimeout, MaxHeaderBytes: httpapi.MaxHeaderBytes,
		ErrorLog: slog.NewLogLogger(n.log.Handler(), slog.LevelWarn),
	}
	n.run("http", func() error {
		if err := server.Serve(n.http); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	n.run("http", func() error {
		<-ctx.Done()
		patience, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if server.Shutdown(patience) != nil {
			return server.Close()
		}
		return nil
	})
	return nil
}

// audit is how the ledger re-reads what it wrote.
func (s *serving) audit() ledger.AuditConfig {
	return ledger.AuditConfig{Distance: ledger.DefaultAuditDistance, Rate: int64(s.auditRate * 1e6)}
}

// project follows the log. Where it is damaged, the tables end, and go on
// answering from what stands before it, and say so.
func (n *node) project(ctx context.Context) error {
	err := n.tables.Run(ctx)
	if !errors.Is(err, ledger.ErrDamaged) {
		return err
	}
	n.log.Warn("answers rest on the entries before the damage", "entries", n.tables.View().AsOf().Size, "cause", err)
	return nil
}

// takeIn starts what writes: the bus, the intake and the closing of days.
func (n *node) takeIn(ctx context.Context, dir datadir.Dir) error {
	operator, about, err := n.join(ctx, dir)
	if err != nil {
		return err
	}
	about.Ledger, about.Receipt, about.Logger = n.ledger, n.receipt, n.log
	n.intake = bus.NewIntake(about)
	n.run("intake", func() error { return n.move(ctx) })
	n.run("days", func() error { closeDays(ctx, n.ledger, operator, n.log); return nil })
	n.run("ledger", func() error {
		select {
		case <-n.ledger.Stopped():
			if n.damaged() {
				n.log.Error("nothing is signed or taken in any more; what is whole is still answered", "cure", datadir.DamageCure)
				return nil
			}
			return n.ledger.Err()
		case <-ctx.Done():
			return nil
		}
	})
	return nil
}

// receipt is what the bus is told of a submission: nil where there is none.
func (n *node) receipt(digest chain.Hash) (*chain.Receipt, error) {
	r, err := n.ledger.Receipt(digest)
	if errors.Is(err, ledger.ErrNotThere) {
		return nil, nil
	}
	return r, err
}

// move takes submissions in until the ledger stops; when it does over damage,
// senders are told, and what they sent stays in the queue.
func (n *node) move(ctx context.Context) error {
	err := n.intake.Run(ctx)
	if err == nil || !n.damaged() {
		return err
	}
	if err := n.intake.SayStopped(ctx, n.ledger.Err()); err != nil {
		n.log.Warn("senders are not told that the ledger is damaged", "cause", err)
	}
	return nil
}

// sayDamaged tells those who wait on an existing broker that the ledger does not
// start.
func (n *node) sayDamaged(ctx context.Context, dir datadir.Dir, why error) {
	if n.busURL == "" || !errors.Is(why, ledger.ErrDamaged) {
		return
	}
	_, about, err := n.join(ctx, dir)
	if err == nil {
		err = bus.NewIntake(about).SayStopped(ctx, why)
	}
	if err != nil {
		n.log.Warn("senders are not told that the ledger is damaged", "cause", err)
	}
}

// join connects with the bus as the ledger in dir.
func (n *node) join(ctx context.Context, dir datadir.Dir) (operator *keys.Key, about bus.IntakeConfig, err error) {
	operator, logKey, err := dir.Operator()
	if err == nil {
		err = n.connect(ctx, dir)
	}
	if err != nil {
		return nil, about, err
	}
	return operator, bus.IntakeConfig{
		Conn: n.conn, Origin: logKey.Name(), Suite: operator.Suite(), VerifierKey: logKey.VerifierKey(),
	}, nil
}

// connect reaches the existing broker, or starts the embedded one.
func (n *node) connect(ctx context.Context, dir datadir.Dir) error {
	if n.busURL != "" {
		conn, err := bus.Connect(n.busURL, n.log)
		if err != nil {
			return err
		}
		n.conn = conn
		return bus.Provision(ctx, conn, bus.Limits{})
	}
	broker, err := bus.StartServer(ctx, bus.ServerConfig{
		StoreDir: dir.Bus(), Listen: n.busListen, Insecure: n.insecure, Logger: n.log,
	})
	if err != nil {
		return err
	}
	n.broker = broker
	n.conn, err = broker.Connect()
	return err
}

func (n *node) routes() http.Handler {
	mux := http.NewServeMux()
	m := newMetrics(&served{ledger: n.ledger, tables: n.tables, intake: n.intake, data: n.data, log: n.log})
	mux.Handle("GET /metrics", m.page(n.log))
	mux.Handle("/", httpapi.New(httpapi.Config{Desk: n.desk, Version: version(), Log: n.log}))
	log := tiles.New(n.ledger, n.log)
	mux.Handle("/checkpoint", log)
	mux.Handle("/tile/", log)
	return m.count(mux)
}

// run starts a part; the first that fails ends the node.
func (n *node) run(part string, f func() error) {
	n.parts.Go(func() {
		if err := f(); err != nil {
			select {
			case n.failed <- fmt.Errorf("%s: %w", part, err):
			default:
			}
		}
	})
}

// close ends what is left, in the order opposite to start.
func (n *node) close() {
	if n.conn != nil {
		if err := n.conn.Close(); err != nil {
			n.log.Warn("close bus connection", "cause", err)
		}
	}
	if n.broker != nil {
		n.broker.Shutdown()
	}
	if n.ledger != nil {
		if err := n.ledger.Close(); err != nil {
			n.log.Error("close ledger", "cause", err)
		}
	}
	if n.http != nil {
		n.http.Close()
	}
}

// url is where HTTP answers.
func (n *node) url() string { return "http://" + n.http.Addr().String() }

// busClientURL is where agencies publish.
func (n *node) busClientURL() string {
	if n.broker != nil {
		return n.broker.ClientURL()
	}
	return n.busURL
}

// addresses is what --ready writes, versioned for programs.
type addresses struct {
	Format string `json:"format"`
	HTTP   string `json:"http"`
	Bus    string `json:"bus,omitempty"`
}

func (n *node) sayReady() error {
	if n.ready == "" {
		return nil
	}
	where := addresses{Format: "civicledger addresses v1", HTTP: n.url()}
	if !n.readOnly {
		where.Bus = n.busClientURL()
	}
	text, err := json.Marshal(where)
	if err != nil {
		return err
	}
	return datadir.WriteFile(n.ready, string(text)+"\n")
}

func (n *node) announce(w io.Writer) {
	fmt.Fprintf(w, "serving %s: %d entries\n  HTTP  %s/v1/status\n", n.ledger.Origin(), n.ledger.Head().Size, n.url())
	if !n.readOnly {
		fmt.Fprintf(w, "  bus   %s\n", n.busClientURL())
	}
}
