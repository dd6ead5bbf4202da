package sources

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
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
	bad     error // the first thing that is wrong with it; what is read after it does not count
}

func (n *notice) fail(err error) { n.bad = cmp.Or(n.bad, err) }

// wrong notes what is wrong with a member.
func (n *notice) wrong(member, format string, args ...any) {
	n.fail(badCell(member, n.members[member], format, args...))
}

// tier is one row of the prize table, as published.
type tier struct {
	number          string
	winners, amount string
}

// readNotices reads answers of findDrawNotice: objects with a list named
// result, one behind the other where there are several pages, or the bare
// list. All of the file is read; notices come back oldest first.
func readNotices(in *input) ([]notice, error) {
	fail := func(err error) ([]notice, error) { return nil, fmt.Errorf("read notices in %s: %w", in.name, err) }
	text, err := in.all()
	if err != nil {
		return fail(err)
	}
	dec := jsontext.NewDecoder(strings.NewReader(text), jsontext.AllowDuplicateNames(false))
	var notices []notice
	total, count, pages := 0, 0, 0 // what the answers state, and what there is
	for ; ; pages++ {
		value, err := dec.ReadValue()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fail(fmt.Errorf("the file is cut off, or no answer of findDrawNotice: %w", err))
		}
		page, err := readAnswer(value)
		if err != nil {
			return fail(err)
		}
		total, count = max(total, stated(page.Total)), max(count, stated(page.PageCount))
		for _, one := range page.Result {
			notices = append(notices, parseNotice(one, len(notices)+1))
		}
	}
	switch {
	case pages == 0:
		return fail(errors.New("the file is empty"))
	case total > 0 && total != len(notices):
		return fail(fmt.Errorf("the answer states a total of %d notices and the file has %d: fetch every page, and put them into one file", total, len(notices)))
	case count > 0 && count != pages:
		return fail(fmt.Errorf("the answer states %d pages and the file has %d: fetch every page, and put them into one file", count, pages))
	}
	slices.SortStableFunc(notices, func(a, b notice) int { return strings.Compare(a.order(), b.order()) })
	return notices, nil
}

// answer is one page. How many there are, publishers say under several names;
// 0 is what they print where they do not count.
type answer struct {
	State     jsontext.Value   `json:"state"`
	Message   jsontext.Value   `json:"message"`
	Result    []jsontext.Value `json:"result"`
	Total     jsontext.Value   `json:"total"`
	PageCount jsontext.Value   `json:"pageCount"`
}

// stated is a count that an answer states; 0 where it does not, or prints 0.
func stated(v jsontext.Value) int {
	n, _ := strconv.Atoi(strings.Trim(string(v), `"`))
	return n
}

func readAnswer(value jsontext.Value) (a answer, err error) {
	if value.Kind() == '[' {
		return a, json.Unmarshal(value, &a.Result)
	}
	if err := json.Unmarshal(value, &a); err != nil {
		return a, fmt.Errorf("this is no answer of findDrawNotice: %w", err)
	}
	if a.Result == nil || stated(a.State) != 0 {
		return a, fmt.Errorf("there is no list named result, or an error beside it: the publisher answered with state %s, message %s: fetch it again", a.State, a.Message)
	}
	return a, nil
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
		text, _ := jsontext.AppendUnquote(nil, v) // it was read as JSON: it cannot fail
		switch trimmed := strings.TrimSpace(string(text)); trimmed {
		case "_", "-", "--", "—":
			return "", nil
		default:
			return trimmed, nil
		}
	}
	return "", badCell(name, string(v), "is neither a text nor a number")
}
