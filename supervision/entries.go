package supervision

import (
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"civicledger/ledger"
	"civicledger/ledger/chain"
)

// maxPageBytes ends a page of entries early: event lines may be long.
const maxPageBytes = 2 << 20

// Entry is one entry of the log: the fields of its header and the event line.
type Entry struct {
	Index     uint64 `json:"index" doc:"Place on the log, from 0."`
	Recorded  string `json:"recorded" format:"date-time" doc:"When the ledger put it on the log."`
	Agency    string `json:"agency" doc:"Who said it."`
	KeyID     string `json:"keyId" doc:"With which key."`
	EventKey  string `json:"eventKey" doc:"Identity of what was said, standard base64."`
	First     uint64 `json:"first" doc:"Index of the first entry of its submission."`
	Position  int    `json:"position" doc:"Place in its submission, from 1."`
	Count     int    `json:"count" doc:"Events in its submission."`
	Previous  string `json:"previous" doc:"Leaf hash of the entry before, standard base64: the link of the chain."`
	Signature string `json:"signature,omitzero" doc:"The agency's signature of the submission, standard base64; on its first entry only."`
	Line      string `json:"line" doc:"The event line, verbatim as it was signed, stored and hashed."`
	Event     any    `json:"event,omitzero" doc:"The same line as JSON, for reading. Absent where the line is not strict JSON."`
}

func readEntry(raw []byte) (Entry, error) {
	h, line, err := chain.ParseEntry(raw)
	if err != nil {
		return Entry{}, err
	}
	e := Entry{
		Index: h.Index, Recorded: stamp(h.Recorded), Agency: h.Agency, KeyID: h.KeyID,
		EventKey: base64.StdEncoding.EncodeToString(h.EventKey[:]),
		First:    h.First(), Position: h.Position, Count: h.Count,
		Previous:  base64.StdEncoding.EncodeToString(h.Prev[:]),
		Signature: base64.StdEncoding.EncodeToString(h.Signature),
		Line:      string(line),
	}
	if value := jsontext.Value(e.Line); value.IsValid() {
		e.Event = value
	}
	return e, nil
}

// Entry returns one entry, as soon as it is durable: it does not wait for the
// tables.
func (d *Desk) Entry(index uint64) (*Answer[Entry], error) {
	asOf := d.asOfLog()
	if index >= asOf.Size {
		return nil, noEntry(index, asOf.Size)
	}
	raw, err := d.Raw(index)
	if err != nil {
		return nil, err
	}
	e, err := readEntry(raw)
	return &Answer[Entry]{AsOf: asOf, Item: e}, err
}

func noEntry(index, size uint64) error {
	cure := "the log has no entries yet"
	if size > 0 {
		cure = fmt.Sprintf("the log has the entries 0 to %d", size-1)
	}
	return &NotFound{What: "entry", Key: strconv.FormatUint(index, 10), Cure: cure}
}

// Entries returns the entries from an index on, ascending, as soon as they are
// durable. A page ends early where its event lines get long.
func (d *Desk) Entries(from uint64, turn Turn) (*Page[Entry], error) {
	if turn.After != "" {
		after, err := strconv.ParseUint(turn.After, 10, 63)
		if err != nil {
			return nil, &BadQuestion{Place: "cursor", Value: turn.After, Reason: "not a cursor of this list"}
		}
		from = max(from, after+1)
	}
	asOf := d.asOfLog()
	page := &Page[Entry]{AsOf: asOf, Items: []Entry{}}
	bytes := 0
	for raw, err := range d.entries(from) {
		var m *ledger.Mismatch
		if errors.As(err, &m) { // the next page goes on behind it
			page.AsOf.Damaged = d.damaged(0)
			if last := max(m.Damage.Last, from); last+1 < asOf.Size {
				page.Next = strconv.FormatUint(last, 10)
			}
			return page.said()
		}
		if err != nil {
			return nil, err
		}
		e, err := readEntry(raw)
		if err != nil {
			return nil, err
		}
		if e.Index >= asOf.Size {
			break
		}
		if bytes += len(raw); len(page.Items) == turn.limit() || (bytes > maxPageBytes && len(page.Items) > 0) {
			page.Next = strconv.FormatUint(e.Index-1, 10)
			break
		}
		page.Items = append(page.Items, e)
	}
	return page, nil
}

// entries yields the bytes of the entries from an index on; they are valid
// until the next iteration.
func (d *Desk) entries(from uint64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for c, err := range d.log.Commits(from) {
			if err != nil {
				yield(nil, fmt.Errorf("read entries from %d: %w", from, err))
				return
			}
			for i, raw := range c.Entries {
				if c.Prev.Size+uint64(i) >= from && !yield(raw, nil) {
					return
				}
			}
		}
	}
}
