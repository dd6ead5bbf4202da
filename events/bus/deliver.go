package bus

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"civicledger/ledger/chain"
)

// Cut cuts event lines into what fits into one submission each: at most
// maxLines lines and maxBytes bytes (0: as much as the format allows). It does
// not judge lines: one that is too long for any submission comes alone. The
// lines are kept and not copied. An error of the source ends it, behind the
// lines read before.
func Cut(lines iter.Seq2[[]byte, error], maxLines, maxBytes int) iter.Seq2[[][]byte, error] {
	if maxLines <= 0 || maxLines > chain.MaxLines {
		maxLines = chain.MaxLines
	}
	if maxBytes <= 0 || maxBytes > chain.MaxSubmission {
		maxBytes = chain.MaxSubmission
	}
	return func(yield func([][]byte, error) bool) {
		var batch [][]byte
		size := 0
		for line, err := range lines {
			if err != nil {
				if len(batch) == 0 || yield(batch, nil) {
					yield(nil, err)
				}
				return
			}
			count, more := len(batch)+1, size+len(line)+1
			if len(batch) > 0 && (count > maxLines || more > maxBytes || chain.SealedBound(count, more) > chain.MaxFrame) {
				if !yield(batch, nil) {
					return
				}
				batch, size = nil, 0
			}
			batch = append(batch, line)
			size += len(line) + 1
		}
		if len(batch) > 0 {
			yield(batch, nil)
		}
	}
}

// Signer signs lines as an agency's submission to the ledger of that origin.
type Signer interface {
	SignSubmission(origin, agency string, lines [][]byte) (*chain.Submission, error)
}

// Delivery says how Deliver goes about it.
type Delivery struct {
	Agency  string
	Signer  Signer
	SkipBad bool // leave out lines that are refused and go on, instead of stopping
	// MaxLines and MaxBytes bound a submission; 0: as the format does.
	MaxLines, MaxBytes int
	// Receipt is told of every receipt and the lines it is for, in order, Bad of
	// every line that is refused, with its 1-based number in the source (0: not
	// about one line). Both may be nil.
	Receipt func(r *chain.Receipt, lines [][]byte)
	Bad     func(line int, reason Reason)
}

// Counts says what became of the lines of a delivery.
type Counts struct {
	Accepted int // on the log by this delivery
	Recorded int // on the log before, the same bytes
	Conflict int // refused: on the log with other bytes
	Refused  int // refused for another reason
}

// fullWait is the pause before a full queue is tried again.
const fullWait = 200 * time.Millisecond

// Deliver sends all lines in submissions of their own, many on their way at
// once, and accounts for each. Of a submission that is refused because of
// single lines, those already recorded are dropped and the rest is sent again;
// lines refused for another reason are reported, and end the delivery with the
// *Refusal unless SkipBad says to leave them out as well. A full queue is
// waited for. At the first error nothing more is sent, and what is on its way
// is still accounted for; deliver the same lines again to go on: what is
// recorded is found out.
func (c *Client) Deliver(ctx context.Context, lines iter.Seq2[[]byte, error], d Delivery) (Counts, error) {
	run := &delivery{Delivery: d, client: c}
	sendCtx, stop := context.WithCancel(ctx)
	defer stop()
	sent := make(chan *batch, cap(c.window))
	var sender sync.WaitGroup
	sender.Go(func() {
		defer close(sent)
		run.sendErr = run.sendAll(sendCtx, lines, sent)
	})
	var first error
	for b := range sent {
		if err := run.account(ctx, b, first == nil); err != nil && first == nil {
			first = err
			stop()
		}
	}
	sender.Wait()
	if first == nil {
		first = run.sendErr
	}
	return run.counts, first
}

// delivery is one run of Deliver.
type delivery struct {
	Delivery
	client  *Client
	counts  Counts // by the goroutine of Deliver
	sendErr error  // by the sender, before sent is closed
}

// batch is a submission's lines and where they stand in the source.
type batch struct {
	lines   [][]byte
	numbers []int
	pending *Pending
}

