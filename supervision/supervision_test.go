package supervision

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"civicledger/projections"
)

func TestSummary(t *testing.T) {
	for _, c := range []struct{ data, want string }{
		{`{"amount":123450,"currency":"CNY","kind":"dibao","period":"2026-07"}`, "1234.50 CNY, kind dibao, period 2026-07"},
		{`{"period":"2026-07","kind":"dibao"}`, "kind dibao, period 2026-07"},
		{`{"payer":{"name":"示例街道办事处"},"recipient":{"code":"53990000MJ0000018G"}}`, "payer 示例街道办事处, recipient 53990000MJ0000018G"},
		{`{"amount":5}`, ""},
		{`{"amount":"5","currency":"CNY"}`, ""},
		{`{"kind":7,"payer":[]}`, ""},
		{`[]`, ""},
		{`{`, ""},
	} {
		if got := summary([]byte(c.data)); got != c.want {
			t.Errorf("%s: %q, want %q", c.data, got, c.want)
		}
	}
}

// numbered is a table of n rows whose cursor is the number of the last row.
func numbered(n int) func(projections.Page) (projections.Rows[int], error) {
	return func(p projections.Page) (projections.Rows[int], error) {
		rows := projections.Rows[int]{}
		after := -1
		if p.After != "" {
			var err error
			if after, err = strconv.Atoi(p.After); err != nil {
				return rows, projections.ErrCursor
			}
		}
		for i := after + 1; i < n; i++ {
			if len(rows.Items) == p.Limit {
				rows.Next = strconv.Itoa(i - 1)
				break
			}
			rows.Items = append(rows.Items, &i)
		}
		return rows, nil
	}
}

// TestSift_EveryRowOnceWhateverThePage holds filtered pages against the plain
// list.
func TestSift_EveryRowOnceWhateverThePage(t *testing.T) {
	texts := func(i *int) []string { return []string{"Row", strconv.Itoa(*i)} }
	for _, text := range []string{"", "3", "row", "x"} {
		for limit := 1; limit < 8; limit++ {
			var got, want []int
			for i := range 40 {
				if strings.Contains(strings.ToLower("Row\n"+strconv.Itoa(i)), text) {
					want = append(want, i)
				}
			}
			turn := Turn{Limit: limit}
			for range 50 {
				rows, err := sift(turn, text, numbered(40), texts)
				if err != nil {
					t.Fatal(err)
				}
				if len(rows.Items) > limit {
					t.Fatalf("page of %d, limit %d", len(rows.Items), limit)
				}
				for _, i := range rows.Items {
					got = append(got, *i)
				}
				if turn.After = rows.Next; rows.Next == "" {
					break
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("text %q, limit %d: %v, want %v", text, limit, got, want)
			}
		}
	}
	if _, err := sift(Turn{After: "nonsense"}, "", numbered(3), texts); err == nil {
		t.Error("a cursor of nobody was taken")
	}
}

func TestTurn_Bounds(t *testing.T) {
	for given, want := range map[int]int{-1: 50, 0: 50, 1: 1, 1000: 1000, 5000: 1000} {
		if got := (Turn{Limit: given}).limit(); got != want {
			t.Errorf("limit %d: %d, want %d", given, got, want)
		}
	}
}

func TestStamp(t *testing.T) {
	if got := stamp(1_785_718_923_456); got != "2026-08-03T01:02:03.456Z" {
		t.Error(got)
	}
	if got := stamp(1_785_718_923_000); got != "2026-08-03T01:02:03.000Z" {
		t.Error("milliseconds are always written: " + got)
	}
}

func TestMoney_OutOfRangeIsSaid(t *testing.T) {
	if m := sumIn(0)(150, "CNY"); m != sum(150, "CNY") {
		t.Errorf("in range: %+v", m)
	}
	if m := sumIn(1)(150, "CNY"); m.Amount != 0 || m.Decimal != "out of range" || m.Currency != "CNY" {
		t.Errorf("out of range: %+v shows a sum", m)
	}
}

func TestCircumstances_HaveBothTitles(t *testing.T) {
	for code, title := range circumstances {
		if title.ZH == "" || title.EN == "" {
			t.Errorf("%s has no title", code)
		}
		c := circumstancesOf([]string{code})[0]
		if (c.Basis == "") != (code == "unstated") {
			t.Errorf("%s: basis %q", code, c.Basis)
		}
	}
}
