package supervision

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"civicledger/events"
	"civicledger/events/ident"
	"civicledger/events/money"
	"civicledger/ledger"
	"civicledger/ledger/chain"
)

// Mention is an entry that names a subject.
type Mention struct {
	Index    uint64 `json:"index" doc:"Place on the log: GET /v1/entries/{index}."`
	Type     string `json:"type" doc:"Event type."`
	Title    *Title `json:"title,omitzero" doc:"The type in words. Absent where the catalogue does not have it."`
	Agency   string `json:"agency" doc:"Who said it."`
	Recorded string `json:"recorded,omitzero" format:"date-time" doc:"When the ledger put it on the log. Absent where the entry is damaged."`
	Occurred string `json:"occurred,omitzero" format:"date-time" doc:"When it happened, as the agency says."`
	Summary  string `json:"summary" doc:"The telling members of the event on one line."`
}

// Subject returns the entries that name a subject token, ascending, as soon
// as they are durable. A token that nothing names has an empty timeline:
// that nothing was said about somebody is an answer.
func (d *Desk) Subject(token string, turn Turn) (*Page[Mention], error) {
	if !ident.IsToken([]byte(token)) {
		return nil, &NotFound{What: "subject token", Key: token, Cure: "a token is st1.<epoch>.<26 base32 characters>; civicledger token makes it from an identity number"}
	}
	from := uint64(0)
	if turn.After != "" {
		after, err := strconv.ParseUint(turn.After, 10, 63)
		if err != nil {
			return nil, &BadQuestion{Place: "cursor", Value: turn.After, Reason: "not a cursor of this list"}
		}
		from = after + 1
	}
	asOf := d.asOfLog()
	indexes, err := d.log.Timeline(token, from, turn.limit()+1)
	if err != nil && !errors.Is(err, ledger.ErrDamaged) {
		return nil, err
	}
	if asOf.Damaged != nil {
		asOf.Damaged.Incomplete = err != nil
	}
	covered, _ := slices.BinarySearch(indexes, asOf.Size)
	indexes = indexes[:covered]
	page := &Page[Mention]{AsOf: asOf, Items: []Mention{}}
	if len(indexes) > turn.limit() {
		indexes = indexes[:turn.limit()]
		page.Next = strconv.FormatUint(indexes[len(indexes)-1], 10)
	}
	err = d.pick(indexes, func(h *chain.Header, line []byte) { page.Items = append(page.Items, mention(h, line)) })
	if err != nil {
		return nil, err
	}
	return page.said()
}

// pick calls see with the entries at these ascending indexes, with no line
// where one is damaged. Entries of one commit are read at once.
func (d *Desk) pick(indexes []uint64, see func(h *chain.Header, line []byte)) error {
	for len(indexes) > 0 {
		before := len(indexes)
		for c, err := range d.log.Commits(indexes[0]) {
			if errors.Is(err, ledger.ErrDamaged) {
				see(&chain.Header{Index: indexes[0]}, nil)
				indexes = indexes[1:]
				break
			}
			if err != nil {
				return fmt.Errorf("read entry %d: %w", indexes[0], err)
			}
			for len(indexes) > 0 && indexes[0] < c.Head.Size {
				h, line, err := chain.ParseEntry(c.Entries[indexes[0]-c.Prev.Size])
				if err != nil {
					return fmt.Errorf("read entry %d: %w", indexes[0], err)
				}
				see(&h, line)
				indexes = indexes[1:]
			}
			break
		}
		if len(indexes) == before {
			return fmt.Errorf("read entry %d: the log ends before it", indexes[0])
		}
	}
	return nil
}

func mention(h *chain.Header, line []byte) Mention {
	if line == nil {
		return Mention{Index: h.Index, Summary: "the entry is damaged: it cannot be read as it was signed"}
	}
	m := Mention{Index: h.Index, Agency: h.Agency, Recorded: stamp(h.Recorded)}
	e, problems := events.Parse(line)
	if problems != nil {
		m.Summary = "the line cannot be read as an event"
		return m
	}
	m.Type = e.Type
	m.Occurred = e.Time.Format("2006-01-02T15:04:05.999Z07:00")
	m.Summary = summary(e.Data)
	m.Title = typeTitle(e.Type)
	return m
}

// telling are the members that a summary shows, in this order, whatever the
// type.
var telling = []string{
	"kind", "tier", "period", "from", "effective", "fund", "payer", "recipient", "organisation", "campaign",
	"relation", "reason", "purpose", "order", "payment", "donation", "date", "decidedOn", "registeredOn",
}

// summary is the sum and the telling members of an event's data on one line.
func summary(data []byte) string {
	var members map[string]jsontext.Value
	if err := json.Unmarshal(data, &members); err != nil {
		return ""
	}
	var parts []string
	if text := summarySum(members); text != "" {
		parts = append(parts, text)
	}
	for _, name := range telling {
		if text := plain(members[name]); text != "" {
			parts = append(parts, name+" "+text)
		}
	}
	return strings.Join(parts, ", ")
}

func summarySum(members map[string]jsontext.Value) string {
	var m money.Money
	if json.Unmarshal(members["amount"], &m.Amount) != nil || json.Unmarshal(members["currency"], &m.Currency) != nil {
		return ""
	}
	return m.String()
}

// plain is a string as it is, an organisation by its name, or its code.
func plain(value jsontext.Value) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	var org ident.OrgRef
	if json.Unmarshal(value, &org) != nil {
		return ""
	}
	if org.Name != "" {
		return org.Name
	}
	return org.Code
}
