package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"

	"civicledger/ledger/chain"
)

// ErrNotRecorded says that no submission with that digest is on the log.
var ErrNotRecorded = errors.New("no submission with that digest is on the log")

// Receipt asks for the receipt of a recorded submission by its digest. What comes
// names that digest; the lines and the ledger's key say whether it holds.
func (c *Client) Receipt(ctx context.Context, digest chain.Hash) (*chain.Receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, publishWait)
	defer cancel()
	msg, err := c.conn.nc.RequestWithContext(ctx, ReceiptSubject, []byte(b64.EncodeToString(digest[:])))
	if err != nil {
		return nil, fmt.Errorf("ask the ledger for a receipt: %w", err)
	}
	switch problem := msg.Header.Get(MetaProblem); problem {
	case "":
	case ErrNotRecorded.Error():
		return nil, ErrNotRecorded
	default:
		return nil, fmt.Errorf("the ledger gives no receipt: %s", problem)
	}
	r, err := chain.ParseReceipt(msg.Data)
	if err == nil && r.Submission != digest {
		err = errors.New("the ledger answered with the receipt of another submission")
	}
	return r, err
}

// answerReceipts gives receipts to who asks, one at a time, until stop is called.
func (i *Intake) answerReceipts() (stop func() error, err error) {
	if i.cfg.Receipt == nil {
		return func() error { return nil }, nil
	}
	sub, err := i.cfg.Conn.nc.Subscribe(ReceiptSubject, func(msg *nats.Msg) {
		answer := nats.NewMsg(msg.Reply)
		r, err := i.receiptFor(msg.Data)
		if err == nil {
			answer.Data = r.Encode()
		} else {
			answer.Header.Set(MetaProblem, err.Error())
		}
		if err := msg.RespondMsg(answer); err != nil {
			i.log.Info("bus: a receipt that was asked for is not sent", "error", err)
		}
	})
	if err != nil {
		return nil, err
	}
	return sub.Unsubscribe, nil
}

func (i *Intake) receiptFor(digest []byte) (*chain.Receipt, error) {
	d, err := chain.ParseDigest(string(digest))
	if err != nil {
		return nil, err
	}
	r, err := i.cfg.Receipt(d)
	if err == nil && r == nil {
		err = ErrNotRecorded
	}
	return r, err
}
