package sources

import "civicledger/events/catalogue"

// ownFund is the fund that a kind files money under where the options name
// none. It is opened by the import itself, with the same bytes for every file,
// because money of a fund that nobody opened is not counted.
type ownFund struct{ name, title, currency, since string }

// open says fund.opened and makes it the fund of all rows. Where the options
// name a fund it says nothing: whoever holds that fund opens it.
func (f ownFund) open(sp *speaker) (Row, error) {
	if f.name == "" || sp.Fund != "" {
		return Row{}, nil
	}
	sp.Fund = f.name
	d := catalogue.FundOpened{Fund: f.name, Name: f.title, Currency: f.currency, Holder: sp.Organisation}
	d.Note = "named by the import: the file names no fund"
	lines, err := sp.lines([]said{{id: "fund-" + f.name, typ: "fund.opened.v1", date: f.since, subject: f.name, data: d}})
	return Row{Line: 1, Preamble: true, Events: lines}, err
}