func (d *delivery) sendAll(ctx context.Context, lines iter.Seq2[[]byte, error], sent chan<- *batch) error {
	at := 0
	for part, err := range Cut(lines, d.MaxLines, d.MaxBytes) {
		if err != nil {
			return err
		}
		b := &batch{lines: part, numbers: make([]int, len(part))}
		for i := range part {
			at++
			b.numbers[i] = at
		}
		if err := d.send(ctx, b); err != nil {
			return err
		}
		sent <- b
	}
	return nil
}

// send signs and publishes a batch, waiting while the queue is full. Lines
// that can be in no submission come back as a refusal when it is accounted for.
func (d *delivery) send(ctx context.Context, b *batch) error {
	if d.misshapen(b) != nil {
		return nil
	}
	sub, err := d.Signer.SignSubmission(d.client.about.Origin, d.Agency, b.lines)
	if err != nil {
		return err
	}
	for {
		b.pending, err = d.client.Send(ctx, sub)
		if !errors.Is(err, ErrFull) {
			return err
		}
		select {
		case <-time.After(fullWait):
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

// misshapen names the lines that can be in no submission.
func (d *delivery) misshapen(b *batch) *Refusal {
	var reasons []Reason
	for i, line := range b.lines {
		if err := chain.CheckLine(line); err != nil {
			one := whole(codeShape, err)
			one[0].Line = i + 1
			reasons = append(reasons, one...)
		}
	}
	if reasons == nil {
		return nil
	}
	return newRefusal(d.Agency, nil, reasons)
}

// account waits for the answer to a batch and, while it is allowed to go on,
// sends what a refusal leaves of it.
func (d *delivery) account(ctx context.Context, b *batch, goOn bool) error {
	for {
		receipt, err := d.answer(ctx, b)
		if err == nil {
			if b.pending.repeated {
				d.counts.Recorded += receipt.Count
			} else {
				d.counts.Accepted += receipt.Count
			}
			if d.Receipt != nil {
				d.Receipt(receipt, b.lines)
			}
			return nil
		}
		var refusal *Refusal
		if !errors.As(err, &refusal) {
			return err
		}
		rest, bad := d.split(b, refusal)
		if len(rest.lines) == len(b.lines) || (bad && !d.SkipBad) || !goOn {
			return err
		}
		if len(rest.lines) == 0 {
			return nil
		}
		b = rest
		if err := d.send(ctx, b); err != nil {
			return err
		}
	}
}

func (d *delivery) answer(ctx context.Context, b *batch) (*chain.Receipt, error) {
	if b.pending == nil {
		return nil, d.misshapen(b)
	}
	receipt, err := b.pending.Wait(ctx)
	if err != nil {
		return nil, fmt.Errorf("lines %d to %d: %w", b.numbers[0], b.numbers[len(b.numbers)-1], err)
	}
	return receipt, nil
}

// split counts and reports what the refusal says about single lines and
// returns the others. A refusal of the whole counts nothing.
func (d *delivery) split(b *batch, refusal *Refusal) (rest *batch, bad bool) {
	reasons := map[int]Reason{}
	for _, r := range refusal.Problems {
		number := 0
		if r.Line >= 1 && r.Line <= len(b.lines) {
			number = b.numbers[r.Line-1]
			if _, known := reasons[r.Line]; !known {
				reasons[r.Line] = r
			}
		}
		if r.Code != CodeRecorded {
			bad = true
			if d.Bad != nil {
				d.Bad(number, r)
			}
		}
	}
	rest = &batch{}
	for i, line := range b.lines {
		r, named := reasons[i+1]
		switch {
		case named && r.Code == CodeConflict:
			d.counts.Conflict++
		case named && r.Code != CodeRecorded:
			d.counts.Refused++
		case named || refusal.IsRecorded(i+1):
			d.counts.Recorded++
		default:
			rest.lines = append(rest.lines, line)
			rest.numbers = append(rest.numbers, b.numbers[i])
		}
	}
	return rest, bad
}
