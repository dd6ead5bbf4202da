package sources

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// notice is one draw notice as published: its members as text ("" where null,
// blank or "_"), and its prize tiers.
type notice struct {
	at      int // 1-based position in the list
	members map[string]string
	tiers   []tier
	bad     error
}

// tier is one row of the prize table, as published.
type tier struct {
	number          string
	winners, amount string
}

// maxNotices bounds one document; thirteen years of a daily game are 4,700.
const maxNotices = 200_000

// readNotices reads the answer of findDrawNotice: an object with a list named
// result, or the bare list. Notices come back oldest first.
func readNotices(in *input) ([]notice, error) {
	fail := func(err error) ([]notice, error) { return nil, fmt.Errorf("read notices in %s: %w", in.name, err) }
	in.left = maxRow * 256 // the document is held whole
	dec := jsontext.NewDecoder(io.Reader(in), jsontext.AllowDuplicateNames(false))
	if err := enterResult(dec); err != nil {
		return fail(err)
	}
	var notices []notice
	for dec.PeekKind() == '{' {
		value, err := dec.ReadValue()
		if err != nil {
			return fail(err)
		}
		if len(notices) == maxNotices {
			return fail(fmt.Errorf("more than %d notices", maxNotices))
		}
		notices = append(notices, parseNotice(value, len(notices)+1))
	}
	if end, err := dec.ReadToken(); err != nil {
		return fail(err)
	} else if end.Kind() != ']' {
		return fail(fmt.Errorf("%s stands where a notice or the end of the list is expected", end.Kind()))
	}
	slices.SortStableFunc(notices, func(a, b notice) int { return strings.Compare(a.order(), b.order()) })
	return notices, nil
}

// enterResult reads up to and into the list of notices.
func enterResult(dec *jsontext.Decoder) error {
	first, err := dec.ReadToken()
	if err != nil || first.Kind() == '[' {
		return err
	}
	if first.Kind() != '{' {
		return fmt.Errorf("neither an object nor a list: is this an answer of findDrawNotice?")
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return err
		}
		if name.String() != "result" {
			if err := dec.SkipValue(); err != nil {
				return err
			}
			continue
		}
		if dec.PeekKind() != '[' {
			return fmt.Errorf("result is not a list: the publisher answered with an error?")
		}
		_, err = dec.ReadToken()
		return err
	}
	return fmt.Errorf("there is no list named result: is this an answer of findDrawNotice?")
}

// order puts notices in the order of their draws.
func (n *notice) order() string { return n.members["name"] + " " + n.members["code"] }

func parseNotice(value jsontext.Value, at int) notice {
	n := notice{at: at, members: map[string]string{}}
	var raw map[string]jsontext.Value
	if n.bad = json.Unmarshal(value, &raw); n.bad != nil {
		n.bad = badRow("%v", n.bad)
		return n
	}
	for name, v := range raw {
		if name == "prizegrades" {
			n.tiers, n.bad = parseTiers(v)
		} else {
			n.members[name], n.bad = scalarText(name, v)
		}
		if n.bad != nil {
			return n
		}
	}
	return n
}

func parseTiers(v jsontext.Value) ([]tier, error) {
	var raw []map[string]jsontext.Value
	if err := json.Unmarshal(v, &raw); err != nil {
		return nil, badCell("prizegrades", string(v), "is no list of tiers")
	}
	var tiers []tier
	for _, one := range raw {
		var t tier
		for name, into := range map[string]*string{"type": &t.number, "typenum": &t.winners, "typemoney": &t.amount} {
			text, err := scalarText(name, one[name])
			if err != nil {
				return nil, err
			}
			*into = text
		}
		if t.winners != "" || t.amount != "" {
			tiers = append(tiers, t)
		}
	}
	return tiers, nil
}

// scalarText is a string or a number as text; what publishers print for "not
// yet" (nothing, null, "_", "-") is "".
func scalarText(name string, v jsontext.Value) (string, error) {
	if len(v) == 0 {
		return "", nil
	}
	switch v.Kind() {
	case 'n':
		return "", nil
	case '0':
		return string(v), nil
	case '"':
		text, err := jsontext.AppendUnquote(nil, v)
		if err != nil {
			return "", badCell(name, string(v), "is not a text")
		}
		switch trimmed := strings.TrimSpace(string(text)); trimmed {
		case "_", "-", "--", "—":
			return "", nil
		default:
			return trimmed, nil
		}
	}
	return "", badCell(name, string(v), "is neither a text nor a number")
}
