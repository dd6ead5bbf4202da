package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"civicledger/ledger"
	"civicledger/ledger/chain"
)

// service is what a child process is told: a ledger to serve until it is
// killed, by itself in the middle of a change, or from outside.
type service struct {
	Dir     string        `json:"dir"`
	Segment int64         `json:"segment"`
	Clock   time.Duration `json:"clock"`
	Death   *fault        `json:"death"`
}

// request is submissions that are to be committed together.
type request struct {
	Clock time.Duration      `json:"clock"`
	Sync  bool               `json:"sync"`
	Subs  []chain.Submission `json:"subs"`
}

// reply is what became of them.
type reply struct {
	Clock   time.Duration `json:"clock"`
	Answers []answer      `json:"answers"`
	Err     string        `json:"err,omitempty"` // the ledger did not open
}

type answer struct {
	Receipt string           `json:"receipt,omitempty"`
	Refused []ledger.Problem `json:"refused,omitempty"`
	Stopped string           `json:"stopped,omitempty"`
}

// serve is the child.
func serve(s service, in io.Reader, out io.Writer) error {
	faults := &injector{kill: killSelf, count: func(string) {}}
	clock := newClock()
	clock.since = s.Clock
	faults.arm(s.Death)
	o := opening{dir: s.Dir, segment: s.Segment, disk: newDisk(faults), clock: clock.read}
	n, err := o.open()
	replies := json.NewEncoder(out)
	if err != nil {
		return replies.Encode(reply{Err: err.Error()})
	}
	if err := replies.Encode(reply{Clock: clock.since}); err != nil {
		return err
	}
	requests := json.NewDecoder(in)
	for {
		var q request
		if err := requests.Decode(&q); err != nil {
			return err
		}
		clock.reach(clock.start.Add(q.Clock))
		if q.Sync {
			_ = n.store.Book.Sync()
		}
		if err := replies.Encode(reply{Answers: answerAll(n, q.Subs), Clock: clock.since}); err != nil {
			return err
		}
	}
}

// killSelf ends this process as kill -9 does.
func killSelf() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // the signal is on its way
}

func answerAll(n *node, subs []chain.Submission) []answer {
	waits := make([]ledger.Wait, len(subs))
	answers := make([]answer, len(subs))
	n.store.gate.hold(len(subs) > 1)
	for i := range subs {
		s := said{sub: &subs[i]}
		wait, err := n.ledger.Submit(context.Background(), s.sub)
		if err != nil {
			answers[i] = answerOf(nil, err)
			continue
		}
		if waits[i] = wait; i == 0 && len(subs) > 1 {
			n.await(func() bool { return n.store.gate.blocks() || answered(wait) })
		}
	}
	n.letThrough(waits)
	for i, wait := range waits {
		if wait != nil {
			answers[i] = answerOf(wait(context.Background()))
		}
	}
	n.settle()
	return answers
}

func answerOf(r *chain.Receipt, err error) answer {
	var no *ledger.Refused
	switch {
	case err == nil:
		return answer{Receipt: string(r.Encode())}
	case errors.As(err, &no):
		return answer{Refused: no.Problems}
	}
	return answer{Stopped: err.Error()}
}

// result gives back what the child was told.
func (a *answer) result() (*chain.Receipt, error) {
	switch {
	case a.Receipt != "":
		return chain.ParseReceipt([]byte(a.Receipt))
	case a.Refused != nil:
		return nil, &ledger.Refused{Problems: a.Refused}
	}
	return nil, fmt.Errorf("%w: %s", ledger.ErrStopped, a.Stopped)
}

// child is a process that serves a ledger.
type child struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	orders  *json.Encoder
	replies *json.Decoder
}

func (r *run) startChild(death *fault) (*child, error) {
	text, err := json.Marshal(service{Dir: r.dir, Segment: r.segment, Clock: r.clock.since, Death: death})
	if err != nil {
		return nil, err
	}
	cmd, err := self("-serve", string(text))
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &child{cmd, in, json.NewEncoder(in), json.NewDecoder(out)}, cmd.Start()
}

// end kills the child, if it did not do that itself, and says whether a kill is
// how it ended.
func (c *child) end() error {
	_ = c.cmd.Process.Kill() // it may be gone already
	err := c.cmd.Wait()
	if status, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		return fmt.Errorf("the process was not killed, it ended with %w", err)
	}
	return nil
}

// childLife is a life in a process of its own that is killed with kill -9: in
// the middle of a change, or between two submissions.
func (r *run) childLife() error {
	if r.model.unsure() {
		if err := r.mustStart(nil); err != nil {
			return err
		}
	}
	var death *fault
	if r.rng.IntN(5) > 0 {
		death = randomDeath(r.rng)
	}
	r.trace("life in a child, death: %v", death)
	r.result.Faults["kill -9"]++
	c, err := r.startChild(death)
	if err != nil {
		return err
	}
	err = r.orders(c, 3+r.rng.IntN(20))
	r.trace("killed at %d", r.model.size)
	return errors.Join(err, c.end(), r.disk.settled(r.dir))
}

// orders has the child record submissions until it dies or it is enough.
func (r *run) orders(c *child, steps int) error {
	var first reply
	if err := c.replies.Decode(&first); err != nil {
		return nil // it died while it opened
	}
	r.result.Openings++
	if first.Err != "" {
		return fmt.Errorf("a child does not open it: %s", first.Err)
	}
	for range steps {
		list, err := r.batchForChild()
		if err != nil {
			return err
		}
		if len(list) == 0 {
			continue
		}
		alive, err := r.order(c, list)
		if err != nil || !alive {
			return err
		}
	}
	return nil
}

func (r *run) batchForChild() ([]waiting, error) {
	var list []waiting
	a := r.work.active()
	if a == nil || r.model.people.revoked[a.key.ID()] || r.rng.IntN(2) == 0 {
		s, want, err := r.work.next()
		if err != nil {
			return nil, err
		}
		return append(list, waiting{s: r.model.send(s), want: want}), nil
	}
	for range 1 + r.rng.IntN(5) {
		s, err := r.work.fresh(a)
		if err != nil {
			return nil, err
		}
		list = append(list, waiting{s: r.model.send(s)})
		if a = r.work.active(); r.model.people.revoked[a.key.ID()] {
			break
		}
	}
	return list, nil
}

// order gives the child submissions and takes the answers; it says whether the
// child lives.
func (r *run) order(c *child, list []waiting) (bool, error) {
	q := request{Clock: r.clock.since, Sync: r.rng.IntN(4) == 0}
	for _, w := range list {
		q.Subs = append(q.Subs, *w.s.sub)
	}
	if err := c.orders.Encode(q); err != nil {
		return false, nil // it died
	}
	var got reply
	if err := c.replies.Decode(&got); err != nil {
		return false, nil
	}
	r.clock.reach(r.clock.start.Add(got.Clock))
	for i, w := range list {
		receipt, err := got.Answers[i].result()
		if err := r.model.take(w.s, w.want, receipt, err); err != nil {
			return true, err
		}
		if errors.Is(err, ledger.ErrStopped) {
			return false, fmt.Errorf("in a child, without a fault, the ledger stopped: %w", err)
		}
	}
	return true, nil
}
