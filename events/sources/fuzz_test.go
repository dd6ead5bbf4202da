package sources

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"civicledger/events"
)

// Whatever stands in a file: every row is events that would be accepted, or an
// error; and the same file says the same again.
func FuzzRead(f *testing.F) {
	for i, text := range []string{
		noticeFile(firstNotice, fullNotice),
		donationHeader + "W1,2020-01-28,qr_pos,org,示例有限公司,1.00,CNY\n",
		"row_id,sheet_period,date,donor_kind,donor,item,spec,unit,quantity\nG1,2020-01-24..01-28,截至28日,unstated,,口罩,,,198箱\n",
		"date,official_day_received,official_day_count,official_cum_received,official_cum_usd,official_day_paid_out,official_cum_paid_out\n2020-02-02,1,2,3,4,5,6.789\n",
		"row,date,time,debit_vnd,credit_vnd,balance_vnd\n1,2024-09-10,12:01:29,1,2,3\n",
		"row_id,date,recipient,amount,fain\nE1,1970-01-01,R018920,-12000,77\n",
		"event_id,organisation,authority,date,action,listing,cause\nO1,示例基金会,民政部,2021,罚款5万元,严重违法失信名单,示例\n",
		"fact_id,scope,year,kind,item,amount,unit\nW1,全国,2022,sales,示例,0.0059,亿元\n",
	} {
		f.Add(uint8(i), []byte(text))
	}
	f.Fuzz(func(t *testing.T, kind uint8, text []byte) {
		source := all[int(kind)%len(all)]
		first := spoken(t, source, text)
		if again := spoken(t, source, text); !bytes.Equal(first, again) {
			t.Errorf("%s says something else the second time:\n%s\n%s", source.Kind, first, again)
		}
	})
}

func spoken(t *testing.T, source *Source, text []byte) []byte {
	t.Helper()
	var lines []byte
	for row, err := range source.Read(context.Background(), bytes.NewReader(text), Options{Name: "fuzz.csv"}) {
		var bad *RowError
		if err == nil && len(row.Events) == 0 && !row.Blank || errors.As(err, &bad) && len(row.Events) > 0 {
			t.Errorf("line %d: %d events and error %v: a row is one or the other", row.Line, len(row.Events), err)
		}
		for _, line := range row.Events {
			if _, problems := events.Parse(line); problems != nil {
				t.Errorf("line %d: %v", row.Line, problems)
			}
			lines = append(append(lines, line...), '\n')
		}
	}
	return lines
}
