package charity

import (
	"cmp"
	"container/heap"

	"civicledger/events/catalogue"
	"civicledger/projections"
)

// opening is an event that opens a campaign. The first in the order that counts
// says what the campaign is.
type opening struct {
	projections.Ref
	data *catalogue.CampaignOpened
}

func (o opening) compare(other opening) int { return o.Ref.Compare(other.Ref) }

// first is one entry of a campaign.
type first struct {
	index, key uint64
	date, by   int32
}

// firsts finds the first entry of a campaign in the order that counts. It is a
// heap from which entries that count no more are taken once they come up.
type firsts struct {
	list []first
	gone map[uint64]bool
	told *uint64 // where it was reported that nobody opened the campaign
}

func (f *firsts) Len() int { return len(f.list) }
func (f *firsts) Less(i, j int) bool {
	a, b := f.list[i], f.list[j]
	return cmp.Or(cmp.Compare(a.date, b.date), cmp.Compare(a.key, b.key)) < 0
}
func (f *firsts) Swap(i, j int) { f.list[i], f.list[j] = f.list[j], f.list[i] }
func (f *firsts) Push(one any)  { f.list = append(f.list, one.(first)) }
func (f *firsts) Pop() any {
	last := f.list[len(f.list)-1]
	f.list = f.list[:len(f.list)-1]
	return last
}

func (p *Projection) first(c *change, campaign string) {
	f := p.firsts[campaign]
	if f == nil {
		f = &firsts{gone: map[uint64]bool{}}
		p.firsts[campaign] = f
	}
	switch index := c.Entry.Index; {
	case !c.Applies():
		f.gone[index] = true
		if f.told != nil && *f.told == index {
			f.told = nil // withdrawn with the entry
		}
	case f.gone[index]:
		delete(f.gone, index)
	default:
		e := c.Entry
		heap.Push(f, first{e.Index, e.KeyBegin(), projections.DayNumber(e.Date()), p.speakers.Of(e.Speaker())})
	}
}

// settleCampaign says who opened a campaign, or that nobody did, and who else.
func (p *Projection) settleCampaign(b *projections.Batch, key string) {
	row, f := p.campaigns.Edit(key), p.firsts[key]
	if f.told != nil {
		b.Withdraw(*f.told, CodeCampaignUnknown, "")
		f.told = nil
	}
	for len(f.list) > 0 && f.gone[f.list[0].index] {
		delete(f.gone, heap.Pop(f).(first).index)
	}
	if row.Entries == 0 {
		p.campaigns.Delete(key)
		delete(p.firsts, key)
		return
	}
	*row = Campaign{Organisation: row.Organisation, Campaign: row.Campaign, Totals: row.Totals, openings: row.openings}
	for i, o := range row.openings {
		b.Judge(o.Ref, i > 0, projections.Anomaly{
			Code: CodeCampaignTwice, Subjects: []string{row.Organisation, row.Campaign}, Other: &row.openings[0].Index,
			Message: "another event opened the campaign, with an earlier legal date or a smaller event key; that one counts",
		})
		if i > 0 {
			continue
		}
		d, index := o.data, o.Index
		row.Opened, row.Name, row.Filing, row.Public, row.Emergency = &index, d.Name, d.Filing, d.Public, d.Emergency
		row.From, row.To, row.Expected, row.Currency, row.Fund = d.From, d.To, d.Expected, d.Currency, d.Fund
	}
	if len(row.openings) == 0 {
		one := f.list[0]
		f.told = &one.index
		b.Found(projections.Ref{Index: one.index, By: p.speakers.At(one.by)}, projections.Anomaly{
			Code: CodeCampaignUnknown, Subjects: []string{row.Organisation, row.Campaign},
			Message: "the first entry of a campaign that nobody opened so far; it is counted", Waiting: "charity.campaign.opened of " + row.Campaign,
		})
	}
}
