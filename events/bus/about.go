package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"civicledger/ledger/suite"
)

// AboutFormat is the first member of what a ledger says about itself.
const AboutFormat = "civicledger about v1"

// About is what a ledger says about itself on the subject about, where the
// newest such message stays. It is a convenience: whoever runs the broker can
// write what he likes there, so an agency pins origin and verifier key.
type About struct {
	Format      string `json:"format"`
	Origin      string `json:"origin"`
	Suite       string `json:"suite"`
	VerifierKey string `json:"verifierKey"` // of checkpoints, a C2SP note verifier key
	// Stopped is why the ledger takes nothing in until it is started again; empty
	// while it runs. What was sent stays in the queue meanwhile.
	Stopped string `json:"stopped,omitempty"`
}

// say puts a on the bus in place of what was there.
func (a About) say(ctx context.Context, c *Conn) error {
	a.Format = AboutFormat
	body, err := json.Marshal(a)
	if err != nil {
		return err
	}
	if _, err := c.js.Publish(ctx, AboutSubject, body); err != nil {
		return fmt.Errorf("say what this ledger is: %w", err)
	}
	return nil
}

// readAbout returns what the ledger said last.
func readAbout(ctx context.Context, c *Conn) (a About, err error) {
	stream, err := c.js.Stream(ctx, aboutStream)
	var msg *jetstream.RawStreamMsg
	if err == nil {
		msg, err = stream.GetLastMsgForSubject(ctx, AboutSubject)
	}
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		err = errors.New("no ledger has been on it yet")
	}
	if err == nil {
		a, err = parseAbout(msg.Data)
	}
	if err != nil {
		return a, fmt.Errorf("ask the bus for its ledger: %w", err)
	}
	return a, nil
}

func parseAbout(body []byte) (a About, err error) {
	if err = json.Unmarshal(body, &a); err == nil && a.Format != AboutFormat {
		err = fmt.Errorf("format %q is not %q", a.Format, AboutFormat)
	}
	if err == nil {
		_, err = suite.Lookup(a.Suite)
	}
	return a, err
}
