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
	"sync"
	"time"

	"civicledger/events/bus"
	"civicledger/ledger"
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
	broker *bus.Server // nil with an existing broker, or read-only
	conn   *bus.Conn   // nil when read-only
	http   net.Listener
	failed chan error // the first part that ended by itself
	parts  sync.WaitGroup
}

// runNode serves until ctx ends or a part fails. ready is called once
// everything answers; its error ends the node too.
func runNode(ctx context.Context, s serving, log *slog.Logger, ready func(*node) error) error {
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
	if err := ready(n); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-n.failed:
		return stoppedError(err)
	}
}

func (n *node) start(ctx context.Context) error {
	var err error
	if n.http, err = net.Listen("tcp", n.listen); err != nil {
		return err
	}
	dir := dataDir(n.data)
	if n.ledger, err = dir.openLedger(ctx, n.readOnly, n.log); err != nil {
		return err
	}
	n.tables, err = projections.New(n.ledger, funds.New(), credit.New(), charity.New(), lottery.New(), agencies.New())
	if err != nil {
		return err
	}
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

// project follows the log. Where it is damaged, the tables end: read-only, they
// go on answering from what stands before it.
func (n *node) project(ctx context.Context) error {
	err := n.tables.Run(ctx)
	if !errors.Is(err, ledger.ErrDamaged) {
		return err
	}
	if n.readOnly {
		n.log.Warn("answers rest on the entries before the damage", "entries", n.tables.View().AsOf().Size, "cause", err)
		return nil
	}
	return fmt.Errorf("%w\n%s", err, damageCure)
}

// takeIn starts what writes: the bus, the intake and the closing of days.
func (n *node) takeIn(ctx context.Context, dir dataDir) error {
	operator, logKey, err := dir.operator()
	if err != nil {
		return err
	}
	if err := n.connect(ctx, dir); err != nil {
		return err
	}
	intake := bus.NewIntake(bus.IntakeConfig{
		Conn: n.conn, Ledger: n.ledger, Origin: n.ledger.Origin(), Suite: n.ledger.Suite(),
		VerifierKey: logKey.VerifierKey(), Logger: n.log,
	})
	n.run("intake", func() error { return intake.Run(ctx) })
	n.run("days", func() error { closeDays(ctx, n.ledger, operator, n.log); return nil })
	n.run("ledger", func() error {
		select {
		case <-n.ledger.Stopped():
			return n.ledger.Err()
		case <-ctx.Done():
			return nil
		}
	})
	return nil
}

// connect reaches the existing broker, or starts the embedded one.
func (n *node) connect(ctx context.Context, dir dataDir) error {
	if n.busURL != "" {
		conn, err := bus.Connect(n.busURL, n.log)
		if err != nil {
			return err
		}
		n.conn = conn
		return bus.Provision(ctx, conn, bus.Limits{})
	}
	broker, err := bus.StartServer(ctx, bus.ServerConfig{
		StoreDir: dir.bus(), Listen: n.busListen, Insecure: n.insecure, Logger: n.log,
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
	mux.Handle("/", httpapi.New(httpapi.Config{Desk: supervision.New(n.ledger, n.tables), Version: version(), Log: n.log}))
	log := tiles.New(n.ledger, n.log)
	mux.Handle("/checkpoint", log)
	mux.Handle("/tile/", log)
	return mux
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
	return writeFileDurably(n.ready, string(text)+"\n")
}

func (n *node) announce(w io.Writer) {
	fmt.Fprintf(w, "serving %s: %d entries\n  HTTP  %s/v1/status\n", n.ledger.Origin(), n.ledger.Head().Size, n.url())
	if !n.readOnly {
		fmt.Fprintf(w, "  bus   %s\n", n.busClientURL())
	}
}

// operatorKeys is what demo signs enrolments with.
func (n *node) operatorKeys() (*keys.Key, *keys.Log, error) { return dataDir(n.data).operator() }
